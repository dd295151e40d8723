"""What moves money after the traveller has gone: webhooks, the capture, the release, and the sweep behind them."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock, IdGenerator
from hub.core.context import bind_context
from hub.core.db import Database, Tx
from hub.core.errors import Conflict, NotFound, ProviderPermanent
from hub.core.inbox import WebhookEffect, WebhookEvent, WebhookIgnored
from hub.core.jobs import Job, Retry, every, job
from hub.core.row_failures import RowKey, Sweep, process_all
from hub.sales.bookings import (
    FUNDED_STATUSES,
    Booking,
    BookingRepository,
    BookingStatus,
    CapturePayment,
    FulfillBooking,
    PaymentStatus,
    ReleasePayment,
)
from hub.sales.payments.gateway import CreationRefused, GatewayRegistry, Intent, is_missing
from hub.sales.payments.intents import PaymentIntents, build_refused_intent
from hub.sales.payments.model import Payment
from hub.sales.payments.payment_state import (
    CAPTURED_STATUSES,
    ENDED_BOOKING_STATUSES,
    SQL,
    UNFUNDED_END_STATUSES,
    CloseCheckoutPage,
    PaymentStateMachine,
)
from hub.sales.payments.refunds import RefundPayment, RefundService

STAFF_REASONS = frozenset({"retried", "reconciliation"})
"""Reasons of a release that somebody has asked for, who may know that the bank takes it now."""
_TO_REFUND = CAPTURED_STATUSES - {PaymentStatus.REFUNDED}
_TICKETED = frozenset({BookingStatus.ORDERED, BookingStatus.CONFIRMED})
_ON_ITS_WAY = frozenset({BookingStatus.PENDING, BookingStatus.ORDERING, BookingStatus.ORDER_UNKNOWN})
RETRY_AFTER_CHANGE = 2.0
"""Seconds until a payment is looked at again that has moved while it was being released."""
SWEEP_AFTER = timedelta(seconds=60)
"""An open payment that has not moved for so long is looked up, in case its webhook was lost."""


@dataclass(frozen=True, slots=True)
class Settlement:
    db: Database
    bookings: BookingRepository
    state_machine: PaymentStateMachine
    intents: PaymentIntents
    refunds: RefundService
    gateways: GatewayRegistry
    clock: Clock
    ids: IdGenerator

    async def handle_webhook(self, event: WebhookEvent) -> WebhookEffect | None:
        """The event is a hint that an intent has changed: the intent is read again, and settled as it is now."""
        gateway = self.gateways.get_gateway(event.provider)
        if (reason := gateway.find_foreign_reason(event.payload)) is not None:
            raise WebhookIgnored(reason)
        intent_id = gateway.find_intent_id(event.payload)
        if intent_id is None:
            return None
        async with self.db.connection() as connection:
            row = await connection.fetchrow(SQL.by_intent, intent_id, event.provider)
        payment = Payment.from_row(row) if row else None
        with bind_context(booking_id=payment.booking_id if payment else None):
            if payment is not None and gateway.is_approval(event.payload):
                payment = await self._approved_again(payment, event)
            try:
                intent = await gateway.read_intent(intent_id, payment.attempt if payment else 0)
            except ProviderPermanent as error:
                if payment is None and is_missing(error):
                    raise WebhookIgnored("unknown_intent") from error
                raise
        return partial(self._apply, intent, event)

    async def _approved_again(self, payment: Payment, event: WebhookEvent) -> Payment:
        """Approved after a decline, it is another attempt, which is on record before the provider is asked."""
        declined = payment.last_failure
        if declined is None or declined.attempt < payment.attempt or declined.at is None:
            return payment
        if (event.occurred_at or event.received_at) <= declined.at:
            return payment
        async with self.db.transaction() as tx:
            return await self.state_machine.attempts.begin_next_attempt(tx, payment)

    async def _apply(self, intent: Intent, event: WebhookEvent, tx: Tx) -> None:
        payment_id = await tx.fetchval(SQL.of_intent, intent.id, intent.payment_id, event.provider)
        if payment_id is None:
            raise WebhookIgnored("unmarked_intent")  # somebody made it outside the hub, on the same account
        payment = await self.state_machine.settle_payment(tx, payment_id, intent)
        await event.link_booking(tx, payment.booking_id)

    @job
    async def capture_payment(self, work: CapturePayment) -> None:
        """Takes the held money, under one key for ever; what the provider answers is settled like any other news."""
        with bind_context(booking_id=work.booking_id):
            payment = await self._live(work.booking_id)
            if payment is None or payment.intent_id is None:
                await self._uncollectable(work.booking_id)
                return
            try:
                intent = await self.gateways.get_gateway(payment.provider).read_intent(payment.intent_id)
            except ProviderPermanent as error:
                if not is_missing(error):
                    raise
                await self._uncollectable(work.booking_id)
                return
            if intent.status is PaymentStatus.AUTHORIZED:
                intent = await self._take(payment, intent)
            await self._settle(payment.id, intent)
            if intent.status in {PaymentStatus.RELEASED, PaymentStatus.FAILED}:
                await self._uncollectable(work.booking_id)

    @job
    async def release_payment(self, work: ReleasePayment) -> None:
        """Gives back what is held or taken. Raises Retry while the provider itself does not know yet."""
        with bind_context(booking_id=work.booking_id):
            due_back = await self._due_back(work.booking_id)
            await process_all(due_back, lambda payment: self._release(payment, work.because))

    async def retry_payment(self, payment_id: UUID) -> tuple[Payment, list[str]]:
        """For staff: reads the provider, and asks once more for whatever stands still. Returns what has been done.

        Raises NotFound, Conflict `nothing_to_retry` where all has ended or waits for the traveller, ProviderError.
        """
        before = await self._find(payment_id)
        with bind_context(booking_id=before.booking_id):
            intent = await self.intents.find_intent(before)
            async with self.db.transaction() as tx:
                done = [] if intent is None else await self._news(tx, before, intent)
                booking = await self.bookings.find_booking(tx, before.booking_id, lock=True)
                payment = await self.state_machine.lock_payment(tx, payment_id)
                for name, work, key in await self._standing_still(tx, booking, payment):
                    await self.state_machine.jobs.enqueue(tx, work, key=key)
                    done.append(name)
                if not done:
                    raise Conflict("Nothing of this payment stands still.", code="nothing_to_retry")
                await self.state_machine.audit.record_action(
                    tx, "payment.retried", customer_id=payment.customer_id, booking_id=booking.id, asked=done
                )
        return payment, done

    @job
    async def close_checkout_page(self, work: CloseCheckoutPage) -> None:
        """Of a link that has been paid: what else has been opened from it is closed."""
        payment = await self._find(work.payment_id)
        with bind_context(booking_id=payment.booking_id):
            await self.intents.close_page(payment)

    @every(20, "settlement.sweep")
    async def settle_open_payments(self) -> None:
        """Events that never came: every payment that has stood open for a while is read and settled."""
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.long_open, self.clock.now(), self.clock.now() - SWEEP_AFTER)
        await Sweep("payments.settle", self.db, self.clock).process_rows(rows, self._look_up, key=_payment_key)

    async def _look_up(self, row: Record) -> None:
        payment = Payment.from_row(row)
        with bind_context(booking_id=payment.booking_id):
            async with self.db.transaction() as tx:  # the next run looks at others first
                await tx.execute(SQL.touch, payment.id, self.clock.now())
            await self._settle(payment.id, await self.intents.read_intent(payment))

    async def _release(self, payment: Payment, because: str) -> None:
        await self._give_back(payment, because)
        await self._release_failures.clear_failure(_key_of(payment))

    async def _give_back(self, payment: Payment, because: str) -> None:
        try:
            intent = await self.intents.get_or_create_intent(payment)
        except CreationRefused as refused:
            if not refused.created_nothing:
                raise
            await self._settle(payment.id, build_refused_intent(payment, refused))
            return
        if intent.status is PaymentStatus.PROCESSING:
            raise Retry(30, "the payment is still being processed by the bank")
        if intent.status in _TO_REFUND:
            if intent.has_remaining_hold:
                intent = await self._cancel(payment, intent)
            async with self.db.transaction() as tx:
                await self.state_machine.settle_payment(tx, payment.id, intent)
                if because in STAFF_REASONS or not await tx.fetchval(SQL.a_refund_has_failed, payment.id):
                    await self.refunds.create_refund(tx, payment.id, amount=None, reason=because)
            return  # one that has failed would fail again: that is a matter for a person, who has been asked
        if intent.status not in {PaymentStatus.RELEASED, PaymentStatus.REFUNDED, PaymentStatus.FAILED}:
            intent = await self._cancel(payment, intent)
        await self._settle(payment.id, intent)

    async def _take(self, payment: Payment, intent: Intent) -> Intent:
        gateway = self.gateways.get_gateway(payment.provider)
        try:
            return await gateway.capture_intent(intent.id, key=payment.build_key("capture"))
        except ProviderPermanent:
            # It may have moved between our reading and our asking, as when the supplier has just cancelled the order.
            moved = await gateway.read_intent(intent.id)
            if moved.status is PaymentStatus.AUTHORIZED:
                await self._count_refusal(payment)
                raise
            return moved

    async def _cancel(self, payment: Payment, intent: Intent) -> Intent:
        try:
            if not intent.id:
                return await self.intents.close_page(payment)
            return await self.gateways.get_gateway(payment.provider).cancel_intent(
                intent.id, key=payment.build_key("cancel")
            )
        except ProviderPermanent as error:
            # It moved between our reading and our asking: look again, with the next attempt. Where the provider goes on
            # refusing, there is more and more time between the attempts, and a review item.
            await self._count_refusal(payment)
            failure = await self._release_failures.record_failure(_key_of(payment), error)
            wait = RETRY_AFTER_CHANGE if failure.failures == 1 else failure.retry_after
            raise Retry(wait, "the provider does not release the payment") from error

    @property
    def _release_failures(self) -> Sweep:
        return Sweep("payments.release", self.db, self.clock)

    async def _count_refusal(self, payment: Payment) -> None:
        """A refusal is replayed under its key, so the next try has another one."""
        async with self.db.transaction() as tx:
            await self.state_machine.attempts.begin_next_attempt(tx, payment)

    async def _news(self, tx: Tx, before: Payment, intent: Intent) -> list[str]:
        after = await self.state_machine.settle_payment(tx, before.id, intent)
        facts = "status captured refunded disputed intent_id"
        return ["read"] if any(getattr(before, one) != getattr(after, one) for one in facts.split()) else []

    async def _standing_still(self, tx: Tx, booking: Booking, payment: Payment) -> list[tuple[str, Job, str]]:
        """What there is to ask for, with its name and its key."""
        rows = await tx.fetch(SQL.unfinished_refunds, payment.id)
        found: list[tuple[str, Job, str]] = [
            ("refund", RefundPayment(refund_id=row["id"]), f"refund:{row['id']}") for row in rows
        ]
        one, live = f"booking:{booking.id}", payment.superseded_at is None
        if booking.status in ENDED_BOOKING_STATUSES or not live:
            if _owes(payment) and not rows:
                back = ReleasePayment(booking_id=booking.id, because="retried")
                found.append(("release", back, f"{one}:release:retried"))
        elif payment.status is PaymentStatus.AUTHORIZED and booking.status in _TICKETED:
            found.append(("capture", CapturePayment(booking_id=booking.id), f"{one}:capture"))
        elif payment.status in FUNDED_STATUSES and booking.status in _ON_ITS_WAY:
            found.append(("fulfil", FulfillBooking(booking_id=booking.id), f"{one}:fulfil"))
        return found

    async def _find(self, payment_id: UUID) -> Payment:
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.find, payment_id)
        if row is None:
            raise NotFound("There is no such payment.", code="payment_not_found")
        return Payment.from_row(row)

    async def _uncollectable(self, booking_id: UUID) -> None:
        """Ordered, and the held money is gone (the hold lapsed, or was voided by hand): a person has to act."""
        async with self.db.transaction() as tx:
            booking = await self.bookings.find_booking(tx, booking_id)
            if booking.status is BookingStatus.ORDERED:
                rows = await tx.fetch(SQL.of_booking, booking_id)
                last = rows[-1]["id"] if rows else None
                await self.state_machine.review_queue.open_item(tx, "hold_lost", booking_id=booking_id, payment_id=last)

    async def _settle(self, payment_id: UUID, intent: Intent) -> None:
        async with self.db.transaction() as tx:
            await self.state_machine.settle_payment(tx, payment_id, intent)

    async def _live(self, booking_id: UUID) -> Payment | None:
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.live_of_booking, booking_id)
        return Payment.from_row(row) if row else None

    async def _due_back(self, booking_id: UUID) -> list[Payment]:
        """All of a booking that has ended; of one that goes on, those that another has taken the place of."""
        async with self.db.transaction() as tx:
            booking = await self.bookings.find_booking(tx, booking_id)
            payments = [Payment.from_row(row) for row in await tx.fetch(SQL.of_booking, booking_id)]
        return [one for one in payments if booking.status in ENDED_BOOKING_STATUSES or one.superseded_at is not None]


def _payment_key(row: Record) -> RowKey:
    return RowKey(str(row["id"]), booking_id=row["booking_id"], payment_id=row["id"])


def _key_of(payment: Payment) -> RowKey:
    return RowKey(str(payment.id), booking_id=payment.booking_id, payment_id=payment.id)


def _owes(payment: Payment) -> bool:
    """Whether there is something to give back, or to let go of."""
    if payment.captured:
        return payment.captured > payment.refunded + payment.disputed
    return payment.status not in UNFUNDED_END_STATUSES
