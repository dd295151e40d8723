"""What happens to every request, whatever its route: an id, a log line, a number, problems, headers, CORS."""

import asyncio
import ipaddress
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog
from aiohttp import hdrs, web
from aiohttp.web_request import BaseRequest

from hub.core.clock import Clock, IdGenerator
from hub.core.compression import CompressedBodyCache
from hub.core.context import bind_context
from hub.core.metrics import HttpMetrics
from hub.core.proxy_detection import ProxyDetector
from routes.web.endpoint_api import REQUEST_CONTEXT, RequestContext
from routes.web.http_caching import compress_response
from routes.web.problems import exception_to_response, format_allowed_methods, http_error_to_response

log = structlog.get_logger("access")
access_logger = logging.getLogger("access")
"""Follows the level of all logs (see hub.core.logging); to ask it costs a fortieth of a line that is not written."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_LOCAL_ORIGIN = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\]|[\w-]+\.localhost)(:\d{1,5})?")
_LONGEST_ORIGIN = 200
_MOST_REFUSED = 100
"""Origins that are logged, each once."""
_GOOD_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_AGENT = 300
_CLIENT_GONE = 499
_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")
_PREFLIGHT_LIFE = "600"
_MAY_SEND = (
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-CSRF-Token, X-Device-Token, "
    "X-Request-Id"
)
_MAY_READ = (
    "ETag, X-Request-Id, Retry-After, Server-Timing, Idempotency-Replayed, "
    "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
)

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_HSTS = "max-age=31536000; includeSubDomains"
_CSP_DATA = "default-src 'none'; frame-ancestors 'none'"
_CSP_PAGE = (
    "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_FIXED: Mapping[tuple[bool, bool], Mapping[str, str]] = {
    (production, page): {
        **_ALWAYS,
        "Content-Security-Policy": _CSP_PAGE if page else _CSP_DATA,
        **({"Strict-Transport-Security": _HSTS} if production else {}),
    }
    for production in (False, True)
    for page in (False, True)
}
"""By production and page."""


@dataclass(slots=True)
class RequestDrain:
    """Counts what is in flight.

    After `start_draining` connections are closed once answered, and /readyz says not ready.
    """

    is_closing: bool = False
    in_flight_count: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    def start_draining(self) -> None:
        self.is_closing = True
        self._signal()

    async def wait_until_idle(self, timeout: float) -> bool:  # noqa: ASYNC109 (a limit, not a failure)
        """Until nothing is in flight, at most `timeout` seconds; says whether that was reached."""
        self._signal()
        try:
            await asyncio.wait_for(self._idle.wait(), timeout)
        except TimeoutError:
            return False
        return True

    def record_start(self) -> None:
        self.in_flight_count += 1
        self._idle.clear()

    def record_end(self) -> None:
        self.in_flight_count -= 1
        self._signal()

    def _signal(self) -> None:
        if self.in_flight_count == 0:
            self._idle.set()


@dataclass(frozen=True, slots=True)
class EdgeMiddleware:
    """`trusted_proxies`: how many hops of X-Forwarded-For are ours. `origins`: who may call from a browser.

    In development every origin on this machine may call too, whatever its port: a frontend is served where it likes.
    """

    clock: Clock
    ids: IdGenerator
    metrics: HttpMetrics
    drain: RequestDrain
    origins: tuple[str, ...] = ()
    trusted_proxies: int = 0
    production: bool = False
    own_origin: str = ""
    proxy_detector: ProxyDetector | None = None
    routing_error_writers: Mapping[str, Callable[[web.Request, int], web.Response]] = field(default_factory=dict)
    """By the beginning of the path, who tells an error of routing where another API's wire is spoken."""
    compressed_bodies: CompressedBodyCache = field(default_factory=CompressedBodyCache, compare=False)
    _refused_origins: set[str] = field(default_factory=set, compare=False)

    def install_middleware(self, app: web.Application) -> None:
        """One middleware around everything. What must be on every answer is put there as it starts, streams too."""

        @web.middleware
        async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self.observe_request(request, handler)

        app.middlewares.append(edge)
        app.on_response_prepare.append(self.add_response_headers)
        app.on_shutdown.append(self._on_shutdown)

    async def _on_shutdown(self, _: web.Application) -> None:
        self.drain.start_draining()

    async def observe_request(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Around everything: who asked, how long it took, what came of it."""
        visit = self.build_request_context(request)
        request[REQUEST_CONTEXT] = visit
        status = _CLIENT_GONE
        self.drain.record_start()
        self.metrics.record_start()
        proxied = self._undeclared_proxy(request)
        with bind_context(request_id=visit.request_id, ip=visit.ip, user_agent=visit.user_agent, behind_proxy=proxied):
            try:
                response = await self.translate_errors(request, handler)
                await compress_response(request, response, self.compressed_bodies)
            except web.HTTPException as answer:  # a redirect
                status = answer.status
                raise
            else:
                status = response.status
                return response
            finally:
                self.drain.record_end()
                self._record(request, status, self.clock.monotonic() - visit.started_monotonic)

    async def translate_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every error as a problem. Redirects are answers, not errors."""
        request_id = request[REQUEST_CONTEXT].request_id
        try:
            return await (self.answer_options(request) if request.method == "OPTIONS" else handler(request))
        except web.HTTPException as error:
            if error.status < 400:  # noqa: PLR2004
                raise
            return self._unrouted(request, error) or http_error_to_response(error, request_id)
        except ConnectionResetError as error:
            if not _has_left(request):
                return exception_to_response(error, request_id)
            return web.Response(status=_CLIENT_GONE)  # nobody reads it; raised, aiohttp would log it as a failure
        except Exception as error:  # noqa: BLE001 (the last place where it can become an answer)
            return exception_to_response(error, request_id)

    def _unrouted(self, request: web.Request, error: web.HTTPException) -> web.Response | None:
        """An address that does not exist, told on the wire that the addresses beside it speak."""
        for prefix, describe in self.routing_error_writers.items():
            if request.path.startswith(prefix):
                response = describe(request, error.status)
                response.headers.update({name: error.headers[name] for name in ("Allow",) if name in error.headers})
                return response
        return None

    def build_request_context(self, request: web.Request) -> RequestContext:
        return RequestContext(
            request_id=self.choose_request_id(request),
            ip=find_client_ip(request, self.trusted_proxies),
            user_agent=request.headers.get("User-Agent", "")[:_LONGEST_AGENT],
            started_monotonic=self.clock.monotonic(),
        )

    def _undeclared_proxy(self, request: web.Request) -> bool:
        """Whether the peer is a proxy that the settings do not name.

        Anybody can send the headers of a proxy. They are believed of a peer in a private network only: there proxies
        are, and who comes from the internet does not escape the lock-out by network with a header.
        """
        if self.trusted_proxies > 0 or not any(name in request.headers for name in _FORWARDED):
            return False
        if self.proxy_detector is not None:
            self.proxy_detector.report_forwarded_request()
        try:
            return ipaddress.ip_address(request.remote or "").is_private
        except ValueError:  # a Unix socket: only a proxy on this machine has it
            return True

    def choose_request_id(self, request: BaseRequest) -> str:
        """The client's own, when it is sane."""
        given = request.headers.get("X-Request-Id")
        return given if given is not None and _GOOD_ID.fullmatch(given) else self.ids.new_token(12)

    def _record(self, request: web.Request, status: int, seconds: float) -> None:
        method = request.method if request.method in hdrs.METH_ALL else "OTHER"
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "(no route)"
        self.metrics.record_end(method, route, status, seconds)
        if access_logger.isEnabledFor(logging.INFO):
            self.log_response(method, route, status, seconds)

    def log_response(self, method: str, route: str, status: int, seconds: float) -> None:
        """The line of every answer."""
        log.info("request.answered", method=method, route=route, status=status, duration_ms=round(seconds * 1000, 2))

    async def answer_options(self, request: web.Request) -> web.StreamResponse:
        """Which methods an address takes; to a browser that asks before it calls, whether it may."""
        refused = request.match_info.http_exception
        if not isinstance(refused, web.HTTPMethodNotAllowed):
            raise refused or web.HTTPNotFound
        allowed = format_allowed_methods(refused)
        headers = {"Allow": allowed}
        if "Access-Control-Request-Method" in request.headers:
            headers["Vary"] = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
            if self._allows(request.headers.get("Origin")):
                headers["Access-Control-Allow-Methods"] = allowed
                headers["Access-Control-Allow-Headers"] = _MAY_SEND
                headers["Access-Control-Max-Age"] = _PREFLIGHT_LIFE
        return web.Response(status=204, headers=headers)

    async def add_response_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """The headers of every answer, set as it starts. What the handler has set itself stays."""
        visit, headers = request.get(REQUEST_CONTEXT), response.headers
        headers.popall("Server", None)
        for name, value in self.get_fixed_headers(page=_is_page(response)).items():
            headers.setdefault(name, value)
        self._allow_origin(request, response)
        if visit is not None:
            headers["X-Request-Id"] = visit.request_id
            headers.update(visit.response_headers)
            headers["Server-Timing"] = _timing(visit, self.clock.monotonic())
        if self.drain.is_closing:
            response.force_close()
            headers["Connection"] = "close"

    def get_fixed_headers(self, *, page: bool) -> Mapping[str, str]:
        """What is the same on every answer, pages and data apart."""
        return _FIXED[self.production, page]

    def _allow_origin(self, request: web.Request, response: web.StreamResponse) -> None:
        origin = request.headers.get("Origin")
        if not self.origins and (self.production or origin is None):
            return
        vary = response.headers.get("Vary")
        if vary is None or "origin" not in vary.lower():
            response.headers["Vary"] = f"{vary}, Origin" if vary else "Origin"
        if origin is not None and self._allows(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Credentials"] = "true"
            response.headers["Access-Control-Expose-Headers"] = _MAY_READ

    def _allows(self, origin: str | None) -> bool:
        if origin is None or origin in self.origins:
            return origin is not None
        if not self.production and _LOCAL_ORIGIN.fullmatch(origin):
            return True
        if origin == self.own_origin:  # our own pages need no leave
            return False
        if len(self._refused_origins) < _MOST_REFUSED and origin not in self._refused_origins:
            self._refused_origins.add(origin)
            log.warning("cors.origin_refused", origin=origin[:_LONGEST_ORIGIN], setting="HUB_CORS_ORIGINS")
        return False


def find_client_ip(request: BaseRequest, trusted_proxies: int) -> str:
    """The address of the client: each trusted proxy adds one hop on the right, the rest is what a client claims."""
    peer = request.remote or "unknown"
    if trusted_proxies == 0:
        return peer
    hops = [hop.strip() for value in request.headers.getall("X-Forwarded-For", ()) for hop in value.split(",")]
    if not hops:
        return peer
    claimed = hops[-min(trusted_proxies, len(hops))]
    try:
        return str(ipaddress.ip_address(claimed.strip("[]")))
    except ValueError:
        return peer


def _has_left(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _is_page(response: web.StreamResponse) -> bool:
    return response.headers.get("Content-Type", "").startswith("text/html")


def _timing(visit: RequestContext, now: float) -> str:
    lines = [f"{name};dur={seconds * 1000:.1f}" for name, seconds in visit.timings]
    return ", ".join([f"total;dur={(now - visit.started_monotonic) * 1000:.1f}", *lines])
