"""The short way of what is asked again and again: a kept answer, from the request line to the socket in one step.

Routing, middlewares and gate cost several times as much as sending an answer that exists already. So this stands in
front of the aiohttp application: what it can answer at once it does, with the same headers, the same limit and the
same numbers; everything else, and whatever is unusual, goes the normal way as if this were not here.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from typing import Protocol

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.web_request import BaseRequest

from hub.core.compression import choose_encoding
from hub.core.context import bind_context
from hub.core.rate_limit import MemoryRateLimiter, RateDecision
from routes.web.access import AccessGate, build_limit_headers, build_limit_key
from routes.web.middleware import EdgeMiddleware, access_logger, find_client_ip

Handler = Callable[[BaseRequest], Awaitable[web.StreamResponse]]
FindResponse = Callable[[str, str], "CachedResponse | None"]
"""By the address (path and query, as sent) and an encoding, empty for none."""


class CachedResponse(Protocol):
    """A stored answer. `encoding` is that of the body, empty for none."""

    @property
    def body(self) -> bytes: ...
    @property
    def etag(self) -> str: ...
    @property
    def encoding(self) -> str: ...


_ENCODED: Mapping[str, str] = {"": "", **{name: f"Content-Encoding: {name}\r\n" for name in ("gzip", "zstd")}}


class PreparedResponse(web.StreamResponse):
    """An answer whose head and body are bytes already. Nothing is prepared, and no signal is sent."""

    def __init__(self, whole: bytes) -> None:
        super().__init__()
        self._whole = whole

    @property
    def keep_alive(self) -> bool:
        return True

    async def prepare(self, request: BaseRequest) -> None:
        await request.writer.write_eof(self._whole)

    async def write_eof(self, data: bytes = b"") -> None:
        """All has been written."""


class CachedFastPath:
    """Answers a GET of `route` with the JSON that `find` has for its very address (path and query, as sent).

    Whoever asks is anonymous, and counted by address under the limit "default" like at the gate.
    """

    def __init__(self, edge: EdgeMiddleware, gate: AccessGate, route: str, find: FindResponse) -> None:
        self._edge = edge
        self._clock = edge.clock
        self._route = route
        self._find = find
        self._limiter = gate.rate_limiter
        self._rate = gate.rate_limits.get("default")
        fixed = {"Content-Type": "application/json", "Cache-Control": "no-cache", **edge.get_fixed_headers(page=False)}
        fixed["Vary"] = "Accept-Encoding, Origin" if edge.origins else "Accept-Encoding"
        self._head = "HTTP/1.1 200 OK\r\n" + _lines(fixed)
        self._date = (-1, "")

    def install_handler(self, runner: web.AppRunner) -> None:
        """After `runner.setup()` and before the first site, for connections take the handler as they open."""
        server = runner.server
        if server is None:
            raise RuntimeError("the runner is not set up")
        server.request_handler = self.wrap_handler(server.request_handler)

    def wrap_handler(self, handler: Handler) -> Handler:
        """That handler, for what is not answered here."""

        async def serve(request: BaseRequest) -> web.StreamResponse:
            if request.method == "GET":
                started = self._clock.monotonic()
                found = self._find(request.raw_path, choose_encoding(request.headers.get(hdrs.ACCEPT_ENCODING, "")))
                if found is not None and self._is_plain(request):
                    answer = await self._answer(request, found, started)
                    if answer is not None:
                        return answer
            return await handler(request)

        return serve

    def _is_plain(self, request: BaseRequest) -> bool:
        headers = request.headers
        return (
            request.version == HttpVersion11
            and request.keep_alive
            and not request.body_exists
            and not self._edge.drain.is_closing
            and hdrs.ORIGIN not in headers
            and hdrs.RANGE not in headers
            and hdrs.EXPECT not in headers
            and hdrs.UPGRADE not in headers
            and hdrs.IF_NONE_MATCH not in headers
        )

    async def _answer(self, request: BaseRequest, found: CachedResponse, started: float) -> PreparedResponse | None:
        """None when the limit is reached: the gate says so, and a refusal counts nothing."""
        ip = find_client_ip(request, self._edge.trusted_proxies)
        verdict = await self._verdict(ip)
        if verdict is not None and not verdict.allowed:
            return None
        request_id = self._edge.choose_request_id(request)
        limits = _lines(build_limit_headers(verdict)) if verdict is not None else ""
        seconds = self._clock.monotonic() - started
        head = (
            f"{self._head}{limits}{_ENCODED[found.encoding]}ETag: {found.etag}\r\n"
            f"Content-Length: {len(found.body)}\r\nDate: {self._today(started)}\r\n"
            f"X-Request-Id: {request_id}\r\nServer-Timing: total;dur={seconds * 1000:.1f}\r\n\r\n"
        )
        self._edge.metrics.record_immediate("GET", self._route, 200, seconds)
        if access_logger.isEnabledFor(logging.INFO):
            with bind_context(request_id=request_id):
                self._edge.log_response("GET", self._route, 200, seconds)
        return PreparedResponse(head.encode("latin-1") + found.body)

    async def _verdict(self, ip: str) -> RateDecision | None:
        """Only a limiter outside the process has to be waited for; meanwhile the request is in flight."""
        if self._limiter is None or self._rate is None:
            return None
        key = build_limit_key("default", None, ip)
        if isinstance(self._limiter, MemoryRateLimiter):
            return self._limiter.check_now(key, self._rate)
        self._edge.drain.record_start()
        try:
            return await self._limiter.check(key, self._rate)
        finally:
            self._edge.drain.record_end()

    def _today(self, started: float) -> str:
        """The Date header, made once a second."""
        second = int(started)
        if second != self._date[0]:
            self._date = (second, formatdate(self._clock.now().timestamp(), usegmt=True))
        return self._date[1]


CACHED_FAST_PATH = web.AppKey("hot", CachedFastPath)


def _lines(headers: dict[str, str]) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
