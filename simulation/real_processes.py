"""The same in truth: `hub serve` and `hub sandbox` as processes, and kill -9 of the hub at any moment.

Slower and coarser than virtual time, and it cannot be played again; it shows that the virtual world is not kinder than
the real one.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import aiohttp

FAULT_PATHS = (
    ("kiwi", "/v2/booking/check_flights"),
    ("kiwi", "/v2/booking/save_booking"),
    ("kiwi", "/v2/booking/confirm_payment"),
    ("stripe", "/v1/payment_intents/*/capture"),
    ("stripe", "/v1/payment_intents"),
    ("resend", "/emails"),
    ("twilio", "/2010-04-01/*/Messages.json"),
)
SAFE_ENVIRONMENT_NAMES = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "PYTHONPATH")
"""What the processes learn of the environment: no provider's credentials, so that everything stays in the sandbox."""
MAX_CONCURRENT_BOOKINGS = 4
"""Bookings that are under way together."""
SETTLE_TIMEOUT = 180.0
"""Seconds in which every booking has to have come to an end after the last kill."""
PASSWORD = "correct horse battery"  # noqa: S105 (of a traveller who is made up)
SAMPLE_TRAVELER = {
    "title": "ms", "gender": "f", "given_name": "Ada", "family_name": "Lovelace", "born_on": "1990-12-10",
    "nationality": "GB", "email": "ada@example.com", "phone": "+447700900123",
}  # fmt: skip
SETTLED_STATUSES = {
    "confirmed": {"paid"},
    "failed": {"released", "refunded", "unpaid"},
    "cancelled": {"released", "refunded", "unpaid"},
    "expired": {"released", "refunded", "unpaid"},
}


class RequestFailed(Exception):
    """The hub did not answer, or not well."""


@dataclass
class ProcessOutcome:
    """`violations` are sentences that are not true."""

    booking_count: int = 0
    kill_count: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


class HubProcesses:
    """Two processes over one database, of which the hub dies again and again."""

    def __init__(self, dsn: str, folder: Path, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 (what happens when is not secret)
        self.hub_url = f"http://127.0.0.1:{(port := _free_port())}"
        self.sandbox_url = f"http://127.0.0.1:{(other := _free_port())}"
        self._folder = folder
        self._env = {name: os.environ[name] for name in SAFE_ENVIRONMENT_NAMES if name in os.environ} | {
            "HUB_PORT": str(port), "HUB_SANDBOX_PORT": str(other), "HUB_DATA_DIR": str(folder), "DATABASE_URL": dsn,
            "HUB_LOG_LEVEL": "error", "HUB_RATE_LIMIT": "1000000", "HUB_AUTH_RATE_LIMIT": "1000000",
            "AUTH_VERIFY_EMAIL": "later",
        }  # fmt: skip
        self._running: dict[str, asyncio.subprocess.Process] = {}

    async def start_process(self, command: str) -> None:
        with (self._folder / f"{command}.log").open("ab") as log:
            self._running[command] = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "hub", command, env=self._env, stdout=log, stderr=log
            )

    def is_running(self, command: str) -> bool:
        return command in self._running

    async def kill_process(self, command: str) -> None:
        process = self._running.pop(command, None)
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


class ProcessSimulation:
    """Plays `runs` bookings. `told` hears of each as it ends."""

    def __init__(self, processes: HubProcesses, session: aiohttp.ClientSession, told: Callable[[str], None]) -> None:
        self._processes = processes
        self._session = session
        self._told = told
        self._token = ""
        self.outcome = ProcessOutcome()

    async def run_bookings(self, runs: int) -> ProcessOutcome:
        for command, url in (
            ("sandbox", f"{self._processes.sandbox_url}/_/health"),
            ("serve", f"{self._processes.hub_url}/readyz"),
        ):
            await self._processes.start_process(command)
            await self._up(url)
        await self._register()
        killing = asyncio.create_task(self._kill_now_and_then())
        slots = asyncio.Semaphore(MAX_CONCURRENT_BOOKINGS)
        try:
            booked = await asyncio.gather(*(self._one(slots) for _ in range(runs)))
        finally:
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)
        if not self._processes.is_running("serve"):
            await self._processes.start_process("serve")
        await self._up(f"{self._processes.hub_url}/readyz")
        await self._look([one for one in booked if one is not None])
        return self.outcome

    async def _kill_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._processes.random.uniform(1.0, 6.0))
            await self._processes.kill_process("serve")
            self.outcome.kill_count += 1
            await self._processes.start_process("serve")
            await self._up(f"{self._processes.hub_url}/readyz")

    async def _one(self, slots: asyncio.Semaphore) -> dict[str, Any] | None:
        """One traveller's way, in which the hub may die at any moment; who gets no answer asks again."""
        roll = self._processes.random
        async with slots:
            if roll.random() < 0.6:  # noqa: PLR2004
                await self._fault()
            key = {"Idempotency-Key": uuid4().hex}
            contact = {"email": "ada@example.com", "phone": "+447700900123"}
            offer = await self._surely(self._offer)
            body = {
                "offer_id": offer["id"],
                "travelers": [SAMPLE_TRAVELER],
                "contact": contact,
                "allow_duplicate": True,
            }
            booking = await self._surely(lambda: self._ask("POST", "/api/bookings", body, **key))
            intent = await self._surely(
                lambda: self._ask("POST", "/api/payments/create-payment-intent", {"booking_id": booking["id"]})
            )
            await self._pay(intent)
            await asyncio.sleep(roll.uniform(0, 2))
            if roll.random() < 0.2:  # noqa: PLR2004
                await self._perhaps("DELETE", f"/api/bookings/{booking['id']}")
            self.outcome.booking_count += 1
            self._told(booking["reference"])
            return dict(booking)

    async def _fault(self) -> None:
        roll = self._processes.random
        provider, path = roll.choice(FAULT_PATHS)
        fault = {"provider": provider, "path": path, "times": 1, "kind": roll.choice(("reset", "status", "cut"))}
        if fault["kind"] != "cut":
            fault["after_effect"] = roll.random() < 0.5  # noqa: PLR2004
        await self._control("POST", "faults", fault)

    async def _pay(self, intent: dict[str, Any]) -> None:
        """What Stripe's script does in the browser."""
        url = f"{self._processes.sandbox_url}/stripe/v1/payment_intents/{intent['payment_intent_id']}/confirm"
        form = {
            "client_secret": intent["client_secret"], "payment_method": "pm_card_visa",
            "return_url": "http://127.0.0.1:9/back",
        }  # fmt: skip
        headers = {"Authorization": f"Bearer {intent['publishable_key']}"}
        async with self._session.post(url, data=form, headers=headers) as answer:
            await answer.read()

    async def _look(self, booked: list[dict[str, Any]]) -> None:
        """Every booking comes to an end, and then the sandbox's books have to agree."""
        ends = [await self._end_of(one) for one in booked]
        for one in ends:
            name = f"{one['status']}/{one['payment_status']}"
            self.outcome.outcomes[name] = self.outcome.outcomes.get(name, 0) + 1
        await self._everybody_told(ends)
        orders = await self._control("GET", "kiwi/bookings")
        intents = await self._control("GET", "stripe/intents")
        mails, texts = await self._control("GET", "mailbox"), await self._control("GET", "messages")
        for end in ends:
            self._check(end, intents, mails, texts)
        tickets, confirmed = sum(one["confirmed"] for one in orders), [one for one in ends if one["supplier_reference"]]
        if any(one["confirmed"] > 1 for one in orders) or tickets != len(confirmed):
            self.outcome.violations.append(f"{tickets} tickets for {len(confirmed)} bookings that have one")

    async def _end_of(self, booking: dict[str, Any]) -> dict[str, Any]:
        until = time.monotonic() + SETTLE_TIMEOUT
        now: dict[str, Any] = booking
        while time.monotonic() < until:
            now = await self._surely(lambda: self._ask("GET", f"/api/bookings/{booking['id']}"))
            if now["payment_status"] in SETTLED_STATUSES.get(now["status"], ()):
                return now
            await asyncio.sleep(0.25)
        self.outcome.violations.append(f"{now['reference']} is still {now['status']}/{now['payment_status']}")
        return now

    async def _everybody_told(self, ends: list[dict[str, Any]]) -> None:
        wanted = {one["reference"] for one in ends if one["status"] == "confirmed"}
        until = time.monotonic() + SETTLE_TIMEOUT
        while time.monotonic() < until:
            texts = await self._control("GET", "messages")
            if all(any(reference in one["body"] for one in texts) for reference in wanted):
                return
            await asyncio.sleep(0.5)

    def _check(self, end: dict[str, Any], intents: list[Any], mails: list[Any], texts: list[Any]) -> None:
        reference, breaches = end["reference"], self.outcome.violations
        mine = [one for one in intents if one["metadata"].get("booking_id") == end["id"]]
        taken = [one for one in mine if one["amount_received"]]
        if len(taken) > 1:
            breaches.append(f"{reference}: {len(taken)} intents have taken money")
        if (end["payment_status"] == "paid") != (end["status"] == "confirmed"):
            breaches.append(f"{reference} is {end['status']} and {end['payment_status']}")
        if end["payment_status"] == "released" and taken:
            breaches.append(f"{reference}: released, and {taken[0]['amount_received']} were taken")
        written = [one for one in texts if reference in one["body"]]
        letters = [one for one in mails if reference in one["subject"] and "is confirmed" in one["subject"]]
        wanted = 1 if end["status"] == "confirmed" else 0
        if len(written) > 1 or len(letters) > 1 or (wanted and not (written and letters)):
            breaches.append(f"{reference}: {len(letters)} confirmations by e-mail, {len(written)} by text")

    async def _register(self) -> None:
        body = {"email": f"ada.{uuid4().hex[:8]}@example.com", "password": PASSWORD, "name": "Ada Lovelace"}
        done = await self._ask("POST", "/api/auth/register", body)
        self._token = done["token"]

    async def _offer(self) -> Any:
        day = (datetime.now(UTC) + timedelta(days=40)).date()
        query = {"origin": "LHR", "destination": "BCN", "departure_date": day.isoformat()}
        return (await self._ask("POST", "/api/flights/search", query))["offers"][0]

    async def _up(self, url: str) -> None:
        async def answers() -> None:
            async with self._session.get(url) as answer:
                if answer.status != 200:  # noqa: PLR2004
                    raise RequestFailed(f"{url} says {answer.status}")

        await self._surely(answers)

    async def _surely(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Asks again while nobody answers: the hub is being killed all the time."""
        until = time.monotonic() + 60
        while True:
            try:
                return await ask()
            except (aiohttp.ClientError, RequestFailed, TimeoutError):
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.2)

    async def _perhaps(self, method: str, path: str) -> None:
        try:
            await self._ask(method, path)
        except (aiohttp.ClientError, RequestFailed, TimeoutError):
            return  # nobody answered, or it is too late: both are fine

    async def _ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        send = headers | ({"Authorization": f"Bearer {self._token}"} if self._token else {})
        async with self._session.request(method, self._processes.hub_url + path, json=body, headers=send) as answer:
            if answer.status >= 300:  # noqa: PLR2004
                raise RequestFailed(f"{method} {path} was answered {answer.status}")
            return await answer.json()

    async def _control(self, method: str, path: str, body: Any = None) -> Any:
        async with self._session.request(method, f"{self._processes.sandbox_url}/_/{path}", json=body) as answer:
            return await answer.json()


async def simulate_processes(
    dsn: str, folder: Path, runs: int, seed: int, told: Callable[[str], None]
) -> ProcessOutcome:
    """Over a database with nothing in it."""
    processes = HubProcesses(dsn, folder, seed)
    timeout = aiohttp.ClientTimeout(total=20)
    try:
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
            return await ProcessSimulation(processes, session, told).run_bookings(runs)
    finally:
        for command in ("serve", "sandbox"):
            await processes.kill_process(command)
