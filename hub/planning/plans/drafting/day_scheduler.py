"""Filling a day: what to do next, by what is liked, near, open and paid for, with meals at meal times.

Times are naive and local; nothing lies where clocks are changed, which is at night.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from hub.planning.plans.context.gazetteer import AIRPORT_TAG, MEAL_TAG
from hub.planning.plans.model import Activity, DraftItem, Kind
from hub.planning.plans.request import fold_text
from hub.planning.plans.rules.costs import price_for_party
from hub.planning.plans.rules.frame import TripFrame
from hub.planning.plans.rules.times import resolve_opening_hours

VISITS_PER_PACE = {"calm": 3, "normal": 4, "full": 6}
"""Things to do in a day, at most."""
SAME_AREA_GAP, OTHER_AREA_GAP = timedelta(minutes=15), timedelta(minutes=30)
"""Between two things in one quarter, and in two."""
LUNCH, LUNCH_ENDS = time(12, 15), time(14, 30)
DINNER, DINNER_ENDS = time(18, 30), time(20, 45)
LUNCH_BY, DINNER_BY = time(13, 45), time(19, 45)
"""What comes before a meal has ended by then."""
REST_DURATION = timedelta(hours=1)
_SHORTEST, _LONGEST = 10, 600
_SHORTEST_WORD, _STEM = 3, 4
_STEP = timedelta(minutes=15)
_WAIT = timedelta(minutes=75)
"""Longer one does not wait for a door to open."""
_IDEAS = (
    "Back to what you liked best",
    "Cafés and small shops",
    "Time in a park or by the water",
    "Whatever you pass by and like",
    "A quarter that you have not seen yet",
)
_MEAL = timedelta(hours=1)
"""Something to eat that takes as long is lunch or dinner, when it is time."""
TimeSpan = tuple[datetime, datetime]


@dataclass(slots=True)
class RemainingBudget:
    """What may still be spent, minor units; None: as much as it takes."""

    amount: int | None

    def can_afford(self, amount: int) -> bool:
        return self.amount is None or amount <= self.amount

    def spend_amount(self, amount: int) -> None:
        if self.amount is not None:
            self.amount -= amount

    def split_by_days(self, days: int) -> "RemainingBudget":
        """A purse for one of so many days."""
        return RemainingBudget(None if self.amount is None else self.amount // max(1, days))


@dataclass(slots=True)
class DaySchedule:
    """One date with the time that there is in town, and what is in it so far."""

    date: date
    starts_at: datetime
    ends_at: datetime
    items: list[DraftItem] = field(default_factory=list)
    areas: list[str] = field(default_factory=list)
    current_area: str = ""
    visit_count: int = 0
    meals_eaten: set[str] = field(default_factory=set)
    filled_until: datetime = field(init=False)
    """Until when it is filled."""

    def __post_init__(self) -> None:
        self.filled_until = _rounded(self.starts_at)

    def at_time(self, at: time) -> datetime:
        return datetime.combine(self.date, at)

    def add_item(self, item: DraftItem, end: datetime) -> None:
        self.items.append(item)
        self.filled_until = end


@dataclass(slots=True)
class DayScheduler:
    """Fills days one after the other; nothing is done twice."""

    frame: TripFrame
    candidates: list[Activity]
    meals: dict[str, Activity]
    idea_count: int = 0

    @classmethod
    def from_frame(cls, frame: TripFrame) -> "DayScheduler":
        sound = [one for one in frame.context.activities if _sound(one, frame)]
        meals = {one.name.lower(): one for one in sound if MEAL_TAG in one.tags}
        return cls(frame, [one for one in sound if not {MEAL_TAG, AIRPORT_TAG} & set(one.tags)], meals)

    def fill_day(self, day: DaySchedule, purse: RemainingBudget, most: int) -> None:
        """Up to so many things to do, and the meals that lie in the time that there is."""
        while day.filled_until < day.ends_at and self._step(day, purse, most):
            pass
        if not day.items:
            self._idle(day)

    def _step(self, day: DaySchedule, purse: RemainingBudget, most: int) -> bool:
        """The next thing; False when the day is full."""
        if self._eat(day, purse, "lunch", LUNCH, LUNCH_ENDS):
            self._rest(day)
            return True
        if self._eat(day, purse, "dinner", DINNER, DINNER_ENDS):
            return True
        if day.visit_count < most and self._visit(day, purse):
            return True
        return self._skip_to_meal(day)

    def _eat(self, day: DaySchedule, purse: RemainingBudget, name: str, at: time, until: time) -> bool:
        """When it is time; at home, from a market, where the purse is empty."""
        start = day.filled_until + SAME_AREA_GAP if day.items else day.filled_until
        if name in day.meals_eaten or not day.at_time(at) <= start <= day.at_time(until):
            return False
        meal = self.meals.get(name)
        end = start + timedelta(minutes=meal.minutes if meal else 60)
        if end > day.ends_at:
            return False
        day.meals_eaten.add(name)
        day.add_item(self._meal(name, (start, end), day, purse), end)
        return True

    def _meal(self, name: str, when: TimeSpan, day: DaySchedule, purse: RemainingBudget) -> DraftItem:
        where = f" in {day.current_area}" if day.current_area else ""
        meal = self.meals.get(name)
        cost = _cost(meal, self.frame) if meal is not None else None
        if meal is None or not _open_at(meal, *when) or not purse.can_afford(cost or 0):
            return build_item(
                when, Kind.FOOD, f"A simple {name}{where}", "From a market or a bakery; not in the budget."
            )
        purse.spend_amount(cost or 0)
        note = "A usual price; what you like near where you are."
        return build_item(when, Kind.FOOD, f"{name.capitalize()}{where}", note, cost=cost, activity_id=meal.id)

    def _rest(self, day: DaySchedule) -> None:
        """With small children, after lunch."""
        end = day.filled_until + REST_DURATION
        if self.frame.request.children + self.frame.request.infants and end <= day.ends_at:
            note = "Time for the children to rest or play."
            day.add_item(build_item((day.filled_until, end), Kind.FREE, "A rest", note), end)

    def _visit(self, day: DaySchedule, purse: RemainingBudget) -> bool:
        found = [(self._worth(one, start, day), one, start) for one, start in self._possible(day, purse)]
        if not found:
            return False
        _, one, start = max(found, key=lambda entry: (entry[0], -self.candidates.index(entry[1])))
        end, cost = start + timedelta(minutes=one.minutes), _cost(one, self.frame)
        self.candidates.remove(one)
        purse.spend_amount(cost or 0)
        made = build_item((start, end), one.kind, one.name, _note(one, day.date), cost=cost, activity_id=one.id)
        day.add_item(made, end)
        day.visit_count += 1
        if eaten := _eaten(one, day, start, end):
            day.meals_eaten |= eaten
            if "lunch" in eaten:
                self._rest(day)
        day.current_area = one.area or day.current_area
        if one.area and one.area not in day.areas:
            day.areas.append(one.area)
        return True

    def _possible(self, day: DaySchedule, purse: RemainingBudget) -> Iterator[tuple[Activity, datetime]]:
        """What fits in before the next meal, is open, and is paid for; with when it would begin."""
        for one in self.candidates:
            start = self._start(one, day)
            if start is None or not purse.can_afford(_cost(one, self.frame) or 0):
                continue
            end = start + timedelta(minutes=one.minutes)
            if end <= day.ends_at and end <= _latest(day, start, one) and _open_at(one, start, end):
                yield one, start

    def _start(self, one: Activity, day: DaySchedule) -> datetime | None:
        ready = day.filled_until
        if day.items:
            ready += (
                SAME_AREA_GAP
                if one.area == day.current_area or not one.area or not day.current_area
                else OTHER_AREA_GAP
            )
        if one.hours:
            hours = one.hours.get(day.date.weekday())
            if hours is None:
                return None
            ready = max(ready, resolve_opening_hours(day.date, *hours)[0])
        start = _rounded(ready)
        return start if start - day.filled_until <= _WAIT else None

    def _worth(self, one: Activity, start: datetime, day: DaySchedule) -> float:
        """Liked, known by many (they come first in the ground), near, and soon."""
        request = self.frame.request
        words = {*one.tags, one.kind.value, *fold_text(one.name).split()}
        likes = sum(_meant(like, words) for like in request.interests)
        worth = 4.0 * likes + (3.0 if one.area and one.area == day.current_area else 0.0)
        worth += 2.0 if "family" in one.tags and request.children + request.infants else 0.0
        worth -= (start - day.filled_until) / timedelta(minutes=30)
        return worth - 0.25 * self.candidates.index(one)

    def _skip_to_meal(self, day: DaySchedule) -> bool:
        """Nothing more until the next meal: that time is the traveller's own."""
        for name, at in (("lunch", LUNCH), ("dinner", DINNER)):
            if name not in day.meals_eaten and day.filled_until < day.at_time(at) < day.ends_at:
                if day.at_time(at) - day.filled_until >= timedelta(hours=2):
                    self._idea(day, day.at_time(at))
                day.filled_until = day.at_time(at)
                return True
        return False

    def _idea(self, day: DaySchedule, until: datetime) -> None:
        start = day.filled_until + (SAME_AREA_GAP if day.items else timedelta(0))
        end = min(start + timedelta(hours=2), until - SAME_AREA_GAP)
        name = _IDEAS[self.idea_count % len(_IDEAS)]
        self.idea_count += 1
        day.add_item(build_item((start, end), Kind.FREE, name, "Time of your own."), end)

    def _idle(self, day: DaySchedule) -> None:
        end = day.starts_at + timedelta(hours=1)
        if end <= day.ends_at:
            day.add_item(build_item((day.starts_at, end), Kind.FREE, "A first walk", "Time of your own."), end)


def _sound(one: Activity, frame: TripFrame) -> bool:
    """It can be put into a plan and pass the checks."""
    right = one.currency == frame.context.currency and (one.cost is None or one.cost >= 0)
    return right and _SHORTEST <= one.minutes <= _LONGEST and one.kind is not Kind.FLIGHT


def _cost(one: Activity, frame: TripFrame) -> int | None:
    return None if one.cost is None else price_for_party(one.cost, frame.paying_travelers)


def _latest(day: DaySchedule, start: datetime, one: Activity) -> datetime:
    """By when it has to have ended. An outing of half a day may take lunch with it."""
    if "lunch" not in day.meals_eaten and start < day.at_time(LUNCH_BY) and one.minutes < 210:  # noqa: PLR2004
        return day.at_time(LUNCH_BY)
    return day.at_time(DINNER_BY) if "dinner" not in day.meals_eaten and start < day.at_time(DINNER_BY) else day.ends_at


def _open_at(one: Activity, start: datetime, end: datetime) -> bool:
    if not one.hours:
        return True
    hours = one.hours.get(start.weekday())
    if hours is None:
        return False
    opens, closes = resolve_opening_hours(start.date(), *hours)
    return opens <= start and end <= closes


def _meant(like: str, words: set[str]) -> bool:
    """`museums` means `museum`: the beginning of a word is enough."""
    wanted = [word[:_STEM] for word in fold_text(like).split() if len(word) >= _SHORTEST_WORD]
    return any(word == one or (len(one) == _STEM and word.startswith(one)) for one in wanted for word in words)


def _rounded(at: datetime) -> datetime:
    """To the next quarter of an hour."""
    return at + (datetime.combine(at.date(), time()) - at) % _STEP


def _note(one: Activity, day: date) -> str:
    """What else is known of it."""
    hours = one.hours.get(day.weekday())
    said = [f"In {one.area}."] if one.area else []
    said += [f"Usually open {hours[0]} to {hours[1]}."] if hours else []
    return " ".join(said)


def _eaten(one: Activity, day: DaySchedule, start: datetime, end: datetime) -> set[str]:
    """Which meal it was, if it was one."""
    if one.kind is not Kind.FOOD or end - start < _MEAL:
        return set()
    if start < day.at_time(LUNCH_ENDS) and end > day.at_time(LUNCH):
        return {"lunch"}
    return {"dinner"} if end > day.at_time(DINNER) else set()


def build_item(
    when: TimeSpan,
    kind: Kind,
    place: str,
    note: str,
    *,
    cost: int | None = None,
    offer_id: str | None = None,
    activity_id: str | None = None,
) -> DraftItem:
    """Text is cut, not refused: a supplier may call a thing what it likes."""
    return DraftItem(
        start=f"{when[0]:%Y-%m-%dT%H:%M}",
        end=f"{when[1]:%Y-%m-%dT%H:%M}",
        kind=kind,
        place=place[:160],
        note=note[:600],
        cost=cost,
        offer_id=offer_id,
        activity_id=activity_id,
    )


def fill_days(days: Sequence[DaySchedule], frame: TripFrame, purse: RemainingBudget) -> None:
    """All of them, the money and the sights spread evenly over those that have time for them."""
    filler = DayScheduler.from_frame(frame)
    usable = [day for day in days if day.ends_at - day.starts_at >= timedelta(hours=1)]
    for number, day in enumerate(usable):
        left = len(usable) - number
        most = min(VISITS_PER_PACE[frame.request.pace], max(1, -(-len(filler.candidates) // left)))
        today = purse.split_by_days(left)
        before = today.amount or 0
        filler.fill_day(day, today, most)
        if purse.amount is not None and today.amount is not None:
            purse.spend_amount(before - today.amount)
