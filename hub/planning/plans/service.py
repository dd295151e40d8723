"""The desk of the plans: what a traveller asks for, what there is of it, and what is done when nobody asks."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import orjson
from asyncpg import Record

from hub.core.db import Database, Tx
from hub.core.errors import Conflict, FieldError, Gone, HubError, InvalidRequest, NotFound, TooManyRequests, Unavailable
from hub.core.jobs import every, job
from hub.core.row_failures import RowKey, Sweep
from hub.people.identity import Caller
from hub.planning.plans.generation.recorder import error_to_problem
from hub.planning.plans.generation.runner import MAX_CONCURRENT_PLANS, GenerationRunner
from hub.planning.plans.jobs import FinishPlan, PlanReady
from hub.planning.plans.model import Plan, PlanRequest
from hub.planning.plans.records import GenerationEvent, PlanRecord, PlanStatistics, PlanStatus, PlanVisibility
from hub.planning.plans.repository import LEASE_DURATION, SQL, NewVersion, PlanRepository
from hub.planning.plans.request import build_cache_key, fold_text, request_to_json, to_search_query, validate_request
from hub.planning.plans.versions import make_too_many_plans_error
from hub.resilience.deadline import enforce_deadline

ABANDONED_AFTER = timedelta(minutes=15)
"""A plan that nobody has gone on with for so long has failed."""
EVENT_RETENTION = timedelta(days=1)
FINISH_TIMEOUT = 300.0
"""Seconds for a making by the hub itself."""
_ALL = 2**31 - 1
_RAISED = {
    kind.status: kind for kind in (Conflict, Gone, InvalidRequest, NotFound, TooManyRequests, Unavailable, HubError)
}


class PlanAbandoned(Conflict):
    """Nobody has gone on with the making of this plan."""

    code = "plan_abandoned"


@dataclass(frozen=True, slots=True)
class CreatePlan:
    """What a traveller asks for. `max_age`: a plan made for the same request within so many seconds will do.

    `notify`: a letter when it is ready; then the hub goes on when the traveller leaves.
    """

    request: PlanRequest
    max_age: int | None = None
    notify: bool = False
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Plans:
    db: Database
    repository: PlanRepository
    runner: GenerationRunner

    async def create_plan(self, caller: Caller, wanted: CreatePlan) -> PlanRecord:
        """A new plan to be made (with a lease, for `follow_plan`), or the one that this very request has opened before.

        Raises InvalidRequest for the request (with pointers) or for a key that was used for another one,
        TooManyRequests `too_many_plans` while two are being made.
        """
        validate_request(wanted.request, self.repository.clock.now())
        async with self.db.transaction(caller.id) as tx, tx.as_hub():
            leased = await self.repository.count_leased(tx, caller.id)
            known = await self._known(tx, caller, wanted)
            if known is not None:
                return known
            copy = await self._copy(tx, caller, wanted)
            if copy is not None:
                return copy
            if leased >= MAX_CONCURRENT_PLANS:
                raise make_too_many_plans_error()
            return await self._insert(tx, caller, wanted)

    async def follow_plan(
        self, kept: PlanRecord, after: int = 0, *, is_disconnected: Callable[[], bool] = lambda: False
    ) -> AsyncGenerator[GenerationEvent]:
        """All that is told of a plan since event `after`, to its end. Makes it where nobody else does."""
        seq = after
        if kept.lease is not None:
            async with aclosing(self.runner.run_generation(kept, is_disconnected)) as making:
                async for one in making:
                    yield one
                    seq = one.seq
        async with aclosing(self.runner.watch_generation(kept.id, seq, is_disconnected=is_disconnected)) as watching:
            async for one in watching:
                yield one
                seq = one.seq
        if seq == 0:  # its events are forgotten, or it is a copy and never had any
            yield await self._end(kept.id)

    async def generate_plan(self, kept: PlanRecord, *, is_disconnected: Callable[[], bool] = lambda: False) -> None:
        """Until the plan is ready. Raises what went wrong, in the terms of every other error."""
        async with aclosing(self.follow_plan(kept, is_disconnected=is_disconnected)) as events:
            last = None
            async for one in events:
                last = one
        if last is not None and last.event == "error":
            raise event_to_error(last)

    async def find_plan(self, caller: Caller, plan_id: UUID) -> PlanRecord:
        """Raises NotFound."""
        async with self.db.transaction(caller.id) as tx:
            return await self.repository.find_plan(tx, plan_id)

    async def has_ended(self, kept: PlanRecord, after: int) -> bool:
        """Whether nothing follows event `after` any more."""
        async with self.db.transaction() as tx:
            now = await self.repository.find_plan(tx, kept.id)
            return now.status != "making" and not await self.repository.list_events(tx, kept.id, after)

    async def list_plans(
        self,
        caller: Caller,
        *,
        status: PlanStatus | None,
        visibility: PlanVisibility | None,
        q: str | None,
        page: int,
        page_size: int,
    ) -> tuple[list[PlanRecord], int]:
        """The caller's plans, the newest first."""
        asked = (status, visibility, to_search_query(q))
        async with self.db.transaction(caller.id) as tx:
            rows = await tx.fetch(SQL.page, *asked, page_size, (page - 1) * page_size)
            total = rows[0]["total"] if rows else await tx.fetchval(SQL.count, *asked)
        return [PlanRecord.from_row(row) for row in rows], total

    async def get_statistics(self, caller: Caller) -> PlanStatistics:
        async with self.db.transaction(caller.id) as tx:
            row = await tx.fetchrow(SQL.stats)
            top = await tx.fetch(SQL.top_destinations)
        return PlanStatistics(**dict(row or {}), destinations=tuple((one["destination"], one["plans"]) for one in top))

    async def delete_plan(self, caller: Caller, plan_id: UUID) -> None:
        """With all its versions. What is being made of it ends. Raises NotFound."""
        async with self.db.transaction(caller.id) as tx:
            kept = await self.repository.find_plan(tx, plan_id)
            async with tx.as_hub():
                if await tx.fetchval(SQL.delete_plan, plan_id) is not None:
                    await self.repository.record_audit(tx, kept, "plan.deleted", was=kept.status)

    @job
    async def finish_plan(self, work: FinishPlan) -> None:
        """Goes on with a plan whose traveller has left."""
        async with (
            enforce_deadline(self.repository.clock, FINISH_TIMEOUT),
            aclosing(self.runner.watch_generation(work.plan_id, _ALL)) as events,
        ):
            async for _ in events:
                pass

    @every(60, "plans.sweep")
    async def fail_abandoned_plans(self) -> None:
        """What nobody goes on with has failed, and keeps what there is of it."""
        now = self.repository.clock.now()
        async with self.db.transaction() as tx:
            stale = await tx.fetch(SQL.stale, now, now - ABANDONED_AFTER)
        sweep = Sweep("plans.abandon", self.db, self.repository.clock)
        await sweep.process_rows(stale, self._abandon, key=lambda row: RowKey(str(row["id"])))

    async def _abandon(self, row: Record) -> None:
        leased = await self.runner.acquire_lease(PlanRecord.from_row(row))
        if leased is not None:
            await self.runner.abandon_generation(leased, PlanAbandoned())

    @every(3600, "plans.forget_events")
    async def delete_old_events(self) -> None:
        """What was streamed is read from the plan itself a day later."""
        async with self.db.transaction() as tx:
            await tx.execute(SQL.sweep_events, self.repository.clock.now() - EVENT_RETENTION)

    async def _end(self, plan_id: UUID) -> GenerationEvent:
        async with self.db.transaction() as tx:
            kept = await self.repository.find_plan(tx, plan_id)
        if kept.status == "ready":
            return GenerationEvent(1, "done", {"id": str(kept.id), "version": kept.version})
        return GenerationEvent(1, "error", error_to_problem(PlanAbandoned(code=kept.failure)))

    async def _known(self, tx: Tx, caller: Caller, wanted: CreatePlan) -> PlanRecord | None:
        """The plan of the same key; one that has failed is tried again."""
        if wanted.idempotency_key is None:
            return None
        row = await tx.fetchrow(SQL.find_by_key, caller.id, wanted.idempotency_key)
        if row is None:
            return None
        if row["fingerprint"] != _fingerprint(wanted):
            error = FieldError(
                "/header/Idempotency-Key", "idempotency_key_reused", "this key belongs to another request"
            )
            raise InvalidRequest("The Idempotency-Key was used for another request.", code=error.code, errors=(error,))
        if row["status"] == "failed":
            row = await tx.fetchrow(SQL.revive, row["id"], self.repository.clock.now()) or row
        return PlanRecord.from_row(row)

    async def _insert(self, tx: Tx, caller: Caller, wanted: CreatePlan) -> PlanRecord:
        now, request = self.repository.clock.now(), wanted.request
        key = wanted.idempotency_key
        row = await tx.fetchrow(
            SQL.insert_plan,
            self.repository.ids.new_uuid(),
            caller.id,
            request.destination,
            request.start,
            request.end,
            fold_text(request.destination),
            request_to_json(request),
            build_cache_key(request),
            wanted.notify,
            key,
            _fingerprint(wanted) if key is not None else None,
            self.repository.ids.new_uuid(),
            now + LEASE_DURATION,
            now,
        )
        if row is None:  # cannot be: the key was looked for under the lock
            raise Unavailable(retry_after=1)
        return PlanRecord.from_row(row, row["lease"])

    async def _copy(self, tx: Tx, caller: Caller, wanted: CreatePlan) -> PlanRecord | None:
        """A plan that was made for the same request, as one of the caller's own. No model is asked."""
        key = build_cache_key(wanted.request)
        if wanted.max_age is None or key is None:
            return None
        found = await tx.fetchrow(SQL.cached, key, self.repository.seconds_ago(wanted.max_age))
        if found is None:
            return None
        kept = await self._insert(tx, caller, wanted)
        await tx.execute(SQL.set_cached, kept.id, found["ready_at"])
        if found["ground"] is not None:
            await tx.execute(SQL.put_ground, kept.id, found["ground"], self.repository.clock.now())
        plan = Plan.model_validate(found["document"])
        done = await self.repository.add_version(
            tx, kept, NewVersion(plan, "made", plan.planner, 0, found["model"]), leased=True
        )
        await self.repository.record_audit(
            tx, done, "plan.made", planner=plan.planner, feasible=plan.is_feasible, cached=True
        )
        if wanted.notify:
            await self.repository.jobs.enqueue(tx, PlanReady(plan_id=kept.id), key=f"plan:{kept.id}:ready")
        return done


def event_to_error(event: GenerationEvent) -> HubError:
    """The error that an event tells of."""
    told = event.data
    kind = _RAISED.get(told["status"], Unavailable)
    errors = tuple(FieldError(**one) for one in told.get("errors", ()))
    return kind(told["detail"], code=told["code"], errors=errors, retry_after=told.get("retry_after"))


def _fingerprint(wanted: CreatePlan) -> bytes:
    return sha256(orjson.dumps(request_to_json(wanted.request), option=orjson.OPT_SORT_KEYS)).digest()
