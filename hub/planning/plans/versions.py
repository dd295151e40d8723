"""What becomes of a plan that is there: edits, wishes, the way back. Each is a new version, judged as the first was."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hub.core.db import Database
from hub.core.errors import Conflict, TooManyRequests
from hub.people.identity import Caller
from hub.planning.plans.edits import Edit, edited, identified
from hub.planning.plans.generation.recorder import keep_made
from hub.planning.plans.generation.runner import MOST_AT_ONCE, Making
from hub.planning.plans.model import Ground
from hub.planning.plans.records import Kept, Version, VersionLine
from hub.planning.plans.repository import SQL, LeaseLost, NewVersion, Store, version_conflict
from hub.planning.plans.rules.checker import check

RETRY_AFTER = 10


@dataclass(frozen=True, slots=True)
class Editing:
    db: Database
    store: Store
    making: Making

    async def edit(self, caller: Caller, plan_id: UUID, edit: Edit) -> Kept:
        """Nothing is refused but what cannot be read: what fails a check is marked on the plan.

        Raises NotFound, Conflict `version_conflict` or `plan_not_ready`, Invalid for ids that the plan does not have.
        """
        kept, version, ground = await self._read(caller, plan_id)
        if edit.version != kept.version:
            raise version_conflict(kept.version)
        draft, lines = edited(version.plan, edit)
        judged = check(draft, kept.request, ground, planner=version.plan.planner)
        judged = identified(judged, lines, version.plan)
        return await self._save(kept, NewVersion(judged, "edited", "customer", kept.version), "plan.edited")

    async def restore(self, caller: Caller, plan_id: UUID, number: int) -> Kept:
        """An earlier version becomes the newest. Raises NotFound, and Conflict when the plan changes at this moment."""
        kept, _, _ = await self._read(caller, plan_id)
        async with self.db.transaction() as tx:
            old = await self.store.version(tx, plan_id, number)
        new = NewVersion(old.plan, "restored", "customer", kept.version)
        return await self._save(kept, new, "plan.restored", of=number)

    async def refine(self, caller: Caller, plan_id: UUID, wish: str) -> Kept:
        """A new version by the planner, after a wish in words.

        Raises NotFound, Conflict `plan_busy` while another wish is worked on, `version_conflict` when the traveller has
        edited the plan meanwhile, TooManyRequests, and what the planner raises.
        """
        kept, version, ground = await self._read(caller, plan_id)
        leased, started = await self._lease(kept), self.store.clock.now()
        try:
            made = await self.making.refine(leased, version.plan, wish, ground)
            async with self.db.transaction() as tx:
                done = await keep_made(self.store, tx, leased, made, reason="refined", started=started, wish=wish)
                await self.store.record(tx, done, "plan.refined", planner=done.planner, feasible=made.plan.feasible)
        except LeaseLost:
            raise Conflict("The plan has been deleted, or taken over.", code="plan_busy") from None
        except BaseException:
            await self.making.leave(leased)
            raise
        return done

    async def versions(
        self, caller: Caller, plan_id: UUID, *, page: int, page_size: int
    ) -> tuple[list[VersionLine], int]:
        """The newest first. Raises NotFound."""
        async with self.db.transaction(caller.id) as tx:
            kept = await self.store.find(tx, plan_id)
            rows = await tx.fetch(SQL.versions, plan_id, page_size, (page - 1) * page_size)
        names = VersionLine.__slots__
        found = [VersionLine(**{name: row[name] for name in names}) for row in rows]
        return found, rows[0]["total"] if rows else kept.version

    async def version(self, caller: Caller, plan_id: UUID, number: int) -> Version:
        """Raises NotFound."""
        async with self.db.transaction(caller.id) as tx:
            return await self.store.version(tx, plan_id, number)

    async def makings(self, caller: Caller, plan_id: UUID) -> list[dict[str, Any]]:
        """How each version by a planner came about: the prompt without personal data, models, checks, cost."""
        async with self.db.transaction(caller.id) as tx:
            await self.store.find(tx, plan_id)
            return [dict(row) for row in await tx.fetch(SQL.makings, plan_id)]

    async def _read(self, caller: Caller, plan_id: UUID) -> tuple[Kept, Version, Ground]:
        async with self.db.transaction(caller.id) as tx:
            kept = await self.store.find(tx, plan_id)
            async with tx.as_hub():
                if kept.status != "ready":
                    raise Conflict(f"The plan is {kept.status}.", code="plan_not_ready")
                version = await self.store.version(tx, plan_id, kept.version)
                ground = await self.store.ground(tx, plan_id)
        return kept, version, ground or await self.making.grounds.of(kept.request)

    async def _lease(self, kept: Kept) -> Kept:
        async with self.db.transaction() as tx:
            if await self.store.count_leased(tx, kept.customer_id) >= MOST_AT_ONCE:
                raise too_many()
            leased = await self.store.take_lease(tx, kept.id, "ready")
        if leased is None:
            raise Conflict("The plan is being changed at this moment.", code="plan_busy", retry_after=RETRY_AFTER)
        if leased.version != kept.version:
            await self.making.leave(leased)
            raise version_conflict(leased.version)
        return leased

    async def _save(self, kept: Kept, new: NewVersion, action: str, **data: Any) -> Kept:
        async with self.db.transaction() as tx:
            done = await self.store.add_version(tx, kept, new, leased=False)
            await self.store.record(tx, done, action, version=done.version, feasible=new.plan.feasible, **data)
        return done


def too_many() -> TooManyRequests:
    text = f"{MOST_AT_ONCE} plans are being made for you; wait for one of them."
    return TooManyRequests(text, code="too_many_plans", retry_after=RETRY_AFTER)
