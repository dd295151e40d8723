"""Trip plans, put together: who makes them, where they are kept, how they look."""

from dataclasses import dataclass

from adapters import Adapters
from hub.app.resources import Resources
from hub.audit import Audit
from hub.completions import Completions
from hub.core.clock import Ids
from hub.core.jobs import Jobs
from hub.documents import GlyphReports, Printer
from hub.flights import Flights
from hub.locations import Locations
from hub.plans.desk import PlanDesk, plan_desk
from hub.plans.faces import AffiliateAddresses, PlanFaces
from hub.plans.grounding import Grounding
from hub.plans.planning import Planning
from hub.plans.store import Store


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
