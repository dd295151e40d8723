"""Places: airports and cities by code, and whatever travelers call cities, islands, regions and countries."""

from hub.supply.locations.countries import country_name
from hub.supply.locations.model import Location, Match, MatchKind, NearbyAirport, Resolution
from hub.supply.locations.normalization import fold
from hub.supply.locations.service import Locations

__all__ = ["Location", "Locations", "Match", "MatchKind", "NearbyAirport", "Resolution", "country_name", "fold"]
