"""How a making ends: its steps written down, and the plan with what it cost."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from hub.core.db import Database, Tx
from hub.core.errors import HubError
from hub.planning.plans.context.snapshot import list_given_ids
from hub.planning.plans.conversion import day_to_draft
from hub.planning.plans.drafting.steps import DayDrafted, DraftRestarted, PlanDrafted, PlanHeading, PlannerStarted
from hub.planning.plans.generation.progress import (
    ContextCollected,
    EventPayload,
    GenerationProgress,
    build_final_events,
    build_resumed_event,
    step_to_event,
)
from hub.planning.plans.jobs import PlanReady
from hub.planning.plans.model import Draft, Plan, PlanContext
from hub.planning.plans.records import GenerationEvent, PlanRecord
from hub.planning.plans.repository import SQL, LeaseLost, NewVersion, PlanRepository
from hub.planning.plans.request import redact_request
from hub.planning.plans.rules.checker import check_draft

RULE_BASED_PLANNER = "built-in"
"""What the planner without a language model is called."""


@dataclass(slots=True)
class EventRecorder:
    """Writes the steps of one making down, those that came together in one transaction."""

    db: Database
    repository: PlanRepository
    record: PlanRecord
    progress: GenerationProgress
    is_disconnected: Callable[[], bool]
    started_at: datetime
    _given: frozenset[date] = field(init=False)
    _begun: bool = False

    def __post_init__(self) -> None:
        self._given = frozenset(self.progress.days)

    async def record_steps(self, batch: list[Any]) -> list[GenerationEvent]:
        """Raises LeaseLost."""
        last = batch[-1] if isinstance(batch[-1], PlanDrafted) else None
        telling = [] if self._begun or not self._given else [build_resumed_event(self._given)]
        telling += [self._take(one) for one in batch if one is not last]
        telling += build_final_events(self.record, last) if last is not None else []
        async with self.db.transaction() as tx:
            events = await self.repository.append_events(tx, self.record, telling)
            for one in batch:
                if isinstance(one, ContextCollected):
                    await self.repository.save_context(tx, self.record.id, one.context)
            if last is not None:
                await self._finish(tx, last)
        self._begun = True
        return events

    def _take(self, step: Any) -> EventPayload:
        """The step as an event, and what it means for what there is so far."""
        match step:
            case DayDrafted(day):
                self.progress.days[day.date] = day
            case PlanHeading():
                self.progress.heading = step
            case PlannerStarted(planner):
                self.progress.planner = planner
            case DraftRestarted():
                self.progress.days = {day: one for day, one in self.progress.days.items() if day in self._given}
        return step_to_event(step, self._given)

    async def _finish(self, tx: Tx, step: PlanDrafted) -> None:
        done = await save_generated_version(
            self.repository, tx, self.record, step, reason="made", started_at=self.started_at
        )
        await self.repository.record_audit(tx, done, "plan.made", planner=done.planner, feasible=step.plan.is_feasible)
        if self.record.notify or self.is_disconnected():
            await self.repository.jobs.enqueue(tx, PlanReady(plan_id=done.id), key=f"plan:{done.id}:ready")


async def save_generated_version(
    store: PlanRepository,
    tx: Tx,
    kept: PlanRecord,
    step: PlanDrafted,
    *,
    reason: Literal["made", "refined"],
    started_at: datetime,
    wish: str | None = None,
) -> PlanRecord:
    """The planner's version, and how it came about. Raises LeaseLost, or Conflict for what was edited meanwhile."""
    plan = step.plan
    model = step.model_usage[-1].model if step.model_usage and plan.planner != RULE_BASED_PLANNER else None
    done = await store.add_version(tx, kept, NewVersion(plan, reason, plan.planner, kept.version, model), leased=True)
    await _record(store, tx, done, step, reason=reason, started=started_at, wish=wish)
    return done


async def _record(
    store: PlanRepository,
    tx: Tx,
    done: PlanRecord,
    step: PlanDrafted,
    *,
    reason: str,
    started: datetime,
    wish: str | None,
) -> None:
    person = await tx.fetchrow(SQL.person, done.customer_id)
    ground = await store.find_context(tx, done.id)
    prompt = redact_request(done.request, [person["name"]] if person else [], wish)
    prompt |= {"given": list_given_ids(ground)} if ground is not None else {}
    models = [{name: getattr(one, name) for name in one.__slots__} for one in step.model_usage]
    await tx.execute(
        SQL.insert_making, done.id, reason, "made", done.version, step.plan.planner, prompt, models,
        [dict(one) for one in step.check_results],
        sum(one.input_tokens for one in step.model_usage), sum(one.output_tokens for one in step.model_usage),
        sum(one.cost for one in step.model_usage), step.model_usage[-1].currency if step.model_usage else None,
        started, store.clock.now(),
    )  # fmt: skip


async def fail_generation(
    db: Database, store: PlanRepository, kept: PlanRecord, error: HubError, sofar: GenerationProgress
) -> list[GenerationEvent]:
    """The end of a making without a plan. The days that are there become a version, marked for what is missing."""
    async with db.transaction() as tx:
        try:
            events = await store.append_events(tx, kept, [("error", error_to_problem(error))])
        except LeaseLost:
            return []
        ground = await store.find_context(tx, kept.id)
        if sofar.days and ground is not None:
            plan = _partial(kept, sofar, ground)
            new = NewVersion(plan, "partial", plan.planner, kept.version, status="failed", failure=error.code)
            await store.add_version(tx, kept, new, leased=True)
        else:
            await tx.fetchrow(SQL.fail, kept.id, kept.lease, error.code, store.clock.now())
        await store.record_audit(tx, kept, "plan.failed", because=error.code)
    return events


def error_to_problem(error: HubError) -> dict[str, Any]:
    """As it is told to who reads the stream, in the terms of every other error."""
    said: dict[str, Any] = {"code": error.code, "title": error.title, "status": error.status, "detail": error.detail}
    said |= {"errors": [one.to_dict() for one in error.errors]} if error.errors else {}
    return said | ({"retry_after": error.retry_after} if error.retry_after is not None else {})


def _partial(kept: PlanRecord, sofar: GenerationProgress, ground: PlanContext) -> Plan:
    titled = sofar.heading or PlanHeading(kept.destination, "", [], [])
    same = {name: getattr(titled, name) for name in PlanHeading.__slots__}
    draft = Draft(**same, days=[day_to_draft(sofar.days[day]) for day in sorted(sofar.days)])
    return check_draft(draft, kept.request, ground, planner=sofar.planner or RULE_BASED_PLANNER)
