from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import Field

from hub.bookings import PaymentStatus
from hub.core.money import Money
from hub.payments import Cashier, Payment
from routes.bookings import BookingOut
from routes.request import OWN_MONEY, TRAVELLER, ApiModel, Call, get, post
from routes.views import Currency, MoneyOut

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
    failure: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, payment: Payment) -> Self:
        currency = payment.amount.currency
        same = "id booking_id status failure created_at updated_at".split()
        return cls(
            payment_intent_id=payment.intent_id,
            total=MoneyOut.of(payment.amount),
            captured=MoneyOut.of(Money(payment.captured, currency)),
            refunded=MoneyOut.of(Money(payment.refunded, currency)),
            **{name: getattr(payment, name) for name in same},
        )


class PaymentsOut(ApiModel):
    booking_id: UUID
    payments: list[PaymentOut]


class PaymentRoutes:
    def __init__(self, cashier: Cashier) -> None:
        self._cashier = cashier

    @post("/api/payments/create-payment-intent", who=OWN_MONEY, tags=TAGS)
    async def create_intent(self, call: Call, body: IntentIn) -> IntentOut:
        """The payment intent of a booking, for the frontend to confirm. Asked again, it is the same one."""
        payment, intent = await self._cashier.start(
            call.who, body.booking_id, amount=body.amount, currency=body.currency, provider=body.provider
        )
        return IntentOut(
            payment_id=payment.id,
            payment_intent_id=intent.id,
            client_secret=intent.client_secret,
            amount=payment.amount.amount,
            currency=payment.amount.currency,
            status=payment.status,
            provider=payment.provider,
            publishable_key=self._cashier.gateways.of(payment.provider).publishable_key,
            approval_url=intent.approval_url,
        )

    @post("/api/bookings/{booking_id}/accept-price", who=OWN_MONEY, tags=TAGS)
    async def accept_price(self, call: Call, booking_id: UUID, body: PriceIn) -> BookingOut:
        """Agree to a price that has risen since you paid. What was held goes back; pay anew with a payment intent."""
        price = Money(body.amount, body.currency)
        return BookingOut.of(await self._cashier.accept_price(call.who, booking_id, price))

    @get("/api/payments/booking/{booking_id}", who=TRAVELLER, tags=TAGS)
    async def of_booking(self, call: Call, booking_id: UUID) -> PaymentsOut:
        """How the payment of a booking stands. An open one is looked up at the provider first."""
        payments = await self._cashier.of_booking(call.who, booking_id)
        return PaymentsOut(booking_id=booking_id, payments=[PaymentOut.of(one) for one in payments])
