"""A planner that asks nobody: from the ground alone, the same plan each time, and one that passes every check.

Flights within the budget and their way to and from the airport; then each day what is liked, lies together, is open,
and is paid for, with meals at meal times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from hub.core.money import Money
from hub.planning.plans.context.gazetteer import AIRPORT_TAG
from hub.planning.plans.drafting.day_scheduler import SAME_AREA_GAP, DaySchedule, RemainingBudget, build_item, fill_days
from hub.planning.plans.model import Activity, Draft, DraftDay, DraftItem, Kind, PlanContext, PlanRequest
from hub.planning.plans.rules.costs import price_for_party
from hub.planning.plans.rules.frame import FlightLeg, TripFrame, list_legs
from hub.planning.plans.rules.journeys import ARRIVAL_BUFFER, DEPARTURE_BUFFER
from hub.planning.plans.rules.texts import sanitize_line, sanitize_text
from hub.planning.plans.rules.times import is_existing_time, resolve_local_time, to_local_time
from hub.supply.flights import FlightOffer

PLANNER_NAME = "built-in"
FLIGHTS_SHARE = 0.7
"""Of the budget, that the best flight may take; beyond it the cheapest is taken."""
MIN_STAY = timedelta(hours=8)
"""Between landing and leaving again, below which a journey is none."""
_BEGINS = {"calm": time(10), "normal": time(9), "full": time(8, 30)}
_ENDS = {"calm": time(21), "normal": time(21, 30), "full": time(22, 30)}
_CHILDREN_END = time(20, 30)
_WAY = timedelta(minutes=45)
"""Into town, where nothing is known of it."""
_LONGEST_WAY = timedelta(minutes=120)
_PACKING = ["Passport or identity card", "A charger and the right adapter", "Shoes to walk in all day", "Rainwear"]
_FAMILY = "What the children need for a day out"


@dataclass(frozen=True, slots=True)
class RuleBasedPlanner:
    """Deterministic, without I/O. Writes English."""

    def draft_plan(self, request: PlanRequest, ground: PlanContext, *, days: Sequence[date] | None = None) -> Draft:
        """`days`: only these, as they would be in the whole."""
        trip = _Trip.of(request, ground)
        wanted = set(trip.frame.dates if days is None else days)
        return Draft(
            title=sanitize_line(_title(trip)),
            summary=sanitize_text(_summary(trip)),
            packing=[*_PACKING, *([_FAMILY] if request.children + request.infants else [])],
            tips=_tips(trip),
            days=[one for one in trip.days() if date.fromisoformat(one.date) in wanted],
        )


@dataclass(frozen=True, slots=True)
class _Trip:
    """The frame of it all: how one comes and goes, and what is left to spend."""

    frame: TripFrame
    offer: FlightOffer | None
    way: Activity | None
    """Between airport and town."""

    @classmethod
    def of(cls, request: PlanRequest, ground: PlanContext) -> "_Trip":
        frame = TripFrame.from_request(request, ground)
        way = next((one for one in ground.activities if AIRPORT_TAG in one.tags), None)
        return cls(frame, choose_flight_offer(frame), way)

    @property
    def limit(self) -> int | None:
        return self.frame.request.budget.amount if self.frame.request.budget is not None else None

    @property
    def legs(self) -> list[FlightLeg]:
        return list_legs(self.offer) if self.offer is not None else []

    @property
    def travel(self) -> timedelta:
        return min(timedelta(minutes=max(5, self.way.minutes)), _LONGEST_WAY) if self.way is not None else _WAY

    def days(self) -> list[DraftDay]:
        purse = RemainingBudget(self.limit)
        flights = self._flights(purse)
        ways = self._ways(purse)
        days = [self._window(one) for one in self.frame.dates]
        fill_days(days, self.frame, purse)
        found = []
        for day in days:
            own = [one for one in (*flights, *ways) if one.start[:10] == day.date.isoformat()]
            items = sorted([*day.items, *own], key=lambda one: one.start)
            found.append(DraftDay(date=day.date.isoformat(), title=sanitize_line(self._day_title(day)), items=items))
        return found

    def _window(self, day: date) -> DaySchedule:
        """The time in town: between breakfast and bed, landing and leaving."""
        request, zone = self.frame.request, self.frame.zone
        early = request.children + request.infants > 0
        begins = datetime.combine(day, _BEGINS[request.pace])
        ends = datetime.combine(day, _CHILDREN_END if early else _ENDS[request.pace])
        if self.legs:
            out, back = self.legs
            begins = max(begins, to_local_time(out.arrives_at + ARRIVAL_BUFFER + self.travel + SAME_AREA_GAP, zone))
            ends = min(ends, to_local_time(back.departs_at - DEPARTURE_BUFFER - self.travel - SAME_AREA_GAP, zone))
        return DaySchedule(day, begins, ends)

    def _flights(self, purse: RemainingBudget) -> list[DraftItem]:
        """The offer is paid by the way there."""
        if self.offer is None:
            return []
        purse.spend_amount(self.offer.total.amount)
        return [self._flight(self.offer, leg) for leg in self.legs]

    def _flight(self, offer: FlightOffer, leg: FlightLeg) -> DraftItem:
        found = offer.slices[leg.slice_index]
        return build_item(
            (leg.departs_at, leg.arrives_at),
            Kind.FLIGHT,
            f"Flight {found.origin} to {found.destination}",
            "Be at the airport two hours before.",
            cost=offer.total.amount if leg.slice_index == 0 else None,
            offer_id=offer.id,
        )

    def _ways(self, purse: RemainingBudget) -> list[DraftItem]:
        """To town and back to the airport; not where the clocks of the night would make them ambiguous."""
        if not self.legs:
            return []
        out, back = self.legs
        begins = out.arrives_at + ARRIVAL_BUFFER
        leaves = back.departs_at - DEPARTURE_BUFFER
        spans = (
            (begins, begins + self.travel, "From the airport to town"),
            (leaves - self.travel, leaves, "To the airport"),
        )
        return [made for start, end, name in spans if (made := self._way(start, end, name, purse)) is not None]

    def _way(self, start: datetime, end: datetime, name: str, purse: RemainingBudget) -> DraftItem | None:
        zone = self.frame.zone
        begins, ends = to_local_time(start, zone), to_local_time(end, zone)
        true = all(
            resolve_local_time(here, zone) == at and is_existing_time(here, zone)
            for here, at in ((begins, start), (ends, end))
        )
        if not true or begins.date() not in self.frame.dates:
            return None
        way = self.way if self.way is not None and self.way.currency == self.frame.context.currency else None
        cost = (
            price_for_party(way.cost, self.frame.paying_travelers) if way is not None and way.cost is not None else None
        )
        if way is None or way.hours or not purse.can_afford(cost or 0) or (cost or 0) < 0:
            return build_item((begins, ends), Kind.TRANSFER, name, "By the cheapest bus or train; not in the budget.")
        purse.spend_amount(cost or 0)
        note = "By train or bus; a usual price."
        return build_item((begins, ends), Kind.TRANSFER, name, note, cost=cost, activity_id=way.id)

    def _day_title(self, day: DaySchedule) -> str:
        where = " and ".join(day.areas[:2])
        flown = {leg.date: "Way home" if leg.slice_index else "Arrival" for leg in self.legs}
        return ": ".join(one for one in (flown.get(day.date), where) if one) or f"{day.date:%A} at leisure"


def choose_flight_offer(frame: TripFrame) -> FlightOffer | None:
    """The best flight that leaves enough to live on, else the cheapest that can be paid at all, else none."""
    budget = frame.request.budget
    possible = [one for one in frame.context.offers if _flies(one, frame)]
    if budget is None:
        return possible[0] if possible else None
    paid = [one for one in possible if one.total.amount <= budget.amount]
    easy = [one for one in paid if one.total.amount <= budget.amount * FLIGHTS_SHARE]
    return easy[0] if easy else min(paid, key=lambda one: one.total.amount, default=None)


def _flies(offer: FlightOffer, frame: TripFrame) -> bool:
    """It takes the whole party there and back within the trip, for money that the plan is in."""
    if len(offer.slices) != 2 or offer.total.currency != frame.context.currency or offer.total.amount < 0:  # noqa: PLR2004
        return False
    out, back = list_legs(offer)
    dated = out.date in frame.dates and back.date in frame.dates
    seated = offer.seats_left is None or offer.seats_left >= frame.paying_travelers
    return (
        dated
        and seated
        and out.departs_at <= out.arrives_at
        and out.arrives_at + MIN_STAY <= back.departs_at <= back.arrives_at
    )


def _title(trip: _Trip) -> str:
    number = len(trip.frame.dates)
    return f"{number} days in {trip.frame.context.place}" if number > 1 else f"A day in {trip.frame.context.place}"


def _summary(trip: _Trip) -> str:
    request = trip.frame.request
    likes = ", ".join(request.interests[:5])
    around = f" around {likes}" if likes else ""
    return f"At a {request.pace} pace{around}. Made without a language model, from usual opening hours and prices."


def _tips(trip: _Trip) -> list[str]:
    ground = trip.frame.context
    said = [found for one in (*_no_flight(trip), *ground.facts, *ground.missing) if (found := sanitize_line(one))]
    return list(dict.fromkeys(said))[:20]


def _no_flight(trip: _Trip) -> list[str]:
    """Why there is none, where there could be one."""
    ground, budget = trip.frame.context, trip.frame.request.budget
    possible = [one for one in ground.offers if _flies(one, trip.frame)]
    if trip.offer is not None or not ground.offers:
        return []
    if possible and budget is not None:
        cheapest: Money = min((one.total for one in possible), key=lambda one: one.amount)
        return [f"No flight is in this plan: the cheapest costs {cheapest.display}, the budget is {budget.display}."]
    return ["No flight is in this plan: none of those that were found suits the dates and the party."]
