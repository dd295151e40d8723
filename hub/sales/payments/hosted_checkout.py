"""Paying on a page of the provider's: a checkout session for who is here, a link for who is to be sent one.

A payment has one page at most, and one way to be paid at a time: who asks for another way gets another payment, and
what the first may still bring in goes back.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub.core.context import about
from hub.core.db import Database, Tx
from hub.core.errors import Conflict
from hub.people.identity import Caller
from hub.sales.bookings import Booking, PaymentStatus
from hub.sales.payments.checkout import Cashier
from hub.sales.payments.gateway import CreationRefused
from hub.sales.payments.model import Payment
from hub.sales.payments.payment_state import SQL
from hub.sales.payments.return_urls import Returns

_WAITING = frozenset({PaymentStatus.UNPAID, PaymentStatus.REQUIRES_ACTION})


@dataclass(frozen=True, slots=True)
class OpenPage:
    """`until`: when the booking ends if nobody has paid, or the page does."""

    payment: Payment
    id: str
    url: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Wish:
    """Which kind of page, `session` or `link`; at which provider, None for any; and where it leads."""

    kind: str
    provider: str | None
    returns: Returns


@dataclass(frozen=True, slots=True)
class Pages:
    db: Database
    cashier: Cashier

    async def checkout(
        self, caller: Caller, booking_id: UUID, returns: Returns, *, provider: str | None = None
    ) -> OpenPage:
        """A page for the booking's own price. Asked again with the same addresses, the same page while it is open.

        Raises NotFound, Conflict when the booking is not to be paid or money is on its way, Gone when its time is
        over, Invalid for a provider without pages, AmountNotSupported.
        """
        async with self.db.transaction(caller.id) as tx:
            await self.cashier.bookings.find(tx, booking_id)
        return await self._open(booking_id, Wish("session", provider, returns))

    async def link(self, booking_id: UUID, returns: Returns, *, provider: str | None = None) -> OpenPage:
        """For staff: an address to send to the traveller, with which the booking can be paid once. Raises as above."""
        return await self._open(booking_id, Wish("link", provider, returns))

    async def _open(self, booking_id: UUID, wish: Wish) -> OpenPage:
        with about(booking_id=booking_id):
            self.cashier.gateways.with_pages(wish.provider)
            await self.cashier.look(booking_id)
            async with self.db.transaction() as tx:
                booking = await self.cashier.bookings.find(tx, booking_id, lock=True)
                self.cashier.check(booking)
                name = self.cashier.gateways.with_pages_for(booking.total, wish.provider).name
                payment = await self._payment(tx, booking, wish, name)
            try:
                page = await self.cashier.intents.page(payment)
            except CreationRefused as refused:
                raise await self.cashier.close_refused(payment, refused) from refused
            return OpenPage(payment, page.id, page.url, min(booking.expires_at, page.expires_at or booking.expires_at))

    async def _payment(self, tx: Tx, booking: Booking, wish: Wish, provider: str) -> Payment:
        """The one that waits on such a page already, or a new one in its place."""
        live = await tx.fetchrow(SQL.live_of_booking, booking.id)
        if live is not None:
            payment = Payment.from_row(live)
            if payment.status not in _WAITING:
                raise Conflict(f"The payment is {payment.status}.", code="payment_in_progress")
            if await self._same(tx, payment, wish):
                return payment
            await self.cashier.make_room(tx, payment)
        payment = await self.cashier.insert(tx, booking, provider, page=wish.kind)
        returns, now = wish.returns.of(booking.id), self.cashier.clock.now()
        await tx.execute(SQL.insert_page, payment.id, returns.success, returns.cancel, now)
        await self.cashier.ledger.audit.record(
            tx, f"payment.{wish.kind}_made", customer_id=payment.customer_id, booking_id=booking.id
        )
        return payment

    async def _same(self, tx: Tx, payment: Payment, wish: Wish) -> bool:
        """Whether the page that waits is the one that is wanted. One that has been paid with in vain is none."""
        if payment.page != wish.kind or payment.intent_id is not None or wish.provider not in {None, payment.provider}:
            return False
        row, returns = await tx.fetchrow(SQL.page_of, payment.id), wish.returns.of(payment.booking_id)
        return row is not None and (row["success_url"], row["cancel_url"]) == (returns.success, returns.cancel)
