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
from hub.core.context import current_context
from hub.core.db import Database, Tx
from hub.core.errors import Conflict, Forbidden, Unauthenticated
from hub.core.sealing import SecretBox, UnsealError
from hub.oversight.audit import AuditLog
from hub.people.identity.lockout import Lockout
from hub.people.identity.permissions import Role
from hub.people.identity.second_factor import Enrollment, SecondFactors, SecondFactorStatus
from hub.people.identity.staff_members import LOCAL_ISSUER, SQL, StaffMember

TICKET_LIFETIME = timedelta(minutes=10)
_TICKET = "staff_ticket"


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """The password was right. `needs_setup`: the factor has to be set up first."""

    ticket: str = field(repr=False)
    needs_setup: bool


@dataclass(frozen=True, slots=True)
class StaffSecondFactors:
    """`required_roles` are the roles that may not come in without one."""

    db: Database
    secret_box: SecretBox
    audit: AuditLog
    clock: Clock
    lockout: Lockout
    second_factors: SecondFactors
    required_roles: frozenset[Role] = frozenset()

    def is_required(self, member: StaffMember) -> bool:
        return member.issuer == LOCAL_ISSUER and not self.required_roles.isdisjoint(member.roles)

    async def get_status(self, staff_id: UUID) -> SecondFactorStatus:
        async with self.db.transaction() as tx:
            return await self.second_factors.get_status(tx, staff_id)

    async def check_code(self, member: StaffMember, code: str | None) -> bool:
        """After the password. Whether a factor was shown: without one, only who needs none comes in.

        Raises Unauthenticated `second_factor_required`, `wrong_code`; Forbidden `second_factor_setup_required`;
        TooManyRequests.
        """
        if not (await self.get_status(member.id)).on:
            if self.is_required(member):
                raise Forbidden(
                    "Your role needs a second factor. Set it up in a browser at /auth/login, or by the API.",
                    code="second_factor_setup_required",
                )
            return False
        if not code:
            raise Unauthenticated("Send the code of your second factor too.", code="second_factor_required")
        async with self._code_attempt(member) as tx:
            await self.second_factors.check_code(tx, member.id, code)
        return True

    async def get_or_begin_enrollment(self, member: StaffMember) -> Enrollment:
        """What goes into an authenticator; the same until it is confirmed. Raises Conflict `second_factor_on`."""
        async with self.db.transaction() as tx:
            return await self.second_factors.get_or_begin_enrollment(tx, member.id, member.email)

    async def confirm_enrollment(self, member: StaffMember, code: str) -> list[str]:
        """Turns it on; the recovery codes. Raises Forbidden `wrong_code`, Conflict, TooManyRequests."""
        async with self._code_attempt(member) as tx:
            return await self.second_factors.confirm_enrollment(tx, member.id, code)

    async def renew_recovery_codes(self, member: StaffMember, code: str) -> list[str]:
        """New recovery codes; the old ones are void.

        Raises Conflict `second_factor_off`, Forbidden `wrong_code`, TooManyRequests.
        """
        await self._require_on(member)
        async with self._code_attempt(member) as tx:
            return await self.second_factors.renew_recovery_codes(tx, member.id, code)

    async def turn_off_factor(self, member: StaffMember, code: str) -> None:
        """Raises Conflict `second_factor_required` for a role that needs it, `second_factor_off`; Forbidden
        `wrong_code`; TooManyRequests.
        """
        if self.is_required(member):
            raise Conflict("Your role needs a second factor.", code="second_factor_required")
        await self._require_on(member)
        async with self._code_attempt(member) as tx:
            await self.second_factors.turn_off_factor(tx, member.id, code)

    async def _require_on(self, member: StaffMember) -> None:
        if not (await self.get_status(member.id)).on:
            raise Conflict("There is no second factor.", code="second_factor_off")

    @asynccontextmanager
    async def _code_attempt(self, member: StaffMember) -> AsyncIterator[Tx]:
        """Counts the attempt before the code is looked at; a right code clears the count. Raises TooManyRequests."""
        guarded = (f"second_factor:staff:{member.id}", current_context().ip or "", None)
        async with self.db.transaction() as tx:
            await self.lockout.count_attempt(tx, *guarded)
        async with self.db.transaction() as tx:
            yield tx
            await self.lockout.clear_attempt(tx, *guarded)

    def issue_ticket(self, row: Record) -> str:
        """For the second step. `row` is that of a member whose password was right."""
        until = (self.clock.now() + TICKET_LIFETIME).timestamp()
        facts = {"id": str(row["id"]), "mark": self._mark(row), "until": until}
        return base64.urlsafe_b64encode(self.secret_box.seal_text(_TICKET, json.dumps(facts))).decode()

    async def find_ticket_member(self, ticket: str) -> StaffMember:
        """Raises Unauthenticated `login_expired`."""
        try:
            facts: dict[str, Any] = json.loads(
                self.secret_box.unseal_text(_TICKET, base64.urlsafe_b64decode(ticket.encode()))
            )
            staff_id, until = UUID(facts["id"]), datetime.fromtimestamp(facts["until"], UTC)
        except (UnsealError, ValueError, TypeError, KeyError):
            raise _expired() from None
        async with self.db.connection() as tx:
            row = await tx.fetchrow(SQL.find, staff_id)
        if row is None or until <= self.clock.now() or row["disabled_at"] is not None:
            raise _expired()
        if not hmac.compare_digest(str(facts["mark"]), self._mark(row)):
            raise _expired()
        return StaffMember.from_row(row)

    def _mark(self, row: Record) -> str:
        return self.secret_box.compute_keyed_hash(_TICKET, str(row["password_hash"])).hex()


def _expired() -> Unauthenticated:
    return Unauthenticated("This sign-in was begun too long ago. Begin again.", code="login_expired")
