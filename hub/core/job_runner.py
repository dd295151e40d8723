"""One attempt at a job, and what becomes of the job after it: done, again later, or held for people."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, get_type_hints

import asyncpg
import structlog
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job as QueuedJob
from pydantic import ValidationError

from hub.core.clock import Clock, RandomSource
from hub.core.context import bind_context
from hub.core.db import Database
from hub.core.errors import HubError, ProviderPermanent, Unavailable
from hub.core.jobs import SQL, Job, Retry, decode_job

MAX_RETRY_DELAY = 300.0
"""Seconds, at most, between two attempts."""
MAX_STARTS = 3
"""A job that has been started so often without an end is held: it kills its process."""
RECORD_RETRY_DELAYS = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0, 4.0)
"""Seconds between the tries to write down how an attempt ended, while the database is away."""

log = structlog.get_logger(__name__)


class JobHeld(Exception):
    """Ends the job here: it waits for a person."""


class HandlerCanceled(Exception):
    """A handler was cancelled by what it waited for, not by us."""


@dataclass(frozen=True, slots=True)
class JobHandler:
    job_type: type[Job]
    run: Callable[[Any], Awaitable[None]]


class JobRunner:
    """The handlers by kind, and the jobs that run in this process."""

    def __init__(self, db: Database, clock: Clock, chance: RandomSource) -> None:
        self._db = db
        self._clock = clock
        self._chance = chance
        self._handlers: dict[str, JobHandler] = {}
        self._running: dict[int, asyncio.Task[None]] = {}

    @property
    def job_kinds(self) -> list[str]:
        return list(self._handlers)

    def add_handler(self, method: Any) -> None:
        """Takes a method marked @job. Raises ValueError for a second handler of one kind."""
        hints = get_type_hints(method)
        hints.pop("return", None)
        (work,) = hints.values()
        if work.kind in self._handlers:
            raise ValueError(f"two handlers for {work.kind}")
        self._handlers[work.kind] = JobHandler(work, method)

    async def execute_job(self, queued: QueuedJob) -> None:
        """Called by PgQueuer. Ends well, or with RetryRequested, or with Held; never by cancellation.

        After a lost connection the next one is given jobs that still run here: it joins them, and hears their outcome.
        """
        task = self._running.get(queued.id) or self._start(queued)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
        if task.cancelled():
            await self._release(queued)
        elif (error := task.exception()) is not None:
            raise error

    async def drain_jobs(self, grace: float) -> None:
        """Gives what runs `grace` seconds to come to its end, then cuts it off: it goes back into the queue."""
        if self._running:
            await asyncio.wait(set(self._running.values()), timeout=grace)
        for task in set(self._running.values()):
            task.cancel()

    def _start(self, queued: QueuedJob) -> asyncio.Task[None]:
        task = asyncio.create_task(self._attempt(queued), name=f"job:{queued.entrypoint}")
        self._running[queued.id] = task
        task.add_done_callback(lambda _: self._running.pop(queued.id, None))
        return task

    async def _attempt(self, queued: QueuedJob) -> None:
        handler = self._handlers[queued.entrypoint]
        counts = await self._count(queued)
        if counts is None:
            return  # somebody has dropped it
        if counts["starts"] > MAX_STARTS:
            await self._hold(queued, "killed its process", counts["failures"])
        try:
            await self._handle(handler, queued)
        except Retry as again:
            await self._again(queued, again.after, counts["failures"], again.reason)
        except asyncio.CancelledError:
            if _is_cut_off():
                raise
            await self._failed(queued, handler.job_type, HandlerCanceled(), counts["failures"] + 1)
        except Exception as error:  # noqa: BLE001 (whatever a handler raises decides how its job goes on)
            await self._failed(queued, handler.job_type, error, counts["failures"] + 1)

    async def _handle(self, handler: JobHandler, queued: QueuedJob) -> None:
        work, context = decode_job(queued.payload)
        with bind_context(
            request_id=context.request_id, booking_id=context.booking_id, actor=f"job:{queued.entrypoint}"
        ):
            await handler.run(handler.job_type.model_validate(work))

    async def _count(self, queued: QueuedJob) -> Any:
        """Counts the start. What cannot be counted is not started, and not held for that either."""
        try:
            async with self._db.connection() as connection:
                return await connection.fetchrow(SQL.start, queued.id)
        except Exception as error:  # noqa: BLE001 (whatever it is, it says nothing against the job)
            log.warning("job.not_started", kind=queued.entrypoint, job=int(queued.id), error=describe_error(error))
            raise RetryRequested(timedelta(seconds=1), "not started") from None

    async def _failed(self, queued: QueuedJob, work: type[Job], error: Exception, failures: int) -> None:
        about_it = {
            "kind": queued.entrypoint, "job": int(queued.id), "error": describe_error(error), "failures": failures,
            "exc_info": get_exc_info(error),
        }  # fmt: skip
        if isinstance(error, ProviderPermanent | ValidationError) or failures >= work.attempts:
            log.error("job.held", **about_it)
            await self._hold(queued, describe_error(error), failures)
        wait = self._wait(error, failures)
        log.warning("job.failed", again_in=round(wait, 1), **about_it)
        await self._again(queued, wait, failures, describe_error(error))

    def _wait(self, error: Exception, failures: int) -> float:
        """Seconds: 1, 2, 4 and so on, each give or take a half; more if the provider says so."""
        advised = getattr(error, "retry_after", None) or 0.0
        backoff: float = 2.0 ** (failures - 1) * (0.5 + self._chance.random())
        return min(max(backoff, float(advised)), MAX_RETRY_DELAY)

    async def _hold(self, queued: QueuedJob, why: str, failures: int) -> None:
        await self._record(SQL.note, queued.id, failures, why)
        raise JobHeld(why) from None

    async def _again(self, queued: QueuedJob, after: float, failures: int, why: str) -> None:
        row = await self._record(SQL.put_back, queued.id, failures, why)
        if row is None or not row["folded"]:
            raise RetryRequested(timedelta(seconds=after), "again") from None

    async def _release(self, queued: QueuedJob) -> None:
        """Cut off by us: another worker takes it at once, and it is no start that killed a process."""
        with suppress(HubError, asyncpg.PostgresError):
            async with self._db.connection() as tx:
                await tx.fetchrow(SQL.put_back, queued.id, None, None)
        raise RetryRequested(timedelta(0), "released")

    async def _record(self, query: str, *args: Any) -> Any:
        """Writes down how an attempt ended; waits for a database that is away, up to 12 seconds."""
        for pause in RECORD_RETRY_DELAYS:
            try:
                async with self._db.connection() as tx:
                    return await tx.fetchrow(query, *args)
            except (Unavailable, asyncpg.UniqueViolationError):  # the latter: a newer job took the key just now
                await self._clock.sleep(pause)
        log.warning("job.end_not_recorded", job=int(args[0]))
        return None


def _is_cut_off() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def describe_error(error: Exception) -> str:
    """What may be kept of an error: our own sentences; of foreign ones only the class, and the constraint it broke."""
    if isinstance(error, HubError):
        return f"{error.code}: {error.detail}"[:500]
    constraint = getattr(error, "constraint_name", None)
    return f"{type(error).__name__} {constraint}" if constraint else type(error).__name__


def get_exc_info(error: Exception) -> Exception | None:
    """The error, if its traceback is worth logging."""
    return None if isinstance(error, HubError) else error
