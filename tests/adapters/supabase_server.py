"""The adapter, connected to the emulator or to a server that says what it is told."""

import random
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.supabase import SupabaseIdentityProvider
from adapters.transport import Transport
from hub.core.clock import SystemClock
from hub.resilience.policy import ResiliencePolicy
from hub.resilience.retry import Backoff
from tests.sandbox.supabase_project import ANON, SERVICE

QUICK = ResiliencePolicy(
    timeout=3,
    backoff=Backoff(initial_delay=0.001, max_delay=0.01, max_retry_after=0.1),
    retry_reserve=20,
    breaker_min_calls=1000,
)
BACK = "http://127.0.0.1:3000/account"


@asynccontextmanager
async def connected(base, records, **settings):
    given = {"anon_key": ANON, "service_key": SERVICE, "jwt_secret": None, "redirect_to": BACK}
    clock = SystemClock()
    async with Transport.open_with_session(
        clock=clock, chance=random.Random(1), policies={"supabase": QUICK}, record=records.append
    ) as transport:
        identity = SupabaseIdentityProvider(transport, base_url=base, clock=clock, **given | settings)
        yield identity
        await identity.close()


class Script:
    """Answers what it has been told, one after the other, the last again and again; notes what it is asked."""

    def __init__(self):
        self.answers = []
        self.asked = []

    def says(self, *answers):
        """(status, document or text) each; None is a connection that is cut."""
        self.answers[:] = answers

    async def handle(self, request):
        self.asked.append((request.method, request.path, await request.text()))
        told = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if told is None:
            request.transport.abort()
            return web.Response()
        status, body = told
        if isinstance(body, str):
            return web.Response(status=status, text=body, content_type="text/html")
        return web.json_response(body, status=status)


@asynccontextmanager
async def scripted(records):
    """The adapter, and the server behind it."""
    script, app = Script(), web.Application()
    app.router.add_route("*", "/{path:.*}", script.handle)
    async with (
        TestServer(app) as server,
        connected(str(server.make_url("")).rstrip("/"), records) as identity,
    ):
        yield identity, script
