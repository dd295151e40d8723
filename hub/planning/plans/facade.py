"""The parts of the keeping of plans, put together."""

from dataclasses import dataclass

from hub.core.db import Database
from hub.planning.plans.flight_refresh import FlightRefresh
from hub.planning.plans.generation.runner import GenerationRunner
from hub.planning.plans.ports import PlanContextSource, Planner
from hub.planning.plans.repository import PlanRepository
from hub.planning.plans.service import Plans
from hub.planning.plans.sharing import PlanSharing
from hub.planning.plans.versions import PlanEditor
from hub.supply.flights import Flights


@dataclass(frozen=True, slots=True)
class PlanFacade:
    """`plans` has jobs and schedules."""

    plans: Plans
    editor: PlanEditor
    sharing: PlanSharing
    flight_refresh: FlightRefresh


def build_plan_facade(
    db: Database, store: PlanRepository, flights: Flights, grounds: PlanContextSource, planner: Planner
) -> PlanFacade:
    making = GenerationRunner(db, store, grounds, planner)
    return PlanFacade(
        plans=Plans(db, store, making),
        editor=PlanEditor(db, store, making),
        sharing=PlanSharing(db, store),
        flight_refresh=FlightRefresh(db, store, flights),
    )
