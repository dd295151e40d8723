"""The whole sandbox on a port of its own, and a hub that notes the webhooks it gets."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sandbox.app import STATE_KEY, create_app
from sandbox.state import SandboxConfig, SandboxState

KEY = {"Authorization": "Bearer re_sandbox"}
MAIL = {"from": "Hub <hub@example.com>", "to": ["ada@example.com"], "subject": "Hello", "html": "<p>Hi</p>"}


@dataclass
class Webhook:
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Hub:
    """Answers 204, or what `answers` says next."""

    base: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[Webhook] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        url = self.base + request.rel_url.raw_path_qs
        self.got.append(Webhook(url, dict(request.headers), await request.read()))
        status = self.answers.pop(0) if self.answers else 204
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 307 else None)


@dataclass
class Shell:
    base: str
    config: SandboxConfig
    world: SandboxState
    session: aiohttp.ClientSession
    hub: Hub

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, Any, Any]:
        """Status, body (JSON when it is) and headers."""
        async with self.session.request(method, self.base + path, allow_redirects=False, **more) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await answer.json() if is_json else await answer.text(), answer.headers

    async def control(self, method: str, path: str, /, **body: Any) -> Any:
        status, found, _ = await self.call(method, f"/_/{path}", json=body or None)
        assert status < 300, (status, found)
        return found

    async def fault(self, kind: str, provider: str = "resend", **more: Any) -> Any:
        return await self.control("POST", "faults", provider=provider, kind=kind, **more)

    async def mail(self, **more: Any) -> tuple[int, Any, Any]:
        headers = KEY | more.pop("headers", {})
        return await self.call("POST", "/resend/emails", json=MAIL | more, headers=headers)

    async def webhooks(self, count: int) -> list[Webhook]:
        """What the hub got, once it is that many."""
        await until(lambda: len(self.hub.got) >= count)
        return self.hub.got


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def open_shell(**config: Any) -> AsyncIterator[Shell]:
    hub, app = Hub(), web.Application()
    app.router.add_post("/{path:.*}", hub.take)
    listening = TestServer(app)
    await listening.start_server()
    hub.base = str(listening.make_url("")).rstrip("/")
    given: dict[str, Any] = {
        "callback_base": hub.base,
        "callback_delay": 0.01,
        "callback_retry": (0.02, 0.04, 0.08),
    } | config
    sandbox = create_app(SandboxConfig(**given))
    server = TestServer(sandbox)
    await server.start_server()
    async with aiohttp.ClientSession() as session:
        base = str(server.make_url("")).rstrip("/")
        yield Shell(base, SandboxConfig(**given), sandbox[STATE_KEY], session, hub)
    await server.close()
    await listening.close()


def vendor(name: str) -> dict[str, Any]:
    """A vendor's own OpenAPI file; the test is skipped where there is none."""
    folder = os.environ.get("VENDOR_SPECS")
    if not folder:
        pytest.skip("VENDOR_SPECS is not set")
    found: dict[str, Any] = json.loads((Path(folder) / name).read_text(encoding="utf-8"))
    return found
