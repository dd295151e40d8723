"""The parts of the keeping of plans, put together."""

from dataclasses import dataclass

from hub.core.db import Database
from hub.flights import Flights
from hub.plans.again import PlanFlights
from hub.plans.editing import Editing
from hub.plans.making import Making
from hub.plans.ports import Grounds, Planner
from hub.plans.service import Plans
from hub.plans.sharing import Sharing
from hub.plans.store import Store


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
