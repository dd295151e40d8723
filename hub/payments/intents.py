"""A payment's intent at the provider: read where it is known, made under its key where it is not."""

from dataclasses import dataclass

from hub.bookings import PaymentStatus
from hub.bookings.store import Store
from hub.core.db import Database
from hub.core.errors import ProviderPermanent
from hub.customers import Customer, Customers
from hub.payments.gateway import Gateway, Gateways, Intent, IntentRequest
from hub.payments.ledger import Payment

_LAPSED = frozenset({"INVALID_RESOURCE_ID"})
"""PayPal forgets an order that nobody has approved within hours."""
_NOTHING_HELD = frozenset({PaymentStatus.UNPAID, PaymentStatus.REQUIRES_ACTION, PaymentStatus.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Intents:
    db: Database
    bookings: Store
    customers: Customers
    gateways: Gateways

    async def of(self, payment: Payment) -> Intent:
        """Asked twice, also after a lost answer, it is the same intent: the key is the payment, the body its facts."""
        if payment.intent_id is not None:
            return await self.read(payment)
        gateway = self.gateways.of(payment.provider)
        async with self.db.transaction() as tx:
            booking = await self.bookings.find(tx, payment.booking_id)
            customer = await self.customers.find(tx, payment.customer_id)
        request = IntentRequest(
            payment_id=payment.id,
            booking_id=payment.booking_id,
            amount=payment.amount,
            description=f"Booking {booking.reference}",
            payment_customer_id=await self._payment_customer(gateway, customer),
        )
        return await gateway.create(request, key=f"payment:{payment.id}:create")

    async def read(self, payment: Payment) -> Intent:
        """As the provider shows it now. One that has lapsed there without anything held is as good as released."""
        try:
            return await self.gateways.of(payment.provider).read(payment.intent_id or "")
        except ProviderPermanent as error:
            if error.provider_code not in _LAPSED or payment.status not in _NOTHING_HELD:
                raise
            return Intent(payment.intent_id or "", payment.id, payment.amount, PaymentStatus.RELEASED)

    async def _payment_customer(self, gateway: Gateway, customer: Customer) -> str:
        """Their account at the provider; empty where the provider keeps none."""
        if not gateway.keeps_customers:
            return ""
        if customer.payment_customer_id:
            return customer.payment_customer_id
        made = await gateway.ensure_customer(customer.id, customer.email, customer.name)
        async with self.db.transaction() as tx:
            return await self.customers.keep_payment_customer(tx, customer.id, made)
