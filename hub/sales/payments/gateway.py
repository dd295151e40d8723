"""What the hub needs of a payment provider."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, Self, runtime_checkable
from uuid import UUID

from hub.core.charge_limits import ChargeLimits, find_charge_refusal
from hub.core.errors import Conflict, FieldError, InvalidRequest, ProviderPermanent
from hub.core.money import Money
from hub.sales.bookings import Decline, PaymentStatus

AMOUNT_NOT_SUPPORTED = "amount_not_supported"
"""The code for an amount that a provider cannot charge, or not in this currency."""

_MISSING, _MISSING_STATUS = frozenset({"resource_missing", "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID"}), 404
"""What providers answer for an id that they do not know: deleted, lapsed, or of another account or mode."""
ACCOUNT_CHANGED = "account_changed"
_REFUSED = frozenset({400, 402, 404, 422})
"""A 401 or 403 says something of the hub's key, and nothing of the request."""
_USED_BEFORE = frozenset({"idempotency_error", "PAYPAL_REQUEST_ID_PREVIOUSLY_USED"})
"""The key has made something, with another body."""


class AmountNotSupported(InvalidRequest):
    """The payment provider cannot charge this amount."""

    code = AMOUNT_NOT_SUPPORTED

    def __init__(self, provider: str, money: Money, others: tuple[str, ...] = ()) -> None:
        text = f"{money.display} cannot be charged by {provider}."
        if others:
            text += f" Choose another provider: {', '.join(others)}."
        super().__init__(text, errors=(FieldError("/provider", AMOUNT_NOT_SUPPORTED, text),))


class CustomerMissing(ProviderPermanent):
    """The provider does not know the customer for whom it is to begin a payment."""


class RefundTooLarge(ProviderPermanent):
    """The provider has taken the money in several captures, and none of them has so much left. Nothing was asked for.

    `most` is what one of them has left.
    """

    def __init__(self, provider: str, most: Money) -> None:
        super().__init__(provider, "took the money in several captures", provider_code="refund_exceeds_capture")
        self.most = most


def is_missing(error: ProviderPermanent) -> bool:
    """Whether the provider does not know what it was asked for."""
    return error.provider_code in _MISSING | {ACCOUNT_CHANGED} or error.provider_status == _MISSING_STATUS


class CreationRefused(ProviderPermanent):
    """The provider has refused to begin the payment."""

    @classmethod
    def from_error(cls, error: ProviderPermanent) -> Self:
        """The same error, of a request that was to make the intent or the page."""
        refused = cls(
            error.provider, provider_code=error.provider_code, provider_status=error.provider_status, code=error.code
        )
        refused.detail = error.detail
        return refused

    @property
    def created_nothing(self) -> bool:
        """Whether the provider has said so of this very request: the key is the payment's, so none was made before."""
        if self.provider_code in _USED_BEFORE:
            return False
        return self.provider_code == AMOUNT_NOT_SUPPORTED or self.provider_status in _REFUSED


@dataclass(frozen=True, slots=True)
class IntentRequest:
    payment_id: UUID
    booking_id: UUID
    amount: Money
    description: str
    payment_customer_id: str | None = None


@dataclass(frozen=True, slots=True)
class CheckoutPageRequest:
    """For a page of the provider's on which the traveller pays. The two addresses are where it sends them after."""

    payment_id: UUID
    booking_id: UUID
    amount: Money
    description: str
    success_url: str
    cancel_url: str
    payment_customer_id: str | None = None


@dataclass(frozen=True, slots=True)
class CheckoutPage:
    """`expires_at` None: it stays until it is closed."""

    id: str
    url: str
    expires_at: datetime | None = None


DisputeStatus = Literal["inquiry", "open", "won", "lost"]


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """One refund as the provider shows it. `refund_id` is ours, where we have asked for it."""

    id: str
    amount: int
    status: Literal["pending", "succeeded", "failed"]
    refund_id: UUID | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderDispute:
    """One dispute. `amount` in the currency of the bank, which need not be that of the payment.

    `inquiry`: the bank asks, and has no money yet. While it is `open` and when it is `lost` the bank has the money.
    `withdrawn` is what it has taken from the balance, where the provider says so. `seen_at`: when it was asked.
    """

    id: str
    amount: Money
    status: DisputeStatus
    reason: str | None = None
    due_by: datetime | None = None
    withdrawn: Money | None = None
    seen_at: datetime | None = None

    @property
    def has_money(self) -> bool:
        return self.status in {"open", "lost"}

    def get_amount_in(self, currency: str) -> int | None:
        """What the bank has of a payment in this currency, in minor units. None when that is not known."""
        if not self.has_money:
            return 0
        known = (money.amount for money in (self.withdrawn, self.amount) if money and money.currency == currency)
        return next(known, None)


@dataclass(frozen=True, slots=True)
class Intent:
    """The provider's view of one payment, in the hub's words. An unknown status of theirs is `processing`.

    `id` is empty for a page that nobody has paid. `captured`, `refunded` and the amounts of refunds and disputes in
    minor units of `amount`'s currency. `refunds` None: the provider has said how much is refunded, and not by what.
    """

    id: str
    payment_id: UUID | None
    amount: Money
    status: PaymentStatus
    """Once something is captured: as `compute_captured_status` has it."""
    captured: int = 0
    refunded: int = 0
    client_secret: str | None = field(default=None, repr=False)
    approval_url: str | None = None
    """Where the traveller says yes, for a provider that asks them on a page of its own."""
    failure: Decline | None = None
    has_remaining_hold: bool = False
    """Whether a part of the amount is still held beside what has been captured."""
    refunds: tuple[ProviderRefund, ...] | None = None
    disputes: tuple[ProviderDispute, ...] = ()
    fee: Money | None = None
    """What the provider keeps, in the currency in which it settles."""

    @property
    def is_consistent(self) -> bool:
        """Not when more has come back than was captured."""
        return 0 <= self.refunded <= self.captured


def compute_captured_status(amount: int, captured: int, refunded: int) -> PaymentStatus:
    """How a payment of `amount` stands of which something was captured. Minor units of one currency."""
    if refunded >= captured:
        return PaymentStatus.REFUNDED
    if captured < amount:
        return PaymentStatus.PARTIALLY_CAPTURED
    return PaymentStatus.PARTIALLY_REFUNDED if refunded else PaymentStatus.PAID


class PaymentGateway(Protocol):
    """Each write takes the key of the business fact; the same key never has two effects.

    Raises ProviderPermanent, ProviderTransient or OutcomeUnknown.
    """

    name: str
    publishable_key: str
    keeps_customers: bool
    """Whether travellers have accounts at the provider."""
    charge_limits: ChargeLimits

    async def get_account(self) -> str:
        """The account and the mode that the credentials are for, such as `acct_1ABC/test`. Asked for once.

        An id that the provider has given is stored with it, and holds for no other.
        """
        ...

    def find_foreign_reason(self, event: dict[str, Any]) -> str | None:
        """Why a webhook's payload is not about this account in this mode; None where it may be. A short constant."""
        ...

    def find_intent_id(self, event: dict[str, Any]) -> str | None:
        """The intent that a webhook's payload is about, or the page; None when it is about none."""
        ...

    def is_approval(self, event: dict[str, Any]) -> bool:
        """Whether a webhook's payload says that the traveler has agreed to pay, at a provider that asks them."""
        ...

    async def ensure_customer(self, customer_id: UUID, email: str, name: str, *, key: str) -> str: ...

    async def forget_customer(self, payment_customer_id: str, key: str) -> None:
        """Deletes what the provider knows of the person. Succeeds when that has been done already."""
        ...

    async def create_intent(self, request: IntentRequest, key: str) -> Intent:
        """Made once under its key. Asked again it is the same intent, as it is by then. Raises CustomerMissing."""
        ...

    async def read_intent(self, intent_id: str, attempt: int = 0) -> Intent:
        """As it is now. Of a page: the intent that it was paid with, else one without id: unpaid, or released.

        `attempt` is part of the idempotency key where reading an approved intent holds its money: a provider answers
        a key that was declined with that very decline, whatever the traveler has changed since.
        """
        ...

    async def capture_intent(self, intent_id: str, key: str) -> Intent: ...

    async def cancel_intent(self, intent_id: str, key: str) -> Intent:
        """Lets go of all that is held, also of the rest beside a part that was captured."""
        ...

    async def refund_intent(self, intent_id: str, amount: Money, refund_id: UUID, key: str) -> ProviderRefund:
        """Raises RefundTooLarge for what can come back in several refunds only."""
        ...


@runtime_checkable
class HostedCheckoutGateway(Protocol):
    """A gateway that lets travellers pay on pages of its own. Keys and errors are as at Gateway.

    A method that holds money holds it there too, and the intent bears the payment's mark, as one of `create_intent`
    does.
    """

    name: str

    async def create_checkout_session(self, request: CheckoutPageRequest, key: str) -> CheckoutPage:
        """A page for one traveller, for a day at most."""
        ...

    async def create_payment_link(self, request: CheckoutPageRequest, key: str) -> CheckoutPage:
        """A page that can be sent to somebody, and be paid once."""
        ...

    async def close_page(self, page_id: str, key: str) -> None:
        """Nobody can pay there any more. Succeeds when that is so already; a ProviderPermanent: somebody just has."""
        ...


@dataclass(frozen=True, slots=True)
class GatewayRegistry:
    """The providers that are on. Each payment stays with the one that it began with."""

    by_name: Mapping[str, PaymentGateway]
    default_name: str

    def choose_gateway(self, name: str | None) -> PaymentGateway:
        """The one asked for, or the default. Raises InvalidRequest for one that is not on."""
        found = self.by_name.get(name or self.default_name)
        if found is None:
            text = f"one of {', '.join(sorted(self.by_name))}"
            raise InvalidRequest(errors=(FieldError("/provider", "unknown_provider", text),))
        return found

    def choose_gateway_for_amount(self, money: Money, name: str | None) -> PaymentGateway:
        """The gateway asked for; without a name the default, or another that can charge the amount.

        Raises InvalidRequest for one that is not on, AmountNotSupported.
        """
        asked = self.choose_gateway(name)
        return self._able(money, name, asked, (asked, *self.by_name.values()))

    def choose_checkout_gateway_for_amount(self, money: Money, name: str | None) -> PaymentGateway:
        """As `choose_gateway_for_amount`, among the gateways that have pages.

        Raises also what `choose_checkout_gateway` raises.
        """
        asked = self.choose_checkout_gateway(name)
        paged = [gateway for gateway in self.by_name.values() if isinstance(gateway, HostedCheckoutGateway)]
        return self._able(money, name, asked, (asked, *paged))

    def _able(
        self, money: Money, name: str | None, asked: PaymentGateway, gateways: Iterable[PaymentGateway]
    ) -> PaymentGateway:
        able = [gateway for gateway in gateways if find_charge_refusal(gateway.charge_limits, money) is None]
        if asked in able or (able and name is None):
            return asked if asked in able else able[0]
        raise AmountNotSupported(asked.name, money, tuple(sorted({gateway.name for gateway in able})))

    def choose_checkout_gateway(self, name: str | None) -> PaymentGateway:
        """The one asked for, or the default, or any other that has pages.

        Raises InvalidRequest for one that is not on or has none, Conflict `checkout_unavailable` where none has.
        """
        if name is not None:
            asked = self.choose_gateway(name)
            if not isinstance(asked, HostedCheckoutGateway):
                text = f"{name} asks travellers on its own page: use the approval_url of a payment intent"
                raise InvalidRequest(errors=(FieldError("/provider", "no_checkout", text),))
            return asked
        for one in (self.by_name[self.default_name], *self.by_name.values()):
            if isinstance(one, HostedCheckoutGateway):
                return one
        raise Conflict("No provider that is on has payment pages.", code="checkout_unavailable")

    def get_checkout_gateway(self, provider: str) -> HostedCheckoutGateway:
        """Of a payment on record that is paid on a page. Raises ProviderPermanent as `of` does."""
        found = self.get_gateway(provider)
        if not isinstance(found, HostedCheckoutGateway):
            raise ProviderPermanent(provider, "has no payment pages", provider_code="no_checkout")
        return found

    def get_gateway(self, provider: str) -> PaymentGateway:
        """Of a payment on record. Raises ProviderPermanent for a provider that has been switched off since."""
        found = self.by_name.get(provider)
        if found is None:
            raise ProviderPermanent(provider, "is switched off", provider_code="provider_off")
        return found
