"""Finding places by what travelers type: codes, names in any language, beginnings of names, names with mistakes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from hub.supply.locations.airports import CLOSED_CLASS, Airports, to_nearby_airports
from hub.supply.locations.distance import compute_distance_km
from hub.supply.locations.index import PlaceIndex, PlaceRecord
from hub.supply.locations.model import Location, LocationMatch, MatchKind
from hub.supply.locations.normalization import normalize_place_name
from hub.supply.locations.typos import find_similar_names

EXACT_BONUS, OWN_NAME_BONUS, CODE_BONUS = 2.5, 3.0, 2.0
"""What it adds to the importance of a place: the whole name, the name that it usually has, the code of its airport."""
OWN_PREFIX_BONUS, FOREIGN_NAME_PENALTY = 1.5, -2.0
"""The same for the beginning of its usual name, and for a country by a name that is not its English item."""
NEARBY_COUNT = 6
_RECENT = 4_000
"""Places that are kept with their airports, about 1 kB each."""
_CODE_LETTERS = 3
_OWN_AIRPORT, _ONE_PLACE = 20.0, 60.0
"""Kilometers to a town's own airport, and between two places of one name that are the same."""
_AROUND = 250.0
"""Kilometers from a region or city within which a place may be said to be in it."""


class _Entry(NamedTuple):
    """An airport with the folded words that it is found by."""

    words: str
    importance: float
    airport: Location


@dataclass(frozen=True)
class PlaceSearch:
    """All look-ups take microseconds to a few milliseconds; nothing here waits for anything."""

    index: PlaceIndex
    airports: Airports
    _recent: dict[int, LocationMatch] = field(default_factory=dict)
    _famous: dict[str, list[str]] = field(default_factory=dict)

    def search(self, text: str, limit: int) -> list[LocationMatch]:
        """The best first. Names with mistakes only where nothing has the name that was typed."""
        key = normalize_place_name(text)
        if not key:
            return []
        results = [
            *self.find_by_code(key),
            *self.find_by_name(key),
            *self._by_prefix(key, limit),
            *self._by_airport(key, limit),
        ]
        if not any(item.kind == "exact" for item in results):
            results += self.find_qualified(key)
        if not results:
            results = self.find_similar(key)
        return self._in_order(results)[:limit]

    def find_by_code(self, key: str) -> list[LocationMatch]:
        """A metropolitan area, or an airport that has not closed."""
        code = key.upper()
        if len(code) != _CODE_LETTERS or not code.isascii():
            return []
        area, airport = self.airports.areas_by_code.get(code), self.airports.airports_by_code.get(code)
        if area is not None:
            return [self._of_area(area, "code", key)]
        if airport is None or self.airports.get_airport_class(code) == CLOSED_CLASS:
            return []
        match = self._of_airport(airport, "code", key)
        return [replace(match, importance=match.importance + CODE_BONUS)]

    def find_by_name(self, key: str) -> list[LocationMatch]:
        """Places of exactly this name."""
        results = []
        for number in self.index.find_by_name(key):
            match = self.build_match(number, "exact", key)
            name = normalize_place_name(match.location.name)
            own = OWN_NAME_BONUS if name == key or name.startswith(f"{key} ") else 0.0
            if match.location.type == "country" and not own:
                own = FOREIGN_NAME_PENALTY
            if match.location.code:
                results.append(replace(match, importance=match.importance + EXACT_BONUS + own))
        return _apart(results)

    def find_similar(self, key: str) -> list[LocationMatch]:
        """Places whose name is the text but for a letter or two, each to be confirmed by the traveler."""
        names = find_similar_names(key, self.index.has_name, self._famous_names)
        results = [
            self.build_match(number, "similar", name) for name in names for number in self.index.find_by_name(name)[:2]
        ]
        return sorted(_apart(results), key=lambda item: -item.importance)

    def filter_by_qualifier(self, matches: Iterable[LocationMatch], qualifier: str) -> list[LocationMatch]:
        """Those in the country, state, region or island, or near the city, that the qualifier names."""
        matches = list(matches)
        code = qualifier.strip().upper()
        key = normalize_place_name(qualifier)
        areas = self.find_by_name(key)
        results = [item for item in matches if item.location.country == code]
        state = self.index.us_states.get(code, qualifier)
        results += [
            item for item in matches if normalize_place_name(item.location.region) == normalize_place_name(state)
        ]
        for area in areas:
            results += [item for item in matches if item not in results and _lies_in(item, area)]
        return [item for item in matches if item in results]

    def build_match(self, number: int, kind: MatchKind, matched: str) -> LocationMatch:
        return replace(self._known(number), kind=kind, matched=matched)

    # Parts of a search.

    def _known(self, number: int) -> LocationMatch:
        """With its airports; kept, because the same places are asked for again with each letter that is typed."""
        match = self._recent.get(number)
        if match is None:
            if len(self._recent) >= _RECENT:
                self._recent.clear()
            match = self._recent[number] = self._made(self.index.get_record(number))
        return match

    def _made(self, record: PlaceRecord) -> LocationMatch:
        near = self._airports_of(record)
        main = near[0][0] if record.airports and near else self.airports.choose_main_airport(near, record.country)
        code = self._code(record, main) if main is not None else ""
        location = Location(
            code=code, name=record.name, city=record.name, country=record.country, type=record.kind,
            airports=self._served(code, near), timezone=record.zone, lat=record.latitude, lon=record.longitude,
            region=record.region,
        )  # fmt: skip
        return LocationMatch(location, "exact", "", to_nearby_airports(near), record.importance, record.area)

    def _airports_of(self, record: PlaceRecord) -> list[tuple[Location, float]]:
        if not record.airports:
            return self.airports.find_nearest(record.latitude, record.longitude, NEARBY_COUNT)
        known = [self.airports.airports_by_code[code] for code in record.airports if self.airports.is_served(code)]
        return [(item, compute_distance_km(record.latitude, record.longitude, item.lat, item.lon)) for item in known]

    def _code(self, record: PlaceRecord, main: Location) -> str:
        """The metropolitan area of the airport, but for a town with an airport of that area to itself: Bergamo."""
        area = self.airports.find_area(main.code)
        if area is None or record.kind != "city":
            return main.code if area is None else area.code
        distance = compute_distance_km(record.latitude, record.longitude, main.lat, main.lon)
        own = normalize_place_name(record.name).startswith(normalize_place_name(area.name)) or distance > _OWN_AIRPORT
        return area.code if own else main.code

    def _served(self, code: str, near: list[tuple[Location, float]]) -> tuple[str, ...]:
        """The airports to fly to: of the area that the code names, else the one, else what is near."""
        area = self.airports.areas_by_code.get(code)
        if area is not None:
            return area.airports
        return (code,) if code else tuple(item.code for item, _ in near)

    def _by_prefix(self, key: str, limit: int) -> Iterator[LocationMatch]:
        results = []
        for number, name in self.index.find_by_prefix(key).items():
            own = OWN_PREFIX_BONUS if normalize_place_name(self.index.get_name(number)).startswith(key) else 0.0
            if name != key:
                results.append((self.index.get_importance(number) + own, number, name))
        for importance, number, name in sorted(results, key=lambda entry: (-entry[0], entry[1]))[:limit]:
            match = self.build_match(number, "prefix", name)
            if match.location.code:
                yield replace(match, importance=importance)

    def _by_airport(self, key: str, limit: int) -> Iterator[LocationMatch]:
        inside = f" {key}"
        for entry in islice((entry for entry in self._entries if inside in entry.words), limit):
            yield replace(self._of_airport(entry.airport, "prefix", key), importance=entry.importance)

    def find_qualified(self, key: str) -> list[LocationMatch]:
        """`paris texas`, `oxford ohio`: a name, and where it is, without a comma."""
        words = key.split()
        for cut in range(len(words) - 1, 0, -1):
            results = self.filter_by_qualifier(self.find_by_name(" ".join(words[:cut])), " ".join(words[cut:]))
            if results:
                return results
        return []

    def _of_area(self, area: Location, kind: MatchKind, matched: str) -> LocationMatch:
        near = [(self.airports.airports_by_code[code], 0.0) for code in area.airports]
        near = [(item, compute_distance_km(area.lat, area.lon, item.lat, item.lon)) for item, _ in near]
        return LocationMatch(area, kind, matched, to_nearby_airports(near), 12.0 + CODE_BONUS)

    def _of_airport(self, airport: Location, kind: MatchKind, matched: str) -> LocationMatch:
        near = to_nearby_airports([(airport, 0.0)])
        return LocationMatch(airport, kind, matched, near, _airport_importance(self.airports, airport.code))

    def _in_order(self, results: list[LocationMatch]) -> list[LocationMatch]:
        """The best first, each place once: a city and its only airport are one answer, a city's airports follow it."""
        results.sort(key=lambda item: (-item.importance, item.location.name, item.location.code))
        ordered: list[LocationMatch] = []
        for match in self._with_airports(results):
            if not any(_repeats(match.location, before.location) for before in ordered):
                ordered.append(match)
        return ordered

    def _with_airports(self, results: list[LocationMatch]) -> Iterator[LocationMatch]:
        """After a city that is the best answer come its airports."""
        for place, match in enumerate(results):
            yield match
            if place == 0 and self._is_area(match.location):
                for code in match.location.airports:
                    yield self._of_airport(self.airports.airports_by_code[code], match.kind, match.matched)

    def _famous_names(self, letter: str) -> list[str]:
        if letter not in self._famous:
            self._famous[letter] = list(self.index.list_famous_names(letter))
        return self._famous[letter]

    def _is_area(self, location: Location) -> bool:
        """A city with several airports of its own."""
        area = self.airports.areas_by_code.get(location.code)
        return (
            area is not None
            and location.type == "city"
            and normalize_place_name(location.name).startswith(normalize_place_name(area.name))
        )

    @cached_property
    def _entries(self) -> list[_Entry]:
        served = [item for item in self.airports.airports_by_code.values() if self.airports.is_served(item.code)]
        entries = [_Entry(_words(item), _airport_importance(self.airports, item.code), item) for item in served]
        return sorted(entries, key=lambda entry: -entry.importance)


def _words(airport: Location) -> str:
    joined = normalize_place_name(airport.name.replace("'", ""))
    return f" {normalize_place_name(airport.city)} {normalize_place_name(airport.name)} {joined}"


def _airport_importance(airports: Airports, code: str) -> float:
    rank = airports.ranks_by_code.get(code)
    if rank is not None:
        return 9.5 - rank / 80
    grade = airports.get_airport_class(code)
    return 4.0 + (int(grade) if grade.isdigit() else 0)


def _lies_in(match: LocationMatch, area: LocationMatch) -> bool:
    if area.location.type == "country":
        return match.location.country == area.location.country
    here, there = match.location, area.location
    return here.country == there.country and compute_distance_km(here.lat, here.lon, there.lat, there.lon) <= _AROUND


def _apart(results: list[LocationMatch]) -> list[LocationMatch]:
    """Without what is the same place again: an island and its town, a small country and its capital."""
    kept: list[LocationMatch] = []
    for match in sorted(results, key=lambda item: -item.importance):
        if not any(_same_place(match, item) for item in kept):
            kept.append(match)
    return kept


def _same_place(match: LocationMatch, other: LocationMatch) -> bool:
    return not (match.is_large_country or other.is_large_country) and _close(match.location, other.location)


def _repeats(location: Location, earlier: Location) -> bool:
    """Whether the earlier answer says it already."""
    if location.type == "airport":
        only = (
            earlier.type == "city"
            and earlier.airports == (location.code,)
            and normalize_place_name(earlier.name) in _words(location)
        )
        return only or (earlier.type == "airport" and earlier.code == location.code)
    same_name = normalize_place_name(location.name) == normalize_place_name(earlier.name) and earlier.type != "airport"
    return same_name and _close(location, earlier)


def _close(location: Location, other: Location) -> bool:
    return (
        location.country == other.country
        and compute_distance_km(location.lat, location.lon, other.lat, other.lon) <= _ONE_PLACE
    )
