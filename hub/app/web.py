"""The aiohttp application: the edge around everything, typed endpoints, pages, webhooks, what operators ask."""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from hub import __version__
from hub.app.resources import Resources
from hub.app.services import Services, services
from hub.core.clock import SystemClock
from hub.core.errors import Unavailable
from hub.core.metrics import HttpMetrics, new_registry
from hub.core.migrate import status
from hub.core.notifications import Notices
from hub.core.proxy_detection import ProxyWatch
from hub.core.rate_limit import Limiter, MemoryLimiter, Rate, RedisLimiter
from hub.core.worker import Worker
from hub.people.identity.service_keys import ServiceKeys
from hub.sales.bookings.shared_view import BookingViewer
from hub.sales.payments.return_urls import ReturnPages
from hub.settings import Settings
from routes.openai.access import OpenAIGate, unrouted_problem
from routes.openai.completions import CompletionRoutes
from routes.pages.account.accounts import PageRoutes
from routes.pages.account.sign_in import SignInPage
from routes.pages.console.reconciliation import ReconcilePage
from routes.pages.console.second_factor import StaffFactorPages
from routes.pages.console.sign_in import StaffDoor
from routes.pages.storefront.booking import BookingPage
from routes.pages.storefront.plan import PlanPage
from routes.staff.bookings import StaffBookingRoutes
from routes.staff.payments import MoneyRoutes
from routes.staff.reconciliation import ReconcileRoutes
from routes.staff.second_factor import StaffFactorRoutes
from routes.staff.staff import StaffRoutes
from routes.staff.suppressions import SuppressionRoutes
from routes.system.error_codes import ErrorCodeRoutes
from routes.system.health import Check, SystemRoutes
from routes.system.jwks import KeyRoutes
from routes.traveler.attachments import AttachmentRoutes
from routes.traveler.bookings import BookingRoutes
from routes.traveler.customers import CustomerRoutes
from routes.traveler.documents import DocumentRoutes
from routes.traveler.flights import FlightRoutes
from routes.traveler.identity import IdentityRoutes
from routes.traveler.locations import LocationRoutes
from routes.traveler.payments import PaymentRoutes
from routes.traveler.plan_stream import PlanStreamRoutes
from routes.traveler.plans import PlanRoutes
from routes.traveler.privacy import PrivacyRoutes
from routes.traveler.security import SecurityRoutes
from routes.web.access import RATES, Gate
from routes.web.api import Api
from routes.web.cached_fast_path import HOT, HotPath
from routes.web.connections import CONNECTIONS, ConnectionLimit, affordable_connections, descriptor_limit
from routes.web.middleware import Drain, Edge
from routes.web.stream_limit import StreamLimit
from routes.webhooks.receive import WebhookRoutes
from routes.webhooks.signature_failures import SignatureFailures


def api(made: Services, flights: FlightRoutes, settings: Settings) -> Api:
    """Every typed endpoint."""
    people, found = made.people, Api(title="travel-hub", version=__version__)
    secure = settings.own_url.startswith("https:")
    found.add(
        IdentityRoutes(people.accounts, people.security, made.customers, secure=secure),
        SecurityRoutes(people.security),
        CustomerRoutes(made.customers),
        PrivacyRoutes(made.privacy, people.security.confirm_password),
        flights,
        LocationRoutes(made.locations),
        BookingRoutes(made.bookings, made.stories, made.itineraries, made.booking_links),
        DocumentRoutes(made.papers.documents),
        AttachmentRoutes(made.attachments),
        StaffRoutes(people.staff, made.backoffice),
        StaffFactorRoutes(people.staff),
        StaffBookingRoutes(made.booking_records),
        ErrorCodeRoutes(),
        KeyRoutes(people.keyring),
        SuppressionRoutes(made.outbox.suppressions),
    )
    plans = PlanRoutes(made.trips.desk, made.trips.faces, made.ids.clock, settings.own_url)
    streams = StreamLimit(settings.streams_per_caller)
    found.add(PlanStreamRoutes(made.trips.desk.plans, plans, streams, people.door.authenticate), plans)
    if made.completions is not None:
        found.add(CompletionRoutes(made.completions, made.ids, streams))
    if made.money is not None:
        found.add(
            PaymentRoutes(made.money.cashier, made.money.pages, _returns(settings), made.money.settlement),
            MoneyRoutes(made.money.overview, made.money.refunds, made.attention),
            ReconcileRoutes(made.money.reconciliation, made.ids.clock),
        )
    return found


def _returns(settings: Settings) -> ReturnPages:
    """Travellers may be sent to the frontend, the hub's own pages, and wherever browsers may call the hub from."""
    return ReturnPages(settings.links, (settings.own_url, *settings.cors_origins))


def web_app(have: Resources, made: Services, jobs: Worker | None) -> web.Application:
    settings, people, metrics, drain = have.settings, made.people, HttpMetrics(have.registry), Drain()
    app = web.Application(client_max_size=settings.max_body)
    edge = Edge(
        clock=have.clock,
        ids=made.ids,
        metrics=metrics,
        drain=drain,
        origins=settings.cors_origins,
        trusted_proxies=settings.trusted_proxies,
        production=settings.env == "production",
        proxy_watch=ProxyWatch(have.db, have.clock),
        own_origin="{0.scheme}://{0.netloc}".format(urlsplit(settings.own_url)),
        foreign={"/api/ai/": unrouted_problem},
    )
    edge.install(app)
    app.cleanup_ctx.append(partial(_listening, people.notices))
    staff_door = StaffDoor(people.staff, settings.own_url, origins=settings.cors_origins)
    gate = Gate(
        authenticate=people.door.authenticate,
        surely=people.door.surely,
        by_cookie=staff_door.by_cookie,
        clock=have.clock,
        limiter=limiter(have),
        idempotency=made.idempotency,
        metrics=metrics,
        rates={
            **RATES,
            "default": Rate(settings.rate_limit),
            "auth": Rate(settings.auth_rate_limit),
            "search": Rate(settings.search_rate_limit),
        },
        max_body=settings.max_body,
    )
    flights = FlightRoutes(made.flights, partial(gate.count, "search"))
    typed = api(made, flights, settings)
    typed.add(_system(have, typed, checks(have, jobs), drain))
    typed.install(app, gate, for_openai=_for_models(gate, made, settings))
    staff_door.install(app, gate)
    StaffFactorPages(people.staff, staff_door).install(app, gate)
    if made.money is not None:
        ReconcilePage(made.money.reconciliation, staff_door).install(app, gate)
    PageRoutes(people.accounts, settings.own_url, settings.frontend_url).install(app, gate)
    SignInPage(people.accounts, settings.own_url).install(app, gate)
    PlanPage(
        made.trips.desk.sharing, made.trips.faces, settings.own_url, settings.frontend_url, people.door.visitor
    ).install(app, gate)
    viewer = BookingViewer(made.bookings.db, made.bookings.store, made.booking_links, made.itineraries, have.clock)
    BookingPage(viewer, settings.frontend_url).install(app, gate)
    WebhookRoutes(made.inbox, made.sources, settings.own_url, SignatureFailures(have.clock)).install(app)
    app[CONNECTIONS] = ConnectionLimit(
        most=settings.max_connections or affordable_connections(descriptor_limit()),
        header_timeout=settings.header_timeout,
        registry=have.registry,
        new_id=lambda: made.ids.token(12),
    )
    app[HOT] = HotPath(edge, gate, "/api/flights/search", flights.hot)
    return app


def _system(have: Resources, typed: Api, asked: Mapping[str, Check], drain: Drain) -> SystemRoutes:
    """In development a hub that only this machine reaches shows /metrics to everybody."""
    settings = have.settings
    return SystemRoutes(
        openapi=typed.openapi_json,
        checks=asked,
        registry=have.registry,
        drain=drain,
        metrics_token=settings.metrics_token.get_secret_value() if settings.metrics_token else None,
        metrics_open=settings.env == "development" and settings.host in {"127.0.0.1", "localhost", "::1"},
    )


async def _listening(notices: Notices, _: web.Application) -> AsyncIterator[None]:
    """Ends of sessions in other processes are heard while the application runs."""
    async with notices.running():
        yield


def _for_models(gate: Gate, made: Services, settings: Settings) -> OpenAIGate:
    """Service keys let in too, and errors are told as OpenAI tells them."""
    keys = ServiceKeys((one.get_secret_value() for one in settings.service_keys), made.people.door)
    return OpenAIGate(replace(gate, authenticate=keys.authenticate, surely=keys.surely))


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


def openapi(settings: Settings) -> dict[str, Any]:
    """The document of this version, made without a database or a network."""
    nothing: Any = _Nothing()
    have = Resources(
        settings, SystemClock(), random.SystemRandom(), nothing, nothing, nothing, new_registry(), AsyncExitStack()
    )
    made = services(have)
    return api(made, FlightRoutes(made.flights), settings).openapi()


class _Nothing:
    """Stands where nothing is asked of it."""
