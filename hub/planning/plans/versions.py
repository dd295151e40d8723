"""What becomes of a plan that is there: edits, wishes, the way back. Each is a new version, judged as the first was."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hub.core.db import Database
from hub.core.errors import Conflict, TooManyRequests
from hub.people.identity import Caller
from hub.planning.plans.edits import PlanChanges, apply_changes, restore_item_ids
from hub.planning.plans.generation.recorder import save_generated_version
from hub.planning.plans.generation.runner import MAX_CONCURRENT_PLANS, GenerationRunner
from hub.planning.plans.model import PlanContext
from hub.planning.plans.records import PlanRecord, PlanVersion, PlanVersionSummary
from hub.planning.plans.repository import SQL, LeaseLost, NewVersion, PlanRepository, make_version_conflict_error
from hub.planning.plans.rules.checker import check_draft

RETRY_AFTER = 10


@dataclass(frozen=True, slots=True)
class PlanEditor:
    db: Database
    repository: PlanRepository
    runner: GenerationRunner

    async def edit_plan(self, caller: Caller, plan_id: UUID, edit: PlanChanges) -> PlanRecord:
        """Nothing is refused but what cannot be read: what fails a check is marked on the plan.

        Raises NotFound, Conflict `version_conflict` or `plan_not_ready`, InvalidRequest for ids that the plan does not
        have.
        """
        kept, version, ground = await self._read(caller, plan_id)
        if edit.version != kept.version:
            raise make_version_conflict_error(kept.version)
        draft, lines = apply_changes(version.plan, edit)
        judged = check_draft(draft, kept.request, ground, planner=version.plan.planner)
        judged = restore_item_ids(judged, lines, version.plan)
        return await self._save(kept, NewVersion(judged, "edited", "customer", kept.version), "plan.edited")

    async def restore_version(self, caller: Caller, plan_id: UUID, number: int) -> PlanRecord:
        """An earlier version becomes the newest. Raises NotFound, and Conflict when the plan changes at this moment."""
        kept, _, _ = await self._read(caller, plan_id)
        async with self.db.transaction() as tx:
            old = await self.repository.find_version(tx, plan_id, number)
        new = NewVersion(old.plan, "restored", "customer", kept.version)
        return await self._save(kept, new, "plan.restored", of=number)

    async def refine_plan(self, caller: Caller, plan_id: UUID, wish: str) -> PlanRecord:
        """A new version by the planner, after a wish in words.

        Raises NotFound, Conflict `plan_busy` while another wish is worked on, `version_conflict` when the traveller has
        edited the plan meanwhile, TooManyRequests, and what the planner raises.
        """
        kept, version, ground = await self._read(caller, plan_id)
        leased, started = await self._lease(kept), self.repository.clock.now()
        try:
            made = await self.runner.refine_plan(leased, version.plan, wish, ground)
            async with self.db.transaction() as tx:
                done = await save_generated_version(
                    self.repository, tx, leased, made, reason="refined", started_at=started, wish=wish
                )
                await self.repository.record_audit(
                    tx, done, "plan.refined", planner=done.planner, feasible=made.plan.is_feasible
                )
        except LeaseLost:
            raise Conflict("The plan has been deleted, or taken over.", code="plan_busy") from None
        except BaseException:
            await self.runner.release_lease(leased)
            raise
        return done

    async def list_versions(
        self, caller: Caller, plan_id: UUID, *, page: int, page_size: int
    ) -> tuple[list[PlanVersionSummary], int]:
        """The newest first. Raises NotFound."""
        async with self.db.transaction(caller.id) as tx:
            kept = await self.repository.find_plan(tx, plan_id)
            rows = await tx.fetch(SQL.versions, plan_id, page_size, (page - 1) * page_size)
        names = PlanVersionSummary.__slots__
        found = [PlanVersionSummary(**{name: row[name] for name in names}) for row in rows]
        return found, rows[0]["total"] if rows else kept.version

    async def find_version(self, caller: Caller, plan_id: UUID, number: int) -> PlanVersion:
        """Raises NotFound."""
        async with self.db.transaction(caller.id) as tx:
            return await self.repository.find_version(tx, plan_id, number)

    async def list_generations(self, caller: Caller, plan_id: UUID) -> list[dict[str, Any]]:
        """How each version by a planner came about: the prompt without personal data, models, checks, cost."""
        async with self.db.transaction(caller.id) as tx:
            await self.repository.find_plan(tx, plan_id)
            return [dict(row) for row in await tx.fetch(SQL.makings, plan_id)]

    async def _read(self, caller: Caller, plan_id: UUID) -> tuple[PlanRecord, PlanVersion, PlanContext]:
        async with self.db.transaction(caller.id) as tx:
            kept = await self.repository.find_plan(tx, plan_id)
            async with tx.as_hub():
                if kept.status != "ready":
                    raise Conflict(f"The plan is {kept.status}.", code="plan_not_ready")
                version = await self.repository.find_version(tx, plan_id, kept.version)
                ground = await self.repository.find_context(tx, plan_id)
        return kept, version, ground or await self.runner.context_source.collect_context(kept.request)

    async def _lease(self, kept: PlanRecord) -> PlanRecord:
        async with self.db.transaction() as tx:
            if await self.repository.count_leased(tx, kept.customer_id) >= MAX_CONCURRENT_PLANS:
                raise make_too_many_plans_error()
            leased = await self.repository.acquire_lease(tx, kept.id, "ready")
        if leased is None:
            raise Conflict("The plan is being changed at this moment.", code="plan_busy", retry_after=RETRY_AFTER)
        if leased.version != kept.version:
            await self.runner.release_lease(leased)
            raise make_version_conflict_error(leased.version)
        return leased

    async def _save(self, kept: PlanRecord, new: NewVersion, action: str, **data: Any) -> PlanRecord:
        async with self.db.transaction() as tx:
            done = await self.repository.add_version(tx, kept, new, leased=False)
            await self.repository.record_audit(
                tx, done, action, version=done.version, feasible=new.plan.is_feasible, **data
            )
        return done


def make_too_many_plans_error() -> TooManyRequests:
    text = f"{MAX_CONCURRENT_PLANS} plans are being made for you; wait for one of them."
    return TooManyRequests(text, code="too_many_plans", retry_after=RETRY_AFTER)
