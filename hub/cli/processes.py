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
from hub.core.logging import configure_logging
from hub.core.worker import Worker, silence_pgqueuer_log
from hub.settings import Settings
from hub.settings.environment import SettingsError, find_unknown_variables, list_variables
from routes.system.health import build_metrics_app
from routes.web.cached_fast_path import CACHED_FAST_PATH
from routes.web.connections import CONNECTION_LIMIT, LimitedRunner, raise_descriptor_limit
from sandbox.app import start_sandbox as serve_sandbox
from sandbox.state import SandboxConfig
from sandbox.storage import FILE_NAME, StorageInUse, erase_file

log = structlog.get_logger(__name__)


def register_commands(app: typer.Typer) -> None:
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
    settings = load_settings()
    run_loop(_serve(settings, with_worker=not no_worker, with_sandbox=not no_sandbox))


def worker() -> None:
    """Run the jobs only. As many of these as the load wants, over the same database."""
    run_loop(_work(load_settings()))


def sandbox(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    seed: Annotated[int, typer.Option(help="the same seed plays the same offers")] = 1,
) -> None:
    """Run the sandbox of the providers alone, so that it outlives a hub that is killed."""
    if context.invoked_subcommand is None:
        run_loop(_sandbox(load_settings(), host, seed))


def reset_sandbox() -> None:
    """Empty the sandbox: payments, bookings, accounts and mails of all providers. It may be running."""
    settings = load_settings()
    if asyncio.run(_reset_running(settings)):
        typer.echo(f"The sandbox at {settings.sandbox_base_url} is empty.")
        return
    try:
        erased = erase_file(settings.data_dir / FILE_NAME)
    except StorageInUse as error:
        raise SettingsError(f"HUB_DATA_DIR: {error}") from error
    typer.echo("The stored state of the sandbox is empty." if erased else "There is no stored state of a sandbox.")


async def _reset_running(settings: Settings) -> bool:
    """False when this hub's sandbox is not running."""
    if await find_sandbox_hub(settings.sandbox_base_url) != settings.own_url:
        return False
    url = f"{settings.sandbox_base_url}/_/reset"
    async with aiohttp.ClientSession() as session, session.post(url) as answer:
        answer.raise_for_status()
    return True


def load_settings() -> Settings:
    """Loads the settings and configures logging. Raises SettingsError for a misspelled HUB_ variable.

    A variable that resembles a provider's setting is only warned of: the vendors' own tools have variables too.
    """
    settings = Settings.from_environment()
    configure_logging(level=settings.log_level, json=_wants_json(settings))
    silence_pgqueuer_log()
    for variable in find_unknown_variables(list_variables(Settings), os.environ, Path(".env")):
        if variable.is_hub_variable:
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
    stop = create_stop_event()
    raise_descriptor_limit()
    async with AsyncExitStack() as stack:
        if with_sandbox and settings.needs_sandbox and settings.sandbox_url is None:
            await stack.enter_async_context(run_sandbox(settings))
        have = await stack.enter_async_context(root.open_resources(settings))
        made = root.build_services(have)
        made.locations.warm_up()
        await _warm_up(settings, made)
        jobs = root.build_worker(have, made) if with_worker else None
        application = root.build_web_app(have, made, jobs)
        _settle()
        if jobs is not None:
            await stack.enter_async_context(run_worker(jobs, settings.shutdown_grace))
        await stack.enter_async_context(serve_application(application, settings))
        await stack.enter_async_context(serve_metrics(have.registry, settings))
        log.info("hub.started", url=settings.own_url, seconds=round(time.perf_counter() - started, 2))
        _greet(settings)
        await stop.wait()
        log.info("hub.stopping")


async def _work(settings: Settings) -> None:
    stop = create_stop_event()
    async with root.open_resources(settings) as have:
        made = root.build_services(have)
        await _warm_up(settings, made)
        _settle()
        async with (
            serve_metrics(have.registry, settings),
            run_worker(root.build_worker(have, made), settings.shutdown_grace),
        ):
            log.info("worker.started")
            await stop.wait()


async def _warm_up(settings: Settings, made: root.Services) -> None:
    """What would hold up the loop when it is first wanted is done before the port opens."""
    await adapters.warm_up_sdks(settings)
    made.message_sender.templates.compile_all()


def _settle() -> None:
    """What has been loaded stays for good, so the garbage collector need not look at it each time.

    It stops everything while it looks: a tenth of a second with all the SDKs, a few thousandths without.
    """
    gc.collect()
    gc.freeze()


async def _sandbox(settings: Settings, host: str, seed: int) -> None:
    stop = create_stop_event()
    runner = await _start_sandbox(settings, host, seed)
    _settle()
    log.info("sandbox.started", url=settings.sandbox_base_url)
    await stop.wait()
    await runner.cleanup()


def get_sandbox_port(settings: Settings) -> int:
    return settings.sandbox_port if settings.sandbox_port is not None else settings.port + 1


def build_sandbox_config(settings: Settings, seed: int = 1) -> SandboxConfig:
    return SandboxConfig(
        callback_base=settings.own_url,
        public_base=settings.sandbox_base_url,
        seed=seed,
        storage=settings.data_dir / FILE_NAME,
        supabase_hub_templates=True,
    )


@asynccontextmanager
async def run_sandbox(settings: Settings) -> AsyncIterator[None]:
    """Runs the sandbox for the block, unless this hub's own is already running on its port.

    Raises SettingsError when the sandbox of another hub listens there: its webhooks would go to that hub.
    """
    served = await find_sandbox_hub(settings.sandbox_base_url)
    if served is not None:
        if served != settings.own_url:
            raise SettingsError(
                f"HUB_SANDBOX_PORT {get_sandbox_port(settings)}: the sandbox of another hub ({served}) listens there; "
                "choose another port, or name that sandbox in HUB_SANDBOX_URL."
            )
        log.info("sandbox.reused", url=settings.sandbox_base_url)
        yield
        return
    runner = await _start_sandbox(settings, "127.0.0.1")
    try:
        yield
    finally:
        await runner.cleanup()


async def _start_sandbox(settings: Settings, host: str, seed: int = 1) -> web.AppRunner:
    try:
        return await serve_sandbox(build_sandbox_config(settings, seed), host, get_sandbox_port(settings))
    except StorageInUse as error:
        raise SettingsError(f"HUB_DATA_DIR: {error}") from error
    except OSError as error:
        if error.errno not in {EADDRINUSE, EACCES}:
            raise
        raise _port_refused("HUB_SANDBOX_PORT", get_sandbox_port(settings), error) from error


async def find_sandbox_hub(url: str) -> str | None:
    """The hub whose webhooks the sandbox at `url` delivers; None when no sandbox answers there."""
    health = await fetch_health(f"{url}/_/health")
    return str(health.get("callback_base", "")) if health and health.get("sandbox") is True else None


async def fetch_health(url: str) -> dict[str, Any] | None:
    """The JSON object that a health check answers, or None: nothing listens, or something else does."""
    try:
        timeout = aiohttp.ClientTimeout(total=2)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            health = await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None
    return health if isinstance(health, dict) else None


@asynccontextmanager
async def run_worker(jobs: Worker, grace: float) -> AsyncIterator[None]:
    """The worker, from here to the end of the block."""
    running = asyncio.create_task(jobs.run(), name="worker")
    try:
        yield
    finally:
        await jobs.stop(grace)
        await running


@asynccontextmanager
async def serve_application(application: web.Application, settings: Settings) -> AsyncIterator[None]:
    """The open ports. At the end they take no more connections and finish what is in flight."""
    runner = LimitedRunner(
        application, application[CONNECTION_LIMIT], shutdown_timeout=settings.shutdown_grace,
        access_log=None, keepalive_timeout=settings.idle_timeout,
    )  # fmt: skip
    await runner.setup()
    application[CACHED_FAST_PATH].install_handler(runner)
    try:
        await _bind(
            web.TCPSite(runner, settings.host, settings.port, reuse_port=settings.reuse_port), "HUB_PORT", settings.port
        )
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serve_metrics(registry: CollectorRegistry, settings: Settings) -> AsyncIterator[None]:
    """Serves /metrics on the port of HUB_METRICS_PORT for the block. Each process needs a port of its own."""
    if settings.metrics_port is None:
        yield
        return
    runner = web.AppRunner(build_metrics_app(registry), access_log=None, shutdown_timeout=1.0)
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


def create_stop_event() -> asyncio.Event:
    """Set by SIGTERM or Ctrl-C."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    return stop


def _greet(settings: Settings) -> None:
    if not sys.stderr.isatty():
        return
    modes = ", ".join(f"{one.name} {one.resolved_mode}" for one in settings.providers)
    lines = [f"hub      {settings.own_url}", f"docs     {settings.own_url}/docs"]
    lines += [f"sandbox  {settings.sandbox_base_url}/_/"] if settings.needs_sandbox else []
    typer.echo("\n".join(["", *lines, f"modes    {modes}", "try      make demo   (in another terminal)", ""]), err=True)
