import math

_DIAMETER = 12_742


def compute_distance_km(latitude: float, longitude: float, to_latitude: float, to_longitude: float) -> float:
    """Distance along the great circle between two points in degrees."""
    here, there = math.radians(latitude), math.radians(to_latitude)
    across = math.sin(math.radians(longitude - to_longitude) / 2) ** 2
    half = math.sin((here - there) / 2) ** 2 + math.cos(here) * math.cos(there) * across
    return _DIAMETER * math.asin(math.sqrt(min(1.0, half)))
