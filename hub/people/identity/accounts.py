"""Coming in and going out: what holds for every traveller, whoever keeps their password."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from hub.core.clock import Clock
from hub.core.context import current
from hub.core.db import Database, Tx
from hub.core.errors import Conflict, Forbidden, HubError, ProviderError, TooManyRequests, Unauthenticated
from hub.core.jobs import every
from hub.core.notifications import Notices
from hub.oversight.audit import Audit
from hub.people.identity.known_devices import Devices
from hub.people.identity.local_provider import REUSE_WINDOW
from hub.people.identity.lockout import Lockout
from hub.people.identity.model import Caller, Grant, Identity, NewAccount, Outcome, Reading, Registered, SignedIn
from hub.people.identity.one_time_links import SQL, OneTime
from hub.people.identity.passwords import SHORTEST, check_strength
from hub.people.identity.provider import IdentityProvider, Proof
from hub.people.identity.registrations import Attempt, Registrations
from hub.people.identity.second_factor import SecondFactor
from hub.people.identity.session_cache import SessionCache, SessionState
from hub.people.identity.tokens import Checked

STROKE = 0.2
"""Seconds: answers that must not tell whether an address is known leave on the stroke of this clock."""
NOBODY = UUID(int=0)
SEEN_LIFE = timedelta(days=30)
KEPT = timedelta(days=90)
"""How long the record of a session outlives it."""


class HumanCheck(Protocol):
    """A captcha."""

    async def check(self, token: str, ip: str | None) -> None:
        """Raises Invalid for a token that is no proof, ProviderError when nobody can tell."""
        ...


@dataclass(frozen=True, slots=True)
class Accounts:
    """`human` guards sign-up where it is set. `device` is the secret that a device was given at its last sign-in."""

    db: Database
    provider: IdentityProvider
    one_time: OneTime
    devices: Devices
    lockout: Lockout
    factors: SecondFactor
    audit: Audit
    clock: Clock
    checked: Checked
    sessions: SessionCache
    registrations: Registrations
    human: HumanCheck | None = None
    shortest_password: int = SHORTEST

    async def register(self, new: NewAccount, *, device: str | None, captcha: str = "") -> Registered:
        """Without a sign-in a letter is on its way, if there is an account to open; the answer is the same if not.

        Raises Invalid for the password or the captcha, Conflict only where addresses are not confirmed first.
        """
        check_strength(new.password, email=new.email, shortest=self.shortest_password)
        if self.human is not None:
            await self.human.check(captcha, current().ip)
        async with self._alike():
            attempt = await self.registrations.prepare(new)
            if attempt.pending is not None and not attempt.repeats and not attempt.disputed:
                await self._dispute(Identity(attempt.pending, new.email))
            proof = await self.provider.sign_up(new)
            async with self.db.transaction() as tx:
                outcome = await self._applied(tx, proof)
                await self._record_attempt(tx, outcome, attempt)
                signed_in = await self._entered(tx, outcome, device)
            return Registered(attempt.secret, signed_in)

    async def _dispute(self, person: Identity) -> None:
        """Before the next link is sent: a provider that sets a password voids the links that it has sent."""
        await self.provider.discard_password(person)
        async with self.db.transaction() as tx:
            await self.registrations.dispute(tx, person.id)

    async def _record_attempt(self, tx: Tx, outcome: Outcome, attempt: Attempt) -> None:
        """The registration, and its letter where the hub writes it. With no letter left for the mailbox the
        registration before stays.
        """
        person = outcome.identity
        if person is None and self.provider.remote and attempt.pending is not None:
            person = Identity(
                attempt.pending, attempt.account.email
            )  # asked too soon for the provider to say who it is
        if person is None or person.verified:
            return
        may_send = self.provider.remote or await self.one_time.may_send(tx, "verify", person.email)
        if outcome.grant is None and (may_send or attempt.pending is None):
            await self.registrations.record(tx, person.id, attempt)
        if may_send and not self.provider.remote:
            if not attempt.repeats:
                await self.one_time.void(tx, person.id, "verify")
            await self.one_time.send(tx, person.id, "verify")

    async def login(self, email: str, password: str, *, code: str | None, device: str | None) -> SignedIn:
        """Raises Unauthenticated `wrong_credentials` or `second_factor_required`, Forbidden `email_not_verified`,
        TooManyRequests after too many failures from devices that the account does not know.
        """
        if not self.provider.remote:  # takes as long for everybody: it hashes for nobody, too
            return await self._login(email, password, code, device)
        async with self._alike():
            return await self._login(email, password, code, device)

    async def _login(self, email: str, password: str, code: str | None, device: str | None) -> SignedIn:
        known = await self._attempt(email, device)
        try:
            proof = await self.provider.sign_in(email, password)
        except (Unauthenticated, Forbidden) as error:
            await self._refused(email, error)
            raise
        except (ProviderError, TooManyRequests):
            async with self.db.transaction() as tx:  # nobody has said that the password was wrong
                await self.lockout.withdrawn(tx, email, current().ip or "", known)
            raise
        try:
            async with self.db.transaction() as tx:
                second = await self._second_factor(tx, proof, code)
                outcome = await self._applied(tx, proof)
                await self.lockout.cleared(tx, email, current().ip or "", known)
                return _certainly(await self._entered(tx, outcome, device, second_factor=second))
        except HubError as error:
            await proof.discard()
            await self._refused(email, error)
            raise

    async def refresh(self, refresh_token: str) -> Grant:
        """A new pair for the old one. Raises Unauthenticated; a late second use of a token ends its session."""
        grant = await self.provider.refresh(refresh_token)
        if not self.provider.remote:
            await self._touch(grant.session_id)
            return grant
        reading = await self.provider.read(grant.token)
        async with self.db.transaction() as tx:
            if reading.identity is not None:
                await self._keep(tx, reading.identity, let_in=True)
            ended = await self._record_session(tx, reading.caller, reading.began_at)
        if ended:
            await self.provider.sign_out(grant.token)
            raise Unauthenticated("This session has been ended.", code="session_ended")
        return grant

    async def logout(self, caller: Caller, token: str) -> None:
        if caller.session_id is not None:
            async with self.db.transaction() as tx:
                if await tx.fetchval(SQL.end_session, caller.session_id, self.clock.now(), "signed_out"):
                    await self.audit.record(tx, "session.ended", customer_id=caller.id, because="signed_out")
            self.sessions.forget(caller.session_id)
        await self.provider.sign_out(token)

    async def verify_email(
        self, token: str, *, device: str | None = None, password: str | None = None, registration: str | None = None
    ) -> SignedIn:
        """Confirms the address, and signs in. `registration` is the secret of the device that registered.

        `password` replaces that of the registration. Raises Gone `token_expired`; Invalid; Conflict
        `password_required` where it is not certain that the owner of the address has chosen the password.
        """
        if password is not None:
            check_strength(password, shortest=self.shortest_password)
        proof = await self.provider.verify_email(token, password)
        try:
            async with self.db.transaction() as tx:
                outcome = await self._applied(tx, proof)
                if outcome.identity is not None:
                    await self._confirm(tx, outcome.identity, registration, chosen=password is not None)
                    await self.one_time.letter(tx, outcome.identity.id, "welcome", "first")
                return _certainly(await self._entered(tx, outcome, device))
        except Conflict:
            await proof.discard()
            raise

    async def _confirm(self, tx: Tx, person: Identity, secret: str | None, *, chosen: bool) -> None:
        local = not self.provider.remote
        hashed = await self.registrations.confirm(tx, person.id, secret, chosen=chosen, kept_here=local)
        if hashed and local and not chosen:
            await tx.execute(SQL.set_credential, person.id, hashed, self.clock.now())

    async def resend_verification(self, email: str, *, registration: str | None = None) -> None:
        """`registration` is the secret of the device that registered. For any other the password becomes disputed."""
        async with self._alike():
            async with self.db.transaction() as tx:
                foreign = await self.registrations.find_foreign(tx, email, registration)
                unsent = foreign is None or await self.one_time.sent_lately(tx, foreign.id, "verify")
            if foreign is not None and not unsent:
                await self._dispute(foreign)
            await self.provider.resend_verification(email)

    async def forgot_password(self, email: str) -> None:
        async with self._alike():
            await self.provider.forgot_password(email)

    async def reset_password(
        self, token: str, password: str, *, device: str | None = None, registration: str | None = None
    ) -> str:
        """Ends every session. What comes back makes this device a known one. Raises Gone, Invalid."""
        check_strength(password, shortest=self.shortest_password)
        proof = await self.provider.reset_password(token, password)
        async with self.db.transaction() as tx:
            outcome = await self._applied(tx, proof)
            if outcome.identity is None:
                raise Unauthenticated("The link belongs to nobody.", code="token_expired")
            person, now = outcome.identity, self.clock.now()
            await self.registrations.replace(tx, person.id, registration)
            ended = await tx.fetch(SQL.end_sessions, person.id, now, "password_reset", None)
            await self.audit.record(tx, "password.reset", customer_id=person.id)
            await self.one_time.letter(tx, person.id, "password_changed", now.isoformat())
            await self.lockout.forgiven(tx, person.email)
            _, remembered, _ = await self.devices.remember(tx, person.id, device)
        for row in ended:
            self.sessions.forget(row["id"])
        return remembered

    async def authenticate(self, token: str) -> Caller:
        """Who a token belongs to, while its session stands. Raises Unauthenticated, `session_ended` among them."""
        reading = self.checked.get(token)
        if reading is None:
            reading = await self.provider.read(token)
            if self.provider.remote:
                await self._record_reading(reading)
            self.checked.keep(token, reading)
        session = reading.caller.session_id
        if session is not None and not await self.sessions.stands(session):
            raise _ended()
        return reading.caller

    def recall(self, token: str) -> Caller | None:
        """Who a token belongs to, where that and its session are known without the database. The hot path."""
        reading = self.checked.get(token)
        if reading is None:
            return None
        session = reading.caller.session_id
        return reading.caller if session is None or self.sessions.recall(session) else None

    async def surely(self, caller: Caller, token: str) -> None:
        """A token outlives sign-out and deletion: for money and the account itself its session is looked at.

        Raises Unauthenticated `session_ended`; Forbidden `second_factor_required` for a session that began without.
        """
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.session, caller.session_id)
            needed = self.provider.remote and await self.factors.required(tx, caller.id)
        stands = row is not None and row["ended_at"] is None and row["expires_at"] > self.clock.now()
        mine = row is None or row["customer_id"] == caller.id
        if not mine or (row is not None and not stands) or not (stands or self.provider.remote):
            raise _ended()
        if self.provider.remote and not await self.provider.alive(token):
            raise _ended()
        if needed and not (row is not None and row["second_factor"]):
            raise Forbidden("Sign in here with your second factor.", code="second_factor_required")

    @every(3600, "accounts.forget")
    async def forget(self) -> None:
        """Links that are too old, and sessions that ended long ago."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            await tx.execute(SQL.forget_tokens, now - timedelta(days=7))
            await tx.execute(SQL.forget_sessions, now - KEPT)
            await tx.execute(SQL.forget_successors, now - REUSE_WINDOW)
            await self.registrations.forget(tx)

    async def _attempt(self, email: str, device: str | None) -> UUID | None:
        """Counts the attempt before the password is looked at, so that a hundred at once are a hundred."""
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.customer_by_email, email)
            known = await self.devices.known(tx, row["id"] if row else NOBODY, device)
            await self.lockout.attempt(tx, email, current().ip or "", known)
        return known

    async def _refused(self, email: str, error: HubError) -> None:
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.customer_by_email, email)
            await self.audit.record(tx, "session.refused", customer_id=row["id"] if row else None, because=error.code)

    async def _second_factor(self, tx: Tx, proof: Proof, code: str | None) -> bool:
        person = proof.identity
        if person is None or not await self.factors.required(tx, person.id):
            return False
        if not code:
            raise Unauthenticated("Send the code of your second factor too.", code="second_factor_required")
        await self.factors.check(tx, person.id, code)
        return True

    async def _applied(self, tx: Tx, proof: Proof) -> Outcome:
        """The customer of a remote account is written down before anything refers to it."""
        outcome = await proof.apply(tx)
        if self.provider.remote and outcome.identity is not None:
            await self._keep(tx, outcome.identity, let_in=outcome.grant is not None)
            if outcome.grant is not None:
                grant = outcome.grant
                await self._record_session(tx, Caller(grant.customer_id, grant.session_id), self.clock.now())
        return outcome

    async def _record_reading(self, reading: Reading) -> None:
        """The customer and the session of a remote account, which may have begun without the hub."""
        async with self.db.transaction() as tx:
            if reading.identity is not None:
                await self._keep(tx, reading.identity, let_in=True)
            await self._record_session(tx, reading.caller, reading.began_at)

    async def _entered(
        self, tx: Tx, outcome: Outcome, device: str | None, *, second_factor: bool = False
    ) -> SignedIn | None:
        if outcome.identity is None or outcome.grant is None:
            return None
        person, session = outcome.identity.id, outcome.grant.session_id
        had = await self.devices.count(tx, person)
        known, remembered, is_new = await self.devices.remember(tx, person, device)
        await tx.execute(SQL.mark_session, session, known, second_factor)
        await self.audit.record(tx, "session.started", customer_id=person, new_device=is_new)
        if is_new and had:
            await self.one_time.letter(tx, person, "new_sign_in", str(session), session_id=session)
        return SignedIn(outcome.grant, remembered)

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
        context = current()
        async with self.db.connection() as tx:
            await tx.execute(SQL.touch_session, session_id, self.clock.now(), context.ip, context.user_agent)

    async def _record_session(self, tx: Tx, caller: Caller, began_at: datetime | None) -> bool:
        """Whether the session, which may have begun elsewhere, has been ended here."""
        if caller.session_id is None:
            return False
        now, context = self.clock.now(), current()
        facts = (caller.session_id, caller.id, now, now + SEEN_LIFE, context.ip, context.user_agent, began_at or now)
        return bool(await tx.fetchval(SQL.see_session, *facts))

    @asynccontextmanager
    async def _alike(self) -> AsyncIterator[None]:
        """Whatever happens inside, and however it ends, it takes whole strokes of the clock."""
        started = self.clock.monotonic()
        try:
            yield
        finally:
            await self.clock.sleep(STROKE - (self.clock.monotonic() - started) % STROKE)


def session_cache(db: Database, provider: IdentityProvider, notices: Notices, clock: Clock) -> SessionCache:
    """Sessions of travelers. One that a remote provider has begun and the hub has no row of is not ended here."""

    async def read(session_id: UUID) -> SessionState:
        async with db.connection() as tx:
            row = await tx.fetchrow(SQL.session, session_id)
        if row is None:
            return SessionState(ended=not provider.remote)
        return SessionState(row["ended_at"] is not None, None if provider.remote else row["expires_at"])

    return SessionCache(read, notices, clock)


def _certainly(found: SignedIn | None) -> SignedIn:
    if found is None:
        raise Unauthenticated("The identity provider opened no session.", code="wrong_credentials")
    return found


def _ended() -> Unauthenticated:
    return Unauthenticated("This session has ended; sign in again.", code="session_ended")
