"""What `hub doctor` looks at. Each check is one harmless read."""

import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import as_file, files
from typing import Literal
from urllib.parse import urlsplit

import adapters
from hub import app as root
from hub.cli.processes import fetch_health, find_sandbox_hub, get_sandbox_port
from hub.core.db import Database
from hub.core.errors import HubError, ProviderError
from hub.core.migrations import MigrationError, read_migration_status
from hub.core.proxy_detection import find_last_sighting
from hub.sales.documents import GlyphCoverage, list_font_files
from hub.settings import ProviderMode, Settings

CheckState = Literal["ok", "note", "trouble"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    subject: str
    state: CheckState
    detail: str


async def run_checks(settings: Settings) -> list[CheckResult]:
    return [
        *await _ports(settings),
        *await _providers(settings),
        *_webhooks(settings),
        _fonts(settings),
        *await _database(settings),
        await _redis(settings),
        _public_url(settings),
    ]


async def _providers(settings: Settings) -> list[CheckResult]:
    found = []
    async with root.open_transport(settings) as transport:
        checks = adapters.list_access_checks(settings, transport)
        for section in settings.providers:
            match section.resolved_mode:
                case ProviderMode.OFF:
                    found.append(CheckResult(section.name, "note", "off"))
                case ProviderMode.SANDBOX:
                    found.append(CheckResult(section.name, "note", f"sandbox at {settings.sandbox_base_url}"))
                case ProviderMode.LIVE:
                    found.append(await _live(section.name, checks[section.name]))
    return found


async def _ports(settings: Settings) -> list[CheckResult]:
    """Whether the ports are free, or used by this very hub and its sandbox."""
    findings = [CheckResult("HUB_PORT", *await _hub_port(settings))]
    if settings.needs_sandbox and settings.sandbox_url is None:
        findings.append(CheckResult("HUB_SANDBOX_PORT", *await _sandbox_port(settings)))
    return findings


async def _hub_port(settings: Settings) -> tuple[CheckState, str]:
    if not _is_taken(settings.host, settings.port):
        return "ok", f"{settings.port} is free"
    if await fetch_health(f"http://127.0.0.1:{settings.port}/healthz"):
        return "note", f"a hub is running on {settings.port}"
    return "trouble", f"{settings.port}: another program listens there"


async def _sandbox_port(settings: Settings) -> tuple[CheckState, str]:
    port = get_sandbox_port(settings)
    if not _is_taken("127.0.0.1", port):
        return "ok", f"{port} is free"
    hub = await find_sandbox_hub(settings.sandbox_base_url)
    if hub is None:
        return "trouble", f"{port}: another program listens there"
    if hub != settings.own_url:
        return "trouble", f"{port}: the sandbox of another hub ({hub}) listens there"
    return "note", f"the sandbox is running on {port}"


def _is_taken(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def _webhooks(settings: Settings) -> list[CheckResult]:
    """A live provider without a webhook secret has no endpoint: what happens there is learned late or never."""
    secrets = {
        "STRIPE_WEBHOOK_SECRET": (settings.stripe, settings.stripe.webhook_secrets),
        "PAYPAL_WEBHOOK_ID": (settings.paypal, settings.paypal.webhook_ids),
        "RESEND_WEBHOOK_SECRET": (settings.resend, settings.resend.webhook_secrets),
        "KIWI_WEBHOOK_TOKEN": (settings.kiwi, settings.kiwi.webhook_token),
    }
    return [
        CheckResult(variable, "trouble", f"not set: {section.name} is live, and its webhooks are refused")
        for variable, (section, secret) in secrets.items()
        if section.resolved_mode is ProviderMode.LIVE and not secret
    ]


def _fonts(settings: Settings) -> CheckResult:
    """Whether papers can be printed in every script that names are written in."""
    with as_file(files("templates").joinpath("documents", "fonts")) as bundled:
        coverage = GlyphCoverage(tuple(list_font_files(bundled, settings.invoice.fonts)))
        scripts = coverage.list_unprintable_scripts()
    if not scripts:
        return CheckResult("fonts", "ok", "papers can be printed in every script")
    advice = "pip install 'travel-hub[fonts]', or name a directory in INVOICE_FONTS"
    return CheckResult("fonts", "note", f"papers cannot print {', '.join(scripts)}: {advice}")


async def _live(name: str, check: Callable[[], Awaitable[None]]) -> CheckResult:
    try:
        await check()
    except ProviderError as error:
        return CheckResult(name, "trouble", f"live, but {error.detail}")
    return CheckResult(name, "ok", "live, and the credentials are good")


async def _database(settings: Settings) -> list[CheckResult]:
    kind = "embedded" if settings.database_url is None else "DATABASE_URL"
    try:
        async with AsyncExitStack() as stack:
            dsn = await root.resolve_database_dsn(settings, stack)
            db = await Database.open_pool(dsn, pool_size=2, statement_cache_size=settings.db_statement_cache)
            stack.push_async_callback(db.close)
            async with db.connection() as connection:
                version = await connection.fetchval("show server_version")
                pending = (await read_migration_status(connection)).pending
            seen_at = None if pending else await find_last_sighting(db)
    except (HubError, OSError, MigrationError) as error:
        return [CheckResult("database", "trouble", f"{kind}: {error}")]
    migrations = CheckResult("migrations", "ok", "all applied")
    if pending:
        migrations = CheckResult("migrations", "note", f"pending, applied by the next start: {', '.join(pending)}")
    return [CheckResult("database", "ok", f"{kind}, PostgreSQL {version}"), migrations, _proxies(settings, seen_at)]


def _proxies(settings: Settings, seen_at: datetime | None) -> CheckResult:
    """Whether the addresses that limits and the lock-out count by are those of clients."""
    name = "HUB_TRUSTED_PROXIES"
    if settings.trusted_proxies > 0:
        return CheckResult(name, "ok", f"{settings.trusted_proxies} before the hub")
    if seen_at is not None:
        seen = f"{seen_at:%Y-%m-%d %H:%M} UTC"
        return CheckResult(
            name, "trouble", f"is 0, but requests came through a proxy ({seen}): set it to how many there are"
        )
    if settings.own_url.startswith("https:"):
        return CheckResult(name, "trouble", "is 0, but the hub is reached over https: a proxy must stand before it")
    return CheckResult(name, "ok", "0: clients reach the hub directly")


async def _redis(settings: Settings) -> CheckResult:
    if settings.redis_url is None:
        return CheckResult("redis", "note", "not set: the cache lives in each process")
    import redis.asyncio as redis

    client = redis.from_url(settings.redis_url.get_secret_value(), socket_connect_timeout=3)
    try:
        await client.ping()
    except (redis.RedisError, OSError) as error:
        return CheckResult("redis", "trouble", f"does not answer ({type(error).__name__})")
    finally:
        await client.aclose()
    return CheckResult("redis", "ok", "answers")


def _public_url(settings: Settings) -> CheckResult:
    live = any(one.resolved_mode is ProviderMode.LIVE for one in settings.providers)
    if settings.public_url is None:
        state: CheckState = "trouble" if live else "note"
        return CheckResult("HUB_PUBLIC_URL", state, "not set: live providers cannot call back")
    parts = urlsplit(settings.public_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return CheckResult("HUB_PUBLIC_URL", "trouble", "is not an address")
    if live and parts.scheme != "https":
        return CheckResult("HUB_PUBLIC_URL", "trouble", "live providers call back over https only")
    return CheckResult("HUB_PUBLIC_URL", "ok", settings.public_url)
