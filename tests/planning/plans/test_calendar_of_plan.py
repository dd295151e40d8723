"""A plan in a calendar: at the right hour wherever it is read, and once, however often it is fetched."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar, Event

from hub.planning.plans.model import Budget, Kind, Plan, PlanDay
from hub.planning.plans.rendering import to_ics
from tests.planning.plans.trips import EUR, NOW, PLAN_ID, at, athens, hostile, item


def events(plan: Plan, **more: Any) -> dict[str, Event]:
    """By item."""
    calendar = Calendar.from_ical(to_ics(plan, PLAN_ID, NOW, **more))
    mark = f"{PLAN_ID}-"
    return {str(one["uid"]).removeprefix(mark).removesuffix("@travel-hub"): one for one in calendar.walk("VEVENT")}


def one_day(day: date, zone: str, *items: Any) -> Plan:
    return Plan(
        title="A day", summary="", destination="There", zone=zone, days=[PlanDay(date=day, title="", items=[*items])],
        budget=Budget(currency=EUR, lines=[], total=0), planner="built-in",
    )  # fmt: skip


def test_each_item_is_one_event_in_the_destinations_zone():
    found = events(athens())
    assert sorted(found) == ["d1-1", "d1-2", "d1-3", "d1-4", "d2-1", "d2-2", "d3-1"]
    museum = found["d1-2"]
    assert museum["dtstart"].params["TZID"] == "Europe/Athens"
    assert museum["dtstart"].dt == at("2026-12-01T15:00")
    assert (museum["summary"], museum["location"]) == ("Sight: Benaki Museum", "Benaki Museum")
    assert "Please check: Benaki Museum is closed on Tuesdays" in museum["description"]


def test_what_was_given_on_another_clock_is_in_utc():
    flight = events(athens())["d1-1"]
    assert flight["dtstart"].dt == datetime(2026, 12, 1, 7, 10, tzinfo=UTC)
    assert flight["dtend"].dt == at("2026-12-01T12:55")


def test_a_stay_is_whole_days_and_keeps_nobody_busy():
    stay = events(athens())["d1-4"]
    assert (stay["dtstart"].dt, stay["dtend"].dt) == (date(2026, 12, 1), date(2026, 12, 2))
    assert stay["transp"] == "TRANSPARENT"


def test_the_rules_of_the_zone_are_in_the_file():
    text = to_ics(athens(), PLAN_ID, NOW).decode()
    assert text.count("BEGIN:VTIMEZONE") == 1
    assert "TZID:Europe/Athens" in text
    assert Calendar.from_ical(text).get_missing_tzids() == set()


@pytest.mark.parametrize("text", ["2027-03-28T00:30", "2027-03-28T02:30", "2027-10-31T00:30", "2027-10-31T02:30"])
def test_the_hour_is_right_on_both_sides_of_daylight_saving(text: str):
    """Lisbon, where clocks went from 01:00 to 02:00 that night."""
    lisbon = ZoneInfo("Europe/Lisbon")
    walk = item("d1-1", text, text, Kind.SIGHT, "Walk", zone=lisbon, end_zone=lisbon)
    found = events(one_day(walk.start.date(), "Europe/Lisbon", walk))["d1-1"]["dtstart"].dt
    assert found.astimezone(UTC).replace(tzinfo=None) == walk.start.astimezone(UTC).replace(tzinfo=None)


def test_a_plan_that_is_fetched_again_replaces_its_events():
    first, again = to_ics(athens(), PLAN_ID, NOW), to_ics(athens(), PLAN_ID, NOW)
    assert first == again
    later = events(athens(), version=4)["d2-1"]
    assert (later["uid"], later["sequence"]) == (f"{PLAN_ID}-d2-1@travel-hub", 4)


def test_text_is_escaped_and_lines_are_folded():
    text = "a;b,c\\d\r\nBEGIN:VEVENT\r\nSUMMARY:x " + "é" * 200
    content = to_ics(hostile(text), PLAN_ID, NOW)
    assert max(len(line) for line in content.split(b"\r\n")) <= 75
    assert content.count(b"BEGIN:VEVENT\r\n") == 1
    (event,) = events(hostile(text)).values()
    assert event["location"] == "a;b,c\\d BEGIN:VEVENT SUMMARY:x " + "é" * 200


def test_an_item_without_an_end_of_its_own_is_a_moment():
    one = item("d1-1", "2026-12-01T10:00", "2026-12-01T10:00", Kind.FREE, "Look")
    assert "dtend" not in events(one_day(date(2026, 12, 1), "Europe/Athens", one))["d1-1"]


def test_two_items_of_one_name_are_two_events():
    one = item("d1-1", "2026-12-01T10:00", "2026-12-01T11:00", Kind.FREE, "Look")
    assert sorted(events(one_day(date(2026, 12, 1), "Europe/Athens", one, one))) == ["d1-1", "d1-1-2"]


def test_a_plan_without_days_is_an_empty_calendar():
    assert events(athens(days=[])) == {}


ZONES = ("Europe/Lisbon", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "Asia/Tokyo", "UTC", "Not/AZone")


@given(
    zone=st.sampled_from(ZONES),
    start=st.integers(1_767_225_600, 2_082_672_000).map(lambda second: datetime.fromtimestamp(second, UTC)),
    minutes=st.integers(1, 3000),
)
@settings(max_examples=60, deadline=None)
def test_every_event_is_at_its_time_in_every_zone(zone: str, start: datetime, minutes: int):
    """Out of the database times come with an offset and without a zone."""
    place = ZoneInfo(zone) if zone != "Not/AZone" else UTC
    begins = datetime.fromisoformat(start.astimezone(place).isoformat())
    one = item("d1-1", "2026-12-01T10:00", "2026-12-01T10:00", Kind.TOUR, "Tour")
    one.start, one.end = begins, begins + timedelta(minutes=minutes)
    found = events(one_day(begins.date(), zone, one))["d1-1"]
    assert found["dtstart"].dt.astimezone(UTC) == start
    assert found["dtend"].dt.astimezone(UTC) == start + timedelta(minutes=minutes)
