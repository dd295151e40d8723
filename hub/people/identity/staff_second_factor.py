"""The second factor of staff with a password here: asked for after the password, required of some roles.

Between the two steps a browser carries a sealed ticket. It says whose password was right, is good for ten minutes and
until that password is changed, and opens nothing but the second step.
"""

import base64
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock
from hub.core.context import current
from hub.core.db import Database, Tx
from hub.core.errors import Conflict, Forbidden, Unauthenticated
from hub.core.sealing import Broken, Vault
from hub.oversight.audit import Audit
from hub.people.identity.lockout import Lockout
from hub.people.identity.permissions import Role
from hub.people.identity.second_factor import Enrollment, SecondFactor, Status
from hub.people.identity.staff_members import LOCAL, SQL, StaffMember

TICKET_LIFE = timedelta(minutes=10)
_TICKET = "staff_ticket"


@dataclass(frozen=True, slots=True)
class SecondStep:
    """The password was right. `setup`: the factor has to be set up first."""

    ticket: str = field(repr=False)
    setup: bool


@dataclass(frozen=True, slots=True)
class StaffFactor:
    """`required_of` are the roles that may not come in without one."""

    db: Database
    vault: Vault
    audit: Audit
    clock: Clock
    lockout: Lockout
    factors: SecondFactor
    required_of: frozenset[Role] = frozenset()

    def is_required(self, member: StaffMember) -> bool:
        return member.issuer == LOCAL and not self.required_of.isdisjoint(member.roles)

    async def status(self, staff_id: UUID) -> Status:
        async with self.db.transaction() as tx:
            return await self.factors.status(tx, staff_id)

    async def check(self, member: StaffMember, code: str | None) -> bool:
        """After the password. Whether a factor was shown: without one, only who needs none comes in.

        Raises Unauthenticated `second_factor_required`, `wrong_code`; Forbidden `second_factor_setup_required`;
        TooManyRequests.
        """
        if not (await self.status(member.id)).on:
            if self.is_required(member):
                raise Forbidden(
                    "Your role needs a second factor. Set it up in a browser at /auth/login, or by the API.",
                    code="second_factor_setup_required",
                )
            return False
        if not code:
            raise Unauthenticated("Send the code of your second factor too.", code="second_factor_required")
        async with self._code_attempt(member) as tx:
            await self.factors.check(tx, member.id, code)
        return True

    async def enrollment(self, member: StaffMember) -> Enrollment:
        """What goes into an authenticator; the same until it is confirmed. Raises Conflict `second_factor_on`."""
        async with self.db.transaction() as tx:
            return await self.factors.pending_or_new(tx, member.id, member.email)

    async def confirm(self, member: StaffMember, code: str) -> list[str]:
        """Turns it on; the recovery codes. Raises Forbidden `wrong_code`, Conflict, TooManyRequests."""
        async with self._code_attempt(member) as tx:
            return await self.factors.confirm(tx, member.id, code)

    async def renew_codes(self, member: StaffMember, code: str) -> list[str]:
        """New recovery codes; the old ones are void.

        Raises Conflict `second_factor_off`, Forbidden `wrong_code`, TooManyRequests.
        """
        await self._require_on(member)
        async with self._code_attempt(member) as tx:
            return await self.factors.renew_codes(tx, member.id, code)

    async def turn_off(self, member: StaffMember, code: str) -> None:
        """Raises Conflict `second_factor_required` for a role that needs it, `second_factor_off`; Forbidden
        `wrong_code`; TooManyRequests.
        """
        if self.is_required(member):
            raise Conflict("Your role needs a second factor.", code="second_factor_required")
        await self._require_on(member)
        async with self._code_attempt(member) as tx:
            await self.factors.turn_off(tx, member.id, code)

    async def _require_on(self, member: StaffMember) -> None:
        if not (await self.status(member.id)).on:
            raise Conflict("There is no second factor.", code="second_factor_off")

    @asynccontextmanager
    async def _code_attempt(self, member: StaffMember) -> AsyncIterator[Tx]:
        """Counts the attempt before the code is looked at; a right code clears the count. Raises TooManyRequests."""
        guarded = (f"second_factor:staff:{member.id}", current().ip or "", None)
        async with self.db.transaction() as tx:
            await self.lockout.attempt(tx, *guarded)
        async with self.db.transaction() as tx:
            yield tx
            await self.lockout.cleared(tx, *guarded)

    def ticket(self, row: Record) -> str:
        """For the second step. `row` is that of a member whose password was right."""
        until = (self.clock.now() + TICKET_LIFE).timestamp()
        facts = {"id": str(row["id"]), "mark": self._mark(row), "until": until}
        return base64.urlsafe_b64encode(self.vault.seal(_TICKET, json.dumps(facts))).decode()

    async def member_of(self, ticket: str) -> StaffMember:
        """Raises Unauthenticated `login_expired`."""
        try:
            facts: dict[str, Any] = json.loads(self.vault.open(_TICKET, base64.urlsafe_b64decode(ticket.encode())))
            staff_id, until = UUID(facts["id"]), datetime.fromtimestamp(facts["until"], UTC)
        except (Broken, ValueError, TypeError, KeyError):
            raise _expired() from None
        async with self.db.connection() as tx:
            row = await tx.fetchrow(SQL.find, staff_id)
        if row is None or until <= self.clock.now() or row["disabled_at"] is not None:
            raise _expired()
        if not hmac.compare_digest(str(facts["mark"]), self._mark(row)):
            raise _expired()
        return StaffMember.of(row)

    def _mark(self, row: Record) -> str:
        return self.vault.mark(_TICKET, str(row["password_hash"])).hex()


def _expired() -> Unauthenticated:
    return Unauthenticated("This sign-in was begun too long ago. Begin again.", code="login_expired")
