"""A plan's flights, looked for anew: what it cites may have expired, and a booking needs an offer that stands."""

import asyncio
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import orjson

from hub.core.db import Database
from hub.core.errors import Conflict, Gone, NotFound, ProviderError
from hub.core.money import Money
from hub.people.identity import Caller
from hub.planning.plans.model import Plan, PlanContext, PlanRequest
from hub.planning.plans.repository import PlanRepository
from hub.supply.flights import FlightQuery, Flights


@dataclass(frozen=True, slots=True)
class CitedOffer:
    """An offer that the plan stands on.

    `planned_price` is its price in the plan, `current_price` at this moment, where it is known.
    """

    offer_id: str
    status: Literal["available", "changed", "gone", "unknown"]
    planned_price: Money | None
    current_price: Money | None


@dataclass(frozen=True, slots=True)
class RefreshedFlights:
    """`search_result` is an answer as of a flight search: its offers can be booked."""

    cited_offers: list[CitedOffer]
    search_result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FlightRefresh:
    db: Database
    repository: PlanRepository
    flights: Flights

    async def refresh_flights(self, caller: Caller, plan_id: UUID) -> RefreshedFlights:
        """Raises NotFound, Conflict `plan_without_flights`, and what a flight search raises."""
        async with self.db.transaction(caller.id) as tx:
            kept = await self.repository.find_plan(tx, plan_id)
            if kept.status != "ready":
                raise Conflict(f"The plan is {kept.status}.", code="plan_not_ready")
            version = await self.repository.find_version(tx, plan_id, kept.version)
            async with tx.as_hub():
                ground = await self.repository.find_context(tx, plan_id)
        query = _query(kept.request, ground)
        checks = asyncio.gather(*(self._cited(version.plan, one) for one in version.plan.offer_ids))
        found, cited = await asyncio.gather(self.flights.search(query), checks)
        return RefreshedFlights(cited, orjson.loads(found))

    async def _cited(self, plan: Plan, offer_id: str) -> CitedOffer:
        was = _price(plan, offer_id)
        try:
            check = await self.flights.check_offer(offer_id)
        except (NotFound, Gone):
            return CitedOffer(offer_id, "gone", was, None)
        except ProviderError:
            return CitedOffer(offer_id, "unknown", was, None)
        if not check.available or check.total is None:
            return CitedOffer(offer_id, "gone", was, None)
        return CitedOffer(offer_id, "changed" if check.price_changed else "available", was, check.total)


def _query(request: PlanRequest, ground: PlanContext | None) -> FlightQuery:
    if request.origin is None or ground is None or ground.code is None:
        raise Conflict("This plan was made without flights.", code="plan_without_flights")
    return FlightQuery(
        origin=request.origin, destination=ground.code, departure_date=request.start, return_date=request.end,
        adults=request.adults, children=request.children, infants=request.infants, currency=request.currency,
    )  # fmt: skip


def _price(plan: Plan, offer_id: str) -> Money | None:
    """The first item of an offer carries its whole price."""
    costs = (item.cost for day in plan.days for item in day.items if item.offer_id == offer_id and item.cost)
    cost = next(costs, None)
    return cost.money if cost is not None else None
