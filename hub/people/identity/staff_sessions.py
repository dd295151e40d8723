"""Sessions of the operator's people: a secret at their side, its hash in the database, looked at with every request."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from hub.core.clock import Clock, IdGenerator
from hub.core.context import current_context
from hub.core.db import Database, Tx
from hub.core.sealing import SecretBox, UnsealError
from hub.oversight.audit import AuditLog
from hub.people.identity.model import Caller
from hub.people.identity.permissions import Role
from hub.people.identity.staff_members import LOCAL_ISSUER, SQL, StaffMember

STAFF_SESSION_LIFETIME = timedelta(hours=12)
IDLE_TIMEOUT = timedelta(hours=2)
"""Unused for so long, a session ends before its time."""
EXTENSION_INTERVAL = timedelta(minutes=1)
"""The end of a session is moved on at most so often."""
STAFF_SESSION_RETENTION = timedelta(days=90)
"""How long the record of a session outlives it."""
BEARER_PREFIX = "hst_"
"""How the secrets for the Authorization header begin."""

SessionKind = Literal["cookie", "bearer"]


@dataclass(frozen=True, slots=True)
class StaffSession:
    """A sign-in. `secret` is known to nobody else: it goes into the cookie, or into the Authorization header."""

    id: UUID
    member: StaffMember
    secret: str
    started_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StaffSessions:
    """`issuer` is whose people are let in at present. `second_factor_roles`: roles that need a second factor."""

    db: Database
    audit: AuditLog
    clock: Clock
    ids: IdGenerator
    secret_box: SecretBox
    issuer: str = LOCAL_ISSUER
    second_factor_roles: frozenset[Role] = frozenset()

    async def start_session(
        self,
        tx: Tx,
        member: StaffMember,
        kind: SessionKind,
        id_token: str | None = None,
        *,
        second_factor: bool = False,
    ) -> StaffSession:
        """A new session with a new secret. `id_token` is kept sealed, for the provider's own sign-out."""
        session, now, context = self.ids.new_uuid(), self.clock.now(), current_context()
        secret = (BEARER_PREFIX if kind == "bearer" else "") + self.ids.new_token()
        sealed = self.secret_box.seal_text(_place(session), id_token) if id_token else None
        ends = now + IDLE_TIMEOUT
        await tx.execute(
            SQL.start, session, member.id, hash_secret(kind, secret), sealed, now, ends, context.ip, context.user_agent,
            second_factor,
        )  # fmt: skip
        await self.audit.record_action(
            tx, "staff.signed_in", staff_id=str(member.id), session_id=str(session), issuer=member.issuer
        )
        return StaffSession(session, member, secret, now, now + STAFF_SESSION_LIFETIME)

    async def find_caller(self, kind: SessionKind, secret: str) -> Caller | None:
        """Whose session it is, while it stands; its end moves on."""
        now = self.clock.now()
        async with self.db.connection() as tx:
            row = await tx.fetchrow(SQL.standing, hash_secret(kind, secret), now, self.issuer)
            if row is None or self._lacks_factor(row):
                return None
            ends = min(row["session_began"] + STAFF_SESSION_LIFETIME, now + IDLE_TIMEOUT)
            if ends - row["expires_at"] >= EXTENSION_INTERVAL:
                await tx.execute(SQL.seen, row["id"], row["session_id"], ends, now)
        return row_to_caller(row, row["session_id"])

    async def end_session(self, session_id: UUID, because: str = "signed_out") -> str | None:
        """Ends it, if it still stands; gives the id token of its sign-in back."""
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.end, session_id, self.clock.now(), because)
            if row is None:
                return None
            await self.audit.record_action(
                tx, "staff.signed_out", staff_id=str(row["staff_id"]), session_id=str(session_id), because=because
            )
        try:
            return self.secret_box.unseal_text(_place(session_id), row["sealed"]) if row["sealed"] else None
        except UnsealError:  # sealed under a secret that has been given up since
            return None

    async def is_session_live(self, caller: Caller) -> bool:
        """Whether the member may still come in, and the session, if there is one, has not ended."""
        async with self.db.connection() as tx:
            row = await tx.fetchrow(SQL.stands, caller.id, caller.session_id, self.clock.now(), self.issuer)
        return row is not None and not self._lacks_factor(row)

    def _lacks_factor(self, row: Any) -> bool:
        """A session without a second factor of somebody whose role needs one, perhaps only since it began."""
        return (
            self.issuer == LOCAL_ISSUER
            and not row["second_factor"]
            and not self.second_factor_roles.isdisjoint(row["roles"])
        )

    async def delete_expired_sessions(self) -> None:
        async with self.db.transaction() as tx:
            await tx.execute(SQL.forget_sessions, self.clock.now() - STAFF_SESSION_RETENTION)


def row_to_caller(row: Any, session_id: UUID | None) -> Caller:
    member = StaffMember.from_row(row)
    return Caller(member.id, session_id, member.roles, "staff")


def hash_secret(kind: SessionKind, secret: str) -> bytes:
    """The kind is part of it: what a frontend holds as a bearer does not do as a cookie."""
    return hashlib.sha256(f"{kind}:{secret}".encode("utf-8", "surrogatepass")).digest()


def _place(session: UUID) -> str:
    return f"staff_session:{session}"
