"""The parts of the keeping of plans, put together."""

from dataclasses import dataclass

from hub.core.db import Database
from hub.planning.plans.flight_refresh import PlanFlights
from hub.planning.plans.generation.runner import Making
from hub.planning.plans.ports import Grounds, Planner
from hub.planning.plans.repository import Store
from hub.planning.plans.service import Plans
from hub.planning.plans.sharing import Sharing
from hub.planning.plans.versions import Editing
from hub.supply.flights import Flights


@dataclass(frozen=True, slots=True)
class PlanDesk:
    """`plans` has jobs and schedules."""

    plans: Plans
    editing: Editing
    sharing: Sharing
    flights: PlanFlights


def plan_desk(db: Database, store: Store, flights: Flights, grounds: Grounds, planner: Planner) -> PlanDesk:
    making = Making(db, store, grounds, planner)
    return PlanDesk(
        plans=Plans(db, store, making),
        editing=Editing(db, store, making),
        sharing=Sharing(db, store),
        flights=PlanFlights(db, store, flights),
    )
