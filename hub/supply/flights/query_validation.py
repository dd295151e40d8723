"""What a search may ask for."""

from datetime import date, datetime, timedelta

from hub.core.errors import FieldError, InvalidRequest
from hub.core.money import CURRENCIES
from hub.supply.flights.model import FlightQuery
from hub.supply.locations import Locations

MAX_TRAVELERS = 9
SALES_HORIZON = timedelta(days=361)
"""Airlines open their flights about a year ahead."""


def validate_query(query: FlightQuery, locations: Locations, now: datetime, pointer_prefix: str = "") -> None:
    """Raises InvalidRequest with every field that is wrong. `where` is `/query` for a query string."""
    errors = [*_places(query, locations), *_dates(query, locations.get_local_date(query.origin, now)), *_party(query)]
    if query.currency not in CURRENCIES:
        errors.append(("currency", "unknown_currency", "is not an active ISO 4217 currency"))
    if errors:
        raise InvalidRequest(
            errors=tuple(FieldError(f"{pointer_prefix}/{name}", code, text) for name, code, text in errors)
        )


def _places(query: FlightQuery, locations: Locations) -> list[tuple[str, str, str]]:
    found = []
    for name, code in (("origin", query.origin), ("destination", query.destination)):
        if locations.find_location(code) is None:
            found.append((name, "unknown_location", "is not the IATA code of an airport or city"))
        elif locations.is_closed(code):
            found.append((name, "airport_closed", "has no flights any more; search for its city"))
    if query.origin == query.destination:
        found.append(("destination", "same_place", "is the same as the origin"))
    elif locations.is_same_city(query.origin, query.destination):
        found.append(("destination", "same_city", "is in the same city as the origin"))
    return found


def _dates(query: FlightQuery, today: date) -> list[tuple[str, str, str]]:
    found = []
    if query.departure_date < today:
        found.append(("departure_date", "in_the_past", "has passed at the place of departure"))
    if query.departure_date > today + SALES_HORIZON:
        found.append(("departure_date", "too_far", "is further ahead than airlines sell"))
    if query.return_date is not None and query.return_date < query.departure_date:
        found.append(("return_date", "before_departure", "is before the departure"))
    if query.return_date is not None and query.return_date > today + SALES_HORIZON:
        found.append(("return_date", "too_far", "is further ahead than airlines sell"))
    return found


def _party(query: FlightQuery) -> list[tuple[str, str, str]]:
    found = []
    if query.adults < 1:
        found.append(("adults", "no_adult", "needs at least one: children do not book alone"))
    if query.traveler_count > MAX_TRAVELERS:
        found.append(("adults", "too_many", f"adults, children and infants may be {MAX_TRAVELERS} at most"))
    if query.infants > query.adults:
        found.append(("infants", "too_many_infants", "each needs the lap of an adult"))
    return found
