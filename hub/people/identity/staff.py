"""The operator's own people come in: with a password kept here, or through an OpenID provider."""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, NoReturn
from uuid import UUID

import jwt
from asyncpg import Record

from hub.core.clock import Clock, IdGenerator
from hub.core.context import bind_context, current_context
from hub.core.db import Database, Tx
from hub.core.errors import Conflict, FieldError, Forbidden, HubError, Unauthenticated
from hub.core.jobs import every
from hub.core.sealing import SecretBox, UnsealError
from hub.oversight.audit import AuditLog
from hub.people.identity.lockout import Lockout
from hub.people.identity.model import Caller
from hub.people.identity.passwords import PasswordHasher
from hub.people.identity.permissions import STAFF_ROLES, Role
from hub.people.identity.second_factor import Enrollment, SecondFactors
from hub.people.identity.staff_members import LOCAL_ISSUER, SQL, StaffMember, StaffMembers
from hub.people.identity.staff_provider import StaffIdentity, StaffIdentityProvider
from hub.people.identity.staff_second_factor import PendingSignIn, StaffSecondFactors
from hub.people.identity.staff_sessions import BEARER_PREFIX, SessionKind, StaffSession, StaffSessions, row_to_caller

__all__ = ["StaffAccounts", "StaffIdentity", "StaffIdentityProvider", "StaffMember", "StaffSession"]

PROVIDER_SIGN_IN_LIFETIME = timedelta(minutes=10)
"""From the way to the provider to the way back."""
KNOWN_NETWORK_LIFETIME = timedelta(days=30)
"""An address from which a member has signed in within this time is not held up by what others try elsewhere."""
_LOGIN = "staff_login"
_WRONG_PASSWORD = (FieldError("/password", "wrong_password", "is wrong"),)


@dataclass(frozen=True, slots=True)
class _Login:
    """What the browser carries, sealed, to the provider and back."""

    state: str
    nonce: str
    verifier: str
    return_to: str
    until: float


class StaffAccounts:
    """With a `provider` its people are let in, and those with a password here are not.

    `role_map` says which of the provider's roles is which of ours (those of the same name unless it is given);
    `callback_url` is where it sends browsers back to.
    """

    def __init__(
        self,
        db: Database,
        audit: AuditLog,
        clock: Clock,
        ids: IdGenerator,
        *,
        secret_box: SecretBox,
        password_hasher: PasswordHasher,
        lockout: Lockout,
        second_factors: SecondFactors | None = None,
        second_factor_roles: frozenset[Role] = frozenset(),
        provider: StaffIdentityProvider | None = None,
        role_map: Mapping[str, Role] | None = None,
        callback_url: str = "",
    ) -> None:
        issuer = provider.issuer if provider is not None else LOCAL_ISSUER
        self.provider = provider
        self.members = StaffMembers(db, audit, clock, ids, password_hasher, issuer)
        self.sessions = StaffSessions(db, audit, clock, ids, secret_box, issuer, second_factor_roles)
        totp = second_factors or SecondFactors(secret_box, audit, clock, ids.rng, "Travel Hub staff", for_staff=True)
        self.second_factors = StaffSecondFactors(db, secret_box, audit, clock, lockout, totp, second_factor_roles)
        self._db, self._audit, self._clock, self._ids = db, audit, clock, ids
        self._vault, self._passwords, self._lockout = secret_box, password_hasher, lockout
        self._role_map = {role.value: role for role in STAFF_ROLES} if role_map is None else dict(role_map)
        self._callback_url = callback_url

    # With a password kept here.

    async def sign_in(
        self, email: str, password: str, *, kind: SessionKind = "cookie", code: str | None = None
    ) -> StaffSession:
        """In one step. Raises what `check_password` raises, and StaffSecondFactors.check."""
        row = await self.check_password(email, password)
        return await self._enter_by_factor(StaffMember.from_row(row), kind, code)

    async def begin_sign_in(self, email: str, password: str) -> StaffSession | PendingSignIn:
        """The first step of a browser. Raises what `check_password` raises."""
        row = await self.check_password(email, password)
        member = StaffMember.from_row(row)
        if (await self.second_factors.get_status(member.id)).on:
            return PendingSignIn(self.second_factors.issue_ticket(row), needs_setup=False)
        if self.second_factors.is_required(member):
            return PendingSignIn(self.second_factors.issue_ticket(row), needs_setup=True)
        return await self._start(member.id, "cookie", shown=False)

    async def sign_in_with_ticket(self, ticket: str, code: str) -> StaffSession:
        """The second step of a browser.

        Raises Unauthenticated `login_expired`, and what StaffSecondFactors.check raises.
        """
        return await self._enter_by_factor(await self.second_factors.find_ticket_member(ticket), "cookie", code)

    async def set_up_factor_with_ticket(self, ticket: str, code: str) -> tuple[StaffSession, list[str]]:
        """Turns the second factor on with a first code, and signs in. The recovery codes come too.

        Raises Unauthenticated `login_expired`, and what StaffSecondFactors.confirm raises.
        """
        member = await self.second_factors.find_ticket_member(ticket)
        codes = await self.second_factors.confirm_enrollment(member, code)
        return await self._start(member.id, "cookie", shown=True), codes

    async def begin_second_factor(self, email: str, password: str) -> Enrollment:
        """What goes into an authenticator, also for who has no session yet: the role may need the factor for one.

        The same until it is confirmed. Raises what `check_password` raises; Conflict `second_factor_on`.
        """
        row = await self.check_password(email, password)
        return await self.second_factors.get_or_begin_enrollment(StaffMember.from_row(row))

    async def confirm_second_factor(self, email: str, password: str, code: str) -> tuple[StaffSession, list[str]]:
        """Turns the second factor on with a first code, and signs in. The recovery codes come too.

        Raises what `check_password` raises, and StaffSecondFactors.confirm.
        """
        member = StaffMember.from_row(await self.check_password(email, password))
        codes = await self.second_factors.confirm_enrollment(member, code)
        return await self._start(member.id, "bearer", shown=True), codes

    async def renew_recovery_codes(self, caller: Caller, password: str, code: str) -> list[str]:
        """Raises what `confirm_password` raises, and StaffSecondFactors.renew_codes."""
        return await self.second_factors.renew_recovery_codes(await self.confirm_password(caller, password), code)

    async def turn_off_second_factor(self, caller: Caller, password: str, code: str) -> None:
        """Raises what `confirm_password` raises, and StaffSecondFactors.turn_off."""
        await self.second_factors.turn_off_factor(await self.confirm_password(caller, password), code)

    async def _enter_by_factor(self, member: StaffMember, kind: SessionKind, code: str | None) -> StaffSession:
        try:
            shown = await self.second_factors.check_code(member, code)
        except (Unauthenticated, Forbidden) as error:
            await self._refuse(error, member.id)
        return await self._start(member.id, kind, shown=shown)

    async def _start(self, staff_id: UUID, kind: SessionKind, *, shown: bool) -> StaffSession:
        async with self._db.transaction() as tx:
            member = StaffMember.from_row(await tx.fetchrow(SQL.lock, staff_id))
            session = await self._enter(tx, member, kind, second_factor=shown)
        return session if session is not None else await self._refuse(_disabled(), staff_id)

    async def check_password(self, email: str, password: str) -> Record:
        """The row of the member. Raises Unauthenticated `wrong_credentials`, alike for everybody unknown; Forbidden
        `staff_disabled` after a right password; TooManyRequests; Conflict `use_provider` where an OpenID provider
        lets people in.
        """
        if self.provider is not None:
            raise Conflict("Sign in through the identity provider.", code="use_provider")
        guarded, ip = f"staff:{email}", current_context().ip or ""
        async with self._db.transaction() as tx:
            row = await tx.fetchrow(SQL.by_email, email, ip, self._clock.now() - KNOWN_NETWORK_LIFETIME)
            here = _place(row["id"], ip) if row and row["known_here"] else None
            await self._lockout.count_attempt(tx, guarded, ip, here)
        stored = row["password_hash"] if row else None
        if not await self._passwords.verify_password(stored, password) or row is None:
            error = Unauthenticated("The e-mail address or the password is wrong.", code="wrong_credentials")
            await self._refuse(error, row["id"] if row else None)
        fresh = (
            await self._passwords.hash_password(password)
            if self._passwords.needs_rehash(row["password_hash"])
            else None
        )
        async with self._db.transaction() as tx:
            await self._lockout.clear_attempt(tx, guarded, ip, here)
            if fresh:
                await tx.execute(SQL.refresh_hash, row["id"], row["password_hash"], fresh)
            locked = await tx.fetchrow(SQL.lock, row["id"])
        if locked is None or locked["disabled_at"] is not None:
            await self._refuse(_disabled(), row["id"])
        return locked

    async def change_password(self, caller: Caller, password: str, new_password: str) -> None:
        """Ends the other sessions. Raises what `confirm_password` raises; InvalidRequest for the new one."""
        member = await self.confirm_password(caller, password)
        await self.members.set_password(member.id, new_password, except_session_id=caller.session_id)

    async def confirm_password(self, caller: Caller, password: str) -> StaffMember:
        """Asked again before what cannot be taken back. Raises Forbidden `wrong_password`, TooManyRequests."""
        member = await self.members.find_member(caller.id)
        guarded, ip = f"staff:{member.email}", current_context().ip or ""
        here = _place(member.id, ip)
        async with self._db.transaction() as tx:
            row = await tx.fetchrow(SQL.find, member.id)
            await self._lockout.count_attempt(tx, guarded, ip, here)
        if not await self._passwords.verify_password(row["password_hash"] if row else None, password):
            async with self._db.transaction() as tx:
                await self._audit.record_action(tx, "staff.password_refused", staff_id=str(member.id))
            raise Forbidden("The password is wrong.", code="wrong_password", errors=_WRONG_PASSWORD)
        async with self._db.transaction() as tx:
            await self._lockout.clear_attempt(tx, guarded, ip, here)
        return member

    # Through an OpenID provider.

    async def begin_provider_sign_in(self, return_to: str) -> tuple[str, str]:
        """Where to send the browser, and what it has to bring back: sealed, good for ten minutes."""
        provider = self._certain()
        until = (self._clock.now() + PROVIDER_SIGN_IN_LIFETIME).timestamp()
        login = _Login(self._ids.new_token(16), self._ids.new_token(16), self._ids.new_token(32), return_to, until)
        url = await provider.build_sign_in_url(
            self._callback_url, state=login.state, nonce=login.nonce, verifier=login.verifier
        )
        fields = {name: getattr(login, name) for name in _Login.__slots__}
        return url, base64.urlsafe_b64encode(self._vault.seal_text(_LOGIN, json.dumps(fields))).decode()

    async def finish_provider_sign_in(self, code: str, state: str, cookie: str) -> tuple[StaffSession, str]:
        """The session, and where the browser wanted to go. Raises Unauthenticated; Forbidden `no_role` for somebody
        who has no role here, `staff_disabled`.
        """
        provider, login = self._certain(), self._login(cookie)
        if not equals_in_constant_time(login.state, state):
            raise _login_expired()
        try:
            person = await provider.exchange_code(
                code, redirect_uri=self._callback_url, nonce=login.nonce, verifier=login.verifier
            )
        except Unauthenticated as error:
            await self._refuse(error, None)
        async with self._db.transaction() as tx:
            member = await self.members.upsert_from_provider(tx, person, self._roles(person))
            session = await self._enter(tx, member, "cookie", person.id_token) if member and member.roles else None
        if session is None:
            refused = _disabled() if member and member.roles else _no_role()
            await self._refuse(refused, member.id if member else None)
        return session, login.return_to

    async def reject_provider_sign_in(self, error: str, state: str, cookie: str) -> NoReturn:
        """The provider has sent the browser back without a code. `error` is its own word for why."""
        login = self._login(cookie)
        if not equals_in_constant_time(login.state, state):
            raise _login_expired()
        known = error if error in {"access_denied", "login_required", "consent_required"} else "provider_refused"
        await self._refuse(Unauthenticated("The identity provider did not let you in.", code=known), None)

    async def build_sign_out_url(self, id_token: str | None, return_to: str) -> str | None:
        """Where the browser ends the provider's own session; None where there is none."""
        return await self.provider.build_sign_out_url(id_token, return_to) if self.provider is not None else None

    # Every request.

    def sign_cookie(self, session: StaffSession) -> str:
        """What a browser keeps: the secret, and a mark that nobody else can make."""
        return f"{session.secret}.{self._mark(session.secret)}"

    async def authenticate_cookie(self, value: str) -> Caller:
        """Raises Unauthenticated `session_ended`."""
        secret, _, mark = value.partition(".")
        if not equals_in_constant_time(mark, self._mark(secret)):
            raise _ended()
        found = await self.sessions.find_caller("cookie", secret)
        if found is None:
            raise _ended()
        return found

    def recognizes_token(self, token: str) -> bool:
        """Whether a token is for here by what it says of itself. Nothing is proved by it."""
        if token.startswith(BEARER_PREFIX):
            return True
        if self.provider is None:
            return False
        try:
            claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError):
            return False
        return claims.get("iss") == self.provider.issuer

    async def authenticate_token(self, token: str) -> Caller:
        """Raises Unauthenticated; Forbidden `no_role`, `staff_disabled`; the ProviderError family for its keys."""
        if token.startswith(BEARER_PREFIX):
            found = await self.sessions.find_caller("bearer", token)
            if found is None:
                raise _ended()
            return found
        if self.provider is None:
            raise Unauthenticated("The access token is not valid.", code="invalid_token")
        return await self._by_access_token(await self.provider.read_token(token))

    async def is_session_live(self, caller: Caller) -> bool:
        return await self.sessions.is_session_live(caller)

    async def end_session(self, caller: Caller) -> str | None:
        """Ends the caller's session; the id token of its sign-in, if it came from an OpenID provider."""
        return await self.sessions.end_session(caller.session_id) if caller.session_id is not None else None

    def compute_csrf_token(self, caller: Caller) -> str:
        """What a page of ours has to send along with everything that changes something."""
        return self._vault.compute_keyed_hash("staff_csrf", str(caller.session_id)).hex()

    def _mark(self, secret: str) -> str:
        return self._vault.compute_keyed_hash("staff_cookie", secret).hex()

    @every(3600, "staff.forget")
    async def delete_expired_sessions(self) -> None:
        """Sessions that ended long ago."""
        await self.sessions.delete_expired_sessions()

    async def _by_access_token(self, person: StaffIdentity) -> Caller:
        roles = self._roles(person)
        async with self._db.transaction() as tx:
            row = await tx.fetchrow(SQL.by_subject, person.issuer, person.subject)
            if row is None or frozenset(row["roles"]) != roles:
                with bind_context(actor="provider:oidc"):
                    await self.members.upsert_from_provider(tx, person, roles)
                row = await tx.fetchrow(SQL.by_subject, person.issuer, person.subject)
        if row is None or not roles:
            raise _no_role()
        if row["disabled_at"] is not None:
            raise _disabled()
        return row_to_caller(row, None)

    async def _enter(
        self,
        tx: Tx,
        member: StaffMember,
        kind: SessionKind,
        id_token: str | None = None,
        *,
        second_factor: bool = False,
    ) -> StaffSession | None:
        if member.disabled_at is not None:
            return None
        with bind_context(actor=f"staff:{member.id}"):
            return await self.sessions.start_session(tx, member, kind, id_token, second_factor=second_factor)

    async def _refuse(self, error: HubError, staff_id: UUID | None) -> NoReturn:
        """Raises it, once it has been written down."""
        about_whom: dict[str, Any] = {"staff_id": str(staff_id)} if staff_id else {}
        async with self._db.transaction() as tx:
            await self._audit.record_action(tx, "staff.sign_in_failed", because=error.code, **about_whom)
        raise error

    def _roles(self, person: StaffIdentity) -> frozenset[Role]:
        return frozenset(self._role_map[one] for one in person.roles if one in self._role_map) - {Role.TRAVELER}

    def _certain(self) -> StaffIdentityProvider:
        if self.provider is None:
            raise Conflict("No identity provider is set up.", code="no_provider")
        return self.provider

    def _login(self, cookie: str) -> _Login:
        try:
            login = _Login(**json.loads(self._vault.unseal_text(_LOGIN, base64.urlsafe_b64decode(cookie.encode()))))
        except (UnsealError, ValueError, TypeError):
            raise _login_expired() from None
        if datetime.fromtimestamp(login.until, UTC) <= self._clock.now():
            raise _login_expired()
        return login


def equals_in_constant_time(one: str, other: str) -> bool:
    """In a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


def _place(staff_id: UUID, ip: str) -> UUID:
    """A member at a network address, as a device for the lock-out."""
    return UUID(bytes=blake2b(staff_id.bytes + ip.encode(), digest_size=16).digest())


def _ended() -> Unauthenticated:
    return Unauthenticated("This session has ended; sign in again.", code="session_ended")


def _login_expired() -> Unauthenticated:
    return Unauthenticated("This sign-in was not begun here, or too long ago. Begin again.", code="login_expired")


def _no_role() -> Forbidden:
    return Forbidden("You have no role here.", code="no_role")


def _disabled() -> Forbidden:
    return Forbidden("This account is disabled.", code="staff_disabled")
