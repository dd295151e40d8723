"""The parameters of a search: read, checked, and refused in the provider's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sandbox.kiwi.fares import CABINS, RATES, Party
from sandbox.kiwi.places import Airport, UnknownPlace, directory
from sandbox.kiwi.wire import invalid

MAX_LIMIT, DEFAULT_LIMIT = 1000, 200
SORTS = frozenset({"price", "duration", "quality", "date"})
_YES = frozenset({"1", "true", "True"})

Window = tuple[time, time]


@dataclass(frozen=True, slots=True)
class Direction:
    """Local days to leave on, first and last; hours to leave and to arrive in."""

    first: date
    last: date
    leaves: Window | None
    arrives: Window | None

    def days(self, most: int) -> list[date]:
        """At most so many days of the range, evenly spread."""
        count = max(0, (self.last - self.first).days + 1)
        step = max(1, -(-count // most))
        return [self.first + timedelta(days=nth) for nth in range(0, count, step)]


@dataclass(frozen=True, slots=True)
class Filters:
    cabin: str
    max_stopovers: int | None
    max_sector_stopovers: int | None
    airlines: frozenset[str]
    airlines_excluded: frozenset[str]
    max_hours: float | None
    price_from: float | None
    price_to: float | None
    self_transfer: bool
    airport_change: bool


@dataclass(frozen=True, slots=True)
class SearchQuery:
    origins: list[Airport]
    destinations: list[Airport]
    outbound: Direction
    inbound: Direction | None
    nights: tuple[int, int] | None
    party: Party
    filters: Filters
    currency: str
    sort: str
    ascending: bool
    limit: int
    aircraft: bool


def parse(params: Mapping[str, str]) -> SearchQuery:
    """Raises Refusal 422 that names the parameter."""
    outbound = _direction(params, "date", "")
    if outbound is None:
        raise invalid("date_from", "Missing data for required field.")
    if "fly_from" not in params:
        raise invalid("fly_from", "Missing data for required field.")
    sort = _choice(params, "sort", "price", SORTS)
    return SearchQuery(
        origins=_places(params, "fly_from"),
        destinations=_places(params, "fly_to") if params.get("fly_to") else directory().major[:12],
        outbound=outbound,
        inbound=_direction(params, "return", "ret_"),
        nights=_nights(params),
        party=party(params),
        filters=_filters(params),
        currency=_choice(params, "curr", "EUR", RATES),
        sort=sort,
        ascending=params.get("asc", "1") in _YES,
        limit=min(MAX_LIMIT, whole(params, "limit", DEFAULT_LIMIT)),
        aircraft="aircraft" in params.get("vehicle_type", "aircraft"),
    )


def party(params: Mapping[str, str]) -> Party:
    """Raises Refusal 422 for nobody, more than nine, or more infants than adults."""
    found = Party(whole(params, "adults", 1), whole(params, "children", 0), whole(params, "infants", 0))
    if not 1 <= found.total <= 9:
        raise invalid("adults", "The sum of adults, children and infants must be between 1 and 9.")
    if found.infants > found.adults:
        raise invalid("infants", "There cannot be more infants than adults.")
    return found


def whole(params: Mapping[str, str], name: str, default: int) -> int:
    """A whole number, not negative. Raises Refusal 422."""
    text = params.get(name, "") or str(default)
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise invalid(name, "Not a valid integer.")
    return int(text)


def _filters(params: Mapping[str, str]) -> Filters:
    return Filters(
        cabin=_choice(params, "selected_cabins", "M", CABINS),
        max_stopovers=_optional(params, "max_stopovers"),
        max_sector_stopovers=_optional(params, "max_sector_stopovers"),
        airlines=_codes(params, "select_airlines", exclude=False),
        airlines_excluded=_codes(params, "select_airlines", exclude=True),
        max_hours=_decimal(params, "max_fly_duration"),
        price_from=_decimal(params, "price_from"),
        price_to=_decimal(params, "price_to"),
        self_transfer=params.get("enable_vi", "true") in _YES,
        airport_change=params.get("conn_on_diff_airport", "1") in _YES,
    )


def _codes(params: Mapping[str, str], name: str, *, exclude: bool) -> frozenset[str]:
    if (params.get("select_airlines_exclude", "false") in _YES) is not exclude:
        return frozenset()
    return frozenset(code for code in params.get(name, "").split(",") if code)


def _choice(params: Mapping[str, str], name: str, default: str, allowed: Mapping[str, object] | frozenset[str]) -> str:
    value = params.get(name, default)
    if value not in allowed:
        raise invalid(name, "Not a valid choice.")
    return value


def _optional(params: Mapping[str, str], name: str) -> int | None:
    return whole(params, name, 0) if params.get(name) else None


def _decimal(params: Mapping[str, str], name: str) -> float | None:
    if not params.get(name):
        return None
    try:
        return float(params[name])
    except ValueError:
        raise invalid(name, "Not a valid number.") from None


def _places(params: Mapping[str, str], name: str) -> list[Airport]:
    try:
        return directory().resolve(params[name])
    except UnknownPlace as unknown:
        raise invalid(name, f"Not recognized location: `{unknown}`") from None


def _direction(params: Mapping[str, str], dates: str, times: str) -> Direction | None:
    if not params.get(f"{dates}_from"):
        return None
    first = _day(params, f"{dates}_from")
    last = _day(params, f"{dates}_to") if params.get(f"{dates}_to") else first
    return Direction(first, last, _window(params, f"{times}dtime"), _window(params, f"{times}atime"))


def _day(params: Mapping[str, str], name: str) -> date:
    try:
        return datetime.strptime(params[name], "%d/%m/%Y").date()  # noqa: DTZ007  # a local day has no zone
    except ValueError:
        raise invalid(name, "Not a valid date, the format is dd/mm/yyyy.") from None


def _window(params: Mapping[str, str], name: str) -> Window | None:
    if not params.get(f"{name}_from") and not params.get(f"{name}_to"):
        return None
    return _hour(params, f"{name}_from", time.min), _hour(params, f"{name}_to", time.max)


def _hour(params: Mapping[str, str], name: str, default: time) -> time:
    text = params.get(name)
    if not text:
        return default
    try:
        return time.max if text == "24:00" else time.fromisoformat(text.zfill(5))
    except ValueError:
        raise invalid(name, "Not a valid time, the format is hh:mm.") from None


def _nights(params: Mapping[str, str]) -> tuple[int, int] | None:
    least, most = _optional(params, "nights_in_dst_from"), _optional(params, "nights_in_dst_to")
    if (least is None) != (most is None):
        raise invalid("nights_in_dst_to", "nights_in_dst_from and nights_in_dst_to go together.")
    return None if least is None or most is None else (least, most)
