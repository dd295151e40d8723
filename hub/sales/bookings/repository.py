"""Rows in and out: what the two flows of bookings share."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from hub.core.clock import Clock
from hub.core.db import Tx, load_queries
from hub.core.errors import Conflict, NotFound, ProviderReason
from hub.core.jobs import JobQueue
from hub.core.money import Money
from hub.oversight.audit import AuditLog
from hub.sales.bookings.declines import Decline
from hub.sales.bookings.jobs import BookingConfirmed, BookingEnded, PriceIncreased, ReleasePayment
from hub.sales.bookings.model import Booking, BookingStatus, PaymentStatus
from hub.supply.flights import Traveler

SQL = load_queries("bookings")

_MAY_COME_FROM: dict[BookingStatus, tuple[str, ...]] = {
    BookingStatus.ORDERING: ("pending",),
    BookingStatus.AWAITING_CONSENT: ("pending",),
    BookingStatus.PENDING: ("ordering",),
    BookingStatus.ORDER_UNKNOWN: ("ordering",),
    BookingStatus.ORDERED: ("ordering", "order_unknown"),
    BookingStatus.CONFIRMED: ("ordered",),
    BookingStatus.FAILED: ("pending", "awaiting_consent", "ordering", "order_unknown", "ordered"),
    BookingStatus.CANCELED: ("pending", "awaiting_consent", "ordered", "confirmed"),
    BookingStatus.EXPIRED: ("pending",),
}


@dataclass(frozen=True, slots=True)
class BookingRepository:
    jobs: JobQueue
    audit: AuditLog
    clock: Clock

    async def find_booking(self, tx: Tx, booking_id: UUID, *, lock: bool = False) -> Booking:
        """Raises NotFound, also for what this transaction's subject may not see."""
        row = await tx.fetchrow(SQL.lock if lock else SQL.find, booking_id)
        if row is None:
            raise NotFound("There is no such booking.", code="booking_not_found")
        return Booking.from_row(row, await self.list_travelers(tx, booking_id))

    async def list_travelers(self, tx: Tx, booking_id: UUID) -> tuple[Traveler, ...]:
        """Without their documents: see `TravelDocuments`."""
        return tuple(Traveler(**row) for row in await tx.fetch(SQL.travelers, booking_id))

    async def transition_booking(
        self, tx: Tx, booking: Booking, to: BookingStatus, *, failure: str | None = None
    ) -> Booking | None:
        """The booking in its new state, or None when it is no longer where it may come from."""
        row = await tx.fetchrow(SQL.move, booking.id, to, list(_MAY_COME_FROM[to]), failure, self.clock.now())
        if row is None:
            return None
        told = {"failure": failure} if failure else {}
        await self.audit.record_action(
            tx,
            f"booking.{to}",
            customer_id=booking.customer_id,
            booking_id=booking.id,
            was=booking.status,
            payment=booking.payment_status,
            **told,
        )
        return Booking.from_row(row, booking.travelers)

    async def end_booking(
        self,
        tx: Tx,
        booking: Booking,
        how: BookingStatus,
        *,
        failure: str | None = None,
        refusal: tuple[ProviderReason, ...] = (),
    ) -> Booking | None:
        """Failed, cancelled or expired: the money goes back and the traveller is told, once.

        `refusal` is kept on the booking: what the supplier found wrong.
        """
        ended = await self.transition_booking(tx, booking, how, failure=failure)
        if ended is not None:
            if refusal:
                await tx.execute(SQL.set_refusal, booking.id, [asdict(reason) for reason in refusal])
            await self.jobs.enqueue(
                tx, ReleasePayment(booking_id=booking.id, because=failure or how), key=f"booking:{booking.id}:release"
            )
            told = BookingEnded(booking_id=booking.id, how=how.value)
            await self.jobs.enqueue(tx, told, key=f"booking:{booking.id}:ended")
        return ended

    async def request_price_consent(self, tx: Tx, booking: Booking, price: Money, until: datetime) -> None:
        """The price has risen: nothing is ordered unless the traveller agrees in time."""
        if await self.transition_booking(tx, booking, BookingStatus.AWAITING_CONSENT, failure=None) is None:
            return
        await tx.execute(SQL.set_new_price, booking.id, price.amount, until, self.clock.now())
        told = PriceIncreased(booking_id=booking.id, amount=price.amount)
        await self.jobs.enqueue(tx, told, key=f"booking:{booking.id}:price:{price.amount}")

    async def accept_new_price(self, tx: Tx, booking: Booking, until: datetime) -> Booking:
        """The new price is the price, and has to be paid until then. Raises Conflict when there was none."""
        row = await tx.fetchrow(SQL.agree, booking.id, until, self.clock.now())
        if row is None:
            raise Conflict("There is no new price to agree to.", code="no_new_price")
        await self.audit.record_action(
            tx, "booking.price_accepted", customer_id=booking.customer_id, booking_id=booking.id,
            was=booking.total.display, now=Money(row["amount"], row["currency"]).display,
        )  # fmt: skip
        return Booking.from_row(row, booking.travelers)

    async def confirm_booking(self, tx: Tx, booking_id: UUID) -> bool:
        """Ordered and paid: confirmed. Called by the payments when the capture has settled."""
        booking = await self.find_booking(tx, booking_id, lock=True)
        if await self.transition_booking(tx, booking, BookingStatus.CONFIRMED) is None:
            return False
        await self.jobs.enqueue(tx, BookingConfirmed(booking_id=booking_id), key=f"booking:{booking_id}:confirmed")
        return True

    async def set_payment_status(self, tx: Tx, booking_id: UUID, status: PaymentStatus) -> None:
        await tx.execute(SQL.set_payment_status, booking_id, status, self.clock.now())

    async def set_last_failure(self, tx: Tx, booking_id: UUID, decline: Decline) -> None:
        await tx.execute(SQL.set_last_failure, booking_id, decline.to_json(), self.clock.now())
