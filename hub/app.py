"""The composition root: settings, resources, adapters, services, routes. Read it from top to bottom."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import web

import adapters
from adapters.transport import Metrics, Transport
from hub import __version__
from hub.audit import Audit
from hub.bookings import Bookings, Fulfilment
from hub.bookings.store import Store
from hub.core.cache import Cache
from hub.core.calllog import CallLog
from hub.core.clock import Chance, Clock, Ids, SystemClock
from hub.core.db import Database
from hub.core.embedded import Embedded
from hub.core.errors import Unavailable
from hub.core.idempotency import Idempotency
from hub.core.inbox import Inbox
from hub.core.jobs import Jobs
from hub.core.metrics import HttpMetrics, new_registry
from hub.core.migrate import migrate, status
from hub.core.ratelimit import Limiter, MemoryLimiter, Rate, RedisLimiter
from hub.core.worker import Worker
from hub.customers import Customers
from hub.flights import Flights
from hub.identity import Accounts, Passwords, Tokens, own_secret
from hub.locations import Locations
from hub.messaging import Announcements, Outbox, Templates
from hub.payments import Cashier, Gateway, Ledger, Settlement
from hub.payments.intents import Intents
from hub.resilience.policy import Policy
from hub.settings import Settings
from hub.story import Stories
from routes.api import Api
from routes.bookings import BookingRoutes
from routes.flights import FlightRoutes
from routes.gate import RATES, Gate
from routes.hot import HOT, HotPath
from routes.identity import IdentityRoutes
from routes.middleware import Drain, Edge
from routes.payments import PaymentRoutes
from routes.system import Check, SystemRoutes
from routes.webhooks import WebhookRoutes


@dataclass(frozen=True, slots=True)
class Resources:
    """What is opened at start and closed at the end."""

    settings: Settings
    clock: Clock
    chance: Chance
    db: Database
    transport: Transport
    cache: Cache
    registry: Any


@dataclass(frozen=True, slots=True)
class Services:
    """The nouns, put together."""

    accounts: Accounts
    customers: Customers
    flights: Flights
    locations: Locations
    bookings: Bookings
    fulfilment: Fulfilment
    cashier: Cashier | None
    settlement: Settlement | None
    announcements: Announcements
    outbox: Outbox
    stories: Stories
    inbox: Inbox
    idempotency: Idempotency
    ids: Ids
    sources: dict[str, Any]

    @property
    def workers(self) -> list[object]:
        """Those that have jobs or schedules."""
        found = (self.inbox, self.idempotency, self.flights, self.bookings, self.fulfilment, self.announcements)
        return [one for one in (*found, self.settlement, self.outbox) if one is not None]


@asynccontextmanager
async def resources(
    settings: Settings, *, clock: Clock | None = None, chance: Chance | None = None
) -> AsyncIterator[Resources]:
    """Database (embedded when none is named), migrations, the one session to the outside, the call log."""
    clock, chance = clock or SystemClock(), chance or random.SystemRandom()
    async with AsyncExitStack() as stack:
        dsn = await database_dsn(settings, stack)
        await migrate(dsn)
        db = await Database.open(
            dsn,
            size=settings.db_pool_size,
            statement_cache=settings.db_statement_cache,
            listen_dsn=settings.db_listen_url.get_secret_value() if settings.db_listen_url else None,
        )
        stack.push_async_callback(db.close)
        calls = CallLog(db, clock)
        calls.start()
        stack.push_async_callback(calls.stop)
        registry = new_registry()
        policies = {one.name: Policy(timeout=one.timeout) for one in settings.providers}
        opened = Transport.opened(
            clock=clock, chance=chance, policies=policies, record=calls.record, metrics=Metrics(registry)
        )
        transport = await stack.enter_async_context(opened)
        cache = Cache(clock, chance, redis_url=settings.redis_url.get_secret_value() if settings.redis_url else None)
        stack.push_async_callback(cache.close)
        yield Resources(settings, clock, chance, db, transport, cache, registry)


async def database_dsn(settings: Settings, stack: AsyncExitStack) -> str:
    """The address of the database; the embedded one is started, and stopped when the stack closes."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    server = await Embedded.start(settings.data_dir)
    stack.push_async_callback(server.stop)
    return server.dsn


def services(have: Resources) -> Services:
    """Everything that does something, each given what it needs."""
    settings, clock, db = have.settings, have.clock, have.db
    locations = Locations()
    wired = adapters.build(settings, have.transport, clock, locations)
    ids, jobs, audit = Ids(clock, have.chance), Jobs(), Audit(clock)
    inbox = Inbox(db, jobs, clock)
    secret = settings.secret_key.get_secret_value() if settings.secret_key else own_secret(settings.data_dir)
    customers = Customers(db)
    flights = Flights(
        suppliers=wired.suppliers,
        locations=locations,
        cache=have.cache,
        db=db,
        clock=clock,
        ids=ids,
        ttl=settings.search_ttl,
        deadline=settings.search_deadline,
        sandboxed=wired.sandboxed,
    )
    store = Store(jobs, audit, clock)
    bookings = Bookings(db, store, flights, audit, clock, ids, timedelta(seconds=settings.payment_window))
    cashier, settlement = _payments(have, wired.gateway, store, customers, inbox)
    fulfilment = Fulfilment(db, store, clock, wired.suppliers)
    for supplier in wired.suppliers:
        inbox.on(supplier, fulfilment.on_event)
    outbox = Outbox(db, store, jobs, audit, clock, Templates(), wired.mailer, wired.texter)
    inbox.on("resend", outbox.on_event)
    inbox.on("twilio", outbox.on_event)
    return Services(
        accounts=Accounts(db, Tokens(secret, clock), Passwords(), audit, clock, ids),
        customers=customers,
        flights=flights,
        locations=locations,
        bookings=bookings,
        fulfilment=fulfilment,
        cashier=cashier,
        settlement=settlement,
        announcements=Announcements(db, store, jobs, clock, ids),
        outbox=outbox,
        stories=Stories(db, store),
        inbox=inbox,
        idempotency=Idempotency(db, clock, ids),
        ids=ids,
        sources=wired.webhooks,
    )


def _payments(
    have: Resources, gateway: Gateway | None, store: Store, customers: Customers, inbox: Inbox
) -> tuple[Cashier | None, Settlement | None]:
    if gateway is None:
        return None, None
    clock, ids = have.clock, Ids(have.clock, have.chance)
    ledger = Ledger(store, store.jobs, store.audit, clock)
    intents = Intents(have.db, store, customers, gateway)
    settlement = Settlement(have.db, store, ledger, intents, gateway, clock, ids)
    inbox.on(gateway.name, settlement.on_event)
    return Cashier(have.db, store, ledger, intents, gateway, clock, ids), settlement


def worker(have: Resources, made: Services) -> Worker:
    """Runs the jobs of all services; its connection LISTENs, so it goes past a transaction pooler."""
    found = Worker(have.db, have.db.connect, have.clock, have.chance)
    found.add(*made.workers)
    return found


def api(made: Services, flights: FlightRoutes) -> Api:
    """Every typed endpoint."""
    found = Api(title="travel-hub", version=__version__)
    found.add(
        IdentityRoutes(made.accounts, made.customers),
        flights,
        BookingRoutes(made.bookings, made.stories),
    )
    if made.cashier is not None:
        found.add(PaymentRoutes(made.cashier))
    return found


def web_app(have: Resources, made: Services, jobs: Worker | None) -> web.Application:
    """The aiohttp application: the edge around everything, typed endpoints, webhooks, what operators ask."""
    settings, metrics, drain = have.settings, HttpMetrics(have.registry), Drain()
    app = web.Application(client_max_size=settings.max_body)
    edge = Edge(
        clock=have.clock,
        ids=made.ids,
        metrics=metrics,
        drain=drain,
        origins=settings.cors_origins,
        trusted_proxies=settings.trusted_proxies,
        production=settings.env == "production",
    )
    edge.install(app)
    gate = Gate(
        authenticate=made.accounts.authenticate,
        clock=have.clock,
        limiter=limiter(have),
        idempotency=made.idempotency,
        metrics=metrics,
        rates={**RATES, "default": Rate(settings.rate_limit), "auth": Rate(settings.auth_rate_limit)},
        max_body=settings.max_body,
    )
    flights = FlightRoutes(made.flights, made.locations)
    typed = api(made, flights)
    typed.add(SystemRoutes(openapi=typed.openapi_json, checks=checks(have, jobs), registry=have.registry, drain=drain))
    typed.install(app, gate)
    WebhookRoutes(made.inbox, made.sources, settings.own_url).install(app)
    app[HOT] = HotPath(edge, gate, "/api/flights/search", flights.hot)
    return app


def limiter(have: Resources) -> Limiter:
    """In Redis for all nodes together where there is one, else in this process."""
    if have.settings.redis_url is None:
        return MemoryLimiter(have.clock)
    import redis.asyncio as redis

    url = have.settings.redis_url.get_secret_value()
    return RedisLimiter(redis.from_url(url, socket_timeout=0.25, socket_connect_timeout=0.25), have.clock)


def checks(have: Resources, jobs: Worker | None) -> dict[str, Check]:
    """What /readyz asks."""

    async def database() -> None:
        async with have.db.connection() as connection:
            await connection.fetchval("select 1")

    async def migrations() -> None:
        async with have.db.connection() as connection:
            pending = (await status(connection)).pending
        if pending:
            raise Unavailable(f"pending: {', '.join(pending)}")

    async def worker_runs() -> None:
        if jobs is not None and not jobs.healthy:
            raise Unavailable("the job worker has no connection")

    return {"database": database, "migrations": migrations, "worker": worker_runs}


@asynccontextmanager
async def transport_alone(settings: Settings) -> AsyncIterator[Transport]:
    """A way out without a database, for the doctor's harmless reads."""
    policies = {one.name: Policy(timeout=min(one.timeout, 10.0)) for one in settings.providers}
    async with Transport.opened(clock=SystemClock(), chance=random.SystemRandom(), policies=policies) as transport:
        yield transport


def openapi(settings: Settings) -> dict[str, Any]:
    """The document of this version, made without a database or a network."""
    have = Resources(settings, SystemClock(), random.SystemRandom(), _Nothing(), _Nothing(), _Nothing(), new_registry())  # type: ignore[arg-type]
    made = services(have)
    return api(made, FlightRoutes(made.flights, made.locations)).openapi()


class _Nothing:
    """Stands where nothing is asked of it."""
