"""One process of the hub: the services as they are wired, over the steered database and the wire without sockets."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from contextvars import copy_context
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

import aiohttp
import asyncpg

from adapters.transport import Transport, open_session
from hub import app as root
from hub.app.resources import build_policies
from hub.core.cache import Cache
from hub.core.clock import Clock
from hub.core.db import Database
from hub.core.metrics import new_registry
from hub.core.schedules import Schedule
from hub.core.worker import RECONNECT_DELAY, Worker
from hub.settings import Settings
from simulation.crash_points import CrashPoints, ProcessKilled, ProcessLife, current_process
from simulation.database import DatabaseServer, SimulatedPool
from simulation.job_queue import SimulatedJobQueue

T = TypeVar("T")

IDLE_SCHEDULES = (
    "accounts.", "lockout.", "staff.", "idempotency.", "flights.", "privacy.", "keyring.", "jobs.", "plans.",
    "attachments.", "spending.", "maillimits.",
)  # fmt: skip
"""What has no part in the life of a booking is left out."""
FIRST_PAUSE, PAUSE_GROWTH = (4.0, 20.0), 4.0
"""Seconds between two rounds of the schedules: soon after something has happened, then rarer and rarer."""
LONGEST_PAUSE = 4 * 3600.0
REST_PAUSE, LONGEST_REST_PAUSE = 5 * 3600.0, 24 * 3600.0
RARE_PERIOD = 60.0
"""Schedules with a longer period than this wait until the others have become as rare."""


class ProcessDied(Exception):
    """The process that was asked has died."""


@dataclass
class ProcessEnvironment:
    """What outlives a process."""

    settings: Settings
    clock: Clock
    server: DatabaseServer
    crash_points: CrashPoints
    create_connector: Callable[[], aiohttp.BaseConnector]
    random: Random
    """Decides waits and picks; the same for the same seed."""
    id_random: Random
    """Makes ids, and differs from one process to the next as it would in truth."""


class HubProcess:
    """From `start` until it is killed, or left at the end of the run."""

    def __init__(self, around: ProcessEnvironment, number: int) -> None:
        self.environment = around
        self.life = ProcessLife(number)
        self.services: Any = None
        self._pause, self._longest = around.random.uniform(*FIRST_PAUSE), LONGEST_PAUSE
        self._paced = asyncio.Event()
        self._queue: SimulatedJobQueue | None = None
        self._worker: Worker | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        around, life = self.environment, self.life
        pool = SimulatedPool(around.server, around.crash_points, life, self._ring)
        db = Database(pool)  # type: ignore[arg-type]
        self._session = open_session(connector=around.create_connector())
        registry = new_registry()
        transport = Transport(
            self._session, clock=around.clock, chance=around.random, policies=build_policies(around.settings)
        )
        cache = Cache(around.clock, around.id_random)
        have = root.Resources(
            around.settings, around.clock, around.id_random, db, transport, cache, registry, AsyncExitStack()
        )
        self.services = root.build_services(have)
        self._worker = Worker(db, db.open_listen_connection, around.clock, around.random)
        self._worker.add_services(*self.services.job_services)
        self.spawn_task(self._labour(pool, self._worker))
        self.spawn_task(self._clockwork())

    async def _labour(self, pool: SimulatedPool, worker: Worker) -> None:
        """One connection after another, as the worker has them; jobs in hand go on beside the next one."""
        while True:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await pool.lend_connection(has_no_codecs=True)
                self._queue = SimulatedJobQueue(connection, worker.job_runner, self.life.number, self.spawn_task)
                await self._queue.run_jobs()
            await asyncio.sleep(RECONNECT_DELAY)

    def _ring(self) -> None:
        if self._queue is not None:
            self._queue.wake_up()

    def spawn_task(self, work: Any) -> asyncio.Task[Any]:
        """A task of this process."""
        context = copy_context()
        context.run(current_process.set, self.life)
        return asyncio.get_running_loop().create_task(work, context=context)

    async def send_request(self, ask: Callable[[Any], Awaitable[T]]) -> T:
        """A request to this process. Raises ProcessDied when it dies over it, and what the request raises."""
        if not self.life.is_alive:
            raise ProcessDied
        task = self.spawn_task(_asked(ask, self.services))
        await asyncio.wait({task})
        if task.cancelled() or isinstance(task.exception(), ProcessKilled):
            raise ProcessDied
        found: T = task.result()
        return found

    @property
    def schedules(self) -> list[Schedule]:
        if self._worker is None:
            return []
        return [one for one in self._worker.scheduler.schedules if not one.name.startswith(IDLE_SCHEDULES)]

    async def run_schedule(self, name: str) -> None:
        if self._worker is not None:
            for one in self.schedules:
                if one.name == name:
                    await self._worker.scheduler.run_schedule(one)

    def reset_schedule_pace(self) -> None:
        """Something has happened: the schedules, which slow down while all is quiet, are at their usual pace again."""
        self._pause, self._longest = self.environment.random.uniform(*FIRST_PAUSE), LONGEST_PAUSE
        self._paced.set()

    def slow_schedules(self) -> None:
        """All is at rest: the schedules only look in now and then."""
        self._pause, self._longest = REST_PAUSE, LONGEST_REST_PAUSE
        self._paced.set()

    async def _clockwork(self) -> None:
        """All schedules again and again; those that come round rarely, once all the others have become as rare."""
        while True:
            self._paced.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._paced.wait(), self._pause)
                continue
            due = [one.name for one in self.schedules if one.interval <= max(RARE_PERIOD, self._pause)]
            for name in self.environment.random.sample(due, len(due)):
                await self.run_schedule(name)
            if not self._paced.is_set():
                self._pause = min(self._pause * PAUSE_GROWTH, self._longest)

    async def shut_down(self) -> None:
        """Dead or alive, it is cleared away."""
        tasks = set(self.life.tasks)
        self.life.kill_process()
        if tasks:
            await asyncio.wait(tasks)
        if self._session is not None:
            await self._session.close()


async def _asked(ask: Callable[[Any], Awaitable[T]], services: Any) -> T:
    return await ask(services)
