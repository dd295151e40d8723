"""The page of plans with nothing behind it but plans made by hand."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from hub.core.clock import Ids, SystemClock
from hub.core.errors import NotFound
from hub.core.metrics import HttpMetrics, new_registry
from hub.planning.plans.model import Plan, PlanRequest
from hub.planning.plans.records import Kept, Shown, Usage, Version
from hub.planning.plans.rendering import AffiliateAddresses, PlanFaces
from hub.sales.documents.pdf import Printer
from routes.pages.storefront.plan import PlanPage
from routes.web.access import Gate
from routes.web.middleware import Drain, Edge
from tests.planning.plans.trips import NOW, PLAN_ID, athens

TOKEN = "s3cret-t0ken"
LINKS = AffiliateAddresses({
    "hotels": "https://hotels.example.com/search?ss={destination}&from={start}&to={end}&adults={adults}",
    "tours": "https://tours.example.com/{country}/{destination}",
})  # fmt: skip


class StoppedClock(SystemClock):
    def now(self) -> datetime:
        return NOW


def shown(plan: Plan, visibility: Any = "link", **more: Any) -> Shown:
    days = [one.date for one in plan.days] or [date(2026, 12, 1)]
    request = PlanRequest(plan.destination, days[0], days[-1], adults=2)
    known: dict[str, Any] = dict.fromkeys(Kept.__slots__) | {
        "id": PLAN_ID, "customer_id": UUID(int=1), "status": "ready", "visibility": visibility,
        "share_token": TOKEN if visibility == "link" else None, "version": 3, "title": plan.title,
        "destination": plan.destination, "starts_on": days[0], "ends_on": days[-1], "planner": plan.planner,
        "notify": False, "created_at": NOW, "updated_at": NOW, "request": request,
    }  # fmt: skip
    version = Version(3, plan, "made", plan.planner, NOW)
    return Shown(Kept(**(known | more)), version, Usage(), own=False)


@dataclass
class Plans:
    """Shows what a public plan or the right token shows."""

    held: Shown = field(default_factory=lambda: shown(athens()))
    trouble: Exception | None = None
    asked: list[tuple[UUID, str | None]] = field(default_factory=list)

    async def show(self, caller: Any, plan_id: UUID, token: str | None = None) -> Shown:
        self.asked.append((plan_id, token))
        if self.trouble is not None:
            raise self.trouble
        kept = self.held.kept
        open_to = kept.visibility == "public" or (kept.visibility == "link" and token == kept.share_token)
        if plan_id != PLAN_ID or not open_to:
            raise NotFound(code="plan_not_found")
        return self.held


async def nobody(_: str) -> Any:
    raise NotImplementedError


def application(plans: Plans, printer: Printer, *, sandbox: bool = False, home: str | None = None) -> web.Application:
    app, clock, metrics = web.Application(), StoppedClock(), HttpMetrics(new_registry())
    faces = PlanFaces(printer, clock, LINKS, sandbox)
    PlanPage(plans, faces, "https://hub.example.com", home).install(app, Gate(nobody, clock, metrics=metrics))
    Edge(clock, Ids(clock), metrics, Drain()).install(app)
    return app
