"""Kiwi's JSON to the hub's offers and back. Pure, and total for what Kiwi may say: an offer that makes no sense is left
out, not guessed at.

Facts: `local_*` times end in Z and are local wall time all the same; `price` is for all passengers; prices of
check_flights are EUR with a `conversion`; bags cost EUR; a technical stop is a segment of its own with the same number.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from itertools import groupby
from typing import Any, Literal

from adapters.kiwi.baggage import choose_bags
from hub.core.money import Money
from hub.supply.flights import (
    AirlineReference,
    Cabin,
    FlightOffer,
    FlightQuery,
    OrderRequest,
    OrderState,
    Segment,
    Slice,
    Traveler,
)

OFFER_LIFE = timedelta(minutes=30)
"""How long a booking token lives. Kiwi does not say it in its answer, so it is assumed from the time of receipt."""

MIN_UTC_OFFSET, MAX_UTC_OFFSET = timedelta(hours=-12), timedelta(hours=14)
ROUNDING_TOLERANCE = Decimal("0.005")
"""The part of a price that rounding and rates of exchange may make."""

ZoneLookup = Callable[[str], tzinfo | None]
"""The time zone of an airport, by its IATA code."""

_CABINS: dict[str, Cabin] = {"M": "economy", "W": "premium_economy", "C": "business", "F": "first"}
_CABIN_CODES = {name: code for code, name in _CABINS.items()}
_SORTS = {"duration": "duration", "departure": "date", "best": "quality"}


def build_search_params(query: FlightQuery, limit: int) -> dict[str, str]:
    """The query string of GET /v2/search. Dates are dd/mm/yyyy; a code is city or airport, whichever it is."""
    params = {
        "fly_from": query.origin,
        "fly_to": query.destination,
        "date_from": f"{query.departure_date:%d/%m/%Y}",
        "date_to": f"{query.departure_date:%d/%m/%Y}",
        "adults": str(query.adults),
        "children": str(query.children),
        "infants": str(query.infants),
        "selected_cabins": _CABIN_CODES[query.cabin],
        "curr": query.currency,
        "sort": _SORTS.get(query.sort, "price"),
        "vehicle_type": "aircraft",
        "limit": str(limit),
    }
    if query.return_date is not None:
        params |= {"return_from": f"{query.return_date:%d/%m/%Y}", "return_to": f"{query.return_date:%d/%m/%Y}"}
    if query.max_stops is not None:
        params["max_sector_stopovers"] = str(query.max_stops)
    return params


def to_offers(
    document: dict[str, Any], query: FlightQuery, received_at: datetime, zone: ZoneLookup
) -> list[FlightOffer]:
    """The bookable offers of a search answer. Raises ValueError when the answer is not one."""
    if not isinstance(document.get("data"), list):
        raise ValueError("not a search answer")  # noqa: TRY004 (what is wrong is the value, not our caller)
    currency = str(document.get("currency") or query.currency)
    found = (_offer(one, query, currency, received_at, zone) for one in document["data"] if isinstance(one, dict))
    return [one for one in found if one is not None]


def _offer(
    one: dict[str, Any], query: FlightQuery, currency: str, received_at: datetime, zone: ZoneLookup
) -> FlightOffer | None:
    """None for what makes no sense, or is not the journey that was asked for."""
    try:
        slices = tuple(_slices(one["route"], zone))
        total = Money.from_major(Decimal(one["price"]), currency)
        token = one["booking_token"]
        directions = 1 if query.return_date is None else 2
        if len(slices) != directions or not isinstance(token, str) or not token or total.amount <= 0:
            return None
        tickets = _tickets(one)
        return FlightOffer(
            id=str(one.get("id", "")),
            provider="kiwi",
            provider_ref=token,
            slices=slices,
            total=total,
            expires_at=received_at + OFFER_LIFE,
            expiry_assumed=True,
            bags_included=1 if _free_bag(one) else None,
            self_transfer=bool(one.get("virtual_interlining"))
            or (tickets or 1) > len(slices)
            or any(segment.self_transfer_before for direction in slices for segment in direction.segments),
            tickets=tickets,
            seats_left=_seats(one),
            hidden_city=bool(one.get("hidden_city_ticketing")),
            throwaway=bool(one.get("throw_away_ticketing")),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError):
        return None


def _free_bag(one: dict[str, Any]) -> bool:
    """A first bag that costs nothing is included; no price, or any price, says nothing of what is."""
    prices = one.get("bags_price")
    return isinstance(prices, dict) and "1" in prices and prices["1"] == 0


def _tickets(one: dict[str, Any]) -> int | None:
    """`pnr_count`: more of them than directions means that a direction is made of several tickets."""
    count = one.get("pnr_count")
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else None


def _seats(one: dict[str, Any]) -> int | None:
    availability = one.get("availability")
    seats = availability.get("seats") if isinstance(availability, dict) else None
    return seats if isinstance(seats, int) else None


def _slices(route: list[dict[str, Any]], zone: ZoneLookup) -> Iterator[Slice]:
    """The flat route, cut where `return` turns from 0 to 1. Raises ValueError for one that runs back in time."""
    landed: datetime | None = None
    for _, group in groupby(route, key=lambda leg: int(leg.get("return", 0))):
        segments = _without_technical_stops([_segment(leg, zone) for leg in group])
        for one in segments:
            if one.arrives_at <= one.departs_at or (landed is not None and one.departs_at < landed):
                raise ValueError("it runs back in time")
            landed = one.arrives_at
        first, last = segments[0], segments[-1]
        seconds = int((last.arrives_at - first.departs_at).total_seconds())
        yield Slice(first.origin, last.destination, tuple(segments), seconds)


def _segment(leg: dict[str, Any], zone: ZoneLookup) -> Segment:
    return Segment(
        origin=leg["flyFrom"],
        destination=leg["flyTo"],
        departs_at=_local(leg["local_departure"], leg["utc_departure"], zone(leg["flyFrom"])),
        arrives_at=_local(leg["local_arrival"], leg["utc_arrival"], zone(leg["flyTo"])),
        carrier=leg["airline"],
        flight_number=str(leg["flight_no"]),
        operating_carrier=leg.get("operating_carrier") or None,
        cabin=_CABINS.get(leg.get("fare_category") or ""),
        fare_brand=leg.get("fare_family") or None,
        self_transfer_before=bool(leg.get("vi_connection") or leg.get("bags_recheck_required")),
    )


def _without_technical_stops(segments: list[Segment]) -> list[Segment]:
    """Legs of one flight number, one after the other, are one flight with a stop in between."""
    merged: list[Segment] = []
    for one in segments:
        last = merged[-1] if merged else None
        same = last is not None and (last.carrier, last.flight_number) == (one.carrier, one.flight_number)
        if last is not None and same and last.destination == one.origin and not one.self_transfer_before:
            stops = (*last.technical_stops, last.destination)
            merged[-1] = replace(last, destination=one.destination, arrives_at=one.arrives_at, technical_stops=stops)
        else:
            merged.append(one)
    return merged


def _local(local: str, utc: str, zone: tzinfo | None) -> datetime:
    """The moment that `utc` names, on the airport's own clock.

    Where the zone is not known, or our time zones know less than Kiwi of what the clocks there show, the offset is
    what lies between the two. Raises ValueError when no clock could show that.
    """
    moment = _utc(utc)
    wall = datetime.fromisoformat(local.removesuffix("Z")).replace(tzinfo=None)
    if zone is not None and (there := moment.astimezone(zone)).replace(tzinfo=None) == wall:
        return there
    offset = wall - moment.replace(tzinfo=None)
    if not MIN_UTC_OFFSET <= offset <= MAX_UTC_OFFSET:
        raise ValueError("no time zone is that far")
    return moment.astimezone(timezone(offset))


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)


def build_check_params(offer: FlightOffer, query: FlightQuery) -> dict[str, str]:
    """The query string of GET /v2/booking/check_flights, but for the session.

    `bnum` is the number of hold bags for each traveler: also one that costs nothing has to be asked for.
    """
    return {
        "booking_token": offer.provider_ref,
        "bnum": str(offer.bags_included or 0),
        "adults": str(query.adults),
        "children": str(query.children),
        "infants": str(query.infants),
        "currency": offer.total.currency,
    }


def read_checked_total(document: dict[str, Any], offered: Money) -> Money:
    """The total of a price check, in the currency that was offered. Raises ValueError when it cannot be found.

    Kiwi says itself whether the price has changed. Where it has not, a small difference is the rounding of the search
    or the rate of exchange, and the price is what was offered.
    """
    conversion = document.get("conversion")
    if isinstance(conversion, dict) and conversion.get("currency") == offered.currency:
        value = conversion.get("amount")
    else:
        value = document.get("total") if offered.currency == "EUR" else None
    try:
        total = Money.from_major(Decimal(value), offered.currency)  # type: ignore[arg-type]
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ValueError("no total in the currency that was offered") from error
    if total.amount <= 0:
        raise ValueError("nothing is for nothing")
    same = not document.get("price_change") and _close(total, offered)
    return offered if same else total


def is_price_covered(document: dict[str, Any], offered: Money) -> bool:
    """Whether a price that has changed is certainly not above what was offered."""
    try:
        return read_checked_total(document, offered) <= offered
    except ValueError:
        return False


def _close(one: Money, other: Money) -> bool:
    difference = abs(one.major_amount - other.major_amount)
    return difference < 1 or difference <= other.major_amount * ROUNDING_TOLERANCE


@dataclass(frozen=True, slots=True)
class KiwiContact:
    """What every passenger is given as e-mail address and telephone number; None: the travelers' own.

    Live, Kiwi wants the address of the deposit account and a telephone number of the agency.
    """

    email: str | None = None
    phone: str | None = None


def build_save_body(request: OrderRequest, contact: KiwiContact) -> dict[str, Any]:
    """What POST /v2/booking/save_booking wants to know. Raises BagsUnavailable for bags that cannot be had any more."""
    return {
        "lang": "en",
        "locale": "en",
        "booking_token": request.offer.provider_ref,
        "session_id": request.check.session,
        "currency": request.offer.total.currency,
        "passengers": [_passenger(one, request, contact) for one in request.travelers],
        "baggage": choose_bags(request.check.order_data, classify_travelers(request), request.offer.bags_included or 0),
    }


def classify_travelers(request: OrderRequest) -> list[str]:
    """adult, child or infant, for each traveler."""
    last, ages = request.offer.last_landing_date, request.check.requirements.ages
    return [one.classify_age(last, ages) for one in request.travelers]


def _passenger(one: Traveler, request: OrderRequest, contact: KiwiContact) -> dict[str, Any]:
    """Kiwi wants two names: who has only one has it twice, as airlines print it."""
    ages, document = request.check.requirements.ages, request.check.requirements.document.need != "none"
    expires_on = one.document_expires_on if document else None
    return {
        "name": one.given_name or one.family_name,
        "surname": one.family_name,
        "title": "Mr" if one.gender == "m" else "Ms",
        "birthday": one.born_on.isoformat(),
        "nationality": one.nationality,
        "category": one.classify_age(request.offer.last_landing_date, ages),
        "cardno": one.document_number if document else None,
        "expiration": expires_on.isoformat() if expires_on else None,
        "email": contact.email or one.email or request.contact_email,
        "phone": contact.phone or one.phone or request.contact_phone or "",
    }


_STATES: dict[str, Literal["placed", "confirmed", "cancelled", "refused", "unknown"]] = {
    "open": "placed",
    "received": "confirmed",
    "confirmed": "confirmed",
    "delayed": "confirmed",
    "cancelled": "cancelled",
    "refund": "cancelled",
    "technical_issue": "refused",
    "sold_out": "refused",
    "security_issue": "refused",
}


def to_order_state(document: dict[str, Any]) -> OrderState:
    """Kiwi's word for a booking in ours: `open` is saved and not paid for, `received` is paid for and being ticketed.

    A word of theirs that is new to us is unknown, neither good nor bad.
    """
    references = tuple(_references(document))
    pnr = document.get("pnr") or (references[0].reference if references else None)
    total = _charged(document.get("price"))
    status = _STATES.get(str(document.get("status")), "unknown")
    return OrderState(status, str(pnr) if pnr else None, total, references)


def _references(document: dict[str, Any]) -> Iterator[AirlineReference]:
    """Each reference once, with the flights that carry it; then those that Kiwi lists and no flight carries."""
    flights: dict[str, list[str]] = {}
    for row in _objects(document.get("flights")):
        if isinstance(reference := row.get("reservation_number"), str) and reference:
            flights.setdefault(reference, []).append(f"{row.get('airline') or ''}{row.get('flight_no') or ''}")
    listed = document.get("pnrs")
    for reference in listed if isinstance(listed, list) else [document.get("pnr")]:
        if isinstance(reference, str) and reference:
            flights.setdefault(reference, [])
    for reference, names in flights.items():
        yield AirlineReference(reference, tuple(name for name in dict.fromkeys(names) if name))


def _objects(rows: Any) -> list[dict[str, Any]]:
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _charged(price: Any) -> Money | None:
    try:
        return Money.from_major(Decimal(str(price["amount"])), str(price["currency"]))
    except (TypeError, KeyError, ValueError, ArithmeticError):
        return None
