"""The hub's own accounts: passwords and refresh tokens in its own database."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hub.core.clock import Clock, IdGenerator
from hub.core.context import current_context
from hub.core.db import Database, Tx
from hub.core.errors import Conflict, Forbidden, NotFound, Unauthenticated
from hub.core.sealing import SecretBox, UnsealError
from hub.oversight.audit import AuditLog
from hub.people.identity.model import Caller, Identity, NewAccount, ProofOutcome, SessionTokens, VerifiedToken
from hub.people.identity.one_time_links import SQL, LinkPurpose, OneTimeLinks, hash_token
from hub.people.identity.passwords import PasswordHasher
from hub.people.identity.provider import Proof
from hub.people.identity.tokens import ACCESS_TOKEN_LIFETIME, AccessTokenIssuer

SESSION_LIFETIME = timedelta(days=30)
REFRESH_REUSE_WINDOW = timedelta(seconds=10)
"""For so long the refresh token before the current one gets the current pair."""


@dataclass(frozen=True, slots=True)
class PendingProof:
    """A step that is one transaction still to come."""

    complete: Callable[[Tx], Awaitable[ProofOutcome]]
    identity: Identity | None = None

    async def apply(self, tx: Tx) -> ProofOutcome:
        return await self.complete(tx)

    async def discard(self) -> None:
        """Nothing has happened yet."""


@dataclass(frozen=True, slots=True)
class LocalIdentityProvider:
    """`requires_verification`: an address has to be confirmed before the first sign-in.

    Without it a registration signs in at once, and so has to say when an address is taken.
    """

    db: Database
    token_issuer: AccessTokenIssuer
    password_hasher: PasswordHasher
    one_time_links: OneTimeLinks
    audit: AuditLog
    clock: Clock
    ids: IdGenerator
    secret_box: SecretBox
    requires_verification: bool = True
    name: str = "local"
    is_remote: bool = False

    async def sign_up(self, new: NewAccount) -> Proof:
        hashed = None if self.requires_verification else await self.password_hasher.hash_password(new.password)
        await self.token_issuer.load_signing_key()
        return PendingProof(lambda tx: self._register(tx, new, hashed))

    async def discard_password(self, identity: Identity) -> None:
        """An account that is not confirmed has no password here, only its registration has."""

    async def sign_in(self, email: str, password: str) -> Proof:
        async with self.db.connection() as tx:
            row = await tx.fetchrow(SQL.customer_by_email, email)
        stored = row["password_hash"] if row else None
        if not await self.password_hasher.verify_password(stored, password) or row is None or stored is None:
            raise Unauthenticated("The e-mail address or the password is wrong.", code="wrong_credentials")
        if self.requires_verification and row["verified_at"] is None:
            raise Forbidden("Confirm your e-mail address first.", code="email_not_verified")
        fresh = (
            await self.password_hasher.hash_password(password) if self.password_hasher.needs_rehash(stored) else None
        )
        await self.token_issuer.load_signing_key()
        return PendingProof(lambda tx: self._enter(tx, row, fresh), row_to_identity(row))

    async def refresh_session(self, refresh_token: str) -> SessionTokens:
        """A spent token whose successor was unused when this was asked gets the current pair for 10 seconds: an answer
        was lost, or two tabs refresh at once. Any other use of a spent token ends the session.
        """
        asked_at = self.clock.now()
        await self.token_issuer.load_signing_key()
        async with self.db.transaction() as tx:
            hashed = hash_token(refresh_token)
            row = await tx.fetchrow(SQL.lock_refresh_token, hashed)
            now = self.clock.now()
            if row is None or row["ended_at"] is not None or row["expires_at"] <= now:
                raise Unauthenticated("The refresh token is not valid.", code="invalid_refresh_token")
            if row["used_at"] is None:
                return await self._rotate(tx, row, hashed)
            current = await self._find_current(tx, row, asked_at)
            if current is not None:
                return await self._grant(row["customer_id"], row["session_id"], current)
            await tx.execute(SQL.end_session, row["session_id"], now, "refresh_token_reused")
            await self.audit.record_action(
                tx, "session.ended", customer_id=row["customer_id"], because="refresh_token_reused"
            )
        # Raised only after the end of the session has been committed.
        raise Unauthenticated("The refresh token was used twice; sign in again.", code="refresh_token_reused")

    async def verify_email(self, token: str, password: str | None = None) -> Proof:
        hashed = await self.password_hasher.hash_password(password) if password is not None else None
        await self.token_issuer.load_signing_key()
        return PendingProof(lambda tx: self._verify(tx, token, hashed))

    async def resend_verification(self, email: str) -> None:
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.customer_by_email, email)
            if row is None or row["verified_at"] is not None:
                return
            if await self._may_send(tx, row, "verify"):
                await self.one_time_links.send_link(tx, row["id"], "verify")

    async def request_password_reset(self, email: str) -> None:
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.customer_by_email, email)
            if row is not None and await self._may_send(tx, row, "reset"):
                await self.one_time_links.send_link(tx, row["id"], "reset")
                await self.audit.record_action(tx, "password.reset_requested", customer_id=row["id"])

    async def reset_password(self, token: str, password: str) -> Proof:
        hashed = await self.password_hasher.hash_password(password)
        return PendingProof(lambda tx: self._reset(tx, token, hashed))

    async def verify_password(self, caller: Caller, email: str, password: str) -> bool:
        async with self.db.connection() as tx:
            stored = await tx.fetchval(SQL.credential_by_id, caller.id)
        return await self.password_hasher.verify_password(stored, password)

    async def change_password(self, caller: Caller, token: str, password: str) -> Proof:
        hashed = await self.password_hasher.hash_password(password)
        return PendingProof(lambda tx: self._change(tx, caller, hashed))

    async def sign_out(self, token: str, *, everywhere: bool = False) -> None:
        """Sessions are rows of the hub, and are ended there."""

    async def read_token(self, token: str) -> VerifiedToken:
        return await self.token_issuer.read_token(token)

    async def is_session_live(self, token: str) -> bool:
        """A session of ours has its row, which has been looked at before this is asked."""
        return False

    async def delete_identity(self, identity: Identity) -> None:
        """The password went with the erasure; there is nobody else who knows it."""

    async def _may_send(self, tx: Tx, row: Any, purpose: LinkPurpose) -> bool:
        """At most one letter a minute, and few in an hour."""
        if await self.one_time_links.was_sent_recently(tx, row["id"], purpose):
            return False
        return await self.one_time_links.allow_message(tx, purpose, row["email"])

    async def _register(self, tx: Tx, new: NewAccount, hashed: str | None) -> ProofOutcome:
        """Without `hashed` the password and the name are those of a registration, until the address is confirmed."""
        now, customer = self.clock.now(), self.ids.new_uuid()
        name, phone = ("", None) if hashed is None else (new.name, new.phone)
        if await tx.fetchval(SQL.insert_customer, customer, new.email, name, phone, now, None) is None:
            return await self._register_again(tx, new)
        await self.audit.record_action(tx, "customer.registered", customer_id=customer)
        identity = Identity(customer, new.email, name, phone)
        if hashed is None:
            return ProofOutcome(identity)
        await tx.execute(SQL.set_credential, customer, hashed, now)
        return ProofOutcome(identity, await self.open_session(tx, customer))

    async def _register_again(self, tx: Tx, new: NewAccount) -> ProofOutcome:
        """The address is known. Its owner is told by letter, and the caller nothing."""
        if not self.requires_verification:
            raise Conflict("There is an account with this e-mail address.", code="email_taken")
        row = await tx.fetchrow(SQL.customer_by_email, new.email)
        if row is None:  # erased in this very moment
            return ProofOutcome()
        await self.audit.record_action(tx, "customer.registered_again", customer_id=row["id"])
        if row["verified_at"] is None:
            return ProofOutcome(row_to_identity(row))
        await self.one_time_links.enqueue_message(tx, row["id"], "already_registered", f"{self.clock.now():%Y-%m-%d}")
        return ProofOutcome()

    async def _verify(self, tx: Tx, token: str, hashed: str | None) -> ProofOutcome:
        """`hashed` is the password that its owner chooses with the link."""
        row = await self._locked(tx, await self.one_time_links.redeem_link(tx, token, "verify"))
        await self.one_time_links.void_links(tx, row["id"], "verify")
        if hashed is not None and row["verified_at"] is None:
            await tx.execute(SQL.set_credential, row["id"], hashed, self.clock.now())
        await self._confirmed(tx, row["id"])
        return ProofOutcome(row_to_identity(row, verified=True), await self.open_session(tx, row["id"]))

    async def _reset(self, tx: Tx, token: str, hashed: str) -> ProofOutcome:
        """Who can read the letter owns the address, so this confirms it too."""
        row = await self._locked(tx, await self.one_time_links.redeem_link(tx, token, "reset"))
        await self.one_time_links.void_links(tx, row["id"], "verify", "reset")
        await tx.execute(SQL.set_credential, row["id"], hashed, self.clock.now())
        await self._confirmed(tx, row["id"])
        return ProofOutcome(row_to_identity(row, verified=True))

    async def _confirmed(self, tx: Tx, customer: UUID) -> None:
        if await tx.fetchval(SQL.confirm_customer, customer, self.clock.now()):
            await self.audit.record_action(tx, "email.verified", customer_id=customer)

    async def _change(self, tx: Tx, caller: Caller, hashed: str) -> ProofOutcome:
        row = await self._locked(tx, caller.id)
        await self.one_time_links.void_links(tx, caller.id, "reset")
        await tx.execute(SQL.set_credential, caller.id, hashed, self.clock.now())
        return ProofOutcome(row_to_identity(row))

    async def _enter(self, tx: Tx, row: Any, fresh: str | None) -> ProofOutcome:
        if await tx.fetchval(SQL.hold_credential, row["id"], row["password_hash"]) is None:
            raise Unauthenticated("The password has just been changed.", code="wrong_credentials")
        grant = await self.open_session(tx, row["id"])
        if fresh:
            await tx.execute(SQL.update_hash, row["id"], row["password_hash"], fresh)
        return ProofOutcome(row_to_identity(row), grant)

    async def _locked(self, tx: Tx, customer: UUID) -> Any:
        """Raises NotFound for a customer who is erased."""
        await tx.fetchval(SQL.lock_customer, customer)
        row = await tx.fetchrow(SQL.customer, customer)
        if row is None:
            raise NotFound("This account does not exist any more.", code="customer_not_found")
        return row

    async def open_session(self, tx: Tx, customer: UUID) -> SessionTokens:
        session, now, context = self.ids.new_uuid(), self.clock.now(), current_context()
        await tx.execute(
            SQL.insert_session, session, customer, now, now + SESSION_LIFETIME, context.ip, context.user_agent
        )
        refresh = self.ids.new_token()
        await tx.execute(SQL.insert_refresh_token, hash_token(refresh), session, now)
        return await self._grant(customer, session, refresh)

    async def _rotate(self, tx: Tx, row: Any, hashed: bytes) -> SessionTokens:
        """The pair that replaces an unused token. `row` is that of `lock_refresh_token`."""
        refresh, session, now = self.ids.new_token(), row["session_id"], self.clock.now()
        await tx.execute(SQL.insert_refresh_token, hash_token(refresh), session, now)
        sealed = self.secret_box.seal_text(_successor_of(session), refresh)
        await tx.execute(SQL.use_refresh_token, hashed, now, sealed)
        return await self._grant(row["customer_id"], session, refresh)

    async def _find_current(self, tx: Tx, row: Any, asked_at: datetime) -> str | None:
        """The session's unused refresh token, if `row` is the token before it, as it was when the request arrived.

        What has been used since then was used concurrently, and is passed over.
        """
        session, spent = row["session_id"], row
        if asked_at - row["used_at"] > REFRESH_REUSE_WINDOW:
            return None
        while spent["successor"] is not None:
            try:
                token = self.secret_box.unseal_text(_successor_of(session), spent["successor"])
            except UnsealError:  # sealed under a secret that has been given up since
                return None
            successor = await tx.fetchrow(SQL.refresh_token, hash_token(token))
            if successor is None:
                return None
            if successor["used_at"] is None:
                return token
            if successor["used_at"] < asked_at:
                return None
            spent = successor
        return None

    async def _grant(self, customer: UUID, session: UUID, refresh: str) -> SessionTokens:
        access = await self.token_issuer.issue_token(customer, session)
        return SessionTokens(customer, session, access, refresh, int(ACCESS_TOKEN_LIFETIME.total_seconds()))


def _successor_of(session: UUID) -> str:
    return f"refresh_token:{session}"


def row_to_identity(row: Any, *, verified: bool = False) -> Identity:
    """Of a row of `customers`."""
    return Identity(row["id"], row["email"], row["name"], row["phone"], verified or row["verified_at"] is not None)
