"""The sandbox as one application: every emulator under its prefix, faults before them, control pages under /_/."""

import asyncio
import time
from collections.abc import AsyncIterator
from random import Random
from typing import Any

from aiohttp import web

from adapters.sandbox import control, faults, kiwi, resend, stripe, twilio
from adapters.sandbox.callbacks import Deliverer
from adapters.sandbox.world import SandboxConfig, World

WORLD: web.AppKey[World] = web.AppKey("world", World)
KEPT = 10_000


def create_app(config: SandboxConfig) -> web.Application:
    """A sandbox, not yet listening. The same seed plays the same offers."""
    deliverer = Deliverer(config.callback_delay, config.callback_retry)
    world = World(config, deliverer.post, random=Random(config.seed))
    app = web.Application(middlewares=[_middleware(world)], client_max_size=45 * 1024 * 1024)
    app[WORLD] = world

    async def deliver(_: web.Application) -> AsyncIterator[None]:
        await deliverer.start()
        yield
        await deliverer.stop()

    app.cleanup_ctx.append(deliver)
    control.setup(app, world, deliverer)
    for emulator in (kiwi, stripe, resend, twilio):
        emulator.setup(app, world)
    return app


async def serve(config: SandboxConfig, host: str, port: int) -> web.AppRunner:
    """Listening. `runner.cleanup()` ends it. Raises OSError when the port is taken."""
    runner = web.AppRunner(create_app(config), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise OSError(f"The sandbox cannot listen on {host}:{port}: {error.strerror or error}") from error
    return runner


def _middleware(world: World) -> Any:
    @web.middleware
    async def provider(request: web.Request, handler: faults.Handler) -> web.StreamResponse:
        """Notes the call, and plays a fault if one waits for it."""
        name = request.path.split("/", 2)[1]
        if name not in faults.PROVIDERS or _is_page(request):
            return await handler(request)
        started, status = time.perf_counter(), 0
        try:
            fault = faults.pick(world, name, request.method, request.path)
            answer = await (faults.strike(fault, name, request, handler) if fault else handler(request))
            status = answer.status
        except web.HTTPException as error:
            status = error.status
            raise
        except asyncio.CancelledError:
            status = 499
            raise
        finally:
            _note(world, request, name, status, (time.perf_counter() - started) * 1000)
        return answer

    return provider


def _is_page(request: web.Request) -> bool:
    """Pages for people (3-D Secure, checkout) are no calls of the hub's."""
    return request.path.startswith(("/stripe/3ds/", "/stripe/checkout/"))


def _note(world: World, request: web.Request, provider: str, status: int, duration_ms: float) -> None:
    world.calls.append(
        {
            "n": world.calls[-1]["n"] + 1 if world.calls else 1,
            "time": world.now().isoformat(),
            "provider": provider,
            "method": request.method,
            "path": request.path,
            "idempotency_key": request.headers.get("Idempotency-Key"),
            "status": status,
            "duration_ms": round(duration_ms, 1),
        }
    )
    del world.calls[:-KEPT]
