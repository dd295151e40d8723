"""What holds at a place at a time, by computation: the sun, the clocks, the weekday."""

import math
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
_TILT = math.radians(23.4397)
_HORIZON = math.radians(-0.833)
"""Refraction and half the sun's disc: it is seen before it is there."""
_PERIHELION = 102.9372


def compute_sun_times(day: date, latitude: float, longitude: float) -> tuple[datetime, datetime] | None:
    """Sunrise and sunset of the day at the place, UTC, true to a minute or two outside the polar circles (the
    sunrise equation). None where the sun does not rise, or does not set.
    """
    noon = datetime.combine(day, time(12), UTC)
    mean = (noon - _J2000) / timedelta(days=1) - longitude / 360
    anomaly = math.radians((357.5291 + 0.98560028 * mean) % 360)
    centre = 1.9148 * math.sin(anomaly) + 0.02 * math.sin(2 * anomaly) + 0.0003 * math.sin(3 * anomaly)
    ecliptic = math.radians((math.degrees(anomaly) + centre + 180 + _PERIHELION) % 360)
    transit = mean + 0.0009 + 0.0053 * math.sin(anomaly) - 0.0069 * math.sin(2 * ecliptic)
    declination = math.asin(math.sin(ecliptic) * math.sin(_TILT))
    height = math.radians(latitude)
    hour = (math.sin(_HORIZON) - math.sin(height) * math.sin(declination)) / (math.cos(height) * math.cos(declination))
    if not -1 <= hour <= 1:
        return None
    half = math.degrees(math.acos(hour)) / 360
    return _J2000 + timedelta(days=transit - half), _J2000 + timedelta(days=transit + half)


def find_clock_changes(zone: ZoneInfo, first: date, last: date) -> list[tuple[date, timedelta]]:
    """The days on which the clocks are put forward (more than nothing) or back, both ends included."""
    found = []
    day = first
    while day <= last:
        here, there = (
            datetime.combine(one, time(), zone).utcoffset() or timedelta(0) for one in (day, day + timedelta(days=1))
        )
        if here != there:
            found.append((day, there - here))
        day += timedelta(days=1)
    return found


def format_utc_offset(zone: ZoneInfo, day: date) -> str:
    """`+01:00`, at noon."""
    text = f"{datetime.combine(day, time(12), zone):%z}"
    return f"{text[:3]}:{text[3:5]}"
