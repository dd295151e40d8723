"""Making a plan: a model drafts it, every line is checked, failing days alone are asked again, twice at most.

Days that still fail are replaced by those of the built-in planner and labeled so, unless the request asks to keep
them, marked. Where no model answers the built-in planner makes the whole plan, and says so.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from hub.completions import errors as failing_how
from hub.completions import events as heard
from hub.completions.model import Delta, Question
from hub.core.clock import Clock
from hub.plans import built_in
from hub.plans.asking import Again, question
from hub.plans.built_in import BuiltIn
from hub.plans.checking import carry, check, codes, failing, problems, weight
from hub.plans.checks.costs import excess
from hub.plans.checks.frame import dates_of
from hub.plans.checks.times import in_words, read_date
from hub.plans.drafting import draft_day, draft_of
from hub.plans.model import Draft, DraftDay, Ground, Kind, Plan, PlanDay, PlanRequest
from hub.plans.reading import PlanReader, read_days, read_draft
from hub.plans.steps import Asking, Began, DayMade, Made, Restarted, Step, Titled, Used

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
REPLACING = 3
"""How often days that fail are replaced: a new day can clash with the one beside it."""
NOTHING: Mapping[date, PlanDay] = MappingProxyType({})


class Streaming(Protocol):
    """hub.completions.Completions, as far as a plan needs it."""

    def stream(
        self, question: Question, spender: heard.Spender, *, models: Sequence[str] | None = None
    ) -> AsyncGenerator[heard.Event, None]: ...


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
        work = _Work(self, request, ground, spender, titled, planner=planner)
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
        work = _Work(self, request, ground, spender, _titled(draft_of(plan)))
        work.days = {day.date: draft_day(day) for day in plan.days}
        work.shown = {day.date: day for day in plan.days}
        work.before, work.planner = plan.days, plan.planner
        async with aclosing(_refined(work, plan, wish)) as steps:
            async for step in steps:
                yield step


@dataclass(slots=True)
class _Work:
    """One plan in the making. `kept` are days that no restart takes away; `days` all that there are."""

    by: Planning
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
        return self.by.clock.now().astimezone(ZoneInfo(self.ground.zone)).date()

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
        return _labeled(carry(untouched, plan), self.replaced)

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


async def _made(work: _Work) -> AsyncGenerator[Step, None]:
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
        for step in _replaced(work):
            yield step
    except NO_ANSWER:
        for step in _built_in(work):
            yield step
    yield Made(work.plan(), work.models, work.checks)


async def _drafted(work: _Work) -> AsyncGenerator[Step, None]:
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


def _void(work: _Work) -> None:
    work.days = dict(work.kept)
    work.shown = {day: one for day, one in work.shown.items() if day in work.kept}


def _read(work: _Work, found: Titled | DraftDay) -> list[Step]:
    """What a part of an answer shows; the first of two days counts, and none outside the trip."""
    if isinstance(found, Titled):
        work.titled = work.titled if work.kept and work.titled else found
        return [work.titled]
    day = read_date(found.date)
    if day is None or day not in work.missing:
        return []
    work.days[day] = found
    return [one for one in work.news(work.plan()) if one.day.date == day]


def _whole(work: _Work) -> list[Step]:
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
        head = _titled(found if found.title else BuiltIn().draft(work.request, work.ground, days=()))
        work.titled = head
        steps.append(head)
    kept = work.draft(work.kept)
    given = kept.model_copy(update={"days": [*kept.days, *found.days]})
    work.note(check(given, work.request, work.ground, planner=work.planner))
    return [*steps, *work.news(work.plan())]


async def _mended(work: _Work, dates: Sequence[date]) -> AsyncGenerator[Step, None]:
    """Failing days alone are asked again. An answer counts as a whole, and where it is no worse than what there is."""
    for _ in range(ROUNDS):
        plan = work.plan()
        wrong = [(day, texts) for day, texts in problems(plan) if day in dates]
        if not wrong or work.by.completions is None:
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


def _improve(work: _Work, better: Mapping[date | None, DraftDay]) -> None:
    """Each day on its own: one that makes matters worse is left."""
    for day, one in better.items():
        if day is None:
            continue
        now, then = work.plan(), work.plan({**work.days, day: one})
        if day not in work.days or _badness(then) <= _badness(now):
            work.days[day] = one


def _replaced(work: _Work) -> list[Step]:
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


def _replace_days(work: _Work, days: set[date]) -> None:
    """The rest of the plan decides what is left to choose from and to spend."""
    request, ground = _rest_of(work, {day: one for day, one in work.days.items() if day not in days})
    draft = BuiltIn().draft(request, ground, days=sorted(days))
    work.days |= {day: one for one in draft.days if (day := read_date(one.date)) is not None}
    work.replaced = days
    if days == set(work.dates):  # nothing of the model's is left
        work.planner, work.titled = built_in.NAME, _titled(draft)


def _labeled(plan: Plan, replaced: set[date]) -> Plan:
    for day in plan.days:
        if day.date in replaced and plan.planner != built_in.NAME:
            day.planner = built_in.NAME
    return plan


def _badness(plan: Plan) -> tuple[int, int]:
    return weight(plan), excess(plan)


def _built_in(work: _Work) -> list[Step]:
    """The last resort: the days that are not kept, from the ground alone."""
    steps: list[Step] = []
    if set(work.shown) - set(work.kept) or work.models:
        steps.append(Restarted("no language model gives a whole answer"))
    _void(work)
    request, ground = _rest_of(work, work.kept)
    draft = BuiltIn().draft(request, ground, days=work.missing)
    work.planner = built_in.NAME
    steps.append(Began(work.planner))
    if work.titled is None or not work.kept:
        work.titled = _titled(draft)
        steps.append(work.titled)
    work.days |= {day: one for one in draft.days if (day := read_date(one.date)) is not None}
    plan = work.plan()
    work.note(plan)
    return [*steps, *work.news(plan)]


def _rest_of(work: _Work, kept: Mapping[date, DraftDay]) -> tuple[PlanRequest, Ground]:
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


async def _refined(work: _Work, plan: Plan, wish: str) -> AsyncGenerator[Step, None]:
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


async def _answer(work: _Work, asked: Question, spender: heard.Spender) -> AsyncGenerator[heard.Event, None]:
    """Everything that is heard; at the end it is in the books of the work."""
    if work.by.completions is None:
        raise failing_how.NoModel
    async with aclosing(work.by.completions.stream(asked, spender, models=work.by.models)) as events:
        async for event in events:
            if isinstance(event, heard.Answered):
                work.used(event)
            yield event


def _repairing(work: _Work) -> heard.Spender:
    return replace(work.spender, purpose="repair")


def _titled(draft: Draft) -> Titled:
    return Titled(draft.title, draft.summary, list(draft.packing), list(draft.tips))
