"""A payment's intent or page at the provider: read where it is known, made under its key where it is not."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from hub.core.db import Database
from hub.core.errors import ProviderPermanent
from hub.people.customers import Customer, Customers
from hub.sales.bookings import Booking, BookingRepository, Decline, PaymentStatus
from hub.sales.payments.gateway import (
    ACCOUNT_CHANGED,
    CheckoutPage,
    CheckoutPageRequest,
    CreationRefused,
    CustomerMissing,
    GatewayRegistry,
    Intent,
    IntentRequest,
    PaymentGateway,
    is_missing,
)
from hub.sales.payments.model import Payment
from hub.sales.payments.payment_state import SQL

T = TypeVar("T")
log = structlog.get_logger(__name__)
_NOTHING_HELD = frozenset({PaymentStatus.UNPAID, PaymentStatus.REQUIRES_ACTION, PaymentStatus.UNKNOWN})
_OVER = frozenset({PaymentStatus.RELEASED, PaymentStatus.FAILED})


@dataclass(frozen=True, slots=True)
class ProviderCustomer:
    """The customer at the provider. `replaced_count`: how many before it the provider did not know any more."""

    id: str
    replaced_count: int

    @property
    def key_suffix(self) -> str:
        """Of idempotency keys: what names another customer is another request."""
        return f":{self.replaced_count}" if self.replaced_count else ""


@dataclass(frozen=True, slots=True)
class PaymentIntents:
    db: Database
    bookings: BookingRepository
    customers: Customers
    gateways: GatewayRegistry

    async def get_or_create_intent(self, payment: Payment) -> Intent:
        """Asked twice, also after a lost answer, it is the same intent: the key is the payment, the body its facts.

        For a payment on a page: what has become of the page, which is made where that is not certain.
        Raises CreationRefused where the provider refuses to make either.
        """
        if payment.intent_id is not None:
            return await self.read_intent(payment)
        gateway = self.gateways.get_gateway(payment.provider)
        if payment.page is not None:
            return await gateway.read_intent((await self.get_or_create_page(payment)).id)

        async def create(booking: Booking, payer: ProviderCustomer) -> Intent:
            request = IntentRequest(
                payment_id=payment.id,
                booking_id=payment.booking_id,
                amount=payment.amount,
                description=f"Booking {booking.reference}",
                payment_customer_id=payer.id,
            )
            return await gateway.create_intent(request, key=f"payment:{payment.id}:create{payer.key_suffix}")

        return await self._begin(payment, gateway, create)

    async def get_or_create_page(self, payment: Payment) -> CheckoutPage:
        """The page that the payment is made on, made once under its key."""
        row = await self._page(payment)
        if row["page_id"] is not None:
            return CheckoutPage(row["page_id"], row["url"] or "", row["expires_at"])
        gateway, pages = (
            self.gateways.get_gateway(payment.provider),
            self.gateways.get_checkout_gateway(payment.provider),
        )
        make = pages.create_payment_link if payment.page == "link" else pages.create_checkout_session

        async def create(booking: Booking, payer: ProviderCustomer) -> CheckoutPage:
            request = CheckoutPageRequest(
                payment_id=payment.id,
                booking_id=payment.booking_id,
                amount=payment.amount,
                description=f"Booking {booking.reference}",
                success_url=row["success_url"],
                cancel_url=row["cancel_url"],
                payment_customer_id=payer.id,
            )
            return await make(request, key=f"payment:{payment.id}:page{payer.key_suffix}")

        made = await self._begin(payment, gateway, create)
        async with self.db.transaction() as tx:
            await tx.fetchrow(SQL.set_page, payment.id, made.id, made.url, made.expires_at)
        return made

    async def close_page(self, payment: Payment) -> Intent:
        """Closes the page; what was paid there in the meantime shows in the intent. Raises ProviderPermanent."""
        page = await self.get_or_create_page(payment)
        await self.gateways.get_checkout_gateway(payment.provider).close_page(page.id, key=payment.build_key("close"))
        return await self.gateways.get_gateway(payment.provider).read_intent(page.id)

    async def find_intent(self, payment: Payment) -> Intent | None:
        """As `read_intent`; None while there is nothing at the provider that could be read."""
        if payment.intent_id is None and (payment.page is None or (await self._page(payment))["page_id"] is None):
            return None
        return await self.read_intent(payment)

    async def read_intent(self, payment: Payment) -> Intent:
        """As the provider shows it now. One that it does not know, without anything held, is as good as released: it
        has lapsed, or the hub's account or mode is another one now.
        """
        name = payment.intent_id
        if name is None and payment.page is not None:
            name = (await self._page(payment))["page_id"]
        gateway = self.gateways.get_gateway(payment.provider)
        try:
            await _check_account(payment, gateway)
            return await gateway.read_intent(name or "", payment.attempt)
        except ProviderPermanent as error:
            if not is_missing(error) or payment.status not in _NOTHING_HELD | _OVER:
                raise
            status = payment.status if payment.status in _OVER else PaymentStatus.RELEASED
            return Intent(payment.intent_id or "", payment.id, payment.amount, status)

    async def _page(self, payment: Payment) -> Any:
        async with self.db.transaction() as tx:
            return await tx.fetchrow(SQL.page_of, payment.id)

    async def _begin(
        self, payment: Payment, gateway: PaymentGateway, create: Callable[[Booking, ProviderCustomer], Awaitable[T]]
    ) -> T:
        """Creates the intent or the page. A customer whom the provider does not know any more is replaced once, under a
        key of its own. Raises CreationRefused.
        """
        account = await gateway.get_account()
        booking, customer = await self._about(payment, account)
        payer = await self._payer(gateway, customer, account)
        try:
            try:
                return await create(booking, payer)
            except CustomerMissing:
                payer = await self._replace_payer(gateway, customer, payer)
                return await create(booking, payer)
        except ProviderPermanent as error:
            raise CreationRefused.from_error(error) from error

    async def _about(self, payment: Payment, account: str) -> tuple[Booking, Customer]:
        """And ties the payment to the account, before anything of it exists there."""
        async with self.db.transaction() as tx:
            await tx.execute(SQL.set_account, payment.id, account)
            booking = await self.bookings.find_booking(tx, payment.booking_id)
            return booking, await self.customers.find_customer(tx, payment.customer_id)

    async def _payer(self, gateway: PaymentGateway, customer: Customer, account: str) -> ProviderCustomer:
        """Their customer at the provider, in this account; none where the provider keeps none."""
        if not gateway.keeps_customers:
            return ProviderCustomer("", 0)
        if customer.payment_customer_id and customer.payment_account in {None, account}:
            return ProviderCustomer(customer.payment_customer_id, customer.payment_customer_losses)
        losses = customer.payment_customer_losses
        created = await gateway.ensure_customer(
            customer.id,
            customer.email,
            customer.name,
            key=f"customer:{customer.id}:create{ProviderCustomer('', losses).key_suffix}",
        )
        async with self.db.transaction() as tx:
            kept = await self.customers.store_payment_customer(tx, customer.id, created, account)
        return ProviderCustomer(kept, losses)

    async def _replace_payer(
        self, gateway: PaymentGateway, customer: Customer, missing: ProviderCustomer
    ) -> ProviderCustomer:
        """Whoever notices first creates the next one; the others find it."""
        async with self.db.transaction() as tx:
            await self.customers.drop_payment_customer(tx, customer.id, missing.id)
            customer = await self.customers.find_customer(tx, customer.id)
        log.warning("payment_customer.replaced", provider=gateway.name, losses=customer.payment_customer_losses)
        return await self._payer(gateway, customer, await gateway.get_account())


async def _check_account(payment: Payment, gateway: PaymentGateway) -> None:
    """Raises ProviderPermanent for a payment that began in another account, or in another mode."""
    if payment.account is not None and payment.account != await gateway.get_account():
        raise ProviderPermanent(gateway.name, "belongs to another account", provider_code=ACCOUNT_CHANGED)


def build_refused_intent(payment: Payment, refused: CreationRefused) -> Intent:
    """The state of a payment whose intent the provider refused to create."""
    decline = Decline(refused.provider_code or refused.code)
    return Intent("", payment.id, payment.amount, PaymentStatus.FAILED, failure=decline)
