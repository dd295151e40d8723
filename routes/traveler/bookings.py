from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints

from hub.core.errors import NotFound
from hub.sales.bookings import (
    Booking,
    BookingLinks,
    BookingService,
    BookingStatus,
    Contact,
    ItineraryBuilder,
    NewBooking,
    PaymentStatus,
    build_calendar_file,
    describe_failure,
)
from hub.sales.timeline import Timeline, TimelineEntry
from hub.supply.flights import Traveler
from routes.traveler.flights import OfferOut
from routes.web.documented_fields import Documented
from routes.web.endpoint_api import OWN_DATA, OWN_MONEY, ApiModel, Call, Reply, delete, get, patch, post
from routes.web.schemas import Country, Email, LastFailureOut, MoneyOut, Page, PageQuery, PersonName, Phone

TAGS = ("bookings",)
_GENDERS = {"male": "m", "female": "f"}


def _title(value: Any) -> Any:
    return value.strip().rstrip(".").lower() if isinstance(value, str) else value


def _gender(value: Any) -> Any:
    return _GENDERS.get(value.strip().lower(), value.strip().lower()) if isinstance(value, str) else value


class Document(ApiModel):
    number: Annotated[str, StringConstraints(min_length=3, max_length=30, pattern=r"^[A-Za-z0-9 -]+$")]
    expires_on: date | None = None


class TravelerIn(ApiModel):
    title: Annotated[Literal["mr", "ms", "mrs", "miss", "dr"], BeforeValidator(_title)]
    gender: Annotated[Literal["m", "f"], BeforeValidator(_gender)]
    given_name: PersonName | None = Field(default=None, description="none: the family name is the only name")
    family_name: PersonName
    born_on: date = Field(ge=date(1900, 1, 1), examples=["1990-05-17"])
    nationality: Country
    email: Email | None = None
    phone: Phone | None = None
    document: Document | None = None

    def to_domain(self) -> Traveler:
        same = self.model_dump(exclude={"document", "given_name"})
        document = self.document
        return Traveler(
            **same,
            given_name=self.given_name or "",
            document_number=document.number.replace(" ", "").upper() if document else None,
            document_expires_on=document.expires_on if document else None,
        )


class ContactIn(ApiModel):
    email: Email
    phone: Phone | None = None


class BookingIn(ApiModel):
    offer_id: str = Field(min_length=1, max_length=100)
    travelers: list[TravelerIn] = Field(min_length=1, max_length=9)
    contact: ContactIn
    allow_duplicate: bool = Field(
        default=False,
        description="book travelers again who are on the same flight with another booking of yours; otherwise that is "
        "a 409 `duplicate_booking` with `booking_id` and `booking_reference` of the first",
    )


class ContactPatch(ApiModel):
    email: Email | None = None
    phone: Phone | None = None


class BookingPatch(ApiModel):
    contact: ContactPatch | None = None
    notes: Annotated[str, StringConstraints(max_length=2000)] | None = None


class TravelerOut(ApiModel):
    title: str
    gender: str
    given_name: str = Field(description="empty where the family name is the only name")
    family_name: str
    born_on: date
    nationality: str
    email: str | None
    phone: str | None


class AirlineReferenceOut(ApiModel):
    """One ticket: the reference at the airline, and the flights on it as carrier and number."""

    reference: str = Field(examples=["K7NQ4X"])
    flights: list[str] = Field(examples=[["BA117"]])


class BaggageOut(ApiModel):
    """The bags of one traveler. Null is unknown, never zero."""

    hold: int | None
    hand: int | None
    hold_kg: int | None = Field(description="of one bag")
    hand_kg: int | None


class ContactOut(ApiModel):
    email: str
    phone: str | None


class BookingOut(ApiModel):
    id: UUID
    reference: str = Field(examples=["K7NQ4X"])
    status: BookingStatus
    payment_status: PaymentStatus
    total: MoneyOut
    new_total: MoneyOut | None = Field(description="waits for your consent, in status awaiting_consent")
    failure: str | None = Field(description="why it failed: sold_out, price_changed, order_refused, ...")
    last_failure: LastFailureOut | None = Field(
        description="why the last attempt to pay was declined, until the money is held"
    )
    failure_message: str | None = Field(description="the same in words, with the details that were not accepted")
    supplier_reference: str | None
    airline_references: list[AirlineReferenceOut] = Field(description="one for each ticket, once it has been issued")
    baggage: list[BaggageOut] = Field(description="of each traveler, once it has been ordered")
    itinerary: Annotated[dict[str, Any], Documented(OfferOut)] = Field(description="the offer as it was booked")
    travelers: list[TravelerOut]
    contact: ContactOut
    notes: str | None
    sandbox: bool
    created_at: datetime
    updated_at: datetime
    expires_at: datetime = Field(description="until when it has to be paid")
    confirmed_at: datetime | None

    @classmethod
    def from_domain(cls, booking: Booking) -> Self:
        same = (
            "id reference status payment_status failure supplier_reference itinerary notes sandbox "
            "created_at updated_at expires_at confirmed_at"
        )
        shown = TravelerOut.model_fields
        return cls(
            total=MoneyOut.from_money(booking.total),
            new_total=MoneyOut.from_money(booking.new_total) if booking.new_total is not None else None,
            travelers=[TravelerOut(**{name: getattr(one, name) for name in shown}) for one in booking.travelers],
            failure_message=describe_failure(booking),
            airline_references=[AirlineReferenceOut(**one.to_json()) for one in booking.airline_references],
            baggage=[BaggageOut(**asdict(bags)) for bags in booking.baggage],
            contact=ContactOut(email=booking.contact.email, phone=booking.contact.phone),
            last_failure=LastFailureOut.from_decline(booking.last_failure),
            **{name: getattr(booking, name) for name in same.split()},
        )


class BookingQuery(PageQuery):
    status: BookingStatus | None = None


class StoryOut(ApiModel):
    booking_id: UUID
    chapters: list[TimelineEntry]


class BookingRoutes:
    def __init__(
        self, bookings: BookingService, stories: Timeline, itineraries: ItineraryBuilder, links: BookingLinks
    ) -> None:
        self._bookings = bookings
        self._itineraries = itineraries
        self._links = links
        self._stories = stories

    @post("/api/bookings", status=201, permission=OWN_MONEY, idempotent=True, tags=TAGS)
    async def create(self, call: Call, body: BookingIn) -> BookingOut:
        """Book an offer, at the hub's own price. It is kept until `expires_at` for the payment.

        What the offer's check names as `requirements` is enforced, with a pointer for each field. An empty telephone
        number of the contact is filled with the profile's.
        """
        wanted = NewBooking(
            offer_id=body.offer_id,
            travelers=tuple(one.to_domain() for one in body.travelers),
            contact=Contact(body.contact.email, body.contact.phone),
            idempotency_key=call.idempotency_key,
            allow_duplicate=body.allow_duplicate,
        )
        return BookingOut.from_domain(await self._bookings.create_booking(call.signed_in_caller, wanted))

    @get("/api/bookings", permission=OWN_DATA, tags=TAGS)
    @get("/api/customers/{customer_id}/bookings", permission=OWN_DATA, tags=TAGS)
    async def list(self, call: Call, query: BookingQuery, customer_id: UUID | None = None) -> Page[BookingOut]:
        """Your bookings, the newest first."""
        if customer_id not in {None, call.signed_in_caller.id}:
            raise NotFound("There is no such customer.", code="customer_not_found")
        found, total = await self._bookings.list_bookings(
            call.signed_in_caller, status=query.status, page=query.page, page_size=query.page_size
        )
        items = [BookingOut.from_domain(one) for one in found]
        return Page[BookingOut](items=items, page=query.page, page_size=query.page_size, total=total)

    @get("/api/bookings/{booking_id}", permission=OWN_DATA, tags=TAGS)
    async def show(self, call: Call, booking_id: UUID) -> BookingOut:
        """One of your bookings."""
        return BookingOut.from_domain(await self._bookings.get_booking(call.signed_in_caller, booking_id))

    @patch("/api/bookings/{booking_id}", permission=OWN_DATA, tags=TAGS)
    async def change(self, call: Call, booking_id: UUID, body: BookingPatch) -> BookingOut:
        """Change the contact or the notes. A telephone number has to be one that the flights' supplier accepts."""
        contact = body.contact or ContactPatch()
        changed = await self._bookings.update_booking(
            call.signed_in_caller, booking_id, email=contact.email, phone=contact.phone, notes=body.notes
        )
        return BookingOut.from_domain(changed)

    @delete("/api/bookings/{booking_id}", permission=OWN_MONEY, tags=TAGS)
    async def cancel(self, call: Call, booking_id: UUID) -> BookingOut:
        """Cancel. What has been held is released, what has been paid is refunded."""
        return BookingOut.from_domain(await self._bookings.cancel_booking(call.signed_in_caller, booking_id))

    @get("/api/bookings/{booking_id}/story", permission=OWN_DATA, tags=TAGS)
    async def story(self, call: Call, booking_id: UUID) -> StoryOut:
        """All that happened: calls, webhooks, changes of state, messages, staff acts, in causal order."""
        return StoryOut(
            booking_id=booking_id,
            chapters=await self._stories.list_entries_for_caller(call.signed_in_caller, booking_id),
        )

    @get("/api/bookings/{booking_id}/calendar.ics", permission=OWN_DATA, response_type="text/calendar", tags=TAGS)
    async def calendar(self, call: Call, booking_id: UUID) -> Reply:
        """The flights as a calendar file."""
        booking = await self._bookings.get_booking(call.signed_in_caller, booking_id)
        headers = {"Content-Disposition": f'attachment; filename="{booking.reference}.ics"'}
        ics = build_calendar_file(
            booking, self._itineraries.build_itinerary(booking), self._links.build_link(booking.id)
        )
        return Reply(ics, headers=headers, content_type="text/calendar; charset=utf-8")
