"""Trip plans, put together: who makes them, where they are kept, how they look."""

from dataclasses import dataclass

from adapters import Adapters
from hub.app.resources import Resources
from hub.core.clock import IdGenerator
from hub.core.jobs import JobQueue
from hub.oversight.audit import AuditLog
from hub.planning.completions import Completions
from hub.planning.plans import (
    AffiliateTemplates,
    ContextCollector,
    LlmPlanner,
    PlanFacade,
    PlanRepository,
    StandardPlanRenderer,
    build_plan_facade,
)
from hub.sales.documents import MissingGlyphReports, TypstPrinter
from hub.supply.flights import Flights
from hub.supply.locations import Locations


@dataclass(frozen=True, slots=True)
class PlanServices:
    facade: PlanFacade
    renderer: StandardPlanRenderer


@dataclass(frozen=True, slots=True)
class PlanDependencies:
    """What plans are made from."""

    flights: Flights
    locations: Locations
    completions: Completions | None
    printer: TypstPrinter
    glyph_reports: MissingGlyphReports


def build_plan_services(have: Resources, wired: Adapters, atlas: PlanDependencies, ids: IdGenerator) -> PlanServices:
    """Without language models the built-in planner makes all plans."""
    said, clock = have.settings.affiliate, have.clock
    store = PlanRepository(JobQueue(), AuditLog(clock), clock, ids)
    grounding = ContextCollector(atlas.flights, atlas.locations, clock)
    return PlanServices(
        facade=build_plan_facade(have.db, store, atlas.flights, grounding, LlmPlanner(atlas.completions, clock)),
        renderer=StandardPlanRenderer(
            atlas.printer,
            clock,
            AffiliateTemplates(said.urls_by_kind, said.disclosure),
            sandbox=not wired.sandboxed_providers.isdisjoint(wired.suppliers),
            glyphs=atlas.glyph_reports,
        ),
    )
