"""Whose token is it: a traveller's, or one of the operator's own people's."""

from dataclasses import dataclass

from hub.core.errors import Unauthenticated
from hub.people.identity.accounts import Accounts
from hub.people.identity.model import Caller
from hub.people.identity.staff import StaffAccounts


@dataclass(frozen=True, slots=True)
class Authenticator:
    accounts: Accounts
    staff: StaffAccounts

    async def authenticate_token(self, token: str) -> Caller:
        """Raises Unauthenticated; what staff may not do is Forbidden."""
        known = self.accounts.get_cached_caller(token)
        if known is not None:
            return known
        if self.staff.recognizes_token(token):
            return await self.staff.authenticate_token(token)
        return await self.accounts.authenticate_token(token)

    async def authenticate_live_token(self, token: str) -> Caller:
        """The caller of a token that came as a cookie, with a session that still stands. Raises Unauthenticated."""
        caller = await self.authenticate_token(token)
        await self.require_live_session(caller, token)
        return caller

    async def require_live_session(self, caller: Caller, token: str) -> None:
        """Whether the session behind the token still stands. Raises Unauthenticated `session_ended`."""
        if caller.kind == "customer":
            await self.accounts.require_live_session(caller, token)
        elif not await self.staff.is_session_live(caller):
            raise Unauthenticated("This session has ended; sign in again.", code="session_ended")
