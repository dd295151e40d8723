"""serve, worker, sandbox: the processes that stay."""

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from errno import EACCES, EADDRINUSE
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import structlog
import typer
from aiohttp import web
from prometheus_client import CollectorRegistry

import adapters
from hub import app as root
from hub.core.logging import configure
from hub.core.worker import Worker, quiet
from hub.settings import Settings
from hub.settings.environment import SettingsError, unknown_variables, variables
from routes.system.health import metrics_app
from routes.web.cached_fast_path import HOT
from routes.web.connections import CONNECTIONS, LimitedRunner, raise_descriptor_limit
from sandbox.app import serve as serve_sandbox
from sandbox.storage import FILE, StorageInUse, erase_file
from sandbox.world import SandboxConfig

log = structlog.get_logger(__name__)


def register(app: typer.Typer) -> None:
    app.command()(serve)
    app.command()(worker)
    group = typer.Typer(invoke_without_command=True)
    group.callback()(sandbox)
    group.command("reset")(reset_sandbox)
    app.add_typer(group, name="sandbox")


def serve(
    no_worker: Annotated[bool, typer.Option("--no-worker", help="jobs run elsewhere (hub worker)")] = False,
    no_sandbox: Annotated[bool, typer.Option("--no-sandbox", help="the sandbox runs elsewhere (hub sandbox)")] = False,
) -> None:
    """Serve the API, with the job worker and, for providers in sandbox mode, the sandbox."""
    settings = prepared()
    run_loop(_serve(settings, with_worker=not no_worker, with_sandbox=not no_sandbox))


def worker() -> None:
    """Run the jobs only. As many of these as the load wants, over the same database."""
    run_loop(_work(prepared()))


def sandbox(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    seed: Annotated[int, typer.Option(help="the same seed plays the same offers")] = 1,
) -> None:
    """Run the sandbox of the providers alone, so that it outlives a hub that is killed."""
    if context.invoked_subcommand is None:
        run_loop(_sandbox(prepared(), host, seed))


def reset_sandbox() -> None:
    """Empty the sandbox: payments, bookings, accounts and mails of all providers. It may be running."""
    settings = prepared()
    if asyncio.run(_reset_running(settings)):
        typer.echo(f"The sandbox at {settings.sandbox_base} is empty.")
        return
    try:
        erased = erase_file(settings.data_dir / FILE)
    except StorageInUse as error:
        raise SettingsError(f"HUB_DATA_DIR: {error}") from error
    typer.echo("The stored state of the sandbox is empty." if erased else "There is no stored state of a sandbox.")


async def _reset_running(settings: Settings) -> bool:
    """False when this hub's sandbox is not running."""
    if await sandbox_serves(settings.sandbox_base) != settings.own_url:
        return False
    url = f"{settings.sandbox_base}/_/reset"
    async with aiohttp.ClientSession() as session, session.post(url) as answer:
        answer.raise_for_status()
    return True


def prepared() -> Settings:
    """Loads the settings and configures logging. Raises SettingsError for a misspelled HUB_ variable.

    A variable that resembles a provider's setting is only warned of: the vendors' own tools have variables too.
    """
    settings = Settings.load()
    configure(level=settings.log_level, json=_wants_json(settings))
    quiet()
    for variable in unknown_variables(variables(Settings), os.environ, Path(".env")):
        if variable.ours:
            raise SettingsError(f"{variable}.")
        log.warning("settings.unknown_variable", variable=variable.name, suggestion=variable.suggestion)
    return settings


def _wants_json(settings: Settings) -> bool:
    if settings.log_format == "auto":
        return settings.env == "production" or not sys.stderr.isatty()
    return settings.log_format == "json"


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)


async def _serve(settings: Settings, *, with_worker: bool, with_sandbox: bool) -> None:
    started = time.perf_counter()
    stop = stop_signal()
    raise_descriptor_limit()
    async with AsyncExitStack() as stack:
        if with_sandbox and settings.needs_sandbox and settings.sandbox_url is None:
            await stack.enter_async_context(sandbox_running(settings))
        have = await stack.enter_async_context(root.resources(settings))
        made = root.services(have)
        made.locations.warm()
        await _warm_up(settings, made)
        jobs = root.worker(have, made) if with_worker else None
        application = root.web_app(have, made, jobs)
        _settle()
        if jobs is not None:
            await stack.enter_async_context(working(jobs, settings.shutdown_grace))
        await stack.enter_async_context(listening(application, settings))
        await stack.enter_async_context(metrics_port(have.registry, settings))
        log.info("hub.started", url=settings.own_url, seconds=round(time.perf_counter() - started, 2))
        _greet(settings)
        await stop.wait()
        log.info("hub.stopping")


async def _work(settings: Settings) -> None:
    stop = stop_signal()
    async with root.resources(settings) as have:
        made = root.services(have)
        await _warm_up(settings, made)
        _settle()
        async with metrics_port(have.registry, settings), working(root.worker(have, made), settings.shutdown_grace):
            log.info("worker.started")
            await stop.wait()


async def _warm_up(settings: Settings, made: root.Services) -> None:
    """What would hold up the loop when it is first wanted is done before the port opens."""
    await adapters.warm_up(settings)
    made.outbox.templates.warm()


def _settle() -> None:
    """What has been loaded stays for good, so the garbage collector need not look at it each time.

    It stops everything while it looks: a tenth of a second with all the SDKs, a few thousandths without.
    """
    gc.collect()
    gc.freeze()


async def _sandbox(settings: Settings, host: str, seed: int) -> None:
    stop = stop_signal()
    runner = await _start_sandbox(settings, host, seed)
    _settle()
    log.info("sandbox.started", url=settings.sandbox_base)
    await stop.wait()
    await runner.cleanup()


def sandbox_port(settings: Settings) -> int:
    return settings.sandbox_port if settings.sandbox_port is not None else settings.port + 1


def sandbox_config(settings: Settings, seed: int = 1) -> SandboxConfig:
    return SandboxConfig(
        callback_base=settings.own_url,
        public_base=settings.sandbox_base,
        seed=seed,
        storage=settings.data_dir / FILE,
        supabase_hub_templates=True,
    )


@asynccontextmanager
async def sandbox_running(settings: Settings) -> AsyncIterator[None]:
    """Runs the sandbox for the block, unless this hub's own is already running on its port.

    Raises SettingsError when the sandbox of another hub listens there: its webhooks would go to that hub.
    """
    served = await sandbox_serves(settings.sandbox_base)
    if served is not None:
        if served != settings.own_url:
            raise SettingsError(
                f"HUB_SANDBOX_PORT {sandbox_port(settings)}: the sandbox of another hub ({served}) listens there; "
                "choose another port, or name that sandbox in HUB_SANDBOX_URL."
            )
        log.info("sandbox.reused", url=settings.sandbox_base)
        yield
        return
    runner = await _start_sandbox(settings, "127.0.0.1")
    try:
        yield
    finally:
        await runner.cleanup()


async def _start_sandbox(settings: Settings, host: str, seed: int = 1) -> web.AppRunner:
    try:
        return await serve_sandbox(sandbox_config(settings, seed), host, sandbox_port(settings))
    except StorageInUse as error:
        raise SettingsError(f"HUB_DATA_DIR: {error}") from error
    except OSError as error:
        if error.errno not in {EADDRINUSE, EACCES}:
            raise
        raise _port_refused("HUB_SANDBOX_PORT", sandbox_port(settings), error) from error


async def sandbox_serves(url: str) -> str | None:
    """The hub whose webhooks the sandbox at `url` delivers; None when no sandbox answers there."""
    health = await answers_health(f"{url}/_/health")
    return str(health.get("callback_base", "")) if health and health.get("sandbox") is True else None


async def answers_health(url: str) -> dict[str, Any] | None:
    """The JSON object that a health check answers, or None: nothing listens, or something else does."""
    try:
        timeout = aiohttp.ClientTimeout(total=2)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            health = await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None
    return health if isinstance(health, dict) else None


@asynccontextmanager
async def working(jobs: Worker, grace: float) -> AsyncIterator[None]:
    """The worker, from here to the end of the block."""
    running = asyncio.create_task(jobs.run(), name="worker")
    try:
        yield
    finally:
        await jobs.stop(grace)
        await running


@asynccontextmanager
async def listening(application: web.Application, settings: Settings) -> AsyncIterator[None]:
    """The open ports. At the end they take no more connections and finish what is in flight."""
    runner = LimitedRunner(
        application, application[CONNECTIONS], shutdown_timeout=settings.shutdown_grace,
        access_log=None, keepalive_timeout=settings.idle_timeout,
    )  # fmt: skip
    await runner.setup()
    application[HOT].install(runner)
    try:
        await _bind(
            web.TCPSite(runner, settings.host, settings.port, reuse_port=settings.reuse_port), "HUB_PORT", settings.port
        )
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def metrics_port(registry: CollectorRegistry, settings: Settings) -> AsyncIterator[None]:
    """Serves /metrics on the port of HUB_METRICS_PORT for the block. Each process needs a port of its own."""
    if settings.metrics_port is None:
        yield
        return
    runner = web.AppRunner(metrics_app(registry), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await _bind(
            web.TCPSite(runner, settings.metrics_host, settings.metrics_port), "HUB_METRICS_PORT", settings.metrics_port
        )
        yield
    finally:
        await runner.cleanup()


async def _bind(site: web.TCPSite, variable: str, port: int) -> None:
    try:
        await site.start()
    except OSError as error:
        raise _port_refused(variable, port, error) from error


def _port_refused(variable: str, port: int, error: OSError) -> SettingsError:
    reason = {EADDRINUSE: "another program listens there", EACCES: "this user may not listen there"}
    return SettingsError(f"{variable} {port}: {reason.get(error.errno or 0, error.strerror or str(error))}.")


def stop_signal() -> asyncio.Event:
    """Set by SIGTERM or Ctrl-C."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    return stop


def _greet(settings: Settings) -> None:
    if not sys.stderr.isatty():
        return
    modes = ", ".join(f"{one.name} {one.resolved}" for one in settings.providers)
    lines = [f"hub      {settings.own_url}", f"docs     {settings.own_url}/docs"]
    lines += [f"sandbox  {settings.sandbox_base}/_/"] if settings.needs_sandbox else []
    typer.echo("\n".join(["", *lines, f"modes    {modes}", "try      make demo   (in another terminal)", ""]), err=True)
