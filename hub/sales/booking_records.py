"""Bookings as staff read them: a list with filters, and one booking with its payments, refunds and timeline."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.core.db import Database, load_queries
from hub.core.money import Money
from hub.oversight.audit import AuditLog
from hub.oversight.review_queue import ReviewItem
from hub.people.administration import build_like_pattern
from hub.sales.bookings import Booking, BookingRepository, BookingStatus, PaymentStatus
from hub.sales.payments import Payment, Refund
from hub.sales.timeline import Timeline, TimelineEntry

SQL = load_queries("administration")


@dataclass(frozen=True, slots=True)
class BookingFilter:
    """Which bookings; None matters not.

    `text` is a reference, the supplier's or an airline's, an id, or part of a contact address or of a traveler's name.
    `since` and `until` are moments of creation, the latter not included. `needs_review`: an open review item.
    """

    text: str = ""
    status: BookingStatus | None = None
    payment_status: PaymentStatus | None = None
    customer_id: UUID | None = None
    supplier: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    needs_review: bool | None = None

    def to_parameters(self) -> tuple[Any, ...]:
        return (
            self.text, build_like_pattern(self.text), self.status, self.payment_status, self.customer_id, self.supplier,
            self.since, self.until, self.needs_review,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BookingSummary:
    """A line of the list. `departs_at` is the local time of the first departure, with its offset."""

    id: UUID
    reference: str
    customer_id: UUID
    status: BookingStatus
    payment_status: PaymentStatus
    total: Money
    supplier: str
    supplier_reference: str | None
    contact_email: str
    origin: str
    destination: str
    departs_at: datetime
    travelers: int
    open_reviews: int
    failure: str | None
    sandbox: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def from_row(cls, row: Any) -> "BookingSummary":
        same = (
            "id reference customer_id supplier supplier_reference contact_email origin destination travelers "
            "open_reviews failure sandbox created_at updated_at"
        )
        return cls(
            status=BookingStatus(row["status"]),
            payment_status=PaymentStatus(row["payment_status"]),
            total=Money(row["amount"], row["currency"]),
            departs_at=datetime.fromisoformat(row["departs_at"]),
            **{name: row[name] for name in same.split()},
        )


@dataclass(frozen=True, slots=True)
class BookingDetail:
    """All that staff need to answer a traveler: the oldest first in every list."""

    booking: Booking
    payments: tuple[Payment, ...]
    refunds: tuple[Refund, ...]
    reviews: tuple[ReviewItem, ...]
    timeline: tuple[TimelineEntry, ...]


@dataclass(frozen=True, slots=True)
class BookingRecords:
    db: Database
    bookings: BookingRepository
    timeline: Timeline
    audit: AuditLog

    async def list_bookings(
        self, wanted: BookingFilter, *, page: int, page_size: int
    ) -> tuple[list[BookingSummary], int]:
        """The newest first; and how many there are."""
        parameters = wanted.to_parameters()
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.bookings, *parameters, page_size, (page - 1) * page_size)
            total: int = await tx.fetchval(SQL.count_bookings, *parameters)
        return [BookingSummary.from_row(row) for row in rows], total

    async def get_booking(self, booking_id: UUID) -> BookingDetail:
        """Raises NotFound. The audit records who has read it."""
        async with self.db.transaction() as tx:
            booking = await self.bookings.find_booking(tx, booking_id)
            payments = await tx.fetch(SQL.payments_of_booking, booking_id)
            refunds = await tx.fetch(SQL.refunds_of_booking, booking_id)
            reviews = await tx.fetch(SQL.open_reviews_of_booking, booking_id)
            timeline = await self.timeline.list_entries(tx, booking_id)
            await self.audit.record_action(tx, "booking.viewed", customer_id=booking.customer_id, booking_id=booking_id)
        return BookingDetail(
            booking=booking,
            payments=tuple(map(Payment.from_row, payments)),
            refunds=tuple(map(Refund.from_row, refunds)),
            reviews=tuple(ReviewItem(**row) for row in reviews),
            timeline=tuple(timeline),
        )
