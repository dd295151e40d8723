"""Which fact is told to whom, and how."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from hub.core.clock import Clock, IdGenerator
from hub.core.context import bind_context
from hub.core.db import Database, Tx, load_queries
from hub.core.jobs import JobQueue, job
from hub.core.mail_limits import MailLimits
from hub.outreach.messaging.delivery import SendMessage
from hub.outreach.messaging.model import Channel
from hub.outreach.messaging.recipients import allow_booking_message
from hub.sales.bookings import (
    Booking,
    BookingChanged,
    BookingConfirmed,
    BookingEnded,
    BookingRepository,
    BookingStatus,
    PriceIncreased,
    ReferencesIssued,
)
from hub.sales.payments import PaymentCaptured, PaymentRefunded, RefundFailed

SQL = load_queries("messaging")


@dataclass(frozen=True, slots=True)
class _PaymentFact:
    """Which payment a message is about. `amount`: what it states, in minor units of the payment's currency."""

    id: UUID
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class BookingMessages:
    db: Database
    bookings: BookingRepository
    jobs: JobQueue
    clock: Clock
    ids: IdGenerator
    mail_limits: MailLimits

    @job
    async def queue_confirmation(self, work: BookingConfirmed) -> None:
        """The confirmation by e-mail and, where there is a telephone number, by SMS."""
        fact = f"booking:{work.booking_id}:confirmation"
        await self._tell(work.booking_id, fact, "booking_confirmation", channels=("email", "sms"))

    @job
    async def queue_booking_ended(self, work: BookingEnded) -> None:
        await self._tell(work.booking_id, f"booking:{work.booking_id}:{work.how}", f"booking_{work.how}")

    @job
    async def queue_price_change(self, work: PriceIncreased) -> None:
        await self._tell(work.booking_id, f"booking:{work.booking_id}:price:{work.amount}", "booking_price_changed")

    @job
    async def queue_booking_change(self, work: BookingChanged) -> None:
        fact = f"booking:{work.booking_id}:changed:{work.event}"
        await self._tell(work.booking_id, fact, "booking_changed")

    @job
    async def queue_airline_references(self, work: ReferencesIssued) -> None:
        """The airlines' references that the confirmation did not state: each set of them once, however often read."""
        with bind_context(booking_id=work.booking_id):
            async with self.db.transaction() as tx:
                booking = await self.bookings.find_booking(tx, work.booking_id)
                references = sorted({ticket.reference for ticket in booking.airline_references})
                if booking.status is BookingStatus.CONFIRMED and not await _are_stated(tx, booking, references):
                    digest = hashlib.sha256(" ".join(references).encode()).hexdigest()[:16]
                    fact = f"booking:{booking.id}:references:{digest}:email"
                    await self._write(tx, booking, (fact, "booking_references", "email"), None)

    @job
    async def queue_receipt(self, work: PaymentCaptured) -> None:
        fact = f"payment:{work.payment_id}:receipt"
        await self._tell(work.booking_id, fact, "payment_receipt", payment=_PaymentFact(work.payment_id))

    @job
    async def queue_refund_notice(self, work: PaymentRefunded) -> None:
        """One message per refund: a second webhook of the same refund is the same fact, a second refund is not."""
        by_sum = f"payment:{work.payment_id}:refund:{work.refunded}"
        fact = f"refund:{work.refund_id}" if work.refund_id else by_sum
        about = _PaymentFact(work.payment_id, work.amount)
        await self._tell(work.booking_id, fact, "payment_refund", payment=about)

    @job
    async def queue_refund_failure(self, work: RefundFailed) -> None:
        """After the traveler has been told that the money is on its way."""
        fact = f"refund:{work.refund_id}:failed"
        about = _PaymentFact(work.payment_id, work.amount)
        await self._tell(work.booking_id, fact, "payment_refund_failed", payment=about)

    async def _tell(
        self,
        booking_id: UUID,
        fact: str,
        template: str,
        *,
        payment: _PaymentFact | None = None,
        channels: tuple[Channel, ...] = ("email",),
    ) -> None:
        with bind_context(booking_id=booking_id):
            async with self.db.transaction() as tx:
                booking = await self.bookings.find_booking(tx, booking_id)
                for channel in channels:
                    await self._write(tx, booking, (f"{fact}:{channel}", template, channel), payment)

    async def _write(
        self, tx: Tx, booking: Booking, what: tuple[str, str, Channel], payment: _PaymentFact | None
    ) -> None:
        fact, template, channel = what
        recipient = booking.contact.email if channel == "email" else booking.contact.phone
        if not recipient:
            return
        new = await tx.fetchval(
            SQL.insert_message,
            self.ids.new_uuid(),
            fact,
            booking.customer_id,
            booking.id,
            payment.id if payment else None,
            channel,
            template,
            recipient,
            self.clock.now(),
            payment.amount if payment else None,
        )
        if new is None:
            return
        if channel == "email" and not await allow_booking_message(tx, self.mail_limits, booking.id, recipient):
            await tx.execute(SQL.set_status, new, "suppressed", None, None, "mailbox_limit", self.clock.now())
            return
        await self.jobs.enqueue(tx, SendMessage(message_id=new), key=fact)


async def _are_stated(tx: Tx, booking: Booking, references: list[str]) -> bool:
    """Whether the latest message that states them has these, or will have them because it is rendered from now on."""
    row = await tx.fetchrow(SQL.lock_stated_references, booking.id)
    if row is None or row["status"] == "queued":
        return True
    return set(references) <= set(row["airline_references"] or ())
