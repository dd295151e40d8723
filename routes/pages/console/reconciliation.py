"""The page of the reconciliation, for the operator's people in a browser. It needs no JavaScript."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from hub.core.context import about
from hub.core.errors import Conflict, Forbidden, HubError, Invalid, NotFound, Unauthenticated
from hub.people.identity import Caller
from hub.sales.reconciliation import Reconciliation
from routes.pages.account.accounts import LARGEST, read_form
from routes.pages.console.sign_in import StaffDoor
from routes.staff.reconciliation import LONGEST_RUN, NoteIn
from routes.web import html_pages
from routes.web.access import Gate
from routes.web.endpoint_api import ANYONE, MOVE_MONEY, READ_MONEY, VISIT, Call, get, post
from routes.web.problems import from_exception

SHOWN = 50
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
_ID, _NOTE = TypeAdapter(UUID), TypeAdapter(NoteIn)


class ReconcilePage:
    def __init__(self, reconciliation: Reconciliation, door: StaffDoor) -> None:
        self._reconciliation = reconciliation
        self._door = door
        self._css = html_pages.static_file("reconcile.css")
        self._jinja = html_pages.templates()

    def install(self, app: web.Application, gate: Gate) -> None:
        """Instead of `Api.add`: who is not signed in is led to the door, and what goes wrong is told as a page."""
        html_pages.install(app, gate, self, self._trouble)

    @get("/static/reconcile.css", who=ANYONE, hidden=True)
    async def style(self) -> web.FileResponse:
        """How it looks."""
        return html_pages.styled(self._css)

    @get("/reconcile", who=READ_MONEY, hidden=True)
    async def show(self, call: Call) -> web.Response:
        """The last run, and what is open."""
        last, page = await self._reconciliation.last(), _number(call.request.query.get("page", ""))
        found, total = await self._reconciliation.breaks.page(open_only=True, kind=None, page=page, page_size=SHOWN)
        facts: dict[str, Any] = {
            "last": last,
            "breaks": found,
            "total": total,
            "page": page,
            "pages": max(1, -(-total // SHOWN)),
        }
        return self._page("reconcile", csrf=self._door.csrf(call.who), **facts)

    @post("/reconcile/run", who=ANYONE, deadline=LONGEST_RUN, max_body=LARGEST, hidden=True)
    async def run(self, call: Call, body: bytes) -> web.Response:
        """Compares now. That another run is under way is as good."""
        caller, form = await self._acting(call, body)
        with about(actor=f"staff:{caller.id}"):
            try:
                await self._reconciliation.run(mend=form.get("fix") == "on")
            except Conflict as error:
                if error.code != "already_running":
                    raise
        return _back()

    @post("/reconcile/close", who=ANYONE, max_body=LARGEST, hidden=True)
    async def close(self, call: Call, body: bytes) -> web.Response:
        """Takes a difference as it is, with a note."""
        caller, form = await self._acting(call, body)
        try:
            number = _ID.validate_python(form.get("id", ""))
            note = _NOTE.validate_python({"note": form.get("note", "")}).note
        except ValidationError as error:
            raise Invalid("Say in a few words why it is taken as it is.", code="note_missing") from error
        with about(actor=f"staff:{caller.id}"):
            await self._reconciliation.breaks.close(number, note)
        return _back()

    async def _acting(self, call: Call, body: bytes) -> tuple[Caller, dict[str, str]]:
        """Who wants it, by the cookie and the form's own token. Raises Unauthenticated, Forbidden."""
        form, caller = read_form(call.request, body), await self._door.whose(call.request)
        if caller is None:
            raise Unauthenticated(code="no_staff_session")
        self._door.check_csrf(call.request, caller, form.get("csrf", ""))
        if not MOVE_MONEY.admits(caller.roles):
            raise Forbidden(code="role_missing")
        return caller, form

    def _trouble(self, request: web.Request, error: Exception) -> web.Response:
        request_id = request[VISIT].request_id
        told = from_exception(error, request_id)
        if "text/html" not in request.headers.get("Accept", ""):
            return told
        if isinstance(error, Unauthenticated):
            return _onwards(f"/auth/login?return_to={quote('/reconcile')}")
        if isinstance(error, NotFound):  # somebody else was faster
            return _back()
        detail = error.detail if isinstance(error, HubError) else ""
        root = html_pages.path_to_root(request)
        page = self._page("reconcile_trouble", told.status, detail=detail, request_id=request_id, root=root)
        html_pages.keep_retry_after(told, page)
        return page

    def _page(self, name: str, status: int = 200, **facts: Any) -> web.Response:
        text = self._jinja.get_template(f"staff/{name}.html").render(status=status, **facts)
        return web.Response(text=text, status=status, content_type="text/html", headers=_HEADERS)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 6 and int(text) else 1  # noqa: PLR2004


def _back() -> web.Response:
    return _onwards("/reconcile")


def _onwards(url: str) -> web.Response:
    return web.Response(status=303, headers={**_HEADERS, "Location": url})
