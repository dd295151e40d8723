"""Which offers are shown, and in which order. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from hub.supply.flights.model import FlightOffer, FlightQuery

_TIME = 0.5
"""What time counts beside money in the order `best`: twice as long is as bad as half as dear again."""


def rank_offers(
    offers: Iterable[FlightOffer], query: FlightQuery, *, includes_hidden_city: bool = False
) -> list[FlightOffer]:
    """Without what our policy does not sell (hidden city, throwaway), without doubles, in the order asked for."""
    fit = [one for one in offers if (includes_hidden_city or not _forbidden(one)) and _within_stops(one, query)]
    found = merge_offers(fit)
    return sorted(found, key=_order(query.sort, found))


def _forbidden(offer: FlightOffer) -> bool:
    return offer.hidden_city or offer.throwaway


def merge_offers(offers: Iterable[FlightOffer]) -> list[FlightOffer]:
    """One offer per product: the cheapest, with the other suppliers of it as alternates."""
    best: dict[tuple[Any, ...], FlightOffer] = {}
    for one in offers:
        key = build_product_key(one)
        known = best.get(key)
        if known is None:
            best[key] = one
            continue
        cheap, dear = (one, known) if one.total.amount < known.total.amount else (known, one)
        others = {*cheap.alternates, *dear.alternates, dear.provider} - {cheap.provider}
        best[key] = replace(cheap, alternates=tuple(sorted(others)))
    return list(best.values())


def build_product_key(offer: FlightOffer) -> tuple[Any, ...]:
    """What makes two offers the same thing to buy: flights, cabin, brand, bags, protection and currency."""
    flights = tuple(
        tuple(
            (one.carrier, one.flight_number.lstrip("0"), one.origin, one.destination, one.departs_at.date(),
             one.cabin, one.fare_brand)
            for one in direction.segments
        )
        for direction in offer.slices
    )  # fmt: skip
    return flights, offer.bags_included, offer.self_transfer, offer.has_separate_tickets, offer.total.currency


def _within_stops(offer: FlightOffer, query: FlightQuery) -> bool:
    return query.max_stops is None or all(len(one.segments) - 1 <= query.max_stops for one in offer.slices)


def _order(sort: str, offers: list[FlightOffer]) -> Callable[[FlightOffer], Any]:
    match sort:
        case "duration":
            return lambda offer: (_duration(offer), offer.total.amount)
        case "departure":
            return lambda offer: (offer.slices[0].segments[0].departs_at, offer.total.amount)
        case "best":
            cheapest = max(1, min((one.total.amount for one in offers), default=1))
            shortest = max(1, min((_duration(one) for one in offers), default=1))
            return lambda offer: offer.total.amount / cheapest + _TIME * _duration(offer) / shortest
        case _:
            return lambda offer: (offer.total.amount, _duration(offer))


def _duration(offer: FlightOffer) -> int:
    return sum(one.duration_s for one in offer.slices)
