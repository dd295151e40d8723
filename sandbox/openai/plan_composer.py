"""A good plan out of a journey's data: within its dates, hours and budget, and nothing twice at once."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from sandbox.openai.journey_data import Activity, Journey, Leg, Offer

LANDED, CENTRE = timedelta(minutes=45), timedelta(minutes=105)
"""From landing until one leaves the airport, and until one can begin anything in town."""
LEAVES, AIRPORT = timedelta(minutes=195), timedelta(minutes=135)
"""Before take-off: when the last thing in town ends, and when one is at the airport."""
BETWEEN, PAUSE = timedelta(minutes=45), timedelta(minutes=15)
"""Between two things to do, and around a meal."""
MEALS = (("Lunch", time(12, 30), 60), ("Dinner", time(19, 0), 75))
ACTIVITIES_BY_PACE = {"calm": 2, "full": 4}
_MORNING, _NIGHT = time(9), time(22)
_STEP = timedelta(minutes=15)

Item = dict[str, Any]


@dataclass(slots=True)
class PlanDay:
    """`begins_at` and `ends_at` bound what can be done."""

    date: date
    begins_at: datetime
    ends_at: datetime
    items: list[Item] = field(default_factory=list)

    def has_room(self, start: datetime, end: datetime, pause: timedelta) -> bool:
        within = self.begins_at <= start and end <= self.ends_at
        return within and all(end + pause <= one["start"] or start >= one["end"] + pause for one in self.items)

    def add_item(self, item: Item) -> None:
        self.items.append(item)
        self.items.sort(key=lambda one: (one["start"], one["end"]))


def compose_plan(journey: Journey, *, is_short: bool = False) -> list[PlanDay]:
    """The days that are asked for. `short`: fewer things in a day."""
    days = [_day(one) for one in journey.days]
    chosen = _choose(journey)
    for offer, leg, arriving, cost in chosen:
        _fly(days, offer, leg, arriving, cost)
    wanted = [one for one in days if one.date in journey.requested_days]
    spent = sum(cost or 0 for _, leg, _, cost in chosen if leg.departs_at.date() in journey.requested_days)
    _place_activities(wanted, journey, spent, ACTIVITIES_BY_PACE.get(journey.pace, 3) - is_short)
    for day in wanted:
        _eat(day, journey)
    return wanted


def sum_costs(days: list[PlanDay]) -> int:
    return sum(item["cost"] or 0 for day in days for item in day.items)


def _day(day: date) -> PlanDay:
    return PlanDay(day, datetime.combine(day, _MORNING), datetime.combine(day, _NIGHT))


Flight = tuple[Offer, Leg, bool, int | None]
"""An offer's leg, whether it is the way there, and what it costs: the first leg bears all."""


def _choose(journey: Journey) -> list[Flight]:
    """What the kept days fly with, or else the cheapest that the budget allows, there and back if there is such."""
    kept = [one for one in journey.offers if one.id in journey.used_ids]
    limit = journey.budget
    rest = [one for one in journey.offers if _in_time(one, journey) and (limit is None or one.total <= limit)]
    ranked = sorted(rest, key=lambda one: (one.inbound is None, one.total, one.outbound.departs_at))
    if kept:
        return _legs(kept[0], paid=_pays_already(kept[0], journey))
    if not ranked:
        return []
    found = _legs(ranked[0], paid=False)
    if ranked[0].inbound is None and limit is not None:
        limit -= ranked[0].total
    return [*found, *_way_back(ranked[0], journey, limit)]


def _pays_already(offer: Offer, journey: Journey) -> bool:
    """Whether a kept day bears the cost, which it does if the way there is on it."""
    return offer.outbound.departs_at.date() not in journey.requested_days


def _legs(offer: Offer, *, paid: bool) -> list[Flight]:
    out: list[Flight] = [(offer, offer.outbound, True, None if paid else offer.total)]
    return out if offer.inbound is None else [*out, (offer, offer.inbound, False, None)]


def _way_back(there: Offer, journey: Journey, limit: int | None) -> list[Flight]:
    """For an offer of one way: the cheapest of another that leads home on the last day."""
    if there.inbound is not None:
        return []
    found = [
        one
        for one in journey.offers
        if one.inbound is None
        and one.id != there.id
        and (one.outbound.origin, one.outbound.destination) == (there.outbound.destination, there.outbound.origin)
        and one.outbound.departs_at.date() == journey.days[-1]
        and one.outbound.departs_at > there.outbound.arrives_at + CENTRE + LEAVES
        and (limit is None or one.total <= limit)
    ]
    best = min(found, key=lambda one: (one.total, one.outbound.departs_at), default=None)
    return [(best, best.outbound, False, best.total)] if best else []


def _in_time(offer: Offer, journey: Journey) -> bool:
    """It leaves on the first day and comes back on the last, both of which the plan has."""
    there = offer.outbound.departs_at.date() == journey.days[0] and offer.outbound.arrives_at.date() <= journey.days[-1]
    return there and (offer.inbound is None or offer.inbound.departs_at.date() in journey.days)


def _fly(days: list[PlanDay], offer: Offer, leg: Leg, arriving: bool, cost: int | None) -> None:
    """The flight and the way to or from the airport, and no time in town before or after."""
    for day in days:
        if arriving:
            day.begins_at = max(day.begins_at, leg.arrives_at + CENTRE)
        else:
            day.ends_at = min(day.ends_at, leg.departs_at - LEAVES)
    title = f"Flight {leg.origin} to {leg.destination}" if leg.origin and leg.destination else "Flight"
    note = "Be at the airport two hours before departure."
    _put(days, _item(leg.departs_at, leg.arrives_at, "flight", title, note, cost) | {"offer_id": offer.id})
    if arriving:
        start, end, title = leg.arrives_at + LANDED, leg.arrives_at + CENTRE - PAUSE, "From the airport to the centre"
    else:
        start, end, title = leg.departs_at - LEAVES + PAUSE, leg.departs_at - AIRPORT, "To the airport"
    if start.date() == (leg.arrives_at if arriving else leg.departs_at).date():
        _put(days, _item(start, end, "transfer", title, "By train, bus or taxi.", None))


def _put(days: list[PlanDay], item: Item) -> None:
    for day in days:
        if day.date == item["start"].date():
            day.add_item(item)


def _place_activities(days: list[PlanDay], journey: Journey, spent: int, most: int) -> None:
    """Each once, what is liked first, spread over the days."""
    taken = journey.used_ids
    waiting = sorted(
        (one for one in journey.activities if one.id not in taken), key=lambda it: _rank(it, journey.interests)
    )
    for _ in range(max(1, most)):
        for day in days:
            for one in waiting:
                cost = (one.cost or 0) * journey.traveler_count
                start = _opening(day, one) if journey.budget is None or spent + cost <= journey.budget else None
                if start is not None:
                    day.add_item(_visit(one, start, journey.paying_count))
                    spent += cost
                    waiting.remove(one)
                    break


def _rank(one: Activity, likes: tuple[str, ...]) -> tuple[int, str, str]:
    words = f"{one.kind} {one.name} {' '.join(one.tags)}".lower()
    place = next((n for n, like in enumerate(likes) if like in words), len(likes))
    return place, one.area, one.id


def _opening(day: PlanDay, one: Activity) -> datetime | None:
    """When it can begin, the earliest: open, in town, away from the other things and not in the time of a meal."""
    hours = one.opening_hours_on(day.date)
    if hours is None:
        return None
    length = timedelta(minutes=one.minutes)
    start = max(day.begins_at, datetime.combine(day.date, hours[0]))
    start += (datetime.combine(start.date(), time()) - start) % _STEP
    last = min(day.ends_at, datetime.combine(day.date, hours[1])) - length
    while start <= last:
        if day.has_room(start, start + length, BETWEEN) and not _at_table(start, start + length):
            return start
        start += _STEP
    return None


def _at_table(start: datetime, end: datetime) -> bool:
    """Whether it would take the time of a meal; what is long may."""
    if end - start > timedelta(hours=3):
        return False
    meals = ((datetime.combine(start.date(), at), minutes) for _, at, minutes in MEALS)
    return any(start < at + timedelta(minutes=minutes) + PAUSE and end > at - PAUSE for at, minutes in meals)


def _visit(one: Activity, start: datetime, paying: int) -> Item:
    where = f"In {one.area}." if one.area else "Book ahead if you can."
    cost = None if one.cost is None else one.cost * paying
    item = _item(start, start + timedelta(minutes=one.minutes), one.kind, one.name, where, cost)
    return item | {"activity_id": one.id or None}


def _eat(day: PlanDay, journey: Journey) -> None:
    for name, at, minutes in MEALS:
        start = datetime.combine(day.date, at)
        end = start + timedelta(minutes=minutes)
        if day.has_room(start, end, PAUSE):
            day.add_item(_item(start, end, "food", name, f"A table near the centre of {journey.place}.", None))
    end = day.begins_at + timedelta(hours=1)
    if not day.items and end <= day.ends_at:
        day.add_item(_item(day.begins_at, end, "free", "A walk", f"See {journey.place} at your own pace.", 0))


def _item(start: datetime, end: datetime, kind: str, title: str, note: str, cost: int | None) -> Item:  # noqa: PLR0917
    return {"start": start, "end": end, "kind": kind, "title": title, "place": title, "note": note, "cost": cost}
