"""Requests, grounds, offers and drafts to check and to plan with; and a chain of models that plays a script."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from hub.core.money import Money
from hub.planning.completions.events import AnswerRestarted, AnswerStarted, Completion, UsageScope
from hub.planning.completions.model import TextDelta, TokenUsage
from hub.planning.plans.model import Activity, Draft, DraftDay, DraftItem, Kind, PlanContext, PlanRequest
from hub.supply.flights.model import FlightOffer, Segment, Slice

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LISBON, LONDON = ZoneInfo("Europe/Lisbon"), ZoneInfo("Europe/London")
SPENDER = UsageScope(UUID(int=7), "plan")
DAILY = dict.fromkeys(range(7), ("09:00", "18:00"))
MUSEUM = Activity(
    "act_museum", "Museum", Kind.SIGHT, 90, {1: ("10:00", "17:00"), 2: ("10:00", "17:00")}, 1000, area="A"
)
TOWER = Activity("act_tower", "Tower", Kind.SIGHT, 60, DAILY, 500, area="B")
PARK = Activity("act_park", "Park", Kind.FREE, 60, {}, 0, area="A")
REQUEST = PlanRequest("Lisbon", date(2026, 12, 1), date(2026, 12, 3), adults=2, origin="LON")


def slice_of(departs: datetime, arrives: datetime, route: str = "LHR-LIS") -> Slice:
    origin, target = route.split("-")
    segment = Segment(origin, target, departs, arrives, "TP", "123")
    return Slice(origin, target, (segment,), int((arrives - departs).total_seconds()))


def offer(
    number: int = 1, total: int = 24000, *, out: str = "2026-12-01T07:10", back: str = "2026-12-03T19:00", **more: Any
) -> FlightOffer:
    """There and back between London and Lisbon, under three hours each way."""
    there = datetime.fromisoformat(out).replace(tzinfo=LONDON)
    home = datetime.fromisoformat(back).replace(tzinfo=LISBON)
    hours = timedelta(hours=2, minutes=45)
    slices = (
        slice_of(there, (there + hours).astimezone(LISBON)),
        slice_of(home, (home + hours).astimezone(LONDON), "LIS-LHR"),
    )
    given = {"slices": slices, "total": Money(total, "EUR"), "expires_at": NOW, "expiry_assumed": True} | more
    return FlightOffer(id=f"off_{number}", provider="kiwi", provider_ref="", **given)


GROUND = PlanContext("Lisbon", "PT", "Europe/Lisbon", "LIS", "EUR", (offer(),), (MUSEUM, TOWER, PARK), ("It rains.",))


def item(when: str, kind: Kind | str = Kind.SIGHT, place: str = "Somewhere", **more: Any) -> DraftItem:
    """`when` is `2026-12-01 10:00-11:00`."""
    day, hours = when.split(" ")
    start, end = hours.split("-")
    given = {"note": "", "cost": None, "offer_id": None, "activity_id": None} | more
    return DraftItem(start=f"{day}T{start}", end=f"{day}T{end}", kind=Kind(kind), place=place, **given)


def out(day: str = "2026-12-01", offer_id: str = "off_1", cost: int | None = 24000) -> DraftItem:
    return item(f"{day} 07:10-09:55", "flight", "London to Lisbon", offer_id=offer_id, cost=cost)


def back(day: str = "2026-12-03", offer_id: str = "off_1") -> DraftItem:
    return item(f"{day} 19:00-21:45", "flight", "Lisbon to London", offer_id=offer_id)


def day(when: str, *items: DraftItem, title: str = "A day") -> DraftDay:
    return DraftDay(date=when, title=title, items=list(items))


def draft(*days: DraftDay, **more: Any) -> Draft:
    given = {"title": "Lisbon", "summary": "Three days.", "packing": ["Shoes"], "tips": ["Look up"]} | more
    return Draft(days=list(days), **given)


def good(**more: Any) -> Draft:
    """A plan in which nothing is wrong."""
    return draft(
        day("2026-12-01", out(), item("2026-12-01 12:00-13:00", "food", "Lunch", cost=3000)),
        day("2026-12-02", item("2026-12-02 10:00-11:30", place="Museum", activity_id="act_museum", cost=2000)),
        day("2026-12-03", item("2026-12-03 10:00-11:00", place="Tower", activity_id="act_tower", cost=1000), back()),
        **more,
    )


def with_day(plan: Draft, changed: DraftDay) -> Draft:
    return plan.model_copy(update={"days": [changed if one.date == changed.date else one for one in plan.days]})


def request(**changes: Any) -> PlanRequest:
    return replace(REQUEST, **changes)


def ground(**changes: Any) -> PlanContext:
    return replace(GROUND, **changes)


class Clock:
    """Time stands still."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None: ...


def text_of(answer: Draft | list[DraftDay] | str) -> str:
    if isinstance(answer, str):
        return answer
    days = [one.model_dump(mode="json") for one in answer] if isinstance(answer, list) else None
    return orjson.dumps({"days": days} if days is not None else answer.model_dump(mode="json")).decode()


@dataclass(slots=True)
class Cut:
    """An answer that breaks off after a part of it; the next answer of the script follows at once."""

    answer: Draft
    part: float = 0.7


@dataclass(slots=True)
class Chain:
    """A chain that plays its script: an answer, an error, or an answer that is Cut."""

    script: list[Any]
    asked: list[Any] = field(default_factory=list)
    spenders: list[UsageScope] = field(default_factory=list)
    models: list[Any] = field(default_factory=list)
    closed: int = 0

    @property
    def data(self) -> list[dict[str, Any]]:
        """The documents that it was given."""
        texts = [one.messages[-1].content for one in self.asked]
        return [orjson.loads(one.split("<data>\n")[1].split("\n</data>")[0]) for one in texts]

    async def stream_completion(self, question, spender, *, models=None):
        self.asked.append(question)
        self.spenders.append(spender)
        self.models.append(models)
        try:
            answer = self.script.pop(0)
            while isinstance(answer, Cut):
                yield AnswerStarted("first")
                for piece in _pieces(text_of(answer.answer), answer.part):
                    yield TextDelta(piece)
                yield AnswerRestarted("first", "cut")
                answer = self.script.pop(0)
            if isinstance(answer, BaseException):
                raise answer
            text = text_of(answer)
            yield AnswerStarted("gpt-test")
            for piece in _pieces(text):
                yield TextDelta(piece)
            yield Completion(text, "gpt-test", "stop", TokenUsage(100, 50), 42, "USD", (), UUID(int=1))
        finally:
            self.closed += 1


def _pieces(text: str, part: float = 1.0) -> list[str]:
    end = int(len(text) * part)
    cuts = [*range(0, end, 7), end]
    return [text[one:other] for one, other in pairwise(cuts)]
