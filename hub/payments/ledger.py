"""The one place where a payment changes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from asyncpg import Record

from hub.audit import Audit
from hub.bookings import Booking, BookingStatus, FulfilBooking, PaymentStatus, ReleasePayment
from hub.bookings.store import Store
from hub.core.clock import Clock
from hub.core.db import Tx, named_queries
from hub.core.jobs import Job, Jobs
from hub.core.money import Money
from hub.payments.gateway import Intent

SQL = named_queries("payments")

_RANK = {
    PaymentStatus.UNPAID: 0,
    PaymentStatus.UNKNOWN: 0,
    PaymentStatus.REQUIRES_ACTION: 0,
    PaymentStatus.PROCESSING: 0,
    PaymentStatus.AUTHORISED: 1,
    PaymentStatus.PAID: 2,
    PaymentStatus.PARTIALLY_REFUNDED: 3,
    PaymentStatus.REFUNDED: 4,
    PaymentStatus.RELEASED: 5,
    PaymentStatus.FAILED: 5,
}
_ENDED = frozenset({BookingStatus.FAILED, BookingStatus.CANCELLED, BookingStatus.EXPIRED})


class PaymentCaptured(Job, kind="payment.captured"):
    """Send the receipt."""

    booking_id: UUID
    payment_id: UUID


class PaymentRefunded(Job, kind="payment.refunded"):
    """Tell the traveller what came back."""

    booking_id: UUID
    payment_id: UUID
    refunded: int


@dataclass(frozen=True, slots=True)
class Payment:
    """`captured` and `refunded` in minor units."""

    id: UUID
    booking_id: UUID
    customer_id: UUID
    provider: str
    intent_id: str | None
    status: PaymentStatus
    amount: Money
    captured: int
    refunded: int
    failure: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def from_row(cls, row: Record) -> Self:
        same = "id booking_id customer_id provider intent_id captured refunded failure created_at updated_at"
        return cls(
            status=PaymentStatus(row["status"]),
            amount=Money(row["amount"], row["currency"]),
            **{name: row[name] for name in same.split()},
        )


def may_move(was: PaymentStatus, to: PaymentStatus) -> bool:
    """Forward only: a late or doubled message never takes a payment back. Among the open states all is possible."""
    return _RANK[to] > _RANK[was] or (_RANK[to] == _RANK[was] == 0)


@dataclass(frozen=True, slots=True)
class Ledger:
    bookings: Store
    jobs: Jobs
    audit: Audit
    clock: Clock

    async def settle(self, tx: Tx, payment_id: UUID, intent: Intent) -> Payment:
        """Takes over what the provider says, and starts what follows from it, in this transaction."""
        booking_id = await tx.fetchval(SQL.booking_of, payment_id)
        booking = await self.bookings.find(tx, booking_id, lock=True)
        payment = Payment.from_row(await tx.fetchrow(SQL.lock, payment_id))  # type: ignore[arg-type]
        if intent.amount != payment.amount:
            await self._mismatch(tx, payment, intent)
            return payment
        await tx.execute(SQL.set_intent, payment.id, intent.id, self.clock.now())
        moved = may_move(payment.status, intent.status) and payment.status is not intent.status
        grew = intent.refunded > payment.refunded
        if not moved and not grew:
            await tx.execute(SQL.touch, payment.id, self.clock.now())
        else:
            await self._move(tx, payment, intent, intent.status if moved else payment.status)
        await self._follow(tx, booking, intent)
        return Payment.from_row(await tx.fetchrow(SQL.lock, payment_id))  # type: ignore[arg-type]

    async def _move(self, tx: Tx, payment: Payment, intent: Intent, to: PaymentStatus) -> None:
        captured, refunded = max(payment.captured, intent.captured), max(payment.refunded, intent.refunded)
        await tx.execute(SQL.settle, payment.id, to, captured, refunded, intent.failure, self.clock.now())
        await self.bookings.set_payment_status(tx, payment.booking_id, to)
        await self.audit.record(
            tx,
            f"payment.{to}",
            customer_id=payment.customer_id,
            booking_id=payment.booking_id,
            was=payment.status,
            **({"failure": intent.failure} if intent.failure else {}),
        )
        await self._announce(tx, payment, captured, refunded)

    async def _announce(self, tx: Tx, payment: Payment, captured: int, refunded: int) -> None:
        about = {"booking_id": payment.booking_id, "payment_id": payment.id}
        if captured > payment.captured:
            await self._enqueue(tx, PaymentCaptured(**about), f"payment:{payment.id}:captured")
        if refunded > payment.refunded:
            told = PaymentRefunded(**about, refunded=refunded)
            await self._enqueue(tx, told, f"payment:{payment.id}:refunded:{refunded}")

    async def _follow(self, tx: Tx, booking: Booking, intent: Intent) -> None:
        """What the money's state means for the booking. Runs at every settling, so a lost step is made up for."""
        if intent.status not in {PaymentStatus.AUTHORISED, PaymentStatus.PAID}:
            return
        if booking.status in _ENDED:
            back = ReleasePayment(booking_id=booking.id, because=f"booking_{booking.status}")
            await self._enqueue(tx, back, f"booking:{booking.id}:release")
        elif booking.status is BookingStatus.ORDERED and intent.status is PaymentStatus.PAID:
            await self.bookings.confirm(tx, booking.id)
        elif booking.status is BookingStatus.PENDING:
            await self._enqueue(tx, FulfilBooking(booking_id=booking.id), f"booking:{booking.id}:fulfil")

    async def _mismatch(self, tx: Tx, payment: Payment, intent: Intent) -> None:
        """The provider speaks of another sum than the ledger: nothing is confirmed on such a word."""
        await self.audit.record(
            tx,
            "payment.mismatch",
            customer_id=payment.customer_id,
            booking_id=payment.booking_id,
            ledger=payment.amount.display,
            provider=intent.amount.display,
        )

    async def _enqueue(self, tx: Tx, work: Job, key: str) -> None:
        await self.jobs.enqueue(tx, work, key=key)
