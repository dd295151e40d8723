"""A booking as whoever has its link may see it."""

from dataclasses import dataclass
from datetime import timedelta

from hub.core.clock import Clock
from hub.core.db import Database
from hub.core.errors import NotFound
from hub.sales.bookings.calendar import itinerary_ics
from hub.sales.bookings.itinerary import Itineraries, Itinerary
from hub.sales.bookings.model import Booking
from hub.sales.bookings.repository import Store
from hub.sales.bookings.shared_links import BookingLinks

LINK_LIFE = timedelta(days=30)
"""For so long after the last landing a link shows its booking."""


@dataclass(frozen=True, slots=True)
class BookingView:
    booking: Booking
    itinerary: Itinerary
    link: str

    @property
    def ics(self) -> bytes:
        return itinerary_ics(self.booking, self.itinerary, self.link)


@dataclass(frozen=True, slots=True)
class BookingViewer:
    db: Database
    store: Store
    links: BookingLinks
    itineraries: Itineraries
    clock: Clock

    async def view_booking(self, token: str) -> BookingView:
        """Raises NotFound for a token that is none of ours, and once the journey is long over."""
        booking_id = self.links.booking_of(token)
        async with self.db.transaction() as tx:
            booking = await self.store.find(tx, booking_id)
        itinerary = self.itineraries.of(booking)
        landing = itinerary.flights[-1].arrives_at if itinerary.flights else booking.created_at
        if landing + LINK_LIFE < self.clock.now() or not booking.travelers:
            raise NotFound("There is no such booking.", code="booking_not_found")
        return BookingView(booking, itinerary, self.links.link(booking_id))
