"""What is opened at start and closed at the end: database, the way out, cache."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from adapters.transport import Transport, TransportMetrics
from hub.core.cache import Cache
from hub.core.clock import Clock, RandomSource, SystemClock
from hub.core.db import Database
from hub.core.embedded_postgres import EmbeddedPostgres
from hub.core.metrics import new_registry
from hub.core.migrations import apply_migrations
from hub.core.provider_calls import ProviderCallLog
from hub.resilience.policy import ResiliencePolicy
from hub.settings import Settings


@dataclass(frozen=True, slots=True)
class Resources:
    """`exit_stack` ends, before the rest, what the services have begun."""

    settings: Settings
    clock: Clock
    rng: RandomSource
    db: Database
    transport: Transport
    cache: Cache
    registry: Any
    exit_stack: AsyncExitStack


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock | None = None, rng: RandomSource | None = None
) -> AsyncIterator[Resources]:
    """Database (embedded when none is named), migrations, the one session to the outside, the call log."""
    clock, rng = clock or SystemClock(), rng or random.SystemRandom()
    async with AsyncExitStack() as stack:
        dsn = await resolve_database_dsn(settings, stack)
        await apply_migrations(dsn)
        db = await Database.open_pool(
            dsn,
            pool_size=settings.db_pool_size,
            statement_cache_size=settings.db_statement_cache,
            listen_dsn=settings.db_listen_url.get_secret_value() if settings.db_listen_url else None,
        )
        stack.push_async_callback(db.close)
        calls = ProviderCallLog(db, clock)
        calls.start()
        stack.push_async_callback(calls.stop)
        registry = new_registry()
        opened = Transport.open_with_session(
            clock=clock,
            chance=rng,
            policies=build_policies(settings),
            record=calls.record_call,
            metrics=TransportMetrics(registry),
        )
        transport = await stack.enter_async_context(opened)
        cache = Cache(clock, rng, redis_url=settings.redis_url.get_secret_value() if settings.redis_url else None)
        stack.push_async_callback(cache.close)
        closing = await stack.enter_async_context(AsyncExitStack())
        yield Resources(settings, clock, rng, db, transport, cache, registry, closing)


def build_policies(settings: Settings, *, max_timeout: float = float("inf")) -> dict[str, ResiliencePolicy]:
    """By the name under which each provider is called. `longest` in seconds."""
    by_name = {one.name: one.timeout for one in settings.providers}
    by_name[settings.captcha.kind] = settings.captcha.timeout
    return {name: ResiliencePolicy(timeout=min(timeout, max_timeout)) for name, timeout in by_name.items()}


async def resolve_database_dsn(settings: Settings, stack: AsyncExitStack) -> str:
    """The address of the database; the embedded one is started, and stopped when the stack closes."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    server = await EmbeddedPostgres.start(settings.data_dir)
    stack.push_async_callback(server.stop)
    server.start_supervision()
    return server.dsn


@asynccontextmanager
async def open_transport(settings: Settings) -> AsyncIterator[Transport]:
    """A way out without a database, for the doctor's harmless reads."""
    limits = build_policies(settings, max_timeout=10.0)
    async with Transport.open_with_session(
        clock=SystemClock(), chance=random.SystemRandom(), policies=limits
    ) as transport:
        yield transport
