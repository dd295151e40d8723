"""Open connections: silent ones are closed, and their number stays below what the process may open."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_request import BaseRequest
from prometheus_client import CollectorRegistry, Counter, Gauge

from routes.web.problems import from_parser

log = structlog.get_logger(__name__)

RESERVED_DESCRIPTORS = 160
"""File descriptors left for the database, providers, Redis, the sandbox and files."""
FEWEST_CONNECTIONS = 64


class ConnectionLimit:
    """Admits at most `most` connections; beyond, the longest idle one makes room, or the new one is refused.

    So connections that send nothing cannot keep out those that ask for something. `header_timeout`: seconds until the
    head of the first request has arrived whole. Later heads are bounded by the keep-alive time-out of aiohttp.
    """

    def __init__(
        self, *, most: int, header_timeout: float, registry: CollectorRegistry, new_id: Callable[[], str]
    ) -> None:
        self.most = most
        self.new_id = new_id
        self.header_timeout = header_timeout
        self._open: dict[Connection, None] = {}
        self._full = False
        self._gauge = Gauge("hub_http_connections", "Connections that are open.", registry=registry)
        self._closed = Counter(
            "hub_http_connections_closed", "Connections that the hub has closed.", ["reason"], registry=registry
        )

    def opened(self, connection: "Connection") -> None:
        if len(self._open) >= self.most:
            self._make_room(connection)
        self._open[connection] = None
        self._gauge.set(len(self._open))

    def lost(self, connection: "Connection") -> None:
        self._open.pop(connection, None)
        self._gauge.set(len(self._open))
        if self._full and len(self._open) < self.most * 0.9:
            self._full = False
            log.info("connections.limit_left", open=len(self._open))

    def silent(self, connection: "Connection") -> None:
        """Closes a connection whose request has not arrived in time."""
        self._closed.labels("no_request").inc()
        connection.force_close()

    def _make_room(self, newcomer: "Connection") -> None:
        if not self._full:
            self._full = True
            log.warning("connections.limit_reached", most=self.most)
        idle = next((connection for connection in self._open if connection.idle), None)
        self._closed.labels("limit_idle" if idle is not None else "limit_refused").inc()
        (idle or newcomer).force_close()
        if idle is not None:
            self._open.pop(idle, None)


class Connection(web.RequestHandler):
    """aiohttp's connection, known to the limit while it is open."""

    __slots__ = ("_limit", "_timer")

    def __init__(self, limit: ConnectionLimit, server: web.Server, **options: Any) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self._limit = limit
        self._timer: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        """Whether no request is being handled: none has come, or the last one is answered."""
        return not self._request_in_progress

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._timer = asyncio.get_running_loop().call_later(self._limit.header_timeout, self._look)
        self._limit.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._limit.lost(self)
        super().connection_lost(exc)

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """A problem like any other for what is no request. `message` quotes what was sent, so it is left out."""
        if request.writer.output_size > 0:
            raise ConnectionError("The answer has begun already.")
        if isinstance(exc, HttpProcessingError):
            log.info("request.unreadable", error=type(exc).__name__)
        else:
            log.error("request.crashed", error=type(exc).__name__, exc_info=exc)
        request_id = self._limit.new_id()
        response = from_parser(status, exc, request_id)
        response.headers.update({"X-Request-Id": request_id, "X-Content-Type-Options": "nosniff"})
        response.force_close()
        return response

    def _look(self) -> None:
        self._timer = None
        if self._request_count == 0:
            self._limit.silent(self)


class LimitedRunner(web.AppRunner):
    """An AppRunner whose connections are counted and bounded. Further arguments are aiohttp's."""

    def __init__(
        self, app: web.Application, limit: ConnectionLimit, *, shutdown_timeout: float, **options: Any
    ) -> None:
        super().__init__(app, shutdown_timeout=shutdown_timeout, **options)
        self._limit = limit
        self._options = options

    @property
    def server(self) -> Any:
        """The factory that asyncio calls for each connection; everything else is aiohttp's own server."""
        server = super().server
        return None if server is None else _LimitedServer(server, self._limit, self._options)


class _LimitedServer:
    """Stands for aiohttp's server where asyncio asks it for the protocol of a new connection."""

    def __init__(self, server: web.Server, limit: ConnectionLimit, options: dict[str, Any]) -> None:
        self._server = server
        self._limit = limit
        self._options = options

    def __call__(self) -> Connection:
        return Connection(self._limit, self._server, **self._options)

    @property
    def request_handler(self) -> Any:
        return self._server.request_handler

    @request_handler.setter
    def request_handler(self, handler: Any) -> None:
        self._server.request_handler = handler


def descriptor_limit() -> int:
    """How many files and sockets this process may have open. Windows does not say: 1024 stands for it."""
    try:
        import resource
    except ImportError:
        return 1024
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def raise_descriptor_limit() -> None:
    """Raises the soft limit of open files to the hard one, where the system allows it."""
    with suppress(ImportError, OSError, ValueError):  # Windows; macOS, whose real limit is below the one it names
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def affordable_connections(descriptors: int) -> int:
    """How many connections a process with so many file descriptors can bear."""
    return max(FEWEST_CONNECTIONS, descriptors - RESERVED_DESCRIPTORS)


CONNECTIONS = web.AppKey("connections", ConnectionLimit)
