"""What the hub needs of a payment provider."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from hub.bookings import PaymentStatus
from hub.core.errors import FieldError, Invalid, ProviderPermanent
from hub.core.money import Money


@dataclass(frozen=True, slots=True)
class IntentRequest:
    payment_id: UUID
    booking_id: UUID
    amount: Money
    description: str
    payment_customer_id: str | None = None


@dataclass(frozen=True, slots=True)
class RefundSeen:
    """One refund as the provider shows it. `refund_id` is ours, where we have asked for it."""

    id: str
    amount: int
    status: Literal["pending", "succeeded", "failed"]
    refund_id: UUID | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DisputeSeen:
    """One dispute. While it is `open` and when it is `lost` the bank has the money."""

    id: str
    amount: int
    status: Literal["open", "won", "lost"]
    reason: str | None = None
    due_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """The provider's view of one payment, in the hub's words. An unknown status of theirs is `processing`.

    `captured`, `refunded` and the amounts of refunds and disputes in minor units of `amount`'s currency. `refunds`
    None: the provider has said how much is refunded, and not by what.
    """

    id: str
    payment_id: UUID | None
    amount: Money
    status: PaymentStatus
    captured: int = 0
    refunded: int = 0
    client_secret: str | None = field(default=None, repr=False)
    approval_url: str | None = None
    """Where the traveller says yes, for a provider that asks them on a page of its own."""
    failure: str | None = None
    refunds: tuple[RefundSeen, ...] | None = None
    disputes: tuple[DisputeSeen, ...] = ()
    fee: Money | None = None
    """What the provider keeps, in the currency in which it settles."""


class Gateway(Protocol):
    """Each write takes the key of the business fact; the same key never has two effects.

    Raises ProviderPermanent, ProviderTransient or OutcomeUnknown.
    """

    name: str
    publishable_key: str
    keeps_customers: bool
    """Whether travellers have accounts at the provider."""

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

    async def refund(self, intent_id: str, amount: Money, refund_id: UUID, key: str) -> RefundSeen: ...


@dataclass(frozen=True, slots=True)
class Gateways:
    """The providers that are on. Each payment stays with the one that it began with."""

    by_name: Mapping[str, Gateway]
    default: str

    def named(self, name: str | None) -> Gateway:
        """The one asked for, or the default. Raises Invalid for one that is not on."""
        found = self.by_name.get(name or self.default)
        if found is None:
            text = f"one of {', '.join(sorted(self.by_name))}"
            raise Invalid(errors=(FieldError("/provider", "unknown_provider", text),))
        return found

    def of(self, provider: str) -> Gateway:
        """Of a payment on record. Raises ProviderPermanent for a provider that has been switched off since."""
        found = self.by_name.get(provider)
        if found is None:
            raise ProviderPermanent(provider, "is switched off", provider_code="provider_off")
        return found
