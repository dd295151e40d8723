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

from hub.core.clock import Clock, Ids
from hub.core.context import about, current
from hub.core.db import Database, Tx
from hub.core.errors import Conflict, FieldError, Forbidden, HubError, Unauthenticated
from hub.core.jobs import every
from hub.core.sealing import Broken, Vault
from hub.oversight.audit import Audit
from hub.people.identity.lockout import Lockout
from hub.people.identity.model import Caller
from hub.people.identity.passwords import Passwords
from hub.people.identity.permissions import STAFF_ROLES, Role
from hub.people.identity.second_factor import Enrollment, SecondFactor
from hub.people.identity.staff_members import LOCAL, SQL, StaffMember, StaffMembers
from hub.people.identity.staff_provider import StaffIdentity, StaffProvider
from hub.people.identity.staff_second_factor import SecondStep, StaffFactor
from hub.people.identity.staff_sessions import BEARER, Kind, StaffSession, StaffSessions, caller_of

__all__ = ["Staff", "StaffIdentity", "StaffMember", "StaffProvider", "StaffSession"]

LOGIN_LIFE = timedelta(minutes=10)
"""From the way to the provider to the way back."""
KNOWN_FOR = timedelta(days=30)
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


class Staff:
    """With a `provider` its people are let in, and those with a password here are not.

    `role_map` says which of the provider's roles is which of ours (those of the same name unless it is given);
    `callback_url` is where it sends browsers back to.
    """

    def __init__(
        self,
        db: Database,
        audit: Audit,
        clock: Clock,
        ids: Ids,
        *,
        vault: Vault,
        passwords: Passwords,
        lockout: Lockout,
        factors: SecondFactor | None = None,
        factor_required_of: frozenset[Role] = frozenset(),
        provider: StaffProvider | None = None,
        role_map: Mapping[str, Role] | None = None,
        callback_url: str = "",
    ) -> None:
        issuer = provider.issuer if provider is not None else LOCAL
        self.provider = provider
        self.members = StaffMembers(db, audit, clock, ids, passwords, issuer)
        self.sessions = StaffSessions(db, audit, clock, ids, vault, issuer, factor_required_of)
        totp = factors or SecondFactor(vault, audit, clock, ids.chance, "Travel Hub staff", staff=True)
        self.factor = StaffFactor(db, vault, audit, clock, lockout, totp, factor_required_of)
        self._db, self._audit, self._clock, self._ids = db, audit, clock, ids
        self._vault, self._passwords, self._lockout = vault, passwords, lockout
        self._role_map = {role.value: role for role in STAFF_ROLES} if role_map is None else dict(role_map)
        self._callback_url = callback_url

    # With a password kept here.

    async def sign_in(
        self, email: str, password: str, *, kind: Kind = "cookie", code: str | None = None
    ) -> StaffSession:
        """In one step. Raises what `check_password` raises, and StaffFactor.check."""
        row = await self.check_password(email, password)
        return await self._enter_by_factor(StaffMember.of(row), kind, code)

    async def begin_sign_in(self, email: str, password: str) -> StaffSession | SecondStep:
        """The first step of a browser. Raises what `check_password` raises."""
        row = await self.check_password(email, password)
        member = StaffMember.of(row)
        if (await self.factor.status(member.id)).on:
            return SecondStep(self.factor.ticket(row), setup=False)
        if self.factor.is_required(member):
            return SecondStep(self.factor.ticket(row), setup=True)
        return await self._start(member.id, "cookie", shown=False)

    async def sign_in_by_ticket(self, ticket: str, code: str) -> StaffSession:
        """The second step of a browser. Raises Unauthenticated `login_expired`, and what StaffFactor.check raises."""
        return await self._enter_by_factor(await self.factor.member_of(ticket), "cookie", code)

    async def set_up_by_ticket(self, ticket: str, code: str) -> tuple[StaffSession, list[str]]:
        """Turns the second factor on with a first code, and signs in. The recovery codes come too.

        Raises Unauthenticated `login_expired`, and what StaffFactor.confirm raises.
        """
        member = await self.factor.member_of(ticket)
        codes = await self.factor.confirm(member, code)
        return await self._start(member.id, "cookie", shown=True), codes

    async def begin_factor(self, email: str, password: str) -> Enrollment:
        """What goes into an authenticator, also for who has no session yet: the role may need the factor for one.

        The same until it is confirmed. Raises what `check_password` raises; Conflict `second_factor_on`.
        """
        row = await self.check_password(email, password)
        return await self.factor.enrollment(StaffMember.of(row))

    async def confirm_factor(self, email: str, password: str, code: str) -> tuple[StaffSession, list[str]]:
        """Turns the second factor on with a first code, and signs in. The recovery codes come too.

        Raises what `check_password` raises, and StaffFactor.confirm.
        """
        member = StaffMember.of(await self.check_password(email, password))
        codes = await self.factor.confirm(member, code)
        return await self._start(member.id, "bearer", shown=True), codes

    async def renew_factor_codes(self, caller: Caller, password: str, code: str) -> list[str]:
        """Raises what `confirm_password` raises, and StaffFactor.renew_codes."""
        return await self.factor.renew_codes(await self.confirm_password(caller, password), code)

    async def turn_factor_off(self, caller: Caller, password: str, code: str) -> None:
        """Raises what `confirm_password` raises, and StaffFactor.turn_off."""
        await self.factor.turn_off(await self.confirm_password(caller, password), code)

    async def _enter_by_factor(self, member: StaffMember, kind: Kind, code: str | None) -> StaffSession:
        try:
            shown = await self.factor.check(member, code)
        except (Unauthenticated, Forbidden) as error:
            await self._refuse(error, member.id)
        return await self._start(member.id, kind, shown=shown)

    async def _start(self, staff_id: UUID, kind: Kind, *, shown: bool) -> StaffSession:
        async with self._db.transaction() as tx:
            member = StaffMember.of(await tx.fetchrow(SQL.lock, staff_id))
            session = await self._enter(tx, member, kind, second_factor=shown)
        return session if session is not None else await self._refuse(_disabled(), staff_id)

    async def check_password(self, email: str, password: str) -> Record:
        """The row of the member. Raises Unauthenticated `wrong_credentials`, alike for everybody unknown; Forbidden
        `staff_disabled` after a right password; TooManyRequests; Conflict `use_provider` where an OpenID provider
        lets people in.
        """
        if self.provider is not None:
            raise Conflict("Sign in through the identity provider.", code="use_provider")
        guarded, ip = f"staff:{email}", current().ip or ""
        async with self._db.transaction() as tx:
            row = await tx.fetchrow(SQL.by_email, email, ip, self._clock.now() - KNOWN_FOR)
            here = _place(row["id"], ip) if row and row["known_here"] else None
            await self._lockout.attempt(tx, guarded, ip, here)
        stored = row["password_hash"] if row else None
        if not await self._passwords.matches(stored, password) or row is None:
            error = Unauthenticated("The e-mail address or the password is wrong.", code="wrong_credentials")
            await self._refuse(error, row["id"] if row else None)
        fresh = await self._passwords.hash(password) if self._passwords.outdated(row["password_hash"]) else None
        async with self._db.transaction() as tx:
            await self._lockout.cleared(tx, guarded, ip, here)
            if fresh:
                await tx.execute(SQL.refresh_hash, row["id"], row["password_hash"], fresh)
            locked = await tx.fetchrow(SQL.lock, row["id"])
        if locked is None or locked["disabled_at"] is not None:
            await self._refuse(_disabled(), row["id"])
        return locked

    async def change_password(self, caller: Caller, password: str, new_password: str) -> None:
        """Ends the other sessions. Raises what `confirm_password` raises; Invalid for the new one."""
        member = await self.confirm_password(caller, password)
        await self.members.set_password(member.id, new_password, keep=caller.session_id)

    async def confirm_password(self, caller: Caller, password: str) -> StaffMember:
        """Asked again before what cannot be taken back. Raises Forbidden `wrong_password`, TooManyRequests."""
        member = await self.members.get(caller.id)
        guarded, ip = f"staff:{member.email}", current().ip or ""
        here = _place(member.id, ip)
        async with self._db.transaction() as tx:
            row = await tx.fetchrow(SQL.find, member.id)
            await self._lockout.attempt(tx, guarded, ip, here)
        if not await self._passwords.matches(row["password_hash"] if row else None, password):
            async with self._db.transaction() as tx:
                await self._audit.record(tx, "staff.password_refused", staff_id=str(member.id))
            raise Forbidden("The password is wrong.", code="wrong_password", errors=_WRONG_PASSWORD)
        async with self._db.transaction() as tx:
            await self._lockout.cleared(tx, guarded, ip, here)
        return member

    # Through an OpenID provider.

    async def begin(self, return_to: str) -> tuple[str, str]:
        """Where to send the browser, and what it has to bring back: sealed, good for ten minutes."""
        provider = self._certain()
        until = (self._clock.now() + LOGIN_LIFE).timestamp()
        login = _Login(self._ids.token(16), self._ids.token(16), self._ids.token(32), return_to, until)
        url = await provider.begin(self._callback_url, state=login.state, nonce=login.nonce, verifier=login.verifier)
        fields = {name: getattr(login, name) for name in _Login.__slots__}
        return url, base64.urlsafe_b64encode(self._vault.seal(_LOGIN, json.dumps(fields))).decode()

    async def finish(self, code: str, state: str, cookie: str) -> tuple[StaffSession, str]:
        """The session, and where the browser wanted to go. Raises Unauthenticated; Forbidden `no_role` for somebody
        who has no role here, `staff_disabled`.
        """
        provider, login = self._certain(), self._login(cookie)
        if not same(login.state, state):
            raise _login_expired()
        try:
            person = await provider.finish(
                code, redirect_uri=self._callback_url, nonce=login.nonce, verifier=login.verifier
            )
        except Unauthenticated as error:
            await self._refuse(error, None)
        async with self._db.transaction() as tx:
            member = await self.members.keep(tx, person, self._roles(person))
            session = await self._enter(tx, member, "cookie", person.id_token) if member and member.roles else None
        if session is None:
            refused = _disabled() if member and member.roles else _no_role()
            await self._refuse(refused, member.id if member else None)
        return session, login.return_to

    async def refused(self, error: str, state: str, cookie: str) -> NoReturn:
        """The provider has sent the browser back without a code. `error` is its own word for why."""
        login = self._login(cookie)
        if not same(login.state, state):
            raise _login_expired()
        known = error if error in {"access_denied", "login_required", "consent_required"} else "provider_refused"
        await self._refuse(Unauthenticated("The identity provider did not let you in.", code=known), None)

    async def end_url(self, id_token: str | None, return_to: str) -> str | None:
        """Where the browser ends the provider's own session; None where there is none."""
        return await self.provider.end_url(id_token, return_to) if self.provider is not None else None

    # Every request.

    def cookie(self, session: StaffSession) -> str:
        """What a browser keeps: the secret, and a mark that nobody else can make."""
        return f"{session.secret}.{self._mark(session.secret)}"

    async def by_cookie(self, value: str) -> Caller:
        """Raises Unauthenticated `session_ended`."""
        secret, _, mark = value.partition(".")
        if not same(mark, self._mark(secret)):
            raise _ended()
        found = await self.sessions.find("cookie", secret)
        if found is None:
            raise _ended()
        return found

    def knows(self, token: str) -> bool:
        """Whether a token is for here by what it says of itself. Nothing is proved by it."""
        if token.startswith(BEARER):
            return True
        if self.provider is None:
            return False
        try:
            claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError):
            return False
        return claims.get("iss") == self.provider.issuer

    async def by_bearer(self, token: str) -> Caller:
        """Raises Unauthenticated; Forbidden `no_role`, `staff_disabled`; the ProviderError family for its keys."""
        if token.startswith(BEARER):
            found = await self.sessions.find("bearer", token)
            if found is None:
                raise _ended()
            return found
        if self.provider is None:
            raise Unauthenticated("The access token is not valid.", code="invalid_token")
        return await self._by_access_token(await self.provider.read(token))

    async def alive(self, caller: Caller) -> bool:
        return await self.sessions.stands(caller)

    async def end(self, caller: Caller) -> str | None:
        """Ends the caller's session; the id token of its sign-in, if it came from an OpenID provider."""
        return await self.sessions.end(caller.session_id) if caller.session_id is not None else None

    def csrf(self, caller: Caller) -> str:
        """What a page of ours has to send along with everything that changes something."""
        return self._vault.mark("staff_csrf", str(caller.session_id)).hex()

    def _mark(self, secret: str) -> str:
        return self._vault.mark("staff_cookie", secret).hex()

    @every(3600, "staff.forget")
    async def forget(self) -> None:
        """Sessions that ended long ago."""
        await self.sessions.forget()

    async def _by_access_token(self, person: StaffIdentity) -> Caller:
        roles = self._roles(person)
        async with self._db.transaction() as tx:
            row = await tx.fetchrow(SQL.by_subject, person.issuer, person.subject)
            if row is None or frozenset(row["roles"]) != roles:
                with about(actor="provider:oidc"):
                    await self.members.keep(tx, person, roles)
                row = await tx.fetchrow(SQL.by_subject, person.issuer, person.subject)
        if row is None or not roles:
            raise _no_role()
        if row["disabled_at"] is not None:
            raise _disabled()
        return caller_of(row, None)

    async def _enter(
        self, tx: Tx, member: StaffMember, kind: Kind, id_token: str | None = None, *, second_factor: bool = False
    ) -> StaffSession | None:
        if member.disabled_at is not None:
            return None
        with about(actor=f"staff:{member.id}"):
            return await self.sessions.start(tx, member, kind, id_token, second_factor=second_factor)

    async def _refuse(self, error: HubError, staff_id: UUID | None) -> NoReturn:
        """Raises it, once it has been written down."""
        about_whom: dict[str, Any] = {"staff_id": str(staff_id)} if staff_id else {}
        async with self._db.transaction() as tx:
            await self._audit.record(tx, "staff.sign_in_failed", because=error.code, **about_whom)
        raise error

    def _roles(self, person: StaffIdentity) -> frozenset[Role]:
        return frozenset(self._role_map[one] for one in person.roles if one in self._role_map) - {Role.TRAVELLER}

    def _certain(self) -> StaffProvider:
        if self.provider is None:
            raise Conflict("No identity provider is set up.", code="no_provider")
        return self.provider

    def _login(self, cookie: str) -> _Login:
        try:
            login = _Login(**json.loads(self._vault.open(_LOGIN, base64.urlsafe_b64decode(cookie.encode()))))
        except (Broken, ValueError, TypeError):
            raise _login_expired() from None
        if datetime.fromtimestamp(login.until, UTC) <= self._clock.now():
            raise _login_expired()
        return login


def same(one: str, other: str) -> bool:
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
