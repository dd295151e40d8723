"""Airports and cities, offline."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

import airportsdata


@dataclass(frozen=True, slots=True)
class Location:
    """`code` is an IATA code: of an airport, or of a metropolitan area with several."""

    code: str
    name: str
    city: str
    country: str
    type: Literal["airport", "city"]
    airports: tuple[str, ...]
    timezone: str
    lat: float
    lon: float


class Locations:
    """Loaded once, on first use; about 8,000 airports that have an IATA code."""

    @cached_property
    def _airports(self) -> dict[str, Location]:
        return {
            code: Location(
                code, one["name"], one["city"], one["country"], "airport", (code,), one["tz"], one["lat"], one["lon"]
            )
            for code, one in airportsdata.load("IATA").items()
        }

    @cached_property
    def _cities(self) -> dict[str, Location]:
        found = {}
        for code, one in airportsdata.load_iata_macs().items():
            members = [self._airports[airport] for airport in one["airports"] if airport in self._airports]
            if members:
                first, codes = members[0], tuple(airport.code for airport in members)
                found[code] = Location(
                    code, one["name"], one["name"], one["country"], "city", codes, first.timezone, first.lat, first.lon
                )
        return found

    @cached_property
    def _index(self) -> list[tuple[str, str, Location]]:
        """Folded city and folded name beside each location: cities first, since that is what people type."""
        everything: Iterable[Location] = (*self._cities.values(), *self._airports.values())
        return [(_fold(one.city), _fold(one.name), one) for one in everything]

    def find(self, code: str) -> Location | None:
        """A metropolitan area or an airport."""
        return self._cities.get(code) or self._airports.get(code)

    def airport(self, code: str) -> Location | None:
        return self._airports.get(code)

    def zone(self, airport: str) -> tzinfo | None:
        found = self._airports.get(airport)
        return ZoneInfo(found.timezone) if found else None

    def today(self, code: str, now: datetime) -> date:
        """The date that it is now at the place."""
        found = self.find(code)
        return now.astimezone(ZoneInfo(found.timezone)).date() if found else now.date()

    def search(self, text: str, limit: int = 10) -> list[Location]:
        """By code, city or name, accents and case aside; the closest first."""
        wanted = _fold(text)
        if not wanted:
            return []
        scored = [
            (score, one.type == "airport", one.name, one)
            for city, name, one in self._index
            if (score := _score(wanted, one.code.lower(), city, name)) is not None
        ]
        scored.sort(key=lambda entry: entry[:3])
        return [entry[3] for entry in scored[:limit]]

    def warm(self) -> None:
        """Loads it all, so that the first request does not."""
        _ = self._index


def _score(wanted: str, code: str, city: str, name: str) -> int | None:
    if code == wanted:
        return 0
    if city == wanted:
        return 1
    if city.startswith(wanted):
        return 2
    if name.startswith(wanted):
        return 3
    return 4 if f" {wanted}" in f" {city} {name}" else None


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())
