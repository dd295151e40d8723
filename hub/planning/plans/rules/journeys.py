"""Whether one can be where the plan says, one thing after the other: overlaps, flights and the way between quarters."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from itertools import pairwise

from hub.planning.plans.model import Activity, Kind, Mark, PlanDay, PlanItem
from hub.planning.plans.rules.frame import Frame, Leg, legs
from hub.planning.plans.rules.texts import line
from hub.planning.plans.rules.times import in_words, moment

LANDED = timedelta(minutes=45)
"""From landing until one is out of the airport."""
LEAVING = timedelta(hours=2)
"""Before take-off, by when whatever is in town has ended."""
CROSSING = timedelta(minutes=10)
"""The least that it takes from one quarter to another."""
WORTH = timedelta(hours=3)
"""A day with less than this on the ground, between nine and nine, may be empty."""
_MORNING, _EVENING = time(9), time(21)
_ANYWHERE = frozenset({Kind.TRANSFER, Kind.FREE})
"""What can be done at home, and at an airport."""


def mark_overlaps(days: Sequence[PlanDay]) -> None:
    """A stay lasts while other things are done; nothing else does."""
    last: PlanItem | None = None
    for item in _in_order(days):
        if last is not None and item.start < last.end:
            said = f"It begins at {item.start:%H:%M}, before {_name(last)} has ended."
            item.marks.append(Mark(code="overlap", message=said))
        if last is None or item.end > last.end:
            last = item


def mark_areas(days: Sequence[PlanDay], activities: Mapping[str, Activity]) -> None:
    """Two things in different quarters need the way between them."""
    for first, second in pairwise(_in_order(days)):
        here, there = (_area(one, activities) for one in (first, second))
        gap = second.start - first.end
        if here and there and here != there and timedelta(0) <= gap < CROSSING:
            said = f"There is no time to get from {line(here)[:50]} to {line(there)[:50]}."
            second.marks.append(Mark(code="impossible_connection", message=said))


def mark_flights(days: Sequence[PlanDay], frame: Frame) -> None:
    """Nobody is in town before having landed, nor after having left for the airport; and a ticket is used whole."""
    flown = _flown(days, frame)
    for leg in flown:
        for item in (item for day in days for item in day.items if item.offer_id is None):
            said = _too_late(item, leg) if homeward(leg, frame) else _too_early(item, leg)
            if said is not None:
                item.marks.append(Mark(code="impossible_connection", message=said))
    _mark_unused(days, flown)


def homeward(leg: Leg, frame: Frame) -> bool:
    """A ticket of one direction leads home when it is for the last of several days."""
    alone = len(leg.offer.slices) == 1
    return leg.number > 0 or (alone and len(frame.dates) > 1 and leg.date == frame.dates[-1])


def mark_empty(days: Sequence[PlanDay], frame: Frame) -> None:
    flown = _flown(days, frame)
    for day in days:
        if not day.items and not day.marks and on_the_ground(day, flown, frame) >= WORTH:
            day.marks.append(Mark(code="empty_day", message="Nothing is planned for this day."))


def on_the_ground(day: PlanDay, flown: Iterable[Leg], frame: Frame) -> timedelta:
    """How much of the day, between nine and nine, there is at the place."""
    begins, ends = (moment(datetime.combine(day.date, at), frame.zone) for at in (_MORNING, _EVENING))
    for leg in flown:
        if homeward(leg, frame):
            ends = min(ends, leg.departs - LEAVING)
        else:
            begins = max(begins, leg.arrives + LANDED)
    return max(timedelta(0), ends - begins)


def _flown(days: Sequence[PlanDay], frame: Frame) -> list[Leg]:
    """The legs that the plan's flights are, by offer and time of leaving."""
    items = {(item.offer_id, item.start) for day in days for item in day.items if item.offer_id is not None}
    cited = [offer for offer in frame.ground.offers if offer.id in {one for one, _ in items}]
    return [leg for offer in cited for leg in legs(offer) if (offer.id, leg.departs) in items]


def _too_early(item: PlanItem, leg: Leg) -> str | None:
    if item.kind in _ANYWHERE and item.activity_id is None:
        return None  # before the flight at home, during it an overlap
    ready = leg.arrives if item.kind is Kind.STAY else leg.arrives + LANDED
    if item.start >= ready:
        return None
    landing = f"{in_words(leg.arrives.date())} at {leg.arrives:%H:%M}"
    return f"The flight lands only on {landing}, and the airport takes its time."


def _too_late(item: PlanItem, leg: Leg) -> str | None:
    if item.kind in _ANYWHERE and item.activity_id is None:
        return None
    leave = leg.departs if item.kind is Kind.STAY else leg.departs - LEAVING
    return (
        None
        if item.end <= leave
        else f"The flight leaves on {in_words(leg.departs.date())} at {leg.departs:%H:%M}: be there two hours before."
    )


def _mark_unused(days: Sequence[PlanDay], flown: Sequence[Leg]) -> None:
    used = {(leg.offer.id, leg.number) for leg in flown}
    by_date = {day.date: day for day in days}
    for offer in {leg.offer.id: leg.offer for leg in flown}.values():
        for leg in legs(offer):
            day = by_date.get(leg.date)
            if (offer.id, leg.number) not in used and day is not None:
                said = f"The other flight of the ticket is missing: it leaves at {leg.departs:%H:%M}."
                day.marks.append(Mark(code="impossible_connection", message=said))


def _in_order(days: Sequence[PlanDay]) -> list[PlanItem]:
    items = [item for day in days for item in day.items if item.kind is not Kind.STAY]
    return sorted(items, key=lambda one: (one.start, one.end))


def _area(item: PlanItem, activities: Mapping[str, Activity]) -> str:
    found = activities.get(item.activity_id or "")
    return found.area if found is not None else ""


def _name(item: PlanItem) -> str:
    return f"“{item.place[:80]}”" if item.place else "another thing"
