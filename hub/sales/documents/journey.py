"""A booking's flights in words for a paper."""

from dataclasses import dataclass
from datetime import datetime

from hub.sales.bookings import Booking, Flight, Itinerary, ItineraryBuilder


@dataclass(frozen=True, slots=True)
class JourneyText:
    itineraries: ItineraryBuilder

    def build_itinerary(self, booking: Booking) -> Itinerary:
        return self.itineraries.build_itinerary(booking)

    def format_title(self, booking: Booking) -> str:
        """`Flights London (LHR) to New York (JFK) and back`."""
        directions = self.itineraries.build_itinerary(booking).directions
        if not directions:
            return f"Journey, booking {booking.reference}"
        stops = [directions[0].origin, *(direction.destination for direction in directions)]
        back = len(directions) == 2 and stops[0] == stops[2]  # noqa: PLR2004
        places = " to ".join(str(place) for place in (stops[:2] if back else stops))
        return f"Flights {places}{' and back' if back else ''}"

    def format_flights(self, booking: Booking) -> list[str]:
        """A line for each flight, in the airports' own time, with the day of arrival where it is another.

        `12 Mar 2027 · British Airways BA 175 · London (LHR) 11:20 - New York (JFK) 14:20`
        """
        return [_flight(flight) for flight in self.itineraries.build_itinerary(booking).flights]


def _flight(flight: Flight) -> str:
    to = f"{flight.destination} {_clock(flight.arrives_at)}{f' ({flight.arrival_day})' if flight.arrival_day else ''}"
    leaves, name = flight.departs_at, f"{flight.airline} {flight.number}"
    return f"{leaves.day} {leaves:%b %Y} · {name} · {flight.origin} {_clock(leaves)} \N{EN DASH} {to}"


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M}"
