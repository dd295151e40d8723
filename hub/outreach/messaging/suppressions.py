"""The suppression list: addresses that get no more messages, and why.

bounce     the address does not exist: nothing is sent there
opt_out    the recipient answered STOP: nothing is sent there on that channel until they ask for it again
manual     added by staff: nothing is sent there
complaint  the recipient called a message spam: only messages about the security of the account are sent

A mailbox that is full or a telephone that is switched off is no cause: the next message may arrive.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub.core.clock import Clock
from hub.core.db import Database, Tx, load_queries
from hub.core.errors import Conflict, NotFound
from hub.outreach.messaging.model import Channel, SuppressionCause
from hub.oversight.audit import AuditLog

SQL = load_queries("messaging")

SECURITY_TEMPLATES = frozenset(
    {"already_registered", "new_sign_in", "password_changed", "reset", "verify", "second_factor_changed"}
)
"""Messages about the security of the account: a complaint does not block them."""


@dataclass(frozen=True, slots=True)
class Suppression:
    id: UUID
    channel: Channel
    address: str
    cause: SuppressionCause
    detail: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SuppressionFilter:
    """`address_part` is a part of the address."""

    channel: Channel | None = None
    address_part: str | None = None


@dataclass(frozen=True, slots=True)
class Suppressions:
    db: Database
    audit: AuditLog
    clock: Clock

    async def add_suppression(
        self, tx: Tx, channel: Channel, address: str, cause: SuppressionCause, detail: str | None = None
    ) -> None:
        """Puts an address on the list. A second report of the same cause changes nothing."""
        await tx.execute(SQL.suppress, channel, address, cause, detail, self.clock.now())

    async def find_blocking_cause(
        self, tx: Tx, channel: Channel, address: str, template: str
    ) -> SuppressionCause | None:
        """The cause for which a message must not be sent, or None."""
        causes: list[SuppressionCause] = await tx.fetchval(SQL.suppression_causes, channel, address)
        if template in SECURITY_TEMPLATES:
            causes = [cause for cause in causes if cause != "complaint"]
        return causes[0] if causes else None

    async def list_suppressions(
        self, wanted: SuppressionFilter, *, page: int, page_size: int
    ) -> tuple[list[Suppression], int]:
        """The list, the newest first, and how many there are."""
        async with self.db.transaction() as tx:
            rows = await tx.fetch(
                SQL.list_suppressions, wanted.channel, wanted.address_part, page_size, (page - 1) * page_size
            )
            total = (
                rows[0]["total"]
                if rows
                else await tx.fetchval(SQL.count_suppressions, wanted.channel, wanted.address_part)
            )
        return [
            Suppression(row["id"], row["channel"], row["address"], row["reason"], row["detail"], row["created_at"])
            for row in rows
        ], total

    async def lift_suppression(self, suppression_id: UUID, *, consent: bool = False) -> None:
        """Takes an address off the list. `consent`: its owner has asked for messages again.

        Raises NotFound, and Conflict `opted_out` for an opt-out without that consent.
        """
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.lock_suppression, suppression_id)
            if row is None:
                raise NotFound("There is no such suppression.", code="suppression_not_found")
            if row["reason"] == "opt_out" and not consent:
                message = "The recipient has opted out; lift it only when they have asked for messages again."
                raise Conflict(message, code="opted_out")
            await tx.execute(SQL.lift_suppression, suppression_id)
            await self.audit.record_action(
                tx, "suppression.lifted", channel=row["channel"], cause=row["reason"], consent=consent
            )
