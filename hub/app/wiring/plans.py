"""Trip plans, put together: who makes them, where they are kept, how they look."""

from dataclasses import dataclass

from adapters import Adapters
from hub.app.resources import Resources
from hub.core.clock import Ids
from hub.core.jobs import Jobs
from hub.oversight.audit import Audit
from hub.planning.completions import Completions
from hub.planning.plans.context.collector import Grounding
from hub.planning.plans.drafting.llm_planner import Planning
from hub.planning.plans.facade import PlanDesk, plan_desk
from hub.planning.plans.rendering import AffiliateAddresses, PlanFaces
from hub.planning.plans.repository import Store
from hub.sales.documents import GlyphReports, Printer
from hub.supply.flights import Flights
from hub.supply.locations import Locations


@dataclass(frozen=True, slots=True)
class Trips:
    desk: PlanDesk
    faces: PlanFaces


@dataclass(frozen=True, slots=True)
class Atlas:
    """What plans are made from."""

    flights: Flights
    locations: Locations
    completions: Completions | None
    printer: Printer
    glyphs: GlyphReports


def trips(have: Resources, wired: Adapters, atlas: Atlas, ids: Ids) -> Trips:
    """Without language models the built-in planner makes all plans."""
    said, clock = have.settings.affiliate, have.clock
    store = Store(Jobs(), Audit(clock), clock, ids)
    grounding = Grounding(atlas.flights, atlas.locations, clock)
    return Trips(
        desk=plan_desk(have.db, store, atlas.flights, grounding, Planning(atlas.completions, clock)),
        faces=PlanFaces(
            atlas.printer,
            clock,
            AffiliateAddresses(said.addresses, said.disclosure),
            sandbox=not wired.sandboxed.isdisjoint(wired.suppliers),
            glyphs=atlas.glyphs,
        ),
    )
