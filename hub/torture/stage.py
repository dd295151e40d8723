"""What many runs share: the loop, the database's connections, the sandbox, and the offers that can be booked."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson
import structlog
from aiohttp import web
from pydantic import SecretStr

from adapters.sandbox.app import WORLD, create_app
from adapters.sandbox.kiwi.state import state as kiwi_of
from adapters.sandbox.world import SandboxConfig, World
from hub.core.money import Money
from hub.flights import FlightQuery
from hub.settings import Settings
from hub.torture.database import Server, Watch
from hub.torture.house import House, Surroundings
from hub.torture.loop import Turns, VirtualLoop
from hub.torture.points import Points, task_factory
from hub.torture.wire import Line

EPOCH = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""When every run begins."""
CURRENCIES = ("EUR", "GBP", "JPY")


class VirtualClock:
    """The loop's time, which begins anew with each run."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._loop.time())

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Stage:
    """Opened once in its loop, used for one run after another."""

    def __init__(self, loop: VirtualLoop, dsn: str) -> None:
        self.loop = loop
        self.clock = VirtualClock(loop)
        watch = Watch(dsn)
        self.turns = Turns(watch.is_blocked, Random(0))  # noqa: S311
        self.server = Server(dsn, watch, self.turns, lambda: round(self.clock.now().timestamp() * 1e6))
        self.settings = _settings(dsn)
        self.app = create_app(SandboxConfig(self.settings.own_url, self.settings.sandbox_base))
        self.world: World = self.app[WORLD]
        self.world.now = self.clock.now
        self.gate: Callable[[web.Request, Any], Any] | None = None
        """Every call to a provider goes through it, while a run is on."""
        self.offers: dict[str, list[tuple[str, Money]]] = {}
        self._quiet = ExitStack()
        self._runs = itertools.count(1)
        self._runner = web.AppRunner(self.app, access_log=None)

    async def open(self) -> None:
        self._quiet.enter_context(quiet())
        self.loop.set_task_factory(task_factory)
        await self.server.open()
        self.app.middlewares.insert(0, self._gated())
        await self._runner.setup()
        self.loop.idle.turns = self.turns
        await self._look_for_offers()

    async def close(self) -> None:
        self.loop.idle.turns = None
        await self._runner.cleanup()
        await self.server.close()
        self._quiet.close()

    async def clean(self) -> None:
        """After a run that has left something behind: the tables as they were before the first."""
        rows = await self.server.ask(
            "select quote_ident(tablename) as name from pg_tables where schemaname = 'public' "
            "and tablename not in ('schema_migrations', 'flight_searches')"
        )
        await self.server.tell(f"truncate {', '.join(row['name'] for row in rows)} restart identity cascade")

    def _gated(self) -> Any:
        @web.middleware
        async def gated(request: web.Request, handler: Any) -> web.StreamResponse:
            if self.gate is None or request.path.startswith("/_/"):
                answer: web.StreamResponse = await handler(request)
            else:
                answer = await self.gate(request, handler)
            return answer

        return gated

    def line(self) -> Line:
        """A way to the sandbox."""
        return Line(self._runner.server, keepalive_timeout=15.0, limit=0)

    def reset(self, seed: int) -> int:
        """As on the first day, but for names that have been used: the database remembers them. The run's number."""
        number = next(self._runs)
        world = self.world
        for some in (world.calls, world.faults, world.mailbox, world.messages, world.providers):
            some.clear()
        salt = Random().getrandbits(48)  # noqa: S311
        world.random = Random(salt)  # noqa: S311
        kiwi_of(world).ids = itertools.count(salt % 10**9)
        self.turns.chance = Random(f"turns:{seed}")  # noqa: S311
        self.loop.rewind()
        return number

    def surroundings(self, points: Points, seed: int) -> Surroundings:
        return Surroundings(
            settings=self.settings,
            clock=self.clock,
            server=self.server,
            points=points,
            connector=self.line,
            chance=Random(f"chance:{seed}"),  # noqa: S311
            names=Random(),  # noqa: S311
        )

    async def _look_for_offers(self) -> None:
        self.reset(0)
        self.world.send = lambda _: None
        house = House(self.surroundings(Points({}, lambda _life, _blow: None), 0), 0)
        await house.start()
        for currency in CURRENCIES:
            query = FlightQuery("LHR", "BCN", _later(60), currency=currency)
            found = orjson.loads(await house.serve(lambda services, wanted=query: services.flights.search(wanted)))
            self.offers[currency] = [
                (one["id"], Money(one["total"]["amount"], one["total"]["currency"])) for one in found["offers"][:20]
            ]
        await house.leave()


def _later(days: int) -> date:
    return (EPOCH + timedelta(days=days)).date()


def _settings(dsn: str) -> Settings:
    return Settings.load(
        database_url=SecretStr(dsn), data_dir=Path("unused"), secret_keys=(SecretStr("torture" * 8),), port=80,
        sandbox_port=81,
    )  # fmt: skip


@contextmanager
def quiet() -> Iterator[None]:
    """What goes wrong is meant to; what comes of it is looked at afterwards."""
    before, level = structlog.get_config(), logging.root.manager.disable
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(level)
        structlog.configure(**before)
