"""The parameters of a search: read, checked, and refused in the provider's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sandbox.kiwi.fares import CABIN_FACTORS, EXCHANGE_RATES, Party
from sandbox.kiwi.places import Airport, UnknownPlace, load_directory
from sandbox.kiwi.wire import make_invalid_param

MAX_LIMIT, DEFAULT_LIMIT = 1000, 200
SORT_KEYS = frozenset({"price", "duration", "quality", "date"})
_YES = frozenset({"1", "true", "True"})

TimeWindow = tuple[time, time]


@dataclass(frozen=True, slots=True)
class Direction:
    """Local days to leave on, first and last; hours to leave and to arrive in."""

    first_day: date
    last_day: date
    departure_window: TimeWindow | None
    arrival_window: TimeWindow | None

    def list_days(self, most: int) -> list[date]:
        """At most so many days of the range, evenly spread."""
        count = max(0, (self.last_day - self.first_day).days + 1)
        step = max(1, -(-count // most))
        return [self.first_day + timedelta(days=nth) for nth in range(0, count, step)]


@dataclass(frozen=True, slots=True)
class SearchFilters:
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
    filters: SearchFilters
    currency: str
    sort: str
    is_ascending: bool
    limit: int
    includes_aircraft: bool


def parse_query(params: Mapping[str, str]) -> SearchQuery:
    """Raises KiwiApiError 422 that names the parameter."""
    outbound = _direction(params, "date", "")
    if outbound is None:
        raise make_invalid_param("date_from", "Missing data for required field.")
    if "fly_from" not in params:
        raise make_invalid_param("fly_from", "Missing data for required field.")
    sort = _choice(params, "sort", "price", SORT_KEYS)
    return SearchQuery(
        origins=_places(params, "fly_from"),
        destinations=_places(params, "fly_to") if params.get("fly_to") else load_directory().major[:12],
        outbound=outbound,
        inbound=_direction(params, "return", "ret_"),
        nights=_nights(params),
        party=read_party(params),
        filters=_filters(params),
        currency=_choice(params, "curr", "EUR", EXCHANGE_RATES),
        sort=sort,
        is_ascending=params.get("asc", "1") in _YES,
        limit=min(MAX_LIMIT, read_whole_number(params, "limit", DEFAULT_LIMIT)),
        includes_aircraft="aircraft" in params.get("vehicle_type", "aircraft"),
    )


def read_party(params: Mapping[str, str]) -> Party:
    """Raises KiwiApiError 422 for nobody, more than nine, or more infants than adults."""
    found = Party(
        read_whole_number(params, "adults", 1),
        read_whole_number(params, "children", 0),
        read_whole_number(params, "infants", 0),
    )
    if not 1 <= found.traveler_count <= 9:
        raise make_invalid_param("adults", "The sum of adults, children and infants must be between 1 and 9.")
    if found.infants > found.adults:
        raise make_invalid_param("infants", "There cannot be more infants than adults.")
    return found


def read_whole_number(params: Mapping[str, str], name: str, default: int) -> int:
    """A whole number, not negative. Raises KiwiApiError 422."""
    text = params.get(name, "") or str(default)
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise make_invalid_param(name, "Not a valid integer.")
    return int(text)


def _filters(params: Mapping[str, str]) -> SearchFilters:
    return SearchFilters(
        cabin=_choice(params, "selected_cabins", "M", CABIN_FACTORS),
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
        raise make_invalid_param(name, "Not a valid choice.")
    return value


def _optional(params: Mapping[str, str], name: str) -> int | None:
    return read_whole_number(params, name, 0) if params.get(name) else None


def _decimal(params: Mapping[str, str], name: str) -> float | None:
    if not params.get(name):
        return None
    try:
        return float(params[name])
    except ValueError:
        raise make_invalid_param(name, "Not a valid number.") from None


def _places(params: Mapping[str, str], name: str) -> list[Airport]:
    try:
        return load_directory().resolve_airports(params[name])
    except UnknownPlace as unknown:
        raise make_invalid_param(name, f"Not recognized location: `{unknown}`") from None


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
        raise make_invalid_param(name, "Not a valid date, the format is dd/mm/yyyy.") from None


def _window(params: Mapping[str, str], name: str) -> TimeWindow | None:
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
        raise make_invalid_param(name, "Not a valid time, the format is hh:mm.") from None


def _nights(params: Mapping[str, str]) -> tuple[int, int] | None:
    least, most = _optional(params, "nights_in_dst_from"), _optional(params, "nights_in_dst_to")
    if (least is None) != (most is None):
        raise make_invalid_param("nights_in_dst_to", "nights_in_dst_from and nights_in_dst_to go together.")
    return None if least is None or most is None else (least, most)
