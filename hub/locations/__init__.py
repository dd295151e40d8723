"""Places: airports and cities by code, and whatever travelers call cities, islands, regions and countries."""

from hub.locations.countries import country_name
from hub.locations.folding import fold
from hub.locations.model import Location, Match, MatchKind, NearbyAirport, Resolution
from hub.locations.service import Locations

__all__ = ["Location", "Locations", "Match", "MatchKind", "NearbyAirport", "Resolution", "country_name", "fold"]
