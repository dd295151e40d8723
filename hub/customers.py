"""Travellers: their profile, and their account at the payment provider."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub.core.db import Database, Tx, named_queries
from hub.core.errors import NotFound
from hub.identity import Caller

SQL = named_queries("customers")


@dataclass(frozen=True, slots=True)
class Customer:
    id: UUID
    email: str
    name: str
    phone: str | None
    created_at: datetime
    payment_customer_id: str | None = None


class Customers:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def me(self, caller: Caller) -> Customer:
        async with self._db.transaction(caller.id) as tx:
            row = await tx.fetchrow(SQL.me)
        if row is None:
            raise NotFound("This account does not exist any more.", code="customer_not_found")
        return Customer(**row)

    async def find(self, tx: Tx, customer_id: UUID) -> Customer:
        row = await tx.fetchrow(SQL.find, customer_id)
        if row is None:
            raise NotFound(code="customer_not_found")
        return Customer(**row)

    async def keep_payment_customer(self, tx: Tx, customer_id: UUID, payment_customer_id: str) -> str:
        """Remembers their account at the payment provider; the first one kept is the one that counts."""
        kept: str = await tx.fetchval(SQL.set_payment_customer, customer_id, payment_customer_id)
        return kept
