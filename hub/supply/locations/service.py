from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from functools import cache, cached_property
from zoneinfo import ZoneInfo

from hub.supply.locations.airports import CLOSED_CLASS, Airports, to_nearby_airports
from hub.supply.locations.index import PlaceIndex
from hub.supply.locations.model import Location, LocationMatch, LocationResolution, NearbyAirport
from hub.supply.locations.resolution import LocationResolver, find_rivals
from hub.supply.locations.search import PlaceSearch


@cache
def _shared() -> PlaceSearch:
    """Opened once in a process, whoever asks."""
    index = PlaceIndex()
    return PlaceSearch(index, Airports(index))


class Locations:
    """Airports, metropolitan areas, cities, islands, regions and countries, offline; loaded on first use."""

    @cached_property
    def _places(self) -> PlaceSearch:
        return _shared()

    @property
    def _airports(self) -> Airports:
        return self._places.airports

    def find_location(self, code: str) -> Location | None:
        """A metropolitan area or an airport by IATA code, also one that has closed."""
        return self._airports.areas_by_code.get(code) or self._airports.airports_by_code.get(code)

    def find_airport(self, code: str) -> Location | None:
        return self._airports.airports_by_code.get(code)

    def is_closed(self, code: str) -> bool:
        """Whether the airport has no civil flights any more."""
        return code not in self._airports.areas_by_code and self._airports.get_airport_class(code) == CLOSED_CLASS

    def is_same_city(self, code: str, other: str) -> bool:
        """Whether two codes of airports or areas are one city: no flight goes from a city to itself."""
        return self._airports.is_same_city(code, other)

    def find_time_zone(self, airport: str) -> tzinfo | None:
        location = self._airports.airports_by_code.get(airport)
        return ZoneInfo(location.timezone) if location else None

    def get_local_date(self, code: str, now: datetime) -> date:
        """The date that it is now at the place."""
        location = self.find_location(code)
        return now.astimezone(ZoneInfo(location.timezone)).date() if location else now.date()

    def find_nearest_airports(self, lat: float, lon: float, limit: int = 6) -> tuple[NearbyAirport, ...]:
        """Airports with scheduled flights, by distance."""
        return to_nearby_airports(self._airports.find_nearest(lat, lon, limit))

    def search(self, text: str, limit: int = 10) -> list[LocationMatch]:
        """Places by code or name, in any language and script; the best known first.

        A name with a mistake finds what it nearly is (`kind` is `similar`), but only where nothing has the name as
        typed.
        """
        return self._places.search(text, limit)

    def is_ambiguous(self, matches: Sequence[LocationMatch]) -> bool:
        """Whether several places have exactly the name, and none is clearly better known than the next."""
        named = [match for match in matches if match.kind == "exact" and match.location.type != "airport"]
        return bool(find_rivals(named))

    def resolve_place(self, text: str) -> LocationResolution:
        """The one place that a text names, or the choices where it may mean several."""
        return LocationResolver(self._places).resolve_text(text)

    def build_unique_name(self, match: LocationMatch) -> str:
        """A text that `resolve_place` understands as this place alone."""
        return LocationResolver(self._places).build_unique_name(match)

    def warm_up(self) -> None:
        """Loads it all, so that the first request does not."""
        self._places.search("london", 1)
