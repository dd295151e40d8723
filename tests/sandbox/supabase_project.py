"""A sandbox with Supabase alone on a free port, its clock in the test's hand, and a hub that takes its hooks."""

import asyncio
import html
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer

from sandbox import supabase as emulator
from sandbox.state import Callback, SandboxConfig, SandboxState

ADA = "ada@example.com"
PASSWORD = "engine-of-1843"
KNOWN = SandboxConfig(callback_base="")
ANON, SERVICE = KNOWN.supabase_anon_key, KNOWN.supabase_service_key

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def _taken(_: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


@dataclass
class Project:
    base: str
    world: SandboxState
    session: aiohttp.ClientSession
    hub: str
    answer: Answer = _taken
    """What the hub says to a hook."""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    sent: list[Callback] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.got.append((dict(request.headers), await request.read()))
        return await self.answer(request)

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, Any, Any]:
        """Status, body and headers. `bearer` and `key` (the apikey) are headers; the rest is the JSON body."""
        key, bearer, headers = more.pop("key", ANON), more.pop("bearer", None), more.pop("headers", {})
        headers = ({"apikey": key} if key else {}) | ({"Authorization": f"Bearer {bearer}"} if bearer else {}) | headers
        url = path if path.startswith("http") else f"{self.base}/auth/v1/{path}"
        body = {"json": more} if more or method in {"POST", "PUT"} else {}
        asking = self.session.request(method, url, headers=headers, allow_redirects=False, **body)
        async with asking as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await answer.json() if is_json else await answer.text(), answer.headers

    async def ok(self, method: str, path: str, **more: Any) -> Any:
        status, found, _ = await self.call(method, path, **more)
        assert status < 300, (status, found)
        return found

    async def refused(self, method: str, path: str, **more: Any) -> tuple[int, str, str]:
        """Status, code and words of the error."""
        status, found, headers = await self.call(method, path, **more)
        assert found["code"] == status
        assert headers["x-sb-error-code"] == found["error_code"]
        return status, found["error_code"], found["msg"]

    async def admin(self, method: str, path: str = "", **more: Any) -> Any:
        return await self.ok(method, f"admin/users{path}", key=SERVICE, **more)

    async def control(self, path: str, **body: Any) -> Any:
        url = f"{self.base.removesuffix('/supabase')}/_/supabase/{path}"
        return await self.ok("POST", url, **body)

    async def look(self, path: str) -> Any:
        return await self.ok("GET", f"{self.base.removesuffix('/supabase')}/_/supabase/{path}")

    async def register(self, email: str = ADA, password: str = PASSWORD) -> Any:
        """A confirmed user."""
        return await self.admin("POST", email=email, password=password, email_confirm=True)

    async def sign_in(self, email: str = ADA, password: str = PASSWORD) -> Any:
        return await self.ok("POST", "token?grant_type=password", email=email, password=password)

    async def refresh(self, token: str) -> Any:
        return await self.ok("POST", "token?grant_type=refresh_token", refresh_token=token)

    def later(self, seconds: float) -> None:
        was = self.world.now
        self.world.now = lambda: was() + timedelta(seconds=seconds)

    @property
    def link(self) -> str:
        """In the newest mail, as its reader clicks it."""
        (found,) = re.findall(r'href="([^"]+)"', self.world.mailbox[-1]["html"])
        return html.unescape(str(found))

    @property
    def mark(self) -> str:
        """The token in that link."""
        return self.link.partition("token=")[2].partition("&")[0]

    async def read(self, token: str) -> dict[str, Any]:
        """The claims, checked as a resource server does: by the published keys alone."""
        keys = (await self.ok("GET", ".well-known/jwks.json", key=None))["keys"]
        kid = jwt.get_unverified_header(token)["kid"]
        key = jwt.PyJWK(next(one for one in keys if one["kid"] == kid))
        issuer = f"{self.base}/auth/v1"
        found: dict[str, Any] = jwt.decode(token, key, ["ES256"], audience="authenticated", issuer=issuer)
        return found


@asynccontextmanager
async def open_project() -> AsyncIterator[Project]:
    app, hub = web.Application(), web.Application()
    world = SandboxState(SandboxConfig(callback_base=""), lambda _: None)
    emulator.setup(app, world)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        public = str(server.make_url("")).rstrip("/")
        project = Project(f"{public}/supabase", world, session, "")
        hub.router.add_post("/webhooks/supabase", project.take)
        async with TestServer(hub) as listening:
            project.hub = str(listening.make_url("")).rstrip("/")
            world.config = replace(world.config, callback_base=project.hub, public_base=public)
            world.send_callback = project.sent.append
            yield project


def now() -> datetime:
    return datetime.now(UTC)


async def together(*acts: Awaitable[Any]) -> list[Any]:
    return await asyncio.gather(*acts)
