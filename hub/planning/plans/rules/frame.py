"""What every check looks at: the request, the ground, and what is known by id."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hub.planning.plans.model import Activity, Ground, PlanRequest
from hub.planning.plans.rules.times import fixed
from hub.supply.flights.model import FlightOffer, Slice


@dataclass(frozen=True, slots=True)
class Leg:
    """One direction of an offer; times with the offset of their own airports. `number` 0 is the way there."""

    offer: FlightOffer
    number: int
    departs: datetime
    arrives: datetime

    @property
    def date(self) -> date:
        """The day of a plan on which it stands: when it leaves, by the clocks there."""
        return self.departs.date()

    @classmethod
    def of(cls, offer: FlightOffer, number: int) -> "Leg":
        found: Slice = offer.slices[number]
        return cls(offer, number, fixed(found.segments[0].departs_at), fixed(found.segments[-1].arrives_at))


def legs(offer: FlightOffer) -> list[Leg]:
    return [Leg.of(offer, number) for number in range(len(offer.slices))]


@dataclass(frozen=True, slots=True)
class Frame:
    request: PlanRequest
    ground: Ground
    zone: ZoneInfo
    dates: tuple[date, ...]
    offers: Mapping[str, FlightOffer]
    activities: Mapping[str, Activity]

    @classmethod
    def of(cls, request: PlanRequest, ground: Ground) -> "Frame":
        return cls(
            request,
            ground,
            ZoneInfo(ground.zone),
            tuple(dates_of(request)),
            {one.id: one for one in ground.offers},
            {one.id: one for one in ground.activities},
        )

    @property
    def payers(self) -> int:
        """Who pays for a ticket: adults and children. Infants go free, as nearly everywhere."""
        return self.request.adults + self.request.children


def dates_of(request: PlanRequest) -> list[date]:
    return [request.start + timedelta(days=n) for n in range((request.end - request.start).days + 1)]
