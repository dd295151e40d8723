"""A booking's flights in words for a paper."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.bookings import Booking
from hub.locations import Locations


@dataclass(frozen=True, slots=True)
class Journey:
    locations: Locations

    def title(self, booking: Booking) -> str:
        """`Flights London (LHR) to New York (JFK) and back`."""
        slices = booking.itinerary.get("slices") or []
        if not slices:
            return f"Journey, booking {booking.reference}"
        stops = [slices[0]["origin"], *(one["destination"] for one in slices)]
        back = len(slices) == 2 and stops[0] == stops[2]  # noqa: PLR2004
        places = " to ".join(self._place(one) for one in (stops[:2] if back else stops))
        return f"Flights {places}{' and back' if back else ''}"

    def details(self, booking: Booking) -> list[str]:
        """A line for each flight: `12 Mar 2027 · BA 175 · LHR 11:20 - JFK 14:20`, in the airports' own time."""
        slices = booking.itinerary.get("slices") or []
        return [_flight(segment) for one in slices for segment in one.get("segments") or []]

    def _place(self, code: str) -> str:
        known = self.locations.find(code)
        return f"{known.city} ({code})" if known else code


def _flight(segment: dict[str, Any]) -> str:
    leaves, lands = datetime.fromisoformat(segment["departs_at"]), datetime.fromisoformat(segment["arrives_at"])
    later = (lands.date() - leaves.date()).days
    flight = f"{segment['carrier']} {segment['flight_number']}"
    to = f"{segment['destination']} {lands:%H:%M}{f' ({later:+})' if later else ''}"
    return f"{leaves.day} {leaves:%b %Y} · {flight} · {segment['origin']} {leaves:%H:%M} \N{EN DASH} {to}"
