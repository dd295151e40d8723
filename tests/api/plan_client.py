"""The plans over HTTP, with the edge and the gate around them and a planner that plays a script."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from hub.core.clock import IdGenerator
from hub.core.db import Database
from hub.core.errors import Unauthenticated
from hub.core.idempotency import IdempotencyKeys
from hub.core.metrics import HttpMetrics, new_registry
from hub.people.identity import Caller
from hub.planning.plans.rendering import StandardPlanRenderer
from routes.traveler.plan_stream import PlanStreamRoutes
from routes.traveler.plans import PlanRoutes
from routes.web.access import AccessGate
from routes.web.api import ApiRouter
from routes.web.middleware import EdgeMiddleware, RequestDrain
from routes.web.stream_limit import StreamLimit
from tests.planning.plans.keeping import ADA, BEN, START, House, caller, house_over

TRIP: dict[str, Any] = {
    "destination": "Lisbon",
    "start_date": START.isoformat(),
    "end_date": (START + timedelta(days=2)).isoformat(),
    "adults": 2,
}


class Printer:
    async def print_pdf(self, template: str, data: dict[str, Any], at: datetime) -> bytes:
        return b"%PDF-1.7 " + data["title"].encode()


@dataclass
class Sent:
    """One server-sent event."""

    id: str | None
    event: str
    data: dict[str, Any]

    @property
    def seq(self) -> int:
        return int((self.id or ".0").rpartition(".")[2])


@dataclass
class Door:
    house: House
    client: TestClient[web.Request, web.Application]
    signed_out: set[str]

    async def call(self, method: str, path: str, body: Any = None, who: str = "ada", **headers: str) -> tuple[int, Any]:
        send = {"Authorization": f"Bearer {who}"} if who else {}
        async with self.client.request(method, path, json=body, headers=send | headers) as answer:
            self.headers = dict(answer.headers)
            raw = await answer.read()
            return answer.status, json.loads(raw) if "json" in answer.content_type and raw else raw

    async def good(self, method: str, path: str, body: Any = None, who: str = "ada", **headers: str) -> Any:
        status, found = await self.call(method, path, body, who, **headers)
        assert status < 300, (status, found)
        return found

    async def plan(self, who: str = "ada", **more: Any) -> Any:
        return await self.good("POST", "/api/plan", TRIP | more, who)

    @asynccontextmanager
    async def opened(
        self, method: str, path: str, body: Any = None, who: str = "ada", **headers: str
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        send = {"Authorization": f"Bearer {who}"} | headers
        async with self.client.request(method, path, json=body, headers=send) as answer:
            assert answer.status == 200, await answer.text()
            yield answer

    async def streamed(self, method: str, path: str, body: Any = None, who: str = "ada", **headers: str) -> list[Sent]:
        async with self.opened(method, path, body, who, **headers) as answer:
            return [one async for one in events_of(answer)]


async def events_of(answer: aiohttp.ClientResponse) -> AsyncIterator[Sent]:
    """Reads as a browser does: a block of lines is an event when it has data."""
    fields: dict[str, str] = {}
    async for raw in answer.content:
        line = raw.decode().rstrip("\n")
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield Sent(fields.get("id"), fields["event"], json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}


@asynccontextmanager
async def door_to(db: Database, flights: Any = None) -> AsyncIterator[Door]:
    house, signed_out = await house_over(db, flights), set[str]()

    async def authenticate(token: str) -> Caller:
        known: dict[str, UUID] = {"ada": ADA, "ben": BEN}
        if token in signed_out:
            raise Unauthenticated("This session has ended; sign in again.", code="session_ended")
        if token not in known:
            raise Unauthenticated
        return caller(known[token])

    api, app, metrics = ApiRouter(), web.Application(), HttpMetrics(new_registry())
    ids = IdGenerator(house.clock)
    routes = PlanRoutes(house.desk, StandardPlanRenderer(Printer(), house.clock), house.clock)
    api.add_endpoints(PlanStreamRoutes(house.desk.plans, routes, StreamLimit(20), authenticate), routes)
    gate = AccessGate(
        authenticate, house.clock, metrics=metrics, idempotency_keys=IdempotencyKeys(db, house.clock, ids)
    )
    api.install_routes(app, gate)
    EdgeMiddleware(house.clock, ids, metrics, RequestDrain()).install_middleware(app)
    async with TestClient(TestServer(app)) as client:
        yield Door(house, client, signed_out)
