from datetime import datetime, timedelta
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, StringConstraints

from hub.core.clock import Clock
from hub.core.errors import NotFound
from hub.sales.reconciliation import Break, BreakKind, LastRun, Reconciliation, ReconciliationReport
from routes.web.endpoint_api import MOVE_MONEY, READ_MONEY, ApiModel, Call, get, post
from routes.web.schemas import Page, PageQuery

TAGS = ("reconciliation",)
RUN_TIMEOUT = 300.0
"""Seconds."""
NoteText = Annotated[str, StringConstraints(min_length=3, max_length=2000)]


class BreakQuery(PageQuery):
    kind: BreakKind | None = None
    closed: bool = Field(default=False, description="also those that are closed")


class NoteIn(ApiModel):
    note: NoteText = Field(description="why the difference is taken as it is")


class RunIn(ApiModel):
    hours: float = Field(default=24, gt=0, le=720, description="how far to look back")
    fix: bool = Field(default=False, description="carry out the proposals that need no judgement")


class BreakOut(ApiModel):
    id: UUID
    kind: BreakKind
    subject: str = Field(description="what it is about: an id of ours, or of the provider's")
    booking_id: UUID | None
    payment_id: UUID | None
    ours: dict[str, Any]
    theirs: dict[str, Any]
    proposal: str
    found_at: datetime
    seen_at: datetime
    closed_at: datetime | None
    closed_because: str | None = Field(examples=["gone", "written_off", "accepted"])
    closed_by: str | None
    note: str | None

    @classmethod
    def from_domain(cls, one: Break) -> Self:
        same = {name: getattr(one, name) for name in cls.model_fields if name != "kind"}
        return cls(kind=BreakKind(one.kind), **same)


class NoteOut(ApiModel):
    part: str
    provider: str
    code: str
    text: str


class ReportOut(ApiModel):
    """Counts are by name; what counts nothing is left out."""

    since: datetime
    started_at: datetime
    ended_at: datetime | None
    clean: bool = Field(description="nothing is open, and everything could be looked at")
    looked_at: dict[str, int]
    mended: dict[str, int] = Field(description="what was made good")
    new: dict[str, int] = Field(description="breaks by kind")
    closed: dict[str, int] = Field(description="breaks by kind")
    open: dict[str, int] = Field(description="breaks by kind, from earlier runs too")
    sums: dict[str, dict[str, dict[str, int]]] = Field(
        description="by provider and currency, in minor units: its balance of this window's payments, and the books'"
    )
    notes: list[NoteOut] = Field(description="what could not be looked at, and why")

    @classmethod
    def from_domain(cls, report: ReconciliationReport | LastRun) -> Self:
        return cls.model_validate(report.report if isinstance(report, LastRun) else report.to_json(), strict=False)


class ReconcileRoutes:
    def __init__(self, reconciliation: Reconciliation, clock: Clock) -> None:
        self._reconciliation = reconciliation
        self._clock = clock

    @get("/api/v1/reconcile/breaks", permission=READ_MONEY, tags=TAGS)
    async def breaks(self, call: Call, query: BreakQuery) -> Page[BreakOut]:
        """What differs between the hub and its providers, with a proposal for each: open ones first."""
        found, total = await self._reconciliation.breaks.list_breaks(
            open_only=not query.closed, kind=query.kind, page=query.page, page_size=query.page_size
        )
        items = [BreakOut.from_domain(one) for one in found]
        return Page[BreakOut](items=items, page=query.page, page_size=query.page_size, total=total)

    @post("/api/v1/reconcile/breaks/{break_id}/close", permission=MOVE_MONEY, tags=TAGS)
    async def close(self, call: Call, break_id: UUID, body: NoteIn) -> BreakOut:
        """Take a difference as it is. It is told again only over other facts."""
        return BreakOut.from_domain(await self._reconciliation.breaks.close_break(break_id, body.note))

    @post("/api/v1/reconcile/run", permission=MOVE_MONEY, timeout=RUN_TIMEOUT, tags=TAGS)
    async def run(self, call: Call, body: RunIn | None) -> ReportOut:
        """Compare now. 409 `already_running` while another run is under way."""
        asked = body or RunIn()
        since = self._clock.now() - timedelta(hours=asked.hours)
        return ReportOut.from_domain(await self._reconciliation.run(since, repair=asked.fix))

    @get("/api/v1/reconcile/report", permission=READ_MONEY, tags=TAGS)
    async def report(self, call: Call) -> ReportOut:
        """The report of the last run."""
        last = await self._reconciliation.get_last_run()
        if last is None:
            raise NotFound("There has been no run yet.", code="no_report")
        return ReportOut.from_domain(last)
