"""What comes in and goes out about plans."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue, StringConstraints

from hub.core.money import Money
from hub.plans.again import FlightsAgain
from hub.plans.edits import DayEdit, Edit, ItemEdit
from hub.plans.kept import Kept, Shown, Stats, Status, Usage, Version, VersionLine, Visibility
from hub.plans.model import Kind, Plan, PlanRequest
from hub.plans.ports import Faces
from hub.plans.service import Wanted
from routes.flights import Code
from routes.request import ApiModel
from routes.views import Currency, MoneyOut, PageQuery

MAX_AGE = 6 * 3600
"""Seconds for which a plan may be used again, where the request does not say."""
_LOCAL = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def _local(text: str) -> str:
    """The clock of the place: an offset that comes back with what was shown is left out."""
    found = _LOCAL.fullmatch(text)
    if found is None:
        raise ValueError("a local time, such as 2026-12-01T09:30")
    return found[1]


Local = Annotated[str, Field(max_length=40, examples=["2026-12-01T09:30"]), AfterValidator(_local)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Short = Annotated[str, StringConstraints(max_length=160)]
Long = Annotated[str, StringConstraints(max_length=600)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Query = Annotated[str, StringConstraints(max_length=100)]
Minor = Annotated[int, Field(ge=0, le=10**12)]


class AmountIn(ApiModel):
    amount: Minor = Field(description="minor units")
    currency: Currency


class PlanIn(ApiModel):
    """A trip to plan. Dates are local at the destination, both included; at most 30 days."""

    destination: Annotated[str, StringConstraints(min_length=2, max_length=120)] = Field(examples=["Lisbon"])
    start_date: date
    end_date: date
    adults: int = Field(default=1, ge=1, le=9)
    children: int = Field(default=0, ge=0, le=8)
    infants: int = Field(default=0, ge=0, le=8)
    origin: Code | None = Field(default=None, description="where the flights leave; without it none are looked for")
    budget: AmountIn | None = Field(default=None, description="for the whole party")
    currency: Currency | None = Field(default=None, description="of the plan; that of the budget, else EUR")
    interests: list[Word] = Field(default=[], max_length=12)
    pace: Literal["calm", "normal", "full"] = "normal"
    notes: Annotated[str, StringConstraints(max_length=2000)] = ""
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$")] = "en"
    notify: bool = Field(default=False, description="send a letter when it is ready, and go on when I leave")
    cache: bool = Field(default=False, description="a plan made for the same request will do; not with notes")
    max_age: int | None = Field(default=None, ge=0, le=7 * 86_400, description="seconds; implies `cache`")

    def wanted(self, key: str | None) -> Wanted:
        may_be_old = self.cache or self.max_age is not None
        max_age = (MAX_AGE if self.max_age is None else self.max_age) if may_be_old else None
        return Wanted(self._request(), max_age, self.notify, key)

    def _request(self) -> PlanRequest:
        same = "destination adults children infants origin pace notes language".split()
        budget = self.budget
        return PlanRequest(
            **{name: getattr(self, name) for name in same},
            start=self.start_date,
            end=self.end_date,
            interests=tuple(self.interests),
            budget=Money(budget.amount, budget.currency) if budget is not None else None,
            currency=self.currency or (budget.currency if budget is not None else "EUR"),
        )


Marks = Annotated[
    list[dict[str, JsonValue]],
    Field(default=[], max_length=100, description="as the hub shows them; they may be sent back, and change nothing"),
]


class ItemPatch(ApiModel):
    """What changes of an item. What comes from an offer or an activity (times of flights, prices) stays the hub's."""

    id: Id
    start: Local | None = None
    end: Local | None = None
    kind: Kind | None = None
    place: Short | None = None
    note: Long | None = None
    cost: AmountIn | Minor | None = Field(default=None, description="for the whole party; null: unknown")

    def edit(self) -> ItemEdit:
        given = {name: getattr(self, name) for name in self.model_fields_set - {"id"}}
        return ItemEdit(self.id, _fields({k: v for k, v in given.items() if k == "cost" or v is not None}))


class ItemIn(ApiModel):
    """An item of a whole day: with its `id` one that is there, without it a new one."""

    id: Id | None = None
    start: Local
    end: Local
    kind: Kind
    place: Annotated[str, StringConstraints(min_length=1, max_length=160)]
    note: Long = ""
    cost: AmountIn | Minor | None = None
    offer_id: Id | None = None
    activity_id: Id | None = None
    marks: Marks

    def edit(self) -> ItemEdit:
        names = [name for name in type(self).model_fields if name not in {"id", "marks"}]
        return ItemEdit(self.id, _fields({name: getattr(self, name) for name in names}))


def _fields(given: dict[str, Any]) -> dict[str, Any]:
    cost = given.get("cost")
    return given | {"cost": cost.amount} if isinstance(cost, AmountIn) else given


class DayIn(ApiModel):
    """A whole day as it is to be."""

    date: date
    title: Short | None = None
    items: list[ItemIn] = Field(max_length=24)
    marks: Marks


class PlanEdit(ApiModel):
    """What changes of the version that you have seen. What you do not name stays as it is."""

    version: int = Field(ge=1, description="the version that you have seen")
    title: Annotated[str, StringConstraints(min_length=1, max_length=160)] | None = None
    summary: Long | None = None
    packing: list[Short] | None = Field(default=None, max_length=20)
    tips: list[Short] | None = Field(default=None, max_length=20)
    days: list[DayIn] = Field(default=[], max_length=30)
    items: list[ItemPatch] = Field(default=[], max_length=200)
    remove: list[Id] = Field(default=[], max_length=200, description="ids of items")

    def edit(self) -> Edit:
        head = {name: getattr(self, name) for name in ("title", "summary", "packing", "tips")}
        days = tuple(DayEdit(one.date, one.title, tuple(item.edit() for item in one.items)) for one in self.days)
        return Edit(
            self.version,
            {name: value for name, value in head.items() if value is not None},
            days,
            tuple(one.edit() for one in self.items),
            tuple(self.remove),
            frozenset(self._currencies()),
        )

    def _currencies(self) -> list[str]:
        costs = [one.cost for one in self.items] + [item.cost for day in self.days for item in day.items]
        return [one.currency for one in costs if isinstance(one, AmountIn)]


class WishIn(ApiModel):
    wish: Annotated[str, StringConstraints(min_length=2, max_length=1000)] = Field(examples=["a calmer second day"])


class VisibilityIn(ApiModel):
    visibility: Visibility


class AffiliateOut(ApiModel):
    label: str
    url: str
    disclosure: str


class UsageOut(ApiModel):
    input_tokens: int
    output_tokens: int
    cost: int = Field(description="millionths of the currency's major unit")
    currency: str | None

    @classmethod
    def of(cls, one: Usage) -> Self:
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class CachedOut(ApiModel):
    """The plan was made for the same request before."""

    at: datetime
    age_s: int


class PlanOut(ApiModel):
    id: UUID
    status: Status
    version: int
    visibility: Visibility
    share: str | None = Field(description="the address of its page, as others may open it; for you alone")
    plan: Plan
    markdown: str
    html: str = Field(description="a fragment, made from the structure")
    affiliates: list[AffiliateOut]
    planner: str = Field(description="who made it: a model's name, or built-in")
    model: str | None
    usage: UsageOut | None = Field(description="of this version; for you alone")
    cached: CachedOut | None
    failure: str | None
    sandbox: bool = Field(description="its offers are made up")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, shown: Shown, faces: Faces, now: datetime) -> Self:
        kept, plan = shown.kept, shown.plan
        links = [(one.label, one.url, one.disclosure) for one in faces.affiliates(plan, kept.request)]
        cached = kept.cached_at if shown.own else None
        return cls(
            share=share_path(kept) if shown.own else None,
            plan=plan,
            markdown=faces.markdown(plan),
            html=faces.html(plan),
            affiliates=[AffiliateOut(label=label, url=url, disclosure=said) for label, url, said in links],
            planner=plan.planner,
            sandbox=faces.sandbox,
            usage=UsageOut.of(shown.usage) if shown.own else None,
            cached=CachedOut(at=cached, age_s=max(0, int((now - cached).total_seconds()))) if cached else None,
            **_same(kept, "id status version visibility model failure created_at updated_at"),
        )


class PlanLine(ApiModel):
    id: UUID
    status: Status
    version: int
    visibility: Visibility
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
    def of(cls, kept: Kept) -> Self:
        names = "id status version visibility title destination planner model failure created_at updated_at ready_at"
        days = {"start_date": kept.starts_on, "end_date": kept.ends_on}
        return cls(share=share_path(kept), **days, **_same(kept, names))


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
    def of(cls, kept: Kept) -> Self:
        days = {"start_date": kept.starts_on, "end_date": kept.ends_on}
        return cls(page=f"/plan/{kept.id}", **days, **_same(kept, "id title destination version planner ready_at"))


class VersionOut(ApiModel):
    version: int
    title: str
    reason: Literal["made", "partial", "edited", "refined", "restored"]
    by: str = Field(description="customer, or the planner")
    created_at: datetime

    @classmethod
    def of(cls, one: VersionLine) -> Self:
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class VersionWhole(VersionOut):
    plan: Plan

    @classmethod
    def whole(cls, one: Version) -> Self:
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
    def of(cls, one: Stats) -> Self:
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
    search: dict[str, Any] = Field(description="as the answer of POST /api/flights/search")

    @classmethod
    def of(cls, found: FlightsAgain) -> Self:
        money: Callable[[Money | None], MoneyOut | None] = lambda one: MoneyOut.of(one) if one is not None else None  # noqa: E731
        cited = [
            CitedOut(offer_id=one.offer_id, status=one.status, was=money(one.was), now=money(one.now))
            for one in found.cited
        ]
        return cls(cited=cited, search=found.search)


class PlanQuery(PageQuery):
    status: Status | None = None
    visibility: Visibility | None = None
    q: Query | None = Field(default=None, description="words of the title or the destination")


class PublicQuery(PageQuery):
    q: Query | None = Field(default=None, description="words of the title or the destination")
    destination: Query | None = None


class TokenQuery(ApiModel):
    t: Annotated[str, StringConstraints(max_length=200)] | None = Field(default=None, description="of a shared link")


def share_path(kept: Kept) -> str | None:
    """Where others see it: None for nobody else."""
    if kept.visibility == "private":
        return None
    return f"/plan/{kept.id}" + (f"?t={kept.share_token}" if kept.visibility == "link" else "")


def _same(one: Any, names: str) -> dict[str, Any]:
    return {name: getattr(one, name) for name in names.split()}
