"""How a making ends: its steps written down, and the plan with what it cost."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from hub.core.db import Database, Tx
from hub.core.errors import HubError
from hub.planning.plans.context.snapshot import cited
from hub.planning.plans.conversion import draft_day
from hub.planning.plans.drafting.steps import Began, DayMade, Made, Restarted, Titled
from hub.planning.plans.generation.progress import Grounded, SoFar, Told, made, resumed, told
from hub.planning.plans.jobs import PlanReady
from hub.planning.plans.model import Draft, Ground, Plan
from hub.planning.plans.records import Event, Kept
from hub.planning.plans.repository import SQL, LeaseLost, NewVersion, Store
from hub.planning.plans.request import redacted
from hub.planning.plans.rules.checker import check

BUILT_IN = "built-in"
"""What the planner without a language model is called."""


@dataclass(slots=True)
class Telling:
    """Writes the steps of one making down, those that came together in one transaction."""

    db: Database
    store: Store
    kept: Kept
    sofar: SoFar
    gone: Callable[[], bool]
    started: datetime
    _given: frozenset[date] = field(init=False)
    _begun: bool = False

    def __post_init__(self) -> None:
        self._given = frozenset(self.sofar.days)

    async def tell(self, batch: list[Any]) -> list[Event]:
        """Raises LeaseLost."""
        last = batch[-1] if isinstance(batch[-1], Made) else None
        telling = [] if self._begun or not self._given else [resumed(self._given)]
        telling += [self._take(one) for one in batch if one is not last]
        telling += made(self.kept, last) if last is not None else []
        async with self.db.transaction() as tx:
            events = await self.store.append(tx, self.kept, telling)
            for one in batch:
                if isinstance(one, Grounded):
                    await self.store.put_ground(tx, self.kept.id, one.ground)
            if last is not None:
                await self._finish(tx, last)
        self._begun = True
        return events

    def _take(self, step: Any) -> Told:
        """The step as an event, and what it means for what there is so far."""
        match step:
            case DayMade(day):
                self.sofar.days[day.date] = day
            case Titled():
                self.sofar.titled = step
            case Began(planner):
                self.sofar.planner = planner
            case Restarted():
                self.sofar.days = {day: one for day, one in self.sofar.days.items() if day in self._given}
        return told(step, self._given)

    async def _finish(self, tx: Tx, step: Made) -> None:
        done = await keep_made(self.store, tx, self.kept, step, reason="made", started=self.started)
        await self.store.record(tx, done, "plan.made", planner=done.planner, feasible=step.plan.feasible)
        if self.kept.notify or self.gone():
            await self.store.jobs.enqueue(tx, PlanReady(plan_id=done.id), key=f"plan:{done.id}:ready")


async def keep_made(
    store: Store, tx: Tx, kept: Kept, step: Made, *, reason: Literal["made", "refined"], started: datetime,
    wish: str | None = None,
) -> Kept:  # fmt: skip
    """The planner's version, and how it came about. Raises LeaseLost, or Conflict for what was edited meanwhile."""
    plan = step.plan
    model = step.models[-1].model if step.models and plan.planner != BUILT_IN else None
    done = await store.add_version(tx, kept, NewVersion(plan, reason, plan.planner, kept.version, model), leased=True)
    await _record(store, tx, done, step, reason=reason, started=started, wish=wish)
    return done


async def _record(
    store: Store, tx: Tx, done: Kept, step: Made, *, reason: str, started: datetime, wish: str | None
) -> None:
    person = await tx.fetchrow(SQL.person, done.customer_id)
    ground = await store.ground(tx, done.id)
    prompt = redacted(done.request, [person["name"]] if person else [], wish)
    prompt |= {"given": cited(ground)} if ground is not None else {}
    models = [{name: getattr(one, name) for name in one.__slots__} for one in step.models]
    await tx.execute(
        SQL.insert_making, done.id, reason, "made", done.version, step.plan.planner, prompt, models,
        [dict(one) for one in step.checks],
        sum(one.input_tokens for one in step.models), sum(one.output_tokens for one in step.models),
        sum(one.cost for one in step.models), step.models[-1].currency if step.models else None,
        started, store.clock.now(),
    )  # fmt: skip


async def fail(db: Database, store: Store, kept: Kept, error: HubError, sofar: SoFar) -> list[Event]:
    """The end of a making without a plan. The days that are there become a version, marked for what is missing."""
    async with db.transaction() as tx:
        try:
            events = await store.append(tx, kept, [("error", problem(error))])
        except LeaseLost:
            return []
        ground = await store.ground(tx, kept.id)
        if sofar.days and ground is not None:
            plan = _partial(kept, sofar, ground)
            new = NewVersion(plan, "partial", plan.planner, kept.version, status="failed", failure=error.code)
            await store.add_version(tx, kept, new, leased=True)
        else:
            await tx.fetchrow(SQL.fail, kept.id, kept.lease, error.code, store.clock.now())
        await store.record(tx, kept, "plan.failed", because=error.code)
    return events


def problem(error: HubError) -> dict[str, Any]:
    """As it is told to who reads the stream, in the terms of every other error."""
    said: dict[str, Any] = {"code": error.code, "title": error.title, "status": error.status, "detail": error.detail}
    said |= {"errors": [one.as_dict() for one in error.errors]} if error.errors else {}
    return said | ({"retry_after": error.retry_after} if error.retry_after is not None else {})


def _partial(kept: Kept, sofar: SoFar, ground: Ground) -> Plan:
    titled = sofar.titled or Titled(kept.destination, "", [], [])
    same = {name: getattr(titled, name) for name in Titled.__slots__}
    draft = Draft(**same, days=[draft_day(sofar.days[day]) for day in sorted(sofar.days)])
    return check(draft, kept.request, ground, planner=sofar.planner or BUILT_IN)
