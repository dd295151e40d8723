"""A plan while it is being made: its days so far, who has made them, and what the checks have said."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from hub.core.clock import Clock
from hub.planning.completions import CompletionRequest
from hub.planning.completions import events as heard
from hub.planning.plans.conversion import day_to_draft
from hub.planning.plans.drafting import rule_based_planner
from hub.planning.plans.drafting.prompt import Revision, build_completion_request
from hub.planning.plans.drafting.steps import DayDrafted, ModelUsage, PlanHeading
from hub.planning.plans.model import Draft, DraftDay, Plan, PlanContext, PlanDay, PlanRequest
from hub.planning.plans.rules.checker import carry_over_marks, check_draft, count_marks_by_code, list_problems
from hub.planning.plans.rules.frame import list_dates


class CompletionSource(Protocol):
    """hub.planning.completions.Completions, as far as a plan needs it."""

    def stream_completion(
        self, question: CompletionRequest, spender: heard.UsageScope, *, models: Sequence[str] | None = None
    ) -> AsyncGenerator[heard.CompletionEvent, None]: ...


@dataclass(slots=True)
class DraftState:
    """One plan in the making. `kept_days` are days that no restart takes away; `days` all that there are."""

    completions: CompletionSource | None
    clock: Clock
    model_names: Sequence[str] | None
    request: PlanRequest
    context: PlanContext
    usage_scope: heard.UsageScope
    heading: PlanHeading | None
    kept_days: dict[date, DraftDay] = field(default_factory=dict)
    days: dict[date, DraftDay] = field(default_factory=dict)
    shown_days: dict[date, PlanDay] = field(default_factory=dict)
    original_days: Sequence[PlanDay] = ()
    """Days of a plan that is refined, as they were."""
    replaced_dates: set[date] = field(default_factory=set)
    """Days that the built-in planner has made in the place of a model's."""
    planner: str = ""
    answer_text: str = ""
    """The last answer, whole."""
    model_usage: list[ModelUsage] = field(default_factory=list)
    check_results: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def dates(self) -> list[date]:
        return list_dates(self.request)

    @property
    def missing_dates(self) -> list[date]:
        return [one for one in self.dates if one not in self.days]

    @property
    def today(self) -> date:
        return self.clock.now().astimezone(ZoneInfo(self.context.zone)).date()

    def build_draft(self, days: Mapping[date, DraftDay] | None = None) -> Draft:
        found = self.days if days is None else days
        head = self.heading or PlanHeading("", "", [], [])
        return Draft(
            title=head.title,
            summary=head.summary,
            packing=head.packing,
            tips=head.tips,
            days=[found[one] for one in self.dates if one in found],
        )

    def build_plan(self, days: Mapping[date, DraftDay] | None = None) -> Plan:
        plan = check_draft(self.build_draft(days), self.request, self.context, planner=self.planner)
        untouched = [one for one in self.original_days if self.days.get(one.date) == day_to_draft(one)]
        return label_replaced_days(carry_over_marks(untouched, plan), self.replaced_dates)

    def collect_changed_days(self, plan: Plan) -> list[DayDrafted]:
        """Days that look otherwise than they were last shown."""
        found = [one for one in plan.days if one.date in self.days and self.shown_days.get(one.date) != one]
        self.shown_days |= {one.date: one for one in found}
        return [DayDrafted(one) for one in found]

    def build_revision_request(self, days: Sequence[date], plan: Plan, wish: str | None = None) -> CompletionRequest:
        said = [(day, texts) for day, texts in list_problems(plan) if day in days]
        return build_completion_request(
            self.request, self.context, self.today, Revision(self.build_draft(), days, said, wish)
        )

    def record_checks(self, plan: Plan, asked: Sequence[date] = ()) -> None:
        """What the checks say now. Without personal data: no text of the plan."""
        self.check_results.append(
            {
                "planner": plan.planner,
                "feasible": plan.is_feasible,
                "marks": count_marks_by_code(plan),
                "failing": [one.isoformat() for one, _ in list_problems(plan)],
                "asked_again": [one.isoformat() for one in asked],
                "replaced": [one.isoformat() for one in sorted(self.replaced_dates)],
            }
        )

    def record_usage(self, answer: heard.Completion) -> None:
        usage = answer.usage
        self.model_usage.append(
            ModelUsage(answer.model, usage.input_tokens, usage.output_tokens, answer.cost, answer.currency)
        )
        self.planner, self.answer_text = answer.model, answer.text


def label_replaced_days(plan: Plan, replaced: set[date]) -> Plan:
    for day in plan.days:
        if day.date in replaced and plan.planner != rule_based_planner.PLANNER_NAME:
            day.planner = rule_based_planner.PLANNER_NAME
    return plan


def heading_from_draft(draft: Draft) -> PlanHeading:
    return PlanHeading(draft.title, draft.summary, list(draft.packing), list(draft.tips))
