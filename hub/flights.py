"""Flight offers: one model for every supplier."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from hub.core.money import Money

Cabin = Literal["economy", "premium_economy", "business", "first"]


@dataclass(frozen=True, slots=True)
class FlightQuery:
    """What is looked for. `origin` and `destination` are IATA codes of an airport or a metropolitan area."""

    origin: str
    destination: str
    departure_date: date
    return_date: date | None = None
    adults: int = 1
    children: int = 0
    infants: int = 0
    cabin: Cabin = "economy"
    currency: str = "EUR"
    max_stops: int | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """One flight from take-off to landing. Times are aware, in the airport's own zone."""

    origin: str
    destination: str
    departs_at: datetime
    arrives_at: datetime
    carrier: str
    flight_number: str
    operating_carrier: str | None = None
    cabin: Cabin | None = None
    fare_brand: str | None = None
    self_transfer_before: bool = False
    """The traveller changes on his own before this segment: collects bags, checks in again."""
    technical_stops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Slice:
    """One direction of the journey. `duration_s` in seconds, take-off of the first to landing of the last segment."""

    origin: str
    destination: str
    segments: tuple[Segment, ...]
    duration_s: int


@dataclass(frozen=True, slots=True)
class FlightOffer:
    """Something that can be booked. `provider_ref` is the supplier's token: never shown to a browser.

    None means unknown, never zero and never no.
    """

    id: str
    provider: str
    provider_ref: str
    slices: tuple[Slice, ...]
    total: Money
    """For all passengers, everything that must be paid."""
    expires_at: datetime
    expiry_assumed: bool
    bags_included: int | None = None
    refundable: bool | None = None
    changeable: bool | None = None
    self_transfer: bool = False
    seats_left: int | None = None
    hidden_city: bool = False
    throwaway: bool = False


@dataclass(frozen=True, slots=True)
class PriceCheck:
    """What the supplier says of an offer now. `session` is what its order call wants back."""

    available: bool
    total: Money | None
    session: str | None = None


class FlightSearch(Protocol):
    """A supplier that can be searched. Raises ProviderError."""

    name: str

    async def search(self, query: FlightQuery) -> list[FlightOffer]: ...


class PriceChecker(Protocol):
    """A supplier that can say whether an offer still stands. Raises ProviderError."""

    name: str

    async def check(self, offer: FlightOffer, query: FlightQuery) -> PriceCheck: ...
