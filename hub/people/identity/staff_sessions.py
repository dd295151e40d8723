"""Sessions of the operator's people: a secret at their side, its hash in the database, looked at with every request."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from hub.core.clock import Clock, Ids
from hub.core.context import current
from hub.core.db import Database, Tx
from hub.core.sealing import Broken, Vault
from hub.oversight.audit import Audit
from hub.people.identity.model import Caller
from hub.people.identity.permissions import Role
from hub.people.identity.staff_members import LOCAL, SQL, StaffMember

LIFE = timedelta(hours=12)
IDLE = timedelta(hours=2)
"""Unused for so long, a session ends before its time."""
STEP = timedelta(minutes=1)
"""The end of a session is moved on at most so often."""
KEPT = timedelta(days=90)
"""How long the record of a session outlives it."""
BEARER = "hst_"
"""How the secrets for the Authorization header begin."""

Kind = Literal["cookie", "bearer"]


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
    """`issuer` is whose people are let in at present. `factor_required_of`: roles that need a second factor."""

    db: Database
    audit: Audit
    clock: Clock
    ids: Ids
    vault: Vault
    issuer: str = LOCAL
    factor_required_of: frozenset[Role] = frozenset()

    async def start(
        self, tx: Tx, member: StaffMember, kind: Kind, id_token: str | None = None, *, second_factor: bool = False
    ) -> StaffSession:
        """A new session with a new secret. `id_token` is kept sealed, for the provider's own sign-out."""
        session, now, context = self.ids.uuid(), self.clock.now(), current()
        secret = (BEARER if kind == "bearer" else "") + self.ids.token()
        sealed = self.vault.seal(_place(session), id_token) if id_token else None
        ends = now + IDLE
        await tx.execute(
            SQL.start, session, member.id, digest(kind, secret), sealed, now, ends, context.ip, context.user_agent,
            second_factor,
        )  # fmt: skip
        await self.audit.record(
            tx, "staff.signed_in", staff_id=str(member.id), session_id=str(session), issuer=member.issuer
        )
        return StaffSession(session, member, secret, now, now + LIFE)

    async def find(self, kind: Kind, secret: str) -> Caller | None:
        """Whose session it is, while it stands; its end moves on."""
        now = self.clock.now()
        async with self.db.connection() as tx:
            row = await tx.fetchrow(SQL.standing, digest(kind, secret), now, self.issuer)
            if row is None or self._lacks_factor(row):
                return None
            ends = min(row["session_began"] + LIFE, now + IDLE)
            if ends - row["expires_at"] >= STEP:
                await tx.execute(SQL.seen, row["id"], row["session_id"], ends, now)
        return caller_of(row, row["session_id"])

    async def end(self, session_id: UUID, because: str = "signed_out") -> str | None:
        """Ends it, if it still stands; gives the id token of its sign-in back."""
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.end, session_id, self.clock.now(), because)
            if row is None:
                return None
            await self.audit.record(
                tx, "staff.signed_out", staff_id=str(row["staff_id"]), session_id=str(session_id), because=because
            )
        try:
            return self.vault.open(_place(session_id), row["sealed"]) if row["sealed"] else None
        except Broken:  # sealed under a secret that has been given up since
            return None

    async def stands(self, caller: Caller) -> bool:
        """Whether the member may still come in, and the session, if there is one, has not ended."""
        async with self.db.connection() as tx:
            row = await tx.fetchrow(SQL.stands, caller.id, caller.session_id, self.clock.now(), self.issuer)
        return row is not None and not self._lacks_factor(row)

    def _lacks_factor(self, row: Any) -> bool:
        """A session without a second factor of somebody whose role needs one, perhaps only since it began."""
        return (
            self.issuer == LOCAL and not row["second_factor"] and not self.factor_required_of.isdisjoint(row["roles"])
        )

    async def forget(self) -> None:
        async with self.db.transaction() as tx:
            await tx.execute(SQL.forget_sessions, self.clock.now() - KEPT)


def caller_of(row: Any, session_id: UUID | None) -> Caller:
    member = StaffMember.of(row)
    return Caller(member.id, session_id, member.roles, "staff")


def digest(kind: Kind, secret: str) -> bytes:
    """The kind is part of it: what a frontend holds as a bearer does not do as a cookie."""
    return hashlib.sha256(f"{kind}:{secret}".encode("utf-8", "surrogatepass")).digest()


def _place(session: UUID) -> str:
    return f"staff_session:{session}"
