"""The calendar file of a booking, read back by the library that programs read it with."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from icalendar import Calendar

from hub.core.money import Money
from hub.sales.bookings import Booking, BookingStatus, Contact, ItineraryBuilder, PaymentStatus
from hub.sales.bookings.calendar import build_calendar_file
from hub.supply.flights import AirlineReference, Baggage, Traveler
from hub.supply.locations import Locations

MADE = datetime(2027, 3, 1, 10, tzinfo=UTC)
ITINERARIES = ItineraryBuilder(Locations())


def segment(origin: str, leaves: str, destination: str, lands: str, flight: str, **more: Any) -> dict[str, Any]:
    carrier, number = flight.split()
    times = {"departs_at": leaves, "arrives_at": lands}
    return {"origin": origin, "destination": destination, "carrier": carrier, "flight_number": number, **times, **more}


OUT = segment("LHR", "2027-05-03T21:30:00+01:00", "NRT", "2027-05-04T18:20:00+09:00", "BA 5", operating_carrier="JL")
BACK = segment("HND", "2027-05-20T00:05:00+09:00", "LAX", "2027-05-19T18:05:00-07:00", "AA 26")


def booking(**changed: Any) -> Booking:
    slices = [{"origin": leg["origin"], "destination": leg["destination"], "segments": [leg]} for leg in (OUT, BACK)]
    ada = Traveler("ms", "f", "Ada", "Lovelace", date(1990, 12, 10), "GB")
    given: dict[str, Any] = {
        "id": UUID(int=7), "reference": "ABC234", "customer_id": UUID(int=1), "status": BookingStatus.CONFIRMED,
        "payment_status": PaymentStatus.PAID, "total": Money(90000, "EUR"), "contact": Contact("ada@example.com"),
        "itinerary": {"slices": slices}, "supplier": "kiwi", "offer_id": "off_1", "sandbox": True,
        "created_at": MADE, "updated_at": MADE + timedelta(minutes=5), "expires_at": MADE + timedelta(hours=1),
        "travelers": (ada,), "baggage": (Baggage(1, 1, 20, 8),),
        "airline_references": (AirlineReference("XYZ987", ("BA5",)), AirlineReference("QQ1122", ("AA26",))),
    }  # fmt: skip
    return Booking(**given | changed)


def events(of: Booking, link: str = "") -> tuple[Any, list[Any]]:
    calendar = Calendar.from_ical(build_calendar_file(of, ITINERARIES.build_itinerary(of), link))
    return calendar, calendar.walk("VEVENT")


def test_times_are_on_the_clocks_of_the_airports_with_their_rules_in_the_file():
    calendar, (out, back) = events(booking())
    assert out["DTSTART"].params["TZID"] == "Europe/London"
    assert out["DTEND"].params["TZID"] == "Asia/Tokyo"
    assert {str(zone["TZID"]) for zone in calendar.walk("VTIMEZONE")} == {
        "Europe/London", "Asia/Tokyo", "America/Los_Angeles",
    }  # fmt: skip
    assert (out.decoded("DTSTART").hour, back.decoded("DTEND").day) == (21, 19)


def test_an_event_names_airports_airline_day_of_arrival_reference_bags_and_the_booking():
    _, (out, back) = events(booking(), "https://hub.test/booking/x")
    text = str(out["DESCRIPTION"])
    assert "London Heathrow" in str(out["LOCATION"]) or "Heathrow" in str(out["LOCATION"])
    assert "British Airways BA 5, operated by Japan Airlines" in text
    assert "18:20 (+1)" in text
    assert "18:05 (-1)" in str(back["DESCRIPTION"])
    assert "Airline reference XYZ987" in text
    assert "Airline reference QQ1122" in str(back["DESCRIPTION"])
    assert "Ada Lovelace: 1 checked bag (20 kg), 1 cabin bag (8 kg)" in text
    assert "https://hub.test/booking/x" in text
    assert "Tokyo (NRT)" in str(out["SUMMARY"])


def test_an_event_keeps_its_name_and_counts_up_when_the_booking_changes():
    before, later = booking(), booking(updated_at=MADE + timedelta(days=2))
    moved = [{**slice_, "segments": [{**leg, "flight_number": "99"} for leg in slice_["segments"]]}
             for slice_ in before.itinerary["slices"]]  # fmt: skip
    later = replace(later, itinerary={"slices": moved})
    (first, second), (again, after) = events(before)[1], events(later)[1]
    assert (first["UID"], second["UID"]) == (again["UID"], after["UID"])
    assert first["UID"] != second["UID"]
    assert again["SEQUENCE"] > first["SEQUENCE"]
    assert again.decoded("DTSTAMP") > first.decoded("DTSTAMP")


@pytest.mark.parametrize(
    ("status", "state", "method"),
    [
        ("pending", "TENTATIVE", "PUBLISH"),
        ("awaiting_consent", "TENTATIVE", "PUBLISH"),
        ("order_unknown", "TENTATIVE", "PUBLISH"),
        ("ordered", "TENTATIVE", "PUBLISH"),
        ("confirmed", "CONFIRMED", "PUBLISH"),
        ("cancelled", "CANCELLED", "CANCEL"),
        ("failed", "CANCELLED", "CANCEL"),
        ("expired", "CANCELLED", "CANCEL"),
    ],
)
def test_flights_are_tentative_until_they_are_confirmed_and_canceled_at_the_end(status: str, state: str, method: str):
    calendar, found = events(booking(status=BookingStatus(status)))
    assert {str(event["STATUS"]) for event in found} == {state}
    assert str(calendar["METHOD"]) == method


def test_after_a_schedule_change_the_times_that_hold_no_longer_are_taken_out():
    calendar, (out, _) = events(booking(schedule_changed_at=MADE + timedelta(days=1)))
    assert (str(calendar["METHOD"]), str(out["STATUS"])) == ("CANCEL", "CANCELLED")
    assert "changed the schedule" in str(out["DESCRIPTION"])


def test_the_same_booking_gives_the_same_bytes():
    view = ITINERARIES.build_itinerary(booking())
    assert build_calendar_file(booking(), view) == build_calendar_file(booking(), view)


def test_unknown_airports_and_bags_and_old_itineraries_are_shown_as_far_as_they_are_known():
    unknown = segment("QQQ", "2027-05-03T21:30:00+01:00", "LHR", "2027-05-03T23:20:00+01:00", "ZZ 1")
    old = booking(
        itinerary={"slices": [{"origin": "QQQ", "destination": "LHR", "segments": [unknown]}]}, baggage=(),
        airline_references=(), supplier_reference="OLD1AB",
    )  # fmt: skip
    _, (event,) = events(old)
    assert "ZZ ZZ 1" in str(event["DESCRIPTION"])
    assert "Airline reference OLD1AB" in str(event["DESCRIPTION"])
    assert "checked" not in str(event["DESCRIPTION"])
