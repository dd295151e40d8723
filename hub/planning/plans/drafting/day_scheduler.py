"""Filling a day: what to do next, by what is liked, near, open and paid for, with meals at meal times.

Times are naive and local; nothing lies where clocks are changed, which is at night.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from hub.planning.plans.context.gazetteer import AIRPORT, MEAL
from hub.planning.plans.model import Activity, DraftItem, Kind
from hub.planning.plans.request import fold
from hub.planning.plans.rules.costs import priced
from hub.planning.plans.rules.frame import Frame
from hub.planning.plans.rules.times import span

PACES = {"calm": 3, "normal": 4, "full": 6}
"""Things to do in a day, at most."""
BREATH, ACROSS = timedelta(minutes=15), timedelta(minutes=30)
"""Between two things in one quarter, and in two."""
LUNCH, LUNCH_ENDS = time(12, 15), time(14, 30)
DINNER, DINNER_ENDS = time(18, 30), time(20, 45)
LUNCH_BY, DINNER_BY = time(13, 45), time(19, 45)
"""What comes before a meal has ended by then."""
REST = timedelta(hours=1)
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
Span = tuple[datetime, datetime]


@dataclass(slots=True)
class Purse:
    """What may still be spent, minor units; None: as much as it takes."""

    left: int | None

    def can(self, amount: int) -> bool:
        return self.left is None or amount <= self.left

    def pay(self, amount: int) -> None:
        if self.left is not None:
            self.left -= amount

    def share(self, days: int) -> "Purse":
        """A purse for one of so many days."""
        return Purse(None if self.left is None else self.left // max(1, days))


@dataclass(slots=True)
class Day:
    """One date with the time that there is in town, and what is in it so far."""

    date: date
    begins: datetime
    ends: datetime
    items: list[DraftItem] = field(default_factory=list)
    areas: list[str] = field(default_factory=list)
    here: str = ""
    done: int = 0
    ate: set[str] = field(default_factory=set)
    at: datetime = field(init=False)
    """Until when it is filled."""

    def __post_init__(self) -> None:
        self.at = _rounded(self.begins)

    def clock(self, at: time) -> datetime:
        return datetime.combine(self.date, at)

    def add(self, item: DraftItem, end: datetime) -> None:
        self.items.append(item)
        self.at = end


@dataclass(slots=True)
class Filler:
    """Fills days one after the other; nothing is done twice."""

    frame: Frame
    waiting: list[Activity]
    meals: dict[str, Activity]
    ideas: int = 0

    @classmethod
    def of(cls, frame: Frame) -> "Filler":
        sound = [one for one in frame.ground.activities if _sound(one, frame)]
        meals = {one.name.lower(): one for one in sound if MEAL in one.tags}
        return cls(frame, [one for one in sound if not {MEAL, AIRPORT} & set(one.tags)], meals)

    def fill(self, day: Day, purse: Purse, most: int) -> None:
        """Up to so many things to do, and the meals that lie in the time that there is."""
        while day.at < day.ends and self._step(day, purse, most):
            pass
        if not day.items:
            self._idle(day)

    def _step(self, day: Day, purse: Purse, most: int) -> bool:
        """The next thing; False when the day is full."""
        if self._eat(day, purse, "lunch", LUNCH, LUNCH_ENDS):
            self._rest(day)
            return True
        if self._eat(day, purse, "dinner", DINNER, DINNER_ENDS):
            return True
        if day.done < most and self._visit(day, purse):
            return True
        return self._skip_to_meal(day)

    def _eat(self, day: Day, purse: Purse, name: str, at: time, until: time) -> bool:
        """When it is time; at home, from a market, where the purse is empty."""
        start = day.at + BREATH if day.items else day.at
        if name in day.ate or not day.clock(at) <= start <= day.clock(until):
            return False
        meal = self.meals.get(name)
        end = start + timedelta(minutes=meal.minutes if meal else 60)
        if end > day.ends:
            return False
        day.ate.add(name)
        day.add(self._meal(name, (start, end), day, purse), end)
        return True

    def _meal(self, name: str, when: Span, day: Day, purse: Purse) -> DraftItem:
        where = f" in {day.here}" if day.here else ""
        meal = self.meals.get(name)
        cost = _cost(meal, self.frame) if meal is not None else None
        if meal is None or not _open_at(meal, *when) or not purse.can(cost or 0):
            return item(when, Kind.FOOD, f"A simple {name}{where}", "From a market or a bakery; not in the budget.")
        purse.pay(cost or 0)
        note = "A usual price; what you like near where you are."
        return item(when, Kind.FOOD, f"{name.capitalize()}{where}", note, cost=cost, activity_id=meal.id)

    def _rest(self, day: Day) -> None:
        """With small children, after lunch."""
        end = day.at + REST
        if self.frame.request.children + self.frame.request.infants and end <= day.ends:
            note = "Time for the children to rest or play."
            day.add(item((day.at, end), Kind.FREE, "A rest", note), end)

    def _visit(self, day: Day, purse: Purse) -> bool:
        found = [(self._worth(one, start, day), one, start) for one, start in self._possible(day, purse)]
        if not found:
            return False
        _, one, start = max(found, key=lambda entry: (entry[0], -self.waiting.index(entry[1])))
        end, cost = start + timedelta(minutes=one.minutes), _cost(one, self.frame)
        self.waiting.remove(one)
        purse.pay(cost or 0)
        made = item((start, end), one.kind, one.name, _note(one, day.date), cost=cost, activity_id=one.id)
        day.add(made, end)
        day.done += 1
        if eaten := _eaten(one, day, start, end):
            day.ate |= eaten
            if "lunch" in eaten:
                self._rest(day)
        day.here = one.area or day.here
        if one.area and one.area not in day.areas:
            day.areas.append(one.area)
        return True

    def _possible(self, day: Day, purse: Purse) -> Iterator[tuple[Activity, datetime]]:
        """What fits in before the next meal, is open, and is paid for; with when it would begin."""
        for one in self.waiting:
            start = self._start(one, day)
            if start is None or not purse.can(_cost(one, self.frame) or 0):
                continue
            end = start + timedelta(minutes=one.minutes)
            if end <= day.ends and end <= _latest(day, start, one) and _open_at(one, start, end):
                yield one, start

    def _start(self, one: Activity, day: Day) -> datetime | None:
        ready = day.at
        if day.items:
            ready += BREATH if one.area == day.here or not one.area or not day.here else ACROSS
        if one.hours:
            hours = one.hours.get(day.date.weekday())
            if hours is None:
                return None
            ready = max(ready, span(day.date, *hours)[0])
        start = _rounded(ready)
        return start if start - day.at <= _WAIT else None

    def _worth(self, one: Activity, start: datetime, day: Day) -> float:
        """Liked, known by many (they come first in the ground), near, and soon."""
        request = self.frame.request
        words = {*one.tags, one.kind.value, *fold(one.name).split()}
        likes = sum(_meant(like, words) for like in request.interests)
        worth = 4.0 * likes + (3.0 if one.area and one.area == day.here else 0.0)
        worth += 2.0 if "family" in one.tags and request.children + request.infants else 0.0
        worth -= (start - day.at) / timedelta(minutes=30)
        return worth - 0.25 * self.waiting.index(one)

    def _skip_to_meal(self, day: Day) -> bool:
        """Nothing more until the next meal: that time is the traveller's own."""
        for name, at in (("lunch", LUNCH), ("dinner", DINNER)):
            if name not in day.ate and day.at < day.clock(at) < day.ends:
                if day.clock(at) - day.at >= timedelta(hours=2):
                    self._idea(day, day.clock(at))
                day.at = day.clock(at)
                return True
        return False

    def _idea(self, day: Day, until: datetime) -> None:
        start = day.at + (BREATH if day.items else timedelta(0))
        end = min(start + timedelta(hours=2), until - BREATH)
        name = _IDEAS[self.ideas % len(_IDEAS)]
        self.ideas += 1
        day.add(item((start, end), Kind.FREE, name, "Time of your own."), end)

    def _idle(self, day: Day) -> None:
        end = day.begins + timedelta(hours=1)
        if end <= day.ends:
            day.add(item((day.begins, end), Kind.FREE, "A first walk", "Time of your own."), end)


def _sound(one: Activity, frame: Frame) -> bool:
    """It can be put into a plan and pass the checks."""
    right = one.currency == frame.ground.currency and (one.cost is None or one.cost >= 0)
    return right and _SHORTEST <= one.minutes <= _LONGEST and one.kind is not Kind.FLIGHT


def _cost(one: Activity, frame: Frame) -> int | None:
    return None if one.cost is None else priced(one.cost, frame.payers)


def _latest(day: Day, start: datetime, one: Activity) -> datetime:
    """By when it has to have ended. An outing of half a day may take lunch with it."""
    if "lunch" not in day.ate and start < day.clock(LUNCH_BY) and one.minutes < 210:  # noqa: PLR2004
        return day.clock(LUNCH_BY)
    return day.clock(DINNER_BY) if "dinner" not in day.ate and start < day.clock(DINNER_BY) else day.ends


def _open_at(one: Activity, start: datetime, end: datetime) -> bool:
    if not one.hours:
        return True
    hours = one.hours.get(start.weekday())
    if hours is None:
        return False
    opens, closes = span(start.date(), *hours)
    return opens <= start and end <= closes


def _meant(like: str, words: set[str]) -> bool:
    """`museums` means `museum`: the beginning of a word is enough."""
    wanted = [word[:_STEM] for word in fold(like).split() if len(word) >= _SHORTEST_WORD]
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


def _eaten(one: Activity, day: Day, start: datetime, end: datetime) -> set[str]:
    """Which meal it was, if it was one."""
    if one.kind is not Kind.FOOD or end - start < _MEAL:
        return set()
    if start < day.clock(LUNCH_ENDS) and end > day.clock(LUNCH):
        return {"lunch"}
    return {"dinner"} if end > day.clock(DINNER) else set()


def item(
    when: Span,
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


def fill(days: Sequence[Day], frame: Frame, purse: Purse) -> None:
    """All of them, the money and the sights spread evenly over those that have time for them."""
    filler = Filler.of(frame)
    usable = [day for day in days if day.ends - day.begins >= timedelta(hours=1)]
    for number, day in enumerate(usable):
        left = len(usable) - number
        most = min(PACES[frame.request.pace], max(1, -(-len(filler.waiting) // left)))
        today = purse.share(left)
        before = today.left or 0
        filler.fill(day, today, most)
        if purse.left is not None and today.left is not None:
            purse.pay(before - today.left)
