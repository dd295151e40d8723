"""What every check looks at: the request, the ground, and what is known by id."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hub.planning.plans.model import Activity, PlanContext, PlanRequest
from hub.planning.plans.rules.times import with_fixed_offset
from hub.supply.flights import FlightOffer, Slice


@dataclass(frozen=True, slots=True)
class FlightLeg:
    """One direction of an offer; times with the offset of their own airports. `slice_index` 0 is the way there."""

    offer: FlightOffer
    slice_index: int
    departs_at: datetime
    arrives_at: datetime

    @property
    def date(self) -> date:
        """The day of a plan on which it stands: when it leaves, by the clocks there."""
        return self.departs_at.date()

    @classmethod
    def from_offer(cls, offer: FlightOffer, number: int) -> "FlightLeg":
        found: Slice = offer.slices[number]
        return cls(
            offer,
            number,
            with_fixed_offset(found.segments[0].departs_at),
            with_fixed_offset(found.segments[-1].arrives_at),
        )


def list_legs(offer: FlightOffer) -> list[FlightLeg]:
    return [FlightLeg.from_offer(offer, number) for number in range(len(offer.slices))]


@dataclass(frozen=True, slots=True)
class TripFrame:
    request: PlanRequest
    context: PlanContext
    zone: ZoneInfo
    dates: tuple[date, ...]
    offers: Mapping[str, FlightOffer]
    activities: Mapping[str, Activity]

    @classmethod
    def from_request(cls, request: PlanRequest, ground: PlanContext) -> "TripFrame":
        return cls(
            request,
            ground,
            ZoneInfo(ground.zone),
            tuple(list_dates(request)),
            {one.id: one for one in ground.offers},
            {one.id: one for one in ground.activities},
        )

    @property
    def paying_travelers(self) -> int:
        """Who pays for a ticket: adults and children. Infants go free, as nearly everywhere."""
        return self.request.adults + self.request.children


def list_dates(request: PlanRequest) -> list[date]:
    return [request.start + timedelta(days=n) for n in range((request.end - request.start).days + 1)]
