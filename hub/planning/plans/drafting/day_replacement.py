"""Days of a model that fail the checks after the repair, replaced by those of the built-in planner."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from hub.planning.plans.drafting import rule_based_planner
from hub.planning.plans.drafting.draft_state import DraftState, heading_from_draft
from hub.planning.plans.drafting.rule_based_planner import RuleBasedPlanner
from hub.planning.plans.drafting.steps import DraftingStep
from hub.planning.plans.model import DraftDay, Kind, PlanContext, PlanRequest
from hub.planning.plans.rules.checker import check_draft, list_failing_dates
from hub.planning.plans.rules.times import parse_date

MAX_REPLACEMENTS = 3
"""How often days that fail are replaced: a new day can clash with the one beside it."""


def replace_failing_days(work: DraftState) -> list[DraftingStep]:
    """Days that fail after the repair, as the built-in planner makes them. Nothing where the model's are to be kept."""
    steps: list[DraftingStep] = []
    every = set(work.dates)
    for attempt in range(MAX_REPLACEMENTS):
        days = set(list_failing_dates(work.build_plan()))
        if not days or work.request.keep_failing_days or work.replaced_dates == every:
            break
        again = attempt == MAX_REPLACEMENTS - 1 or days <= work.replaced_dates
        _replace_days(work, every if again else days | work.replaced_dates)
        replaced = work.build_plan()
        work.record_checks(replaced)
        steps += work.collect_changed_days(replaced)
    return steps


def _replace_days(work: DraftState, days: set[date]) -> None:
    """The rest of the plan decides what is left to choose from and to spend."""
    request, ground = remaining_request(work, {day: one for day, one in work.days.items() if day not in days})
    draft = RuleBasedPlanner().draft_plan(request, ground, days=sorted(days))
    work.days |= {day: one for one in draft.days if (day := parse_date(one.date)) is not None}
    work.replaced_dates = days
    if days == set(work.dates):  # nothing of the model's is left
        work.planner, work.heading = rule_based_planner.PLANNER_NAME, heading_from_draft(draft)


def remaining_request(work: DraftState, kept: Mapping[date, DraftDay]) -> tuple[PlanRequest, PlanContext]:
    """What is left to choose from, and to spend, beside the days that are kept."""
    plan = check_draft(work.build_draft(kept), work.request, work.context)
    items = [item for day in plan.days for item in day.items]
    if not items:
        return work.request, work.context
    flown = {item.offer_id for item in items if item.offer_id}
    done = {item.activity_id for item in items}
    spent = sum(line.amount for line in plan.budget.lines if line.kind is not Kind.FLIGHT)
    ground = replace(
        work.context,
        offers=tuple(one for one in work.context.offers if one.id in flown or not flown),
        activities=tuple(one for one in work.context.activities if one.id not in done or one.kind is not Kind.SIGHT),
    )
    budget = work.request.budget
    left = replace(budget, amount=max(0, budget.amount - spent)) if budget is not None else None
    return replace(work.request, budget=left), ground
