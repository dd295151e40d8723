"""A desk of plans over a real database, with a planner that plays a script."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from hub.core.clock import IdGenerator, SystemClock
from hub.core.db import Database
from hub.core.jobs import JobQueue
from hub.core.money import Money
from hub.oversight.audit import AuditLog
from hub.people.identity import Caller
from hub.planning.completions.events import UsageScope
from hub.planning.plans.drafting.steps import (
    DayDrafted,
    DraftingStep,
    ModelUsage,
    PlanDrafted,
    PlanHeading,
    PlannerStarted,
)
from hub.planning.plans.facade import PlanFacade, build_plan_facade
from hub.planning.plans.model import Draft, DraftDay, DraftItem, Kind, Plan, PlanContext, PlanDay, PlanRequest
from hub.planning.plans.records import GenerationEvent, PlanRecord
from hub.planning.plans.repository import PlanRepository
from hub.planning.plans.rules.checker import check_draft
from hub.planning.plans.service import CreatePlan

ADA, BEN = UUID(int=0xADA), UUID(int=0xBEB)
START = date.today() + timedelta(days=40)  # noqa: DTZ011
LISBON = PlanContext(place="Lisbon", country="PT", zone="Europe/Lisbon", code="LIS", currency="EUR", facts=("Trams.",))


def caller(who: UUID = ADA) -> Caller:
    return Caller(who, who)


def request(days: int = 3, **more: Any) -> PlanRequest:
    given = {"destination": "Lisbon", "start": START, "end": START + timedelta(days=days - 1), "adults": 2}
    return PlanRequest(**given | more)


def item(day: date, hour: int = 10, **more: Any) -> DraftItem:
    times = {"start": f"{day}T{hour:02}:00", "end": f"{day}T{hour + 1:02}:00"}
    given = {"kind": Kind.SIGHT, "place": f"Sight at {hour}", "note": "", "cost": 1000}
    return DraftItem(**times | given | {"offer_id": None, "activity_id": None} | more)


def draft(wanted: PlanRequest, title: str = "Three days in Lisbon") -> Draft:
    count = (wanted.end - wanted.start).days + 1
    days = [wanted.start + timedelta(days=n) for n in range(count)]
    return Draft(
        title=title, summary="By the river.", packing=["shoes"], tips=["trams"],
        days=[DraftDay(date=day.isoformat(), title=f"Day {day}", items=[item(day), item(day, 15)]) for day in days],
    )  # fmt: skip


@dataclass
class Planner:
    """Makes good plans. `stop_after` so many days it waits for `go`, or raises `error`."""

    stop_after: int | None = None
    error: Exception | None = None
    go: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[dict[str, Any]] = field(default_factory=list)
    hung_up: int = 0
    title: str = "Three days in Lisbon"

    async def generate_steps(
        self,
        request: PlanRequest,
        ground: PlanContext,
        spender: UsageScope,
        *,
        keep: Mapping[date, PlanDay] = {},
        titled: PlanHeading | None = None,
        planner: str = "",
    ) -> AsyncGenerator[DraftingStep]:
        self.asked.append({"keep": sorted(keep), "titled": titled, "spender": spender, "notes": request.notes})
        plan = check_draft(draft(request, self.title), request, ground, planner="gpt-script")
        ended = False
        try:
            yield PlannerStarted("gpt-script")
            yield PlanHeading(plan.title, plan.summary, plan.packing, plan.tips)
            for count, day in enumerate(one for one in plan.days if one.date not in keep):
                if count == self.stop_after:
                    await self._stop()
                yield DayDrafted(keep.get(day.date, day))
            used = ModelUsage("gpt-script", 1000, 500, 1234, "USD")
            yield PlanDrafted(plan, [used], [{"stage": "drafted", "marks": {}}])
            ended = True
        finally:
            self.hung_up += not ended

    async def refine_steps(
        self, plan: Plan, wish: str, request: PlanRequest, ground: PlanContext, spender: UsageScope
    ) -> AsyncGenerator[DraftingStep]:
        self.asked.append({"wish": wish, "spender": spender})
        if self.stop_after is not None:
            await self._stop()
        changed = plan.model_copy(update={"summary": "Calmer.", "planner": "gpt-script"})
        yield PlannerStarted("gpt-script")
        yield PlanDrafted(changed, [ModelUsage("gpt-script", 10, 20, 30, "USD")])

    async def _stop(self) -> None:
        if self.error is not None:
            raise self.error
        await self.go.wait()


class Grounds:
    """Knows Lisbon."""

    def __init__(self) -> None:
        self.asked = 0

    async def collect_context(self, request: PlanRequest) -> PlanContext:
        self.asked += 1
        return LISBON


class Clock(SystemClock):
    """The real time, moved."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.02))


@dataclass
class House:
    db: Database
    clock: Clock
    planner: Planner
    grounds: Grounds
    desk: PlanFacade

    async def open(self, who: UUID = ADA, **more: Any) -> PlanRecord:
        wanted = {"request": request()} | more
        return await self.desk.plans.create_plan(caller(who), CreatePlan(**wanted))

    async def made(self, who: UUID = ADA, **more: Any) -> PlanRecord:
        kept = await self.open(who, **more)
        await self.desk.plans.generate_plan(kept)
        return await self.desk.plans.find_plan(caller(who), kept.id)

    async def jobs(self) -> list[str]:
        async with self.db.transaction() as tx:
            rows = await tx.fetch("select entrypoint from pgqueuer order by id")
        return [row["entrypoint"] for row in rows]

    async def acts(self) -> list[str]:
        async with self.db.transaction() as tx:
            return [row["action"] for row in await tx.fetch("select action from audit_logs order by id")]


async def house_over(db: Database, flights: Any = None) -> House:
    clock, planner, grounds = Clock(), Planner(), Grounds()
    async with db.transaction() as tx:
        for who, name in ((ADA, "Ada Lovelace"), (BEN, "Ben Okri")):
            await tx.execute(
                "insert into customers (id, email, name, created_at) values ($1, $2, $3, now())",
                who, f"{who}@example.com", name,
            )  # fmt: skip
    store = PlanRepository(JobQueue(), AuditLog(clock), clock, IdGenerator(clock))
    return House(db, clock, planner, grounds, build_plan_facade(db, store, flights, grounds, planner))


def told(events: list[GenerationEvent]) -> list[str]:
    """Their names; of a status its state."""
    return [str(one.data.get("state", one.event)) if one.event == "status" else one.event for one in events]


BUDGET = Money(50_000, "EUR")
