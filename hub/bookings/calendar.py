"""A booking's flights as a calendar file (RFC 5545)."""

from datetime import datetime
from typing import Any

from icalendar import Calendar, Event

from hub.bookings.model import Booking


def itinerary_ics(booking: Booking) -> bytes:
    """One event per segment, in the airports' own zones. The same booking gives the same bytes."""
    calendar = Calendar()
    calendar.add("prodid", "-//travel-hub//itinerary//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    for direction in booking.itinerary["slices"]:
        for segment in direction["segments"]:
            calendar.add_component(_event(booking, segment))
    return bytes(calendar.to_ical())


def _event(booking: Booking, segment: dict[str, Any]) -> Event:
    flight = f"{segment['carrier']} {segment['flight_number']}"
    event = Event()
    event.add("uid", f"{booking.id}-{segment['carrier']}{segment['flight_number']}-{segment['departs_at']}@travel-hub")
    event.add("dtstamp", booking.created_at)
    event.add("dtstart", datetime.fromisoformat(segment["departs_at"]).astimezone(booking.created_at.tzinfo))
    event.add("dtend", datetime.fromisoformat(segment["arrives_at"]).astimezone(booking.created_at.tzinfo))
    event.add("summary", f"Flight {flight}: {segment['origin']} to {segment['destination']}")
    event.add("location", segment["origin"])
    event.add("description", f"Booking {booking.reference}. Local times are shown by your calendar.")
    return event
