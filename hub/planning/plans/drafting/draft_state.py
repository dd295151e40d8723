"""A plan while it is being made: its days so far, who has made them, and what the checks have said."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from hub.core.clock import Clock
from hub.planning.completions import events as heard
from hub.planning.completions.model import Question
from hub.planning.plans.conversion import draft_day
from hub.planning.plans.drafting import rule_based_planner
from hub.planning.plans.drafting.prompt import Again, question
from hub.planning.plans.drafting.steps import DayMade, Titled, Used
from hub.planning.plans.model import Draft, DraftDay, Ground, Plan, PlanDay, PlanRequest
from hub.planning.plans.rules.checker import carry, check, codes, problems
from hub.planning.plans.rules.frame import dates_of


class Streaming(Protocol):
    """hub.planning.completions.Completions, as far as a plan needs it."""

    def stream(
        self, question: Question, spender: heard.Spender, *, models: Sequence[str] | None = None
    ) -> AsyncGenerator[heard.Event, None]: ...


@dataclass(slots=True)
class DraftState:
    """One plan in the making. `kept` are days that no restart takes away; `days` all that there are."""

    completions: Streaming | None
    clock: Clock
    model_names: Sequence[str] | None
    request: PlanRequest
    ground: Ground
    spender: heard.Spender
    titled: Titled | None
    kept: dict[date, DraftDay] = field(default_factory=dict)
    days: dict[date, DraftDay] = field(default_factory=dict)
    shown: dict[date, PlanDay] = field(default_factory=dict)
    before: Sequence[PlanDay] = ()
    """Days of a plan that is refined, as they were."""
    replaced: set[date] = field(default_factory=set)
    """Days that the built-in planner has made in the place of a model's."""
    planner: str = ""
    text: str = ""
    """The last answer, whole."""
    models: list[Used] = field(default_factory=list)
    checks: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def dates(self) -> list[date]:
        return dates_of(self.request)

    @property
    def missing(self) -> list[date]:
        return [one for one in self.dates if one not in self.days]

    @property
    def today(self) -> date:
        return self.clock.now().astimezone(ZoneInfo(self.ground.zone)).date()

    def draft(self, days: Mapping[date, DraftDay] | None = None) -> Draft:
        found = self.days if days is None else days
        head = self.titled or Titled("", "", [], [])
        return Draft(
            title=head.title,
            summary=head.summary,
            packing=head.packing,
            tips=head.tips,
            days=[found[one] for one in self.dates if one in found],
        )

    def plan(self, days: Mapping[date, DraftDay] | None = None) -> Plan:
        plan = check(self.draft(days), self.request, self.ground, planner=self.planner)
        untouched = [one for one in self.before if self.days.get(one.date) == draft_day(one)]
        return labeled(carry(untouched, plan), self.replaced)

    def news(self, plan: Plan) -> list[DayMade]:
        """Days that look otherwise than they were last shown."""
        found = [one for one in plan.days if one.date in self.days and self.shown.get(one.date) != one]
        self.shown |= {one.date: one for one in found}
        return [DayMade(one) for one in found]

    def again(self, days: Sequence[date], plan: Plan, wish: str | None = None) -> Question:
        said = [(day, texts) for day, texts in problems(plan) if day in days]
        return question(self.request, self.ground, self.today, Again(self.draft(), days, said, wish))

    def note(self, plan: Plan, asked: Sequence[date] = ()) -> None:
        """What the checks say now. Without personal data: no text of the plan."""
        self.checks.append(
            {
                "planner": plan.planner,
                "feasible": plan.feasible,
                "marks": codes(plan),
                "failing": [one.isoformat() for one, _ in problems(plan)],
                "asked_again": [one.isoformat() for one in asked],
                "replaced": [one.isoformat() for one in sorted(self.replaced)],
            }
        )

    def used(self, answer: heard.Answered) -> None:
        usage = answer.usage
        self.models.append(Used(answer.model, usage.input_tokens, usage.output_tokens, answer.cost, answer.currency))
        self.planner, self.text = answer.model, answer.text


def labeled(plan: Plan, replaced: set[date]) -> Plan:
    for day in plan.days:
        if day.date in replaced and plan.planner != rule_based_planner.NAME:
            day.planner = rule_based_planner.NAME
    return plan


def titled_of(draft: Draft) -> Titled:
    return Titled(draft.title, draft.summary, list(draft.packing), list(draft.tips))
