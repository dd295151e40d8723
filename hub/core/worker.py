"""Runs the jobs: PgQueuer underneath, with what was found wanting in it made up for.

- Its run ends when its connection does, and waits before that for the jobs in hand: here the next connection is opened
  at once, beside them. A connection that has merely fallen silent is found out by its pulse.
- It does not count a start that killed the process: the start itself is counted, and the third such job is held.
- It deletes failed jobs by default: here they are held.
- A cancelled job would be struck off: here its handler runs in a task of its own, and a job that is not finished in
  the time of grace goes back into the queue.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Any

import asyncpg
import structlog
from anyio import CancelScope
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.ports.driver import NotifyCallback

from hub.core.clock import Clock, RandomSource
from hub.core.db import Database, Tx
from hub.core.job_runner import JobRunner
from hub.core.jobs import SQL
from hub.core.schedules import Schedule, Scheduler

HEARTBEAT_TIMEOUT = timedelta(seconds=4)
"""A job whose process has been silent for so long is taken by another."""
DEQUEUE_TIMEOUT = timedelta(seconds=1)
PULSE_INTERVAL = 2.0
"""Seconds between two looks whether the connection still answers."""
PULSE_TIMEOUT = 5.0
"""Seconds after which a connection that does not answer is given up."""
CANCEL_GRACE = 2.0
"""Seconds to put the jobs back when the worker is cancelled and not stopped."""
RECONNECT_DELAY = 0.5
"""Seconds before the next connection is tried."""

log = structlog.get_logger(__name__)


class Worker:
    """Add the services, then `run()` until `stop()`. Any number of processes may do so at once."""

    def __init__(
        self,
        db: Database,
        connect: Callable[[], Awaitable[Any]],
        clock: Clock,
        rng: RandomSource,
        *,
        concurrency: int = 20,
        pulse_timeout: float = PULSE_TIMEOUT,
        heartbeat_timeout: timedelta = HEARTBEAT_TIMEOUT,
    ) -> None:
        """`connect` opens a connection that can LISTEN, without the pool's codecs. `pulse_timeout` in seconds.

        `concurrency` is how many jobs run at once in this process, at least 2.
        """
        self._db = db
        self._connect = connect
        self._concurrency = concurrency
        self._silence = pulse_timeout
        self._heartbeat = heartbeat_timeout
        self._attempts = JobRunner(db, clock, rng)
        self._schedules = Scheduler(db, clock)
        self._schedules.add_schedule(Schedule("jobs.clean_log", 3600, self._clean_log))
        self._stopping = asyncio.Event()
        self._sessions: set[asyncio.Task[None]] = set()
        self._queue: PgQueuer | None = None
        self._troubled = False
        self.is_healthy = False
        """Whether jobs are being taken at this moment."""

    @property
    def job_runner(self) -> JobRunner:
        """What becomes of a job: for who takes jobs from the queue in another way than `run` does."""
        return self._attempts

    @property
    def scheduler(self) -> Scheduler:
        return self._schedules

    def add_services(self, *services: object) -> None:
        """Takes every method of the services that is marked @job or @every.

        It looks at their classes: to walk through an object would run its properties, and Python 3.11.2 stumbles over
        dataclasses with slots.
        """
        for service in services:
            for name in _coroutines(type(service)):  # type: ignore[arg-type]  # mypy takes a class for not hashable
                method = getattr(service, name)
                if hasattr(method, "__job__"):
                    self._attempts.add_handler(method)
                if hasattr(method, "__every__"):
                    seconds, label = method.__every__
                    self._schedules.add_schedule(Schedule(label, seconds, method))

    async def run(self) -> None:
        """Until stopped; a lost connection or a restarting database is waited out."""
        CancelScope()  # PgQueuer makes one for each job; the first loads a backend, and so holds up the loop
        schedules = asyncio.create_task(self._schedules.run(self._stopping), name="schedules")
        try:
            while not self._stopping.is_set():
                await self._session_guarded()
            await asyncio.gather(*self._sessions, return_exceptions=True)
        finally:
            for task in (schedules, *self._sessions):
                task.cancel()
            await asyncio.gather(schedules, *self._sessions, return_exceptions=True)

    async def stop(self, grace: float = 20.0) -> None:
        """Takes no more jobs, lets the running ones finish for `grace` seconds, and puts the rest back."""
        self._stopping.set()
        if self._queue is not None:
            self._queue.shutdown.set()
        await asyncio.gather(self._attempts.drain_jobs(grace), self._schedules.drain_runs(grace))

    async def _session_guarded(self) -> None:
        """Nothing that happens to one connection ends the worker."""
        try:
            await self._session()
        except Exception as error:  # noqa: BLE001 (the next connection is the answer to all of them)
            if not self._troubled:
                log.warning("worker.connection_lost", error=type(error).__name__)
            self._troubled = True
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), RECONNECT_DELAY)

    async def _session(self) -> None:
        """One connection's life. Raises when it is lost; the jobs that it has given out run on."""
        connection = await self._connect()
        driver = ListeningDriver(connection, self._found_well)
        queue = self._queue = PgQueuer(driver)
        for kind in self._attempts.job_kinds:
            queue.entrypoint(kind, on_failure="hold", accepts_context=False)(self._attempts.execute_job)
        if self._stopping.is_set():
            queue.shutdown.set()
        working = asyncio.create_task(self._work(queue), name="jobs")
        self._sessions.add(working)
        working.add_done_callback(self._ended)
        watching = asyncio.create_task(self._until_lost(connection, driver), name="pulse")
        try:
            await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done() or working.cancelled():
                raise ConnectionResetError("the listening connection is lost")
            working.result()
        except asyncio.CancelledError:
            queue.shutdown.set()
            await self._attempts.drain_jobs(0)
            await asyncio.wait({working}, timeout=CANCEL_GRACE)
            raise
        finally:
            self.is_healthy = False
            watching.cancel()
            queue.shutdown.set()
            await _close(connection, at_once=not working.done())

    async def _work(self, queue: PgQueuer) -> None:
        await queue.qm.run(
            dequeue_timeout=DEQUEUE_TIMEOUT,
            batch_size=max(1, self._concurrency // 2),
            max_concurrent_tasks=self._concurrency,
            heartbeat_timeout=self._heartbeat,
            log_aggregation_interval=timedelta(0),
        )

    def _ended(self, working: asyncio.Task[None]) -> None:
        self._sessions.discard(working)
        if not working.cancelled():
            working.exception()  # heard already, or that of a connection given up

    async def _until_lost(self, connection: Any, driver: AsyncpgDriver) -> None:
        """Returns when the connection is closed, or does not answer any more."""
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        while not gone.is_set():
            try:
                async with asyncio.timeout(self._silence):
                    await driver.execute("select 1")
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(gone.wait(), PULSE_INTERVAL)

    def _found_well(self) -> None:
        """The tables are there, and it listens."""
        self.is_healthy = not self._stopping.is_set()
        if self._troubled:
            log.info("worker.connection_restored")
            self._troubled = False

    async def _clean_log(self) -> None:
        async with self._db.transaction() as tx:
            await tx.execute(SQL.clean_log)


class ListeningDriver(AsyncpgDriver):
    """Says when it has begun to listen, which is the last thing that PgQueuer does before it takes jobs."""

    def __init__(self, connection: Any, then: Callable[[], None]) -> None:
        super().__init__(connection)
        self._then = then

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        await super().add_listener(channel, callback)
        self._then()


async def _close(connection: Any, *, at_once: bool) -> None:
    if at_once:
        connection.terminate()
        return
    try:
        await connection.close(timeout=2)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        connection.terminate()


def silence_pgqueuer_log() -> None:
    """PgQueuer logs each retry as an exception with its traceback; what matters of it is said above."""
    logging.getLogger("pgqueuer").setLevel(logging.CRITICAL)


async def count_jobs_by_status(tx: Tx) -> dict[str, int]:
    """How many jobs stand in which state."""
    return {row["status"]: row["count"] for row in await tx.fetch(SQL.counts)}


@cache
def _coroutines(kind: type[Any]) -> tuple[str, ...]:
    """Names of the coroutine methods of a class, inherited ones too."""
    return tuple(name for name, _ in inspect.getmembers(kind, inspect.iscoroutinefunction))
