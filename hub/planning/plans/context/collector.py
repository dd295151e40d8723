"""What is true about a place and a time: where it is, how to fly there, what there is to do, what one has to know."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import orjson

from hub.core.clock import Clock
from hub.core.errors import FieldError, HubError, InvalidRequest, ProviderError, Unavailable
from hub.core.money import Money
from hub.planning.plans.context import astronomy, gazetteer
from hub.planning.plans.context.gazetteer import City
from hub.planning.plans.model import Activity, PlanContext, PlanRequest
from hub.planning.plans.rules.frame import list_legs
from hub.planning.plans.rules.times import format_long_date
from hub.resilience.deadline import enforce_deadline
from hub.supply.flights import FlightOffer, FlightQuery, Segment, Slice
from hub.supply.locations import Location, LocationMatch, Locations, get_country_name

SUPPLIER_TIMEOUT = 8.0
"""Seconds that a supplier has: who waits for a plan would rather have one without it."""
MAX_OFFERS = 6
HOUR_VALUE, MIN_HOURS_SAVED = 0.03, 2.0
"""What an hour on the way is worth, as a part of the fare; hours below which nobody minds."""
_SERIOUS = {"/origin": "/origin", "/adults": "/adults", "/infants": "/infants"}
"""What a search refuses because the request is wrong, not because nobody flies."""


@dataclass(frozen=True, slots=True)
class Destination:
    """`code` is what one flies to."""

    name: str
    country: str | None
    zone: str
    code: str
    latitude: float
    longitude: float
    city: City | None = None


class OfferSearch(Protocol):
    """hub.supply.flights.Flights, as far as a plan needs it."""

    async def search(self, query: FlightQuery, *, pointer_prefix: str = "") -> bytes: ...


class ActivitySupplier(Protocol):
    """A supplier of things to do. Its ids have to be its own. Raises ProviderError."""

    name: str

    async def find_activities(self, place: Destination, request: PlanRequest) -> Sequence[Activity]: ...


@dataclass(frozen=True, slots=True)
class ContextCollector:
    """`collect_context` never fails for a supplier that does: what could not be asked is said in `Ground.missing`."""

    flights: OfferSearch
    locations: Locations
    clock: Clock
    activity_suppliers: tuple[ActivitySupplier, ...] = ()

    async def collect_context(self, request: PlanRequest) -> PlanContext:
        """Raises InvalidRequest: unknown_place at /destination, or what a flight search says of /origin and party."""
        place = self.resolve_place(request.destination)
        (offers, missing), toured = await asyncio.gather(
            self._flights(place, request),
            asyncio.gather(*(self._tours(one, place, request) for one in self.activity_suppliers)),
        )
        known = list_known_activities(place, request.currency)
        return PlanContext(
            place=place.name,
            country=place.country,
            zone=place.zone,
            code=place.code,
            currency=request.currency,
            offers=tuple(offers),
            activities=(*(one for found, _ in toured for one in found), *known),
            facts=tuple(list_facts(place, request)),
            missing=(*missing, *(said for _, told in toured for said in told)),
        )

    def resolve_place(self, text: str) -> Destination:
        """By name or code: `Lisbon`, `LIS`, `Lisbon, Portugal`, `Lissabon`.

        Raises InvalidRequest at /destination: `ambiguous_place` with the choices where it may be several places,
        `unknown_place` with what is called nearly so where it is none.
        """
        known = self._known(text)
        if known is not None:
            return known
        resolution = self.locations.resolve_place(text)
        if resolution.place is not None:
            return _place(resolution.place.location, self._city_of(resolution.place.location))
        if resolution.choices:
            choices = self._choices(resolution.choices)
            wrong = FieldError("/destination", "ambiguous_place", "may be several places: choose one", choices=choices)
            raise InvalidRequest("There are several places of this name.", code="ambiguous_place", errors=(wrong,))
        nearly = self._choices(resolution.suggestions)
        raise InvalidRequest(
            errors=(FieldError("/destination", "unknown_place", "is no place known here", choices=nearly),)
        )

    def _known(self, text: str) -> Destination | None:
        """A city that the gazetteer describes, by one of its own names."""
        head, *rest = (part.strip() for part in text.split(","))
        country = next((code for one in reversed(rest) if (code := gazetteer.find_country_code(one))), None)
        city = gazetteer.find_city(head)
        if city is None or (rest and country != city.country):
            return None
        location = self.locations.find_location(city.gateway_code)
        return _place(location, city) if location is not None else None

    def _city_of(self, location: Location) -> City | None:
        """The gazetteer's city of this name, or of this airport or metropolitan area."""
        city = gazetteer.find_city(location.name)
        if city is not None and city.country == location.country:
            return city
        return self._city_served_by(location.code) if location.type == "airport" else None

    def _city_served_by(self, code: str) -> City | None:
        for city in gazetteer.load_cities().values():
            area = self.locations.find_location(city.code)
            if code == city.code or (area is not None and code in area.airports):
                return city
        return None

    def _choices(self, matches: Sequence[LocationMatch]) -> tuple[dict[str, str], ...]:
        """Each with the text that names it alone, to be sent as the destination."""
        return tuple(
            {
                "destination": self.locations.build_unique_name(match),
                "name": match.location.name,
                "region": match.location.region,
                "country": match.location.country,
                "country_name": get_country_name(match.location.country),
                "code": match.location.code,
            }
            for match in matches
        )

    async def _flights(self, place: Destination, request: PlanRequest) -> tuple[list[FlightOffer], list[str]]:
        if request.origin is None:
            return [], []
        try:
            async with enforce_deadline(self.clock, SUPPLIER_TIMEOUT):
                answer = orjson.loads(await self.flights.search(_query(place, request, request.origin)))
        except InvalidRequest as error:
            _raise_serious(error)
            return [], [f"flights: {error.errors[0].message if error.errors else error.detail}"]
        except TimeoutError:
            return [], ["flights: the suppliers did not answer in time"]
        except (ProviderError, Unavailable) as error:
            return [], [f"flights: {_said(error)}"]
        silent = [one["name"] for one in answer["sources"] if one["status"] not in {"ok", "stale"}]
        offers = select_offers([offer_from_json(one) for one in answer["offers"]], request)
        missing = [f"flights: {name} did not answer" for name in silent]
        return offers, missing if offers else [*missing, "flights: there is no offer for these dates"]

    async def _tours(
        self, supplier: ActivitySupplier, place: Destination, request: PlanRequest
    ) -> tuple[Sequence[Activity], list[str]]:
        try:
            async with enforce_deadline(self.clock, SUPPLIER_TIMEOUT):
                return await supplier.find_activities(place, request), []
        except TimeoutError:
            return (), [f"tours: {supplier.name} did not answer in time"]
        except ProviderError as error:
            return (), [f"tours: {_said(error)}"]


def list_known_activities(place: Destination, currency: str) -> tuple[Activity, ...]:
    if place.city is not None:
        return gazetteer.list_city_activities(place.city, currency)
    return gazetteer.list_generic_activities(place.code, currency)


def select_offers(offers: Sequence[FlightOffer], request: PlanRequest) -> list[FlightOffer]:
    """The best, and among them the cheapest: out on the first day, back on the last, with time in between."""
    fit = drop_slow_offers([one for one in offers if _fits(one, request)], request)
    best = fit[:MAX_OFFERS]
    cheapest = min(fit, key=lambda one: one.total.amount, default=None)
    if cheapest is not None and cheapest not in best:
        best[-1] = cheapest
    return best


def drop_slow_offers(offers: Sequence[FlightOffer], request: PlanRequest) -> list[FlightOffer]:
    """Without those that cost hours to save little: where a quicker one costs at most HOUR of its fare more an hour.

    What alone fits into the budget stays.
    """
    limit = request.budget.amount if request.budget is not None else None
    payable = [offer for offer in offers if limit is None or offer.total.amount <= limit]
    return [offer for offer in offers if not any(_is_better(other, offer) for other in payable)]


def _is_better(other: FlightOffer, offer: FlightOffer) -> bool:
    saved = (_travel_seconds(offer) - _travel_seconds(other)) / 3600
    return saved >= MIN_HOURS_SAVED and other.total.amount <= offer.total.amount * (1 + HOUR_VALUE * saved)


def _travel_seconds(offer: FlightOffer) -> int:
    return sum(way.duration_s for way in offer.slices)


def _fits(offer: FlightOffer, request: PlanRequest) -> bool:
    if len(offer.slices) != 2 or offer.total.currency != request.currency:  # noqa: PLR2004
        return False
    out, back = list_legs(offer)
    return out.date == request.start and back.date == request.end and out.arrives_at < back.departs_at


def offer_from_json(shown: dict[str, Any]) -> FlightOffer:
    """From what anybody may see of it: a plan has no use for the supplier's token."""
    return FlightOffer(
        id=shown["id"],
        provider=shown["provider"],
        provider_ref="",
        slices=tuple(_slice(one) for one in shown["slices"]),
        total=Money(shown["total"]["amount"], shown["total"]["currency"]),
        expires_at=datetime.fromisoformat(shown["expires_at"]),
        expiry_assumed=shown["expiry_assumed"],
        bags_included=shown["bags_included"],
        self_transfer=shown["self_transfer"],
        seats_left=shown["seats_left"],
    )


def _slice(one: dict[str, Any]) -> Slice:
    segments = tuple(
        Segment(
            origin=part["origin"],
            destination=part["destination"],
            departs_at=datetime.fromisoformat(part["departs_at"]),
            arrives_at=datetime.fromisoformat(part["arrives_at"]),
            carrier=part["carrier"],
            flight_number=part["flight_number"],
        )
        for part in one["segments"]
    )
    return Slice(one["origin"], one["destination"], segments, one["duration_s"])


def list_facts(place: Destination, request: PlanRequest) -> list[str]:
    """What one has to know, each a sentence."""
    zone = ZoneInfo(place.zone)
    found = [
        f"The journey begins on {format_long_date(request.start)} and ends on {format_long_date(request.end)}.",
        f"Local time is {place.zone}, UTC{astronomy.format_utc_offset(zone, request.start)}.",
    ]
    for day, change in astronomy.find_clock_changes(zone, request.start, request.end):
        way, hours = ("forward", change) if change.total_seconds() > 0 else ("back", -change)
        found.append(f"The clocks go {way} by {hours.seconds // 60} minutes on {format_long_date(day)}.")
    light = astronomy.compute_sun_times(request.start, place.latitude, place.longitude)
    if light is not None:
        rises, sets = (one.astimezone(zone) for one in light)
        found.append(f"On {format_long_date(request.start)} the sun rises at {rises:%H:%M} and sets at {sets:%H:%M}.")
    else:
        found.append(f"On {format_long_date(request.start)} the sun does not both rise and set here.")
    return [*found, *_customs(place), *_usual(place, request), gazetteer.PRICE_DISCLAIMER]


def _customs(place: Destination) -> list[str]:
    country = gazetteer.load_countries().get(place.country or "")
    if country is None:
        return []
    return [
        f"One pays in {country.currency} in {country.name}.",
        f"Plugs are of type {' and '.join(country.plugs)}.",
        f"The emergency number is {country.emergency}.",
    ]


def _usual(place: Destination, request: PlanRequest) -> list[str]:
    """What the days cost anyway, so that whoever plans need not guess."""
    tags = {gazetteer.MEAL_TAG, gazetteer.AIRPORT_TAG}
    daily = [one for one in list_known_activities(place, request.currency) if tags & set(one.tags)]
    priced = [(one.name, Money(one.cost, one.currency)) for one in daily if one.cost is not None]
    return [f"{name}: about {cost.display} a person." for name, cost in priced]


def _query(place: Destination, request: PlanRequest, origin: str) -> FlightQuery:
    return FlightQuery(
        origin=origin.strip().upper(),
        destination=place.code,
        departure_date=request.start,
        return_date=request.end,
        adults=request.adults,
        children=request.children,
        infants=request.infants,
        currency=request.currency,
        sort="best",
    )


def _raise_serious(error: InvalidRequest) -> None:
    wrong = tuple(one for one in error.errors if one.pointer in _SERIOUS)
    if wrong:
        raise InvalidRequest(errors=wrong) from error


def _said(error: HubError) -> str:
    return error.detail.rstrip(".")


def _place(found: Location, city: City | None) -> Destination:
    name = city.names[0] if city is not None else found.city or found.name
    country = city.country if city is not None else found.country
    return Destination(
        name, country, found.timezone, city.gateway_code if city else found.code, found.lat, found.lon, city
    )
