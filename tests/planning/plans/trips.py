"""Plans made by hand, for the tests of what is shown."""

from datetime import date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hub.planning.plans.model import Amount, Budget, BudgetLine, Kind, Mark, Plan, PlanDay, PlanItem

PLAN_ID = UUID("01934e1f-0000-7000-8000-000000000001")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=ZoneInfo("UTC"))
LISBON = ZoneInfo("Europe/Lisbon")
ATHENS = ZoneInfo("Europe/Athens")
EUR = "EUR"


def at(text: str, zone: Any = ATHENS) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def item(number: str, start: str, end: str, kind: Kind, place: str, **more: Any) -> PlanItem:
    zone, cost = more.pop("zone", ATHENS), more.pop("cost", None)
    amount = None if cost is None else Amount(amount=cost, currency=EUR)
    begins, ends = at(start, zone), at(end, more.pop("end_zone", ATHENS))
    return PlanItem(
        id=number, start=begins, end=ends, kind=kind, place=place, note=more.pop("note", ""), cost=amount, **more
    )


def athens(**more: Any) -> Plan:
    """Three days in December, from London; one mark on an item, one on a day."""
    london = ZoneInfo("Europe/London")
    closed = Mark(code="closed", message="Benaki Museum is closed on Tuesdays")
    empty = Mark(code="empty_day", message="The afternoon has no plan yet")
    days = [
        PlanDay(date=date(2026, 12, 1), title="Arrival and Plaka", items=[
            item("d1-1", "2026-12-01T07:10", "2026-12-01T12:55", Kind.FLIGHT, "London to Athens", zone=london,
                 cost=48_000, offer_id="off_1", note="One bag each is included."),
            item("d1-2", "2026-12-01T15:00", "2026-12-01T16:30", Kind.SIGHT, "Benaki Museum", cost=2_400,
                 note="Icons, costumes and a roof café.", marks=[closed], activity_id="act_1"),
            item("d1-3", "2026-12-01T19:30", "2026-12-01T21:00", Kind.FOOD, "Dinner in Plaka"),
            item("d1-4", "2026-12-01T21:30", "2026-12-02T08:00", Kind.STAY, "Hotel in Monastiraki", cost=18_000),
        ]),
        PlanDay(date=date(2026, 12, 2), title="The Acropolis", items=[
            item("d2-1", "2026-12-02T09:00", "2026-12-02T12:00", Kind.SIGHT, "Acropolis", cost=4_000,
                 note="Buy the ticket for a fixed time the day before."),
            item("d2-2", "2026-12-02T12:30", "2026-12-02T14:00", Kind.FREE, "National Garden", cost=0),
        ], marks=[empty]),
        PlanDay(date=date(2026, 12, 3), title="Way home", items=[
            item("d3-1", "2026-12-03T22:40", "2026-12-04T00:55", Kind.FLIGHT, "Athens to London", offer_id="off_1",
                 end_zone=london),
        ]),
    ]  # fmt: skip
    lines = [(Kind.FLIGHT, 48_000, 0), (Kind.STAY, 18_000, 0), (Kind.FOOD, 0, 1), (Kind.SIGHT, 6_400, 0)]
    budget = Budget(
        currency=EUR, total=72_400, limit=80_000,
        lines=[BudgetLine(kind=kind, amount=amount, unknown=unknown) for kind, amount, unknown in lines],
    )  # fmt: skip
    known: dict[str, Any] = {
        "title": "Three winter days in Athens", "destination": "Athens", "country": "GR", "zone": "Europe/Athens",
        "summary": "Old stones, warm cafés and short walks, at an easy pace.", "days": days, "budget": budget,
        "packing": ["A warm jacket", "Shoes for marble steps"], "tips": ["Museums close early in winter."],
        "planner": "gpt-sandbox",
    }  # fmt: skip
    return Plan(**(known | more))


def hostile(text: str, **more: Any) -> Plan:
    """Every text of it is `text`."""
    mark = Mark(code="overlap", message=text[:160])
    one = PlanItem(
        id="d1-1", start=at("2026-12-01T10:00"), end=at("2026-12-01T11:00"), kind=Kind.SIGHT, place=text, note=text,
        marks=[mark],
    )  # fmt: skip
    day = PlanDay(date=date(2026, 12, 1), title=text, items=[one], marks=[mark])
    budget = Budget(currency=EUR, lines=[], total=0)
    return Plan(
        title=text, summary=text, destination=text, country="GR", zone="Europe/Athens", days=[day], budget=budget,
        packing=[text], tips=[text], marks=[mark], planner=text, **more,
    )  # fmt: skip


def fixed(hours: int) -> timezone:
    return timezone(timedelta(hours=hours))
