"""Paying on a page of the provider's: a checkout session for who is here, a link for who is to be sent one.

A payment has one page at most, and one way to be paid at a time: who asks for another way gets another payment, and
what the first may still bring in goes back.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub.core.context import bind_context
from hub.core.db import Database, Tx
from hub.core.errors import Conflict
from hub.people.identity import Caller
from hub.sales.bookings import Booking, PaymentStatus
from hub.sales.payments.checkout import CheckoutService
from hub.sales.payments.gateway import CreationRefused
from hub.sales.payments.model import Payment
from hub.sales.payments.payment_state import SQL
from hub.sales.payments.return_urls import ReturnUrls

_WAITING = frozenset({PaymentStatus.UNPAID, PaymentStatus.REQUIRES_ACTION})


@dataclass(frozen=True, slots=True)
class OpenCheckout:
    """`expires_at`: when the booking ends if nobody has paid, or the page does."""

    payment: Payment
    id: str
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CheckoutOptions:
    """Which kind of page, `session` or `open_payment_link`; at which provider, None for any; and where it leads."""

    kind: str
    provider: str | None
    return_urls: ReturnUrls


@dataclass(frozen=True, slots=True)
class HostedCheckout:
    db: Database
    checkout_service: CheckoutService

    async def open_checkout_session(
        self, caller: Caller, booking_id: UUID, returns: ReturnUrls, *, provider: str | None = None
    ) -> OpenCheckout:
        """A page for the booking's own price. Asked again with the same addresses, the same page while it is open.

        Raises NotFound, Conflict when the booking is not to be paid or money is on its way, Gone when its time is
        over, InvalidRequest for a provider without pages, AmountNotSupported.
        """
        async with self.db.transaction(caller.id) as tx:
            await self.checkout_service.bookings.find_booking(tx, booking_id)
        return await self._open(booking_id, CheckoutOptions("session", provider, returns))

    async def open_payment_link(
        self, booking_id: UUID, returns: ReturnUrls, *, provider: str | None = None
    ) -> OpenCheckout:
        """For staff: an address to send to the traveller, with which the booking can be paid once. Raises as above."""
        return await self._open(booking_id, CheckoutOptions("link", provider, returns))

    async def _open(self, booking_id: UUID, wish: CheckoutOptions) -> OpenCheckout:
        with bind_context(booking_id=booking_id):
            self.checkout_service.gateways.choose_checkout_gateway(wish.provider)
            await self.checkout_service.refresh_from_provider(booking_id)
            async with self.db.transaction() as tx:
                booking = await self.checkout_service.bookings.find_booking(tx, booking_id, lock=True)
                self.checkout_service.check_payable(booking)
                name = self.checkout_service.gateways.choose_checkout_gateway_for_amount(
                    booking.total, wish.provider
                ).name
                payment = await self._payment(tx, booking, wish, name)
            try:
                page = await self.checkout_service.intents.get_or_create_page(payment)
            except CreationRefused as refused:
                raise await self.checkout_service.close_refused_payment(payment, refused) from refused
            return OpenCheckout(
                payment, page.id, page.url, min(booking.expires_at, page.expires_at or booking.expires_at)
            )

    async def _payment(self, tx: Tx, booking: Booking, wish: CheckoutOptions, provider: str) -> Payment:
        """The one that waits on such a page already, or a new one in its place."""
        live = await tx.fetchrow(SQL.live_of_booking, booking.id)
        if live is not None:
            payment = Payment.from_row(live)
            if payment.status not in _WAITING:
                raise Conflict(f"The payment is {payment.status}.", code="payment_in_progress")
            if await self._same(tx, payment, wish):
                return payment
            await self.checkout_service.supersede_live_payment(tx, payment)
        payment = await self.checkout_service.insert_payment(tx, booking, provider, page=wish.kind)
        returns, now = wish.return_urls.fill_booking_id(booking.id), self.checkout_service.clock.now()
        await tx.execute(SQL.insert_page, payment.id, returns.success, returns.cancel, now)
        await self.checkout_service.state_machine.audit.record_action(
            tx, f"payment.{wish.kind}_made", customer_id=payment.customer_id, booking_id=booking.id
        )
        return payment

    async def _same(self, tx: Tx, payment: Payment, wish: CheckoutOptions) -> bool:
        """Whether the page that waits is the one that is wanted. One that has been paid with in vain is none."""
        if payment.page != wish.kind or payment.intent_id is not None or wish.provider not in {None, payment.provider}:
            return False
        row, returns = await tx.fetchrow(SQL.page_of, payment.id), wish.return_urls.fill_booking_id(payment.booking_id)
        return row is not None and (row["success_url"], row["cancel_url"]) == (returns.success, returns.cancel)
