import asyncio
import json
import random

import pytest
from aiohttp import web

from adapters.transport import ProviderCall, Transport
from hub.core.clock import SystemClock
from hub.resilience.policy import ResiliencePolicy
from hub.resilience.retry import Backoff


class Provider:
    """A real server with a script: each request takes the next step, the last step serves for ever."""

    def __init__(self):
        self.steps = []
        self.seen = []
        self.bodies = []
        self.peers = []
        self.url = ""
        self._away = asyncio.Event()

    def will(self, *steps):
        self.steps = list(steps)

    async def handle(self, request):
        self.seen.append(request)
        self.bodies.append(await request.read())
        self.peers.append(request.transport.get_extra_info("peername"))
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        return await step(self, request)

    def hang_up(self):
        self._away.set()

    async def was_asked(self, times):
        async with asyncio.timeout(5):
            while len(self.peers) < times:
                await asyncio.sleep(0.01)

    async def silence(self):
        await self._away.wait()


def says(status=200, body=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def step(_, __):
        raw = body if isinstance(body, bytes) else json.dumps(body if body is not None else {"ok": True}).encode()
        return web.Response(status=status, body=raw, content_type="application/json", headers=named)

    return step


async def never_answers(provider, _):
    await provider.silence()
    return web.Response()


async def resets(_, request):
    request.transport.abort()
    return web.Response()


async def speaks_garbage(_, request):
    request.transport.write(b"\x00\x01 this is not HTTP\r\n\r\n")
    request.transport.close()
    return web.Response()


async def cuts_the_body(_, request):
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"half": ')
    request.transport.abort()
    return response


async def stalls_in_the_body(provider, request):
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"half": ')
    await provider.silence()
    return response


async def resets_and_leaves(provider, request):
    await provider.site.stop()
    request.transport.abort()
    return web.Response()


Provider.says = staticmethod(says)
for fault in (
    never_answers,
    resets,
    resets_and_leaves,
    speaks_garbage,
    cuts_the_body,
    stalls_in_the_body,
):
    setattr(Provider, fault.__name__, staticmethod(fault))


@pytest.fixture
async def provider():
    world = Provider()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", world.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    world.site = site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    world.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    yield world
    world.hang_up()
    await runner.cleanup()


QUICK = ResiliencePolicy(
    timeout=3,
    backoff=Backoff(initial_delay=0.001, max_delay=0.01, max_retry_after=0.5),
    retry_reserve=20,
    breaker_min_calls=1000,
)


@pytest.fixture
def quick():
    return QUICK


@pytest.fixture
def records():
    return []


@pytest.fixture
async def transport(records):
    policies = dict.fromkeys(("kiwi", "stripe", "resend", "twilio", "openai"), QUICK)
    async with Transport.open_with_session(
        clock=SystemClock(), chance=random.Random(1), policies=policies, record=records.append
    ) as opened:
        yield opened


@pytest.fixture
def read(provider):
    def make(**fields):
        return ProviderCall(
            **{"provider": "kiwi", "operation": "search", "method": "GET", "url": provider.url, "is_read": True}
            | fields
        )

    return make


@pytest.fixture
def write(provider):
    def make(**fields):
        given = {"provider": "kiwi", "operation": "save_booking", "method": "POST", "url": provider.url, "body": b"{}"}
        return ProviderCall(**given | fields)

    return make
