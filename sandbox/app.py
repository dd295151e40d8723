"""The sandbox as one application: every emulator under its prefix, faults before them, control pages under /_/."""

import logging
import time
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from sandbox import captcha, control, faults, kiwi, oidc, openai, paypal, resend, s3, stripe, supabase, twilio
from sandbox.control_input import IGNORED_HEADER
from sandbox.state import SandboxConfig, SandboxState
from sandbox.storage import StorageInUse
from sandbox.webhook_delivery import WebhookDeliverer

STATE_KEY: web.AppKey[SandboxState] = web.AppKey("world", SandboxState)
MAX_CALLS = 10_000
"""Calls remembered."""
MAX_BODY_BYTES = 45 * 1024 * 1024
"""Bytes of a request's body: Resend takes 40 MB of mail."""

_log = logging.getLogger(__name__)


def create_app(config: SandboxConfig) -> web.Application:
    """A sandbox, not yet listening. The same seed plays the same offers.

    Ids are new each time: a hub outlives the state of its sandbox, and remembers the ids of the one before.
    """
    world = SandboxState(config)
    deliverer = WebhookDeliverer(world, config.callback_delay, config.callback_retry)
    world.send_callback = deliverer.send_callback
    world.parts["deliveries"] = deliverer
    app = web.Application(middlewares=[_providers(world), _errors, _saved(world)], client_max_size=MAX_BODY_BYTES)
    app[STATE_KEY] = world

    async def run(_: web.Application) -> AsyncIterator[None]:
        if config.storage is not None:
            world.open_storage(config.storage)
        await deliverer.start()
        yield
        await deliverer.stop()
        world.stop_timers()
        world.close_storage()

    app.cleanup_ctx.append(run)
    control.setup(app, world, deliverer)
    for emulator in (kiwi, stripe, paypal, resend, twilio, oidc, captcha, supabase, openai, s3):
        emulator.setup(app, world)
    return app


async def start_sandbox(config: SandboxConfig, host: str, port: int) -> web.AppRunner:
    """Listening. `runner.cleanup()` ends it. Raises OSError when the port is taken, StorageInUse when the file is."""
    runner = web.AppRunner(create_app(config), access_log=None, shutdown_timeout=1.0)
    try:
        await runner.setup()
    except StorageInUse:
        await runner.cleanup()
        raise
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise OSError(error.errno, f"The sandbox cannot listen on {host}:{port}: {error.strerror or error}") from error
    return runner


def _providers(world: SandboxState) -> Any:
    @web.middleware
    async def provider(request: web.Request, handler: faults.Handler) -> web.StreamResponse:
        """Notes the call from its beginning on, and plays a fault if one waits for it."""
        name = _called(request)
        if name is None:
            return await handler(request)
        started, call = time.perf_counter(), _note(world, request, name)
        fault = faults.pick_fault(world, name, request.method, request.path)
        call["fault"] = fault and fault["kind"]
        try:
            answer = await (faults.play_fault(fault, request, handler) if fault else handler(request))
            call["status"] = None if call["fault"] in faults.SILENT_KINDS else answer.status
            call["ignored"] = [name for name in answer.headers.get(IGNORED_HEADER, "").split(", ") if name]
            return answer
        finally:
            call["duration_ms"] = round((time.perf_counter() - started) * 1000, 1)

    return provider


def _saved(world: SandboxState) -> Any:
    @web.middleware
    async def saved(request: web.Request, handler: faults.Handler) -> web.StreamResponse:
        """What a request has changed is written before it is answered, and before any fault spoils the answer."""
        try:
            return await handler(request)
        finally:
            world.save_changes()

    return saved


@web.middleware
async def _errors(request: web.Request, handler: faults.Handler) -> web.StreamResponse:
    """Errors as JSON: the provider's where the path is a provider's, else our own."""
    try:
        return await handler(request)
    except web.HTTPError as error:
        return _error(request, error.status, error.reason, error.headers.get("Allow"))
    except web.HTTPException:  # a redirect: an answer like any other
        raise
    except Exception:  # noqa: BLE001 (whatever it is, it is told as JSON and logged)
        _log.exception("sandbox.request_failed")
        return _error(request, 500, "The sandbox has a fault of its own; see its log.")


def _error(request: web.Request, status: int, message: str, allow: str | None = None) -> web.Response:
    body = faults.build_error_body(request.path.split("/", 2)[1], status, message)
    return web.json_response(body, status=status, headers={"Allow": allow} if allow else None)


def _called(request: web.Request) -> str | None:
    """The provider that is called. Pages for people (3-D Secure, checkout) and preflights are no calls."""
    name = request.path.split("/", 2)[1]
    if name not in faults.PROVIDERS or request.method == "OPTIONS" or request.path == "/paypal/checkoutnow":
        return None
    return None if name == "stripe" and not request.path.startswith("/stripe/v1/") else name


def _note(world: SandboxState, request: web.Request, provider: str) -> dict[str, Any]:
    """`status` is None until there is an answer, and stays so when none was sent."""
    call: dict[str, Any] = {
        "n": world.calls[-1]["n"] + 1 if world.calls else 1,
        "time": world.now().isoformat(),
        "provider": provider,
        "method": request.method,
        "path": request.path,
        "idempotency_key": request.headers.get("Idempotency-Key"),
        "status": None,
        "duration_ms": None,
        "fault": None,
        "ignored": [],
    }
    world.calls.append(call)
    del world.calls[:-MAX_CALLS]
    return call
