"""A booking's flights as a calendar file (RFC 5545)."""

from datetime import timedelta

from icalendar import Calendar, Event

from hub.sales.bookings.itinerary import Flight, Itinerary
from hub.sales.bookings.model import Booking, BookingStatus

_ENDED = frozenset({BookingStatus.FAILED, BookingStatus.CANCELED, BookingStatus.EXPIRED})
_SEQUENCE_STEP = timedelta(milliseconds=100)
"""Two changes within a second differ, and 32 bits hold out for years."""
_ZONES_AROUND = timedelta(days=400)
"""For so long around the flights the rules of their time zones are in the file."""


def build_calendar_file(booking: Booking, itinerary: Itinerary, link: str = "") -> bytes:
    """One event for each flight, on the clocks of its airports. The same booking gives the same bytes.

    An event keeps its UID, and its SEQUENCE grows with each change of the booking, so that a calendar which has the
    file already replaces what it has. Flights are tentative until the booking is confirmed, and canceled once the
    booking has ended or the airline has changed the schedule.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//travel-hub//itinerary//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", get_calendar_method(booking))
    for part, direction in enumerate(itinerary.directions):
        for position, flight in enumerate(direction.flights):
            event = _event(booking, flight, itinerary, link)
            event.add("uid", f"{booking.id}-{part}-{position}@travel-hub")
            calendar.add_component(event)
    if itinerary.flights:
        first, last = itinerary.flights[0].departs_at, itinerary.flights[-1].arrives_at
        calendar.add_missing_timezones((first - _ZONES_AROUND).date(), (last + _ZONES_AROUND).date())
    return bytes(calendar.to_ical())


def get_calendar_method(booking: Booking) -> str:
    """CANCEL takes the events out of a calendar, PUBLISH puts them in."""
    return "CANCEL" if _status(booking) == "CANCELLED" else "PUBLISH"


def _status(booking: Booking) -> str:
    if booking.status in _ENDED or booking.schedule_changed_at is not None:
        return "CANCELLED"
    return "CONFIRMED" if booking.status is BookingStatus.CONFIRMED else "TENTATIVE"


def _event(booking: Booking, flight: Flight, itinerary: Itinerary, link: str) -> Event:
    event = Event()
    event.add("dtstamp", booking.updated_at.replace(microsecond=0))
    event.add("last-modified", booking.updated_at.replace(microsecond=0))
    event.add("sequence", (booking.updated_at - booking.created_at) // _SEQUENCE_STEP)
    event.add("status", _status(booking))
    event.add("dtstart", flight.departs_at)
    event.add("dtend", flight.arrives_at)
    event.add("summary", f"Flight {flight.number}: {flight.origin} to {flight.destination}")
    event.add("location", _location(flight))
    event.add("description", "\n".join(_description(booking, flight, itinerary, link)))
    if link:
        event.add("url", link)
    return event


def _location(flight: Flight) -> str:
    origin = flight.origin
    return origin.code if origin.airport == origin.code else f"{origin.airport} ({origin.code})"


def _description(booking: Booking, flight: Flight, itinerary: Itinerary, link: str) -> list[str]:
    arrival = f"{flight.arrives_at:%H:%M}{f' ({flight.arrival_day})' if flight.arrival_day else ''}"
    lines = [
        f"{flight.airline} {flight.number}{f', operated by {flight.operated_by}' if flight.operated_by else ''}",
        f"{flight.origin} {flight.departs_at:%H:%M} to {flight.destination} {arrival}, local times",
    ]
    if booking.schedule_changed_at is not None:
        lines.insert(0, "The airline has changed the schedule: look up the new time with the airline.")
    if flight.reference:
        lines.append(f"Airline reference {flight.reference}")
    if flight.self_transfer_before:
        lines.append("Self-transfer: collect your bags and check in again")
    lines += [f"{entry.traveler}: {entry.bags}" for entry in itinerary.baggage]
    lines.append(f"Booking {booking.reference}")
    return [*lines, link] if link else lines
