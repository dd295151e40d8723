"""The page of the reconciliation, for the operator's people in a browser. It needs no JavaScript."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from hub.core.context import bind_context
from hub.core.errors import Conflict, Forbidden, HubError, InvalidRequest, NotFound, Unauthenticated
from hub.people.identity import Caller
from hub.sales.reconciliation import Reconciliation
from routes.pages.account.accounts import MAX_FORM_BYTES, read_form
from routes.pages.console.sign_in import StaffSignInPages
from routes.staff.reconciliation import RUN_TIMEOUT, NoteIn
from routes.web import html_pages
from routes.web.access import AccessGate
from routes.web.endpoint_api import ANYONE, MOVE_MONEY, READ_MONEY, REQUEST_CONTEXT, Call, get, post
from routes.web.problems import exception_to_response

BREAKS_PER_PAGE = 50
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
_ID, _NOTE = TypeAdapter(UUID), TypeAdapter(NoteIn)


class ReconciliationPage:
    def __init__(self, reconciliation: Reconciliation, door: StaffSignInPages) -> None:
        self._reconciliation = reconciliation
        self._door = door
        self._css = html_pages.get_static_path("reconcile.css")
        self._jinja = html_pages.create_template_environment()

    def install_pages(self, app: web.Application, gate: AccessGate) -> None:
        """Instead of `Api.add`: who is not signed in is led to the door, and what goes wrong is told as a page."""
        html_pages.install_pages(app, gate, self, self._trouble)

    @get("/static/reconcile.css", permission=ANYONE, hidden=True)
    async def style(self) -> web.FileResponse:
        """How it looks."""
        return html_pages.serve_stylesheet(self._css)

    @get("/reconcile", permission=READ_MONEY, hidden=True)
    async def show(self, call: Call) -> web.Response:
        """The last run, and what is open."""
        last, page = await self._reconciliation.get_last_run(), _number(call.request.query.get("page", ""))
        found, total = await self._reconciliation.breaks.list_breaks(
            open_only=True, kind=None, page=page, page_size=BREAKS_PER_PAGE
        )
        facts: dict[str, Any] = {
            "last": last,
            "breaks": found,
            "total": total,
            "page": page,
            "pages": max(1, -(-total // BREAKS_PER_PAGE)),
        }
        return self._page("reconcile", csrf=self._door.get_csrf_token(call.signed_in_caller), **facts)

    @post("/reconcile/run", permission=ANYONE, timeout=RUN_TIMEOUT, max_body=MAX_FORM_BYTES, hidden=True)
    async def run(self, call: Call, body: bytes) -> web.Response:
        """Compares now. That another run is under way is as good."""
        caller, form = await self._acting(call, body)
        with bind_context(actor=f"staff:{caller.id}"):
            try:
                await self._reconciliation.run(repair=form.get("fix") == "on")
            except Conflict as error:
                if error.code != "already_running":
                    raise
        return _back()

    @post("/reconcile/close", permission=ANYONE, max_body=MAX_FORM_BYTES, hidden=True)
    async def close(self, call: Call, body: bytes) -> web.Response:
        """Takes a difference as it is, with a note."""
        caller, form = await self._acting(call, body)
        try:
            number = _ID.validate_python(form.get("id", ""))
            note = _NOTE.validate_python({"note": form.get("note", "")}).note
        except ValidationError as error:
            raise InvalidRequest("Say in a few words why it is taken as it is.", code="note_missing") from error
        with bind_context(actor=f"staff:{caller.id}"):
            await self._reconciliation.breaks.close_break(number, note)
        return _back()

    async def _acting(self, call: Call, body: bytes) -> tuple[Caller, dict[str, str]]:
        """Who wants it, by the cookie and the form's own token. Raises Unauthenticated, Forbidden."""
        form, caller = read_form(call.request, body), await self._door.find_caller(call.request)
        if caller is None:
            raise Unauthenticated(code="no_staff_session")
        self._door.check_csrf(call.request, caller, form.get("csrf", ""))
        if not MOVE_MONEY.admits_roles(caller.roles):
            raise Forbidden(code="role_missing")
        return caller, form

    def _trouble(self, request: web.Request, error: Exception) -> web.Response:
        request_id = request[REQUEST_CONTEXT].request_id
        told = exception_to_response(error, request_id)
        if "text/html" not in request.headers.get("Accept", ""):
            return told
        if isinstance(error, Unauthenticated):
            return _onwards(f"/auth/login?return_to={quote('/reconcile')}")
        if isinstance(error, NotFound):  # somebody else was faster
            return _back()
        detail = error.detail if isinstance(error, HubError) else ""
        root = html_pages.build_path_to_root(request)
        page = self._page("reconcile_trouble", told.status, detail=detail, request_id=request_id, root=root)
        html_pages.copy_retry_after(told, page)
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
