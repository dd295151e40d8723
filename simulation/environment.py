"""What many runs share: the loop, the database's connections, the sandbox, and the offers that can be booked."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import orjson
import structlog
from aiohttp import web
from pydantic import SecretStr

from hub.core.money import Money
from hub.settings import PayPalSettings, Settings
from hub.supply.flights import FlightQuery
from sandbox.app import STATE_KEY, create_app
from sandbox.state import SandboxConfig, SandboxState
from simulation.crash_points import CrashPoints, create_process_task
from simulation.database import DatabaseServer, LockMonitor
from simulation.hub_process import HubProcess, ProcessEnvironment
from simulation.socketless_transport import SocketlessConnector
from simulation.virtual_loop import StatementScheduler, VirtualLoop

START_TIME = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""When every run begins."""
KEEP_ALIVE = 1e8
"""Seconds. aiohttp measures by the real clock how long a connection has been idle, and looks again in virtual time."""
MAX_CHECKED_OFFERS = 8
CURRENCIES = ("EUR", "GBP", "JPY")


class VirtualClock:
    """The loop's time, which begins anew with each run."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return START_TIME + timedelta(seconds=self._loop.time())

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Environment:
    """Opened once in its loop, used for one run after another."""

    def __init__(self, loop: VirtualLoop, dsn: str) -> None:
        self.loop = loop
        self.clock = VirtualClock(loop)
        watch = LockMonitor(dsn)
        self.scheduler = StatementScheduler(lambda _: False, loop.is_at_rest, Random(0))  # noqa: S311
        self.server = DatabaseServer(dsn, watch, self.scheduler, self.clock.now)
        self.scheduler.is_blocked = self.server.is_blocked
        self.settings = _settings(dsn)
        self.app = create_app(SandboxConfig(self.settings.own_url, self.settings.sandbox_base_url))
        self.world: SandboxState = self.app[STATE_KEY]
        self.world.now = self.clock.now
        self.request_filter: Callable[[web.Request, Any], Any] | None = None
        """Every call to a provider goes through it, while a run is on."""
        self.offers: dict[str, list[tuple[str, Money]]] = {}
        self._requests: dict[asyncio.Task[Any], web.Request] = {}
        """Calls that the sandbox is answering."""
        self._quiet = ExitStack()
        self._tables: tuple[str, ...] = ()
        self._mighty = False
        self._runner = web.AppRunner(self.app, access_log=None)

    async def start(self) -> None:
        self._quiet.enter_context(silence_logs())
        self.loop.set_task_factory(create_process_task)
        await self.server.start()
        self.app.middlewares.insert(0, self._gated())
        await self._runner.setup()
        self.loop.virtual_selector.scheduler = self.scheduler
        await self._look_for_offers()

    async def close(self) -> None:
        self.loop.virtual_selector.scheduler = None
        await self._runner.cleanup()
        await self.server.close()
        self._quiet.close()

    async def clear_data(self, *, is_thorough: bool) -> None:
        """What the last run has written is gone. Thoroughly is slower, and leaves no dead rows behind either."""
        if not self._tables:
            rows = await self.server.fetch_rows(
                "select quote_ident(tablename) as name from pg_tables where schemaname = 'public' "
                "and tablename not in ('schema_migrations', 'flight_searches') order by 1"
            )
            self._tables = tuple(row["name"] for row in rows)
            (role,) = await self.server.fetch_rows("select rolsuper from pg_roles where rolname = current_user")
            self._mighty = role["rolsuper"]
        if is_thorough or not self._mighty:
            await self.server.execute_statement(f"truncate {', '.join(self._tables)} restart identity cascade")
        else:
            deletes = "; ".join(f"delete from {one}" for one in self._tables)  # noqa: S608 (the names are the server's)
            # One after the other, past all triggers: those of the foreign keys, and those that keep what is to be kept.
            await self.server.execute_statement(
                f"begin; set local session_replication_role = replica; {deletes}; commit"
            )

    def _gated(self) -> Any:
        @web.middleware
        async def gated(request: web.Request, handler: Any) -> web.StreamResponse:
            task = asyncio.current_task()
            if self.request_filter is None or task is None or request.path.startswith("/_/"):
                answer: web.StreamResponse = await handler(request)
                return answer
            self._requests[task] = request
            try:
                answer = await self.request_filter(request, handler)
            except asyncio.CancelledError:
                if task in self._requests:
                    raise
                task.uncancel()
                answer = web.Response()
            finally:
                self._requests.pop(task, None)
            return answer

        return gated

    def _serve(self) -> Any:
        """What speaks at the sandbox's end of a connection."""
        return self._runner.server() if self._runner.server is not None else None

    def create_connector(self) -> SocketlessConnector:
        """A way to the sandbox."""
        return SocketlessConnector(self._serve, keepalive_timeout=KEEP_ALIVE, limit=0)

    def prepare_run(self, seed: int) -> None:
        """As on the first day: whatever is made by chance is made anew, and the same for the same seed."""
        world = self.world
        world.reset_state()
        world.random = Random(f"world:{seed}")  # noqa: S311
        self.scheduler.random = Random(f"turns:{seed}")  # noqa: S311
        self.loop.reset_time()

    def restart_sandbox(self) -> None:
        """Kills the sandbox and starts it again with the state that it keeps; the calls underway are never answered."""
        for task, request in list(self._requests.items()):
            del self._requests[task]
            if request.transport is not None:
                request.transport.abort()
            task.cancel()
        self.world.restart_from_storage()

    def create_process_environment(self, points: CrashPoints, seed: int) -> ProcessEnvironment:
        return ProcessEnvironment(
            settings=self.settings,
            clock=self.clock,
            server=self.server,
            crash_points=points,
            create_connector=self.create_connector,
            random=Random(f"chance:{seed}"),  # noqa: S311
            id_random=Random(f"names:{seed}"),  # noqa: S311
        )

    async def _look_for_offers(self) -> None:
        self.prepare_run(0)
        self.world.send_callback = lambda _: None
        house = HubProcess(self.create_process_environment(CrashPoints({}, lambda _life, _blow: None), 0), 0)
        await house.start()
        for currency in CURRENCIES:
            query = FlightQuery("LHR", "BCN", (START_TIME + timedelta(days=60)).date(), currency=currency)
            found = orjson.loads(await house.send_request(partial(_search, query)))
            self.offers[currency] = [
                (one["id"], Money(one["total"]["amount"], one["total"]["currency"])) for one in found["offers"][:20]
            ]
            for offer_id, _ in self.offers[currency][:MAX_CHECKED_OFFERS:2]:
                await house.send_request(partial(_check, offer_id))
        await house.shut_down()


async def _check(offer_id: str, services: Any) -> None:
    """As a traveler who looks before booking: then the booking itself need not ask the supplier."""
    await services.flights.check_offer(offer_id)


async def _search(query: FlightQuery, services: Any) -> bytes:
    found: bytes = await services.flights.search(query)
    return found


def _settings(dsn: str) -> Settings:
    """As on a machine on which nothing is set: all providers are the sandbox, whatever is set on this one."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update({"HUB_SECRET_KEY": "torture" * 8, "HUB_PORT": "80", "HUB_SANDBOX_PORT": "81"})
    try:
        paypal = PayPalSettings(mode="sandbox")
        return Settings.from_environment(database_url=SecretStr(dsn), data_dir=Path("unused"), paypal=paypal)
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def silence_logs() -> Iterator[None]:
    """What goes wrong is meant to; what comes of it is looked at afterwards."""
    before, level = structlog.get_config(), logging.root.manager.disable
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(level)
        structlog.configure(**before)
