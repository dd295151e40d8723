"""How good the plans are: a set of hard requests is planned, and it is counted how many pass every check."""

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from importlib.resources import files
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import orjson

from hub.core.clock import Clock
from hub.core.errors import HubError, InvalidRequest
from hub.core.money import Money
from hub.planning.completions import UsageScope
from hub.planning.plans.context.astronomy import find_clock_changes
from hub.planning.plans.context.collector import ContextCollector
from hub.planning.plans.drafting.llm_planner import LlmPlanner
from hub.planning.plans.drafting.steps import PlanDrafted
from hub.planning.plans.model import PlanRequest

PURPOSE = "evaluate"
_YEAR = timedelta(days=340)
_AHEAD = re.compile(r"\+(\d{1,3})d")
_DAY = re.compile(r"(\d\d)-(\d\d)")


class PlaceResolver(Protocol):
    """Where a place is, as far as a date needs it."""

    def resolve_place(self, text: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class EvaluationCase:
    """A request with a name. Its dates are told from today, so that they never pass."""

    name: str
    request: PlanRequest


@dataclass(frozen=True, slots=True)
class EvaluationOutcome:
    """One case. `drafted_count`: every check came out well at once; `feasible_count`: after the repair. `cost` in
    micro-units.

    `before` and `after` count the checks that failed. `error` is the code of what went wrong instead of a plan.
    """

    name: str
    planner: str = ""
    drafted: bool = False
    feasible: bool = False
    rounds: int = 0
    replaced: int = 0
    """Days that the built-in planner has made in the place of the model's."""
    before: Mapping[str, int] = field(default_factory=dict)
    after: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    cost: int = 0
    currency: str = ""
    seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    outcomes: Sequence[EvaluationOutcome]

    @property
    def drafted_count(self) -> int:
        return sum(one.drafted for one in self.outcomes)

    @property
    def feasible_count(self) -> int:
        return sum(one.feasible for one in self.outcomes)

    def count_failed_checks(self, when: str) -> dict[str, int]:
        """How often each check has failed, `before` or `after` the repair."""
        found: dict[str, int] = {}
        for one in self.outcomes:
            for code, number in getattr(one, when).items():
                found[code] = found.get(code, 0) + number
        return dict(sorted(found.items()))

    def to_json(self) -> dict[str, Any]:
        return {
            "requests": len(self.outcomes),
            "feasible_as_drafted": self.drafted_count,
            "feasible_after_repair": self.feasible_count,
            "days_replaced": sum(one.replaced for one in self.outcomes),
            "checks_failed_before": self.count_failed_checks("before"),
            "checks_failed_after": self.count_failed_checks("after"),
            "input_tokens": sum(one.input_tokens for one in self.outcomes),
            "output_tokens": sum(one.output_tokens for one in self.outcomes),
            "cost_micro": sum(one.cost for one in self.outcomes),
            "currency": next((one.currency for one in self.outcomes if one.currency), None),
            "seconds": round(sum(one.seconds for one in self.outcomes), 3),
            "outcomes": [asdict(one) for one in self.outcomes],
        }


@dataclass(frozen=True, slots=True)
class PlanEvaluation:
    """Plans each case from the beginning: its ground, its draft, its repair."""

    collector: ContextCollector
    planner: LlmPlanner
    clock: Clock

    async def run(self, cases: Sequence[EvaluationCase]) -> AsyncGenerator[EvaluationOutcome, None]:
        """One after the other, in order."""
        for case in cases:
            yield await self._one(case)

    async def _one(self, case: EvaluationCase) -> EvaluationOutcome:
        started = self.clock.monotonic()
        try:
            ground = await self.collector.collect_context(case.request)
            made = await self._made(case.request, ground)
        except HubError as error:
            return EvaluationOutcome(case.name, error=error.code, seconds=round(self.clock.monotonic() - started, 3))
        first, last = made.check_results[0], made.check_results[-1]
        return EvaluationOutcome(
            name=case.name,
            planner=made.plan.planner,
            drafted=bool(first["feasible"]),
            feasible=made.plan.is_feasible,
            rounds=sum(bool(check["asked_again"]) for check in made.check_results),
            replaced=len(last["replaced"]),
            before=first["marks"],
            after=last["marks"],
            missing=ground.missing,
            input_tokens=sum(one.input_tokens for one in made.model_usage),
            output_tokens=sum(one.output_tokens for one in made.model_usage),
            cost=sum(one.cost for one in made.model_usage),
            currency=next((one.currency for one in made.model_usage), ""),
            seconds=round(self.clock.monotonic() - started, 3),
        )

    async def _made(self, request: PlanRequest, ground: Any) -> PlanDrafted:
        steps = self.planner.generate_steps(request, ground, UsageScope(None, PURPOSE))
        async with aclosing(steps):
            async for step in steps:
                if isinstance(step, PlanDrafted):
                    return step
        raise HubError("The planner has come to no end.")


def load_cases(document: bytes | None, places: PlaceResolver, today: date) -> list[EvaluationCase]:
    """From a JSON list, the hub's own if None. Raises InvalidRequest with what is wrong."""
    raw = (
        document
        if document is not None
        else (files("hub.planning.plans.context") / "places" / "requests.json").read_bytes()
    )
    try:
        rows = orjson.loads(raw)
        return [_case(row, places, today) for row in rows]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidRequest(f"The requests cannot be read: {error!r}") from error


def _case(row: Mapping[str, Any], places: PlaceResolver, today: date) -> EvaluationCase:
    currency = row.get("currency", "EUR")
    start = resolve_start_date(row["start"], row["destination"], places, today)
    request = PlanRequest(
        destination=row["destination"],
        start=start,
        end=start + timedelta(days=row["days"] - 1),
        adults=row.get("adults", 1),
        children=row.get("children", 0),
        infants=row.get("infants", 0),
        origin=row.get("origin"),
        budget=Money(row["budget"], currency) if row.get("budget") is not None else None,
        currency=currency,
        interests=tuple(row.get("interests", ())),
        pace=row.get("pace", "normal"),
        notes=row.get("notes", ""),
        language=row.get("language", "en"),
    )
    return EvaluationCase(row.get("name", row["destination"]), request)


def resolve_start_date(text: str, destination: str, places: PlaceResolver, today: date) -> date:
    """`+30d`, the next `MM-DD`, or `clocks`: the day before they are next changed there. Raises ValueError."""
    if ahead := _AHEAD.fullmatch(text):
        return today + timedelta(days=int(ahead[1]))
    if found := _DAY.fullmatch(text):
        this = date(today.year, int(found[1]), int(found[2]))
        return this if this > today else this.replace(year=today.year + 1)
    if text == "clocks":
        zone = ZoneInfo(places.resolve_place(destination).zone)
        changes = find_clock_changes(zone, today + timedelta(days=2), today + _YEAR)
        return changes[0][0] - timedelta(days=1) if changes else today + timedelta(days=30)
    raise ValueError(f"no start: {text}")
