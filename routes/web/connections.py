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

from routes.web.problems import parser_error_to_response

log = structlog.get_logger(__name__)

RESERVED_DESCRIPTORS = 160
"""File descriptors left for the database, providers, Redis, the sandbox and files."""
MIN_CONNECTIONS = 64


class ConnectionLimit:
    """Admits at most `max_connections` connections; beyond, the longest idle one makes room, or the new one is refused.

    So connections that send nothing cannot keep out those that ask for something. `header_timeout`: seconds until the
    head of the first request has arrived whole. Later heads are bounded by the keep-alive time-out of aiohttp.
    """

    def __init__(
        self,
        *,
        max_connections: int,
        header_timeout: float,
        registry: CollectorRegistry,
        new_request_id: Callable[[], str],
    ) -> None:
        self.max_connections = max_connections
        self.new_request_id = new_request_id
        self.header_timeout = header_timeout
        self._open: dict[LimitedConnection, None] = {}
        self._full = False
        self._gauge = Gauge("hub_http_connections", "Connections that are open.", registry=registry)
        self._closed = Counter(
            "hub_http_connections_closed", "Connections that the hub has closed.", ["reason"], registry=registry
        )

    def add_connection(self, connection: "LimitedConnection") -> None:
        if len(self._open) >= self.max_connections:
            self._make_room(connection)
        self._open[connection] = None
        self._gauge.set(len(self._open))

    def remove_connection(self, connection: "LimitedConnection") -> None:
        self._open.pop(connection, None)
        self._gauge.set(len(self._open))
        if self._full and len(self._open) < self.max_connections * 0.9:
            self._full = False
            log.info("connections.limit_left", open=len(self._open))

    def close_silent_connection(self, connection: "LimitedConnection") -> None:
        """Closes a connection whose request has not arrived in time."""
        self._closed.labels("no_request").inc()
        connection.force_close()

    def _make_room(self, newcomer: "LimitedConnection") -> None:
        if not self._full:
            self._full = True
            log.warning("connections.limit_reached", most=self.max_connections)
        idle = next((connection for connection in self._open if connection.is_idle), None)
        self._closed.labels("limit_idle" if idle is not None else "limit_refused").inc()
        (idle or newcomer).force_close()
        if idle is not None:
            self._open.pop(idle, None)


class LimitedConnection(web.RequestHandler):
    """aiohttp's connection, known to the limit while it is open."""

    __slots__ = ("_limit", "_timer")

    def __init__(self, limit: ConnectionLimit, server: web.Server, **options: Any) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self._limit = limit
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being handled: none has come, or the last one is answered."""
        return not self._request_in_progress

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._timer = asyncio.get_running_loop().call_later(self._limit.header_timeout, self._look)
        self._limit.add_connection(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._limit.remove_connection(self)
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
        request_id = self._limit.new_request_id()
        response = parser_error_to_response(status, exc, request_id)
        response.headers.update({"X-Request-Id": request_id, "X-Content-Type-Options": "nosniff"})
        response.force_close()
        return response

    def _look(self) -> None:
        self._timer = None
        if self._request_count == 0:
            self._limit.close_silent_connection(self)


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

    def __call__(self) -> LimitedConnection:
        return LimitedConnection(self._limit, self._server, **self._options)

    @property
    def request_handler(self) -> Any:
        return self._server.request_handler

    @request_handler.setter
    def request_handler(self, handler: Any) -> None:
        self._server.request_handler = handler


def get_descriptor_limit() -> int:
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


def compute_max_connections(descriptors: int) -> int:
    """How many connections a process with so many file descriptors can bear."""
    return max(MIN_CONNECTIONS, descriptors - RESERVED_DESCRIPTORS)


CONNECTION_LIMIT = web.AppKey("connections", ConnectionLimit)
