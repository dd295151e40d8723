"""What runs every so many seconds, on one process of all that run: whoever moves the row's time forward has the run."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from hub.core.clock import Clock
from hub.core.context import bind_context
from hub.core.db import Database
from hub.core.job_runner import describe_error, get_exc_info
from hub.core.jobs import SCHEDULE_ACTOR_PREFIX, SQL

POLL_INTERVAL = 1.0
"""Seconds between two looks at what is due."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Schedule:
    name: str
    interval: float
    run: Callable[[], Awaitable[None]]


class Scheduler:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._all: dict[str, Schedule] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._planned = False
        self._troubled = False

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        return tuple(self._all.values())

    def add_schedule(self, schedule: Schedule) -> None:
        """Raises ValueError for a name that another schedule has: they would share one row."""
        if schedule.name in self._all:
            raise ValueError(f"two schedules are named {schedule.name}")
        self._all[schedule.name] = schedule

    async def run(self, stopping: asyncio.Event) -> None:
        """Until stopped. A slow schedule delays no other one, and does not run beside itself in this process."""
        while not stopping.is_set():
            try:
                await self._start_what_is_due()
                self._troubled = False
            except Exception as error:
                if not self._troubled:
                    log.warning("schedules.postponed", error=describe_error(error), exc_info=get_exc_info(error))
                self._troubled = True
            try:
                await asyncio.wait_for(stopping.wait(), POLL_INTERVAL)
            except TimeoutError:
                continue

    async def drain_runs(self, grace: float) -> None:
        """Gives what runs `grace` seconds to come to its end, then cuts it off: it comes round again."""
        running = set(self._running.values())
        if running:
            await asyncio.wait(running, timeout=grace)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _start_what_is_due(self) -> None:
        now = self._clock.now()
        free = [one for one in self._all.values() if one.name not in self._running]
        names, seconds = [one.name for one in free], [one.interval for one in free]
        async with self._db.connection() as connection:
            if not self._planned:
                await connection.execute(SQL.plan, names, seconds, now)
                self._planned = True
            due = await connection.fetch(SQL.due, names, seconds, now)
        for row in due:
            self._start(self._all[row["name"]])

    def _start(self, schedule: Schedule) -> None:
        task = asyncio.create_task(self.run_schedule(schedule), name=f"schedule:{schedule.name}")
        self._running[schedule.name] = task
        task.add_done_callback(lambda _: self._running.pop(schedule.name, None))

    async def run_schedule(self, schedule: Schedule) -> None:
        """Now, whether it is due or not. Never raises: a schedule that fails comes round again."""
        try:
            with bind_context(actor=f"{SCHEDULE_ACTOR_PREFIX}{schedule.name}"):
                await schedule.run()
        except Exception as error:
            log.warning(
                "schedule.failed", schedule=schedule.name, error=describe_error(error), exc_info=get_exc_info(error)
            )
