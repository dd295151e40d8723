"""What `hub doctor` looks at. Each check is one harmless read."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import adapters
from hub import app as root
from hub.core.db import Database
from hub.core.errors import HubError, ProviderError
from hub.core.migrate import MigrationError, status
from hub.settings import Mode, Settings


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    state: Literal["ok", "note", "trouble"]
    detail: str


async def examine(settings: Settings) -> list[Finding]:
    return [
        *await _providers(settings),
        *await _database(settings),
        await _redis(settings),
        _public_url(settings),
    ]


async def _providers(settings: Settings) -> list[Finding]:
    found = []
    async with root.transport_alone(settings) as transport:
        checks = adapters.pings(settings, transport)
        for section in settings.providers:
            match section.resolved:
                case Mode.OFF:
                    found.append(Finding(section.name, "note", "off"))
                case Mode.SANDBOX:
                    found.append(Finding(section.name, "note", f"sandbox at {settings.sandbox_base}"))
                case Mode.LIVE:
                    found.append(await _live(section.name, checks[section.name]))
    return found


async def _live(name: str, check: Callable[[], Awaitable[None]]) -> Finding:
    try:
        await check()
    except ProviderError as error:
        return Finding(name, "trouble", f"live, but {error.detail}")
    return Finding(name, "ok", "live, and the credentials are good")


async def _database(settings: Settings) -> list[Finding]:
    kind = "embedded" if settings.database_url is None else "DATABASE_URL"
    try:
        async with AsyncExitStack() as stack:
            dsn = await root.database_dsn(settings, stack)
            db = await Database.open(dsn, size=2, statement_cache=settings.db_statement_cache)
            stack.push_async_callback(db.close)
            async with db.connection() as connection:
                version = await connection.fetchval("show server_version")
                pending = (await status(connection)).pending
    except (HubError, OSError, MigrationError) as error:
        return [Finding("database", "trouble", f"{kind}: {error}")]
    migrations = Finding("migrations", "ok", "all applied")
    if pending:
        migrations = Finding("migrations", "note", f"pending, applied by the next start: {', '.join(pending)}")
    return [Finding("database", "ok", f"{kind}, PostgreSQL {version}"), migrations]


async def _redis(settings: Settings) -> Finding:
    if settings.redis_url is None:
        return Finding("redis", "note", "not set: the cache lives in each process")
    import redis.asyncio as redis

    client = redis.from_url(settings.redis_url.get_secret_value(), socket_connect_timeout=3)
    try:
        await client.ping()
    except (redis.RedisError, OSError) as error:
        return Finding("redis", "trouble", f"does not answer ({type(error).__name__})")
    finally:
        await client.aclose()
    return Finding("redis", "ok", "answers")


def _public_url(settings: Settings) -> Finding:
    live = any(one.resolved is Mode.LIVE for one in settings.providers)
    if settings.public_url is None:
        state: Literal["trouble", "note"] = "trouble" if live else "note"
        return Finding("HUB_PUBLIC_URL", state, "not set: live providers cannot call back")
    parts = urlsplit(settings.public_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return Finding("HUB_PUBLIC_URL", "trouble", "is not an address")
    if live and parts.scheme != "https":
        return Finding("HUB_PUBLIC_URL", "trouble", "live providers call back over https only")
    return Finding("HUB_PUBLIC_URL", "ok", settings.public_url)
