"""The page of plans with nothing behind it but plans made by hand."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from hub.core.clock import IdGenerator, SystemClock
from hub.core.errors import NotFound
from hub.core.metrics import HttpMetrics, new_registry
from hub.planning.plans.model import Plan, PlanRequest
from hub.planning.plans.records import PlanRecord, PlanVersion, PlanView, VersionUsage
from hub.planning.plans.rendering import AffiliateTemplates, StandardPlanRenderer
from hub.sales.documents.pdf import TypstPrinter
from routes.pages.storefront.plan import PlanPage
from routes.web.access import AccessGate
from routes.web.middleware import EdgeMiddleware, RequestDrain
from tests.planning.plans.trips import NOW, PLAN_ID, athens

TOKEN = "s3cret-t0ken"
LINKS = AffiliateTemplates({
    "hotels": "https://hotels.example.com/search?ss={destination}&from={start}&to={end}&adults={adults}",
    "tours": "https://tours.example.com/{country}/{destination}",
})  # fmt: skip


class StoppedClock(SystemClock):
    def now(self) -> datetime:
        return NOW


def shown(plan: Plan, visibility: Any = "link", **more: Any) -> PlanView:
    days = [one.date for one in plan.days] or [date(2026, 12, 1)]
    request = PlanRequest(plan.destination, days[0], days[-1], adults=2)
    known: dict[str, Any] = dict.fromkeys(PlanRecord.__slots__) | {
        "id": PLAN_ID, "customer_id": UUID(int=1), "status": "ready", "visibility": visibility,
        "share_token": TOKEN if visibility == "link" else None, "version": 3, "title": plan.title,
        "destination": plan.destination, "starts_on": days[0], "ends_on": days[-1], "planner": plan.planner,
        "notify": False, "created_at": NOW, "updated_at": NOW, "request": request,
    }  # fmt: skip
    version = PlanVersion(3, plan, "made", plan.planner, NOW)
    return PlanView(PlanRecord(**(known | more)), version, VersionUsage(), own=False)


@dataclass
class Plans:
    """Shows what a public plan or the right token shows."""

    held: PlanView = field(default_factory=lambda: shown(athens()))
    trouble: Exception | None = None
    asked: list[tuple[UUID, str | None]] = field(default_factory=list)

    async def get_plan_view(self, caller: Any, plan_id: UUID, token: str | None = None) -> PlanView:
        self.asked.append((plan_id, token))
        if self.trouble is not None:
            raise self.trouble
        kept = self.held.record
        open_to = kept.visibility == "public" or (kept.visibility == "link" and token == kept.share_token)
        if plan_id != PLAN_ID or not open_to:
            raise NotFound(code="plan_not_found")
        return self.held


async def nobody(_: str) -> Any:
    raise NotImplementedError


def application(
    plans: Plans, printer: TypstPrinter, *, sandbox: bool = False, home: str | None = None
) -> web.Application:
    app, clock, metrics = web.Application(), StoppedClock(), HttpMetrics(new_registry())
    faces = StandardPlanRenderer(printer, clock, LINKS, sandbox)
    PlanPage(plans, faces, "https://hub.example.com", home).install_pages(
        app, AccessGate(nobody, clock, metrics=metrics)
    )
    EdgeMiddleware(clock, IdGenerator(clock), metrics, RequestDrain()).install_middleware(app)
    return app
