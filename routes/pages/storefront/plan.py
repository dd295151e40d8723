"""The page of a plan for whoever was given its address. It needs no JavaScript."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import web

from hub.core.errors import Forbidden, HubError, NotFound, Unauthenticated
from hub.people.identity import Caller
from hub.planning.plans import (
    Plan,
    PlanRecord,
    PlanVersion,
    PlanView,
    StandardPlanRenderer,
    build_filename,
    build_view_model,
)
from routes.web import html_pages
from routes.web.access import AccessGate
from routes.web.endpoint_api import ANYONE, PLANS_COOKIE, REQUEST_CONTEXT, Call, get
from routes.web.problems import exception_to_response

MAX_TOKEN_LENGTH = 200
_LONGEST_DESCRIPTION = 200
_CSP = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SECRET = {"Cache-Control": "private, no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
"""The address itself is what lets people in: it is not told to anybody they go on to."""
_PUBLIC = {"Cache-Control": "public, max-age=60", "Referrer-Policy": "strict-origin-when-cross-origin"}
_TYPES = {"ics": "text/calendar", "pdf": "application/pdf", "md": "text/markdown"}


class PlanViewSource(Protocol):
    """What this page asks for; see hub/planning/plans/sharing.py."""

    async def get_plan_view(self, caller: Caller | None, plan_id: UUID, token: str | None = None) -> PlanView:
        """A public plan, one whose share token this is, or one of the caller's own. Raises NotFound."""
        ...


AuthenticateToken = Callable[[str], Awaitable[Caller]]
"""The traveler of an access token. Raises Unauthenticated."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A plan that may be seen here."""

    kept: PlanRecord
    version: PlanVersion

    @property
    def plan(self) -> Plan:
        return self.version.plan

    @property
    def is_public(self) -> bool:
        return self.kept.visibility == "public"

    @property
    def headers(self) -> dict[str, str]:
        return dict(_PUBLIC if self.is_public else _SECRET)


class PlanPage:
    """`public_url` is how the world reaches the hub, `home` where people go on from here (the frontend), if anywhere.

    Addresses inside the page are relative, so that a proxy may put the hub under a path of its own.
    """

    def __init__(
        self,
        plans: PlanViewSource,
        faces: StandardPlanRenderer,
        public_url: str,
        home: str | None = None,
        authenticate: AuthenticateToken | None = None,
    ) -> None:
        self._plans = plans
        self._authenticate = authenticate
        self._faces = faces
        self._public_url = public_url
        self._home = home
        self._css = html_pages.get_static_path("plan.css")
        self._jinja = html_pages.create_template_environment()

    def install_pages(self, app: web.Application, gate: AccessGate) -> None:
        """Instead of `Api.add`: what goes wrong here is told to people, as a page."""
        html_pages.install_pages(app, gate, self, self._trouble)

    @get("/static/plan.css", permission=ANYONE, hidden=True)
    async def style(self) -> web.FileResponse:
        """How it looks."""
        return html_pages.serve_stylesheet(self._css)

    @get("/plan/{plan_id}.ics", permission=ANYONE, hidden=True)
    async def ics(self, call: Call, plan_id: UUID) -> web.Response:
        """For a calendar."""
        seen = await self._seen(call, plan_id)
        content = self._faces.render_calendar(seen.plan, plan_id, version=seen.version.version)
        return _download(seen, "ics", content)

    @get("/plan/{plan_id}.pdf", permission=ANYONE, hidden=True)
    async def pdf(self, call: Call, plan_id: UUID) -> web.Response:
        """On paper."""
        seen = await self._seen(call, plan_id)
        return _download(seen, "pdf", await self._faces.render_pdf(seen.plan, plan_id))

    @get("/plan/{plan_id}.md", permission=ANYONE, hidden=True)
    async def md(self, call: Call, plan_id: UUID) -> web.Response:
        """As text."""
        seen = await self._seen(call, plan_id)
        return _download(seen, "md", self._faces.render_markdown(seen.plan).encode())

    @get("/plan/{plan_id}", permission=ANYONE, hidden=True)
    async def show(self, call: Call, plan_id: UUID) -> web.Response:
        """The whole plan, day by day."""
        seen = await self._seen(call, plan_id)
        links = self._faces.list_affiliate_links(seen.plan, seen.kept.request)
        it = build_view_model(seen.plan, links, sandbox=self._faces.sandbox)
        facts: dict[str, Any] = {
            "it": it,
            "id": plan_id,
            "token": seen.kept.share_token if seen.kept.visibility == "link" else None,
            "canonical": f"{self._public_url}/plan/{plan_id}" if seen.is_public else None,
            "description": _description(it),
        }
        return self._page("plan", headers=seen.headers, **facts)

    async def _seen(self, call: Call, plan_id: UUID) -> _Seen:
        """Raises NotFound, also while nothing has been planned yet."""
        token = call.request.query.get("t", "")
        usable = 0 < len(token) <= MAX_TOKEN_LENGTH and token.isascii() and token.isprintable()
        caller = await self._visitor(call.request)
        shown = await self._plans.get_plan_view(caller, plan_id, token if usable else None)
        if shown.version is None:
            raise NotFound(code="plan_not_found")
        return _Seen(shown.record, shown.version)

    async def _visitor(self, request: web.Request) -> Caller | None:
        """The traveler who is signed in with this browser. A session that has ended is none."""
        token = request.cookies.get(PLANS_COOKIE)
        if token is None or self._authenticate is None:
            return None
        try:
            return await self._authenticate(token)
        except (Unauthenticated, Forbidden):
            return None

    def _trouble(self, request: web.Request, error: Exception) -> web.Response:
        request_id = request[REQUEST_CONTEXT].request_id
        problem = exception_to_response(error, request_id)
        detail = error.detail if isinstance(error, HubError) else ""
        headers = {name: problem.headers[name] for name in ("Retry-After",) if name in problem.headers}
        return self._page(
            "plan_trouble", problem.status, headers=_SECRET | headers, detail=detail, request_id=request_id,
            plan_id=_plan_of(request), root=html_pages.build_path_to_root(request),
        )  # fmt: skip

    def _page(self, name: str, status: int = 200, *, headers: dict[str, str], **facts: Any) -> web.Response:
        home = self._home if urlsplit(self._home or "").scheme in {"http", "https"} else None
        text = self._jinja.get_template(f"{name}.html").render(home=home, status=status, **facts)
        headers = {"Content-Security-Policy": _CSP, **headers}
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)


def _plan_of(request: web.Request) -> UUID | None:
    try:
        return UUID(request.match_info.get("plan_id", ""))
    except ValueError:
        return None


def _description(it: dict[str, Any]) -> str:
    text = it["summary"] or f"A trip plan for {it['destination']}, {it['when']}."
    return text if len(text) <= _LONGEST_DESCRIPTION else f"{text[: _LONGEST_DESCRIPTION - 1].rstrip()}…"


def _download(seen: _Seen, suffix: str, content: bytes) -> web.Response:
    headers = {**seen.headers, "Content-Disposition": f'attachment; filename="{build_filename(seen.plan, suffix)}"'}
    charset = None if suffix == "pdf" else "utf-8"
    return web.Response(body=content, headers=headers, content_type=_TYPES[suffix], charset=charset)
