"""What stands between a request and its handler: who is calling, how often, for how long, and whether once already."""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from hub.core.clock import Clock
from hub.core.context import about
from hub.core.errors import Forbidden, TooManyRequests, Unauthenticated
from hub.core.idempotency import Answer, Claim, Idempotency, check_key, fingerprint
from hub.core.metrics import HttpMetrics
from hub.core.rate_limit import Limiter, Rate, Verdict
from hub.people.identity import Caller, Permission
from hub.people.identity.permissions import STAFF_ROLES
from hub.resilience.deadline import within
from routes.web.endpoint import Endpoint
from routes.web.endpoint_api import VISIT, Call, Operation, Visit

log = structlog.get_logger(__name__)

Authenticate = Callable[[str], Awaitable[Caller]]
Surely = Callable[[Caller, str], Awaitable[None]]
ByCookie = Callable[[web.Request], Awaitable[Caller | None]]

RATES: Mapping[str, Rate] = {"default": Rate(600), "auth": Rate(30, burst=10)}
_NOT_KEPT = frozenset({"content-length", "connection", "date", "server", "transfer-encoding"})
_RELEASE_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Gate:
    """`deadline` in seconds and `max_body` in bytes hold for endpoints that do not say otherwise.

    Without a limiter nothing is limited, without `idempotency` keys are checked and not remembered. `surely` looks at
    the session behind a token where the permission asks for it, `by_cookie` finds the staff member of a browser.
    """

    authenticate: Authenticate
    clock: Clock
    surely: Surely | None = None
    by_cookie: ByCookie | None = None
    limiter: Limiter | None = None
    idempotency: Idempotency | None = None
    metrics: HttpMetrics | None = None
    rates: Mapping[str, Rate] = field(default_factory=lambda: RATES)
    deadline: float = 30.0
    max_body: int = 1024 * 1024

    async def serve(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        """One request, from the Authorization header to the answer. Raises HubError, or TimeoutError."""
        operation, visit = endpoint.operation, request[VISIT]
        async with within(self.clock, operation.deadline or self.deadline):
            caller, token = await self._admit(request, visit, operation)
            call = Call(request, visit, caller, token)
            if caller is None:
                return await self._handle(endpoint, call)
            with about(actor=f"{caller.kind}:{caller.id}"):
                return await self._handle(endpoint, call)

    async def _handle(self, endpoint: Endpoint, call: Call) -> web.StreamResponse:
        if endpoint.operation.idempotent:
            call.idempotency_key = _key(call.request)
        arguments, raw = await endpoint.read(call, self.max_body)
        if call.idempotency_key is None or self.idempotency is None:
            return await endpoint.run(arguments)
        return await self._once(self.idempotency, endpoint, call, arguments, raw)

    async def _admit(self, request: web.Request, visit: Visit, operation: Operation) -> tuple[Caller | None, str]:
        """Who is calling, counted against the limit; without a valid token it is the address that is counted."""
        token = _bearer(request) if operation.who.reads_token else None
        try:
            caller = await self._identify(request, operation.who, token)
        except (Unauthenticated, Forbidden):
            await self._limit(visit, operation, None)
            raise
        await self._limit(visit, operation, caller)
        if operation.who.live and caller is not None and token and self.surely is not None:
            await self.surely(caller, token)
        return caller, token or ""

    async def _identify(self, request: web.Request, who: Permission, token: str | None) -> Caller | None:
        if who.roles is None:
            return await self._if_valid(token)
        caller = await self._whoever(request, token, who)
        if caller is None:
            raise Unauthenticated
        if not who.admits(caller.roles):
            raise Forbidden
        return caller

    async def _whoever(self, request: web.Request, token: str | None, who: Permission) -> Caller | None:
        if token is not None:
            return await self.authenticate(token)
        cookies = self.by_cookie if who.admits(STAFF_ROLES) else None
        return await cookies(request) if cookies is not None else None

    async def _if_valid(self, token: str | None) -> Caller | None:
        try:
            return await self.authenticate(token) if token else None
        except Unauthenticated:
            return None

    async def _limit(self, visit: Visit, operation: Operation, caller: Caller | None) -> None:
        if operation.limit is None or self.limiter is None:
            return
        rate = self.rates.get(operation.limit)
        if rate is None:
            return
        verdict = await self.limiter.check(limit_key(operation.limit, caller, visit.ip), rate)
        visit.headers.update(limit_headers(verdict))
        self._refuse_above(operation.limit, verdict)

    async def count(self, limit: str, call: Call) -> None:
        """Counts costly work against a further limit of the caller. Raises TooManyRequests."""
        rate = self.rates.get(limit)
        if self.limiter is not None and rate is not None:
            self._refuse_above(limit, await self.limiter.check(limit_key(limit, call.caller, call.visit.ip), rate))

    def _refuse_above(self, limit: str, verdict: Verdict) -> None:
        if not verdict.allowed:
            if self.metrics is not None:
                self.metrics.limited(limit)
            raise TooManyRequests(retry_after=verdict.retry_after)

    async def _once(
        self, keys: Idempotency, endpoint: Endpoint, call: Call, arguments: dict[str, object], raw: bytes
    ) -> web.StreamResponse:
        caller = str(call.caller.id) if call.caller else "anonymous"
        route = f"{endpoint.operation.method} {endpoint.operation.path}"
        mark = fingerprint(call.request.path_qs, raw)
        held = await keys.claim(caller, route, call.idempotency_key or "", mark)
        if isinstance(held, Answer):
            call.visit.headers["Idempotency-Replayed"] = "true"
            return web.Response(body=held.body, status=held.status, headers=held.headers)
        try:
            response = await endpoint.run(arguments)
        except BaseException:
            await _settled(keys.release(held))
            raise
        await _settled(_remember(keys, held, response))
        return response


def limit_key(limit: str, caller: Caller | None, ip: str) -> str:
    """Under which a request is counted."""
    return f"{limit}:caller:{caller.id}" if caller else f"{limit}:ip:{network_of(ip)}"


def limit_headers(verdict: Verdict) -> dict[str, str]:
    return {
        "RateLimit-Limit": str(verdict.limit),
        "RateLimit-Remaining": str(verdict.remaining),
        "RateLimit-Reset": str(int(verdict.reset_after + 0.999)),
    }


async def _remember(keys: Idempotency, claim: Claim, response: web.StreamResponse) -> None:
    """Keeps an answer that did something; everything else may be asked again under the same key."""
    body = response.body if isinstance(response, web.Response) else None
    if response.status >= 400 or not isinstance(body, bytes | bytearray | type(None)):  # noqa: PLR2004
        await keys.release(claim)
        return
    headers = {str(name): value for name, value in response.headers.items() if name.lower() not in _NOT_KEPT}
    await keys.keep(claim, Answer(response.status, headers, bytes(body or b"")))


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
    return None if key is None else check_key(key)


def _bearer(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def network_of(ip: str) -> str:
    """The address, or its /64 for IPv6: who owns one address there owns them all."""
    if ":" not in ip:
        return ip
    return str(ipaddress.ip_network((ip, 64), strict=False).network_address)
