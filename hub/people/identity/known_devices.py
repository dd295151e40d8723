"""Devices that have signed in before: they keep a secret, we its hash."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from hub.core.clock import Clock, IdGenerator
from hub.core.context import current_context
from hub.core.db import Tx, load_queries

SQL = load_queries("known_devices")
MAX_DEVICES = 20
"""Devices remembered of one person, the latest."""


@dataclass(frozen=True, slots=True)
class KnownDevices:
    """A device is known to one person: two who share a browser each make it known anew."""

    clock: Clock
    ids: IdGenerator

    async def find_device(self, tx: Tx, customer_id: UUID, token: str | None) -> UUID | None:
        """The device, when the token is one of this customer's."""
        async with tx.as_hub():
            found: UUID | None = await tx.fetchval(SQL.known, customer_id, _digest(token or ""))
        return found

    async def remember_device(self, tx: Tx, customer_id: UUID, token: str | None) -> tuple[UUID, str, bool]:
        """The device, its secret, and whether it is a new one. A secret that is not this customer's is replaced."""
        now, context = self.clock.now(), current_context()
        async with tx.as_hub():
            if token:
                seen = await tx.fetchval(SQL.see, customer_id, _digest(token), context.ip, context.user_agent, now)
                if seen is not None:
                    return seen, token, False
            made, secret = self.ids.new_uuid(), self.ids.new_token()
            await tx.execute(SQL.insert, made, customer_id, _digest(secret), context.ip, context.user_agent, now)
            await tx.execute(SQL.prune, customer_id, MAX_DEVICES, made)
        return made, secret, True

    async def count_devices(self, tx: Tx, customer_id: UUID) -> int:
        async with tx.as_hub():
            found: int = await tx.fetchval(SQL.count, customer_id)
        return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
