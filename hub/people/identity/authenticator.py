"""Whose token is it: a traveller's, or one of the operator's own people's."""

from dataclasses import dataclass

from hub.core.errors import Unauthenticated
from hub.people.identity.accounts import Accounts
from hub.people.identity.model import Caller
from hub.people.identity.staff import Staff


@dataclass(frozen=True, slots=True)
class Door:
    accounts: Accounts
    staff: Staff

    async def authenticate(self, token: str) -> Caller:
        """Raises Unauthenticated; what staff may not do is Forbidden."""
        known = self.accounts.recall(token)
        if known is not None:
            return known
        if self.staff.knows(token):
            return await self.staff.by_bearer(token)
        return await self.accounts.authenticate(token)

    async def visitor(self, token: str) -> Caller:
        """The caller of a token that came as a cookie, with a session that still stands. Raises Unauthenticated."""
        caller = await self.authenticate(token)
        await self.surely(caller, token)
        return caller

    async def surely(self, caller: Caller, token: str) -> None:
        """Whether the session behind the token still stands. Raises Unauthenticated `session_ended`."""
        if caller.kind == "customer":
            await self.accounts.surely(caller, token)
        elif not await self.staff.alive(caller):
            raise Unauthenticated("This session has ended; sign in again.", code="session_ended")
