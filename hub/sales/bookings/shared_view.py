"""A booking as whoever has its link may see it."""

from dataclasses import dataclass
from datetime import timedelta

from hub.core.clock import Clock
from hub.core.db import Database
from hub.core.errors import NotFound
from hub.sales.bookings.calendar import build_calendar_file
from hub.sales.bookings.itinerary import Itinerary, ItineraryBuilder
from hub.sales.bookings.model import Booking
from hub.sales.bookings.repository import BookingRepository
from hub.sales.bookings.shared_links import BookingLinks

LINK_LIFETIME = timedelta(days=30)
"""For so long after the last landing a link shows its booking."""


@dataclass(frozen=True, slots=True)
class BookingView:
    booking: Booking
    itinerary: Itinerary
    link: str

    @property
    def calendar_file(self) -> bytes:
        return build_calendar_file(self.booking, self.itinerary, self.link)


@dataclass(frozen=True, slots=True)
class BookingViewer:
    db: Database
    bookings: BookingRepository
    booking_links: BookingLinks
    itineraries: ItineraryBuilder
    clock: Clock

    async def view_booking(self, token: str) -> BookingView:
        """Raises NotFound for a token that is none of ours, and once the journey is long over."""
        booking_id = self.booking_links.read_booking_id(token)
        async with self.db.transaction() as tx:
            booking = await self.bookings.find_booking(tx, booking_id)
        itinerary = self.itineraries.build_itinerary(booking)
        landing = itinerary.flights[-1].arrives_at if itinerary.flights else booking.created_at
        if landing + LINK_LIFETIME < self.clock.now() or not booking.travelers:
            raise NotFound("There is no such booking.", code="booking_not_found")
        return BookingView(booking, itinerary, self.booking_links.build_link(booking_id))
