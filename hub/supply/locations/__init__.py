"""Places: airports and cities by code, and whatever travelers call cities, islands, regions and countries."""

from hub.supply.locations.countries import get_country_name
from hub.supply.locations.model import Location, LocationMatch, LocationResolution, MatchKind, NearbyAirport
from hub.supply.locations.normalization import normalize_place_name
from hub.supply.locations.service import Locations

__all__ = [
    "Location",
    "LocationMatch",
    "LocationResolution",
    "Locations",
    "MatchKind",
    "NearbyAirport",
    "get_country_name",
    "normalize_place_name",
]
