"""A sandbox with PayPal alone on a free port, a merchant with a token, and a note of every webhook."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from sandbox import paypal as emulator
from sandbox.paypal.state import PayPalAccount, get_paypal_account
from sandbox.state import Callback, SandboxConfig, SandboxState

WHOLE = {"Prefer": "return=representation"}
ORDERS = "/paypal/v2/checkout/orders"
HOLDS = "/paypal/v2/payments/authorizations"
CAPTURES = "/paypal/v2/payments/captures"


@dataclass
class Merchant:
    base: str
    world: SandboxState
    session: aiohttp.ClientSession
    token: str = ""
    ahead: timedelta = timedelta()
    """How far the sandbox's clock is ahead."""
    sent: list[Callback] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def state(self) -> PayPalAccount:
        return get_paypal_account(self.world)

    @property
    def kinds(self) -> list[str]:
        """The types of all webhooks sent, in their order."""
        return [json.loads(one.body)["event_type"] for one in self.sent]

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def take(self, callback: Callback) -> None:
        self.sent.append(callback)
        self.arrived.set()

    async def until(self, kind: str) -> Any:
        """The first webhook of that type."""
        async with asyncio.timeout(3):
            while kind not in self.kinds:
                self.arrived.clear()
                await self.arrived.wait()
        return json.loads(self.sent[self.kinds.index(kind)].body)

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and body, under the merchant's token unless told otherwise; `PayPal_Request_Id` is a header."""
        given = {"Authorization": f"Bearer {self.token}"} | {n.replace("_", "-"): v for n, v in headers.items()}
        url = path if path.startswith("http") else self.base + path
        async with self.session.request(method, url, json=body, headers=given, allow_redirects=False) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if answer.content_type.endswith("json") and text else text

    async def good(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        status, found = await self.call(method, path, body, **headers)
        assert status < 300, (status, found)
        return found

    async def issue(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """Status and issue of a refusal."""
        status, found = await self.call(method, path, body, **headers)
        return status, found["details"][0]["issue"]

    async def ask_token(self, secret: str | None = None, **form: str) -> tuple[int, Any]:
        config = self.world.config
        pair = f"{config.paypal_client_id}:{secret or config.paypal_client_secret}"
        headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        url = f"{self.base}/paypal/v1/oauth2/token"
        async with self.session.post(url, data=form, headers=headers) as answer:
            return answer.status, await answer.json()

    async def sign_in(self) -> None:
        _, found = await self.ask_token(grant_type="client_credentials")
        self.token = found["access_token"]

    async def order(self, value: str = "10.99", currency: str = "EUR", intent: str = "AUTHORIZE", **unit: Any) -> Any:
        units = [{"amount": {"currency_code": currency, "value": value}, **unit}]
        body = {"intent": intent, "purchase_units": units}
        return await self.good("POST", ORDERS, body, **WHOLE)

    async def approved(self, funding: str = "good", **order: Any) -> str:
        """An approved order's id."""
        made = await self.order(**order)
        await self.good("POST", "/_/paypal/approve", {"order": made["id"], "funding": funding})
        return str(made["id"])

    async def held(self, funding: str = "good", **order: Any) -> tuple[str, Any]:
        """An order's id and the hold on it."""
        ident = await self.approved(funding, **order)
        found = await self.good("POST", f"{ORDERS}/{ident}/authorize", {}, **WHOLE)
        return ident, found["purchase_units"][0]["payments"]["authorizations"][0]

    async def taken(self, funding: str = "good", **order: Any) -> tuple[str, Any]:
        """An order's id and the capture of all that was held."""
        ident, hold = await self.held(funding, **order)
        return ident, await self.good("POST", f"{HOLDS}/{hold['id']}/capture", {"final_capture": True}, **WHOLE)


@asynccontextmanager
async def open_merchant() -> AsyncIterator[Merchant]:
    app = web.Application()
    server = TestServer(app)
    world = SandboxState(SandboxConfig(callback_base="http://hub.test"), lambda _: None)
    emulator.setup(app, world)
    await server.start_server()
    public = str(server.make_url("")).rstrip("/")
    world.config = SandboxConfig(callback_base="http://hub.test", public_base=public)
    async with aiohttp.ClientSession() as session:
        merchant = Merchant(public, world, session)
        world.send_callback, world.now = merchant.take, merchant.now
        merchant.state.settling = 0.02
        merchant.state.thinking = 0
        await merchant.sign_in()
        yield merchant
    await server.close()
