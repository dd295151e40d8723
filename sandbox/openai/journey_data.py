"""The data of a journey, read from whatever document the question carries. Money in minor units."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

MAX_DAYS = 31
"""Days that a plan may have."""
_TIME = re.compile(r"(\d{1,2}):(\d{2})")
_WORD = re.compile(r"[^\W\d_]{4,}")
_ALWAYS = (time(0), time(23, 59))

Table = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Leg:
    """Times as they were given, local, without what zone they are in."""

    origin: str
    destination: str
    departs_at: datetime
    arrives_at: datetime


@dataclass(frozen=True, slots=True)
class Offer:
    """`total` for all, there and back."""

    id: str
    total: int
    outbound: Leg
    inbound: Leg | None


@dataclass(frozen=True, slots=True)
class Activity:
    """`opening_hours` by weekday from Monday 0, empty: always open. `cost` a person, None: unknown."""

    id: str
    name: str
    kind: str
    minutes: int
    opening_hours: dict[int, tuple[time, time]]
    cost: int | None
    area: str
    tags: tuple[str, ...]

    def opening_hours_on(self, day: date) -> tuple[time, time] | None:
        return self.opening_hours.get(day.weekday()) if self.opening_hours else _ALWAYS


@dataclass(frozen=True, slots=True)
class Journey:
    """`requested_days` are the days that are wanted now, all of them for a new plan; the rest is as `kept_days` has it.

    `budget` is what is left for the days asked, None: nothing is said of money. `paying_count` people of
    `traveler_count`.
    """

    place: str
    days: tuple[date, ...]
    requested_days: tuple[date, ...]
    kept_days: tuple[Table, ...]
    traveler_count: int
    paying_count: int
    budget: int | None
    currency: str
    pace: str
    interests: tuple[str, ...]
    offers: tuple[Offer, ...]
    activities: tuple[Activity, ...]
    facts: tuple[str, ...]

    @property
    def used_ids(self) -> set[str]:
        """Ids of activities and offers that the kept days have."""
        items = [item for day in self.kept_days for item in _tables(day.get("items"))]
        return {str(item[name]) for item in items for name in ("activity_id", "offer_id") if item.get(name)}


def read_journey(data: Table) -> Journey:
    """What is there; what is not has a sensible stand-in, the same each time."""
    days = _days(data)
    asked = _asked(data, days)
    kept = _kept(data, asked)
    budget, currency = read_money(first_value(data, "budget", "budget_total"))
    party = first_value(data, "party", "travellers", "travelers", "people", "passengers")
    return Journey(
        place=_name(first_value(data, "destination", "place", "city", "where")) or "the city",
        days=days,
        requested_days=asked,
        kept_days=kept,
        traveler_count=_people(party),
        paying_count=_people(party | {"infants": 0} if isinstance(party, dict) else party),
        budget=None if budget is None else max(0, budget - _spent(kept)),
        currency=currency or read_text(data.get("currency")) or "USD",
        pace=read_text(data.get("pace")),
        interests=_likes(data),
        offers=_all(_offer, first_value(data, "offers", "flights")),
        activities=_all(_activity, first_value(data, "activities", "tours")),
        facts=tuple(_texts(first_value(data, "facts", "local_facts", "tips"))),
    )


def first_value(data: Table, *names: str) -> Any:
    return next((data[name] for name in names if data.get(name) is not None), None)


def read_money(value: Any) -> tuple[int | None, str]:
    """`{"amount", "currency"}` or a number."""
    if isinstance(value, dict):
        return _whole(first_value(value, "amount", "total", "value")), read_text(value.get("currency"))
    return _whole(value), ""


def read_text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def read_moment(value: Any) -> datetime | None:
    """A date and time, its zone left aside."""
    try:
        return datetime.fromisoformat(read_text(value)).replace(tzinfo=None)
    except ValueError:
        return None


def read_day(value: Any) -> date | None:
    found = read_moment(value)
    return found.date() if found else None


def _days(data: Table) -> tuple[date, ...]:
    dates = data.get("dates")
    span = dates if isinstance(dates, dict) else data
    begin = read_day(first_value(span, "start_date", "start", "from", "begin")) or date(2030, 5, 1)
    end = read_day(first_value(span, "end_date", "end", "to", "until"))
    nights = _whole(first_value(data, "nights", "length")) or 2
    count = min((end - begin).days + 1 if end else nights + 1, MAX_DAYS, (date.max - begin).days)
    return tuple(begin + timedelta(days=n) for n in range(max(1, count)))


def _asked(data: Table, days: tuple[date, ...]) -> tuple[date, ...]:
    """Of those that were listed, the ones that the wish names, if it names any."""
    listed = data.get("days")
    wanted = {found for one in (listed if isinstance(listed, list) else []) if (found := read_day(one))}
    asked = [one for one in days if one in wanted] or list(days)
    wish = read_text(data.get("wish")).lower()
    named = [
        one for one in asked if one.isoformat() in wish or f"day {days.index(one) + 1}" in re.findall(r"day \d+", wish)
    ]
    return tuple(named or asked)


def _kept(data: Table, asked: Iterable[date]) -> tuple[Table, ...]:
    plan = data.get("plan")
    found = _tables(plan.get("days")) if isinstance(plan, dict) else []
    return tuple(one for one in found if read_day(one.get("date")) not in set(asked))


def _spent(days: Iterable[Table]) -> int:
    return sum(max(0, read_money(item.get("cost"))[0] or 0) for day in days for item in _tables(day.get("items")))


def _likes(data: Table) -> tuple[str, ...]:
    """What the wish says comes before the interests."""
    wish = [one.lower() for one in _WORD.findall(read_text(data.get("wish")))]
    return (*wish, *(one.lower() for one in _texts(first_value(data, "interests", "likes"))))


def _people(value: Any) -> int:
    if isinstance(value, dict):
        return max(1, sum(max(0, _whole(one) or 0) for one in value.values()))
    return max(1, len(value) if isinstance(value, list) else _whole(value) or 1)


def _offer(one: Table) -> Offer | None:
    """With its legs in `outbound` and `inbound`, or one way with the leg's facts in the offer itself."""
    outward, back = one.get("out"), one.get("back")
    out = _leg(outward if isinstance(outward, dict) else one)
    ident, (total, _) = (
        read_text(first_value(one, "id", "offer_id")),
        read_money(first_value(one, "total", "price", "cost")),
    )
    if not ident or out is None:
        return None
    return Offer(ident, total or 0, out, _leg(back) if isinstance(back, dict) else None)


def _leg(one: Table) -> Leg | None:
    departs = read_moment(first_value(one, "departs_at", "departure", "departs"))
    arrives = read_moment(first_value(one, "arrives_at", "arrival", "arrives"))
    if departs is None or arrives is None:
        return None
    route = one.get("route")
    ends = re.findall(r"[A-Z]{3}", route) if isinstance(route, str) else []
    if len(ends) >= 2:
        return Leg(ends[0], ends[-1], departs, arrives)
    return Leg(
        read_text(first_value(one, "origin", "from")),
        read_text(first_value(one, "destination", "to")),
        departs,
        arrives,
    )


def _activity(one: Table) -> Activity | None:
    name = read_text(first_value(one, "name", "title"))
    if not name:
        return None
    return Activity(
        id=read_text(first_value(one, "id", "activity_id", "tour_id")),
        name=name,
        kind=read_text(one.get("kind")) or "sight",
        minutes=min(720, max(15, _whole(first_value(one, "minutes", "duration_minutes", "duration")) or 90)),
        opening_hours=_hours(one),
        cost=read_money(first_value(one, "cost", "price"))[0],
        area=read_text(first_value(one, "area", "place", "address")),
        tags=tuple(one.lower() for one in _texts(one.get("tags"))),
    )


def _hours(one: Table) -> dict[int, tuple[time, time]]:
    """By weekday, or the same every day with `opens` and `closes`."""
    given = one.get("hours")
    if isinstance(given, dict):
        pairs = {day: span for day, span in given.items() if isinstance(span, list) and len(span) == 2}
        return {int(day): _span(*span) for day, span in pairs.items() if day.isascii() and day.isdigit()}
    if one.get("opens") is None and one.get("closes") is None:
        return {}
    return dict.fromkeys(range(7), _span(one.get("opens"), one.get("closes")))


def _span(opens: Any, closes: Any) -> tuple[time, time]:
    return _hour(opens, time(0)), _hour(closes, time(23, 59))


def _hour(value: Any, usual: time) -> time:
    found = _TIME.search(read_text(value))
    if found is None:
        return usual
    hour, minute = int(found[1]), int(found[2])
    return time(23, 59) if hour >= 24 else time(hour, min(minute, 59))


def _name(value: Any) -> str:
    return read_text(first_value(value, "name", "city", "text", "label", "code") if isinstance(value, dict) else value)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [name for one in value if (name := _name(one))] if isinstance(value, list) else []


def _tables(value: Any) -> list[Table]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _all(read: Any, value: Any) -> tuple[Any, ...]:
    return tuple(found for one in _tables(value) if (found := read(one)) is not None)


def _whole(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if abs(value) < 10**15 else None
