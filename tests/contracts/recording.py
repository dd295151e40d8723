"""Adapters as the hub builds them, a sandbox behind them, and a note of every byte between the two."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

import adapters
from adapters.resend import ResendMailer
from adapters.stripe import StripeGateway
from adapters.transport import Transport
from adapters.twilio import TwilioSmsSender
from hub.core.clock import SystemClock
from hub.core.inbox import RawWebhook, WebhookSource
from hub.settings import Settings
from hub.supply.locations import Locations
from sandbox.app import create_app
from sandbox.state import SandboxConfig
from tests.support.running import free_port


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer. `path` is the provider's own, as it would be at its real address."""

    provider: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    status: int = 0
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The form of a write, the query of a read."""
        text = self.body.decode() if self.method == "POST" else self.query
        return parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))


@dataclass
class Recording:
    exchanges: list[Exchange] = field(default_factory=list)
    webhooks: list[tuple[str, RawWebhook]] = field(default_factory=list)
    own_url: str = ""

    @web.middleware
    async def provider(self, request: web.Request, handler: Any) -> web.Response:
        body = await request.read()
        answer: web.Response = await handler(request)
        told: Any = answer.body
        _, provider, rest = request.rel_url.raw_path.split("/", 2)
        given, got = dict(request.headers), dict(answer.headers) | {"Content-Type": answer.content_type}
        query = request.rel_url.raw_query_string
        one = Exchange(provider, request.method, f"/{rest}", query, given, body, answer.status, got, told)
        self.exchanges.append(one)
        return answer

    async def take(self, request: web.Request) -> web.Response:
        """The hub's place: notes a webhook, and takes it."""
        url = self.own_url + request.rel_url.raw_path_qs
        self.webhooks.append((request.match_info["provider"], RawWebhook(request.headers, await request.read(), url)))
        return web.Response(status=202)


@dataclass
class Rig:
    """What a scenario drives: the adapters of one hub, and the wire that they speak on."""

    recording: Recording
    gateway: StripeGateway
    mailer: ResendMailer
    texter: TwilioSmsSender
    sources: dict[str, WebhookSource]
    transport: Transport
    session: aiohttp.ClientSession
    sandbox: str

    @property
    def last(self) -> Exchange:
        return self.recording.exchanges[-1]

    async def ask(self, method: str, path: str, **more: Any) -> Exchange:
        """A call by hand, as adapters would never make it; recorded like theirs."""
        async with self.session.request(method, self.sandbox + path, **more) as answer:
            await answer.read()
        return self.last

    async def control(self, path: str, body: dict[str, Any]) -> None:
        async with self.session.post(f"{self.sandbox}/_/{path}", json=body) as answer:
            assert answer.status < 300, await answer.text()

    async def webhooks(self, provider: str, last: str) -> list[RawWebhook]:
        """What the sandbox has called back with, once the `last` kind of news is there."""
        async with asyncio.timeout(5):
            while not any(last.encode() in raw.body for raw in self._webhooks(provider)):
                await asyncio.sleep(0.01)
        return self._webhooks(provider)

    def _webhooks(self, provider: str) -> list[RawWebhook]:
        return [raw for name, raw in self.recording.webhooks if name == provider]


@asynccontextmanager
async def recorded() -> AsyncIterator[Rig]:
    """Everything on loopback, in this loop; the adapters are those of `adapters.build`, all in sandbox mode."""
    recording = Recording()
    hub = web.Application()
    hub.router.add_post("/webhooks/{provider}", recording.take)
    settings = Settings.from_environment(port=free_port(), sandbox_port=free_port())
    assert {one.resolved_mode for one in settings.providers} == {"sandbox"}, "provider credentials are set"
    recording.own_url = settings.own_url
    config = SandboxConfig(
        callback_base=settings.own_url, public_base=settings.sandbox_base_url, callback_delay=0.0, callback_retry=()
    )
    sandbox = create_app(config)
    sandbox.middlewares.insert(0, recording.provider)
    clock = SystemClock()
    async with (
        TestServer(hub, port=settings.port),
        TestServer(sandbox, port=settings.sandbox_port),
        aiohttp.ClientSession() as session,
        Transport.open_with_session(clock=clock, chance=random.SystemRandom()) as transport,
    ):
        made: Any = adapters.build_adapters(settings, transport, clock, Locations())
        yield Rig(
            recording,
            made.gateways["stripe"],
            made.mailer,
            made.sms_sender,
            made.webhooks,
            transport,
            session,
            settings.sandbox_base_url,
        )
