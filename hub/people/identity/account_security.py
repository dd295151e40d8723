"""What travellers do about the safety of their own account: sessions, password, second factor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock
from hub.core.context import current_context
from hub.core.db import Database, Tx
from hub.core.errors import FieldError, Forbidden, NotFound, ProviderError, TooManyRequests
from hub.oversight.audit import AuditLog
from hub.people.identity.lockout import Lockout
from hub.people.identity.model import Caller, Session
from hub.people.identity.one_time_links import SQL, OneTimeLinks
from hub.people.identity.passwords import MIN_PASSWORD_LENGTH, check_password_strength
from hub.people.identity.provider import IdentityProvider
from hub.people.identity.second_factor import Enrollment, SecondFactors, SecondFactorStatus
from hub.people.identity.session_cache import SessionCache


@dataclass(frozen=True, slots=True)
class AccountSecurity:
    db: Database
    provider: IdentityProvider
    one_time_links: OneTimeLinks
    lockout: Lockout
    second_factors: SecondFactors
    audit: AuditLog
    clock: Clock
    session_cache: SessionCache
    min_password_length: int = MIN_PASSWORD_LENGTH

    async def list_sessions(self, caller: Caller) -> list[Session]:
        """Those that stand, the one last seen first."""
        async with self.db.transaction(caller.id) as tx:
            rows = await tx.fetch(SQL.sessions, self.clock.now())
        return [Session(**row, current=row["id"] == caller.session_id) for row in rows]

    async def end_session(self, caller: Caller, token: str, session_id: UUID) -> None:
        """Raises NotFound for a session that is not the caller's, or has ended."""
        async with self.db.transaction() as tx:
            if not await tx.fetchval(SQL.end_own_session, session_id, caller.id, self.clock.now(), "ended_by_owner"):
                raise NotFound("There is no such session.", code="session_not_found")
            await self.audit.record_action(tx, "session.ended", customer_id=caller.id, because="ended_by_owner")
        self.session_cache.evict_session(session_id)
        if session_id == caller.session_id:
            await self.provider.sign_out(token)

    async def end_all_sessions(self, caller: Caller, token: str) -> int:
        """Every session, this one too. How many there were."""
        async with self.db.transaction() as tx:
            ended = await tx.fetch(SQL.end_sessions, caller.id, self.clock.now(), "ended_by_owner", None)
            await self.audit.record_action(tx, "session.all_ended", customer_id=caller.id, count=len(ended))
        self._forget(ended)
        await self.provider.sign_out(token, everywhere=True)
        return len(ended)

    async def change_password(self, caller: Caller, token: str, password: str, new_password: str) -> None:
        """Ends all other sessions. Raises Forbidden `wrong_password`, InvalidRequest for the new one."""
        check_password_strength(new_password, min_length=self.min_password_length, pointer="/new_password")
        await self.confirm_password(caller, password)
        proof = await self.provider.change_password(caller, token, new_password)
        async with self.db.transaction() as tx:
            await proof.apply(tx)
            now = self.clock.now()
            ended = await tx.fetch(SQL.end_sessions, caller.id, now, "password_changed", caller.session_id)
            await self.audit.record_action(tx, "password.changed", customer_id=caller.id)
            await self.one_time_links.enqueue_message(
                tx, caller.id, "password_changed", now.isoformat(), session_id=caller.session_id
            )
        self._forget(ended)

    async def confirm_password(self, caller: Caller, password: str) -> None:
        """Asked again before what cannot be taken back. Raises Forbidden `wrong_password`, TooManyRequests."""
        address, ip = await self._email(caller), current_context().ip or ""
        async with self.db.transaction() as tx:
            device: UUID | None = await tx.fetchval(SQL.device_of_session, caller.session_id)
            await self.lockout.count_attempt(tx, address, ip, device)
        try:
            right = await self.provider.verify_password(caller, address, password)
        except (ProviderError, TooManyRequests):
            async with self.db.transaction() as tx:  # nobody has said that it was wrong
                await self.lockout.withdraw_attempt(tx, address, ip, device)
            raise
        async with self.db.transaction() as tx:
            if right:
                await self.lockout.clear_attempt(tx, address, ip, device)
                return
            await self.audit.record_action(tx, "password.refused", customer_id=caller.id)
        raise Forbidden(
            "The password is wrong.",
            code="wrong_password",
            errors=(FieldError("/password", "wrong_password", "is wrong"),),
        )

    async def get_second_factor_status(self, caller: Caller) -> SecondFactorStatus:
        async with self.db.transaction() as tx:
            return await self.second_factors.get_status(tx, caller.id)

    async def begin_second_factor(self, caller: Caller, password: str) -> Enrollment:
        """Not on until a first code has been seen. Raises Conflict `second_factor_on`."""
        await self.confirm_password(caller, password)
        address = await self._email(caller)
        async with self.db.transaction() as tx:
            return await self.second_factors.begin_enrollment(tx, caller.id, address)

    async def confirm_second_factor(self, caller: Caller, code: str) -> list[str]:
        """Turns it on. What comes back are the recovery codes, shown this once."""
        async with self.db.transaction() as tx:
            codes = await self.second_factors.confirm_enrollment(tx, caller.id, code)
            await self._passed(tx, caller)
            return codes

    async def renew_recovery_codes(self, caller: Caller, password: str, code: str) -> list[str]:
        await self.confirm_password(caller, password)
        async with self._trying_codes(caller) as tx:
            return await self.second_factors.renew_recovery_codes(tx, caller.id, code)

    async def turn_off_second_factor(self, caller: Caller, password: str, code: str) -> None:
        await self.confirm_password(caller, password)
        async with self._trying_codes(caller) as tx:
            await self.second_factors.turn_off_factor(tx, caller.id, code)

    @asynccontextmanager
    async def _trying_codes(self, caller: Caller) -> AsyncIterator[Tx]:
        """Codes are short: who has the password already is counted for them apart."""
        guarded = (f"second_factor:{caller.id}", current_context().ip or "", None)
        async with self.db.transaction() as tx:
            await self.lockout.count_attempt(tx, *guarded)
        try:
            async with self.db.transaction() as tx:
                yield tx
                await self.lockout.clear_attempt(tx, *guarded)
        except Forbidden as error:
            async with self.db.transaction() as tx:
                await self.audit.record_action(tx, "second_factor.refused", customer_id=caller.id, because=error.code)
            raise

    async def _passed(self, tx: Tx, caller: Caller) -> None:
        """This session has shown the second factor by turning it on."""
        if caller.session_id is not None:
            await tx.execute(SQL.mark_session, caller.session_id, None, True)

    def _forget(self, ended: list[Record]) -> None:
        for row in ended:
            self.session_cache.evict_session(row["id"])

    async def _email(self, caller: Caller) -> str:
        async with self.db.connection() as tx:
            row = await tx.fetchrow(SQL.customer, caller.id)
        if row is None:
            raise NotFound("This account does not exist any more.", code="customer_not_found")
        return str(row["email"])
