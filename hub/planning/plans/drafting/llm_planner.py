"""Making a plan: a model drafts it, every line is checked, failing days alone are asked again, twice at most.

Days that still fail are replaced by those of the built-in planner and labeled so, unless the request asks to keep
them, marked. Where no model answers the built-in planner makes the whole plan, and says so.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

from hub.core.clock import Clock
from hub.planning.completions import CompletionRequest, TextDelta
from hub.planning.completions import errors as failing_how
from hub.planning.completions import events as heard
from hub.planning.plans.conversion import day_to_draft, plan_to_draft
from hub.planning.plans.drafting import rule_based_planner
from hub.planning.plans.drafting.day_replacement import remaining_request, replace_failing_days
from hub.planning.plans.drafting.draft_state import CompletionSource, DraftState, heading_from_draft
from hub.planning.plans.drafting.prompt import build_completion_request
from hub.planning.plans.drafting.rule_based_planner import RuleBasedPlanner
from hub.planning.plans.drafting.steps import (
    DraftingStep,
    DraftRestarted,
    PlanDrafted,
    PlanHeading,
    PlannerStarted,
    RepairStarted,
)
from hub.planning.plans.drafting.stream_parser import DraftStreamReader, parse_days, parse_draft
from hub.planning.plans.model import DraftDay, Plan, PlanContext, PlanDay, PlanRequest
from hub.planning.plans.rules.checker import check_draft, count_marks, list_problems
from hub.planning.plans.rules.costs import calculate_excess
from hub.planning.plans.rules.times import format_long_date, parse_date

REPAIR_ROUNDS = 2
"""How often failing days are asked again."""
NO_ANSWER_ERRORS = (
    failing_how.NoModelAvailable,
    failing_how.AnswerTruncated,
    failing_how.AnswerUnreadable,
    failing_how.ContextTooLong,
    failing_how.ContentFiltered,
)
"""After these nobody else can be asked: all models of the chain have failed or refused. A spent budget is told."""
NO_DAYS: Mapping[date, PlanDay] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class LlmPlanner:
    """`completions` None: no language model is on. `models` is a chain of one's own, None the configured one."""

    completions: CompletionSource | None
    clock: Clock
    models: Sequence[str] | None = None

    async def generate_steps(
        self,
        request: PlanRequest,
        ground: PlanContext,
        spender: heard.UsageScope,
        *,
        keep: Mapping[date, PlanDay] = NO_DAYS,
        titled: PlanHeading | None = None,
        planner: str = "",
    ) -> AsyncGenerator[DraftingStep, None]:
        """Ends with Made. `keep` are days that are there already, by `planner`, under `titled` if that is there too.

        Raises BudgetExceeded. Closing it hangs up on the model.
        """
        work = DraftState(self.completions, self.clock, self.models, request, ground, spender, titled, planner=planner)
        work.kept_days = {day: day_to_draft(one) for day, one in keep.items() if day in work.dates}
        work.shown_days = {day: keep[day] for day in work.kept_days}
        work.replaced_dates = {day for day in work.kept_days if keep[day].planner is not None}
        async with aclosing(_made(work)) as steps:
            async for step in steps:
                yield step

    async def refine_steps(
        self, plan: Plan, wish: str, request: PlanRequest, ground: PlanContext, spender: heard.UsageScope
    ) -> AsyncGenerator[DraftingStep, None]:
        """The days that the wish changes are made anew; every other one stays as it is. Ends with Made.

        Raises what the chain raises: without a model nobody understands a wish.
        """
        work = DraftState(
            self.completions, self.clock, self.models, request, ground, spender, heading_from_draft(plan_to_draft(plan))
        )
        work.days = {day.date: day_to_draft(day) for day in plan.days}
        work.shown_days = {day.date: day for day in plan.days}
        work.original_days, work.planner = plan.days, plan.planner
        async with aclosing(_refined(work, plan, wish)) as steps:
            async for step in steps:
                yield step


async def _made(work: DraftState) -> AsyncGenerator[DraftingStep, None]:
    work.days = dict(work.kept_days)
    try:
        if work.missing_dates:
            async with aclosing(_drafted(work)) as steps:
                async for step in steps:
                    yield step
        async with aclosing(_mended(work, work.dates)) as steps:
            async for step in steps:
                yield step
        if not work.days:
            raise failing_how.AnswerUnreadable(failing_how.PROVIDER, "No day of the answer can be read.")
        for step in replace_failing_days(work):
            yield step
    except NO_ANSWER_ERRORS:
        for step in _built_in(work):
            yield step
    yield PlanDrafted(work.build_plan(), work.model_usage, work.check_results)


async def _drafted(work: DraftState) -> AsyncGenerator[DraftingStep, None]:
    """The first answer, day by day as it is written."""
    asked = build_completion_request(work.request, work.context, work.today)
    if work.kept_days:
        asked = work.build_revision_request(work.missing_dates, work.build_plan())
    async with aclosing(_answer(work, asked, work.usage_scope)) as events:
        reader = DraftStreamReader()
        async for event in events:
            match event:
                case heard.AnswerStarted(model=model):
                    work.planner = model
                    yield PlannerStarted(model)
                case heard.AnswerRestarted(because=because):
                    reader = DraftStreamReader()
                    _void(work)
                    yield DraftRestarted(because)
                case TextDelta(text=text):
                    for found in reader.feed_text(text):
                        for step in _read(work, found):
                            yield step
    for step in _whole(work):
        yield step


def _void(work: DraftState) -> None:
    work.days = dict(work.kept_days)
    work.shown_days = {day: one for day, one in work.shown_days.items() if day in work.kept_days}


def _read(work: DraftState, found: PlanHeading | DraftDay) -> list[DraftingStep]:
    """What a part of an answer shows; the first of two days counts, and none outside the trip."""
    if isinstance(found, PlanHeading):
        work.heading = work.heading if work.kept_days and work.heading else found
        return [work.heading]
    day = parse_date(found.date)
    if day is None or day not in work.missing_dates:
        return []
    work.days[day] = found
    return [one for one in work.collect_changed_days(work.build_plan()) if one.day.date == day]


def _whole(work: DraftState) -> list[DraftingStep]:
    """The whole answer, looked at once more: what was shown of it in parts is now final."""
    found = parse_draft(work.answer_text)
    if found is None:
        raise failing_how.AnswerUnreadable(failing_how.PROVIDER)
    for one in found.days:
        day = parse_date(one.date)
        if day is not None and day in work.missing_dates:
            work.days[day] = one
    steps: list[DraftingStep] = []
    if work.heading is None:
        head = heading_from_draft(
            found if found.title else RuleBasedPlanner().draft_plan(work.request, work.context, days=())
        )
        work.heading = head
        steps.append(head)
    kept = work.build_draft(work.kept_days)
    given = kept.model_copy(update={"days": [*kept.days, *found.days]})
    work.record_checks(check_draft(given, work.request, work.context, planner=work.planner))
    return [*steps, *work.collect_changed_days(work.build_plan())]


async def _mended(work: DraftState, dates: Sequence[date]) -> AsyncGenerator[DraftingStep, None]:
    """Failing days alone are asked again. An answer counts as a whole, and where it is no worse than what there is."""
    for _ in range(REPAIR_ROUNDS):
        plan = work.build_plan()
        wrong = [(day, texts) for day, texts in list_problems(plan) if day in dates]
        if not wrong or work.completions is None:
            return
        days = [day for day, _ in wrong]
        yield RepairStarted(days, [f"{format_long_date(day)}: {text}" for day, texts in wrong for text in texts])
        try:
            async with aclosing(_answer(work, work.build_revision_request(days, plan), _repairing(work))) as events:
                async for _event in events:
                    pass
        except (*NO_ANSWER_ERRORS, failing_how.BudgetExceeded):
            return  # the plan is there, and what is wrong with it is mended without a model
        _improve(work, {day: one for one in parse_days(work.answer_text) if (day := parse_date(one.date)) in days})
        mended = work.build_plan()
        work.record_checks(mended, days)
        for step in work.collect_changed_days(mended):
            yield step


def _improve(work: DraftState, better: Mapping[date | None, DraftDay]) -> None:
    """Each day on its own: one that makes matters worse is left."""
    for day, one in better.items():
        if day is None:
            continue
        now, then = work.build_plan(), work.build_plan({**work.days, day: one})
        if day not in work.days or _badness(then) <= _badness(now):
            work.days[day] = one


def _badness(plan: Plan) -> tuple[int, int]:
    return count_marks(plan), calculate_excess(plan)


def _built_in(work: DraftState) -> list[DraftingStep]:
    """The last resort: the days that are not kept, from the ground alone."""
    steps: list[DraftingStep] = []
    if set(work.shown_days) - set(work.kept_days) or work.model_usage:
        steps.append(DraftRestarted("no language model gives a whole answer"))
    _void(work)
    request, ground = remaining_request(work, work.kept_days)
    draft = RuleBasedPlanner().draft_plan(request, ground, days=work.missing_dates)
    work.planner = rule_based_planner.PLANNER_NAME
    steps.append(PlannerStarted(work.planner))
    if work.heading is None or not work.kept_days:
        work.heading = heading_from_draft(draft)
        steps.append(work.heading)
    work.days |= {day: one for one in draft.days if (day := parse_date(one.date)) is not None}
    plan = work.build_plan()
    work.record_checks(plan)
    return [*steps, *work.collect_changed_days(plan)]


async def _refined(work: DraftState, plan: Plan, wish: str) -> AsyncGenerator[DraftingStep, None]:
    async with aclosing(_answer(work, work.build_revision_request(work.dates, plan, wish), work.usage_scope)) as events:
        async for event in events:
            if isinstance(event, heard.AnswerStarted):
                yield PlannerStarted(event.model)
    wanted = {day: one for one in parse_days(work.answer_text) if (day := parse_date(one.date)) in work.dates}
    changed = [day for day in work.dates if day in wanted and wanted[day] != work.days.get(day)]
    work.days |= {day: wanted[day] for day in changed}
    drafted = work.build_plan()
    work.record_checks(drafted)
    for news in work.collect_changed_days(drafted):
        yield news
    async with aclosing(_mended(work, changed)) as steps:
        async for step in steps:
            yield step
    yield PlanDrafted(work.build_plan(), work.model_usage, work.check_results)


async def _answer(
    work: DraftState, asked: CompletionRequest, spender: heard.UsageScope
) -> AsyncGenerator[heard.CompletionEvent, None]:
    """Everything that is heard; at the end it is in the books of the work."""
    if work.completions is None:
        raise failing_how.NoModelAvailable
    async with aclosing(work.completions.stream_completion(asked, spender, models=work.model_names)) as events:
        async for event in events:
            if isinstance(event, heard.Completion):
                work.record_usage(event)
            yield event


def _repairing(work: DraftState) -> heard.UsageScope:
    return replace(work.usage_scope, purpose="repair")
