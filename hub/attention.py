"""What only a person can decide: one open line for each matter, with its owner among the staff."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.audit import Audit
from hub.core.clock import Clock, Ids
from hub.core.context import current
from hub.core.db import Database, Tx, named_queries
from hub.core.errors import NotFound

SQL = named_queries("attention")


@dataclass(frozen=True, slots=True)
class Matter:
    """`kind` says what is the matter: `order_unknown`, `hold_lost`, `payment_mismatch`, `capture_mismatch`, `dispute`,
    `refund_failed`, or the kind of a break.
    """

    id: UUID
    kind: str
    booking_id: UUID | None
    payment_id: UUID | None
    detail: dict[str, Any]
    since: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Attention:
    db: Database
    audit: Audit
    clock: Clock
    ids: Ids

    async def ask(
        self, tx: Tx, kind: str, *, booking_id: UUID | None = None, payment_id: UUID | None = None, **detail: Any
    ) -> None:
        """Opens the matter, unless it is open. Asked again while it is open, nothing is written."""
        opened = await tx.fetchval(SQL.open, self.ids.uuid(), kind, booking_id, payment_id, detail, self.clock.now())
        if opened is not None:
            await self.audit.record(tx, "booking.needs_attention", booking_id=booking_id, why=kind)

    async def settled(self, tx: Tx, kind: str, subject: UUID, note: str) -> None:
        """The matter has come right by itself. `subject` is the booking, or the payment where there is none."""
        await tx.execute(SQL.settle, kind, subject, self.clock.now(), "system", note)

    async def resolve(self, matter_id: UUID, note: str) -> Matter:
        """Raises NotFound for one that is not open."""
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.resolve, matter_id, self.clock.now(), current().actor, note)
            if row is None:
                raise NotFound("There is no such open matter.", code="matter_not_found")
            await self.audit.record(tx, "attention.resolved", booking_id=row["booking_id"], kind=row["kind"])
        return Matter(**row)

    async def page(self, *, open_only: bool, page: int, page_size: int) -> tuple[list[Matter], int]:
        """The oldest first; and how many there are."""
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.page, open_only, page_size, (page - 1) * page_size)
            total: int = await tx.fetchval(SQL.count, open_only)
        return [Matter(**row) for row in rows], total
