"""What operators and tools ask: is it alive, can it work, what has it counted, what does it offer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from hub.core.errors import HubError, NotFound
from hub.core.metrics import render_metrics
from routes.web.endpoint_api import Call, Reply, get
from routes.web.middleware import RequestDrain

log = structlog.get_logger(__name__)

ReadinessCheck = Callable[[], Awaitable[object]]
"""Returns when all is well. A HubError's sentence is shown; any other exception only as its class."""

_CHECK_TIMEOUT = 3.0
_DOCS = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
}
_NO_STORE = {"Cache-Control": "no-store"}
_DOCS_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class SystemRoutes:
    """`readiness_checks` by name: database, migrations, worker. `openapi` gives the document as JSON.

    /metrics tells strangers how business goes, so here it is closed unless `metrics_token` opens it or the hub
    listens on this machine only (`is_metrics_public`). Its proper place is the port of `build_metrics_app`.
    """

    def __init__(
        self,
        *,
        openapi: Callable[[], bytes],
        readiness_checks: Mapping[str, ReadinessCheck],
        registry: CollectorRegistry,
        drain: RequestDrain,
        metrics_token: str | None = None,
        is_metrics_public: bool = False,
    ) -> None:
        self._openapi = openapi
        self._checks = readiness_checks
        self._registry = registry
        self._drain = drain
        self._metrics_token = metrics_token
        self._metrics_open = is_metrics_public
        self._failing: frozenset[str] = frozenset()
        self._static = Path(str(files("routes").joinpath("static", "swagger-ui")))

    @get("/healthz", rate_limit=None, hidden=True)
    async def alive(self) -> Reply:
        """The process runs and answers; says nothing of what it needs."""
        return Reply(b'{"status":"ok"}', headers=_NO_STORE)

    @get("/readyz", rate_limit=None, hidden=True)
    async def ready(self) -> Reply:
        """Whether requests should be sent here: 200, or 503 with the checks that fail."""
        said = await asyncio.gather(*(_outcome(check) for check in self._checks.values()))
        checks = dict(zip(self._checks, said, strict=True))
        if self._drain.is_closing:
            checks["process"] = "shutting down"
        failing = frozenset(name for name, outcome in checks.items() if outcome != "ok")
        self._note(failing)
        body: dict[str, Any] = {"status": "not ready" if failing else "ready", "checks": checks}
        return Reply(orjson.dumps(body), status=503 if failing else 200, headers=_NO_STORE)

    def _note(self, failing: frozenset[str]) -> None:
        if failing != self._failing:
            log.warning("readiness.changed", failing=sorted(failing))
            self._failing = failing

    @get("/metrics", rate_limit=None, hidden=True)
    async def metrics(self, call: Call) -> Reply:
        """Prometheus' text format. Without a right to it there is no such address."""
        if not self._metrics_open and not self._has_token(call.headers.get("Authorization", "")):
            raise NotFound
        body, content_type = render_metrics(self._registry)
        return Reply(body, headers=_NO_STORE, content_type=content_type)

    def _has_token(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        expected = (self._metrics_token or "").encode()
        return bool(expected) and scheme.lower() == "bearer" and compare_digest(token.strip().encode(), expected)

    @get("/openapi.json", hidden=True)
    async def openapi(self) -> Reply:
        """What the hub offers, as OpenAPI 3.1."""
        return Reply(self._openapi(), headers={"Cache-Control": "no-cache"})

    @get("/docs", hidden=True)
    async def docs(self) -> web.FileResponse:
        """The same, to read and to try."""
        headers = {"Content-Security-Policy": _DOCS_CSP, "Content-Type": "text/html; charset=utf-8"}
        return web.FileResponse(self._static / "index.html", headers=headers)

    @get("/docs/{name}", hidden=True)
    async def docs_file(self, name: str) -> Reply:
        """Its parts. Served from here: the page works without any other host."""
        if name not in _DOCS:
            raise NotFound
        body = await asyncio.to_thread((self._static / name).read_bytes)
        return Reply(body, headers={"Cache-Control": "public, max-age=86400"}, content_type=_DOCS[name])


def build_metrics_app(registry: CollectorRegistry) -> web.Application:
    """An application that serves nothing but /metrics, for a port that the public does not reach."""

    async def metrics(_: web.Request) -> web.Response:
        body, content_type = render_metrics(registry)
        return web.Response(body=body, headers={**_NO_STORE, "Content-Type": content_type})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    return app


async def _outcome(check: ReadinessCheck) -> str:
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT):
            await check()
    except HubError as error:
        return error.detail
    except TimeoutError:
        return "no answer in time"
    except Exception as error:  # noqa: BLE001 (whatever it is, it is what makes us not ready)
        return type(error).__name__
    return "ok"
