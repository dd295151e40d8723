"""GET /v2/search."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from aiohttp import web

from sandbox.kiwi.fares import EXCHANGE_RATES, choose_cabin, price_itinerary
from sandbox.kiwi.journeys import Journey, find_journeys
from sandbox.kiwi.offers import Itinerary, OfferContext, build_offer
from sandbox.kiwi.places import Airport
from sandbox.kiwi.search_query import Direction, SearchFilters, SearchQuery, TimeWindow, parse_query
from sandbox.kiwi.seeded_random import hash_parts
from sandbox.kiwi.wire import api_handler, json_response
from sandbox.state import SandboxState

PAIRS, DAYS = 6, 12  # airports to airports and days looked at; a wider search sees a part of them
MAX_COMBINED = 6  # outbound and inbound journeys that are paired with one another; fewer when there are many pairs
SALES_HORIZON = timedelta(days=361)
LAST_MINUTE, TURNAROUND = timedelta(hours=1), timedelta(hours=2)


class SearchHandlers:
    def __init__(self, world: SandboxState) -> None:
        self._world = world

    def list_routes(self) -> list[web.RouteDef]:
        return [web.get("/kiwi/v2/search", api_handler(self.search_flights))]

    async def search_flights(self, request: web.Request) -> web.StreamResponse:
        query = parse_query(request.query)
        asked = OfferContext(
            self._world.config.seed, query.party, query.filters.cabin, query.currency, self._world.now()
        )
        data = [build_offer(asked, one) for one in find_itineraries(asked, query)]
        ident = hash_parts(asked.seed, request.query_string, asked.today)
        return json_response(
            {
                "search_id": f"{ident[:8]}-{ident[8:12]}-{ident[12:16]}-{ident[16:20]}-{ident[20:]}",
                "currency": query.currency,
                "fx_rate": float(EXCHANGE_RATES[query.currency]),
                "data": data,
                "_results": len(data),
            }
        )


def find_itineraries(asked: OfferContext, query: SearchQuery) -> list[Itinerary]:
    """What there is, filtered, sorted and cut to the limit."""
    return _ordered(query, _priced(query, _all(asked, query)))[: query.limit]


def _all(asked: OfferContext, query: SearchQuery) -> Iterator[Itinerary]:
    if not query.includes_aircraft:
        return
    pairs = [
        (one, other) for one in query.origins for other in query.destinations if one.city_code != other.city_code
    ]  # nobody flies from one airport of a city to another
    pairs = sorted(pairs, key=_larger_first)[:PAIRS]
    best = MAX_COMBINED if len(pairs) < 3 else MAX_COMBINED - 2
    for origin, destination in pairs:
        there = list(_ways(asked, query, query.outbound, origin, destination))
        if query.inbound is None and query.nights is None:
            yield from _sold(asked, ((way,) for way in there))
        else:
            yield from _sold(asked, _returns(asked, query, there, best))


def _larger_first(pair: tuple[Airport, Airport]) -> int:
    return sum(one.rank or 1000 for one in pair)


def _ways(
    asked: OfferContext, query: SearchQuery, direction: Direction, origin: Airport, destination: Airport
) -> Iterator[Journey]:
    earliest, latest = asked.now + LAST_MINUTE, asked.now + SALES_HORIZON
    for day in direction.list_days(DAYS):
        if not _near(day, asked.now):
            continue
        for way in find_journeys(asked.seed, origin, destination, day):
            if earliest <= way.departs_at <= latest and _wanted(way, direction, query.filters):
                yield way


def _near(day: date, now: datetime) -> bool:
    """Spares the work for days long gone or too far ahead; the journeys themselves are looked at again."""
    return timedelta(days=-2) < day - now.date() < SALES_HORIZON + timedelta(days=2)


def _wanted(way: Journey, direction: Direction, filters: SearchFilters) -> bool:
    codes = {carrier.code for carrier in way.carriers}
    return (
        choose_cabin(way, filters.cabin)
        and (filters.max_sector_stopovers is None or way.stopovers <= filters.max_sector_stopovers)
        and (not filters.airlines or codes <= filters.airlines)
        and not codes & filters.airlines_excluded
        and (filters.max_hours is None or way.seconds <= filters.max_hours * 3600)
        and (filters.self_transfer or not way.has_self_transfer)
        and (filters.airport_change or not way.has_airport_change)
        and _within(direction.departure_window, way.departs_at.astimezone(way.origin.zone))
        and _within(direction.arrival_window, way.arrives_at.astimezone(way.destination.zone))
    )


def _within(window: TimeWindow | None, local: datetime) -> bool:
    return window is None or window[0] <= local.time() <= window[1]


def _returns(asked: OfferContext, query: SearchQuery, there: list[Journey], best: int) -> Iterator[tuple[Journey, ...]]:
    """The cheaper ways there with the cheaper ways back, where there is time to turn round."""
    seen: dict[Direction, list[Journey]] = {}
    for out in _cheapest(asked, there, best):
        direction = _homeward(query, out)
        if direction not in seen:
            ways = _ways(asked, query, direction, out.destination, out.origin)
            seen[direction] = _cheapest(asked, ways, best)
        yield from ((out, back) for back in seen[direction] if back.departs_at - out.arrives_at >= TURNAROUND)


def _homeward(query: SearchQuery, out: Journey) -> Direction:
    """The days asked for, the nights asked for, or what both allow."""
    asked = query.inbound
    if query.nights is None and asked is not None:
        return asked
    arrived = out.arrives_at.astimezone(out.destination.zone).date()
    first, last = (arrived + timedelta(days=nights) for nights in query.nights or (0, 0))
    if asked is None:
        return Direction(first, last, None, None)
    return Direction(
        max(first, asked.first_day), min(last, asked.last_day), asked.departure_window, asked.arrival_window
    )


def _cheapest(asked: OfferContext, ways: Iterable[Journey], best: int) -> list[Journey]:
    def cents(way: Journey) -> int:
        return price_itinerary(asked.seed, [way], asked.cabin, asked.today, asked.party).adult

    return sorted(ways, key=cents)[:best]


def _sold(asked: OfferContext, itineraries: Iterable[tuple[Journey, ...]]) -> Iterator[Itinerary]:
    for ways in itineraries:
        fare = price_itinerary(asked.seed, list(ways), asked.cabin, asked.today, asked.party)
        yield Itinerary(ways, fare, fare.total_for(asked.party))


def _priced(query: SearchQuery, every: Iterable[Itinerary]) -> Iterator[Itinerary]:
    """Those within the price and the number of changes; the limits are in the asked currency."""
    filters, rate = query.filters, float(EXCHANGE_RATES[query.currency])
    for one in every:
        total = one.cents / 100 * rate
        if filters.price_to is not None and total > filters.price_to:
            continue
        if filters.price_from is not None and total < filters.price_from:
            continue
        if filters.max_stopovers is None or sum(way.stopovers for way in one.ways) <= filters.max_stopovers:
            yield one


def _ordered(query: SearchQuery, every: Iterable[Itinerary]) -> list[Itinerary]:
    keys: dict[str, Callable[[Itinerary], tuple[Any, ...]]] = {
        "price": lambda one: (one.cents, one.seconds),
        "duration": lambda one: (one.seconds, one.cents),
        "quality": lambda one: (one.quality, one.cents),
        "date": lambda one: (one.departs_at, one.cents),
    }
    return sorted(every, key=keys[query.sort], reverse=not query.is_ascending)
