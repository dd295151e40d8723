"""Days of a model that fail the checks after the repair, replaced by those of the built-in planner."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from hub.planning.plans.drafting import rule_based_planner
from hub.planning.plans.drafting.draft_state import DraftState, titled_of
from hub.planning.plans.drafting.rule_based_planner import BuiltIn
from hub.planning.plans.drafting.steps import Step
from hub.planning.plans.model import DraftDay, Ground, Kind, PlanRequest
from hub.planning.plans.rules.checker import check, failing
from hub.planning.plans.rules.times import read_date

REPLACING = 3
"""How often days that fail are replaced: a new day can clash with the one beside it."""


def replace_failing_days(work: DraftState) -> list[Step]:
    """Days that fail after the repair, as the built-in planner makes them. Nothing where the model's are to be kept."""
    steps: list[Step] = []
    every = set(work.dates)
    for attempt in range(REPLACING):
        days = set(failing(work.plan()))
        if not days or work.request.keep_failing_days or work.replaced == every:
            break
        again = attempt == REPLACING - 1 or days <= work.replaced
        _replace_days(work, every if again else days | work.replaced)
        replaced = work.plan()
        work.note(replaced)
        steps += work.news(replaced)
    return steps


def _replace_days(work: DraftState, days: set[date]) -> None:
    """The rest of the plan decides what is left to choose from and to spend."""
    request, ground = rest_of(work, {day: one for day, one in work.days.items() if day not in days})
    draft = BuiltIn().draft(request, ground, days=sorted(days))
    work.days |= {day: one for one in draft.days if (day := read_date(one.date)) is not None}
    work.replaced = days
    if days == set(work.dates):  # nothing of the model's is left
        work.planner, work.titled = rule_based_planner.NAME, titled_of(draft)


def rest_of(work: DraftState, kept: Mapping[date, DraftDay]) -> tuple[PlanRequest, Ground]:
    """What is left to choose from, and to spend, beside the days that are kept."""
    plan = check(work.draft(kept), work.request, work.ground)
    items = [item for day in plan.days for item in day.items]
    if not items:
        return work.request, work.ground
    flown = {item.offer_id for item in items if item.offer_id}
    done = {item.activity_id for item in items}
    spent = sum(line.amount for line in plan.budget.lines if line.kind is not Kind.FLIGHT)
    ground = replace(
        work.ground,
        offers=tuple(one for one in work.ground.offers if one.id in flown or not flown),
        activities=tuple(one for one in work.ground.activities if one.id not in done or one.kind is not Kind.SIGHT),
    )
    budget = work.request.budget
    left = replace(budget, amount=max(0, budget.amount - spent)) if budget is not None else None
    return replace(work.request, budget=left), ground
