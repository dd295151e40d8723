"""A payment's intent or page at the provider: read where it is known, made under its key where it is not."""

from dataclasses import dataclass
from typing import Any

from hub.bookings import Booking, Decline, PaymentStatus
from hub.bookings.store import Store
from hub.core.db import Database
from hub.core.errors import ProviderPermanent
from hub.customers import Customer, Customers
from hub.payments.gateway import CheckoutPage, CreationRefused, Gateway, Gateways, Intent, IntentRequest, PageRequest
from hub.payments.ledger import SQL
from hub.payments.model import Payment

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
        """Asked twice, also after a lost answer, it is the same intent: the key is the payment, the body its facts.

        For a payment on a page: what has become of the page, which is made where that is not certain.
        Raises CreationRefused where the provider refuses to make either.
        """
        if payment.intent_id is not None:
            return await self.read(payment)
        gateway = self.gateways.of(payment.provider)
        if payment.page is not None:
            return await gateway.read((await self.page(payment)).id)
        booking, customer = await self._about(payment)
        request = IntentRequest(
            payment_id=payment.id,
            booking_id=payment.booking_id,
            amount=payment.amount,
            description=f"Booking {booking.reference}",
            payment_customer_id=await self._payment_customer(gateway, customer),
        )
        try:
            return await gateway.create(request, key=f"payment:{payment.id}:create")
        except ProviderPermanent as error:
            raise CreationRefused.of(error) from error

    async def page(self, payment: Payment) -> CheckoutPage:
        """The page that the payment is made on, made once under its key."""
        row = await self._page(payment)
        if row["page_id"] is not None:
            return CheckoutPage(row["page_id"], row["url"] or "", row["expires_at"])
        gateway, pages = self.gateways.of(payment.provider), self.gateways.pages_of(payment.provider)
        booking, customer = await self._about(payment)
        request = PageRequest(
            payment_id=payment.id,
            booking_id=payment.booking_id,
            amount=payment.amount,
            description=f"Booking {booking.reference}",
            success_url=row["success_url"],
            cancel_url=row["cancel_url"],
            payment_customer_id=await self._payment_customer(gateway, customer),
        )
        make = pages.payment_link if payment.page == "link" else pages.checkout
        try:
            made = await make(request, key=f"payment:{payment.id}:page")
        except ProviderPermanent as error:
            raise CreationRefused.of(error) from error
        async with self.db.transaction() as tx:
            await tx.fetchrow(SQL.set_page, payment.id, made.id, made.url, made.expires_at)
        return made

    async def close(self, payment: Payment) -> Intent:
        """Closes the page; what was paid there in the meantime shows in the intent. Raises ProviderPermanent."""
        page = await self.page(payment)
        await self.gateways.pages_of(payment.provider).close_page(page.id, key=payment.key("close"))
        return await self.gateways.of(payment.provider).read(page.id)

    async def look(self, payment: Payment) -> Intent | None:
        """As `read`; None while there is nothing at the provider that could be read."""
        if payment.intent_id is None and (payment.page is None or (await self._page(payment))["page_id"] is None):
            return None
        return await self.read(payment)

    async def read(self, payment: Payment) -> Intent:
        """As the provider shows it now. One that has lapsed there without anything held is as good as released."""
        name = payment.intent_id
        if name is None and payment.page is not None:
            name = (await self._page(payment))["page_id"]
        try:
            return await self.gateways.of(payment.provider).read(name or "", payment.attempt)
        except ProviderPermanent as error:
            if error.provider_code not in _LAPSED or payment.status not in _NOTHING_HELD:
                raise
            return Intent(payment.intent_id or "", payment.id, payment.amount, PaymentStatus.RELEASED)

    async def _page(self, payment: Payment) -> Any:
        async with self.db.transaction() as tx:
            return await tx.fetchrow(SQL.page_of, payment.id)

    async def _about(self, payment: Payment) -> tuple[Booking, Customer]:
        async with self.db.transaction() as tx:
            booking = await self.bookings.find(tx, payment.booking_id)
            return booking, await self.customers.find(tx, payment.customer_id)

    async def _payment_customer(self, gateway: Gateway, customer: Customer) -> str:
        """Their account at the provider; empty where the provider keeps none."""
        if not gateway.keeps_customers:
            return ""
        if customer.payment_customer_id:
            return customer.payment_customer_id
        made = await gateway.ensure_customer(customer.id, customer.email, customer.name)
        async with self.db.transaction() as tx:
            return await self.customers.keep_payment_customer(tx, customer.id, made)


def never_created(payment: Payment, refused: CreationRefused) -> Intent:
    """The state of a payment whose intent the provider refused to create."""
    decline = Decline(refused.provider_code or refused.code)
    return Intent("", payment.id, payment.amount, PaymentStatus.FAILED, failure=decline)
