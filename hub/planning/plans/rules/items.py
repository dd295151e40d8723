"""One line of a draft becomes one line of a plan: its text plain, its times moments, its price the hub's."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from hub.core.money import Money
from hub.planning.plans.model import Activity, Amount, DraftItem, FlightSegment, Kind, Mark, PlanItem
from hub.planning.plans.rules.costs import estimate_cost, price_for_party
from hub.planning.plans.rules.frame import FlightLeg, TripFrame, list_legs
from hub.planning.plans.rules.texts import sanitize_line, sanitize_text
from hub.planning.plans.rules.times import (
    format_long_date,
    is_existing_time,
    parse_local_time,
    resolve_local_time,
    resolve_opening_hours,
    to_local_time,
    with_fixed_offset,
)
from hub.supply.flights import Segment, get_airline_name

MAX_VISIT = timedelta(hours=18)
"""Of anything but a flight or a stay."""


@dataclass(slots=True)
class FlownLegs:
    """The legs that the plan has flown so far, over all of its days. An offer is paid once, by the first of them."""

    legs: set[tuple[str, int]] = field(default_factory=set)

    def add_leg(self, leg: FlightLeg) -> bool:
        """Whether this leg is the one that pays."""
        first = all(offer != leg.offer.id for offer, _ in self.legs)
        self.legs.add((leg.offer.id, leg.slice_index))
        return first

    def list_unflown_legs(self, found: Sequence[FlightLeg]) -> list[FlightLeg]:
        return [one for one in found if (one.offer.id, one.slice_index) not in self.legs]


def check_item(draft: DraftItem, day: date, frame: TripFrame, flown: FlownLegs) -> PlanItem:
    """`id` is given later, when the items of the day are in order."""
    marks: list[Mark] = []
    leg = _leg(draft, frame, flown, marks)
    if leg is not None:
        if leg.date != day:
            marks.append(
                Mark(
                    code="date_outside", message=f"The flight leaves on {format_long_date(leg.date)}, not on this day."
                )
            )
        return _flight(draft, leg, frame, flown, marks)
    activity = _activity(draft, frame, marks)
    start, end = _times(draft, day, frame, marks)
    if activity is not None:
        marks += _closed(activity, day, start, end, frame)
    return PlanItem(
        id="",
        start=start,
        end=end,
        kind=draft.kind,
        place=sanitize_line(draft.place),
        note=sanitize_text(draft.note),
        cost=_cost(draft, activity, frame, marks),
        activity_id=activity.id if activity is not None else None,
        marks=marks,
    )


def _leg(draft: DraftItem, frame: TripFrame, flown: FlownLegs, marks: list[Mark]) -> FlightLeg | None:
    """Only a flight cites an offer; of its legs the one is meant, of those not yet flown, that leaves nearest."""
    if draft.kind is not Kind.FLIGHT:
        return None
    offer = frame.offers.get(draft.offer_id or "")
    wanted = parse_local_time(draft.start)
    if offer is None:
        said = "The flight is none of the offers that were found." if draft.offer_id else "The flight has no offer."
        marks.append(Mark(code="unknown_offer", message=said))
        return None
    every = list_legs(offer)
    found = flown.list_unflown_legs(every) or every
    return min(found, key=lambda leg: abs(leg.departs_at.replace(tzinfo=None) - wanted) if wanted else timedelta(0))


def _flight(draft: DraftItem, leg: FlightLeg, frame: TripFrame, flown: FlownLegs, marks: list[Mark]) -> PlanItem:
    again = not flown.list_unflown_legs([leg])
    cost = _fare(leg, frame, marks) if flown.add_leg(leg) else None
    if again:
        marks.append(Mark(code="twice", message="The same flight is in the plan twice."))
    return PlanItem(
        id="",
        start=leg.departs_at,
        end=leg.arrives_at,
        kind=Kind.FLIGHT,
        place=sanitize_line(draft.place),
        note=sanitize_text(draft.note),
        cost=cost,
        offer_id=leg.offer.id,
        flights=[_segment(segment) for segment in leg.offer.slices[leg.slice_index].segments],
        marks=marks,
    )


def _airline(carrier: str) -> str:
    name = get_airline_name(carrier)
    return name if name != carrier else ""


def _segment(segment: Segment) -> FlightSegment:
    return FlightSegment(
        number=f"{segment.carrier} {segment.flight_number}",
        carrier=segment.carrier,
        airline=_airline(segment.carrier),
        origin=segment.origin,
        destination=segment.destination,
        departs_at=with_fixed_offset(segment.departs_at),
        arrives_at=with_fixed_offset(segment.arrives_at),
    )


def _fare(leg: FlightLeg, frame: TripFrame, marks: list[Mark]) -> Amount:
    """What the offer says, whatever the draft says."""
    offer = leg.offer
    if offer.total.currency != frame.context.currency:
        said = f"The flight is sold in {offer.total.currency} and not in {frame.context.currency}."
        marks.append(Mark(code="currency", message=said))
    if offer.seats_left is not None and offer.seats_left < frame.paying_travelers:
        marks.append(Mark(code="party_size", message=f"There are only {offer.seats_left} seats left on this flight."))
    return Amount.from_money(offer.total)


def _activity(draft: DraftItem, frame: TripFrame, marks: list[Mark]) -> Activity | None:
    if not draft.activity_id or draft.kind is Kind.FLIGHT:
        return None
    found = frame.activities.get(draft.activity_id)
    if found is None:
        marks.append(Mark(code="unknown_activity", message="It cites something to do that is not known here."))
    return found


def _times(draft: DraftItem, day: date, frame: TripFrame, marks: list[Mark]) -> tuple[datetime, datetime]:
    """What cannot be read or does not exist is marked, and stands somewhere on its day."""
    start, end = parse_local_time(draft.start), parse_local_time(draft.end)
    if start is None or end is None:
        marks.append(Mark(code="unreadable_time", message="Its time cannot be read."))
        start = start or datetime.combine(day, time(12))
        end = start
    gaps = [one for one in (start, end) if not is_existing_time(one, frame.zone)]
    if gaps:
        said = f"{gaps[0]:%H:%M} does not exist on that day: the clocks go forward."
        marks.append(Mark(code="no_such_time", message=said))
    begins, ends = resolve_local_time(start, frame.zone), resolve_local_time(end, frame.zone)
    if ends < begins:
        marks.append(Mark(code="backwards", message="It ends before it begins."))
    elif draft.kind is not Kind.STAY and ends - begins > MAX_VISIT:
        marks.append(Mark(code="backwards", message=f"It takes {(ends - begins) // timedelta(hours=1)} hours."))
    if start.date() != day:
        marks.append(
            Mark(
                code="date_outside",
                message=f"It is on {format_long_date(start.date())} at {start:%H:%M}, not on this day.",
            )
        )
    return begins, ends


def _closed(one: Activity, day: date, start: datetime, end: datetime, frame: TripFrame) -> list[Mark]:
    """By the usual hours of the weekday, as the clocks there show it."""
    if not one.hours:
        return []
    hours = one.hours.get(day.weekday())
    if hours is None:
        return [Mark(code="closed", message=f"{sanitize_line(one.name)[:80]} is usually closed on {day:%A}s.")]
    opens, closes = resolve_opening_hours(day, *hours)
    if to_local_time(start, frame.zone) >= opens and to_local_time(end, frame.zone) <= closes:
        return []
    return [
        Mark(code="closed", message=f"{sanitize_line(one.name)[:80]} is usually open from {hours[0]} to {hours[1]}.")
    ]


def _cost(draft: DraftItem, activity: Activity | None, frame: TripFrame, marks: list[Mark]) -> Amount | None:
    """The hub's price where it has one. A flight without an offer has none."""
    if activity is not None and activity.cost is not None:
        if activity.currency != frame.context.currency:
            marks.append(Mark(code="currency", message=f"It is sold in {activity.currency}."))
            return Amount.from_money(Money(price_for_party(activity.cost, frame.paying_travelers), activity.currency))
        return Amount.from_money(Money(price_for_party(activity.cost, frame.paying_travelers), frame.context.currency))
    if draft.cost is not None and draft.cost < 0:
        marks.append(Mark(code="negative_cost", message="Its cost is below nothing."))
    return estimate_cost(draft, frame)
