"""What is opened at start and closed at the end: database, the way out, cache."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from adapters.transport import Metrics, Transport
from hub.core.cache import Cache
from hub.core.clock import Chance, Clock, SystemClock
from hub.core.db import Database
from hub.core.embedded_postgres import Embedded
from hub.core.metrics import new_registry
from hub.core.migrate import migrate
from hub.core.provider_calls import CallLog
from hub.resilience.policy import Policy
from hub.settings import Settings


@dataclass(frozen=True, slots=True)
class Resources:
    """`closing` ends, before the rest, what the services have begun."""

    settings: Settings
    clock: Clock
    chance: Chance
    db: Database
    transport: Transport
    cache: Cache
    registry: Any
    closing: AsyncExitStack


@asynccontextmanager
async def resources(
    settings: Settings, *, clock: Clock | None = None, chance: Chance | None = None
) -> AsyncIterator[Resources]:
    """Database (embedded when none is named), migrations, the one session to the outside, the call log."""
    clock, chance = clock or SystemClock(), chance or random.SystemRandom()
    async with AsyncExitStack() as stack:
        dsn = await database_dsn(settings, stack)
        await migrate(dsn)
        db = await Database.open(
            dsn,
            size=settings.db_pool_size,
            statement_cache=settings.db_statement_cache,
            listen_dsn=settings.db_listen_url.get_secret_value() if settings.db_listen_url else None,
        )
        stack.push_async_callback(db.close)
        calls = CallLog(db, clock)
        calls.start()
        stack.push_async_callback(calls.stop)
        registry = new_registry()
        opened = Transport.opened(
            clock=clock, chance=chance, policies=policies(settings), record=calls.record, metrics=Metrics(registry)
        )
        transport = await stack.enter_async_context(opened)
        cache = Cache(clock, chance, redis_url=settings.redis_url.get_secret_value() if settings.redis_url else None)
        stack.push_async_callback(cache.close)
        closing = await stack.enter_async_context(AsyncExitStack())
        yield Resources(settings, clock, chance, db, transport, cache, registry, closing)


def policies(settings: Settings, *, longest: float = float("inf")) -> dict[str, Policy]:
    """By the name under which each provider is called. `longest` in seconds."""
    by_name = {one.name: one.timeout for one in settings.providers}
    by_name[settings.captcha.kind] = settings.captcha.timeout
    return {name: Policy(timeout=min(timeout, longest)) for name, timeout in by_name.items()}


async def database_dsn(settings: Settings, stack: AsyncExitStack) -> str:
    """The address of the database; the embedded one is started, and stopped when the stack closes."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    server = await Embedded.start(settings.data_dir)
    stack.push_async_callback(server.stop)
    server.supervise()
    return server.dsn


@asynccontextmanager
async def transport_alone(settings: Settings) -> AsyncIterator[Transport]:
    """A way out without a database, for the doctor's harmless reads."""
    limits = policies(settings, longest=10.0)
    async with Transport.opened(clock=SystemClock(), chance=random.SystemRandom(), policies=limits) as transport:
        yield transport
