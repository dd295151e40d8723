"""What goes out about plans, and the queries that ask for it."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints

from hub.core.money import Money
from hub.planning.plans import (
    Plan,
    PlanRecord,
    PlanRenderer,
    PlanStatistics,
    PlanStatus,
    PlanVersion,
    PlanVersionSummary,
    PlanView,
    PlanVisibility,
    RefreshedFlights,
    VersionUsage,
)
from routes.traveler.flights import SearchOut
from routes.web.documented_fields import Documented
from routes.web.endpoint_api import ApiModel
from routes.web.schemas import MoneyOut, PageQuery

QueryText = Annotated[str, StringConstraints(max_length=100)]


class AffiliateOut(ApiModel):
    label: str
    url: str
    disclosure: str


class PlanUsageOut(ApiModel):
    input_tokens: int
    output_tokens: int
    cost: int = Field(description="millionths of the currency's major unit")
    currency: str | None

    @classmethod
    def from_domain(cls, one: VersionUsage) -> Self:
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class CachedOut(ApiModel):
    """The plan was made for the same request before."""

    at: datetime
    age_s: int


class PlanOut(ApiModel):
    id: UUID
    status: PlanStatus
    version: int
    visibility: PlanVisibility
    share: str | None = Field(description="the address of its page, as others may open it; for you alone")
    plan: Plan
    markdown: str
    html: str = Field(description="a fragment, made from the structure")
    affiliates: list[AffiliateOut]
    planner: str = Field(description="who made it: a model's name, or built-in")
    model: str | None
    usage: PlanUsageOut | None = Field(description="of this version; for you alone")
    cached: CachedOut | None
    failure: str | None
    sandbox: bool = Field(description="its offers are made up")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def from_domain(cls, shown: PlanView, faces: PlanRenderer, now: datetime) -> Self:
        kept, plan = shown.record, shown.plan
        links = [(one.label, one.url, one.disclosure) for one in faces.list_affiliate_links(plan, kept.request)]
        cached = kept.cached_at if shown.own else None
        return cls(
            share=build_share_path(kept) if shown.own else None,
            plan=plan,
            markdown=faces.render_markdown(plan),
            html=faces.render_html(plan),
            affiliates=[AffiliateOut(label=label, url=url, disclosure=said) for label, url, said in links],
            planner=plan.planner,
            sandbox=faces.sandbox,
            usage=PlanUsageOut.from_domain(shown.usage) if shown.own else None,
            cached=CachedOut(at=cached, age_s=max(0, int((now - cached).total_seconds()))) if cached else None,
            **_same(kept, "id status version visibility model failure created_at updated_at"),
        )


class PlanPageOut(ApiModel):
    page: str = Field(description="the address of the plan's page", examples=["https://hub.example.com/plan/0193a1b2"])


class PlanLine(ApiModel):
    id: UUID
    status: PlanStatus
    version: int
    visibility: PlanVisibility
    share: str | None
    title: str
    destination: str
    start_date: date
    end_date: date
    planner: str | None
    model: str | None
    failure: str | None
    created_at: datetime
    updated_at: datetime
    ready_at: datetime | None

    @classmethod
    def from_domain(cls, kept: PlanRecord) -> Self:
        names = "id status version visibility title destination planner model failure created_at updated_at ready_at"
        days = {"start_date": kept.starts_on, "end_date": kept.ends_on}
        return cls(share=build_share_path(kept), **days, **_same(kept, names))


class PublicPlan(ApiModel):
    """A plan that everybody may see. Whose it is, is not told."""

    id: UUID
    title: str
    destination: str
    start_date: date
    end_date: date
    version: int
    planner: str | None
    page: str = Field(description="the address of its page")
    ready_at: datetime | None

    @classmethod
    def from_domain(cls, kept: PlanRecord) -> Self:
        days = {"start_date": kept.starts_on, "end_date": kept.ends_on}
        return cls(page=f"/plan/{kept.id}", **days, **_same(kept, "id title destination version planner ready_at"))


class VersionOut(ApiModel):
    version: int
    title: str
    reason: Literal["made", "partial", "edited", "refined", "restored"]
    by: str = Field(description="customer, or the planner")
    created_at: datetime

    @classmethod
    def from_domain(cls, one: PlanVersionSummary) -> Self:
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class VersionWhole(VersionOut):
    plan: Plan

    @classmethod
    def from_version(cls, one: PlanVersion) -> Self:
        return cls(title=one.plan.title, plan=one.plan, **_same(one, "version reason by created_at"))


class MakingOut(ApiModel):
    """How a version by a planner came about. The prompt is kept without personal data."""

    reason: str
    outcome: str
    version: int | None
    planner: str | None
    prompt: dict[str, Any]
    models: list[dict[str, Any]]
    checks: list[dict[str, Any]]
    input_tokens: int
    output_tokens: int
    cost: int
    currency: str | None
    started_at: datetime
    ended_at: datetime


class PlanStory(ApiModel):
    plan_id: UUID
    makings: list[MakingOut]


class DestinationOut(ApiModel):
    destination: str
    plans: int


class StatsOut(ApiModel):
    plans: int
    ready: int
    making: int
    failed: int
    public: int
    shared: int
    days: int = Field(description="of all ready plans together")
    last_ready_at: datetime | None
    destinations: list[DestinationOut]

    @classmethod
    def from_domain(cls, one: PlanStatistics) -> Self:
        top = [DestinationOut(destination=name, plans=count) for name, count in one.destinations]
        return cls(destinations=top, **_same(one, "plans ready making failed public shared days last_ready_at"))


class CitedOut(ApiModel):
    offer_id: str
    status: Literal["available", "changed", "gone", "unknown"]
    was: MoneyOut | None
    now: MoneyOut | None


class PlanFlightsOut(ApiModel):
    """An offer of `search`, or a cited one that stands, is booked by POST /api/bookings with its id."""

    cited: list[CitedOut]
    search: Annotated[dict[str, Any], Documented(SearchOut)] = Field(
        description="as the answer of POST /api/flights/search"
    )

    @classmethod
    def from_domain(cls, flights: RefreshedFlights) -> Self:
        def show(price: Money | None) -> MoneyOut | None:
            return MoneyOut.from_money(price) if price is not None else None

        cited = [
            CitedOut(
                offer_id=offer.offer_id,
                status=offer.status,
                was=show(offer.planned_price),
                now=show(offer.current_price),
            )
            for offer in flights.cited_offers
        ]
        return cls(cited=cited, search=flights.search_result)


class PlanQuery(PageQuery):
    status: PlanStatus | None = None
    visibility: PlanVisibility | None = None
    q: QueryText | None = Field(default=None, description="words of the title or the destination")


class PublicQuery(PageQuery):
    q: QueryText | None = Field(default=None, description="words of the title or the destination")
    destination: QueryText | None = None


class TokenQuery(ApiModel):
    t: Annotated[str, StringConstraints(max_length=200)] | None = Field(default=None, description="of a shared link")


def build_share_path(kept: PlanRecord) -> str | None:
    """Where others see it: None for nobody else."""
    if kept.visibility == "private":
        return None
    return f"/plan/{kept.id}" + (f"?t={kept.share_token}" if kept.visibility == "link" else "")


def _same(one: Any, names: str) -> dict[str, Any]:
    return {name: getattr(one, name) for name in names.split()}
