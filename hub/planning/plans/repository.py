"""Rows in and out: what the making, the editing and the sharing of plans have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hub.core.clock import Clock, Ids
from hub.core.db import Tx, named_queries
from hub.core.errors import Conflict, NotFound
from hub.core.jobs import Jobs
from hub.oversight.audit import Audit
from hub.planning.plans.context.snapshot import ground_from_json, ground_to_json
from hub.planning.plans.model import Ground, Plan
from hub.planning.plans.records import Event, EventName, Kept, Reason, Status, Usage, Version
from hub.planning.plans.request import fold

SQL = named_queries("plans")

LEASE = timedelta(seconds=30)
"""Whoever makes a plan has to be heard of within it; then another may go on."""
VERSIONS_KEPT = 100


class LeaseLost(Exception):
    """Somebody else goes on with this plan, or it is gone."""


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What comes on top of version `base`. `by` is `customer` or the planner's name, `model` of a language model."""

    plan: Plan
    reason: Reason
    by: str
    base: int
    model: str | None = None
    status: Status = "ready"
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Store:
    jobs: Jobs
    audit: Audit
    clock: Clock
    ids: Ids

    async def find(self, tx: Tx, plan_id: UUID, *, lock: bool = False) -> Kept:
        """Raises NotFound, also for what this transaction's subject may not see."""
        row = await tx.fetchrow(SQL.lock if lock else SQL.find, plan_id)
        if row is None:
            raise NotFound("There is no such plan.", code="plan_not_found")
        return Kept.from_row(row)

    async def version(self, tx: Tx, plan_id: UUID, number: int) -> Version:
        """Raises NotFound."""
        row = await tx.fetchrow(SQL.version, plan_id, number)
        if row is None:
            raise NotFound("There is no such version.", code="plan_version_not_found")
        plan = Plan.model_validate(row["document"])
        return Version(row["version"], plan, row["reason"], row["by"], row["created_at"])

    async def usage(self, tx: Tx, plan_id: UUID, number: int) -> Usage:
        row = await tx.fetchrow(SQL.usage_of_version, plan_id, number)
        return Usage(**row) if row else Usage()

    # The lease: the right to write to a plan while it is made or refined.

    async def count_leased(self, tx: Tx, customer_id: UUID) -> int:
        """How many plans are being made for the traveller. Until the transaction ends nobody begins another."""
        await tx.execute(SQL.lock_customer, customer_id)
        found: int = await tx.fetchval(SQL.count_leased, customer_id, self.clock.now())
        return found

    async def take_lease(self, tx: Tx, plan_id: UUID, status: Status) -> Kept | None:
        """The plan with a lease of one's own, or None while somebody has it or it is in another status."""
        now = self.clock.now()
        row = await tx.fetchrow(SQL.take_lease, plan_id, self.ids.uuid(), now + LEASE, now, status)
        return Kept.from_row(row, row["lease"]) if row else None

    async def renew_lease(self, tx: Tx, kept: Kept) -> None:
        """Raises LeaseLost."""
        now = self.clock.now()
        if await tx.fetchval(SQL.renew_lease, kept.id, kept.lease, now + LEASE, now) is None:
            raise LeaseLost

    async def drop_lease(self, tx: Tx, kept: Kept) -> bool:
        """Whether one still had it."""
        return await tx.fetchval(SQL.drop_lease, kept.id, kept.lease, self.clock.now()) is not None

    # Events.

    async def append(self, tx: Tx, kept: Kept, events: Sequence[tuple[EventName, dict[str, Any]]]) -> list[Event]:
        """Writes events and renews the lease. Raises LeaseLost."""
        now = self.clock.now()
        names, data = [name for name, _ in events], [one for _, one in events]
        rows = await tx.fetch(SQL.append_events, kept.id, kept.lease, now + LEASE, now, names, data)
        if not rows:
            raise LeaseLost
        return [Event(**row) for row in rows]

    async def events(self, tx: Tx, plan_id: UUID, after: int = 0) -> list[Event]:
        return [Event(**row) for row in await tx.fetch(SQL.events, plan_id, after)]

    # The ground.

    async def put_ground(self, tx: Tx, plan_id: UUID, ground: Ground) -> None:
        await tx.execute(SQL.put_ground, plan_id, ground_to_json(ground), self.clock.now())

    async def ground(self, tx: Tx, plan_id: UUID) -> Ground | None:
        kept = await tx.fetchval(SQL.ground, plan_id)
        return ground_from_json(kept) if kept is not None else None

    # Versions.

    async def add_version(self, tx: Tx, kept: Kept, new: NewVersion, *, leased: bool) -> Kept:
        """The plan with its new version. `leased`: by who has the lease, which ends with it.

        Raises LeaseLost, or Conflict `version_conflict` when the version is not on top of `base` any more.
        """
        row = await tx.fetchrow(
            SQL.add_version, kept.id, kept.lease if leased else None, new.base, new.status, new.plan.title,
            fold(f"{new.plan.title} {kept.destination}"), new.plan.planner, new.model, new.failure, self.clock.now(),
        )  # fmt: skip
        if row is None:
            raise await self._why_not(tx, kept)
        document = new.plan.model_dump(mode="json")
        await tx.execute(SQL.insert_version, kept.id, row["version"], document, new.reason, new.by, self.clock.now())
        await tx.execute(SQL.prune_versions, kept.id, row["version"] - VERSIONS_KEPT)
        return Kept.from_row(row)

    async def _why_not(self, tx: Tx, kept: Kept) -> Exception:
        now = await tx.fetchrow(SQL.find, kept.id)
        if now is not None and now["version"] != kept.version:
            return version_conflict(now["version"])
        return LeaseLost()

    async def record(self, tx: Tx, kept: Kept, action: str, **data: Any) -> None:
        """In the audit trail, and so among the traveller's activity."""
        await self.audit.record(tx, action, customer_id=kept.customer_id, plan_id=str(kept.id), **data)

    def since(self, seconds: float) -> datetime:
        return self.clock.now() - timedelta(seconds=seconds)


def version_conflict(is_now: int) -> Conflict:
    text = f"The plan has changed: it is at version {is_now}. Look at it, and edit that."
    return Conflict(text, code="version_conflict", version=is_now)
