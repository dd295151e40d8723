"""Local times of a plan, as moments. Everything here has a fixed offset, so that comparing and subtracting is true
across a change of the clocks (with one zone on both sides Python compares what the clocks show).
"""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date

_LOCAL = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::\d\d(?:\.\d+)?)?")
_DATE_IN_TEXT = re.compile(r"(?<![\w-])\d{4}-\d\d-\d\d(?![\w-])")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def parse_date(text: str) -> date | None:
    """`YYYY-MM-DD`; None for anything else."""
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def parse_local_time(text: str) -> datetime | None:
    """`YYYY-MM-DDTHH:MM`, naive; seconds are allowed and dropped, an offset is not. None for anything else."""
    found = _LOCAL.fullmatch(text)
    if found is None:
        return None
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2]}")
    except ValueError:
        return None


def format_long_date(day: date, language: str = "en") -> str:
    """`Tuesday, 1 December 2026`, in the language of the traveler; English where it is unknown."""
    try:
        locale = Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        locale = Locale.parse("en")
    if locale.language == "en":
        return f"{day:%A}, {day.day} {day:%B %Y}"
    return str(format_date(day, "full", locale=locale))


def spell_out_dates(text: str, language: str = "en") -> str:
    """The text with each `YYYY-MM-DD` that is a date in words; what is none stays."""

    def worded(found: re.Match[str]) -> str:
        day = parse_date(found.group())
        return format_long_date(day, language) if day is not None else found.group()

    return _DATE_IN_TEXT.sub(worded, text)


def resolve_local_time(local: datetime, zone: tzinfo) -> datetime:
    """When the clocks show it: the first time, where they show it twice; an hour later, where they skip it."""
    return with_fixed_offset(local.replace(tzinfo=zone, fold=0).astimezone(UTC).astimezone(zone))


def is_existing_time(local: datetime, zone: tzinfo) -> bool:
    """Whether the clocks ever show it."""
    return resolve_local_time(local, zone).replace(tzinfo=None) == local


def with_fixed_offset(moment: datetime) -> datetime:
    """The same moment with the offset of its zone alone."""
    return moment.replace(tzinfo=timezone(moment.utcoffset() or timedelta(0)))


def to_local_time(moment: datetime, zone: tzinfo) -> datetime:
    """What the clocks of the zone show, naive."""
    return moment.astimezone(zone).replace(tzinfo=None)


def resolve_opening_hours(day: date, opens: str, closes: str) -> tuple[datetime, datetime]:
    """Opening hours of a day, naive; a closing time not after the opening one is the next day's."""
    start, end = (datetime.combine(day, _clock(one)) for one in (opens, closes))
    return start, end if end > start else end + timedelta(days=1)


def _clock(text: str) -> time:
    """`24:00` is midnight."""
    return time.fromisoformat("00:00" if text == "24:00" else text)
