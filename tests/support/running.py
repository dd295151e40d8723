"""A whole hub and its sandbox, in this process, on ports of their own, over a fresh database."""

import asyncio
import contextlib
import itertools
import os
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from pydantic import SecretStr

from hub import app as root
from hub.cli.processes import run_worker, serve_application
from hub.core.db import Database
from hub.settings import Settings
from sandbox.app import start_sandbox as serve_sandbox
from sandbox.state import SandboxConfig

ADA = {
    "title": "ms",
    "gender": "f",
    "given_name": "Ada",
    "family_name": "Lovelace",
    "born_on": "1990-12-10",
    "nationality": "GB",
    "email": "ada@example.com",
    "phone": "+447700900123",
}


_NEXT = itertools.count(os.getpid() % 500)


def free_port() -> int:
    """Below the range of clients' connections, and apart for each xdist worker: nobody takes it before us."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    while True:
        port = 12_000 + worker * 2_000 + next(_NEXT) % 2_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def soon(days: int = 40) -> date:
    return date.today() + timedelta(days=days)  # noqa: DTZ011


@dataclass
class Running:
    """The world as a test sees it: the hub's API, the sandbox's controls, the database."""

    url: str
    sandbox: str
    db: Database
    session: aiohttp.ClientSession
    settings: Settings
    made: root.Services
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of one call to the hub, signed in if somebody is."""
        send = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        how = {"data" if isinstance(body, aiohttp.FormData) else "json": body}
        async with self.session.request(method, self.url + path, headers=send | headers, **how) as answer:
            text = await answer.text()
            self.headers = dict(answer.headers)
            is_json = "json" in answer.headers.get("Content-Type", "")
            return answer.status, (await answer.json(content_type=None)) if is_json and text else text

    async def good(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        status, found = await self.call(method, path, body, **headers)
        assert status < 300, (status, found)
        return found

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        async with self.session.request(method, f"{self.sandbox}/_/{path}", json=body) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def fault(self, provider: str, kind: str, **more: Any) -> None:
        await self.control("POST", "faults", {"provider": provider, "kind": kind, **more})

    async def register(self, email: str | None = None) -> str:
        email = email or f"ada.{uuid4().hex[:8]}@example.com"
        body = {"email": email, "password": "correct horse battery", "name": "Ada Lovelace", "phone": "+447700900123"}
        done = await self.good("POST", "/api/auth/register", body)
        if done["requires_verification"]:
            done = await self.good("POST", "/api/auth/verify-email", {"token": await self.link(email, "verify")})
        self.token = done["token"]
        return email

    async def link(self, email: str, page: str) -> str:
        """The token of the link in the latest letter to that address that leads to that page."""

        async def found() -> str | None:
            letters = [one["text"] or "" for one in await self.control("GET", "mailbox") if email in one["to"]]
            tokens = [one[1] for text in letters if (one := re.search(rf"{page}\?token=([\w.~-]+)", text))]
            return tokens[-1] if tokens else None

        return await until(found)

    async def offer(self, **query: Any) -> dict[str, Any]:
        wanted = {"origin": "LHR", "destination": "BCN", "departure_date": soon().isoformat()} | query
        found = await self.good("POST", "/api/flights/search", wanted)
        return found["offers"][0]

    async def book(self, offer: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
        """For Ada, however often she is on that flight already."""
        offer = offer or await self.offer()
        contact = {"email": "ada@example.com", "phone": "+447700900123"}
        body = {"offer_id": offer["id"], "travelers": [ADA], "contact": contact, "allow_duplicate": True}
        return await self.good("POST", "/api/bookings", body, **headers)

    async def intent(self, booking: dict[str, Any]) -> dict[str, Any]:
        return await self.good("POST", "/api/payments/create-payment-intent", {"booking_id": booking["id"]})

    async def pay(self, booking: dict[str, Any], card: str = "pm_card_visa") -> dict[str, Any]:
        """What Stripe's script does in the browser."""
        intent = await self.intent(booking)
        url = f"{self.sandbox}/stripe/v1/payment_intents/{intent['payment_intent_id']}/confirm"
        form = {
            "client_secret": intent["client_secret"],
            "payment_method": card,
            "return_url": "http://127.0.0.1:9/back",
        }
        send = {"Authorization": f"Bearer {intent['publishable_key']}"}
        async with self.session.post(url, data=form, headers=send) as answer:
            return {**intent, "http": answer.status, "answer": await answer.json()}

    async def booking(self, booking: dict[str, Any]) -> dict[str, Any]:
        return await self.good("GET", f"/api/bookings/{booking['id']}")

    async def settled(self, booking: dict[str, Any], *, within: float = 30.0) -> dict[str, Any]:
        """The booking once it has come to an end and its money has followed."""
        done = {"confirmed": {"paid"}, "failed": {"released", "refunded", "unpaid"}}
        done |= {"cancelled": {"released", "refunded", "unpaid"}, "expired": {"released", "refunded", "unpaid"}}

        async def ended() -> dict[str, Any] | None:
            now = await self.booking(booking)
            return now if now["payment_status"] in done.get(now["status"], ()) else None

        return await until(ended, within)

    async def mails(self, subject: str = "") -> list[dict[str, Any]]:
        return [one for one in await self.control("GET", "mailbox") if subject in one["subject"]]

    async def orders(self) -> list[dict[str, Any]]:
        return await self.control("GET", "kiwi/bookings")


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 15.0) -> Any:
    """The first true thing that the condition says. Fails with what it said last."""
    found: Any = None
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        if found := await condition():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"it did not happen within {seconds} s: {found}")


def settings_for(dsn: str, data_dir: Path, **more: Any) -> Settings:
    ports = {"port": free_port(), "sandbox_port": free_port()}
    given = {
        "database_url": SecretStr(dsn),
        "data_dir": data_dir,
        "rate_limit": 1_000_000,
        "auth_rate_limit": 1_000_000,
        "shutdown_grace": 2.0,
    }
    return Settings.from_environment(**(ports | given | more))


@asynccontextmanager
async def hub_running(settings: Settings, *, sandbox: bool = True) -> AsyncIterator[Running]:
    async with AsyncExitStack() as stack:
        if sandbox:
            config = SandboxConfig(
                callback_base=settings.own_url, public_base=settings.sandbox_base_url, callback_delay=0.01,
                callback_retry=(0.1, 0.2, 0.4, 0.8, 1.6, 3.2),
            )  # fmt: skip
            runner = await serve_sandbox(config, "127.0.0.1", settings.sandbox_port or 0)
            stack.push_async_callback(runner.cleanup)
        have = await stack.enter_async_context(root.open_resources(settings))
        made = root.build_services(have)
        jobs = root.build_worker(have, made)
        await stack.enter_async_context(run_worker(jobs, settings.shutdown_grace))
        await stack.enter_async_context(serve_application(root.build_web_app(have, made, jobs), settings))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Running(settings.own_url, settings.sandbox_base_url, have.db, session, settings, made)


@pytest.fixture
async def running(dsn: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with hub_running(settings_for(dsn, tmp_path)) as found:
        yield found
