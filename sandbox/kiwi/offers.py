"""One found itinerary as the search answers it."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sandbox.kiwi.fares import Fare, Party, convert_cents, to_euros
from sandbox.kiwi.journeys import Hop, Journey
from sandbox.kiwi.places import Airport, country_name, distance_km
from sandbox.kiwi.seeded_random import hash_parts, seeded_random
from sandbox.kiwi.timetable import Leg
from sandbox.kiwi.tokens import OfferedItinerary, OfferedLeg, encode_token
from sandbox.kiwi.wire import format_time

_BAG = {"hold_width": 52, "hold_height": 78, "hold_length": 28, "hold_dimensions_sum": 158, "hold_weight": 23}
_WITHOUT_THE_FLAG = 0.2
"""The part of the answers without `virtual_interlining`: only `pnr_count` tells of separate tickets then."""
_HAND = {"hand_width": 40, "hand_height": 55, "hand_length": 23, "hand_weight": 8}


@dataclass(frozen=True, slots=True)
class Itinerary:
    """There, and back where asked; `tickets[w][h]` numbers the ticket of hop h of way w."""

    ways: tuple[Journey, ...]
    fare: Fare
    cents: int
    """For the whole party."""

    @property
    def seconds(self) -> int:
        return sum(way.seconds for way in self.ways)

    @property
    def quality(self) -> float:
        """The lower the better: money, time and changes."""
        return round(self.cents / 100 + self.seconds / 3600 * 7 + sum(way.stopovers for way in self.ways) * 12, 6)

    @property
    def departs_at(self) -> datetime:
        return self.ways[0].departs_at


@dataclass(frozen=True, slots=True)
class OfferContext:
    """What the offer depends on beside its flights."""

    seed: int
    party: Party
    cabin: str
    currency: str
    now: datetime

    @property
    def today(self) -> date:
        return self.now.date()


def _tickets(found: Itinerary) -> list[list[Hop]]:
    """Hops by ticket: a self-transfer begins a new one, and so does the way back with other airlines."""
    tickets: list[list[Hop]] = [[]]
    for nth, way in enumerate(found.ways):
        if nth and way.carriers != found.ways[0].carriers:
            tickets.append([])
        for hop in way.hops:
            if hop.is_self_transfer:
                tickets.append([])
            tickets[-1].append(hop)
    return tickets


def _combination(asked: OfferContext, hops: list[Hop], family: str) -> str:
    names = [f"{hop.flight.carrier.code}{hop.flight.number}@{hop.flight.departs_at:%Y%m%d%H%M}" for hop in hops]
    return hash_parts(asked.seed, "combination", asked.cabin, family, *names)[:24]


def _route(asked: OfferContext, found: Itinerary) -> list[dict[str, Any]]:
    """The flat list of both directions. A technical stop makes two entries of one flight."""
    combination_of = {}
    for hops in _tickets(found):
        combination = _combination(asked, hops, found.fare.family)
        combination_of.update(dict.fromkeys(map(id, hops), combination))
    route: list[dict[str, Any]] = []
    counts: dict[str, int] = {}
    for returning, way in enumerate(found.ways):
        for hop in way.hops:
            combination = combination_of[id(hop)]
            for nth, leg in enumerate(hop.flight.legs):
                ident = f"{combination}_{counts.get(combination, 0)}"
                counts[combination] = counts.get(combination, 0) + 1
                following = nth + 1 < len(hop.flight.legs)
                recheck = hop.is_self_transfer and nth == 0
                route.append(
                    {"id": ident, "combination_id": combination}
                    | describe_places(leg.origin, leg.destination)
                    | format_times(leg)
                    | _flight(asked, hop, found.fare)
                    | {"return": returning, "bags_recheck_required": recheck, "vi_connection": recheck}
                    | {"guarantee": recheck, "following_technical_stop": following}
                )
    return route


def describe_places(origin: Airport, destination: Airport) -> dict[str, str]:
    return {
        "flyFrom": origin.code,
        "flyTo": destination.code,
        "cityFrom": origin.city,
        "cityCodeFrom": origin.city_code,
        "cityTo": destination.city,
        "cityCodeTo": destination.city_code,
    }


def format_times(leg: Leg) -> dict[str, str]:
    return {
        "local_departure": format_time(leg.departs_at.astimezone(leg.origin.zone)),
        "utc_departure": format_time(leg.departs_at),
        "local_arrival": format_time(leg.arrives_at.astimezone(leg.destination.zone)),
        "utc_arrival": format_time(leg.arrives_at),
    }


def _flight(asked: OfferContext, hop: Hop, fare: Fare) -> dict[str, Any]:
    flight = hop.flight
    booking_class, basis = _class(asked.seed, flight.carrier.code, flight.number, asked.cabin)
    return {
        "airline": flight.carrier.code,
        "flight_no": flight.number,
        "operating_carrier": flight.operated_by,
        "operating_flight_no": str(flight.number) if flight.operated_by else "",
        "fare_basis": "" if flight.carrier.is_low_cost else basis,
        "fare_category": asked.cabin,
        "fare_classes": booking_class,
        "fare_family": fare.family,
        "equipment": flight.equipment,
        "vehicle_type": "aircraft",
    }


@lru_cache(maxsize=8192)
def _class(seed: int, carrier: str, number: int, cabin: str) -> tuple[str, str]:
    """The booking class and the fare basis."""
    roll = seeded_random(seed, "class", carrier, number)
    letter = roll.choice({"M": "QVTLK", "W": "WPE", "C": "CDJ", "F": "FA"}[cabin])
    return letter, f"{letter}{roll.randint(10, 99)}NR{roll.randint(1, 9)}"


def _nights(found: Itinerary) -> int | None:
    """Local date of the departure home less local date of the arrival there."""
    if len(found.ways) == 1:
        return None
    out, back = found.ways
    there, home = out.arrives_at.astimezone(out.destination.zone), back.departs_at.astimezone(back.origin.zone)
    return (home.date() - there.date()).days


def _token(asked: OfferContext, found: Itinerary, route: list[dict[str, Any]]) -> str:
    legs = [leg for way in found.ways for leg in way.legs]
    stretches = tuple(
        OfferedLeg(
            id=row["id"],
            origin=row["flyFrom"],
            destination=row["flyTo"],
            airline=row["airline"],
            number=row["flight_no"],
            departure_timestamp=int(leg.departs_at.timestamp()),
            arrival_timestamp=int(leg.arrives_at.timestamp()),
            is_return=row["return"],
            needs_recheck=row["bags_recheck_required"],
        )
        for row, leg in zip(route, legs, strict=True)
    )
    tickets = len(_tickets(found))
    issued = int(asked.now.timestamp())
    return encode_token(asked.seed, OfferedItinerary(issued, asked.party, found.fare, asked.cabin, tickets, stretches))


def build_offer(asked: OfferContext, found: Itinerary) -> dict[str, Any]:
    """One element of `data`."""
    route = _route(asked, found)
    out = found.ways[0]
    ident = "|".join(row["id"] for row in route)
    roll = seeded_random(asked.seed, "offer", ident)
    token = _token(asked, found, route)
    whole: dict[str, Any] = {"id": ident} | describe_places(out.origin, out.destination)
    whole |= {"countryFrom": country_name(out.origin.country), "countryTo": country_name(out.destination.country)}
    whole |= format_times(Leg(out.origin, out.destination, out.departs_at, out.arrives_at))
    whole |= {"nightsInDest": _nights(found), "quality": found.quality}
    whole |= {"distance": round(distance_km(out.origin, out.destination), 2), "duration": _duration(found)}
    whole |= _money(asked, found)
    whole |= {"baglimit": _HAND | (_BAG if found.fare.bags else {})}
    whole |= {"availability": {"seats": roll.choice((None, None, *range(1, 10)))}}
    whole |= {"airlines": list(dict.fromkeys(row["airline"] for row in route)), "route": route}
    whole |= {"booking_token": token, "facilitated_booking_available": roll.random() < 0.9}
    if roll.random() < 0.9:
        whole["deep_link"] = (
            f"https://www.kiwi.com/deep?from={out.origin.code}&to={out.destination.code}&flightsId={ident}"
        )
    whole = _seats_for_all(whole, asked.party) | _flags(found, route, roll.random())
    if roll.random() < _WITHOUT_THE_FLAG:
        del whole["virtual_interlining"]
    return whole


def _seats_for_all(whole: dict[str, Any], party: Party) -> dict[str, Any]:
    seats = whole["availability"]["seats"]
    if seats is not None:
        whole["availability"]["seats"] = max(seats, party.adults + party.children)
    return whole


def _duration(found: Itinerary) -> dict[str, int]:
    there, back = found.ways[0].seconds, found.ways[1].seconds if len(found.ways) > 1 else 0
    return {"departure": there, "return": back, "total": there + back}


def _money(asked: OfferContext, found: Itinerary) -> dict[str, Any]:
    """The price is for all; the fares are for one each and rounded to whole units, so they do not quite add up."""
    fare, total = found.fare, convert_cents(found.cents, asked.currency)
    base = round(found.cents * 0.91)
    return {
        "price": total,
        "conversion": {"EUR": to_euros(found.cents)} | {asked.currency: total},
        "fare": {
            "adults": round(convert_cents(fare.adult, asked.currency)),
            "children": round(convert_cents(fare.child, asked.currency)),
            "infants": round(convert_cents(fare.infant, asked.currency)),
        },
        "price_dropdown": {
            "base_fare": convert_cents(base, asked.currency),
            "fees": convert_cents(found.cents - base, asked.currency),
        },
        "bags_price": {str(nth): to_euros(cents) for nth, cents in enumerate(found.fare.bags, start=1)},
    }


def _flags(found: Itinerary, route: list[dict[str, Any]], chance: float) -> dict[str, Any]:
    connecting = len(found.ways) == 1 and found.ways[0].stopovers == 1 and not found.ways[0].has_self_transfer
    return {
        "pnr_count": len(_tickets(found)),
        "has_airport_change": any(way.has_airport_change for way in found.ways),
        "technical_stops": sum(row["following_technical_stop"] for row in route),
        "throw_away_ticketing": connecting and chance > 0.97,
        "hidden_city_ticketing": connecting and chance < 0.03,
        "virtual_interlining": any(way.has_self_transfer for way in found.ways),
    }
