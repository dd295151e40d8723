"""Bookings as the operator's people read them."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, StringConstraints

from hub.sales.booking_records import BookingDetail, BookingFilter, BookingRecords, BookingSummary
from hub.sales.bookings import BookingStatus, PaymentStatus
from hub.sales.timeline import TimelineEntry
from routes.staff.payments import MatterOut, RefundOut
from routes.traveler.bookings import BookingOut
from routes.traveler.payments import PaymentOut
from routes.web.endpoint_api import READ_BOOKINGS, ApiModel, Call, get
from routes.web.schemas import MoneyOut, Page, PeriodQuery

TAGS = ("staff",)


class StaffBookingQuery(PeriodQuery):
    """The period is that in which bookings were made."""

    q: str = Field(
        default="",
        max_length=200,
        description="a reference, the supplier's or an airline's, an id, or part of a contact address or of a name",
    )
    status: BookingStatus | None = None
    payment_status: PaymentStatus | None = None
    customer_id: UUID | None = None
    supplier: Annotated[str, StringConstraints(max_length=20)] | None = Field(default=None, examples=["kiwi"])
    needs_review: bool | None = Field(default=None, description="whether a review item of the booking is open")

    def to_filter(self) -> BookingFilter:
        same = "status payment_status customer_id supplier since until needs_review"
        return BookingFilter(text=self.q.strip(), **{name: getattr(self, name) for name in same.split()})


class ListedBookingOut(ApiModel):
    id: UUID
    reference: str = Field(examples=["K7NQ4X"])
    customer_id: UUID
    status: BookingStatus
    payment_status: PaymentStatus
    total: MoneyOut
    supplier: str
    supplier_reference: str | None
    contact_email: str
    origin: str
    destination: str
    departs_at: datetime
    travelers: int
    open_reviews: int = Field(description="review items that wait for a person")
    failure: str | None
    sandbox: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def from_domain(cls, booking: BookingSummary) -> Self:
        same = {name: getattr(booking, name) for name in cls.model_fields if name != "total"}
        return cls(total=MoneyOut.from_money(booking.total), **same)


class StaffPaymentOut(PaymentOut):
    """A payment with its provider, and what the bank disputes."""

    provider: str
    disputed: MoneyOut
    superseded_at: datetime | None = Field(description="since when another payment has taken its place")


class RefusalOut(ApiModel):
    """One thing that the supplier found wrong with the order, in its own words."""

    param: str = Field(description="the supplier's name of the field", examples=["passengers.0.phone"])
    message: str
    pointer: str | None = Field(description="the value's place in the booking request", examples=["/travelers/0/phone"])


class StaffBookingOut(BookingOut):
    """A booking with all that staff need to answer the traveler. Every list has the oldest first."""

    customer_id: UUID
    supplier: str
    refusal: list[RefusalOut] = Field(description="why the supplier has refused the order")
    payments: list[StaffPaymentOut]
    refunds: list[RefundOut]
    reviews: list[MatterOut] = Field(description="open review items")
    timeline: list[TimelineEntry] = Field(description="calls, webhooks, changes of state, messages and acts of staff")

    @classmethod
    def from_case(cls, case: BookingDetail) -> Self:
        return cls(
            **BookingOut.from_domain(case.booking).model_dump(),
            customer_id=case.booking.customer_id,
            supplier=case.booking.supplier,
            refusal=[RefusalOut(**asdict(reason)) for reason in case.booking.refusal],
            payments=[
                StaffPaymentOut(
                    **PaymentOut.from_domain(payment).model_dump(),
                    provider=payment.provider,
                    disputed=MoneyOut.from_money(payment.to_money(payment.disputed)),
                    superseded_at=payment.superseded_at,
                )
                for payment in case.payments
            ],
            refunds=[RefundOut.from_domain(refund) for refund in case.refunds],
            reviews=[MatterOut.from_domain(review) for review in case.reviews],
            timeline=list(case.timeline),
        )


class StaffBookingRoutes:
    def __init__(self, records: BookingRecords) -> None:
        self._records = records

    @get("/api/v1/bookings", permission=READ_BOOKINGS, tags=TAGS)
    async def list_bookings(self, call: Call, query: StaffBookingQuery) -> Page[ListedBookingOut]:
        """Bookings of all travelers, the newest first."""
        bookings, total = await self._records.list_bookings(
            query.to_filter(), page=query.page, page_size=query.page_size
        )
        items = [ListedBookingOut.from_domain(booking) for booking in bookings]
        return Page[ListedBookingOut](items=items, page=query.page, page_size=query.page_size, total=total)

    @get("/api/v1/bookings/{booking_id}", permission=READ_BOOKINGS, tags=TAGS)
    async def show_booking(self, call: Call, booking_id: UUID) -> StaffBookingOut:
        """One booking with its payments, refunds, open review items and timeline. That you looked is recorded."""
        return StaffBookingOut.from_case(await self._records.get_booking(booking_id))
