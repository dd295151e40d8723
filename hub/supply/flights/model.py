"""One model for every supplier. None means unknown, never zero and never no."""

from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Protocol, Self

from hub.core.money import Money
from hub.supply.flights.requirements import AgeRules, Requirements

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
    sort: Literal["best", "price", "duration", "departure"] = "best"

    @property
    def traveler_count(self) -> int:
        return self.adults + self.children + self.infants


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
    provider_ref: str = field(repr=False)
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
    tickets: int | None = None
    """How many tickets it is sold as, each with a reference of its own."""
    alternates: tuple[str, ...] = ()
    """Other suppliers that sell the same product, for the same or more."""
    supplier_total: Money | None = None
    """The supplier's own price, where `total` is that price rounded up to an amount that can be charged."""
    payment_providers: tuple[str, ...] = ()
    """The payment providers that can charge `total`. Empty: no payments are taken here."""

    @property
    def has_separate_tickets(self) -> bool:
        """Whether it is certainly more than one ticket: a missed flight of one does not protect the others."""
        return self.self_transfer or (self.tickets or 1) > 1

    @property
    def first_departure_date(self) -> date:
        """The local day on which the journey begins."""
        return self.slices[0].segments[0].departs_at.date()

    @property
    def last_landing_date(self) -> date:
        """The latest local day of a landing. A flight over the date line can land a day before the one that fed it."""
        return max(segment.arrives_at.date() for part in self.slices for segment in part.segments)


@dataclass(frozen=True, slots=True)
class Baggage:
    """The bags of one traveler. None means unknown, never zero."""

    hold: int | None = None
    hand: int | None = None
    hold_kg: int | None = None
    """Of one bag."""
    hand_kg: int | None = None


@dataclass(frozen=True, slots=True)
class PriceCheck:
    """What the supplier says of an offer now. `session` and `order_data` are what its order call wants back."""

    available: bool
    total: Money | None
    session: str | None = None
    requirements: Requirements = field(default_factory=Requirements)
    order_data: dict[str, Any] = field(default_factory=dict, repr=False)


class FlightSearch(Protocol):
    """A supplier that can be searched. Raises ProviderError."""

    name: str

    async def search(self, query: FlightQuery) -> list[FlightOffer]: ...


class PriceChecker(Protocol):
    """A supplier that can say whether an offer still stands. Raises ProviderError."""

    name: str

    async def check(self, offer: FlightOffer, query: FlightQuery) -> PriceCheck: ...


@dataclass(frozen=True, slots=True)
class Traveler:
    """A person who flies. `title` is mr, ms, mrs, miss or dr; `gender` m or f; `nationality` ISO 3166 alpha-2 or XK.

    Who has only one name has it as `family_name`, and an empty `given_name`.
    """

    title: str
    gender: str
    given_name: str
    family_name: str
    born_on: date
    nationality: str
    email: str | None = None
    phone: str | None = None
    document_number: str | None = field(default=None, repr=False)
    document_expires_on: date | None = field(default=None, repr=False)

    @property
    def full_name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()

    def compute_age(self, day: date) -> int:
        """In whole years; negative before the birth."""
        return day.year - self.born_on.year - ((day.month, day.day) < (self.born_on.month, self.born_on.day))

    def classify_age(self, day: date, ages: AgeRules) -> Literal["adult", "child", "infant"]:
        """What suppliers count the traveler as on that day."""
        years = self.compute_age(day)
        if years < ages.child_from:
            return "infant"
        return "child" if years < ages.adult_from else "adult"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a supplier needs to book. `check` is the price check that came right before."""

    offer: FlightOffer
    query: FlightQuery
    check: PriceCheck
    travelers: tuple[Traveler, ...] = field(repr=False)
    contact_email: str = field(repr=False)
    contact_phone: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order that the supplier has taken down. `secret` is what its later calls ask for.

    `baggage` is what was ordered, for each traveler in their order; empty where the supplier does not say.
    """

    order_id: str
    transaction_id: str | None = None
    secret: dict[str, Any] = field(default_factory=dict, repr=False)
    baggage: tuple[Baggage, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        bags = tuple(Baggage(**bag) for bag in stored.get("baggage", ()))
        return cls(**stored | {"baggage": bags})


@dataclass(frozen=True, slots=True)
class AirlineReference:
    """The airline's reference of one ticket (PNR), and the flights on it as carrier and number (`BA117`).

    `flights` is empty where the supplier does not say which they are.
    """

    reference: str
    flights: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"reference": self.reference, "flights": list(self.flights)}


@dataclass(frozen=True, slots=True)
class OrderState:
    """Where an order stands at the supplier; a status of theirs that we do not know is `unknown`."""

    status: Literal["placed", "confirmed", "cancelled", "refused", "unknown"]
    pnr: str | None = None
    total: Money | None = None
    """What the supplier charges for it, where it says so."""
    references: tuple[AirlineReference, ...] = ()
    """One for each ticket that has been issued."""


class OrderPlacer(Protocol):
    """A supplier that can be ordered from.

    `place` and `confirm` are never repeated blindly. They raise ProviderPermanent (refused), ProviderTransient
    (nothing was sent) or OutcomeUnknown (it may have happened).
    """

    name: str
    account: str
    """The account and the mode that the credentials are for, such as `agency/live`. An order holds for no other."""

    async def place(self, request: OrderRequest) -> PlacedOrder: ...

    async def confirm(self, placed: PlacedOrder) -> None: ...

    async def read(self, placed: PlacedOrder) -> OrderState: ...


@dataclass(frozen=True, slots=True)
class StoredOffer:
    """An offer as it was shown, and can be booked until `expires_at`. `public_json` is what the traveller saw."""

    offer: FlightOffer
    query: FlightQuery
    public_json: dict[str, Any]
    sandbox: bool
    expires_at: datetime
