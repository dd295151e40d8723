"""A booking's journey as people read it: airlines and cities by name, references, bags, days of arrival.

One view for the confirmation e-mail, the SMS, the receipt, the calendar and the page of the booking.
"""

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Literal
from zoneinfo import ZoneInfo

from hub.sales.bookings.model import Booking
from hub.supply.flights import Baggage, get_airline_name
from hub.supply.locations import Locations

_LOCATOR = re.compile(r"(?=.*[A-Z])[A-Z0-9]{5,8}")


@dataclass(frozen=True, slots=True)
class ItineraryPlace:
    """An airport with its city. `zone` is None for an airport that is not known."""

    code: str
    airport: str
    city: str
    zone: tzinfo | None

    def __str__(self) -> str:
        return self.code if self.city == self.code else f"{self.city} ({self.code})"


@dataclass(frozen=True, slots=True)
class Flight:
    """One flight. Times are aware, on the clocks of the airports. `reference` is the airline's, of its ticket."""

    number: str
    airline: str
    operated_by: str | None
    origin: ItineraryPlace
    destination: ItineraryPlace
    departs_at: datetime
    arrives_at: datetime
    reference: str | None
    self_transfer_before: bool
    technical_stops: tuple[str, ...]

    @property
    def days_later(self) -> int:
        """How many days after the departure it lands, by the local calendars: +1 overnight, -1 over the date line."""
        return (self.arrives_at.date() - self.departs_at.date()).days

    @property
    def arrival_day(self) -> str:
        """`+1`, `-1`, or nothing."""
        return f"{self.days_later:+d}" if self.days_later else ""


@dataclass(frozen=True, slots=True)
class Direction:
    """A slice of the journey: out, or back."""

    origin: ItineraryPlace
    destination: ItineraryPlace
    flights: tuple[Flight, ...]


@dataclass(frozen=True, slots=True)
class TravelerBaggage:
    """`bags` in words."""

    traveler: str
    bags: str


@dataclass(frozen=True, slots=True)
class Itinerary:
    directions: tuple[Direction, ...]
    references: tuple[str, ...]
    """The airlines' references, each once, in the order of the flights."""
    baggage: tuple[TravelerBaggage, ...]
    separate_tickets: bool

    @property
    def flights(self) -> tuple[Flight, ...]:
        return tuple(flight for direction in self.directions for flight in direction.flights)


@dataclass(frozen=True, slots=True)
class ItineraryBuilder:
    """Makes the view of a booking."""

    locations: Locations

    def build_itinerary(self, booking: Booking) -> Itinerary:
        directions = tuple(self._direction(booking, slice_) for slice_ in booking.itinerary.get("slices") or [])
        references = dict.fromkeys(ticket.reference for ticket in booking.airline_references)
        if not references and _is_locator(booking.supplier_reference):
            references = {str(booking.supplier_reference): None}
        return Itinerary(
            directions,
            tuple(references),
            _baggage(booking),
            bool(booking.itinerary.get("separate_tickets")) or len(references) > 1,
        )

    def _direction(self, booking: Booking, slice_: dict[str, Any]) -> Direction:
        flights = tuple(self._flight(booking, segment) for segment in slice_.get("segments") or [])
        return Direction(self.find_place(slice_["origin"]), self.find_place(slice_["destination"]), flights)

    def _flight(self, booking: Booking, segment: dict[str, Any]) -> Flight:
        carrier, operator = segment["carrier"], segment.get("operating_carrier")
        origin, destination = self.find_place(segment["origin"]), self.find_place(segment["destination"])
        return Flight(
            number=f"{carrier} {segment['flight_number']}",
            airline=get_airline_name(carrier),
            operated_by=get_airline_name(operator) if operator and operator != carrier else None,
            origin=origin,
            destination=destination,
            departs_at=_local(segment["departs_at"], origin),
            arrives_at=_local(segment["arrives_at"], destination),
            reference=_reference(booking, f"{carrier}{segment['flight_number']}"),
            self_transfer_before=bool(segment.get("self_transfer_before")),
            technical_stops=tuple(segment.get("technical_stops") or ()),
        )

    def find_place(self, code: str) -> ItineraryPlace:
        """The airport, or the metropolitan area, with this code."""
        known = self.locations.find_location(code)
        if known is None:
            return ItineraryPlace(code, code, code, None)
        return ItineraryPlace(code, known.name, known.city, ZoneInfo(known.timezone))


def _local(moment: str, place: ItineraryPlace) -> datetime:
    """Aware, in the named zone of the airport where that says the same, else at the offset that was given."""
    given = datetime.fromisoformat(moment)
    if place.zone is None:
        return given
    local = given.astimezone(place.zone)
    return local if local.utcoffset() == given.utcoffset() else given


def _reference(booking: Booking, flight: str) -> str | None:
    named = next((ticket.reference for ticket in booking.airline_references if flight in ticket.flights), None)
    if named is not None:
        return named
    if len(booking.airline_references) == 1:
        return booking.airline_references[0].reference
    known = not booking.airline_references and _is_locator(booking.supplier_reference)
    return booking.supplier_reference if known else None


def _is_locator(reference: str | None) -> bool:
    """Whether it is an airline's record locator; the number of an order at a supplier opens no check-in."""
    return reference is not None and _LOCATOR.fullmatch(reference) is not None


def _baggage(booking: Booking) -> tuple[TravelerBaggage, ...]:
    ordered = [describe_bags(bags) for bags in booking.baggage]
    if not ordered:
        included = booking.itinerary.get("bags_included")
        ordered = [describe_bags(Baggage(hold=included))] * len(booking.travelers)
    pairs = zip(booking.travelers, ordered, strict=False)
    return tuple(TravelerBaggage(traveler.full_name, bags) for traveler, bags in pairs if bags)


def describe_bags(bags: Baggage) -> str:
    """`1 checked bag (20 kg), 1 cabin bag (8 kg)`; empty when nothing is known of either."""
    parts = (_bags(bags.hold, bags.hold_kg, "checked"), _bags(bags.hand, bags.hand_kg, "cabin"))
    return ", ".join(part for part in parts if part)


def _bags(count: int | None, weight: int | None, kind: Literal["checked", "cabin"]) -> str:
    if count is None:
        return ""
    if count == 0:
        return f"no {kind} bag"
    kilograms = f" ({weight} kg)" if weight else ""
    return f"{count} {kind} bag{'s' if count > 1 else ''}{kilograms}"
