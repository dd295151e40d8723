"""Trip plans for those who ask for them, and for those who are shown them. The stream is in plan_stream."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from pydantic import Field

from hub.core.clock import Clock
from hub.planning.plans.facade import PlanDesk
from hub.planning.plans.model import Plan
from hub.planning.plans.ports import Faces
from hub.planning.plans.records import Shown
from hub.planning.plans.rendering import filename
from routes.pages.account.sign_in import plans_cookie
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
from routes.web.endpoint_api import ANYONE, OPTIONAL, TRAVELLER, Call, Reply, delete, get, post, put
from routes.web.schemas import Page, PageQuery

TAGS = ("plans",)
Number = Annotated[int, Field(ge=1, le=1_000_000)]
PAGE_LIFE = 900
"""Seconds for which a browser may open the owner's pages; the access token in the cookie ends by itself."""
LONGEST = 180.0
"""Seconds for a plan to be made: a chain of models may have to be asked to its end."""
MARKDOWN, CALENDAR, PDF = "text/markdown; charset=utf-8", "text/calendar; charset=utf-8", "application/pdf"


class PlanRoutes:
    def __init__(self, desk: PlanDesk, faces: Faces, clock: Clock, public_url: str = "") -> None:
        self._public_url = public_url
        self._plans = desk.plans
        self._editing = desk.editing
        self._sharing = desk.sharing
        self._flights = desk.flights
        self._faces = faces
        self._clock = clock

    @post("/api/plan", status=201, who=TRAVELLER, idempotent=True, deadline=LONGEST, tags=TAGS)
    async def create(self, call: Call, body: PlanIn) -> PlanOut:
        """Plan a trip, out of real offers, inside its dates and budget. See /api/plan/stream to watch it appear."""
        kept = await self._plans.open(call.who, body.wanted(call.idempotency_key))
        await self._plans.make(kept, gone=lambda: gone(call))
        return await self.whole(call, kept.id)

    @get("/api/plan/{plan_id}.json", who=OPTIONAL, reply=Plan, tags=TAGS)
    async def json(self, call: Call, plan_id: UUID, query: TokenQuery) -> Reply:
        """The plan alone, as it is kept."""
        shown = await self._sharing.show(call.caller, plan_id, query.t)
        return _face(call, shown, "json", lambda: shown.plan.model_dump_json(indent=2).encode(), "application/json")

    @get("/api/plan/{plan_id}.md", who=OPTIONAL, reply_type="text/markdown", tags=TAGS)
    async def markdown(self, call: Call, plan_id: UUID, query: TokenQuery) -> Reply:
        """As text."""
        shown = await self._sharing.show(call.caller, plan_id, query.t)
        return _face(call, shown, "md", lambda: self._faces.markdown(shown.plan).encode(), MARKDOWN)

    @get("/api/plan/{plan_id}.ics", who=OPTIONAL, reply_type="text/calendar", tags=TAGS)
    async def ics(self, call: Call, plan_id: UUID, query: TokenQuery) -> Reply:
        """For a calendar."""
        shown = await self._sharing.show(call.caller, plan_id, query.t)
        number = shown.version.version
        return _face(call, shown, "ics", lambda: self._faces.ics(shown.plan, plan_id, version=number), CALENDAR)

    @get("/api/plan/{plan_id}.pdf", who=OPTIONAL, reply_type=PDF, tags=TAGS)
    async def pdf(self, call: Call, plan_id: UUID, query: TokenQuery) -> Reply:
        """On paper."""
        shown = await self._sharing.show(call.caller, plan_id, query.t)
        if _is_known(call, _etag(shown, "pdf")):
            return Reply(status=304, headers=_headers(shown, "pdf"))
        headers = _headers(shown, "pdf") | _saved(shown, "pdf")
        return Reply(await self._faces.pdf(shown.plan, plan_id), headers=headers, content_type=PDF)

    @get("/api/plan/{plan_id}", who=OPTIONAL, tags=TAGS, reply=PlanOut)
    async def show(self, call: Call, plan_id: UUID, query: TokenQuery) -> Reply:
        """A plan of yours, a public one, or one whose link you have (`t`). 409 `plan_not_ready` while it is made."""
        shown = await self._sharing.show(call.caller, plan_id, query.t)
        if _is_known(call, _etag(shown, "whole")):
            return Reply(status=304, headers=_headers(shown, "whole"))
        return Reply(PlanOut.of(shown, self._faces, self._clock.now()), headers=_headers(shown, "whole"))

    @put("/api/plan/{plan_id}", who=TRAVELLER, tags=TAGS)
    async def change(self, call: Call, plan_id: UUID, body: PlanEdit) -> PlanOut:
        """Edit whole days or single items. Nothing is refused but nonsense: what fails a check is marked.

        409 `version_conflict` when the plan is at another version than the one you have seen.
        """
        await self._editing.edit(call.who, plan_id, body.edit())
        return await self.whole(call, plan_id)

    @post("/api/plan/{plan_id}/refine", who=TRAVELLER, idempotent=True, deadline=LONGEST, tags=TAGS)
    async def refine(self, call: Call, plan_id: UUID, body: WishIn) -> PlanOut:
        """Change the plan by a wish in words; only the days change that have to."""
        await self._editing.refine(call.who, plan_id, body.wish)
        return await self.whole(call, plan_id)

    @post("/api/plan/{plan_id}/page", who=TRAVELLER, tags=TAGS, reply=PlanPageOut)
    async def open_page(self, call: Call, plan_id: UUID) -> Reply:
        """The plan's page for its owner: sets a cookie with which this browser may open it, private or not."""
        await self._plans.find(call.who, plan_id)
        cookie = plans_cookie(call.token, PAGE_LIFE, self._public_url)
        return Reply(PlanPageOut(page=f"{self._public_url}/plan/{plan_id}"), headers={"Set-Cookie": cookie})

    @get("/api/plan/{plan_id}/versions", who=TRAVELLER, tags=TAGS)
    async def versions(self, call: Call, plan_id: UUID, query: PageQuery) -> Page[VersionOut]:
        """The history of a plan, the newest first."""
        found, total = await self._editing.versions(call.who, plan_id, page=query.page, page_size=query.page_size)
        items = [VersionOut.of(one) for one in found]
        return Page[VersionOut](items=items, page=query.page, page_size=query.page_size, total=total)

    @get("/api/plan/{plan_id}/versions/{version}", who=TRAVELLER, tags=TAGS)
    async def version(self, call: Call, plan_id: UUID, version: Number) -> VersionWhole:
        """One version of a plan."""
        return VersionWhole.whole(await self._editing.version(call.who, plan_id, version))

    @post("/api/plan/{plan_id}/versions/{version}/restore", who=TRAVELLER, tags=TAGS)
    async def restore(self, call: Call, plan_id: UUID, version: Number) -> PlanOut:
        """Make an earlier version the newest."""
        await self._editing.restore(call.who, plan_id, version)
        return await self.whole(call, plan_id)

    @get("/api/plan/{plan_id}/story", who=TRAVELLER, tags=TAGS)
    async def story(self, call: Call, plan_id: UUID) -> PlanStory:
        """How it came about: what the planner was asked, which models answered, what the checks said, what it cost."""
        found = await self._editing.makings(call.who, plan_id)
        return PlanStory(plan_id=plan_id, makings=[MakingOut(**one) for one in found])

    @post("/api/plan/{plan_id}/flights", who=TRAVELLER, tags=TAGS)
    async def flights(self, call: Call, plan_id: UUID) -> PlanFlightsOut:
        """The plan's flights looked for anew, and what became of those it cites: to book them, POST /api/bookings."""
        return PlanFlightsOut.of(await self._flights.again(call.who, plan_id))

    @get("/api/user/plans", who=TRAVELLER, tags=TAGS)
    async def list(self, call: Call, query: PlanQuery) -> Page[PlanLine]:
        """Your plans, the newest first."""
        found, total = await self._plans.page(
            call.who, status=query.status, visibility=query.visibility, q=query.q, page=query.page,
            page_size=query.page_size,
        )  # fmt: skip
        items = [PlanLine.of(one) for one in found]
        return Page[PlanLine](items=items, page=query.page, page_size=query.page_size, total=total)

    @get("/api/user/plans/stats", who=TRAVELLER, tags=TAGS)
    async def stats(self, call: Call) -> StatsOut:
        """Your plans in numbers."""
        return StatsOut.of(await self._plans.stats(call.who))

    @delete("/api/user/plans/{plan_id}", who=TRAVELLER, tags=TAGS)
    async def remove(self, call: Call, plan_id: UUID) -> None:
        """Delete a plan, with all its versions and what was put beside it."""
        await self._plans.delete(call.who, plan_id)

    @put("/api/user/plans/{plan_id}/visibility", who=TRAVELLER, tags=TAGS)
    async def share(self, call: Call, plan_id: UUID, body: VisibilityIn) -> PlanLine:
        """For you alone, for whoever has the link (a new one each time), or for everybody."""
        return PlanLine.of(await self._sharing.set_visibility(call.who, plan_id, body.visibility))

    @get("/api/plans/public", who=ANYONE, tags=TAGS)
    async def public(self, call: Call, query: PublicQuery) -> Page[PublicPlan]:
        """Plans that travellers have made public, the newest first."""
        found, total = await self._sharing.public(
            q=query.q, destination=query.destination, page=query.page, page_size=query.page_size
        )
        items = [PublicPlan.of(one) for one in found]
        return Page[PublicPlan](items=items, page=query.page, page_size=query.page_size, total=total)

    async def whole(self, call: Call, plan_id: UUID) -> PlanOut:
        """The answer about a plan of the caller's."""
        shown = await self._sharing.show(call.who, plan_id)
        return PlanOut.of(shown, self._faces, self._clock.now())


def gone(call: Call) -> bool:
    """Whether whoever asked has hung up."""
    transport = call.request.transport
    return transport is None or transport.is_closing()


def _etag(shown: Shown, face: str) -> str:
    """Weak: what is rendered from the same version says the same. Who owns it is told more."""
    kept = shown.kept
    seen = f"{kept.visibility[0]}{'o' if shown.own else ''}"
    return f'W/"{kept.id.hex}-{shown.version.version}-{face}-{seen}"'


def _is_known(call: Call, etag: str) -> bool:
    given = call.headers.get("If-None-Match", "")
    return etag in {one.strip() for one in given.split(",")}


def _headers(shown: Shown, face: str) -> dict[str, str]:
    return {"ETag": _etag(shown, face), "Cache-Control": "private, no-cache", "Vary": "Authorization"}


def _saved(shown: Shown, suffix: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{filename(shown.plan, suffix)}"'}


def _face(call: Call, shown: Shown, suffix: str, content: Callable[[], bytes], content_type: str) -> Reply:
    headers = _headers(shown, suffix)
    if _is_known(call, _etag(shown, suffix)):
        return Reply(status=304, headers=headers)
    return Reply(content(), headers=headers | _saved(shown, suffix), content_type=content_type)
