"""A sandbox with Stripe alone on a free port, and the official SDK pointed at it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import stripe
from aiohttp import web
from aiohttp.test_utils import TestServer

from sandbox import stripe as emulator
from sandbox.state import Callback, SandboxConfig, SandboxState
from sandbox.stripe.state import StripeAccount, get_stripe_account

SECRET = "sk_test_sandbox"
PUBLISHABLE = "pk_test_sandbox"


class Wire(stripe.HTTPClient):
    """The SDK's transport over a session of the test's."""

    name = "aiohttp"

    def __init__(self, session: aiohttp.ClientSession) -> None:
        super().__init__()
        self._session = session

    async def request_async(self, method: str, url: str, headers: Any, post_data: Any = None) -> Any:
        async with self._session.request(method, url, headers=headers, data=post_data) as answer:
            return await answer.read(), answer.status, answer.headers

    async def sleep_async(self, secs: float) -> None:
        await asyncio.sleep(secs)

    async def close_async(self) -> None:
        await self._session.close()


@dataclass
class Account:
    base: str
    world: SandboxState
    session: aiohttp.ClientSession
    sent: list[Callback] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, callback: Callback) -> None:
        self.sent.append(callback)
        self.arrived.set()

    def client(self, key: str = SECRET) -> Any:
        http = Wire(self.session)
        return stripe.StripeClient(key, http_client=http, base_addresses={"api": self.base}, max_network_retries=0).v1

    @property
    def state(self) -> StripeAccount:
        return get_stripe_account(self.world)

    @property
    def kinds(self) -> list[str]:
        """The types of all webhooks sent, in their order."""
        return [json.loads(one.body)["type"] for one in self.sent]

    def now(self) -> datetime:
        return self.world.now().astimezone(UTC)

    async def until(self, kind: str) -> Any:
        """The first webhook of that type."""
        async with asyncio.timeout(3):
            while kind not in self.kinds:
                self.arrived.clear()
                await self.arrived.wait()
        return json.loads(self.sent[self.kinds.index(kind)].body)

    async def intent(self, **more: Any) -> Any:
        """1099 euros' cents, confirmed with a card unless told otherwise, the money held."""
        facts = {"amount": 1099, "currency": "eur", "capture_method": "manual", "payment_method": "pm_card_visa"}
        off = {"enabled": True, "allow_redirects": "never"}
        return await self.client().payment_intents.create_async(
            {**facts, "automatic_payment_methods": off, "confirm": True, **more}
        )

    async def fetch(self, method: str, path: str, **more: Any) -> tuple[int, Any, Any]:
        """Status, body (JSON when it is) and headers, with the secret key unless told otherwise."""
        headers = {"Authorization": f"Bearer {SECRET}"} | more.pop("headers", {})
        url = path if path.startswith("http") else f"{self.base}{path.removeprefix('/stripe')}"
        if path.startswith("/_/"):
            url = self.base.removesuffix("/stripe") + path
        async with self.session.request(method, url, headers=headers, allow_redirects=False, **more) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if answer.content_type.endswith("json") else text, answer.headers


def refusal(raised: pytest.ExceptionInfo[Any]) -> Any:
    """The SDK's exception, whose parts the SDK declares as optional."""
    return raised.value


@asynccontextmanager
async def open_account() -> AsyncIterator[Account]:
    app = web.Application()
    server = TestServer(app)
    world = SandboxState(SandboxConfig(callback_base="http://hub.test"), lambda _: None)
    emulator.setup(app, world)
    await server.start_server()
    public = str(server.make_url("")).rstrip("/")
    world.config = SandboxConfig(callback_base="http://hub.test", public_base=public)
    async with aiohttp.ClientSession() as session:
        account = Account(f"{public}/stripe", world, session)
        world.send_callback = account.take
        account.state.settling = 0.02
        account.state.thinking = 0
        yield account
    await server.close()
