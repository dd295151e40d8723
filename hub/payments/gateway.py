"""What the hub needs of a payment provider."""

from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from hub.bookings import PaymentStatus
from hub.core.money import Money


@dataclass(frozen=True, slots=True)
class IntentRequest:
    payment_id: UUID
    booking_id: UUID
    amount: Money
    description: str
    payment_customer_id: str | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """The provider's view of one payment, in the hub's words. An unknown status of theirs is `processing`.

    `captured` and `refunded` in minor units of `amount`'s currency.
    """

    id: str
    payment_id: UUID | None
    amount: Money
    status: PaymentStatus
    captured: int = 0
    refunded: int = 0
    client_secret: str | None = field(default=None, repr=False)
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Refunded:
    id: str
    status: str
    """`pending`, `succeeded` or `failed`."""


class Gateway(Protocol):
    """Each write takes the key of the business fact; the same key never has two effects.

    Raises ProviderPermanent, ProviderTransient or OutcomeUnknown.
    """

    name: str
    publishable_key: str

    def intent_of(self, event: dict[str, Any]) -> str | None:
        """The intent that a webhook's payload is about; None when it is about none."""
        ...

    async def ensure_customer(self, customer_id: UUID, email: str, name: str) -> str: ...

    async def forget_customer(self, payment_customer_id: str, key: str) -> None:
        """Deletes what the provider knows of the person. Succeeds when that has been done already."""
        ...

    async def create(self, request: IntentRequest, key: str) -> Intent: ...

    async def read(self, intent_id: str) -> Intent: ...

    async def capture(self, intent_id: str, key: str) -> Intent: ...

    async def cancel(self, intent_id: str, key: str) -> Intent: ...

    async def refund(self, intent_id: str, amount: Money, key: str) -> Refunded: ...
