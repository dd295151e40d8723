"""Places that can be found, and how well each was."""

from dataclasses import dataclass
from typing import Literal

LocationType = Literal["airport", "city", "island", "region", "country"]
MatchKind = Literal["code", "exact", "prefix", "similar"]
"""`similar`: nothing is called so, and this has nearly that name; the traveler has to confirm it."""

LARGE_COUNTRY_KM2 = 20_000.0
"""Square kilometers."""


@dataclass(frozen=True, slots=True)
class Location:
    """`code` is an IATA code: of an airport, of a metropolitan area with several, or of where one flies to.

    `region` names a state where its country has several towns of the name; empty elsewhere.
    """

    code: str
    name: str
    city: str
    country: str
    type: LocationType
    airports: tuple[str, ...]
    timezone: str
    lat: float
    lon: float
    region: str = ""


@dataclass(frozen=True, slots=True)
class NearbyAirport:
    """An airport with scheduled flights, and how far it is from the middle of the place."""

    code: str
    name: str
    city: str
    country: str
    distance_km: int


@dataclass(frozen=True, slots=True)
class LocationMatch:
    """`matched` is the name, folded, that the text fits; `nearby` the airports of the place, the nearest first."""

    location: Location
    kind: MatchKind
    matched: str
    nearby: tuple[NearbyAirport, ...]
    importance: float = 0.0
    area_km2: float = 0.0
    """Of a country."""

    @property
    def is_large_country(self) -> bool:
        """Too large to be a destination: which city of it?"""
        return self.location.type == "country" and self.area_km2 > LARGE_COUNTRY_KM2


@dataclass(frozen=True, slots=True)
class LocationResolution:
    """What a text names: one place, or several that it may mean; where it is none, what is called nearly so."""

    place: LocationMatch | None = None
    choices: tuple[LocationMatch, ...] = ()
    suggestions: tuple[LocationMatch, ...] = ()
