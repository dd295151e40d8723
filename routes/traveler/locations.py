from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from hub.supply.locations import LocationMatch, Locations, get_country_name
from routes.web.endpoint_api import ANYONE, ApiModel, Call, Reply, get

TAGS = ("flights",)
_MAX_AGE = 3600


class LocationQuery(ApiModel):
    q: Annotated[str, StringConstraints(min_length=1, max_length=80)] = Field(
        description="a code, a name in any language and script, or its beginning", examples=["München"]
    )
    limit: int = Field(default=10, ge=1, le=50)


class NearbyAirportOut(ApiModel):
    code: str
    name: str
    city: str
    country: str
    distance_km: int


class LocationOut(ApiModel):
    """A place, and where one flies to for it. Only airports with scheduled flights are named."""

    code: str = Field(description="IATA code to search flights with: of an airport or a metropolitan area")
    name: str
    city: str
    region: str = Field(description="the state, where its country has several towns of the name; else empty")
    country: str
    country_name: str = Field(description="in the language of Accept-Language")
    type: Literal["airport", "city", "island", "region", "country"]
    airports: list[str] = Field(description="those that `code` stands for")
    nearby: list[NearbyAirportOut] = Field(description="the airports around the place, by distance")
    timezone: str
    lat: float
    lon: float
    match: Literal["code", "exact", "prefix", "similar"] = Field(
        description="`similar`: nothing is called what was asked for, and this has nearly that name"
    )
    matched: str = Field(description="the name that matched, without accents and in small letters")

    @classmethod
    def from_domain(cls, match: LocationMatch, language: str) -> Self:
        location = match.location
        names = "code name city region country type timezone lat lon".split()
        return cls(
            **{name: getattr(location, name) for name in names},
            country_name=get_country_name(location.country, language),
            airports=list(location.airports),
            nearby=[NearbyAirportOut.model_validate(airport, from_attributes=True) for airport in match.nearby],
            match=match.kind,
            matched=match.matched,
        )


class LocationsOut(ApiModel):
    ambiguous: bool = Field(description="several of the places are called so, and none is clearly meant")
    locations: list[LocationOut]


class LocationRoutes:
    def __init__(self, locations: Locations) -> None:
        self._locations = locations

    @get("/api/locations", permission=ANYONE, tags=TAGS, response_model=LocationsOut)
    async def search(self, call: Call, query: LocationQuery) -> Reply:
        """Airports, cities, islands, regions and countries, the best known first.

        A misspelled name finds what it nearly is, marked `similar`, but only where nothing has the name as typed.
        """
        results = self._locations.search(query.q, query.limit)
        language = _language(call.headers.get("Accept-Language", ""))
        shown = LocationsOut(
            ambiguous=self._locations.is_ambiguous(results),
            locations=[LocationOut.from_domain(match, language) for match in results],
        )
        return Reply(shown, headers={"Cache-Control": f"public, max-age={_MAX_AGE}", "Vary": "Accept-Language"})


def _language(header: str) -> str:
    """The first language that the caller accepts; English where the header names none."""
    first = header.partition(",")[0].partition(";")[0].strip()
    return first if first.replace("-", "").isalnum() and len(first) <= 20 else "en"  # noqa: PLR2004
