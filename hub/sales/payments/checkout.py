"""What a traveller does with money: starts a payment, and asks how it stands."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from hub.core.clock import Clock, IdGenerator
from hub.core.context import bind_context
from hub.core.db import Database, Tx
from hub.core.errors import Conflict, Gone, HubError, ProviderPermanent
from hub.core.money import Money
from hub.core.row_failures import RowKey, Sweep
from hub.people.identity import Caller
from hub.sales.bookings import Booking, BookingRepository, BookingStatus, PaymentStatus, ReleasePayment
from hub.sales.payments.gateway import (
    AMOUNT_NOT_SUPPORTED,
    AmountNotSupported,
    CreationRefused,
    GatewayRegistry,
    Intent,
)
from hub.sales.payments.intents import PaymentIntents, build_refused_intent
from hub.sales.payments.model import Payment
from hub.sales.payments.payment_state import SQL, UNFUNDED_END_STATUSES, PaymentStateMachine

_OPEN = frozenset({
    PaymentStatus.UNPAID, PaymentStatus.REQUIRES_ACTION, PaymentStatus.PROCESSING, PaymentStatus.UNKNOWN,
})  # fmt: skip

_TRIES = 3
"""How many payments one request begins, when each intent turns out to be canceled at the provider."""


@dataclass(frozen=True, slots=True)
class CheckoutService:
    db: Database
    bookings: BookingRepository
    state_machine: PaymentStateMachine
    intents: PaymentIntents
    gateways: GatewayRegistry
    clock: Clock
    ids: IdGenerator
    payment_window: timedelta

    async def start_payment(
        self,
        caller: Caller,
        booking_id: UUID,
        *,
        amount: int | None = None,
        currency: str | None = None,
        provider: str | None = None,
    ) -> tuple[Payment, Intent]:
        """The booking's payment intent, made once however often it is asked for.

        `amount` (minor units) and `currency` are what the traveller believes to pay. Raises Conflict when that is not
        the hub's own price or the booking is not to be paid, Gone when its time is over, InvalidRequest for a provider
        that is not on, AmountNotSupported. Another provider than before, or a page, gives its place to it while nothing
        is held; so does an intent that has been canceled at the provider.
        """
        with bind_context(booking_id=booking_id):
            self.gateways.choose_gateway(provider)
            await self.refresh_from_provider(booking_id, caller.id)
            for _ in range(_TRIES):
                payment = await self._open(caller, booking_id, (amount, currency), provider)
                try:
                    intent = await self.intents.get_or_create_intent(payment)
                except CreationRefused as refused:
                    raise await self.close_refused_payment(payment, refused) from refused
                async with self.db.transaction() as tx:
                    settled = await self.state_machine.settle_payment(tx, payment.id, intent)
                if settled.status not in UNFUNDED_END_STATUSES:  # an intent that was canceled outside cannot be paid
                    return settled, intent
            raise ProviderPermanent(payment.provider, "cancels every new payment", provider_code="intent_canceled")

    async def close_refused_payment(self, payment: Payment, refused: CreationRefused) -> HubError:
        """Ends a payment that exists nowhere but here, so that the next attempt is a new one; the error to raise."""
        if refused.created_nothing:
            async with self.db.transaction() as tx:
                await self.state_machine.settle_payment(tx, payment.id, build_refused_intent(payment, refused))
        if refused.provider_code == AMOUNT_NOT_SUPPORTED:
            return AmountNotSupported(payment.provider, payment.amount)
        return refused

    async def accept_price(self, caller: Caller, booking_id: UUID, price: Money) -> Booking:
        """The traveller agrees to the price that has risen: the old hold goes back, and the booking is to be paid anew.

        A hold cannot be raised on the cards that travellers have, so it is replaced. Raises Conflict when that is not
        the price that waits for an answer, Gone when the time to answer is over.
        """
        async with self.db.transaction(caller.id) as tx:
            await self.bookings.find_booking(tx, booking_id)
            async with tx.as_hub():
                booking = await self.bookings.find_booking(tx, booking_id, lock=True)
                now = self.clock.now()
                if booking.status is BookingStatus.AWAITING_CONSENT and booking.expires_at <= now:
                    raise Gone("The time to agree is over.", code="booking_expired")
                if booking.new_total is not None and booking.new_total != price:
                    text = f"The price is {booking.new_total.display}, not {price.display}."
                    raise Conflict(text, code="amount_mismatch")
                agreed = await self.bookings.accept_new_price(tx, booking, now + self.payment_window)
                await tx.fetch(SQL.supersede, booking_id, now)
                back = ReleasePayment(booking_id=booking_id, because="price_changed")
                await self.bookings.jobs.enqueue(tx, back, key=f"booking:{booking_id}:release")
        return agreed

    async def list_payments(self, caller: Caller, booking_id: UUID) -> list[Payment]:
        """All payments of a booking. An open one is first looked up at the provider: the browser may be back from
        a bank's page before any webhook is. One that cannot be looked up or settled is shown as it is on record.
        """
        with bind_context(booking_id=booking_id):
            payments = await self._list(caller, booking_id)
            waiting = [one for one in payments if one.status in _OPEN and (one.intent_id or one.page)]
            sweep = Sweep("payments.refresh", self.db, self.clock, respects_backoff=False)
            await sweep.process_rows(waiting, self._refresh, key=lambda one: RowKey(str(one.id), booking_id, one.id))
            return await self._list(caller, booking_id) if waiting else payments

    async def refresh_from_provider(self, booking_id: UUID, subject: UUID | None = None) -> None:
        """Somebody may have paid on the page of the booking, or it may be closed, without our having heard of it.

        Raises ProviderError: without the provider's word no other way to pay is opened beside it.
        """
        async with self.db.transaction(subject) as tx:
            row = await tx.fetchrow(SQL.live_of_booking, booking_id)
        if row is None or row["page"] is None or PaymentStatus(row["status"]) not in _OPEN:
            return
        payment = Payment.from_row(row)
        intent = await self.intents.find_intent(payment)
        if intent is not None:
            async with self.db.transaction() as tx:
                await self.state_machine.settle_payment(tx, payment.id, intent)

    async def _list(self, caller: Caller, booking_id: UUID) -> list[Payment]:
        async with self.db.transaction(caller.id) as tx:
            await self.bookings.find_booking(tx, booking_id)
            return [Payment.from_row(row) for row in await tx.fetch(SQL.of_booking, booking_id)]

    async def _refresh(self, payment: Payment) -> None:
        intent = await self.intents.find_intent(payment)
        if intent is not None:
            async with self.db.transaction() as tx:
                await self.state_machine.settle_payment(tx, payment.id, intent)

    async def _open(
        self, caller: Caller, booking_id: UUID, believed: tuple[int | None, str | None], asked: str | None
    ) -> Payment:
        async with self.db.transaction(caller.id) as tx:
            await self.bookings.find_booking(tx, booking_id)
            async with tx.as_hub():
                booking = await self.bookings.find_booking(tx, booking_id, lock=True)
                _check_price(booking, *believed)
                self.check_payable(booking)
                gateway = self.gateways.choose_gateway_for_amount(booking.total, asked)
                live = await tx.fetchrow(SQL.live_of_booking, booking_id)
                if live is not None and (asked not in {None, live["provider"]} or _waits_on_page(live)):
                    await self.supersede_live_payment(tx, Payment.from_row(live))
                return await self.insert_payment(tx, booking, gateway.name)

    def check_payable(self, booking: Booking) -> None:
        """Raises Conflict for a booking that is not to be paid, Gone for one whose time is over."""
        if booking.status is BookingStatus.EXPIRED:
            raise Gone("The booking was not paid in time.", code="booking_expired")
        if booking.status is not BookingStatus.PENDING:
            raise Conflict(f"The booking is {booking.status}.", code="booking_not_payable")
        if booking.payment_status in _OPEN and booking.expires_at <= self.clock.now():
            raise Gone("The booking was not paid in time.", code="booking_expired")

    async def supersede_live_payment(self, tx: Tx, payment: Payment) -> None:
        """For a payment in another way. Raises Conflict when money is on its way already."""
        if payment.status not in {PaymentStatus.UNPAID, PaymentStatus.REQUIRES_ACTION}:
            raise Conflict(f"The payment is {payment.status} at {payment.provider}.", code="payment_in_progress")
        await tx.fetch(SQL.supersede, payment.booking_id, self.clock.now())
        back = ReleasePayment(booking_id=payment.booking_id, because="paid_otherwise")
        await self.bookings.jobs.enqueue(tx, back, key=f"booking:{payment.booking_id}:release")

    async def insert_payment(self, tx: Tx, booking: Booking, provider: str, *, page: str | None = None) -> Payment:
        """The booking's live payment, a new one where there is none. The booking is locked."""
        total = booking.total
        await tx.execute(
            SQL.insert_payment,
            self.ids.new_uuid(), booking.id, booking.customer_id, provider, total.amount, total.currency,
            self.clock.now(), page,
        )  # fmt: skip
        row = await tx.fetchrow(SQL.live_of_booking, booking.id)
        return Payment.from_row(row)  # type: ignore[arg-type]


def _waits_on_page(live: Any) -> bool:
    return live["page"] is not None and live["status"] in {PaymentStatus.UNPAID, PaymentStatus.REQUIRES_ACTION}


def _check_price(booking: Booking, amount: int | None, currency: str | None) -> None:
    believed = Money(booking.total.amount if amount is None else amount, currency or booking.total.currency)
    if believed != booking.total:
        text = f"The booking costs {booking.total.display}, not {believed.display}."
        raise Conflict(text, code="amount_mismatch")
