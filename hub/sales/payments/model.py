"""A payment as the hub has it on record."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from asyncpg import Record

from hub.core.money import Money
from hub.sales.bookings import Decline, PaymentStatus
from hub.sales.payments.ledger import TransactionOwner


@dataclass(frozen=True, slots=True)
class Payment:
    """`captured`, `refunded` and `disputed` in minor units. `superseded_at`: another has taken its place.

    `page`: it is paid on a page of the provider's, a `session` or a `link`; its intent is known once it has been.
    `last_failure`: why the last attempt was declined, also after a later one has succeeded. `attempt` counts what was
    definitely refused, so that the next attempt has idempotency keys of its own. `account`: the account and mode at the
    provider that its ids hold for; None where that is not known.
    """

    id: UUID
    booking_id: UUID
    customer_id: UUID
    provider: str
    intent_id: str | None
    status: PaymentStatus
    amount: Money
    captured: int
    refunded: int
    created_at: datetime
    updated_at: datetime
    disputed: int = 0
    fee: int | None = None
    superseded_at: datetime | None = None
    page: str | None = None
    attempt: int = 0
    last_failure: Decline | None = None
    account: str | None = None

    @classmethod
    def from_row(cls, row: Record) -> Self:
        same = (
            "id booking_id customer_id provider intent_id captured refunded created_at updated_at disputed fee "
            "superseded_at page attempt account"
        )
        return cls(
            status=PaymentStatus(row["status"]),
            amount=Money(row["amount"], row["currency"]),
            last_failure=Decline.from_json(row["last_failure"]),
            **{name: row[name] for name in same.split()},
        )

    @property
    def owner(self) -> TransactionOwner:
        return TransactionOwner(self.id, self.booking_id, self.customer_id, self.provider)

    @property
    def is_fully_captured(self) -> bool:
        """Whether all of the amount has been captured."""
        return self.captured >= self.amount.amount

    def to_money(self, amount: int) -> Money:
        return Money(amount, self.amount.currency)

    def build_key(self, verb: str) -> str:
        """The idempotency key of what is done to the payment, in its present attempt."""
        return f"payment:{self.id}:{verb}" + (f":{self.attempt}" if self.attempt else "")
