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
from hub.planning.completions import errors as failing_how
from hub.planning.completions import events as heard
from hub.planning.completions.model import Delta, Question
from hub.planning.plans.conversion import draft_day, draft_of
from hub.planning.plans.drafting import rule_based_planner
from hub.planning.plans.drafting.day_replacement import replace_failing_days, rest_of
from hub.planning.plans.drafting.draft_state import DraftState, Streaming, titled_of
from hub.planning.plans.drafting.prompt import question
from hub.planning.plans.drafting.rule_based_planner import BuiltIn
from hub.planning.plans.drafting.steps import Asking, Began, Made, Restarted, Step, Titled
from hub.planning.plans.drafting.stream_parser import PlanReader, read_days, read_draft
from hub.planning.plans.model import DraftDay, Ground, Plan, PlanDay, PlanRequest
from hub.planning.plans.rules.checker import check, problems, weight
from hub.planning.plans.rules.costs import excess
from hub.planning.plans.rules.times import in_words, read_date

ROUNDS = 2
"""How often failing days are asked again."""
NO_ANSWER = (
    failing_how.NoModel,
    failing_how.Truncated,
    failing_how.NotJson,
    failing_how.ContextTooLong,
    failing_how.ContentFiltered,
)
"""After these nobody else can be asked: all models of the chain have failed or refused. A spent budget is told."""
NOTHING: Mapping[date, PlanDay] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Planning:
    """`completions` None: no language model is on. `models` is a chain of one's own, None the configured one."""

    completions: Streaming | None
    clock: Clock
    models: Sequence[str] | None = None

    async def make(
        self,
        request: PlanRequest,
        ground: Ground,
        spender: heard.Spender,
        *,
        keep: Mapping[date, PlanDay] = NOTHING,
        titled: Titled | None = None,
        planner: str = "",
    ) -> AsyncGenerator[Step, None]:
        """Ends with Made. `keep` are days that are there already, by `planner`, under `titled` if that is there too.

        Raises BudgetSpent. Closing it hangs up on the model.
        """
        work = DraftState(self.completions, self.clock, self.models, request, ground, spender, titled, planner=planner)
        work.kept = {day: draft_day(one) for day, one in keep.items() if day in work.dates}
        work.shown = {day: keep[day] for day in work.kept}
        work.replaced = {day for day in work.kept if keep[day].planner is not None}
        async with aclosing(_made(work)) as steps:
            async for step in steps:
                yield step

    async def refine(
        self, plan: Plan, wish: str, request: PlanRequest, ground: Ground, spender: heard.Spender
    ) -> AsyncGenerator[Step, None]:
        """The days that the wish changes are made anew; every other one stays as it is. Ends with Made.

        Raises what the chain raises: without a model nobody understands a wish.
        """
        work = DraftState(
            self.completions, self.clock, self.models, request, ground, spender, titled_of(draft_of(plan))
        )
        work.days = {day.date: draft_day(day) for day in plan.days}
        work.shown = {day.date: day for day in plan.days}
        work.before, work.planner = plan.days, plan.planner
        async with aclosing(_refined(work, plan, wish)) as steps:
            async for step in steps:
                yield step


async def _made(work: DraftState) -> AsyncGenerator[Step, None]:
    work.days = dict(work.kept)
    try:
        if work.missing:
            async with aclosing(_drafted(work)) as steps:
                async for step in steps:
                    yield step
        async with aclosing(_mended(work, work.dates)) as steps:
            async for step in steps:
                yield step
        if not work.days:
            raise failing_how.NotJson(failing_how.PROVIDER, "No day of the answer can be read.")
        for step in replace_failing_days(work):
            yield step
    except NO_ANSWER:
        for step in _built_in(work):
            yield step
    yield Made(work.plan(), work.models, work.checks)


async def _drafted(work: DraftState) -> AsyncGenerator[Step, None]:
    """The first answer, day by day as it is written."""
    asked = question(work.request, work.ground, work.today)
    if work.kept:
        asked = work.again(work.missing, work.plan())
    async with aclosing(_answer(work, asked, work.spender)) as events:
        reader = PlanReader()
        async for event in events:
            match event:
                case heard.Began(model=model):
                    work.planner = model
                    yield Began(model)
                case heard.Restarted(because=because):
                    reader = PlanReader()
                    _void(work)
                    yield Restarted(because)
                case Delta(text=text):
                    for found in reader.feed(text):
                        for step in _read(work, found):
                            yield step
    for step in _whole(work):
        yield step


def _void(work: DraftState) -> None:
    work.days = dict(work.kept)
    work.shown = {day: one for day, one in work.shown.items() if day in work.kept}


def _read(work: DraftState, found: Titled | DraftDay) -> list[Step]:
    """What a part of an answer shows; the first of two days counts, and none outside the trip."""
    if isinstance(found, Titled):
        work.titled = work.titled if work.kept and work.titled else found
        return [work.titled]
    day = read_date(found.date)
    if day is None or day not in work.missing:
        return []
    work.days[day] = found
    return [one for one in work.news(work.plan()) if one.day.date == day]


def _whole(work: DraftState) -> list[Step]:
    """The whole answer, looked at once more: what was shown of it in parts is now final."""
    found = read_draft(work.text)
    if found is None:
        raise failing_how.NotJson(failing_how.PROVIDER)
    for one in found.days:
        day = read_date(one.date)
        if day is not None and day in work.missing:
            work.days[day] = one
    steps: list[Step] = []
    if work.titled is None:
        head = titled_of(found if found.title else BuiltIn().draft(work.request, work.ground, days=()))
        work.titled = head
        steps.append(head)
    kept = work.draft(work.kept)
    given = kept.model_copy(update={"days": [*kept.days, *found.days]})
    work.note(check(given, work.request, work.ground, planner=work.planner))
    return [*steps, *work.news(work.plan())]


async def _mended(work: DraftState, dates: Sequence[date]) -> AsyncGenerator[Step, None]:
    """Failing days alone are asked again. An answer counts as a whole, and where it is no worse than what there is."""
    for _ in range(ROUNDS):
        plan = work.plan()
        wrong = [(day, texts) for day, texts in problems(plan) if day in dates]
        if not wrong or work.completions is None:
            return
        days = [day for day, _ in wrong]
        yield Asking(days, [f"{in_words(day)}: {text}" for day, texts in wrong for text in texts])
        try:
            async with aclosing(_answer(work, work.again(days, plan), _repairing(work))) as events:
                async for _event in events:
                    pass
        except (*NO_ANSWER, failing_how.BudgetSpent):
            return  # the plan is there, and what is wrong with it is mended without a model
        _improve(work, {day: one for one in read_days(work.text) if (day := read_date(one.date)) in days})
        mended = work.plan()
        work.note(mended, days)
        for step in work.news(mended):
            yield step


def _improve(work: DraftState, better: Mapping[date | None, DraftDay]) -> None:
    """Each day on its own: one that makes matters worse is left."""
    for day, one in better.items():
        if day is None:
            continue
        now, then = work.plan(), work.plan({**work.days, day: one})
        if day not in work.days or _badness(then) <= _badness(now):
            work.days[day] = one


def _badness(plan: Plan) -> tuple[int, int]:
    return weight(plan), excess(plan)


def _built_in(work: DraftState) -> list[Step]:
    """The last resort: the days that are not kept, from the ground alone."""
    steps: list[Step] = []
    if set(work.shown) - set(work.kept) or work.models:
        steps.append(Restarted("no language model gives a whole answer"))
    _void(work)
    request, ground = rest_of(work, work.kept)
    draft = BuiltIn().draft(request, ground, days=work.missing)
    work.planner = rule_based_planner.NAME
    steps.append(Began(work.planner))
    if work.titled is None or not work.kept:
        work.titled = titled_of(draft)
        steps.append(work.titled)
    work.days |= {day: one for one in draft.days if (day := read_date(one.date)) is not None}
    plan = work.plan()
    work.note(plan)
    return [*steps, *work.news(plan)]


async def _refined(work: DraftState, plan: Plan, wish: str) -> AsyncGenerator[Step, None]:
    async with aclosing(_answer(work, work.again(work.dates, plan, wish), work.spender)) as events:
        async for event in events:
            if isinstance(event, heard.Began):
                yield Began(event.model)
    wanted = {day: one for one in read_days(work.text) if (day := read_date(one.date)) in work.dates}
    changed = [day for day in work.dates if day in wanted and wanted[day] != work.days.get(day)]
    work.days |= {day: wanted[day] for day in changed}
    drafted = work.plan()
    work.note(drafted)
    for news in work.news(drafted):
        yield news
    async with aclosing(_mended(work, changed)) as steps:
        async for step in steps:
            yield step
    yield Made(work.plan(), work.models, work.checks)


async def _answer(work: DraftState, asked: Question, spender: heard.Spender) -> AsyncGenerator[heard.Event, None]:
    """Everything that is heard; at the end it is in the books of the work."""
    if work.completions is None:
        raise failing_how.NoModel
    async with aclosing(work.completions.stream(asked, spender, models=work.model_names)) as events:
        async for event in events:
            if isinstance(event, heard.Answered):
                work.used(event)
            yield event


def _repairing(work: DraftState) -> heard.Spender:
    return replace(work.spender, purpose="repair")
