"""A client of the Kiwi emulator that knows the wire and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sandbox import kiwi
from sandbox.state import Callback, SandboxConfig, SandboxState

START = datetime(2027, 1, 11, 9, 30, tzinfo=UTC)
DAY = "17/03/2027"


@dataclass
class Desk:
    client: TestClient
    world: SandboxState
    sent: list[Callback]
    arrived: asyncio.Event
    headers: dict[str, str] = field(default_factory=lambda: {"apikey": "key"})

    def wait(self, **gap: float) -> None:
        later = self.world.now() + timedelta(**gap)
        self.world.now = lambda: later

    async def get(self, path: str, status: int = 200, **params: Any) -> Any:
        answer = await self.client.get(f"/kiwi{path}", params=params, headers=self.headers)
        assert answer.status == status, await answer.text()
        return await answer.json()

    async def post(self, path: str, body: Any, status: int = 200) -> Any:
        answer = await self.client.post(f"/kiwi{path}", json=body, headers=self.headers)
        assert answer.status == status, await answer.text()
        return await answer.json()

    async def control(self, path: str, body: Any = None, status: int = 200) -> Any:
        method = "GET" if body is None else "POST"
        answer = await self.client.request(method, f"/_/kiwi{path}", json=body)
        assert answer.status == status, await answer.text()
        return await answer.json()

    async def next(self, **outcome: Any) -> None:
        await self.control("/next", outcome, 201)

    async def search(self, origin: str = "LHR", destination: str = "JFK", **params: Any) -> list[dict[str, Any]]:
        asked = {"fly_from": origin, "fly_to": destination, "date_from": DAY, "date_to": DAY} | params
        return (await self.get("/v2/search", **asked))["data"]

    async def check(self, token: str, status: int = 200, **params: Any) -> Any:
        asked = {"booking_token": token, "bnum": 0, "adults": 1, "children": 0, "infants": 0} | params
        return await self.get("/v2/booking/check_flights", status, **asked)

    async def checked(self, token: str, **params: Any) -> Any:
        """Polls until the flights are checked or gone."""
        answer = await self.check(token, **params)
        while answer["flights_to_check"]:
            answer = await self.check(token, session_id=answer["session_id"], **params)
        return answer

    async def save(
        self, token: str, session: str, passengers: Any = None, status: int = 200, baggage: Any = None
    ) -> Any:
        body = {"lang": "en", "locale": "en-GB", "booking_token": token, "session_id": session}
        body["passengers"] = [passenger()] if passengers is None else passengers
        body["baggage"] = no_bags(body["passengers"]) if baggage is None else baggage
        return await self.post("/v2/booking/save_booking", body, status)

    async def booked(self) -> Any:
        """Search, check, save: a booking that waits for its payment."""
        token = (await self.search())[0]["booking_token"]
        return await self.save(token, (await self.checked(token))["session_id"])

    async def confirm(self, booking: Any) -> Any:
        body = {name: booking[name] for name in ("booking_id", "transaction_id")}
        return await self.post("/v2/booking/confirm_payment", body)

    async def bookings(self) -> Any:
        return await self.control("/bookings")

    def told(self) -> list[dict[str, Any]]:
        return [orjson.loads(one.body) for one in self.sent]


def no_bags(passengers: Any) -> list[dict[str, Any]]:
    """No hold bag for anybody, and the hand bag that everybody but an infant has."""
    infants = [place for place, one in enumerate(passengers) if one["category"] == "infant"]
    seated = [place for place, one in enumerate(passengers) if one["category"] != "infant"]
    return [
        bags("hold_bag", 0, list(range(len(passengers)))),
        bags("hand_bag", 1, seated),
        bags("hand_bag", 0, infants),
    ]


def bags(category: str, count: int, passengers: list[int]) -> dict[str, Any]:
    return {"combination": {"category": category, "indices": [0] * count}, "passengers": passengers}


def passenger(**but: Any) -> dict[str, Any]:
    return {
        "name": "Ada",
        "surname": "Lovelace",
        "title": "Ms",
        "birthday": "1985-12-10",
        "nationality": "GB",
        "category": "adult",
        "cardno": "D25845822",
        "expiration": "2031-12-10",
        "email": "deposit@agency.example",
        "phone": "+447700900123",
    } | but


@asynccontextmanager
async def open_desk(**config: Any) -> AsyncIterator[Desk]:
    sent: list[Callback] = []
    settings = {"callback_base": "http://127.0.0.1:1", "callback_delay": 0.0} | config
    arrived = asyncio.Event()

    def send(callback: Callback) -> None:
        sent.append(callback)
        arrived.set()

    world = SandboxState(SandboxConfig(**settings), send_callback=send, now=lambda: START)
    app = web.Application()
    kiwi.setup(app, world)
    async with TestClient(TestServer(app)) as client:
        yield Desk(client, world, sent, arrived)
