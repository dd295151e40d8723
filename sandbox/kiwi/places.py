"""Airports, the cities they serve, and how a search names them."""

import math
import re
import sys
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any
from zoneinfo import ZoneInfo

import airportsdata

from sandbox.kiwi.countries import COUNTRY_NAMES

EARTH_RADIUS_KM = 6371.0
_NEARBY = 5  # airports taken for a country or a circle
_CIRCLE = re.compile(r"(-?\d{1,2}(?:\.\d+)?)-(-?\d{1,3}(?:\.\d+)?)-(\d{1,4})km")

# The airports that others connect at, by size: a stand-in for the rank that Kiwi keeps.
MAJOR_AIRPORTS = """
ATL DXB LHR HND DFW IST DEN CDG ORD LAX DEL AMS FRA JFK SIN ICN MAD CAN PVG BKK PEK BCN HKG KUL DOH MCO MIA SEA SFO LAS
FCO MUC CLT LGW MEX CGK BOM GRU SYD EWR YYZ IAH MNL SGN ZRH VIE LIS CPH DUB MAN ATH OSL ARN BRU HEL WAW TPE NRT KIX JED
RUH AUH CAI TLV ADD JNB NBO LOS CMN CPT BOS DTW MSP PHL IAD YVR YUL YYC BOG LIM SCL EZE PTY GIG CUN MEL BNE AKL PER HNL
BLR HAN DPS CMB DAC KHI ISB ALA TAS GYD SVO DME LED BUD PRG OTP BEG ZAG RIX KEF DUS CGN GVA MXP LIN BGY STN ORY SAW DMK
DAC BAH KWI MCT AMM BEY TUN ALG ACC ABJ KGL DAR POS HAV SJU NAN PPT ANC VCP ADL DKR LAD MRU RUN GUM POM
"""

# Airports that Kiwi counts to a city and IATA's list of multi-airport cities does not.
_ALSO_SERVE = {"EWR": "NYC", "BVA": "PAR", "SEN": "LON", "NYO": "STO", "SHJ": "DXB", "JNB": "JNB"}


@dataclass(frozen=True, slots=True, eq=False)
class Airport:
    """`rank` counts from 1 for the largest; None for those that nobody connects at."""

    code: str
    icao: str
    name: str
    city: str
    city_code: str
    country: str
    lat: float
    lon: float
    zone: ZoneInfo
    rank: int | None
    at: tuple[float, float, float]
    """On the unit sphere."""

    @property
    def region(self) -> str:
        return self.zone.key.split("/", 1)[0]


@dataclass(frozen=True, slots=True, eq=False)
class City:
    code: str
    name: str
    country: str
    airports: tuple[Airport, ...]

    @property
    def slug(self) -> str:
        return f"{normalize_name(self.name).replace(' ', '-')}_{self.country.lower()}"


class UnknownPlace(ValueError):
    """No airport, city or country goes by that name."""


def normalize_name(text: str) -> str:
    """Lower case without accents, for comparison."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in folded if not unicodedata.combining(letter))


def distance_km(one: Airport, other: Airport) -> float:
    """Along the great circle."""
    a, b = one.at, other.at
    dot = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    return EARTH_RADIUS_KM * math.acos(max(-1.0, min(1.0, dot)))


class PlaceDirectory:
    """Everything that airportsdata knows and has an IATA code."""

    def __init__(self, rows: dict[str, Any], metros: dict[str, Any]) -> None:
        ranks = {code: rank for rank, code in enumerate(dict.fromkeys(MAJOR_AIRPORTS.split()), start=1)}
        metro_of = {airport: code for code, metro in metros.items() for airport in metro["airports"]} | _ALSO_SERVE
        self._metro_names = {code: metro["name"] for code, metro in metros.items()}
        self.airports = {
            code: _airport(row, metro_of.get(code, code), ranks.get(code), self._metro_names)
            for code, row in rows.items()
        }
        self.major = sorted((one for one in self.airports.values() if one.rank), key=_size)

    @cached_property
    def cities(self) -> dict[str, City]:
        groups: dict[str, list[Airport]] = {}
        for airport in self.airports.values():
            groups.setdefault(airport.city_code, []).append(airport)
        return {
            code: City(code, members[0].city, members[0].country, tuple(sorted(members, key=_size)))
            for code, members in groups.items()
        }

    @cached_property
    def by_slug(self) -> dict[str, City]:
        found: dict[str, City] = {}
        for city in self.cities.values():
            found.setdefault(city.slug, city)
        return found

    @cached_property
    def by_country(self) -> dict[str, list[Airport]]:
        groups: dict[str, list[Airport]] = {}
        for airport in sorted(self.airports.values(), key=_size):
            groups.setdefault(airport.country, []).append(airport)
        return groups

    def resolve_airports(self, terms: str) -> list[Airport]:
        """The airports that a comma list of places names, without repeats. Raises UnknownPlace with the term."""
        found: dict[str, Airport] = {}
        for term in terms.split(","):
            found.update((airport.code, airport) for airport in self._one(term.strip()))
        return list(found.values())

    def _one(self, term: str) -> Iterable[Airport]:
        kind, _, name = term.rpartition(":")
        if circle := _CIRCLE.fullmatch(name):
            return self._circle(*map(float, circle.groups()))
        city = self.cities.get(name) or self.by_slug.get(name)
        if kind in {"", "city"} and city:
            return city.airports
        if kind in {"", "airport"} and name in self.airports:
            return (self.airports[name],)
        if kind in {"", "country"} and name in self.by_country:
            return self.by_country[name][:_NEARBY]
        raise UnknownPlace(term)

    def _circle(self, lat: float, lon: float, radius_km: float) -> list[Airport]:
        at, dots = _on_sphere(lat, lon), math.cos(min(radius_km / EARTH_RADIUS_KM, math.pi))
        inside = [one for one in self.airports.values() if sum(map(float.__mul__, at, one.at)) >= dots]
        return sorted(inside, key=_size)[:_NEARBY]


def _size(airport: Airport) -> tuple[int, str]:
    return (airport.rank or 10_000, airport.code)


def _on_sphere(lat: float, lon: float) -> tuple[float, float, float]:
    phi, lam = math.radians(lat), math.radians(lon)
    return (math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi))


def _airport(row: dict[str, Any], city_code: str, rank: int | None, metro_names: dict[str, str]) -> Airport:
    return Airport(
        code=row["iata"],
        icao=row["icao"],
        name=row["name"],
        city=metro_names.get(city_code) or row["city"] or row["name"],
        city_code=city_code,
        country=sys.intern(row["country"]),
        lat=row["lat"],
        lon=row["lon"],
        zone=ZoneInfo(row["tz"]),
        rank=rank,
        at=_on_sphere(row["lat"], row["lon"]),
    )


@cache
def load_directory() -> PlaceDirectory:
    """Read on first use, once (about a fifth of a second)."""
    metros = {
        code: {"name": metro["name"], "airports": list(metro["airports"])}
        for code, metro in airportsdata.load_iata_macs().items()
    }
    return PlaceDirectory(airportsdata.load("IATA"), metros)


def country_name(code: str) -> dict[str, str]:
    return {"code": code, "name": COUNTRY_NAMES.get(code, code)}
