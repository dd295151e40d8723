"""A payment's intent at the provider: read where it is known, made under its key where it is not."""

from dataclasses import dataclass

from hub.bookings.store import Store
from hub.core.db import Database
from hub.customers import Customer, Customers
from hub.payments.gateway import Gateway, Intent, IntentRequest
from hub.payments.ledger import Payment


@dataclass(frozen=True, slots=True)
class Intents:
    db: Database
    bookings: Store
    customers: Customers
    gateway: Gateway

    async def of(self, payment: Payment) -> Intent:
        """Asked twice, also after a lost answer, it is the same intent: the key is the payment, the body its facts."""
        if payment.intent_id is not None:
            return await self.gateway.read(payment.intent_id)
        async with self.db.transaction() as tx:
            booking = await self.bookings.find(tx, payment.booking_id)
            customer = await self.customers.find(tx, payment.customer_id)
        request = IntentRequest(
            payment_id=payment.id,
            booking_id=payment.booking_id,
            amount=payment.amount,
            description=f"Booking {booking.reference}",
            payment_customer_id=await self._payment_customer(customer),
        )
        return await self.gateway.create(request, key=f"payment:{payment.id}:create")

    async def _payment_customer(self, customer: Customer) -> str:
        if customer.payment_customer_id:
            return customer.payment_customer_id
        made = await self.gateway.ensure_customer(customer.id, customer.email, customer.name)
        async with self.db.transaction() as tx:
            return await self.customers.keep_payment_customer(tx, customer.id, made)
