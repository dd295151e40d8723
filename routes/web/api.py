"""From decorated methods to aiohttp routes and an OpenAPI document."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import orjson
from aiohttp import web

from routes.web.access import AccessGate
from routes.web.endpoint import Endpoint, list_endpoints
from routes.web.endpoint_api import ANYONE
from routes.web.http_caching import revalidate_response
from routes.web.openapi import build_document

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class EndpointServer(Protocol):
    """A gate (see routes/web/access.py)."""

    async def serve_endpoint(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse: ...


_ABOUT = """Search, book and pay for journeys.

Money is in minor units (29999 is 299.99 USD, and 29999 JPY). Times carry their offset. camelCase is understood in
requests, answers are in snake_case. An unknown query parameter or field of a body is a 422 with a suggestion. A text
without a limit of its own has at most 50,000 characters. Errors are `application/problem+json`; their `code` is stable,
and `GET /api/errors` lists all codes."""
_TAGS: Mapping[str, str] = {
    "account": "Sessions and the second factor of a traveler.",
    "ai": "The chain of language models on OpenAI's wire.",
    "auth": "Registration, sign-in, confirmation and passwords of travelers.",
    "bookings": "Flights that were booked, and their papers.",
    "customers": "Profile, addresses, preferences and points of a traveler.",
    "documents": "Receipts, invoices and credit notes.",
    "flights": "Search, check and book flights of all suppliers.",
    "locations": "Airports, cities and countries.",
    "money": "Payments, refunds and review items, for staff.",
    "payments": "Paying for a booking.",
    "plans": "Trip plans: making, changing, sharing.",
    "privacy": "Export and erasure of personal data.",
    "reconciliation": "Differences between the books and the providers.",
    "staff": "Travelers and staff accounts, for staff.",
    "system": "About this API.",
}


class ApiRouter:
    """`add_endpoints` the objects whose methods are endpoints, then `install_routes` once."""

    def __init__(self, *, title: str = "travel-hub", version: str = "0", description: str = _ABOUT) -> None:
        self._title = title
        self._version = version
        self._description = description
        self._endpoints: list[Endpoint] = []
        self._openapi: bytes | None = None

    def add_endpoints(self, *groups: object) -> None:
        """Reads the signatures; raises TypeError for one that does not fit its path."""
        for group in groups:
            self._endpoints += list_endpoints(group)
        self._openapi = None

    def install_routes(
        self, app: web.Application, gate: AccessGate, *, for_openai: EndpointServer | None = None
    ) -> None:
        """Adds a route for each endpoint; a GET answers HEAD too. Needs `EdgeMiddleware` (routes/web/middleware.py)
        around it.

        `for_openai` is the gate of those that speak OpenAI's wire.
        """
        for endpoint in self._endpoints:
            methods = ("GET", "HEAD") if endpoint.operation.method == "GET" else (endpoint.operation.method,)
            foreign = endpoint.operation.wire == "openai"
            handler = _handler(for_openai if foreign and for_openai is not None else gate, endpoint)
            for method in methods:
                app.router.add_route(method, endpoint.route_pattern, handler)

    def build_openapi_document(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document of what has been added so far."""
        shown = [one.to_openapi() for one in self._endpoints if not one.operation.hidden]
        return build_document(
            title=self._title, version=self._version, description=self._description, endpoints=shown, tags=_TAGS
        )

    def render_openapi_json(self) -> bytes:
        """The document as JSON, made once."""
        if self._openapi is None:
            self._openapi = orjson.dumps(self.build_openapi_document())
        return self._openapi


def _handler(gate: EndpointServer, endpoint: Endpoint) -> Handler:
    async def serve(request: web.Request) -> web.StreamResponse:
        response = await gate.serve_endpoint(endpoint, request)
        return revalidate_response(request, response, public=public) if wire == "hub" else response

    public, wire = endpoint.operation.permission is ANYONE, endpoint.operation.wire
    serve.__operation__ = endpoint.operation  # type: ignore[attr-defined]
    return serve
