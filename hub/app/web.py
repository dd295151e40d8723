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
from hub.app.services import Services, build_services
from hub.core.clock import SystemClock
from hub.core.errors import Unavailable
from hub.core.metrics import HttpMetrics, new_registry
from hub.core.migrations import read_migration_status
from hub.core.notifications import NotificationListener
from hub.core.proxy_detection import ProxyDetector
from hub.core.rate_limit import MemoryRateLimiter, RateLimit, RateLimiter, RedisRateLimiter
from hub.core.worker import Worker
from hub.people.identity import ServiceKeyAuthenticator
from hub.sales.bookings import BookingViewer
from hub.sales.payments import ReturnUrlPolicy
from hub.settings import Settings
from routes.openai.access import OpenAIAccessGate, make_unrouted_response
from routes.openai.completions import CompletionRoutes
from routes.pages.account.accounts import PageRoutes
from routes.pages.account.sign_in import SignInPage
from routes.pages.console.reconciliation import ReconciliationPage
from routes.pages.console.second_factor import StaffSecondFactorPages
from routes.pages.console.sign_in import StaffSignInPages
from routes.pages.storefront.booking import BookingPage
from routes.pages.storefront.plan import PlanPage
from routes.staff.bookings import StaffBookingRoutes
from routes.staff.payments import MoneyRoutes
from routes.staff.reconciliation import ReconcileRoutes
from routes.staff.second_factor import StaffFactorRoutes
from routes.staff.staff import StaffRoutes
from routes.staff.suppressions import SuppressionRoutes
from routes.system.error_codes import ErrorCodeRoutes
from routes.system.health import ReadinessCheck, SystemRoutes
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
from routes.web.access import RATE_LIMITS, AccessGate
from routes.web.api import ApiRouter
from routes.web.cached_fast_path import CACHED_FAST_PATH, CachedFastPath
from routes.web.connections import CONNECTION_LIMIT, ConnectionLimit, compute_max_connections, get_descriptor_limit
from routes.web.middleware import EdgeMiddleware, RequestDrain
from routes.web.stream_limit import StreamLimit
from routes.webhooks.receiver import WebhookRoutes
from routes.webhooks.signature_failures import SignatureFailureLimiter


def build_api(made: Services, flights: FlightRoutes, settings: Settings) -> ApiRouter:
    """Every typed endpoint."""
    people, found = made.identity, ApiRouter(title="travel-hub", version=__version__)
    secure = settings.own_url.startswith("https:")
    found.add_endpoints(
        IdentityRoutes(people.accounts, people.account_security, made.customers, secure=secure),
        SecurityRoutes(people.account_security),
        CustomerRoutes(made.customers),
        PrivacyRoutes(made.privacy, people.account_security.confirm_password),
        flights,
        LocationRoutes(made.locations),
        BookingRoutes(made.bookings, made.timeline, made.itineraries, made.booking_links),
        DocumentRoutes(made.documents.service),
        AttachmentRoutes(made.attachments),
        StaffRoutes(people.staff, made.customer_admin),
        StaffFactorRoutes(people.staff),
        StaffBookingRoutes(made.booking_records),
        ErrorCodeRoutes(),
        KeyRoutes(people.signing_keys),
        SuppressionRoutes(made.message_sender.suppressions),
    )
    plans = PlanRoutes(made.plans.facade, made.plans.renderer, made.ids.clock, settings.own_url)
    streams = StreamLimit(settings.streams_per_caller)
    found.add_endpoints(
        PlanStreamRoutes(made.plans.facade.plans, plans, streams, people.authenticator.authenticate_token), plans
    )
    if made.completions is not None:
        found.add_endpoints(CompletionRoutes(made.completions, made.ids, streams))
    if made.payments is not None:
        found.add_endpoints(
            PaymentRoutes(
                made.payments.checkout, made.payments.hosted_checkout, _returns(settings), made.payments.settlement
            ),
            MoneyRoutes(made.payments.overview, made.payments.refunds, made.review_queue),
            ReconcileRoutes(made.payments.reconciliation, made.ids.clock),
        )
    return found


def _returns(settings: Settings) -> ReturnUrlPolicy:
    """Travellers may be sent to the frontend, the hub's own pages, and wherever browsers may call the hub from."""
    return ReturnUrlPolicy(settings.link_base_url, (settings.own_url, *settings.cors_origins))


def build_web_app(have: Resources, made: Services, jobs: Worker | None) -> web.Application:
    settings, people, metrics, drain = have.settings, made.identity, HttpMetrics(have.registry), RequestDrain()
    app = web.Application(client_max_size=settings.max_body)
    edge = EdgeMiddleware(
        clock=have.clock,
        ids=made.ids,
        metrics=metrics,
        drain=drain,
        origins=settings.cors_origins,
        trusted_proxies=settings.trusted_proxies,
        production=settings.env == "production",
        proxy_detector=ProxyDetector(have.db, have.clock),
        own_origin="{0.scheme}://{0.netloc}".format(urlsplit(settings.own_url)),
        routing_error_writers={"/api/ai/": make_unrouted_response},
    )
    edge.install_middleware(app)
    app.cleanup_ctx.append(partial(_listening, people.notifications))
    staff_door = StaffSignInPages(people.staff, settings.own_url, origins=settings.cors_origins)
    gate = AccessGate(
        authenticate_token=people.authenticator.authenticate_token,
        require_live_session=people.authenticator.require_live_session,
        authenticate_cookie=staff_door.authenticate_cookie,
        clock=have.clock,
        rate_limiter=build_rate_limiter(have),
        idempotency_keys=made.idempotency,
        metrics=metrics,
        rate_limits={
            **RATE_LIMITS,
            "default": RateLimit(settings.rate_limit),
            "auth": RateLimit(settings.auth_rate_limit),
            "search": RateLimit(settings.search_rate_limit),
        },
        default_max_body=settings.max_body,
    )
    flights = FlightRoutes(made.flights, partial(gate.count_against_limit, "search"))
    typed = build_api(made, flights, settings)
    typed.add_endpoints(_system(have, typed, build_readiness_checks(have, jobs), drain))
    typed.install_routes(app, gate, for_openai=_for_models(gate, made, settings))
    _install_pages(app, gate, staff_door, have, made)
    WebhookRoutes(
        made.inbox, made.webhook_sources, settings.own_url, SignatureFailureLimiter(have.clock)
    ).install_routes(app)
    app[CONNECTION_LIMIT] = ConnectionLimit(
        max_connections=settings.max_connections or compute_max_connections(get_descriptor_limit()),
        header_timeout=settings.header_timeout,
        registry=have.registry,
        new_request_id=lambda: made.ids.new_token(12),
    )
    app[CACHED_FAST_PATH] = CachedFastPath(edge, gate, "/api/flights/search", flights.find_cached_response)
    return app


def _install_pages(
    app: web.Application, gate: AccessGate, staff_pages: StaffSignInPages, have: Resources, made: Services
) -> None:
    """The server-rendered pages."""
    settings, people = have.settings, made.identity
    staff_pages.install_pages(app, gate)
    StaffSecondFactorPages(people.staff, staff_pages).install_pages(app, gate)
    if made.payments is not None:
        ReconciliationPage(made.payments.reconciliation, staff_pages).install_pages(app, gate)
    PageRoutes(people.accounts, settings.own_url, settings.frontend_url).install_pages(app, gate)
    SignInPage(people.accounts, settings.own_url).install_pages(app, gate)
    PlanPage(
        made.plans.facade.sharing,
        made.plans.renderer,
        settings.own_url,
        settings.frontend_url,
        people.authenticator.authenticate_live_token,
    ).install_pages(app, gate)
    viewer = BookingViewer(made.bookings.db, made.bookings.bookings, made.booking_links, made.itineraries, have.clock)
    BookingPage(viewer, settings.frontend_url).install_pages(app, gate)


def _system(
    have: Resources, typed: ApiRouter, asked: Mapping[str, ReadinessCheck], drain: RequestDrain
) -> SystemRoutes:
    """In development a hub that only this machine reaches shows /metrics to everybody."""
    settings = have.settings
    return SystemRoutes(
        openapi=typed.render_openapi_json,
        readiness_checks=asked,
        registry=have.registry,
        drain=drain,
        metrics_token=settings.metrics_token.get_secret_value() if settings.metrics_token else None,
        is_metrics_public=settings.env == "development" and settings.host in {"127.0.0.1", "localhost", "::1"},
    )


async def _listening(notices: NotificationListener, _: web.Application) -> AsyncIterator[None]:
    """Ends of sessions in other processes are heard while the application runs."""
    async with notices.listen_in_background():
        yield


def _for_models(gate: AccessGate, made: Services, settings: Settings) -> OpenAIAccessGate:
    """Service keys let in too, and errors are told as OpenAI tells them."""
    keys = ServiceKeyAuthenticator(
        (one.get_secret_value() for one in settings.service_keys), made.identity.authenticator
    )
    return OpenAIAccessGate(
        replace(gate, authenticate_token=keys.authenticate_token, require_live_session=keys.require_live_session)
    )


def build_rate_limiter(have: Resources) -> RateLimiter:
    """In Redis for all nodes together where there is one, else in this process."""
    if have.settings.redis_url is None:
        return MemoryRateLimiter(have.clock)
    import redis.asyncio as redis

    url = have.settings.redis_url.get_secret_value()
    return RedisRateLimiter(redis.from_url(url, socket_timeout=0.25, socket_connect_timeout=0.25), have.clock)


def build_readiness_checks(have: Resources, jobs: Worker | None) -> dict[str, ReadinessCheck]:
    """What /readyz asks."""

    async def database() -> None:
        async with have.db.connection() as connection:
            await connection.fetchval("select 1")

    async def migrations() -> None:
        async with have.db.connection() as connection:
            pending = (await read_migration_status(connection)).pending
        if pending:
            raise Unavailable(f"pending: {', '.join(pending)}")

    async def worker_runs() -> None:
        if jobs is not None and not jobs.is_healthy:
            raise Unavailable("the job worker has no connection")

    return {"database": database, "migrations": migrations, "worker": worker_runs}


def build_openapi_document(settings: Settings) -> dict[str, Any]:
    """The document of this version, made without a database or a network."""
    nothing: Any = _Nothing()
    have = Resources(
        settings, SystemClock(), random.SystemRandom(), nothing, nothing, nothing, new_registry(), AsyncExitStack()
    )
    made = build_services(have)
    return build_api(made, FlightRoutes(made.flights), settings).build_openapi_document()


class _Nothing:
    """Stands where nothing is asked of it."""
