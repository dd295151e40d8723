"""Coming in and going out: what holds for every traveller, whoever keeps their password."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from hub.core.clock import Clock
from hub.core.context import current_context
from hub.core.db import Database, Tx
from hub.core.errors import Conflict, Forbidden, HubError, ProviderError, TooManyRequests, Unauthenticated
from hub.core.jobs import every
from hub.core.notifications import NotificationListener
from hub.oversight.audit import AuditLog
from hub.people.identity.known_devices import KnownDevices
from hub.people.identity.local_provider import REFRESH_REUSE_WINDOW
from hub.people.identity.lockout import Lockout
from hub.people.identity.model import (
    Caller,
    Identity,
    NewAccount,
    ProofOutcome,
    RegistrationResult,
    SessionTokens,
    SignInResult,
    VerifiedToken,
)
from hub.people.identity.one_time_links import SQL, OneTimeLinks
from hub.people.identity.passwords import MIN_PASSWORD_LENGTH, check_password_strength
from hub.people.identity.ports import CaptchaVerifier
from hub.people.identity.provider import IdentityProvider, Proof
from hub.people.identity.registrations import RegistrationAttempt, Registrations
from hub.people.identity.second_factor import SecondFactors
from hub.people.identity.session_cache import SessionCache, SessionState
from hub.people.identity.tokens import TokenCache

RESPONSE_TIME_STEP = 0.2
"""Seconds: answers that must not tell whether an address is known leave on the stroke of this clock."""
UNKNOWN_CUSTOMER_ID = UUID(int=0)
REMOTE_SESSION_LIFETIME = timedelta(days=30)
SESSION_RETENTION = timedelta(days=90)
"""How long the record of a session outlives it."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """`captcha` guards sign-up where it is set. `device` is the secret that a device was given at its last sign-in."""

    db: Database
    provider: IdentityProvider
    one_time_links: OneTimeLinks
    known_devices: KnownDevices
    lockout: Lockout
    second_factors: SecondFactors
    audit: AuditLog
    clock: Clock
    token_cache: TokenCache
    session_cache: SessionCache
    registrations: Registrations
    captcha: CaptchaVerifier | None = None
    min_password_length: int = MIN_PASSWORD_LENGTH

    async def register_account(
        self, new: NewAccount, *, device: str | None, captcha_token: str = ""
    ) -> RegistrationResult:
        """Without a sign-in a letter is on its way, if there is an account to open; the answer is the same if not.

        Raises InvalidRequest for the password or the captcha, Conflict only where addresses are not confirmed first.
        """
        check_password_strength(new.password, email=new.email, min_length=self.min_password_length)
        if self.captcha is not None:
            await self.captcha.verify_captcha(captcha_token, current_context().ip)
        async with self._alike():
            attempt = await self.registrations.prepare_attempt(new)
            if attempt.pending_customer_id is not None and not attempt.repeats_password and not attempt.is_disputed:
                await self._dispute(Identity(attempt.pending_customer_id, new.email))
            proof = await self.provider.sign_up(new)
            async with self.db.transaction() as tx:
                outcome = await self._applied(tx, proof)
                await self._record_attempt(tx, outcome, attempt)
                signed_in = await self._entered(tx, outcome, device)
            return RegistrationResult(attempt.secret, signed_in)

    async def _dispute(self, person: Identity) -> None:
        """Before the next link is sent: a provider that sets a password voids the links that it has sent."""
        await self.provider.discard_password(person)
        async with self.db.transaction() as tx:
            await self.registrations.dispute_registration(tx, person.id)

    async def _record_attempt(self, tx: Tx, outcome: ProofOutcome, attempt: RegistrationAttempt) -> None:
        """The registration, and its letter where the hub writes it. With no letter left for the mailbox the
        registration before stays.
        """
        person = outcome.identity
        if person is None and self.provider.is_remote and attempt.pending_customer_id is not None:
            person = Identity(
                attempt.pending_customer_id, attempt.account.email
            )  # asked too soon for the provider to say who it is
        if person is None or person.verified:
            return
        may_send = self.provider.is_remote or await self.one_time_links.allow_message(tx, "verify", person.email)
        if outcome.tokens is None and (may_send or attempt.pending_customer_id is None):
            await self.registrations.record_attempt(tx, person.id, attempt)
        if may_send and not self.provider.is_remote:
            if not attempt.repeats_password:
                await self.one_time_links.void_links(tx, person.id, "verify")
            await self.one_time_links.send_link(tx, person.id, "verify")

    async def sign_in(self, email: str, password: str, *, code: str | None, device: str | None) -> SignInResult:
        """Raises Unauthenticated `wrong_credentials` or `second_factor_required`, Forbidden `email_not_verified`,
        TooManyRequests after too many failures from devices that the account does not know.
        """
        if not self.provider.is_remote:  # takes as long for everybody: it hashes for nobody, too
            return await self._login(email, password, code, device)
        async with self._alike():
            return await self._login(email, password, code, device)

    async def _login(self, email: str, password: str, code: str | None, device: str | None) -> SignInResult:
        known = await self._attempt(email, device)
        try:
            proof = await self.provider.sign_in(email, password)
        except (Unauthenticated, Forbidden) as error:
            await self._refused(email, error)
            raise
        except (ProviderError, TooManyRequests):
            async with self.db.transaction() as tx:  # nobody has said that the password was wrong
                await self.lockout.withdraw_attempt(tx, email, current_context().ip or "", known)
            raise
        try:
            async with self.db.transaction() as tx:
                second = await self._second_factor(tx, proof, code)
                outcome = await self._applied(tx, proof)
                await self.lockout.clear_attempt(tx, email, current_context().ip or "", known)
                return _certainly(await self._entered(tx, outcome, device, second_factor=second))
        except HubError as error:
            await proof.discard()
            await self._refused(email, error)
            raise

    async def refresh_session(self, refresh_token: str) -> SessionTokens:
        """A new pair for the old one. Raises Unauthenticated; a late second use of a token ends its session."""
        grant = await self.provider.refresh_session(refresh_token)
        if not self.provider.is_remote:
            await self._touch(grant.session_id)
            return grant
        reading = await self.provider.read_token(grant.access_token)
        async with self.db.transaction() as tx:
            if reading.identity is not None:
                await self._keep(tx, reading.identity, let_in=True)
            ended = await self._record_session(tx, reading.caller, reading.session_started_at)
        if ended:
            await self.provider.sign_out(grant.access_token)
            raise Unauthenticated("This session has been ended.", code="session_ended")
        return grant

    async def sign_out(self, caller: Caller, token: str) -> None:
        if caller.session_id is not None:
            async with self.db.transaction() as tx:
                if await tx.fetchval(SQL.end_session, caller.session_id, self.clock.now(), "signed_out"):
                    await self.audit.record_action(tx, "session.ended", customer_id=caller.id, because="signed_out")
            self.session_cache.evict_session(caller.session_id)
        await self.provider.sign_out(token)

    async def verify_email(
        self, token: str, *, device: str | None = None, password: str | None = None, registration: str | None = None
    ) -> SignInResult:
        """Confirms the address, and signs in. `registration` is the secret of the device that registered.

        `password` replaces that of the registration. Raises Gone `token_expired`; InvalidRequest; Conflict
        `password_required` where it is not certain that the owner of the address has chosen the password.
        """
        if password is not None:
            check_password_strength(password, min_length=self.min_password_length)
        proof = await self.provider.verify_email(token, password)
        try:
            async with self.db.transaction() as tx:
                outcome = await self._applied(tx, proof)
                if outcome.identity is not None:
                    await self._confirm(tx, outcome.identity, registration, chosen=password is not None)
                    await self.one_time_links.enqueue_message(tx, outcome.identity.id, "welcome", "first")
                return _certainly(await self._entered(tx, outcome, device))
        except Conflict:
            await proof.discard()
            raise

    async def _confirm(self, tx: Tx, person: Identity, secret: str | None, *, chosen: bool) -> None:
        local = not self.provider.is_remote
        hashed = await self.registrations.confirm_registration(
            tx, person.id, secret, has_new_password=chosen, is_local=local
        )
        if hashed and local and not chosen:
            await tx.execute(SQL.set_credential, person.id, hashed, self.clock.now())

    async def resend_verification(self, email: str, *, registration: str | None = None) -> None:
        """`registration` is the secret of the device that registered. For any other the password becomes disputed."""
        async with self._alike():
            async with self.db.transaction() as tx:
                foreign = await self.registrations.find_foreign_registration(tx, email, registration)
                unsent = foreign is None or await self.one_time_links.was_sent_recently(tx, foreign.id, "verify")
            if foreign is not None and not unsent:
                await self._dispute(foreign)
            await self.provider.resend_verification(email)

    async def request_password_reset(self, email: str) -> None:
        async with self._alike():
            await self.provider.request_password_reset(email)

    async def reset_password(
        self, token: str, password: str, *, device: str | None = None, registration: str | None = None
    ) -> str:
        """Ends every session. What comes back makes this device a known one. Raises Gone, InvalidRequest."""
        check_password_strength(password, min_length=self.min_password_length)
        proof = await self.provider.reset_password(token, password)
        async with self.db.transaction() as tx:
            outcome = await self._applied(tx, proof)
            if outcome.identity is None:
                raise Unauthenticated("The link belongs to nobody.", code="token_expired")
            person, now = outcome.identity, self.clock.now()
            await self.registrations.supersede_registration(tx, person.id, registration)
            ended = await tx.fetch(SQL.end_sessions, person.id, now, "password_reset", None)
            await self.audit.record_action(tx, "password.reset", customer_id=person.id)
            await self.one_time_links.enqueue_message(tx, person.id, "password_changed", now.isoformat())
            await self.lockout.reset_account_failures(tx, person.email)
            _, remembered, _ = await self.known_devices.remember_device(tx, person.id, device)
        for row in ended:
            self.session_cache.evict_session(row["id"])
        return remembered

    async def authenticate_token(self, token: str) -> Caller:
        """Who a token belongs to, while its session stands. Raises Unauthenticated, `session_ended` among them."""
        reading = self.token_cache.get_token(token)
        if reading is None:
            reading = await self.provider.read_token(token)
            if self.provider.is_remote:
                await self._record_reading(reading)
            self.token_cache.put_token(token, reading)
        session = reading.caller.session_id
        if session is not None and not await self.session_cache.is_session_live(session):
            raise _ended()
        return reading.caller

    def get_cached_caller(self, token: str) -> Caller | None:
        """Who a token belongs to, where that and its session are known without the database. The hot path."""
        reading = self.token_cache.get_token(token)
        if reading is None:
            return None
        session = reading.caller.session_id
        return reading.caller if session is None or self.session_cache.get_cached_liveness(session) else None

    async def require_live_session(self, caller: Caller, token: str) -> None:
        """A token outlives sign-out and deletion: for money and the account itself its session is looked at.

        Raises Unauthenticated `session_ended`; Forbidden `second_factor_required` for a session that began without.
        """
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.session, caller.session_id)
            needed = self.provider.is_remote and await self.second_factors.is_required(tx, caller.id)
        stands = row is not None and row["ended_at"] is None and row["expires_at"] > self.clock.now()
        mine = row is None or row["customer_id"] == caller.id
        if not mine or (row is not None and not stands) or not (stands or self.provider.is_remote):
            raise _ended()
        if self.provider.is_remote and not await self.provider.is_session_live(token):
            raise _ended()
        if needed and not (row is not None and row["second_factor"]):
            raise Forbidden("Sign in here with your second factor.", code="second_factor_required")

    @every(3600, "accounts.forget")
    async def delete_expired_records(self) -> None:
        """Links that are too old, and sessions that ended long ago."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            await tx.execute(SQL.forget_tokens, now - timedelta(days=7))
            await tx.execute(SQL.forget_sessions, now - SESSION_RETENTION)
            await tx.execute(SQL.forget_successors, now - REFRESH_REUSE_WINDOW)
            await self.registrations.delete_confirmed(tx)

    async def _attempt(self, email: str, device: str | None) -> UUID | None:
        """Counts the attempt before the password is looked at, so that a hundred at once are a hundred."""
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.customer_by_email, email)
            known = await self.known_devices.find_device(tx, row["id"] if row else UNKNOWN_CUSTOMER_ID, device)
            await self.lockout.count_attempt(tx, email, current_context().ip or "", known)
        return known

    async def _refused(self, email: str, error: HubError) -> None:
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.customer_by_email, email)
            await self.audit.record_action(
                tx, "session.refused", customer_id=row["id"] if row else None, because=error.code
            )

    async def _second_factor(self, tx: Tx, proof: Proof, code: str | None) -> bool:
        person = proof.identity
        if person is None or not await self.second_factors.is_required(tx, person.id):
            return False
        if not code:
            raise Unauthenticated("Send the code of your second factor too.", code="second_factor_required")
        await self.second_factors.check_code(tx, person.id, code)
        return True

    async def _applied(self, tx: Tx, proof: Proof) -> ProofOutcome:
        """The customer of a remote account is written down before anything refers to it."""
        outcome = await proof.apply(tx)
        if self.provider.is_remote and outcome.identity is not None:
            await self._keep(tx, outcome.identity, let_in=outcome.tokens is not None)
            if outcome.tokens is not None:
                grant = outcome.tokens
                await self._record_session(tx, Caller(grant.customer_id, grant.session_id), self.clock.now())
        return outcome

    async def _record_reading(self, reading: VerifiedToken) -> None:
        """The customer and the session of a remote account, which may have begun without the hub."""
        async with self.db.transaction() as tx:
            if reading.identity is not None:
                await self._keep(tx, reading.identity, let_in=True)
            await self._record_session(tx, reading.caller, reading.session_started_at)

    async def _entered(
        self, tx: Tx, outcome: ProofOutcome, device: str | None, *, second_factor: bool = False
    ) -> SignInResult | None:
        if outcome.identity is None or outcome.tokens is None:
            return None
        person, session = outcome.identity.id, outcome.tokens.session_id
        had = await self.known_devices.count_devices(tx, person)
        known, remembered, is_new = await self.known_devices.remember_device(tx, person, device)
        await tx.execute(SQL.mark_session, session, known, second_factor)
        await self.audit.record_action(tx, "session.started", customer_id=person, new_device=is_new)
        if is_new and had:
            await self.one_time_links.enqueue_message(tx, person, "new_sign_in", str(session), session_id=session)
        return SignInResult(outcome.tokens, remembered)

    async def _keep(self, tx: Tx, person: Identity, *, let_in: bool = False) -> None:
        """A customer of a remote account. Who is let in with an address, or has confirmed it, has it; until then it
        stays with whom it was.
        """
        if person.verified or let_in:
            await tx.execute(SQL.free_address, person.id, person.email, self.clock.now())
        await tx.execute(
            SQL.keep_customer, person.id, person.email, person.name, person.phone, self.clock.now(), person.verified
        )

    async def _touch(self, session_id: UUID) -> None:
        context = current_context()
        async with self.db.connection() as tx:
            await tx.execute(SQL.touch_session, session_id, self.clock.now(), context.ip, context.user_agent)

    async def _record_session(self, tx: Tx, caller: Caller, began_at: datetime | None) -> bool:
        """Whether the session, which may have begun elsewhere, has been ended here."""
        if caller.session_id is None:
            return False
        now, context = self.clock.now(), current_context()
        facts = (
            caller.session_id,
            caller.id,
            now,
            now + REMOTE_SESSION_LIFETIME,
            context.ip,
            context.user_agent,
            began_at or now,
        )
        return bool(await tx.fetchval(SQL.see_session, *facts))

    @asynccontextmanager
    async def _alike(self) -> AsyncIterator[None]:
        """Whatever happens inside, and however it ends, it takes whole strokes of the clock."""
        started = self.clock.monotonic()
        try:
            yield
        finally:
            await self.clock.sleep(RESPONSE_TIME_STEP - (self.clock.monotonic() - started) % RESPONSE_TIME_STEP)


def build_session_cache(
    db: Database, provider: IdentityProvider, notices: NotificationListener, clock: Clock
) -> SessionCache:
    """Sessions of travelers. One that a remote provider has begun and the hub has no row of is not ended here."""

    async def read(session_id: UUID) -> SessionState:
        async with db.connection() as tx:
            row = await tx.fetchrow(SQL.session, session_id)
        if row is None:
            return SessionState(has_ended=not provider.is_remote)
        return SessionState(row["ended_at"] is not None, None if provider.is_remote else row["expires_at"])

    return SessionCache(read, notices, clock)


def _certainly(found: SignInResult | None) -> SignInResult:
    if found is None:
        raise Unauthenticated("The identity provider opened no session.", code="wrong_credentials")
    return found


def _ended() -> Unauthenticated:
    return Unauthenticated("This session has ended; sign in again.", code="session_ended")
