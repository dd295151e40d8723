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
from hub.app.resources import policies
from hub.core.cache import Cache
from hub.core.clock import Clock
from hub.core.db import Database
from hub.core.metrics import new_registry
from hub.core.schedules import Schedule
from hub.core.worker import REST, Worker
from hub.settings import Settings
from simulation.crash_points import Killed, Life, Points, mine
from simulation.database import Pool, Server
from simulation.queue import Queue

T = TypeVar("T")

IDLE_SCHEDULES = (
    "accounts.", "lockout.", "staff.", "idempotency.", "flights.", "privacy.", "keyring.", "jobs.", "plans.",
    "attachments.", "spending.", "maillimits.",
)  # fmt: skip
"""What has no part in the life of a booking is left out."""
FIRST_PAUSE, SLOWER = (4.0, 20.0), 4.0
"""Seconds between two rounds of the schedules: soon after something has happened, then rarer and rarer."""
LONGEST_PAUSE = 4 * 3600.0
AT_REST, LONGEST_AT_REST = 5 * 3600.0, 24 * 3600.0
RARE = 60.0
"""Schedules with a longer period than this wait until the others have become as rare."""


class Down(Exception):
    """The process that was asked has died."""


@dataclass
class Surroundings:
    """What outlives a process."""

    settings: Settings
    clock: Clock
    server: Server
    points: Points
    connector: Callable[[], aiohttp.BaseConnector]
    chance: Random
    """Decides waits and picks; the same for the same seed."""
    names: Random
    """Makes ids, and differs from one process to the next as it would in truth."""


class House:
    """From `start` until it is killed, or left at the end of the run."""

    def __init__(self, around: Surroundings, number: int) -> None:
        self.around = around
        self.life = Life(number)
        self.services: Any = None
        self._pause, self._longest = around.chance.uniform(*FIRST_PAUSE), LONGEST_PAUSE
        self._paced = asyncio.Event()
        self._queue: Queue | None = None
        self._worker: Worker | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        around, life = self.around, self.life
        pool = Pool(around.server, around.points, life, self._ring)
        db = Database(pool)  # type: ignore[arg-type]
        self._session = open_session(connector=around.connector())
        registry = new_registry()
        transport = Transport(
            self._session, clock=around.clock, chance=around.chance, policies=policies(around.settings)
        )
        cache = Cache(around.clock, around.names)
        have = root.Resources(
            around.settings, around.clock, around.names, db, transport, cache, registry, AsyncExitStack()
        )
        self.services = root.services(have)
        self._worker = Worker(db, db.connect, around.clock, around.chance)
        self._worker.add(*self.services.workers)
        self.spawn(self._labour(pool, self._worker))
        self.spawn(self._clockwork())

    async def _labour(self, pool: Pool, worker: Worker) -> None:
        """One connection after another, as the worker has them; jobs in hand go on beside the next one."""
        while True:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await pool.connection(plain=True)
                self._queue = Queue(connection, worker.attempts, self.life.number, self.spawn)
                await self._queue.work()
            await asyncio.sleep(REST)

    def _ring(self) -> None:
        if self._queue is not None:
            self._queue.ring()

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        """A task of this process."""
        context = copy_context()
        context.run(mine.set, self.life)
        return asyncio.get_running_loop().create_task(work, context=context)

    async def serve(self, ask: Callable[[Any], Awaitable[T]]) -> T:
        """A request to this process. Raises Down when it dies over it, and what the request raises."""
        if not self.life.alive:
            raise Down
        task = self.spawn(_asked(ask, self.services))
        await asyncio.wait({task})
        if task.cancelled() or isinstance(task.exception(), Killed):
            raise Down
        found: T = task.result()
        return found

    @property
    def schedules(self) -> list[Schedule]:
        if self._worker is None:
            return []
        return [one for one in self._worker.schedules.all if not one.name.startswith(IDLE_SCHEDULES)]

    async def run_schedule(self, name: str) -> None:
        if self._worker is not None:
            for one in self.schedules:
                if one.name == name:
                    await self._worker.schedules.run_once(one)

    def disturb(self) -> None:
        """Something has happened: the schedules, which slow down while all is quiet, are at their usual pace again."""
        self._pause, self._longest = self.around.chance.uniform(*FIRST_PAUSE), LONGEST_PAUSE
        self._paced.set()

    def slow_down(self) -> None:
        """All is at rest: the schedules only look in now and then."""
        self._pause, self._longest = AT_REST, LONGEST_AT_REST
        self._paced.set()

    async def _clockwork(self) -> None:
        """All schedules again and again; those that come round rarely, once all the others have become as rare."""
        while True:
            self._paced.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._paced.wait(), self._pause)
                continue
            due = [one.name for one in self.schedules if one.seconds <= max(RARE, self._pause)]
            for name in self.around.chance.sample(due, len(due)):
                await self.run_schedule(name)
            if not self._paced.is_set():
                self._pause = min(self._pause * SLOWER, self._longest)

    async def leave(self) -> None:
        """Dead or alive, it is cleared away."""
        tasks = set(self.life.tasks)
        self.life.die()
        if tasks:
            await asyncio.wait(tasks)
        if self._session is not None:
            await self._session.close()


async def _asked(ask: Callable[[Any], Awaitable[T]], services: Any) -> T:
    return await ask(services)
