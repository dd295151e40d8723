"""Trip plans for those who ask for them, and for those who are shown them. The stream is in plan_stream."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from pydantic import Field

from hub.core.clock import Clock
from hub.planning.plans import Plan, PlanFacade, PlanRenderer, PlanView, build_filename
from routes.pages.account.sign_in import build_plans_cookie
from routes.traveler.plan_requests import PlanEdit, PlanIn, VisibilityIn, WishIn
from routes.traveler.plan_schemas import (
    MakingOut,
    PlanFlightsOut,
    PlanLine,
    PlanOut,
    PlanPageOut,
    PlanQuery,
    PlanStory,
    PublicPlan,
    PublicQuery,
    StatsOut,
    TokenQuery,
    VersionOut,
    VersionWhole,
)
from routes.web.endpoint_api import ANYONE, OPTIONAL, OWN_DATA, Call, Reply, delete, get, post, put
from routes.web.schemas import Page, PageQuery

TAGS = ("plans",)
VersionNumber = Annotated[int, Field(ge=1, le=1_000_000)]
PAGE_COOKIE_LIFETIME = 900
"""Seconds for which a browser may open the owner's pages; the access token in the cookie ends by itself."""
GENERATION_TIMEOUT = 180.0
"""Seconds for a plan to be made: a chain of models may have to be asked to its end."""
MARKDOWN, CALENDAR, PDF = "text/markdown; charset=utf-8", "text/calendar; charset=utf-8", "application/pdf"


class PlanRoutes:
    def __init__(self, desk: PlanFacade, faces: PlanRenderer, clock: Clock, public_url: str = "") -> None:
        self._public_url = public_url
        self._plans = desk.plans
        self._editing = desk.editor
        self._sharing = desk.sharing
        self._flights = desk.flight_refresh
        self._faces = faces
        self._clock = clock

    @post("/api/plan", status=201, permission=OWN_DATA, idempotent=True, timeout=GENERATION_TIMEOUT, tags=TAGS)
    async def create(self, call: Call, body: PlanIn) -> PlanOut:
        """Plan a trip, out of real offers, inside its dates and budget. See /api/plan/stream to watch it appear."""
        kept = await self._plans.create_plan(call.signed_in_caller, body.to_create_plan(call.idempotency_key))
        await self._plans.generate_plan(kept, is_disconnected=lambda: is_disconnected(call))
        return await self.build_plan_response(call, kept.id)

    @get("/api/plan/{plan_id}.json", permission=OPTIONAL, response_model=Plan, tags=TAGS)
    async def json(self, call: Call, plan_id: UUID, query: TokenQuery) -> Reply:
        """The plan alone, as it is kept."""
        shown = await self._sharing.get_plan_view(call.caller, plan_id, query.t)
        return _face(call, shown, "json", lambda: shown.plan.model_dump_json(indent=2).encode(), "application/json")

    @get("/api/plan/{plan_id}.md", permission=OPTIONAL, response_type="text/markdown", tags=TAGS)
    async def markdown(self, call: Call, plan_id: UUID, query: TokenQuery) -> Reply:
        """As text."""
        shown = await self._sharing.get_plan_view(call.caller, plan_id, query.t)
        return _face(call, shown, "md", lambda: self._faces.render_markdown(shown.plan).encode(), MARKDOWN)

    @get("/api/plan/{plan_id}.ics", permission=OPTIONAL, response_type="text/calendar", tags=TAGS)
    async def ics(self, call: Call, plan_id: UUID, query: TokenQuery) -> Reply:
        """For a calendar."""
        shown = await self._sharing.get_plan_view(call.caller, plan_id, query.t)
        number = shown.version.version
        return _face(
            call, shown, "ics", lambda: self._faces.render_calendar(shown.plan, plan_id, version=number), CALENDAR
        )

    @get("/api/plan/{plan_id}.pdf", permission=OPTIONAL, response_type=PDF, tags=TAGS)
    async def pdf(self, call: Call, plan_id: UUID, query: TokenQuery) -> Reply:
        """On paper."""
        shown = await self._sharing.get_plan_view(call.caller, plan_id, query.t)
        if _is_known(call, _etag(shown, "pdf")):
            return Reply(status=304, headers=_headers(shown, "pdf"))
        headers = _headers(shown, "pdf") | _saved(shown, "pdf")
        return Reply(await self._faces.render_pdf(shown.plan, plan_id), headers=headers, content_type=PDF)

    @get("/api/plan/{plan_id}", permission=OPTIONAL, tags=TAGS, response_model=PlanOut)
    async def show(self, call: Call, plan_id: UUID, query: TokenQuery) -> Reply:
        """A plan of yours, a public one, or one whose link you have (`t`). 409 `plan_not_ready` while it is made."""
        shown = await self._sharing.get_plan_view(call.caller, plan_id, query.t)
        if _is_known(call, _etag(shown, "whole")):
            return Reply(status=304, headers=_headers(shown, "whole"))
        return Reply(PlanOut.from_domain(shown, self._faces, self._clock.now()), headers=_headers(shown, "whole"))

    @put("/api/plan/{plan_id}", permission=OWN_DATA, tags=TAGS)
    async def change(self, call: Call, plan_id: UUID, body: PlanEdit) -> PlanOut:
        """Edit whole days or single items. Nothing is refused but nonsense: what fails a check is marked.

        409 `version_conflict` when the plan is at another version than the one you have seen.
        """
        await self._editing.edit_plan(call.signed_in_caller, plan_id, body.to_plan_changes())
        return await self.build_plan_response(call, plan_id)

    @post("/api/plan/{plan_id}/refine", permission=OWN_DATA, idempotent=True, timeout=GENERATION_TIMEOUT, tags=TAGS)
    async def refine(self, call: Call, plan_id: UUID, body: WishIn) -> PlanOut:
        """Change the plan by a wish in words; only the days change that have to."""
        await self._editing.refine_plan(call.signed_in_caller, plan_id, body.wish)
        return await self.build_plan_response(call, plan_id)

    @post("/api/plan/{plan_id}/page", permission=OWN_DATA, tags=TAGS, response_model=PlanPageOut)
    async def open_page(self, call: Call, plan_id: UUID) -> Reply:
        """The plan's page for its owner: sets a cookie with which this browser may open it, private or not."""
        await self._plans.find_plan(call.signed_in_caller, plan_id)
        cookie = build_plans_cookie(call.token, PAGE_COOKIE_LIFETIME, self._public_url)
        return Reply(PlanPageOut(page=f"{self._public_url}/plan/{plan_id}"), headers={"Set-Cookie": cookie})

    @get("/api/plan/{plan_id}/versions", permission=OWN_DATA, tags=TAGS)
    async def versions(self, call: Call, plan_id: UUID, query: PageQuery) -> Page[VersionOut]:
        """The history of a plan, the newest first."""
        found, total = await self._editing.list_versions(
            call.signed_in_caller, plan_id, page=query.page, page_size=query.page_size
        )
        items = [VersionOut.from_domain(one) for one in found]
        return Page[VersionOut](items=items, page=query.page, page_size=query.page_size, total=total)

    @get("/api/plan/{plan_id}/versions/{version}", permission=OWN_DATA, tags=TAGS)
    async def version(self, call: Call, plan_id: UUID, version: VersionNumber) -> VersionWhole:
        """One version of a plan."""
        return VersionWhole.from_version(await self._editing.find_version(call.signed_in_caller, plan_id, version))

    @post("/api/plan/{plan_id}/versions/{version}/restore", permission=OWN_DATA, tags=TAGS)
    async def restore(self, call: Call, plan_id: UUID, version: VersionNumber) -> PlanOut:
        """Make an earlier version the newest."""
        await self._editing.restore_version(call.signed_in_caller, plan_id, version)
        return await self.build_plan_response(call, plan_id)

    @get("/api/plan/{plan_id}/story", permission=OWN_DATA, tags=TAGS)
    async def story(self, call: Call, plan_id: UUID) -> PlanStory:
        """How it came about: what the planner was asked, which models answered, what the checks said, what it cost."""
        found = await self._editing.list_generations(call.signed_in_caller, plan_id)
        return PlanStory(plan_id=plan_id, makings=[MakingOut(**one) for one in found])

    @post("/api/plan/{plan_id}/flights", permission=OWN_DATA, tags=TAGS)
    async def flights(self, call: Call, plan_id: UUID) -> PlanFlightsOut:
        """The plan's flights looked for anew, and what became of those it cites: to book them, POST /api/bookings."""
        return PlanFlightsOut.from_domain(await self._flights.refresh_flights(call.signed_in_caller, plan_id))

    @get("/api/user/plans", permission=OWN_DATA, tags=TAGS)
    async def list(self, call: Call, query: PlanQuery) -> Page[PlanLine]:
        """Your plans, the newest first."""
        found, total = await self._plans.list_plans(
            call.signed_in_caller, status=query.status, visibility=query.visibility, q=query.q, page=query.page,
            page_size=query.page_size,
        )  # fmt: skip
        items = [PlanLine.from_domain(one) for one in found]
        return Page[PlanLine](items=items, page=query.page, page_size=query.page_size, total=total)

    @get("/api/user/plans/stats", permission=OWN_DATA, tags=TAGS)
    async def stats(self, call: Call) -> StatsOut:
        """Your plans in numbers."""
        return StatsOut.from_domain(await self._plans.get_statistics(call.signed_in_caller))

    @delete("/api/user/plans/{plan_id}", permission=OWN_DATA, tags=TAGS)
    async def remove(self, call: Call, plan_id: UUID) -> None:
        """Delete a plan, with all its versions and what was put beside it."""
        await self._plans.delete_plan(call.signed_in_caller, plan_id)

    @put("/api/user/plans/{plan_id}/visibility", permission=OWN_DATA, tags=TAGS)
    async def share(self, call: Call, plan_id: UUID, body: VisibilityIn) -> PlanLine:
        """For you alone, for whoever has the link (a new one each time), or for everybody."""
        return PlanLine.from_domain(await self._sharing.set_visibility(call.signed_in_caller, plan_id, body.visibility))

    @get("/api/plans/public", permission=ANYONE, tags=TAGS)
    async def public(self, call: Call, query: PublicQuery) -> Page[PublicPlan]:
        """Plans that travellers have made public, the newest first."""
        found, total = await self._sharing.list_public_plans(
            q=query.q, destination=query.destination, page=query.page, page_size=query.page_size
        )
        items = [PublicPlan.from_domain(one) for one in found]
        return Page[PublicPlan](items=items, page=query.page, page_size=query.page_size, total=total)

    async def build_plan_response(self, call: Call, plan_id: UUID) -> PlanOut:
        """The answer about a plan of the caller's."""
        shown = await self._sharing.get_plan_view(call.signed_in_caller, plan_id)
        return PlanOut.from_domain(shown, self._faces, self._clock.now())


def is_disconnected(call: Call) -> bool:
    """Whether whoever asked has hung up."""
    transport = call.request.transport
    return transport is None or transport.is_closing()


def _etag(shown: PlanView, face: str) -> str:
    """Weak: what is rendered from the same version says the same. Who owns it is told more."""
    kept = shown.record
    seen = f"{kept.visibility[0]}{'o' if shown.own else ''}"
    return f'W/"{kept.id.hex}-{shown.version.version}-{face}-{seen}"'


def _is_known(call: Call, etag: str) -> bool:
    given = call.headers.get("If-None-Match", "")
    return etag in {one.strip() for one in given.split(",")}


def _headers(shown: PlanView, face: str) -> dict[str, str]:
    return {"ETag": _etag(shown, face), "Cache-Control": "private, no-cache", "Vary": "Authorization"}


def _saved(shown: PlanView, suffix: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{build_filename(shown.plan, suffix)}"'}


def _face(call: Call, shown: PlanView, suffix: str, content: Callable[[], bytes], content_type: str) -> Reply:
    headers = _headers(shown, suffix)
    if _is_known(call, _etag(shown, suffix)):
        return Reply(status=304, headers=headers)
    return Reply(content(), headers=headers | _saved(shown, suffix), content_type=content_type)
