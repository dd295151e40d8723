"""The composition root: settings, resources, adapters, services, routes. Read it from top to bottom."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
from aiohttp import web
from routes.webhooks import WebhookRoutes

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
from hub.core.inbox import Inbox
from hub.core.jobs import Jobs
from hub.core.metrics import new_registry
from hub.core.migrate import migrate, status
from hub.core.worker import Worker
from hub.customers import Customers
from hub.flights import Flights
from hub.identity import Accounts, Passwords, Tokens, own_secret
from hub.locations import Locations
from hub.messaging import Announcements, Outbox, Templates
from hub.payments import Cashier, Ledger, Settlement
from hub.payments.intents import Intents
from hub.resilience.policy import Policy
from hub.settings import Settings
from hub.story import Stories
from routes.api import Api
from routes.bookings import BookingRoutes
from routes.flights import FlightRoutes
from routes.identity import IdentityRoutes
from routes.payments import PaymentRoutes


@dataclass(frozen=True, slots=True)
class Resources:
    """What is opened at start and closed at the end."""

    settings: Settings
    clock: Clock
    chance: Chance
    db: Database
    transport: Transport
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
    sources: dict[str, Any]

    @property
    def workers(self) -> list[object]:
        """Those that have jobs or schedules."""
        every = (
            self.inbox, self.flights, self.bookings, self.fulfilment, self.settlement, self.announcements, self.outbox,
        )  # fmt: skip
        return [one for one in every if one is not None]


@asynccontextmanager
async def resources(
    settings: Settings, *, clock: Clock | None = None, chance: Chance | None = None
) -> AsyncIterator[Resources]:
    """Database (embedded when none is named), migrations, the one session to the outside, the call log."""
    clock, chance = clock or SystemClock(), chance or random.SystemRandom()
    async with AsyncExitStack() as stack:
        dsn = await database_dsn(settings, stack)
        await migrate(dsn)
        db = await Database.open(dsn, size=settings.db_pool_size, statement_cache=settings.db_statement_cache)
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
        yield Resources(settings, clock, chance, db, transport, registry)


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
    wired = adapters.build(settings, have.transport, clock)
    ids, jobs, audit = Ids(clock, have.chance), Jobs(), Audit(clock)
    inbox = Inbox(db, jobs, clock)
    secret = settings.secret_key.get_secret_value() if settings.secret_key else own_secret(settings.data_dir)
    customers = Customers(db)
    locations = Locations()
    cache = Cache(clock, have.chance, redis_url=settings.redis_url.get_secret_value() if settings.redis_url else None)
    flights = Flights(
        suppliers=wired.suppliers,
        locations=locations,
        cache=cache,
        db=db,
        clock=clock,
        ids=ids,
        ttl=settings.search_ttl,
        deadline=settings.search_deadline,
        sandboxed=wired.sandboxed,
    )
    store = Store(jobs, audit, clock)
    bookings = Bookings(db, store, flights, audit, clock, ids, timedelta(seconds=settings.payment_window))
    cashier, settlement = _payments(have, wired, store, customers, ids, inbox)
    outbox = Outbox(db, store, jobs, audit, clock, Templates(), wired.mailer, wired.texter)
    inbox.on("resend", outbox.on_event)
    inbox.on("twilio", outbox.on_event)
    return Services(
        accounts=Accounts(db, Tokens(secret, clock), Passwords(), audit, clock, ids),
        customers=customers,
        flights=flights,
        locations=locations,
        bookings=bookings,
        fulfilment=Fulfilment(db, store, clock, wired.suppliers),
        cashier=cashier,
        settlement=settlement,
        announcements=Announcements(db, store, jobs, clock, ids),
        outbox=outbox,
        stories=Stories(db, store),
        inbox=inbox,
        sources=wired.webhooks,
    )


def _payments(
    have: Resources, wired: adapters.Adapters, store: Store, customers: Customers, ids: Ids, inbox: Inbox
) -> tuple[Cashier | None, Settlement | None]:
    if wired.gateway is None:
        return None, None
    ledger = Ledger(store, store.jobs, store.audit, have.clock)
    intents = Intents(have.db, store, customers, wired.gateway)
    settlement = Settlement(have.db, store, ledger, intents, wired.gateway, have.clock, ids)
    inbox.on(wired.gateway.name, settlement.on_event)
    return Cashier(have.db, store, ledger, intents, wired.gateway, have.clock, ids), settlement


def worker(have: Resources, made: Services) -> Worker:
    """Runs the jobs of all services; its connection LISTENs, so it goes past a transaction pooler."""
    listen = have.settings.db_listen_url

    async def connect() -> Any:
        if listen is not None:
            return await asyncpg.connect(listen.get_secret_value(), timeout=5)
        return await have.db.connect()

    found = Worker(have.db, connect, have.clock, have.chance)
    found.add(*made.workers)
    return found


def api(made: Services) -> Api:
    """Every typed endpoint."""
    found = Api(made.accounts.authenticate, title="travel-hub", version=__version__)
    found.add(
        IdentityRoutes(made.accounts, made.customers),
        FlightRoutes(made.flights, made.locations),
        BookingRoutes(made.bookings, made.stories),
    )
    if made.cashier is not None:
        found.add(PaymentRoutes(made.cashier))
    return found


async def check_database(have: Resources) -> None:
    """Answers, and has every migration. Raises Unavailable."""
    async with have.db.connection() as connection:
        pending = (await status(connection)).pending
    if pending:
        raise Unavailable(f"Migrations are pending: {', '.join(pending)}.")


def web_app(have: Resources, made: Services, jobs: Worker | None) -> web.Application:
    """The aiohttp application: middleware, typed endpoints, webhooks, system pages."""
    raise NotImplementedError


__all__ = ["WebhookRoutes", "api", "resources", "services", "web_app", "worker"]
