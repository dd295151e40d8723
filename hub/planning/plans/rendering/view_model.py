"""A plan in words: every date, time and sum as people will read it, whatever it is printed on."""

import unicodedata
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hub.core.money import Money
from hub.planning.plans.model import FlightSegment, Kind, Mark, Plan, PlanDay, PlanItem
from hub.planning.plans.rendering.affiliates import AffiliateLink

KIND_LABELS: dict[Kind, str] = {
    Kind.FLIGHT: "Flight",
    Kind.TRANSFER: "Transfer",
    Kind.STAY: "Stay",
    Kind.FOOD: "Food",
    Kind.SIGHT: "Sight",
    Kind.TOUR: "Tour",
    Kind.FREE: "Free time",
}
_IN_BUDGET = {
    Kind.FLIGHT: "Flights",
    Kind.TRANSFER: "Transfers",
    Kind.FOOD: "Food",
    Kind.SIGHT: "Sights",
    Kind.TOUR: "Tours",
}
_DAY_MADE_BY = "This day was made by the built-in planner: the language model's did not pass the checks."
_TURNS_TEXT_AROUND = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINS = frozenset("\u200c\u200d")
"""Several scripts, and emoji, are written with them."""


def build_view_model(plan: Plan, affiliates: Sequence[AffiliateLink] = (), *, sandbox: bool = False) -> dict[str, Any]:
    """All that a template needs, as strings; the text of the plan is still to be escaped for where it goes."""
    return {
        "title": strip_invisible(plan.title) or "Trip plan",
        "summary": strip_invisible(plan.summary),
        "destination": strip_invisible(plan.destination),
        "country": strip_invisible(plan.country or ""),
        "zone": plan.zone,
        "when": format_date_range([one.date for one in plan.days]),
        "days": [_day(plan, number, one) for number, one in enumerate(plan.days, 1)],
        "budget": _budget(plan),
        "packing": _lines(plan.packing),
        "tips": _lines(plan.tips),
        "marks": _marks(plan.marks),
        "doubts": count_failed_checks(plan),
        "made_by": describe_planner(plan),
        "sandbox": sandbox,
        "affiliates": [asdict(one) for one in affiliates],
        "disclosures": list(dict.fromkeys(one.disclosure for one in affiliates)),
    }


def count_failed_checks(plan: Plan) -> int:
    """How many checks failed and could not be mended."""
    items = sum(len(item.marks) for day in plan.days for item in day.items)
    return len(plan.marks) + sum(len(day.marks) for day in plan.days) + items


def describe_planner(plan: Plan) -> str:
    """Who made it: a rule-based planner is not passed off as a model."""
    if plan.planner == "built-in":
        return "Made by the built-in planner, without a language model."
    return f"Made by {strip_invisible(plan.planner)}, an AI model, and checked by Travel Hub."


def strip_invisible(text: str) -> str:
    """One line without what is not seen or turns the text that follows around."""
    kept = "".join(_plain(one) for one in text)
    return " ".join(kept.split())


def format_date_range(days: Sequence[date]) -> str:
    """`1 to 4 December 2026`, `30 November to 2 December 2026`."""
    if not days:
        return ""
    first, last = min(days), max(days)
    if first == last:
        return format_short_date(first)
    if first.year != last.year:
        return f"{format_short_date(first)} to {format_short_date(last)}"
    month = "" if first.month == last.month else f" {first:%B}"
    return f"{first.day}{month} to {format_short_date(last)}"


def format_short_date(one: date) -> str:
    """1 December 2026."""
    return f"{one.day} {one:%B %Y}"


def load_zone(plan: Plan) -> ZoneInfo:
    """UTC where the name is none that is known."""
    try:
        return ZoneInfo(plan.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def _plain(one: str) -> str:
    if one in _TURNS_TEXT_AROUND:
        return ""
    category = unicodedata.category(one)
    if category == "Cf" and one not in _JOINS:
        return ""
    return " " if category in {"Cc", "Zl", "Zp", "Cs", "Cn", "Co"} else one


def _lines(texts: Sequence[str]) -> list[str]:
    return [line for one in texts if (line := strip_invisible(one))]


def _marks(marks: Sequence[Mark]) -> list[str]:
    return [strip_invisible(one.message) or one.code.replace("_", " ") for one in marks]


def _day(plan: Plan, number: int, day: PlanDay) -> dict[str, Any]:
    return {
        "number": number,
        "iso": day.date.isoformat(),
        "weekday": f"{day.date:%A}",
        "short": f"{day.date:%a} {day.date.day} {day.date:%b}",
        "date": format_short_date(day.date),
        "title": strip_invisible(day.title),
        "made_by": _DAY_MADE_BY if day.planner == "built-in" else "",
        "marks": _marks(day.marks),
        "items": [_item(plan, day.date, one) for one in day.items],
    }


def _item(plan: Plan, today: date, item: PlanItem) -> dict[str, Any]:
    start, end = _at(plan, item.start), _at(plan, item.end)
    return {
        "id": item.id,
        "kind": item.kind.value,
        "label": KIND_LABELS[item.kind],
        "start": f"{start:%H:%M}",
        "end": f"{end:%H:%M}",
        "starts_at": start.isoformat(),
        "ends_at": end.isoformat(),
        "start_zone": _elsewhere(plan, start),
        "end_zone": _elsewhere(plan, end),
        "later": _later(today, end),
        "place": strip_invisible(item.place),
        "note": describe_item(item),
        "cost": item.cost.money.display if item.cost is not None and item.cost.amount else None,
        "free": item.cost is not None and item.cost.amount == 0,
        "marks": _marks(item.marks),
    }


def describe_item(item: PlanItem) -> str:
    """What there is to say of it: the flights by number, airports and times, and the note."""
    return " ".join(text for text in (_flights(item), strip_invisible(item.note)) if text)


def _flights(item: PlanItem) -> str:
    """`TP 1351, LHR 07:10 to LIS 09:55, nonstop.`"""
    if not item.flights:
        return ""
    first = item.flights[0].departs_at.date()
    legs = [
        f"{strip_invisible(f'{flight.airline} {flight.number}')}, {_from_to(flight, first)}" for flight in item.flights
    ]
    stops = len(item.flights) - 1
    said = "nonstop" if not stops else "1 stop" if stops == 1 else f"{stops} stops"
    return f"{'; '.join(legs)}, {said}."


def _from_to(flight: FlightSegment, first: date) -> str:
    departs, arrives = (
        f"{airport} {at:%H:%M}{_days_later(at, first)}"
        for airport, at in ((flight.origin, flight.departs_at), (flight.destination, flight.arrives_at))
    )
    return f"{departs} to {arrives}"


def _days_later(at: datetime, first: date) -> str:
    days = (at.date() - first).days
    return f" (+{days})" if days > 0 else ""


def _at(plan: Plan, moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=load_zone(plan))


def _elsewhere(plan: Plan, moment: datetime) -> str:
    """The clock that a time is read on, where it is not the one at the destination: `UTC+1`."""
    offset = moment.utcoffset()
    if offset is None or offset == moment.astimezone(load_zone(plan)).utcoffset():
        return ""
    minutes = int(offset.total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")


def _later(today: date, end: datetime) -> str:
    days = (end.date() - today).days
    return f"+{days}" if days > 0 else ""


def _budget(plan: Plan) -> dict[str, Any]:
    budget, currency = plan.budget, plan.budget.currency
    left = None if budget.limit is None else Money(budget.limit - budget.total, currency)
    unknown = sum(one.unknown for one in budget.lines)
    return {
        "lines": [
            {
                "kind": one.kind.value,
                "label": _IN_BUDGET.get(one.kind, KIND_LABELS[one.kind]),
                "amount": Money(one.amount, currency).display,
                "unknown": one.unknown,
                "share": round(100 * one.amount / budget.total) if budget.total > 0 else 0,
            }
            for one in budget.lines
        ],
        "total": Money(budget.total, currency).display,
        "limit": None if budget.limit is None else Money(budget.limit, currency).display,
        "left": left.display if left is not None and left.amount >= 0 else None,
        "over": Money(-left.amount, currency).display if left is not None and left.amount < 0 else None,
        "unknown": unknown,
    }
