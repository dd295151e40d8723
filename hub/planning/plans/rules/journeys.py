"""Whether one can be where the plan says, one thing after the other: overlaps, flights and the way between quarters."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from itertools import pairwise

from hub.planning.plans.model import Activity, Kind, Mark, PlanDay, PlanItem
from hub.planning.plans.rules.frame import FlightLeg, TripFrame, list_legs
from hub.planning.plans.rules.texts import sanitize_line
from hub.planning.plans.rules.times import format_long_date, resolve_local_time

ARRIVAL_BUFFER = timedelta(minutes=45)
"""From landing until one is out of the airport."""
DEPARTURE_BUFFER = timedelta(hours=2)
"""Before take-off, by when whatever is in town has ended."""
MIN_AREA_TRANSFER = timedelta(minutes=10)
"""The least that it takes from one quarter to another."""
MIN_USABLE_DAY = timedelta(hours=3)
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


def mark_area_changes(days: Sequence[PlanDay], activities: Mapping[str, Activity]) -> None:
    """Two things in different quarters need the way between them."""
    for first, second in pairwise(_in_order(days)):
        here, there = (_area(one, activities) for one in (first, second))
        gap = second.start - first.end
        if here and there and here != there and timedelta(0) <= gap < MIN_AREA_TRANSFER:
            said = f"There is no time to get from {sanitize_line(here)[:50]} to {sanitize_line(there)[:50]}."
            second.marks.append(Mark(code="impossible_connection", message=said))


def mark_flights(days: Sequence[PlanDay], frame: TripFrame) -> None:
    """Nobody is in town before having landed, nor after having left for the airport; and a ticket is used whole."""
    flown = _flown(days, frame)
    for leg in flown:
        for item in (item for day in days for item in day.items if item.offer_id is None):
            said = _too_late(item, leg) if is_homeward(leg, frame) else _too_early(item, leg)
            if said is not None:
                item.marks.append(Mark(code="impossible_connection", message=said))
    _mark_unused(days, flown)


def is_homeward(leg: FlightLeg, frame: TripFrame) -> bool:
    """A ticket of one direction leads home when it is for the last of several days."""
    alone = len(leg.offer.slices) == 1
    return leg.slice_index > 0 or (alone and len(frame.dates) > 1 and leg.date == frame.dates[-1])


def mark_empty_days(days: Sequence[PlanDay], frame: TripFrame) -> None:
    flown = _flown(days, frame)
    for day in days:
        if not day.items and not day.marks and time_at_destination(day, flown, frame) >= MIN_USABLE_DAY:
            day.marks.append(Mark(code="empty_day", message="Nothing is planned for this day."))


def time_at_destination(day: PlanDay, flown: Iterable[FlightLeg], frame: TripFrame) -> timedelta:
    """How much of the day, between nine and nine, there is at the place."""
    begins, ends = (resolve_local_time(datetime.combine(day.date, at), frame.zone) for at in (_MORNING, _EVENING))
    for leg in flown:
        if is_homeward(leg, frame):
            ends = min(ends, leg.departs_at - DEPARTURE_BUFFER)
        else:
            begins = max(begins, leg.arrives_at + ARRIVAL_BUFFER)
    return max(timedelta(0), ends - begins)


def _flown(days: Sequence[PlanDay], frame: TripFrame) -> list[FlightLeg]:
    """The legs that the plan's flights are, by offer and time of leaving."""
    items = {(item.offer_id, item.start) for day in days for item in day.items if item.offer_id is not None}
    cited = [offer for offer in frame.context.offers if offer.id in {one for one, _ in items}]
    return [leg for offer in cited for leg in list_legs(offer) if (offer.id, leg.departs_at) in items]


def _too_early(item: PlanItem, leg: FlightLeg) -> str | None:
    if item.kind in _ANYWHERE and item.activity_id is None:
        return None  # before the flight at home, during it an overlap
    ready = leg.arrives_at if item.kind is Kind.STAY else leg.arrives_at + ARRIVAL_BUFFER
    if item.start >= ready:
        return None
    landing = f"{format_long_date(leg.arrives_at.date())} at {leg.arrives_at:%H:%M}"
    return f"The flight lands only on {landing}, and the airport takes its time."


def _too_late(item: PlanItem, leg: FlightLeg) -> str | None:
    if item.kind in _ANYWHERE and item.activity_id is None:
        return None
    leave = leg.departs_at if item.kind is Kind.STAY else leg.departs_at - DEPARTURE_BUFFER
    return (
        None
        if item.end <= leave
        else f"The flight leaves on {format_long_date(leg.departs_at.date())} at {leg.departs_at:%H:%M}: "
        "be there two hours before."
    )


def _mark_unused(days: Sequence[PlanDay], flown: Sequence[FlightLeg]) -> None:
    used = {(leg.offer.id, leg.slice_index) for leg in flown}
    by_date = {day.date: day for day in days}
    for offer in {leg.offer.id: leg.offer for leg in flown}.values():
        for leg in list_legs(offer):
            day = by_date.get(leg.date)
            if (offer.id, leg.slice_index) not in used and day is not None:
                said = f"The other flight of the ticket is missing: it leaves at {leg.departs_at:%H:%M}."
                day.marks.append(Mark(code="impossible_connection", message=said))


def _in_order(days: Sequence[PlanDay]) -> list[PlanItem]:
    items = [item for day in days for item in day.items if item.kind is not Kind.STAY]
    return sorted(items, key=lambda one: (one.start, one.end))


def _area(item: PlanItem, activities: Mapping[str, Activity]) -> str:
    found = activities.get(item.activity_id or "")
    return found.area if found is not None else ""


def _name(item: PlanItem) -> str:
    return f"“{item.place[:80]}”" if item.place else "another thing"
