"""Runs the jobs: PgQueuer underneath, with what was found wanting in it made up for here.

- Its run ends when its connection does: this one starts it again until it is told to stop.
- It does not count a start that killed the process: the start itself is counted, and the third such job is held.
- It deletes failed jobs by default: here they are held.
- A cancelled job would be struck off: here its handler runs in a task of its own, and a job that is not finished in
  the time of grace goes back into the queue.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, get_type_hints

import asyncpg
import structlog
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job as QueuedJob
from pydantic import ValidationError

from hub.core.clock import Chance, Clock
from hub.core.context import about
from hub.core.db import Database, Tx
from hub.core.errors import HubError, ProviderPermanent
from hub.core.jobs import SQL, Job, Retry, unpack

HEARTBEAT = timedelta(seconds=4)
"""A job whose process has been silent for so long is taken by another."""
POLL = timedelta(seconds=1)
LONGEST_WAIT = 300.0
"""Seconds, at most, between two attempts."""
KILLS = 3
"""A job that has been started so often without an end is held: it kills its process."""

log = structlog.get_logger(__name__)


class Held(Exception):
    """Ends the job here: it waits for a person."""


@dataclass(frozen=True, slots=True)
class Handler:
    work: type[Job]
    run: Callable[[Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Schedule:
    name: str
    seconds: float
    run: Callable[[], Awaitable[None]]


class Worker:
    """Add the services, then `run()` until `stop()`. Any number of processes may do so at once."""

    def __init__(
        self,
        db: Database,
        connect: Callable[[], Awaitable[Any]],
        clock: Clock,
        chance: Chance,
        *,
        concurrency: int = 20,
    ) -> None:
        """`connect` opens a connection that can LISTEN, without the pool's codecs."""
        self._db = db
        self._connect = connect
        self._clock = clock
        self._chance = chance
        self._concurrency = concurrency
        self._handlers: dict[str, Handler] = {}
        self._schedules: list[Schedule] = [Schedule("jobs.clean_log", 3600, self._clean_log)]
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._queue: PgQueuer | None = None
        self.healthy = False

    def add(self, *services: object) -> None:
        """Takes every method of the services that is marked @job or @every."""
        for service in services:
            for name, method in inspect.getmembers(service, inspect.iscoroutinefunction):
                if hasattr(method, "__job__"):
                    self._add_handler(method)
                if hasattr(method, "__every__"):
                    label = f"{type(service).__name__.lower()}.{name}"
                    self._schedules.append(Schedule(label, method.__every__, method))

    def _add_handler(self, method: Any) -> None:
        hints = get_type_hints(method)
        hints.pop("return", None)
        (work,) = hints.values()
        if work.kind in self._handlers:
            raise ValueError(f"two handlers for {work.kind}")
        self._handlers[work.kind] = Handler(work, method)

    async def run(self) -> None:
        """Until stopped; a lost connection or a restarting database is waited out."""
        schedules = asyncio.create_task(self._run_schedules())
        try:
            while not self._stopping.is_set():
                await self._session_guarded()
        finally:
            schedules.cancel()
            await asyncio.gather(schedules, return_exceptions=True)

    async def stop(self, grace: float = 20.0) -> None:
        """Takes no more jobs, lets the running ones finish for `grace` seconds, and puts the rest back."""
        self._stopping.set()
        if self._queue is not None:
            self._queue.shutdown.set()
        if self._running:
            await asyncio.wait(set(self._running), timeout=grace)
        for task in set(self._running):
            task.cancel()

    async def _session_guarded(self) -> None:
        try:
            await self._session()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, RuntimeError) as error:
            if self.healthy or self._queue is None:
                log.warning("worker.connection_lost", error=type(error).__name__)
            self.healthy = False
            await self._pause(1.0)
        finally:
            self.healthy = False

    async def _session(self) -> None:
        """One connection's life."""
        connection = await self._connect()
        try:
            queue = PgQueuer(AsyncpgDriver(connection))
            for kind in self._handlers:
                queue.entrypoint(kind, on_failure="hold", accepts_context=False)(self._execute)
            self._queue = queue
            if self._stopping.is_set():
                return
            self.healthy = True
            await queue.qm.run(
                dequeue_timeout=POLL,
                batch_size=10,
                max_concurrent_tasks=self._concurrency,
                heartbeat_timeout=HEARTBEAT,
                log_aggregation_interval=timedelta(0),
            )
        finally:
            await self._close(connection)

    async def _close(self, connection: Any) -> None:
        try:
            await connection.close(timeout=2)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            connection.terminate()

    async def _execute(self, queued: QueuedJob) -> None:
        """Called by PgQueuer. Ends well, or with RetryRequested, or with Held; never by cancellation."""
        task = asyncio.create_task(self._attempt(queued))
        self._running.add(task)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
        finally:
            self._running.discard(task)
        if task.cancelled():
            raise RetryRequested(timedelta(0), "released")
        if (error := task.exception()) is not None:
            raise error

    async def _attempt(self, queued: QueuedJob) -> None:
        handler = self._handlers[queued.entrypoint]
        async with self._db.transaction() as tx:
            counts = await tx.fetchrow(SQL.start, queued.id)
        if counts is None:
            return
        if counts["starts"] > KILLS:
            await self._hold(queued, "killed its process", counts["failures"])
        try:
            work, context = unpack(queued.payload)
            with about(request_id=context.request_id, booking_id=context.booking_id, actor=f"job:{queued.entrypoint}"):
                await handler.run(handler.work.model_validate(work))
        except Retry as again:
            await self._put_back(queued, counts["failures"], again.why)
            raise RetryRequested(timedelta(seconds=again.after), "later") from None
        except Exception as error:  # noqa: BLE001 (whatever a handler raises decides how its job goes on)
            await self._failed(queued, handler.work, error, counts["failures"] + 1)

    async def _failed(self, queued: QueuedJob, work: type[Job], error: Exception, failures: int) -> None:
        said = _said(error)
        if isinstance(error, ProviderPermanent | ValidationError) or failures >= work.attempts:
            log.error("job.held", kind=queued.entrypoint, job=int(queued.id), error=said, exc_info=_unexpected(error))
            await self._hold(queued, said, failures)
        wait = self._wait(error, failures)
        log.warning(
            "job.failed",
            kind=queued.entrypoint,
            job=int(queued.id),
            error=said,
            failures=failures,
            again_in=round(wait, 1),
            exc_info=_unexpected(error),
        )
        await self._put_back(queued, failures, said)
        raise RetryRequested(timedelta(seconds=wait), "failed") from None

    def _wait(self, error: Exception, failures: int) -> float:
        advised = getattr(error, "retry_after", None) or 0.0
        backoff: float = 2.0 ** (failures - 1) * (0.5 + self._chance.random())
        return min(max(backoff, float(advised)), LONGEST_WAIT)

    async def _hold(self, queued: QueuedJob, why: str, failures: int) -> None:
        await self._put_back(queued, failures, why)
        raise Held(why) from None

    async def _put_back(self, queued: QueuedJob, failures: int, why: str) -> None:
        async with self._db.transaction() as tx:
            await tx.execute(SQL.put_back, queued.id, failures, why)

    async def _run_schedules(self) -> None:
        """Every second, the schedules that are due; a row's update decides which process has the run."""
        planned = False
        while not self._stopping.is_set():
            try:
                if not planned:
                    await self._plan()
                    planned = True
                for schedule in self._schedules:
                    await self._run_if_due(schedule)
            except HubError as error:
                log.debug("schedule.postponed", error=error.code)
            await self._pause(1.0)

    async def _plan(self) -> None:
        async with self._db.transaction() as tx:
            for schedule in self._schedules:
                await tx.execute(SQL.plan, schedule.name, self._clock.now())

    async def _run_if_due(self, schedule: Schedule) -> None:
        now = self._clock.now()
        async with self._db.transaction() as tx:
            mine = await tx.fetchval(SQL.due, schedule.name, now + timedelta(seconds=schedule.seconds), now)
        if mine is None:
            return
        try:
            with about(actor=f"schedule:{schedule.name}"):
                await schedule.run()
        except Exception as error:
            log.warning("schedule.failed", schedule=schedule.name, error=_said(error), exc_info=_unexpected(error))

    async def _clean_log(self) -> None:
        async with self._db.transaction() as tx:
            await tx.execute(SQL.clean_log)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


def _said(error: Exception) -> str:
    """What may be kept of an error: our own sentences, and of foreign ones only the kind."""
    return f"{error.code}: {error.detail}"[:500] if isinstance(error, HubError) else type(error).__name__


def _unexpected(error: Exception) -> Exception | None:
    return None if isinstance(error, HubError) else error


def quiet() -> None:
    """PgQueuer logs each retry as an exception with its traceback; what matters of it is said above."""
    logging.getLogger("pgqueuer").setLevel(logging.CRITICAL)


async def queue_counts(tx: Tx) -> dict[str, int]:
    """How many jobs stand in which state."""
    return {row["status"]: row["count"] for row in await tx.fetch(SQL.counts)}
