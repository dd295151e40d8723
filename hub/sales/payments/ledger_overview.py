"""The reading side of the books, for staff."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.core.db import Database, load_queries
from hub.core.errors import NotFound
from hub.core.money import Money
from hub.sales.payments.refunds import Refund

SQL = load_queries("payment_overview")


@dataclass(frozen=True, slots=True)
class TransactionFilter:
    """What is looked for; None is no matter. `since` and `until` are moments, the latter not included."""

    booking_id: UUID | None = None
    payment_id: UUID | None = None
    customer_id: UUID | None = None
    kind: str | None = None
    provider: str | None = None
    currency: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LedgerTransaction:
    """One transaction. `balances` are those of its payment's accounts after it, in minor units of its currency."""

    id: UUID
    at: datetime
    kind: str
    money: Money
    booking_id: UUID
    reference: str
    payment_id: UUID
    customer_id: UUID
    provider: str
    provider_id: str | None
    actor: str
    balances: dict[str, int]


@dataclass(frozen=True, slots=True)
class PaymentChange:
    """One change of a payment, and on whose word."""

    at: datetime
    actor: str
    was: str
    became: str
    captured: int
    refunded: int
    disputed: int
    failure: str | None


@dataclass(frozen=True, slots=True)
class LedgerOverview:
    db: Database

    async def list_transactions(
        self, wanted: TransactionFilter, *, page: int, page_size: int
    ) -> tuple[list[LedgerTransaction], int]:
        """The newest first; and how many there are."""
        given = (
            wanted.booking_id, wanted.payment_id, wanted.customer_id, wanted.kind, wanted.provider, wanted.currency,
            wanted.since, wanted.until,
        )  # fmt: skip
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.movements, *given, page_size, (page - 1) * page_size)
            total: int = await tx.fetchval(SQL.count_movements, *given)
        return [_movement(row) for row in rows], total

    async def get_transaction(self, transaction_id: UUID) -> tuple[LedgerTransaction, list[PaymentChange]]:
        """One, with all that has become of its payment. Raises NotFound."""
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.movement, transaction_id)
            if row is None:
                raise NotFound("There is no such transaction.", code="transaction_not_found")
            changes = await tx.fetch(SQL.changes, row["payment_id"])
        return _movement(row), [PaymentChange(**one) for one in changes]

    async def list_refunds(self, payment_id: UUID) -> list[Refund]:
        async with self.db.transaction() as tx:
            return [Refund.from_row(row) for row in await tx.fetch(SQL.refunds, payment_id)]

    async def find_payment_id(self, booking_id: UUID) -> UUID:
        """The one that pays the booking. Raises NotFound."""
        async with self.db.transaction() as tx:
            found: UUID | None = await tx.fetchval(SQL.payment_of, booking_id)
        if found is None:
            raise NotFound("The booking has no payment.", code="payment_not_found")
        return found


def _movement(row: Any) -> LedgerTransaction:
    same = "id at kind booking_id reference payment_id customer_id provider provider_id actor balances"
    return LedgerTransaction(money=Money(row["amount"], row["currency"]), **{name: row[name] for name in same.split()})
