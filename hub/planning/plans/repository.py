"""Rows in and out: what the making, the editing and the sharing of plans have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hub.core.clock import Clock, IdGenerator
from hub.core.db import Tx, load_queries
from hub.core.errors import Conflict, NotFound
from hub.core.jobs import JobQueue
from hub.oversight.audit import AuditLog
from hub.planning.plans.context.snapshot import context_from_json, context_to_json
from hub.planning.plans.model import Plan, PlanContext
from hub.planning.plans.records import (
    GenerationEvent,
    GenerationEventName,
    PlanRecord,
    PlanStatus,
    PlanVersion,
    VersionReason,
    VersionUsage,
)
from hub.planning.plans.request import fold_text

SQL = load_queries("plans")

LEASE_DURATION = timedelta(seconds=30)
"""Whoever makes a plan has to be heard of within it; then another may go on."""
MAX_VERSIONS = 100


class LeaseLost(Exception):
    """Somebody else goes on with this plan, or it is gone."""


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What comes on top of version `base_version`.

    `by` is `customer` or the planner's name, `model` of a language model.
    """

    plan: Plan
    reason: VersionReason
    by: str
    base_version: int
    model: str | None = None
    status: PlanStatus = "ready"
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class PlanRepository:
    jobs: JobQueue
    audit: AuditLog
    clock: Clock
    ids: IdGenerator

    async def find_plan(self, tx: Tx, plan_id: UUID, *, lock: bool = False) -> PlanRecord:
        """Raises NotFound, also for what this transaction's subject may not see."""
        row = await tx.fetchrow(SQL.lock if lock else SQL.find, plan_id)
        if row is None:
            raise NotFound("There is no such plan.", code="plan_not_found")
        return PlanRecord.from_row(row)

    async def find_version(self, tx: Tx, plan_id: UUID, number: int) -> PlanVersion:
        """Raises NotFound."""
        row = await tx.fetchrow(SQL.version, plan_id, number)
        if row is None:
            raise NotFound("There is no such version.", code="plan_version_not_found")
        plan = Plan.model_validate(row["document"])
        return PlanVersion(row["version"], plan, row["reason"], row["by"], row["created_at"])

    async def find_usage(self, tx: Tx, plan_id: UUID, number: int) -> VersionUsage:
        row = await tx.fetchrow(SQL.usage_of_version, plan_id, number)
        return VersionUsage(**row) if row else VersionUsage()

    # The lease: the right to write to a plan while it is made or refined.

    async def count_leased(self, tx: Tx, customer_id: UUID) -> int:
        """How many plans are being made for the traveller. Until the transaction ends nobody begins another."""
        await tx.execute(SQL.lock_customer, customer_id)
        found: int = await tx.fetchval(SQL.count_leased, customer_id, self.clock.now())
        return found

    async def acquire_lease(self, tx: Tx, plan_id: UUID, status: PlanStatus) -> PlanRecord | None:
        """The plan with a lease of one's own, or None while somebody has it or it is in another status."""
        now = self.clock.now()
        row = await tx.fetchrow(SQL.take_lease, plan_id, self.ids.new_uuid(), now + LEASE_DURATION, now, status)
        return PlanRecord.from_row(row, row["lease"]) if row else None

    async def renew_lease(self, tx: Tx, kept: PlanRecord) -> None:
        """Raises LeaseLost."""
        now = self.clock.now()
        if await tx.fetchval(SQL.renew_lease, kept.id, kept.lease, now + LEASE_DURATION, now) is None:
            raise LeaseLost

    async def release_lease(self, tx: Tx, kept: PlanRecord) -> bool:
        """Whether one still had it."""
        return await tx.fetchval(SQL.drop_lease, kept.id, kept.lease, self.clock.now()) is not None

    # Events.

    async def append_events(
        self, tx: Tx, kept: PlanRecord, events: Sequence[tuple[GenerationEventName, dict[str, Any]]]
    ) -> list[GenerationEvent]:
        """Writes events and renews the lease. Raises LeaseLost."""
        now = self.clock.now()
        names, data = [name for name, _ in events], [one for _, one in events]
        rows = await tx.fetch(SQL.append_events, kept.id, kept.lease, now + LEASE_DURATION, now, names, data)
        if not rows:
            raise LeaseLost
        return [GenerationEvent(**row) for row in rows]

    async def list_events(self, tx: Tx, plan_id: UUID, after: int = 0) -> list[GenerationEvent]:
        return [GenerationEvent(**row) for row in await tx.fetch(SQL.events, plan_id, after)]

    # The ground.

    async def save_context(self, tx: Tx, plan_id: UUID, ground: PlanContext) -> None:
        await tx.execute(SQL.put_ground, plan_id, context_to_json(ground), self.clock.now())

    async def find_context(self, tx: Tx, plan_id: UUID) -> PlanContext | None:
        kept = await tx.fetchval(SQL.ground, plan_id)
        return context_from_json(kept) if kept is not None else None

    # Versions.

    async def add_version(self, tx: Tx, kept: PlanRecord, new: NewVersion, *, leased: bool) -> PlanRecord:
        """The plan with its new version. `leased`: by who has the lease, which ends with it.

        Raises LeaseLost, or Conflict `make_version_conflict_error` when the version is not on top of `base_version` any
        more.
        """
        row = await tx.fetchrow(
            SQL.add_version,
            kept.id,
            kept.lease if leased else None,
            new.base_version,
            new.status,
            new.plan.title,
            fold_text(f"{new.plan.title} {kept.destination}"),
            new.plan.planner,
            new.model,
            new.failure,
            self.clock.now(),
        )
        if row is None:
            raise await self._why_not(tx, kept)
        document = new.plan.model_dump(mode="json")
        await tx.execute(SQL.insert_version, kept.id, row["version"], document, new.reason, new.by, self.clock.now())
        await tx.execute(SQL.prune_versions, kept.id, row["version"] - MAX_VERSIONS)
        return PlanRecord.from_row(row)

    async def _why_not(self, tx: Tx, kept: PlanRecord) -> Exception:
        now = await tx.fetchrow(SQL.find, kept.id)
        if now is not None and now["version"] != kept.version:
            return make_version_conflict_error(now["version"])
        return LeaseLost()

    async def record_audit(self, tx: Tx, kept: PlanRecord, action: str, **data: Any) -> None:
        """In the audit trail, and so among the traveller's activity."""
        await self.audit.record_action(tx, action, customer_id=kept.customer_id, plan_id=str(kept.id), **data)

    def seconds_ago(self, seconds: float) -> datetime:
        return self.clock.now() - timedelta(seconds=seconds)


def make_version_conflict_error(is_now: int) -> Conflict:
    text = f"The plan has changed: it is at version {is_now}. Look at it, and edit that."
    return Conflict(text, code="version_conflict", version=is_now)
