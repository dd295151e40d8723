"""A small API behind the whole edge, for the tests of the edge itself."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import Field, StringConstraints

from hub.core.clock import IdGenerator
from hub.core.errors import Conflict, ProviderTransient, Unauthenticated, Unavailable
from hub.core.idempotency import IdempotencyKeys
from hub.core.metrics import HttpMetrics, new_registry
from hub.people.identity import Caller, Role
from routes.system.health import SystemRoutes
from routes.web.access import AccessGate
from routes.web.api import ApiRouter
from routes.web.endpoint_api import ANYONE, OPTIONAL, OWN_DATA, STAFF_SELF, ApiModel, Call, Reply, delete, get, post
from routes.web.middleware import EdgeMiddleware, RequestDrain

ADA = Caller(UUID(int=1))
BOB = Caller(UUID(int=2))
STAFFER = Caller(UUID(int=3), kind="staff", roles=frozenset({Role.STAFF}))
TOKENS = {"ada": ADA, "bob": BOB, "staff": STAFFER}


class Clock:
    """Stands still until told otherwise."""

    def __init__(self) -> None:
        self.at = datetime(2027, 1, 1, tzinfo=UTC)
        self.ticks = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.ticks

    async def sleep(self, seconds: float) -> None:
        self.forward(seconds)

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.ticks += seconds


class Person(ApiModel):
    given_name: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    born_on: date | None = None
    seats: int = Field(default=1, ge=1, le=9)


class Order(ApiModel):
    people: list[Person] = Field(max_length=5)
    amount: int = 0
    notes: Any = None


class OrderOut(ApiModel):
    id: UUID
    owner: UUID | None
    amount: int
    names: list[str]


class Filter(ApiModel):
    q: str = Field(default="", max_length=20)
    kinds: tuple[str, ...] = ()
    max_stops: int | None = Field(default=None, ge=0, le=3)
    sort: Literal["up", "down"] = "up"


class ToyRoutes:
    """Counts what it is asked to do."""

    def __init__(self) -> None:
        self.made = 0
        self.refuse = False
        self.fail: list[BaseException] = []
        self.hold: asyncio.Event | None = None
        self.entered = asyncio.Event()

    @post("/orders", status=201, permission=OWN_DATA, idempotent=True, tags=("orders",))
    async def create(self, call: Call, body: Order) -> OrderOut:
        """Make an order.

        Twice the same is made once.
        """
        self.entered.set()
        if self.hold:
            await self.hold.wait()
        if self.fail:
            raise self.fail.pop()
        if self.refuse:
            return web.Response(status=409)
        self.made += 1
        names = [one.given_name for one in body.people]
        return OrderOut(id=UUID(int=self.made), owner=call.signed_in_caller.id, amount=body.amount, names=names)

    @get("/orders", permission=OPTIONAL, tags=("orders",))
    async def search(self, call: Call, query: Filter) -> Filter:
        """Find orders."""
        call.add_timing("db", 0.0123)
        return query

    @get("/orders/{order_id}", permission=ANYONE, tags=("orders",))
    async def show(self, order_id: UUID) -> OrderOut:
        """One order."""
        return OrderOut(id=order_id, owner=None, amount=1, names=[])

    @delete("/orders/{number}", status=204, permission=STAFF_SELF, tags=("orders",))
    async def drop(self, number: int) -> None:
        """Remove an order."""

    @get("/who", permission=OPTIONAL)
    async def who(self, call: Call) -> dict[str, str]:
        return {"who": str(call.caller.id) if call.caller else "nobody", "ip": call.ip}

    @post("/login", permission=ANYONE, rate_limit="auth")
    async def login(self, body: Person) -> Reply:
        return Reply(b"hello", content_type="text/plain; charset=utf-8", headers={"X-Own": "1"})

    @post("/raw", max_body=100)
    async def raw(self, body: bytes) -> dict[str, int]:
        return {"size": len(body)}

    @post("/maybe")
    async def maybe(self, body: Person | None) -> dict[str, bool]:
        return {"given": body is not None}

    @get("/boom/{kind}", timeout=0.2)
    async def boom(self, kind: str, query: Filter) -> None:
        match kind:
            case "provider":
                raise ProviderTransient("kiwi", retry_after=3.2)
            case "database":
                raise Unavailable("The database is not available.", retry_after=1)
            case "conflict":
                raise Conflict("Not now.", code="not_now")
            case "slow":
                await asyncio.sleep(5)
            case "redirect":
                raise web.HTTPFound("/elsewhere")
            case "postgres":
                raise asyncpg.DataError("canary ada@example.com")
        raise RuntimeError("canary-secret for ada@example.com")

    @get("/page", hidden=True)
    async def page(self) -> web.Response:
        return web.Response(text="<p>hi</p>", content_type="text/html")


@dataclass
class Toy:
    """The application and its parts."""

    clock: Any = field(default_factory=Clock)
    routes: ToyRoutes = field(default_factory=ToyRoutes)
    drain: RequestDrain = field(default_factory=RequestDrain)
    checks: dict[str, Any] = field(default_factory=dict)
    gate: dict[str, Any] = field(default_factory=dict)
    edge: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.registry = new_registry()
        self.metrics = HttpMetrics(self.registry)
        self.api = ApiRouter(title="toy", version="1")
        system = SystemRoutes(
            openapi=self.api.render_openapi_json,
            readiness_checks=self.checks,
            registry=self.registry,
            drain=self.drain,
            is_metrics_public=True,
        )
        self.api.add_endpoints(self.routes, system)

    async def authenticate(self, token: str) -> Caller:
        if token not in TOKENS:
            raise Unauthenticated("The access token is not valid.", code="invalid_token")
        return TOKENS[token]

    def app(self) -> web.Application:
        app = web.Application()
        self.api.install_routes(app, AccessGate(self.authenticate, self.clock, metrics=self.metrics, **self.gate))
        EdgeMiddleware(self.clock, IdGenerator(self.clock), self.metrics, self.drain, **self.edge).install_middleware(
            app
        )
        return app

    def remember(self, db: Any) -> None:
        self.gate["idempotency_keys"] = IdempotencyKeys(db, self.clock, IdGenerator(self.clock))

    async def __aenter__(self) -> TestClient:
        self._client = TestClient(TestServer(self.app()))
        await self._client.start_server()
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()


def bearer(token: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **more}
