from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints

from hub.core.money import Money
from hub.sales.bookings import PaymentStatus
from hub.sales.payments import CheckoutService, HostedCheckout, OpenCheckout, Payment, ReturnUrlPolicy, Settlement
from routes.traveler.bookings import BookingOut
from routes.web.endpoint_api import MOVE_MONEY, OWN_DATA, OWN_MONEY, ApiModel, Call, get, post
from routes.web.schemas import Currency, LastFailureOut, MoneyOut

TAGS = ("payments",)


class IntentIn(ApiModel):
    """`amount` (minor units) and `currency` are what the traveller has seen; the hub's own price is what is charged."""

    booking_id: UUID
    amount: int | None = Field(default=None, gt=0, le=10**12)
    currency: Currency | None = None
    provider: str | None = Field(default=None, max_length=20, examples=["stripe", "paypal"])


class PriceIn(ApiModel):
    """The new price as you have seen it: `new_total` of the booking."""

    amount: int = Field(gt=0, le=10**12)
    currency: Currency


ReturnUrl = Annotated[str, StringConstraints(min_length=8, max_length=2000)]


class CheckoutIn(ApiModel):
    """Where the provider's page leads afterwards: pages of the frontend; the hub's own where none is named."""

    booking_id: UUID
    success_url: ReturnUrl | None = Field(
        default=None, description="may hold {CHECKOUT_SESSION_ID}, which Stripe fills in, and {booking_id}"
    )
    cancel_url: ReturnUrl | None = None
    provider: str | None = Field(default=None, max_length=20, examples=["stripe"])


class LinkIn(ApiModel):
    booking_id: UUID
    success_url: ReturnUrl | None = None
    provider: str | None = Field(default=None, max_length=20, examples=["stripe"])


class CheckoutOut(ApiModel):
    id: str
    url: str = Field(description="where the traveller pays")
    expires_at: datetime = Field(description="until when the booking can be paid there")
    payment_id: UUID
    amount: int
    currency: str
    provider: str

    @classmethod
    def from_domain(cls, page: OpenCheckout) -> Self:
        total, payment = page.payment.amount, page.payment
        return cls(
            id=page.id,
            url=page.url,
            expires_at=page.expires_at,
            payment_id=payment.id,
            amount=total.amount,
            currency=total.currency,
            provider=payment.provider,
        )


class RetryOut(ApiModel):
    payment: "PaymentOut"
    done: list[Literal["read", "capture", "fulfil", "release", "refund"]] = Field(
        description="read: the provider had news; the others have been asked for again"
    )


class IntentOut(ApiModel):
    payment_id: UUID
    payment_intent_id: str
    client_secret: str | None
    amount: int
    currency: str
    status: PaymentStatus
    provider: str
    publishable_key: str
    approval_url: str | None = Field(description="where the traveller agrees, for a provider with a page of its own")


class PaymentOut(ApiModel):
    id: UUID
    booking_id: UUID
    payment_intent_id: str | None
    status: PaymentStatus
    total: MoneyOut
    captured: MoneyOut
    refunded: MoneyOut
    failure: str | None = Field(description="the more precise code of `last_failure`")
    last_failure: LastFailureOut | None = Field(
        description="why the last attempt to pay was declined; kept, also when a later one has succeeded"
    )
    created_at: datetime
    updated_at: datetime

    @classmethod
    def from_domain(cls, payment: Payment) -> Self:
        currency = payment.amount.currency
        same = "id booking_id status created_at updated_at".split()
        return cls(
            failure=payment.last_failure.reason if payment.last_failure else None,
            last_failure=LastFailureOut.from_decline(payment.last_failure),
            payment_intent_id=payment.intent_id,
            total=MoneyOut.from_money(payment.amount),
            captured=MoneyOut.from_money(Money(payment.captured, currency)),
            refunded=MoneyOut.from_money(Money(payment.refunded, currency)),
            **{name: getattr(payment, name) for name in same},
        )


class PaymentsOut(ApiModel):
    booking_id: UUID
    payments: list[PaymentOut]


class PaymentRoutes:
    def __init__(
        self, cashier: CheckoutService, pages: HostedCheckout, returns: ReturnUrlPolicy, settlement: Settlement
    ) -> None:
        self._cashier = cashier
        self._pages = pages
        self._returns = returns
        self._settlement = settlement

    @post("/api/payments/create-payment-intent", permission=OWN_MONEY, tags=TAGS)
    async def create_intent(self, call: Call, body: IntentIn) -> IntentOut:
        """The payment intent of a booking, for the frontend to confirm. Asked again, it is the same one."""
        payment, intent = await self._cashier.start_payment(
            call.signed_in_caller, body.booking_id, amount=body.amount, currency=body.currency, provider=body.provider
        )
        return IntentOut(
            payment_id=payment.id,
            payment_intent_id=intent.id,
            client_secret=intent.client_secret,
            amount=payment.amount.amount,
            currency=payment.amount.currency,
            status=payment.status,
            provider=payment.provider,
            publishable_key=self._cashier.gateways.get_gateway(payment.provider).publishable_key,
            approval_url=intent.approval_url,
        )

    @post("/api/payments/checkout-session", permission=OWN_MONEY, tags=TAGS)
    async def checkout(self, call: Call, body: CheckoutIn) -> CheckoutOut:
        """A page of the provider's on which the booking is paid. Asked again while it is open, it is the same one."""
        returns = self._returns.choose_return_urls(body.success_url, body.cancel_url)
        page = await self._pages.open_checkout_session(
            call.signed_in_caller, body.booking_id, returns, provider=body.provider
        )
        return CheckoutOut.from_domain(page)

    @post("/api/payments/payment-link", permission=MOVE_MONEY, tags=TAGS)
    async def link(self, call: Call, body: LinkIn) -> CheckoutOut:
        """For staff: an address to send to the traveller, with which the booking can be paid once."""
        returns = self._returns.choose_return_urls(body.success_url, None)
        return CheckoutOut.from_domain(
            await self._pages.open_payment_link(body.booking_id, returns, provider=body.provider)
        )

    @post("/api/payments/{payment_id}/retry", permission=MOVE_MONEY, tags=TAGS)
    async def retry(self, call: Call, payment_id: UUID) -> RetryOut:
        """For staff: looks the payment up at its provider, and asks once more for what stands still."""
        payment, done = await self._settlement.retry_payment(payment_id)
        return RetryOut(payment=PaymentOut.from_domain(payment), done=done)

    @post("/api/bookings/{booking_id}/accept-price", permission=OWN_MONEY, tags=TAGS)
    async def accept_price(self, call: Call, booking_id: UUID, body: PriceIn) -> BookingOut:
        """Agree to a price that has risen since you paid. What was held goes back; pay anew with a payment intent."""
        price = Money(body.amount, body.currency)
        return BookingOut.from_domain(await self._cashier.accept_price(call.signed_in_caller, booking_id, price))

    @get("/api/payments/booking/{booking_id}", permission=OWN_DATA, tags=TAGS)
    async def of_booking(self, call: Call, booking_id: UUID) -> PaymentsOut:
        """How the payment of a booking stands. An open one is looked up at the provider first."""
        payments = await self._cashier.list_payments(call.signed_in_caller, booking_id)
        return PaymentsOut(booking_id=booking_id, payments=[PaymentOut.from_domain(one) for one in payments])
