"""Who is calling: the hub's own accounts, their sessions and tokens.

An access token lives minutes and is checked without the database; a refresh token lives weeks, is used once, and its
second use ends the whole session, because one of the two users of it is a thief.
"""

import asyncio
import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from uuid import UUID

import argon2
import jwt

from hub.audit import Audit
from hub.core.clock import Clock, Ids
from hub.core.context import current
from hub.core.db import Database, Tx, named_queries
from hub.core.errors import Conflict, Unauthenticated

SQL = named_queries("identity")

ACCESS_LIFE = timedelta(minutes=15)
SESSION_LIFE = timedelta(days=30)
AUDIENCE = "travel-hub"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who has proved who they are."""

    id: UUID
    session_id: UUID | None = None
    roles: frozenset[str] = frozenset()
    kind: Literal["customer", "staff"] = "customer"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a sign-in gives: `token` for the Authorization header, `refresh_token` for the next pair."""

    customer_id: UUID
    token: str
    refresh_token: str
    expires_in: int


class Tokens:
    """Access tokens: JWTs signed with the hub's own secret."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    def issue(self, customer_id: UUID, session_id: UUID) -> str:
        now = self._clock.now()
        claims = {
            "sub": str(customer_id),
            "sid": str(session_id),
            "aud": AUDIENCE,
            "role": "authenticated",
            "iat": int(now.timestamp()),
            "exp": int((now + ACCESS_LIFE).timestamp()),
        }
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def read(self, token: str) -> Caller:
        """Raises Unauthenticated for anything but a token of ours that has not expired."""
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                audience=AUDIENCE,
                options={"require": ["exp", "iat", "sub", "sid"], "verify_exp": False, "verify_iat": False},
            )
            caller = Caller(UUID(claims["sub"]), UUID(claims["sid"]))
            expires = datetime.fromtimestamp(int(claims["exp"]), UTC)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, AttributeError) as error:
            raise Unauthenticated("The access token is not valid.", code="invalid_token") from error
        if expires <= self._clock.now():
            raise Unauthenticated("The access token has expired.", code="token_expired")
        return caller


class Passwords:
    """argon2id in threads of its own: eight hashes at once on the loop would stall it for a second."""

    def __init__(self, threads: int = 2) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._nobody = self._hasher.hash(secrets.token_hex(16))

    async def hash(self, password: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def matches(self, stored: str | None, password: str) -> bool:
        """Takes as long for an unknown account (stored=None) as for a wrong password."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._verify, stored, password)

    def outdated(self, stored: str) -> bool:
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str | None, password: str) -> bool:
        try:
            return self._hasher.verify(stored or self._nobody, password) and stored is not None
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Register, sign in, stay signed in, sign out."""

    db: Database
    tokens: Tokens
    passwords: Passwords
    audit: Audit
    clock: Clock
    ids: Ids

    async def authenticate(self, token: str) -> Caller:
        return self.tokens.read(token)

    async def register(self, email: str, password: str, name: str, phone: str | None) -> SignedIn:
        """Raises Conflict when the address has an account."""
        hashed = await self.passwords.hash(password)
        now, customer = self.clock.now(), self.ids.uuid()
        async with self.db.transaction() as tx:
            if await tx.fetchval(SQL.insert_customer, customer, email, name, phone, now) is None:
                raise Conflict("There is an account with this e-mail address.", code="email_taken")
            await tx.execute(SQL.insert_credential, customer, hashed, now)
            await self.audit.record(tx, "customer.registered", customer_id=customer)
            return await self._sign_in(tx, customer)

    async def login(self, email: str, password: str) -> SignedIn:
        """Raises Unauthenticated, the same for an unknown address and for a wrong password."""
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.credential_by_email, email)
        stored = row["password_hash"] if row else None
        if not await self.passwords.matches(stored, password) or row is None:
            raise Unauthenticated("The e-mail address or the password is wrong.", code="wrong_credentials")
        fresh = await self.passwords.hash(password) if self.passwords.outdated(row["password_hash"]) else None
        async with self.db.transaction() as tx:
            if fresh:
                await tx.execute(SQL.update_hash, row["customer_id"], row["password_hash"], fresh)
            await self.audit.record(tx, "session.started", customer_id=row["customer_id"])
            return await self._sign_in(tx, row["customer_id"])

    async def refresh(self, refresh_token: str) -> SignedIn:
        """A new pair for the old one. Raises Unauthenticated; a second use of a token ends its session."""
        async with self.db.transaction() as tx:
            hashed = _hash(refresh_token)
            row = await tx.fetchrow(SQL.lock_refresh_token, hashed)
            now = self.clock.now()
            if row is None or row["ended_at"] is not None or row["expires_at"] <= now:
                raise Unauthenticated("The refresh token is not valid.", code="invalid_refresh_token")
            if row["used_at"] is None:
                await tx.execute(SQL.use_refresh_token, hashed, now)
                return await self._pair(tx, row["customer_id"], row["session_id"])
            await self._end(tx, row["session_id"], "refresh_token_reused")
        # Said only after the end of the session has been committed.
        raise Unauthenticated("The refresh token was used twice; sign in again.", code="refresh_token_reused")

    async def logout(self, caller: Caller) -> None:
        if caller.session_id is not None:
            async with self.db.transaction() as tx:
                await self._end(tx, caller.session_id, "signed_out")

    async def _sign_in(self, tx: Tx, customer_id: UUID) -> SignedIn:
        session, now, context = self.ids.uuid(), self.clock.now(), current()
        await tx.execute(
            SQL.insert_session, session, customer_id, now, now + SESSION_LIFE, context.ip, context.user_agent
        )
        return await self._pair(tx, customer_id, session)

    async def _pair(self, tx: Tx, customer_id: UUID, session: UUID) -> SignedIn:
        refresh = self.ids.token()
        await tx.execute(SQL.insert_refresh_token, _hash(refresh), session, self.clock.now())
        access = self.tokens.issue(customer_id, session)
        return SignedIn(customer_id, access, refresh, int(ACCESS_LIFE.total_seconds()))

    async def _end(self, tx: Tx, session: UUID, because: str) -> None:
        customer = await tx.fetchval(SQL.end_session, session, self.clock.now(), because)
        if customer is not None:
            await self.audit.record(tx, "session.ended", customer_id=customer, because=because)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def own_secret(data_dir: Path) -> str:
    """The development secret: made once, kept in the data directory, readable by its owner only."""
    path = data_dir / "secret_key"
    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="ascii") as file:
            path.chmod(0o600)
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    return path.read_text(encoding="ascii")
