"""Devices that have signed in before: they keep a secret, we its hash."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from hub.core.clock import Clock, Ids
from hub.core.context import current
from hub.core.db import Tx, named_queries

SQL = named_queries("known_devices")
KEPT = 20
"""Devices remembered of one person, the latest."""


@dataclass(frozen=True, slots=True)
class Devices:
    """A device is known to one person: two who share a browser each make it known anew."""

    clock: Clock
    ids: Ids

    async def known(self, tx: Tx, customer_id: UUID, token: str | None) -> UUID | None:
        """The device, when the token is one of this customer's."""
        async with tx.as_hub():
            found: UUID | None = await tx.fetchval(SQL.known, customer_id, _digest(token or ""))
        return found

    async def remember(self, tx: Tx, customer_id: UUID, token: str | None) -> tuple[UUID, str, bool]:
        """The device, its secret, and whether it is a new one. A secret that is not this customer's is replaced."""
        now, context = self.clock.now(), current()
        async with tx.as_hub():
            if token:
                seen = await tx.fetchval(SQL.see, customer_id, _digest(token), context.ip, context.user_agent, now)
                if seen is not None:
                    return seen, token, False
            made, secret = self.ids.uuid(), self.ids.token()
            await tx.execute(SQL.insert, made, customer_id, _digest(secret), context.ip, context.user_agent, now)
            await tx.execute(SQL.prune, customer_id, KEPT, made)
        return made, secret, True

    async def count(self, tx: Tx, customer_id: UUID) -> int:
        async with tx.as_hub():
            found: int = await tx.fetchval(SQL.count, customer_id)
        return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
