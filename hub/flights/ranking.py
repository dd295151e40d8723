"""Which offers are shown, and in which order. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from hub.flights.model import FlightOffer, FlightQuery

_HOUR_IN_MINOR = 1500
"""What an hour of travelling is worth in the order `best`, in minor units: a rule of thumb, not a promise."""


def wanted(offers: Iterable[FlightOffer], query: FlightQuery) -> list[FlightOffer]:
    """Without what our policy does not sell (hidden city, throwaway), without doubles, in the order asked for."""
    fit = [one for one in offers if not (one.hidden_city or one.throwaway) and _within_stops(one, query)]
    return sorted(merged(fit), key=_order(query.sort))


def merged(offers: Iterable[FlightOffer]) -> list[FlightOffer]:
    """One offer per product: the cheapest, with the other suppliers of it as alternates."""
    best: dict[tuple[Any, ...], FlightOffer] = {}
    for one in offers:
        key = product(one)
        known = best.get(key)
        if known is None:
            best[key] = one
            continue
        cheap, dear = (one, known) if one.total.amount < known.total.amount else (known, one)
        others = {*cheap.alternates, *dear.alternates, dear.provider} - {cheap.provider}
        best[key] = replace(cheap, alternates=tuple(sorted(others)))
    return list(best.values())


def product(offer: FlightOffer) -> tuple[Any, ...]:
    """What makes two offers the same thing to buy: flights, cabin, brand, bags, protection and currency."""
    flights = tuple(
        tuple(
            (one.carrier, one.flight_number.lstrip("0"), one.origin, one.destination, one.departs_at.date(),
             one.cabin, one.fare_brand)
            for one in direction.segments
        )
        for direction in offer.slices
    )  # fmt: skip
    return flights, offer.bags_included, offer.self_transfer, offer.total.currency


def _within_stops(offer: FlightOffer, query: FlightQuery) -> bool:
    return query.max_stops is None or all(len(one.segments) - 1 <= query.max_stops for one in offer.slices)


def _order(sort: str) -> Callable[[FlightOffer], Any]:
    def duration(offer: FlightOffer) -> int:
        return sum(one.duration_s for one in offer.slices)

    match sort:
        case "duration":
            return lambda offer: (duration(offer), offer.total.amount)
        case "departure":
            return lambda offer: (offer.slices[0].segments[0].departs_at, offer.total.amount)
        case "best":
            return lambda offer: offer.total.amount + duration(offer) * _HOUR_IN_MINOR / 3600
        case _:
            return lambda offer: (offer.total.amount, duration(offer))
