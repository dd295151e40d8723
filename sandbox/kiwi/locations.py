"""GET /locations/query and /locations/id."""

from functools import cache
from typing import Any

from aiohttp import web
from multidict import MultiMapping

from sandbox.kiwi.places import Airport, City, country_name, load_directory, normalize_name
from sandbox.kiwi.search_query import read_whole_number
from sandbox.kiwi.seeded_random import draw_number
from sandbox.kiwi.wire import api_handler, json_response, make_invalid_param
from sandbox.state import SandboxState

_TYPES = frozenset({"airport", "city"})
_UNRANKED = 10_000
Place = Airport | City


class LocationHandlers:
    def __init__(self, world: SandboxState) -> None:
        self._world = world

    def list_routes(self) -> list[web.RouteDef]:
        return [
            web.get("/kiwi/locations/query", api_handler(self.search_locations)),
            web.get("/kiwi/locations/id", api_handler(self.show_location)),
        ]

    async def search_locations(self, request: web.Request) -> web.StreamResponse:
        """By code or by the beginning of a name or of one of its words, the largest first."""
        term = normalize_name(request.query.get("term", "").strip())
        if not term:
            raise make_invalid_param("term", "Missing data for required field.")
        limit = read_whole_number(request.query, "limit", 10)
        found = sorted(filter(None, (_match(entry, term) for entry in _index())), key=lambda hit: hit[0])
        wanted = _wanted(request.query)
        return self._reply([place for _, place in found if _type(place) in wanted][:limit], request)

    async def show_location(self, request: web.Request) -> web.StreamResponse:
        """`id` is an airport's code or a city's slug (`london_gb`) or code; nothing known is an empty list."""
        ident = request.query.get("id", "")
        if not ident:
            raise make_invalid_param("id", "Missing data for required field.")
        known = load_directory()
        place = known.airports.get(ident) or known.by_slug.get(ident) or known.cities.get(ident)
        return self._reply([place] if place else [], request)

    def _reply(self, places: list[Place], request: web.Request) -> web.Response:
        locale = request.query.get("locale", "en-US")
        return json_response(
            {
                "locations": [_described(place) for place in places],
                "meta": {"locale": {"code": locale, "status": "00"}},
                "last_refresh": int(self._world.now().timestamp()),
                "results_retrieved": len(places),
            }
        )


def _wanted(params: MultiMapping[str]) -> frozenset[str]:
    return frozenset(params.getall("location_types", [])) or _TYPES


@cache
def _index() -> list[tuple[str, str, int, Place]]:
    """Code, plain name with a space before each word, size, place."""
    known = load_directory()
    entries: list[tuple[str, str, int, Place]] = [
        (
            one.code.lower(),
            f" {normalize_name(one.name)} {normalize_name(one.city)}",
            2 * (one.rank or _UNRANKED) + 1,
            one,
        )
        for one in known.airports.values()
    ]
    entries += [
        (one.code.lower(), f" {normalize_name(one.name)}", 2 * (one.airports[0].rank or _UNRANKED), one)
        for one in known.cities.values()
    ]
    return entries


def _match(entry: tuple[str, str, int, Place], term: str) -> tuple[tuple[int, int, str], Place] | None:
    code, name, size, place = entry
    if code == term:
        return (0, size, code), place
    if name.startswith(term, 1):
        return (1, size, code), place
    return ((2, size, code), place) if f" {term}" in name else None


def _type(place: Place) -> str:
    return "airport" if isinstance(place, Airport) else "city"


def _described(place: Place) -> dict[str, Any]:
    return _airport(place) if isinstance(place, Airport) else _city(place) | {"airports": len(place.airports)}


def _airport(one: Airport) -> dict[str, Any]:
    return {
        "id": one.code,
        "int_id": draw_number("location", one.code) % 10**6,
        "code": one.code,
        "icao": one.icao,
        "name": one.name,
        "slug": f"{normalize_name(one.name).replace(' ', '-')}-{one.code.lower()}",
        "active": True,
        "timezone": one.zone.key,
        "rank": one.rank,
        "city": _city(load_directory().cities[one.city_code]),
        "location": {"lat": one.lat, "lon": one.lon},
        "type": "airport",
    }


def _city(one: City) -> dict[str, Any]:
    named = country_name(one.country)
    centre = one.airports[0]
    return {
        "id": one.slug,
        "int_id": draw_number("location", one.slug) % 10**6,
        "code": one.code,
        "name": one.name,
        "slug": one.slug.replace("_", "-"),
        "active": True,
        "timezone": centre.zone.key,
        "rank": centre.rank,
        "country": {"id": named["code"], "code": named["code"], "name": named["name"]},
        "location": {"lat": centre.lat, "lon": centre.lon},
        "type": "city",
    }
