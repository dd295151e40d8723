"""The making of plans, as a story that outlives its teller: each step is written down before it is shown.

Whoever makes a plan holds its lease. Who comes while somebody makes it reads along; who comes when the maker is gone
goes on with the days that are missing.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from hub.core.db import Database
from hub.core.errors import HubError
from hub.core.stream_batching import batch_stream, run_shielded
from hub.planning.completions import UsageScope
from hub.planning.plans.drafting.steps import PlanDrafted
from hub.planning.plans.generation.progress import ContextCollected, GenerationProgress, replay_events
from hub.planning.plans.generation.recorder import EventRecorder, fail_generation
from hub.planning.plans.jobs import FinishPlan
from hub.planning.plans.model import Plan, PlanContext
from hub.planning.plans.ports import PlanContextSource, Planner
from hub.planning.plans.records import GenerationEvent, PlanRecord
from hub.planning.plans.repository import LeaseLost, PlanRepository

MAX_CONCURRENT_PLANS = 2
"""Plans that are being made for one traveller."""
LEASE_RENEWAL_INTERVAL = 10.0
"""Seconds of silence after which the lease is renewed."""
POLL_INTERVAL = 0.3
"""Seconds between two looks at what another maker has written."""
FINISH_DELAY = 2.0
"""Seconds after which the hub goes on by itself, when the traveller has left and wants to be told."""

log = structlog.get_logger(__name__)


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class GenerationRunner:
    db: Database
    repository: PlanRepository
    context_source: PlanContextSource
    planner: Planner

    async def watch_generation(
        self, plan_id: UUID, after: int = 0, *, is_disconnected: Callable[[], bool] = _never
    ) -> AsyncGenerator[GenerationEvent]:
        """What has been told since event number `after`, and all that follows, until the plan is ready or has failed.

        Makes the plan where nobody does. Closing it hangs up on whoever was asked, and leaves the plan to whoever comes
        next. `is_disconnected` says at the end whether anybody still reads. Raises NotFound when the plan is deleted.
        """
        seq = after
        while True:
            events, kept = await self._look(plan_id, seq)
            for one in _shown(events, kept):
                yield one
                seq = one.seq
            if kept.status != "making":
                return
            leased = await self.acquire_lease(kept)
            if leased is None:
                await self.repository.clock.sleep(POLL_INTERVAL)
                continue
            async with aclosing(self.run_generation(leased, is_disconnected)) as making:
                async for one in making:
                    yield one
                    seq = one.seq

    async def run_generation(
        self, kept: PlanRecord, is_disconnected: Callable[[], bool] = _never
    ) -> AsyncGenerator[GenerationEvent]:
        """Goes on with a plan whose lease one has. A failure is told as its last event."""
        try:
            sofar = await self._sofar(kept)
            telling = EventRecorder(self.db, self.repository, kept, sofar, is_disconnected, self.repository.clock.now())
            try:
                async with aclosing(self._pumped(kept, self._steps(kept, sofar))) as batches:
                    async for batch in batches:
                        for one in await telling.record_steps(batch):
                            yield one
            except LeaseLost:
                return
            except Exception as error:  # noqa: BLE001 (whatever it is, a reader waits for the end of the story)
                for one in await fail_generation(self.db, self.repository, kept, _said(error, kept), sofar):
                    yield one
        except BaseException:
            await run_shielded(self._leave(kept))
            raise

    async def refine_plan(self, kept: PlanRecord, plan: Plan, wish: str, ground: PlanContext) -> PlanDrafted:
        """What the planner makes of a wish, for a plan whose lease one has. Raises HubError, LeaseLost."""
        spender = UsageScope(kept.customer_id, "refine", kept.id)
        steps = self.planner.refine_steps(plan, wish, kept.request, ground, spender)
        async with aclosing(self._pumped(kept, steps)) as batches:
            async for batch in batches:
                if isinstance(batch[-1], PlanDrafted):
                    return batch[-1]
        raise HubError("The planner has come to no end.")

    async def abandon_generation(self, kept: PlanRecord, error: HubError) -> None:
        """Ends a plan, whose lease one has, that nobody goes on with."""
        await fail_generation(self.db, self.repository, kept, error, await self._sofar(kept))

    async def acquire_lease(self, kept: PlanRecord) -> PlanRecord | None:
        """The plan to be made, with its lease, unless somebody has it or makes as many others for this traveller."""
        async with self.db.transaction() as tx:
            if await self.repository.count_leased(tx, kept.customer_id) >= MAX_CONCURRENT_PLANS:
                return None
            return await self.repository.acquire_lease(tx, kept.id, "making")

    async def release_lease(self, kept: PlanRecord) -> None:
        """Gives a lease back, also when who holds it is being cancelled."""

        async def drop() -> None:
            async with self.db.transaction() as tx:
                await self.repository.release_lease(tx, kept)

        await run_shielded(drop())

    # Parts of a making.

    def _pumped(self, kept: PlanRecord, steps: AsyncGenerator[Any]) -> AsyncGenerator[list[Any]]:
        return batch_stream(steps, idle_timeout=LEASE_RENEWAL_INTERVAL, on_idle=partial(self._renew, kept))

    async def _steps(self, kept: PlanRecord, sofar: GenerationProgress) -> AsyncGenerator[Any]:
        async with self.db.transaction() as tx:
            ground = await self.repository.find_context(tx, kept.id)
        if ground is None:
            ground = await self.context_source.collect_context(kept.request)
            yield ContextCollected(ground)
        spender = UsageScope(kept.customer_id, "plan", kept.id)
        making = self.planner.generate_steps(
            kept.request, ground, spender, keep=dict(sofar.days), titled=sofar.heading, planner=sofar.planner
        )
        async with aclosing(making) as steps:
            async for step in steps:
                yield step

    async def _look(self, plan_id: UUID, after: int) -> tuple[list[GenerationEvent], PlanRecord]:
        """The plan first: when it says that it has ended, all its events are there."""
        async with self.db.transaction() as tx:
            kept = await self.repository.find_plan(tx, plan_id)
            return await self.repository.list_events(tx, plan_id, after), kept

    async def _sofar(self, kept: PlanRecord) -> GenerationProgress:
        async with self.db.transaction() as tx:
            return replay_events(await self.repository.list_events(tx, kept.id))

    async def _renew(self, kept: PlanRecord) -> None:
        async with self.db.transaction() as tx:
            await self.repository.renew_lease(tx, kept)

    async def _leave(self, kept: PlanRecord) -> None:
        """The plan is there for whoever comes; for the hub itself where the traveller wants to be told."""
        async with self.db.transaction() as tx:
            if await self.repository.release_lease(tx, kept) and kept.notify:
                work = FinishPlan(plan_id=kept.id)
                await self.repository.jobs.enqueue(tx, work, key=f"plan:{kept.id}:finish", delay=FINISH_DELAY)


def _shown(events: list[GenerationEvent], kept: PlanRecord) -> list[GenerationEvent]:
    """Of failures only the one that has ended it: after the others somebody has gone on."""
    last = events[-1] if events and kept.status == "failed" else None
    return [one for one in events if one.event != "error" or one is last]


def _said(error: Exception, kept: PlanRecord) -> HubError:
    """What may be told of it. What nobody has foreseen is written down with all that is known."""
    if isinstance(error, HubError):
        return error
    log.error("plan.making_broken", plan_id=str(kept.id), exc_info=error)
    return HubError()
