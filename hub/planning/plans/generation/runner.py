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
from hub.core.stream_batching import pumped, surely
from hub.planning.completions.events import Spender
from hub.planning.plans.drafting.steps import Made
from hub.planning.plans.generation.progress import Grounded, SoFar, so_far
from hub.planning.plans.generation.recorder import Telling, fail
from hub.planning.plans.jobs import FinishPlan
from hub.planning.plans.model import Ground, Plan
from hub.planning.plans.ports import Grounds, Planner
from hub.planning.plans.records import Event, Kept
from hub.planning.plans.repository import LeaseLost, Store

MOST_AT_ONCE = 2
"""Plans that are being made for one traveller."""
RENEW = 10.0
"""Seconds of silence after which the lease is renewed."""
POLL = 0.3
"""Seconds between two looks at what another maker has written."""
LEFT = 2.0
"""Seconds after which the hub goes on by itself, when the traveller has left and wants to be told."""

log = structlog.get_logger(__name__)


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Making:
    db: Database
    store: Store
    grounds: Grounds
    planner: Planner

    async def watch(self, plan_id: UUID, after: int = 0, *, gone: Callable[[], bool] = _never) -> AsyncGenerator[Event]:
        """What has been told since event number `after`, and all that follows, until the plan is ready or has failed.

        Makes the plan where nobody does. Closing it hangs up on whoever was asked, and leaves the plan to whoever comes
        next. `gone` says at the end whether anybody still reads. Raises NotFound when the plan is deleted.
        """
        seq = after
        while True:
            events, kept = await self._look(plan_id, seq)
            for one in _shown(events, kept):
                yield one
                seq = one.seq
            if kept.status != "making":
                return
            leased = await self.take(kept)
            if leased is None:
                await self.store.clock.sleep(POLL)
                continue
            async with aclosing(self.make(leased, gone)) as making:
                async for one in making:
                    yield one
                    seq = one.seq

    async def make(self, kept: Kept, gone: Callable[[], bool] = _never) -> AsyncGenerator[Event]:
        """Goes on with a plan whose lease one has. A failure is told as its last event."""
        try:
            sofar = await self._sofar(kept)
            telling = Telling(self.db, self.store, kept, sofar, gone, self.store.clock.now())
            try:
                async with aclosing(self._pumped(kept, self._steps(kept, sofar))) as batches:
                    async for batch in batches:
                        for one in await telling.tell(batch):
                            yield one
            except LeaseLost:
                return
            except Exception as error:  # noqa: BLE001 (whatever it is, a reader waits for the end of the story)
                for one in await fail(self.db, self.store, kept, _said(error, kept), sofar):
                    yield one
        except BaseException:
            await surely(self._leave(kept))
            raise

    async def refine(self, kept: Kept, plan: Plan, wish: str, ground: Ground) -> Made:
        """What the planner makes of a wish, for a plan whose lease one has. Raises HubError, LeaseLost."""
        spender = Spender(kept.customer_id, "refine", kept.id)
        steps = self.planner.refine(plan, wish, kept.request, ground, spender)
        async with aclosing(self._pumped(kept, steps)) as batches:
            async for batch in batches:
                if isinstance(batch[-1], Made):
                    return batch[-1]
        raise HubError("The planner has come to no end.")

    async def abandon(self, kept: Kept, error: HubError) -> None:
        """Ends a plan, whose lease one has, that nobody goes on with."""
        await fail(self.db, self.store, kept, error, await self._sofar(kept))

    async def take(self, kept: Kept) -> Kept | None:
        """The plan to be made, with its lease, unless somebody has it or makes as many others for this traveller."""
        async with self.db.transaction() as tx:
            if await self.store.count_leased(tx, kept.customer_id) >= MOST_AT_ONCE:
                return None
            return await self.store.take_lease(tx, kept.id, "making")

    async def leave(self, kept: Kept) -> None:
        """Gives a lease back, also when who holds it is being cancelled."""

        async def drop() -> None:
            async with self.db.transaction() as tx:
                await self.store.drop_lease(tx, kept)

        await surely(drop())

    # Parts of a making.

    def _pumped(self, kept: Kept, steps: AsyncGenerator[Any]) -> AsyncGenerator[list[Any]]:
        return pumped(steps, silence=RENEW, meanwhile=partial(self._renew, kept))

    async def _steps(self, kept: Kept, sofar: SoFar) -> AsyncGenerator[Any]:
        async with self.db.transaction() as tx:
            ground = await self.store.ground(tx, kept.id)
        if ground is None:
            ground = await self.grounds.of(kept.request)
            yield Grounded(ground)
        spender = Spender(kept.customer_id, "plan", kept.id)
        making = self.planner.make(
            kept.request, ground, spender, keep=dict(sofar.days), titled=sofar.titled, planner=sofar.planner
        )
        async with aclosing(making) as steps:
            async for step in steps:
                yield step

    async def _look(self, plan_id: UUID, after: int) -> tuple[list[Event], Kept]:
        """The plan first: when it says that it has ended, all its events are there."""
        async with self.db.transaction() as tx:
            kept = await self.store.find(tx, plan_id)
            return await self.store.events(tx, plan_id, after), kept

    async def _sofar(self, kept: Kept) -> SoFar:
        async with self.db.transaction() as tx:
            return so_far(await self.store.events(tx, kept.id))

    async def _renew(self, kept: Kept) -> None:
        async with self.db.transaction() as tx:
            await self.store.renew_lease(tx, kept)

    async def _leave(self, kept: Kept) -> None:
        """The plan is there for whoever comes; for the hub itself where the traveller wants to be told."""
        async with self.db.transaction() as tx:
            if await self.store.drop_lease(tx, kept) and kept.notify:
                work = FinishPlan(plan_id=kept.id)
                await self.store.jobs.enqueue(tx, work, key=f"plan:{kept.id}:finish", delay=LEFT)


def _shown(events: list[Event], kept: Kept) -> list[Event]:
    """Of failures only the one that has ended it: after the others somebody has gone on."""
    last = events[-1] if events and kept.status == "failed" else None
    return [one for one in events if one.event != "error" or one is last]


def _said(error: Exception, kept: Kept) -> HubError:
    """What may be told of it. What nobody has foreseen is written down with all that is known."""
    if isinstance(error, HubError):
        return error
    log.error("plan.making_broken", plan_id=str(kept.id), exc_info=error)
    return HubError()
