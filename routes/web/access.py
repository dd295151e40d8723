"""What stands between a request and its handler: who is calling, how often, for how long, and whether once already."""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from hub.core.clock import Clock
from hub.core.context import bind_context
from hub.core.errors import Forbidden, TooManyRequests, Unauthenticated
from hub.core.idempotency import IdempotencyKeys, KeyClaim, StoredResponse, fingerprint_request, validate_key
from hub.core.metrics import HttpMetrics
from hub.core.rate_limit import RateDecision, RateLimit, RateLimiter
from hub.people.identity import STAFF_ROLES, Caller, Permission
from hub.resilience.deadline import enforce_deadline
from routes.web.endpoint import Endpoint
from routes.web.endpoint_api import REQUEST_CONTEXT, Call, Operation, RequestContext

log = structlog.get_logger(__name__)

AuthenticateToken = Callable[[str], Awaitable[Caller]]
RequireLiveSession = Callable[[Caller, str], Awaitable[None]]
AuthenticateCookie = Callable[[web.Request], Awaitable[Caller | None]]

RATE_LIMITS: Mapping[str, RateLimit] = {"default": RateLimit(600), "auth": RateLimit(30, burst=10)}
_NOT_KEPT = frozenset({"content-length", "connection", "date", "server", "transfer-encoding"})
_RELEASE_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class AccessGate:
    """`default_timeout` in seconds and `default_max_body` in bytes hold for endpoints that do not say otherwise.

    Without a limiter nothing is limited, without `idempotency_keys` keys are checked and not remembered.
    `require_live_session` looks at the session behind a token where the permission asks for it, `authenticate_cookie`
    finds the staff member of a browser.
    """

    authenticate_token: AuthenticateToken
    clock: Clock
    require_live_session: RequireLiveSession | None = None
    authenticate_cookie: AuthenticateCookie | None = None
    rate_limiter: RateLimiter | None = None
    idempotency_keys: IdempotencyKeys | None = None
    metrics: HttpMetrics | None = None
    rate_limits: Mapping[str, RateLimit] = field(default_factory=lambda: RATE_LIMITS)
    default_timeout: float = 30.0
    default_max_body: int = 1024 * 1024

    async def serve_endpoint(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        """One request, from the Authorization header to the answer. Raises HubError, or TimeoutError."""
        operation, visit = endpoint.operation, request[REQUEST_CONTEXT]
        async with enforce_deadline(self.clock, operation.timeout or self.default_timeout):
            caller, token = await self._admit(request, visit, operation)
            call = Call(request, visit, caller, token)
            if caller is None:
                return await self._handle(endpoint, call)
            with bind_context(actor=f"{caller.kind}:{caller.id}"):
                return await self._handle(endpoint, call)

    async def _handle(self, endpoint: Endpoint, call: Call) -> web.StreamResponse:
        if endpoint.operation.idempotent:
            call.idempotency_key = _key(call.request)
        arguments, raw = await endpoint.read_arguments(call, self.default_max_body)
        if call.idempotency_key is None or self.idempotency_keys is None:
            return await endpoint.call_handler(arguments)
        return await self._once(self.idempotency_keys, endpoint, call, arguments, raw)

    async def _admit(
        self, request: web.Request, visit: RequestContext, operation: Operation
    ) -> tuple[Caller | None, str]:
        """Who is calling, counted against the limit; without a valid token it is the address that is counted."""
        token = _bearer(request) if operation.permission.reads_token else None
        try:
            caller = await self._identify(request, operation.permission, token)
        except (Unauthenticated, Forbidden):
            await self._limit(visit, operation, None)
            raise
        await self._limit(visit, operation, caller)
        if (
            operation.permission.requires_live_session
            and caller is not None
            and token
            and self.require_live_session is not None
        ):
            await self.require_live_session(caller, token)
        return caller, token or ""

    async def _identify(self, request: web.Request, who: Permission, token: str | None) -> Caller | None:
        if who.roles is None:
            return await self._if_valid(token)
        caller = await self._whoever(request, token, who)
        if caller is None:
            raise Unauthenticated
        if not who.admits_roles(caller.roles):
            raise Forbidden
        return caller

    async def _whoever(self, request: web.Request, token: str | None, who: Permission) -> Caller | None:
        if token is not None:
            return await self.authenticate_token(token)
        cookies = self.authenticate_cookie if who.admits_roles(STAFF_ROLES) else None
        return await cookies(request) if cookies is not None else None

    async def _if_valid(self, token: str | None) -> Caller | None:
        try:
            return await self.authenticate_token(token) if token else None
        except Unauthenticated:
            return None

    async def _limit(self, visit: RequestContext, operation: Operation, caller: Caller | None) -> None:
        if operation.rate_limit is None or self.rate_limiter is None:
            return
        rate = self.rate_limits.get(operation.rate_limit)
        if rate is None:
            return
        verdict = await self.rate_limiter.check(build_limit_key(operation.rate_limit, caller, visit.ip), rate)
        visit.response_headers.update(build_limit_headers(verdict))
        self._refuse_above(operation.rate_limit, verdict)

    async def count_against_limit(self, limit: str, call: Call) -> None:
        """Counts costly work against a further limit of the caller. Raises TooManyRequests."""
        rate = self.rate_limits.get(limit)
        if self.rate_limiter is not None and rate is not None:
            self._refuse_above(
                limit, await self.rate_limiter.check(build_limit_key(limit, call.caller, call.context.ip), rate)
            )

    def _refuse_above(self, limit: str, verdict: RateDecision) -> None:
        if not verdict.allowed:
            if self.metrics is not None:
                self.metrics.record_rate_limited(limit)
            raise TooManyRequests(retry_after=verdict.retry_after)

    async def _once(
        self, keys: IdempotencyKeys, endpoint: Endpoint, call: Call, arguments: dict[str, object], raw: bytes
    ) -> web.StreamResponse:
        caller = str(call.caller.id) if call.caller else "anonymous"
        route = f"{endpoint.operation.method} {endpoint.operation.path}"
        mark = fingerprint_request(call.request.path_qs, raw)
        held = await keys.claim_key(caller, route, call.idempotency_key or "", mark)
        if isinstance(held, StoredResponse):
            call.context.response_headers["Idempotency-Replayed"] = "true"
            return web.Response(body=held.body, status=held.status, headers=held.headers)
        try:
            response = await endpoint.call_handler(arguments)
        except BaseException:
            await _settled(keys.release_key(held))
            raise
        await _settled(_remember(keys, held, response))
        return response


def build_limit_key(limit: str, caller: Caller | None, ip: str) -> str:
    """Under which a request is counted."""
    return f"{limit}:caller:{caller.id}" if caller else f"{limit}:ip:{get_network(ip)}"


def build_limit_headers(verdict: RateDecision) -> dict[str, str]:
    return {
        "RateLimit-Limit": str(verdict.limit),
        "RateLimit-Remaining": str(verdict.remaining),
        "RateLimit-Reset": str(int(verdict.reset_after + 0.999)),
    }


async def _remember(keys: IdempotencyKeys, claim: KeyClaim, response: web.StreamResponse) -> None:
    """Keeps an answer that did something; everything else may be asked again under the same key."""
    body = response.body if isinstance(response, web.Response) else None
    if response.status >= 400 or not isinstance(body, bytes | bytearray | type(None)):  # noqa: PLR2004
        await keys.release_key(claim)
        return
    headers = {str(name): value for name, value in response.headers.items() if name.lower() not in _NOT_KEPT}
    await keys.store_response(claim, StoredResponse(response.status, headers, bytes(body or b"")))


async def _settled(work: Awaitable[None]) -> None:
    """Ends the claim even when the request is being cancelled. If it cannot be ended its lease ends it."""

    async def bounded() -> None:
        try:
            async with asyncio.timeout(_RELEASE_TIMEOUT):
                await work
        except Exception as error:
            log.warning("idempotency.settle_failed", error=type(error).__name__, exc_info=error)

    await asyncio.shield(asyncio.ensure_future(bounded()))


def _key(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    return None if key is None else validate_key(key)


def _bearer(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def get_network(ip: str) -> str:
    """The address, or its /64 for IPv6: who owns one address there owns them all."""
    if ":" not in ip:
        return ip
    return str(ipaddress.ip_network((ip, 64), strict=False).network_address)
