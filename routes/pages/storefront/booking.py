"""The page of a booking for whoever has its link. It needs no JavaScript."""

from typing import Any, Protocol
from urllib.parse import urlsplit

from aiohttp import web

from hub.core.errors import HubError, NotFound
from hub.sales.bookings import MAX_TOKEN_LENGTH, BookingView
from routes.web import html_pages
from routes.web.access import AccessGate
from routes.web.endpoint_api import ANYONE, REQUEST_CONTEXT, Call, get
from routes.web.problems import exception_to_response

_CSP = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": _CSP,
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
"""The address itself is what lets people in: it is not passed on to where they go from here."""


class BookingViewSource(Protocol):
    async def view_booking(self, token: str) -> BookingView:
        """Raises NotFound."""
        ...


class BookingPage:
    """`home` is where people go on from here (the frontend), if anywhere."""

    def __init__(self, viewer: BookingViewSource, home: str | None = None) -> None:
        self._viewer = viewer
        self._home = home if urlsplit(home or "").scheme in {"http", "https"} else None
        self._jinja = html_pages.create_template_environment()

    def install_pages(self, app: web.Application, gate: AccessGate) -> None:
        """Adds the pages; errors are told as a page too."""
        html_pages.install_pages(app, gate, self, self._trouble)

    @get("/booking/{token}/calendar.ics", permission=ANYONE, hidden=True)
    async def ics(self, call: Call, token: str) -> web.Response:
        """The flights for a calendar."""
        view = await self._viewer.view_booking(_checked(token))
        name = f'attachment; filename="{view.booking.reference}.ics"'
        headers = {**_HEADERS, "Content-Disposition": name}
        return web.Response(body=view.calendar_file, headers=headers, content_type="text/calendar", charset="utf-8")

    @get("/booking/{token}", permission=ANYONE, hidden=True)
    async def show(self, call: Call, token: str) -> web.Response:
        """Flights, references, bags, and how the booking stands."""
        view = await self._viewer.view_booking(_checked(token))
        return self._page("booking", view=view, booking=view.booking, itinerary=view.itinerary, token=token)

    def _trouble(self, request: web.Request, error: Exception) -> web.Response:
        request_id = request[REQUEST_CONTEXT].request_id
        problem = exception_to_response(error, request_id)
        detail = error.detail if isinstance(error, HubError) else ""
        root = html_pages.build_path_to_root(request)
        response = self._page("booking_trouble", problem.status, detail=detail, request_id=request_id, root=root)
        html_pages.copy_retry_after(problem, response)
        return response

    def _page(self, name: str, status: int = 200, **facts: Any) -> web.Response:
        text = self._jinja.get_template(f"{name}.html").render(home=self._home, status=status, **facts)
        return web.Response(text=text, status=status, content_type="text/html", headers=_HEADERS)


def _checked(token: str) -> str:
    if not token.isascii() or len(token) > MAX_TOKEN_LENGTH:
        raise NotFound("There is no such booking.", code="booking_not_found")
    return token
