"""The one place where a payment changes."""

from dataclasses import dataclass
from uuid import UUID

from hub.core.clock import Clock, IdGenerator
from hub.core.context import current_context
from hub.core.db import Tx, load_queries
from hub.core.jobs import Job, JobQueue
from hub.core.money import Money
from hub.oversight.audit import AuditLog
from hub.oversight.review_queue import ReviewQueue
from hub.sales.bookings import BookingRepository, BookingStatus, FulfillBooking, PaymentStatus, ReleasePayment
from hub.sales.payments.disputes import DisputeRecorder
from hub.sales.payments.gateway import Intent, ProviderRefund, compute_captured_status
from hub.sales.payments.jobs import IssueCreditNote, IssueInvoice
from hub.sales.payments.ledger import SQL as BOOKS
from hub.sales.payments.ledger import Ledger
from hub.sales.payments.model import Payment
from hub.sales.payments.payment_attempts import PaymentAttempts

SQL = load_queries("payments")

_RANK = {
    PaymentStatus.UNPAID: 0,
    PaymentStatus.UNKNOWN: 0,
    PaymentStatus.REQUIRES_ACTION: 0,
    PaymentStatus.PROCESSING: 0,
    PaymentStatus.AUTHORIZED: 1,
    PaymentStatus.PARTIALLY_CAPTURED: 2,
    PaymentStatus.PAID: 3,
    PaymentStatus.PARTIALLY_REFUNDED: 4,
    PaymentStatus.REFUNDED: 5,
    PaymentStatus.RELEASED: 6,
    PaymentStatus.FAILED: 6,
}
CAPTURED_STATUSES = frozenset({
    PaymentStatus.PARTIALLY_CAPTURED, PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED,
})  # fmt: skip
UNFUNDED_END_STATUSES = frozenset({PaymentStatus.RELEASED, PaymentStatus.FAILED})
_NOTHING_HELD = UNFUNDED_END_STATUSES | {PaymentStatus.UNPAID, PaymentStatus.REQUIRES_ACTION}
ENDED_BOOKING_STATUSES = frozenset({BookingStatus.FAILED, BookingStatus.CANCELED, BookingStatus.EXPIRED})
_REFUND_RANK = {"pending": 0, "succeeded": 1, "failed": 2}


class PaymentCaptured(Job, kind="payment.captured"):
    """Send the receipt."""

    booking_id: UUID
    payment_id: UUID


class CloseCheckoutPage(Job, kind="payment.close_page"):
    """A link has been paid: nobody shall pay there again."""

    payment_id: UUID


class PaymentRefunded(Job, kind="payment.refunded"):
    """Tell the traveler what came back: `amount` in minor units.

    Without `refund_id` the provider has told only what has come back in all, `refunded`, and not by which refunds.
    """

    booking_id: UUID
    payment_id: UUID
    amount: int | None = None
    refund_id: UUID | None = None
    refunded: int | None = None


class RefundFailed(Job, kind="payment.refund_failed"):
    """Tell the traveler that a refund that was announced did not arrive. `amount` in minor units."""

    booking_id: UUID
    payment_id: UUID
    refund_id: UUID
    amount: int


@dataclass(frozen=True, slots=True)
class _Standing:
    """As much of a booking as its money has to know."""

    id: UUID
    status: BookingStatus


def can_transition(was: PaymentStatus, to: PaymentStatus) -> bool:
    """Forward only: a late or doubled message never takes a payment back. Among the open states all is possible."""
    return _RANK[to] > _RANK[was] or (_RANK[to] == _RANK[was] == 0)


def compute_status(was: PaymentStatus, intent: Intent, captured: int, refunded: int) -> PaymentStatus:
    """Where the payment stands now. Once money is taken its refunds say so: a refund may fail, and then it is paid."""
    if captured and was not in UNFUNDED_END_STATUSES:
        return compute_captured_status(intent.amount.amount, captured, refunded)
    return intent.status if can_transition(was, intent.status) else was


def is_unpaid_page_attempt(payment: Payment, intent: Intent) -> bool:
    """Whether somebody has only tried to pay on the page: another try may be another intent, and the page goes on."""
    return payment.page is not None and payment.intent_id is None and intent.id != "" and intent.status in _NOTHING_HELD


@dataclass(frozen=True, slots=True)
class PaymentStateMachine:
    bookings: BookingRepository
    jobs: JobQueue
    audit: AuditLog
    ledger: Ledger
    review_queue: ReviewQueue
    clock: Clock
    ids: IdGenerator

    @property
    def attempts(self) -> PaymentAttempts:
        return PaymentAttempts(self.bookings, self.audit, self.clock)

    @property
    def disputes(self) -> DisputeRecorder:
        return DisputeRecorder(self.ledger, self.audit, self.review_queue, self.clock, self.ids)

    async def settle_payment(self, tx: Tx, payment_id: UUID, intent: Intent) -> Payment:
        """Takes over what the provider says, and starts what follows from it, in this transaction."""
        booking, payment = await self._both(tx, payment_id)
        if intent.amount != payment.amount or not intent.is_consistent:
            await self._mismatch(tx, payment, intent)
            return payment
        payment = await self.attempts.record_decline(tx, payment, intent)
        if is_unpaid_page_attempt(payment, intent):
            await tx.execute(SQL.touch, payment.id, self.clock.now())
            return payment
        if payment.intent_id is None and intent.id:
            await tx.execute(SQL.set_intent, payment.id, intent.id, self.clock.now())
            if payment.page == "link":
                await self._enqueue(tx, CloseCheckoutPage(payment_id=payment.id), f"payment:{payment.id}:close")
        settled = await self._take_over(tx, payment, intent)
        await self._follow(tx, booking, settled, intent)
        return settled

    async def lock_payment(self, tx: Tx, payment_id: UUID) -> Payment:
        """The booking is always locked before its payment: in another order two would wait for each other."""
        return (await self._both(tx, payment_id))[1]

    async def _both(self, tx: Tx, payment_id: UUID) -> tuple[_Standing, Payment]:
        booking = await tx.fetchrow(SQL.lock_booking_of, payment_id)
        return _Standing(booking["id"], BookingStatus(booking["status"])), await self._again(tx, payment_id)  # type: ignore[index]

    async def _again(self, tx: Tx, payment_id: UUID) -> Payment:
        """Once more, where the booking is locked already."""
        return Payment.from_row(await tx.fetchrow(SQL.lock, payment_id))  # type: ignore[arg-type]

    async def _take_over(self, tx: Tx, payment: Payment, intent: Intent) -> Payment:
        """The payment as it stands then. Most news is none, and costs nothing but a look."""
        captured = max(payment.captured, intent.captured)
        await self._captured(tx, payment, intent, captured)
        await self._compare_captured(tx, payment, captured)
        refunded, disputed = await self._returned(tx, payment, intent)
        became = compute_status(payment.status, intent, captured, refunded)
        changed = (became, captured, refunded, disputed)
        same = changed == (payment.status, payment.captured, payment.refunded, payment.disputed)
        if same:
            await tx.execute(SQL.touch, payment.id, self.clock.now())
        else:
            await self._move(tx, payment, intent, changed)
        if intent.fee is not None and payment.fee is None:
            await self._fee(tx, payment, intent.fee)
            same = False
        known = payment.intent_id is not None or not intent.id
        return payment if same and known else await self._again(tx, payment.id)

    async def _captured(self, tx: Tx, payment: Payment, intent: Intent, captured: int) -> None:
        """Holds, takings and releases, as movements between the accounts."""
        held = payment.status is PaymentStatus.AUTHORIZED
        taken = captured - payment.captured
        if taken:
            on_hold = payment.amount.amount if held else 0
            await self.ledger.post_transaction(
                tx, payment.owner, "authorise", payment.to_money(max(0, taken - on_hold)), intent.id
            )
            await self.ledger.post_transaction(tx, payment.owner, "capture", payment.to_money(taken), intent.id)
            await self.ledger.post_transaction(
                tx, payment.owner, "release", payment.to_money(max(0, on_hold - taken)), intent.id
            )
        elif intent.status is PaymentStatus.AUTHORIZED and can_transition(payment.status, PaymentStatus.AUTHORIZED):
            await self.ledger.post_transaction(tx, payment.owner, "authorise", payment.amount, intent.id)
        elif held and intent.status in UNFUNDED_END_STATUSES:
            await self.ledger.post_transaction(tx, payment.owner, "release", payment.amount, intent.id)

    async def _compare_captured(self, tx: Tx, payment: Payment, captured: int) -> None:
        """Another sum than the amount was captured outside the hub: a person has to look at it."""
        if captured == payment.captured:
            return
        if captured != payment.amount.amount:
            shown = {"price": payment.amount.display, "captured": payment.to_money(captured).display}
            await self.audit.record_action(
                tx, "payment.capture_mismatch", customer_id=payment.customer_id, booking_id=payment.booking_id, **shown
            )
            await self.review_queue.open_item(
                tx, "capture_mismatch", booking_id=payment.booking_id, payment_id=payment.id, **shown
            )
        elif payment.captured:
            note = "The rest of the amount has been captured."
            await self.review_queue.close_item(tx, "capture_mismatch", payment.booking_id, note)

    async def _returned(self, tx: Tx, payment: Payment, intent: Intent) -> tuple[int, int]:
        """What has come back in all: by the refunds where they are told, else by the sum, which only grows.

        And what the bank has taken back, or keeps until a dispute is decided.
        """
        for refund in intent.refunds or ():
            await self.record_refund(tx, payment, refund)
        for dispute in intent.disputes:
            await self.disputes.record_dispute(tx, payment, max(payment.captured, intent.captured), dispute)
        sums = await tx.fetchrow(SQL.sums, payment.id)
        if intent.refunds is not None:
            return sums["refunded"], sums["disputed"]  # type: ignore[index]
        refunded = max(payment.refunded, intent.refunded)
        await self.ledger.post_transaction(
            tx, payment.owner, "refund", payment.to_money(refunded - payment.refunded), intent.id
        )
        if refunded > payment.refunded:
            await self._credit(tx, payment, refunded)
            told = PaymentRefunded(
                booking_id=payment.booking_id, payment_id=payment.id, refunded=refunded,
                amount=refunded - payment.refunded,
            )  # fmt: skip
            await self._enqueue(tx, told, f"payment:{payment.id}:refunded:{refunded}")
        return refunded, sums["disputed"]  # type: ignore[index]

    async def record_refund(self, tx: Tx, payment: Payment, seen: ProviderRefund) -> None:
        """One refund as it stands now: ours by its mark, or one made elsewhere. Each moves forward only."""
        now = self.clock.now()
        row = await tx.fetchrow(SQL.lock_refund, payment.id, seen.refund_id, seen.id)
        if row is None:
            made = self.ids.new_uuid()
            facts = (made, payment.id, seen.amount, payment.amount.currency, seen.reason or "made_elsewhere")
            await tx.execute(SQL.insert_refund_elsewhere, *facts, now, seen.id)
            known, was = False, "pending"
        else:
            made, known, was = row["id"], row["provider_refund_id"] is not None, row["status"]
        status = seen.status if _REFUND_RANK[seen.status] > _REFUND_RANK[was] else was
        await tx.execute(SQL.set_refund, made, status, seen.id, now)
        counted, counts = known and was != "failed", status != "failed"
        if counts and not counted and was != "failed":
            await self.ledger.post_transaction(tx, payment.owner, "refund", payment.to_money(seen.amount), seen.id)
            await self._announce_refund(tx, payment, made, seen.amount)
        elif counted and not counts:
            await self.ledger.post_transaction(
                tx, payment.owner, "refund_failed", payment.to_money(seen.amount), seen.id
            )
            failed = RefundFailed(
                booking_id=payment.booking_id, payment_id=payment.id, refund_id=made, amount=seen.amount
            )
            await self._enqueue(tx, failed, f"refund:{made}:failed")
        if status == "failed" and was != "failed":
            await self._refund_failed(tx, payment, made)
        if (status == "succeeded") != (was == "succeeded"):
            await self._credit(tx, payment, await tx.fetchval(SQL.sum_arrived, payment.id))

    async def _announce_refund(self, tx: Tx, payment: Payment, refund_id: UUID, amount: int) -> None:
        """One message for each refund, also for a second one of the same amount."""
        refunded = PaymentRefunded(
            booking_id=payment.booking_id, payment_id=payment.id, amount=amount, refund_id=refund_id
        )
        await self._enqueue(tx, refunded, f"refund:{refund_id}:announced")

    async def _refund_failed(self, tx: Tx, payment: Payment, refund_id: UUID) -> None:
        await self.review_queue.open_item(
            tx, "refund_failed", booking_id=payment.booking_id, payment_id=payment.id, refund_id=str(refund_id)
        )

    async def _credit(self, tx: Tx, payment: Payment, arrived: int) -> None:
        """The papers follow what has arrived, not what is on its way and may yet fail."""
        credit = IssueCreditNote(payment_id=payment.id, refunded=arrived)
        await self._enqueue(tx, credit, f"payment:{payment.id}:credit:{arrived}")

    async def _fee(self, tx: Tx, payment: Payment, fee: Money) -> None:
        await tx.execute(SQL.set_fee, payment.id, fee.amount, fee.currency)
        await self.ledger.post_transaction(tx, payment.owner, "fee", fee, payment.intent_id)

    async def _move(
        self, tx: Tx, payment: Payment, intent: Intent, changed: tuple[PaymentStatus, int, int, int]
    ) -> None:
        became, captured, refunded, disputed = changed
        now, context = self.clock.now(), current_context()
        failure = intent.failure.reason if intent.failure else None
        await tx.execute(SQL.settle, payment.id, became, captured, refunded, now, disputed)
        await tx.execute(
            BOOKS.log, payment.id, now, context.actor, context.request_id, payment.status, became, captured, refunded,
            disputed, failure,
        )  # fmt: skip
        if payment.superseded_at is None:
            await self.bookings.set_payment_status(tx, payment.booking_id, became)
        await self.audit.record_action(
            tx,
            f"payment.{became}",
            customer_id=payment.customer_id,
            booking_id=payment.booking_id,
            was=payment.status,
            **({"failure": intent.failure.redact_for_traveler().reason} if intent.failure else {}),
        )
        await self._announce(tx, payment, captured)

    async def _announce(self, tx: Tx, payment: Payment, captured: int) -> None:
        about = {"booking_id": payment.booking_id, "payment_id": payment.id}
        if captured > payment.captured and captured >= payment.amount.amount:
            await self._enqueue(tx, PaymentCaptured(**about), f"payment:{payment.id}:captured")
            await self._enqueue(tx, IssueInvoice(payment_id=payment.id), f"payment:{payment.id}:invoice")

    async def _follow(self, tx: Tx, booking: _Standing, payment: Payment, intent: Intent) -> None:
        """What the money's state means for the booking. Runs at every settling, so a lost step is made up for."""
        if intent.status is not PaymentStatus.AUTHORIZED and intent.status not in CAPTURED_STATUSES:
            return
        if booking.status in ENDED_BOOKING_STATUSES or payment.superseded_at is not None:
            if await self._owed(tx, payment, intent):
                because = "price_changed" if payment.superseded_at else f"booking_{booking.status}"
                back = ReleasePayment(booking_id=booking.id, because=because)
                await self._enqueue(tx, back, f"booking:{booking.id}:release")
        elif intent.status in CAPTURED_STATUSES and not payment.is_fully_captured:
            return  # less than the price: nothing is ordered or confirmed for it
        elif booking.status is BookingStatus.ORDERED and intent.status in CAPTURED_STATUSES:
            # Also when it has gone back meanwhile: the ticket is there, and what is to become of it a person decides.
            await self.bookings.confirm_booking(tx, booking.id)
        elif booking.status is BookingStatus.PENDING:
            await self._enqueue(tx, FulfillBooking(booking_id=booking.id), f"booking:{booking.id}:fulfil")

    async def _owed(self, tx: Tx, payment: Payment, intent: Intent) -> bool:
        """Whether something is held, or taken and to be given back. What a bank has refused once a person has."""
        if intent.status is PaymentStatus.AUTHORIZED:
            return True
        return await self.get_refundable_amount(tx, payment) > 0 and not await tx.fetchval(
            SQL.a_refund_has_failed, payment.id
        )

    async def get_refundable_amount(self, tx: Tx, payment: Payment) -> int:
        """Minor units that can be given back: taken, not gone back, not asked to be, and not disputed."""
        wanted: int = await tx.fetchval(SQL.sum_wanted, payment.id)
        return payment.captured - max(payment.refunded, wanted) - payment.disputed

    async def _mismatch(self, tx: Tx, payment: Payment, intent: Intent) -> None:
        """The provider speaks of another sum than the ledger: nothing is confirmed on such a word."""
        told = {"ledger": payment.amount.display, "provider": intent.amount.display}
        await self.audit.record_action(
            tx, "payment.mismatch", customer_id=payment.customer_id, booking_id=payment.booking_id, **told
        )
        await self.review_queue.open_item(
            tx, "payment_mismatch", booking_id=payment.booking_id, payment_id=payment.id, **told
        )

    async def _enqueue(self, tx: Tx, work: Job, key: str) -> None:
        await self.jobs.enqueue(tx, work, key=key)
