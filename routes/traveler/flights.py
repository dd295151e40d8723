from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, RootModel, StringConstraints

from hub.core.charge_limits import ChargeRefusal
from hub.core.compression import choose_encoding
from hub.supply.flights import (
    Cabin,
    DocumentNeed,
    FlightOffer,
    FlightQuery,
    Flights,
    Requirements,
    SearchResponse,
    money_to_json,
)
from routes.web.documented_fields import Documented
from routes.web.endpoint_api import ANYONE, ApiModel, Call, Reply, get, post
from routes.web.schemas import Currency, MoneyOut

TAGS = ("flights",)
MAX_CACHED_URLS, MAX_URL_LENGTH = 2000, 500


def _code(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


LocationCode = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{3}$"),
    Field(description="IATA code of an airport or city", examples=["LON"]),
    BeforeValidator(_code),
]


class SearchIn(ApiModel):
    origin: LocationCode
    destination: LocationCode
    departure_date: date
    return_date: date | None = None
    adults: int = Field(default=1, ge=0, le=9)
    children: int = Field(default=0, ge=0, le=9)
    infants: int = Field(default=0, ge=0, le=9)
    cabin: Cabin = "economy"
    currency: Currency = "EUR"
    max_stops: int | None = Field(default=None, ge=0, le=3)
    sort: Literal["best", "price", "duration", "departure"] = "best"

    def to_domain(self) -> FlightQuery:
        return FlightQuery(**self.__dict__)


class SourceOut(ApiModel):
    name: str
    status: Literal["ok", "stale", "timeout", "error", "open"]
    latency_ms: int
    age_s: int
    offers: int
    error: str | None = None


class SegmentOut(ApiModel):
    origin: str
    destination: str
    departs_at: datetime
    arrives_at: datetime
    duration_s: int
    carrier: str
    flight_number: str
    operating_carrier: str | None
    cabin: Cabin | None
    fare_brand: str | None
    self_transfer_before: bool
    technical_stops: list[str]


class SliceOut(ApiModel):
    origin: str
    destination: str
    departs_at: datetime
    arrives_at: datetime
    duration_s: int
    segments: list[SegmentOut]


class OfferOut(ApiModel):
    """None is unknown, never zero and never no."""

    id: str
    provider: str
    total: MoneyOut
    supplier_total: MoneyOut | None = Field(
        description="the supplier's price, where `total` is rounded up to an amount that can be charged"
    )
    payment_providers: list[str] = Field(
        description="those that can charge `total`; empty where no payments are taken", examples=[["paypal", "stripe"]]
    )
    slices: list[SliceOut]
    stops: int
    duration_s: int
    self_transfer: bool
    tickets: int | None
    separate_tickets: bool = Field(
        description="more than one ticket: a missed flight of one does not protect the others"
    )
    bags_included: int | None
    refundable: bool | None
    changeable: bool | None
    seats_left: int | None
    hidden_city: bool
    throwaway: bool
    alternates: list[str]
    expires_at: datetime
    expiry_assumed: bool
    sandbox: bool


class PricingOut(ApiModel):
    """What was done so that every offer shown can be paid."""

    rounded: int = Field(description="offers whose price was rounded up to an amount that can be charged")
    left_out: dict[ChargeRefusal, int] = Field(
        description="offers that no payment provider can charge, counted by reason",
        examples=[{"amount_too_large": 2}],
    )


class QueryOut(ApiModel):
    """The search as it was understood."""

    origin: str = Field(examples=["LHR"])
    destination: str = Field(examples=["BCN"])
    departure_date: date
    return_date: date | None
    adults: int
    children: int
    infants: int
    cabin: Cabin
    currency: str = Field(examples=["EUR"])
    max_stops: int | None
    sort: Literal["best", "price", "duration", "departure"]


class PlaceOut(ApiModel):
    name: str
    city: str
    country: str
    timezone: str


class PlacesOut(RootModel[dict[str, PlaceOut]]):
    """Airports by IATA code."""


class SearchOut(ApiModel):
    query: Annotated[dict[str, Any], Documented(QueryOut)]
    fetched_at: datetime
    sandbox: bool
    sources: list[SourceOut]
    pricing: PricingOut
    offers: list[OfferOut]
    locations: Annotated[dict[str, dict[str, str]], Documented(PlacesOut)] = Field(
        description="by IATA code, those of the offers"
    )


class ContactRulesOut(ApiModel):
    """Digits count with the country code."""

    phone_required: bool
    phone_min_digits: int
    phone_max_digits: int


class NameRulesOut(ApiModel):
    pattern: str = Field(description="a regular expression for a given name and a family name")
    characters: str = Field(description="the same in words")
    max_length: int
    mononym_allowed: bool = Field(description="whether a traveler may have a family name only")


class DocumentRulesOut(ApiModel):
    """Passport or identity card."""

    need: DocumentNeed
    number_pattern: str
    number_max_length: int
    valid_on: date = Field(description="the last day of the journey, on which the document must still be valid")


class AgeRulesOut(ApiModel):
    """In whole years."""

    child_from: int = Field(description="younger than this is an infant")
    adult_from: int = Field(description="younger than this is a child")
    counted_on: date = Field(description="the day of the last landing, on which the age counts")
    alone_from: int | None = Field(description="somebody of this age has to travel along; null: nobody has to")


class RequirementsOut(ApiModel):
    """What the supplier asks of the travelers of a booking; `POST /api/bookings` enforces it."""

    contact: ContactRulesOut
    names: NameRulesOut
    document: DocumentRulesOut
    ages: AgeRulesOut
    nationalities: list[str] = Field(description="ISO 3166-1 alpha-2, and XK")

    @classmethod
    def from_domain(cls, requirements: Requirements, offer: FlightOffer) -> Self:
        last = offer.last_landing_date
        return cls(
            contact=ContactRulesOut(**asdict(requirements.contact)),
            names=NameRulesOut(**asdict(requirements.names)),
            document=DocumentRulesOut(**asdict(requirements.document), valid_on=last),
            ages=AgeRulesOut(**asdict(requirements.ages), counted_on=last),
            nationalities=sorted(requirements.nationalities),
        )


class CheckOut(ApiModel):
    offer: OfferOut
    available: bool
    price_changed: bool
    previous_total: MoneyOut
    total: MoneyOut | None
    requirements: RequirementsOut | None = Field(description="null when the offer cannot be had any more")
    checked_at: datetime


class FlightRoutes:
    """`count_search` counts a search that has to ask suppliers, and raises TooManyRequests above the limit."""

    def __init__(self, flights: Flights, count_search: Callable[[Call], Awaitable[None]] | None = None) -> None:
        self._flights = flights
        self._count_search = count_search
        self._asked: OrderedDict[str, str] = OrderedDict()

    def find_cached_response(self, address: str, encoding: str) -> SearchResponse | None:
        """The answer to a GET of this very address (path and query, as sent), when it has been read and is fresh.

        So what is asked again and again need not be parsed again. The address alone decides: nobody signs in here.
        """
        key = self._asked.get(address)
        return self._flights.find_cached_response(key, encoding) if key is not None else None

    @get("/api/flights/search", permission=ANYONE, tags=TAGS, response_model=SearchOut)
    async def search(self, call: Call, query: SearchIn) -> Reply:
        """Flights of all suppliers. `sources` says who has answered, and how old each answer is."""
        wanted = query.to_domain()
        await self._count(call, wanted)
        encoding = choose_encoding(call.headers.get("Accept-Encoding", ""))
        answer = await self._flights.find_response(wanted, pointer_prefix="/query", encoding=encoding)
        self._remember(call.request.raw_path, wanted)
        headers = {"ETag": answer.etag}
        return Reply(answer.body, headers=headers | ({"Content-Encoding": encoding} if answer.encoding else {}))

    def _remember(self, address: str, query: FlightQuery) -> None:
        if len(address) > MAX_URL_LENGTH:
            return
        self._asked[address] = self._flights.build_cache_key(query)
        if len(self._asked) > MAX_CACHED_URLS:
            self._asked.popitem(last=False)

    @post("/api/flights/search", permission=ANYONE, tags=TAGS, response_model=SearchOut)
    async def search_by_post(self, call: Call, body: SearchIn) -> Reply:
        """The same, asked with a body."""
        query = body.to_domain()
        await self._count(call, query)
        return Reply(await self._flights.search(query))

    async def _count(self, call: Call, query: FlightQuery) -> None:
        if (
            self._count_search is not None
            and self._flights.find_cached_response(self._flights.build_cache_key(query)) is None
        ):
            await self._count_search(call)

    @get("/api/flights/offers/{offer_id}", permission=ANYONE, tags=TAGS, response_model=CheckOut)
    async def check(self, call: Call, offer_id: str) -> Reply:
        """Ask the supplier whether an offer still stands, at what price, and what it requires of the travelers."""
        found = await self._flights.check_offer(offer_id)
        offer, rules = found.stored.offer, found.requirements
        return Reply(
            {
                "offer": found.stored.public_json,
                "available": found.available,
                "price_changed": found.price_changed,
                "previous_total": money_to_json(offer.total),
                "total": money_to_json(found.total) if found.total else None,
                "requirements": RequirementsOut.from_domain(rules, offer).model_dump(mode="json") if rules else None,
                "checked_at": found.checked_at.isoformat(),
            }
        )
