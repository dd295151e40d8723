"""GET /v2/search."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from aiohttp import web

from sandbox.kiwi.dice import digest
from sandbox.kiwi.fares import RATES, price, sold_in
from sandbox.kiwi.journeys import Journey, journeys
from sandbox.kiwi.offers import Asked, Found, offer
from sandbox.kiwi.places import Airport
from sandbox.kiwi.query import Direction, Filters, SearchQuery, Window, parse
from sandbox.kiwi.wire import reply, spoken
from sandbox.world import World

PAIRS, DAYS = 6, 12  # airports to airports and days looked at; a wider search sees a part of them
BEST = 6  # outbound and inbound journeys that are paired with one another; fewer when there are many pairs
HORIZON = timedelta(days=361)
LAST_MINUTE, TURNAROUND = timedelta(hours=1), timedelta(hours=2)


class Search:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/kiwi/v2/search", spoken(self.search))]

    async def search(self, request: web.Request) -> web.StreamResponse:
        query = parse(request.query)
        asked = Asked(self._world.config.seed, query.party, query.filters.cabin, query.currency, self._world.now())
        data = [offer(asked, one) for one in found(asked, query)]
        ident = digest(asked.seed, request.query_string, asked.today)
        return reply(
            {
                "search_id": f"{ident[:8]}-{ident[8:12]}-{ident[12:16]}-{ident[16:20]}-{ident[20:]}",
                "currency": query.currency,
                "fx_rate": float(RATES[query.currency]),
                "data": data,
                "_results": len(data),
            }
        )


def found(asked: Asked, query: SearchQuery) -> list[Found]:
    """What there is, filtered, sorted and cut to the limit."""
    return _ordered(query, _priced(query, _all(asked, query)))[: query.limit]


def _all(asked: Asked, query: SearchQuery) -> Iterator[Found]:
    if not query.aircraft:
        return
    pairs = [
        (one, other) for one in query.origins for other in query.destinations if one.city_code != other.city_code
    ]  # nobody flies from one airport of a city to another
    pairs = sorted(pairs, key=_larger_first)[:PAIRS]
    best = BEST if len(pairs) < 3 else BEST - 2
    for origin, destination in pairs:
        there = list(_ways(asked, query, query.outbound, origin, destination))
        if query.inbound is None and query.nights is None:
            yield from _sold(asked, ((way,) for way in there))
        else:
            yield from _sold(asked, _returns(asked, query, there, best))


def _larger_first(pair: tuple[Airport, Airport]) -> int:
    return sum(one.rank or 1000 for one in pair)


def _ways(
    asked: Asked, query: SearchQuery, direction: Direction, origin: Airport, destination: Airport
) -> Iterator[Journey]:
    earliest, latest = asked.now + LAST_MINUTE, asked.now + HORIZON
    for day in direction.days(DAYS):
        if not _near(day, asked.now):
            continue
        for way in journeys(asked.seed, origin, destination, day):
            if earliest <= way.departs <= latest and _wanted(way, direction, query.filters):
                yield way


def _near(day: date, now: datetime) -> bool:
    """Spares the work for days long gone or too far ahead; the journeys themselves are looked at again."""
    return timedelta(days=-2) < day - now.date() < HORIZON + timedelta(days=2)


def _wanted(way: Journey, direction: Direction, filters: Filters) -> bool:
    codes = {carrier.code for carrier in way.carriers}
    return (
        sold_in(way, filters.cabin)
        and (filters.max_sector_stopovers is None or way.stopovers <= filters.max_sector_stopovers)
        and (not filters.airlines or codes <= filters.airlines)
        and not codes & filters.airlines_excluded
        and (filters.max_hours is None or way.seconds <= filters.max_hours * 3600)
        and (filters.self_transfer or not way.self_transfer)
        and (filters.airport_change or not way.airport_change)
        and _within(direction.leaves, way.departs.astimezone(way.origin.zone))
        and _within(direction.arrives, way.arrives.astimezone(way.destination.zone))
    )


def _within(window: Window | None, local: datetime) -> bool:
    return window is None or window[0] <= local.time() <= window[1]


def _returns(asked: Asked, query: SearchQuery, there: list[Journey], best: int) -> Iterator[tuple[Journey, ...]]:
    """The cheaper ways there with the cheaper ways back, where there is time to turn round."""
    seen: dict[Direction, list[Journey]] = {}
    for out in _cheapest(asked, there, best):
        direction = _homeward(query, out)
        if direction not in seen:
            ways = _ways(asked, query, direction, out.destination, out.origin)
            seen[direction] = _cheapest(asked, ways, best)
        yield from ((out, back) for back in seen[direction] if back.departs - out.arrives >= TURNAROUND)


def _homeward(query: SearchQuery, out: Journey) -> Direction:
    """The days asked for, the nights asked for, or what both allow."""
    asked = query.inbound
    if query.nights is None and asked is not None:
        return asked
    arrived = out.arrives.astimezone(out.destination.zone).date()
    first, last = (arrived + timedelta(days=nights) for nights in query.nights or (0, 0))
    if asked is None:
        return Direction(first, last, None, None)
    return Direction(max(first, asked.first), min(last, asked.last), asked.leaves, asked.arrives)


def _cheapest(asked: Asked, ways: Iterable[Journey], best: int) -> list[Journey]:
    def cents(way: Journey) -> int:
        return price(asked.seed, [way], asked.cabin, asked.today, asked.party).adult

    return sorted(ways, key=cents)[:best]


def _sold(asked: Asked, itineraries: Iterable[tuple[Journey, ...]]) -> Iterator[Found]:
    for ways in itineraries:
        fare = price(asked.seed, list(ways), asked.cabin, asked.today, asked.party)
        yield Found(ways, fare, fare.total(asked.party))


def _priced(query: SearchQuery, every: Iterable[Found]) -> Iterator[Found]:
    """Those within the price and the number of changes; the limits are in the asked currency."""
    filters, rate = query.filters, float(RATES[query.currency])
    for one in every:
        total = one.cents / 100 * rate
        if filters.price_to is not None and total > filters.price_to:
            continue
        if filters.price_from is not None and total < filters.price_from:
            continue
        if filters.max_stopovers is None or sum(way.stopovers for way in one.ways) <= filters.max_stopovers:
            yield one


def _ordered(query: SearchQuery, every: Iterable[Found]) -> list[Found]:
    keys: dict[str, Callable[[Found], tuple[Any, ...]]] = {
        "price": lambda one: (one.cents, one.seconds),
        "duration": lambda one: (one.seconds, one.cents),
        "quality": lambda one: (one.quality, one.cents),
        "date": lambda one: (one.departs, one.cents),
    }
    return sorted(every, key=keys[query.sort], reverse=not query.ascending)
