"""Finding places by what travelers type: codes, names in any language, beginnings of names, names with mistakes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from hub.supply.locations.airports import CLOSED, Airports, nearby_of
from hub.supply.locations.distance import kilometers
from hub.supply.locations.index import PlaceIndex, Record
from hub.supply.locations.model import Location, Match, MatchKind
from hub.supply.locations.normalization import fold
from hub.supply.locations.typos import similar

EXACT, OWN_NAME, CODE = 2.5, 3.0, 2.0
"""What it adds to the importance of a place: the whole name, the name that it usually has, the code of its airport."""
OWN_BEGINNING, FOREIGN_NAME = 1.5, -2.0
"""The same for the beginning of its usual name, and for a country by a name that is not its English item."""
NEARBY = 6
_RECENT = 4_000
"""Places that are kept with their airports, about 1 kB each."""
_CODE_LETTERS = 3
_OWN_AIRPORT, _ONE_PLACE = 20.0, 60.0
"""Kilometers to a town's own airport, and between two places of one name that are the same."""
_AROUND = 250.0
"""Kilometers from a region or city within which a place may be said to be in it."""


class _Entry(NamedTuple):
    """An airport with the folded words that it is results by."""

    words: str
    importance: float
    airport: Location


@dataclass(frozen=True)
class PlaceSearch:
    """All look-ups take microseconds to a few milliseconds; nothing here waits for anything."""

    index: PlaceIndex
    airports: Airports
    _recent: dict[int, Match] = field(default_factory=dict)
    _famous: dict[str, list[str]] = field(default_factory=dict)

    def search(self, text: str, limit: int) -> list[Match]:
        """The best first. Names with mistakes only where nothing has the name that was typed."""
        key = fold(text)
        if not key:
            return []
        results = [*self.by_code(key), *self.named(key), *self._by_prefix(key, limit), *self._by_airport(key, limit)]
        if not any(item.kind == "exact" for item in results):
            results += self.qualified(key)
        if not results:
            results = self.nearly(key)
        return self._in_order(results)[:limit]

    def by_code(self, key: str) -> list[Match]:
        """A metropolitan area, or an airport that has not closed."""
        code = key.upper()
        if len(code) != _CODE_LETTERS or not code.isascii():
            return []
        area, airport = self.airports.areas.get(code), self.airports.all.get(code)
        if area is not None:
            return [self._of_area(area, "code", key)]
        if airport is None or self.airports.grade(code) == CLOSED:
            return []
        match = self._of_airport(airport, "code", key)
        return [replace(match, importance=match.importance + CODE)]

    def named(self, key: str) -> list[Match]:
        """Places of exactly this name."""
        results = []
        for number in self.index.named(key):
            match = self.place(number, "exact", key)
            name = fold(match.location.name)
            own = OWN_NAME if name == key or name.startswith(f"{key} ") else 0.0
            if match.location.type == "country" and not own:
                own = FOREIGN_NAME
            if match.location.code:
                results.append(replace(match, importance=match.importance + EXACT + own))
        return _apart(results)

    def nearly(self, key: str) -> list[Match]:
        """Places whose name is the text but for a letter or two, each to be confirmed by the traveler."""
        names = similar(key, self.index.has, self._famous_names)
        results = [self.place(number, "similar", name) for name in names for number in self.index.named(name)[:2]]
        return sorted(_apart(results), key=lambda item: -item.importance)

    def inside(self, matches: Iterable[Match], qualifier: str) -> list[Match]:
        """Those in the country, state, region or island, or near the city, that the qualifier names."""
        matches = list(matches)
        code = qualifier.strip().upper()
        key = fold(qualifier)
        areas = self.named(key)
        results = [item for item in matches if item.location.country == code]
        state = self.index.states.get(code, qualifier)
        results += [item for item in matches if fold(item.location.region) == fold(state)]
        for area in areas:
            results += [item for item in matches if item not in results and _lies_in(item, area)]
        return [item for item in matches if item in results]

    def place(self, number: int, kind: MatchKind, matched: str) -> Match:
        return replace(self._known(number), kind=kind, matched=matched)

    # Parts of a search.

    def _known(self, number: int) -> Match:
        """With its airports; kept, because the same places are asked for again with each letter that is typed."""
        match = self._recent.get(number)
        if match is None:
            if len(self._recent) >= _RECENT:
                self._recent.clear()
            match = self._recent[number] = self._made(self.index.record(number))
        return match

    def _made(self, record: Record) -> Match:
        near = self._airports_of(record)
        main = near[0][0] if record.airports and near else self.airports.main_of(near, record.country)
        code = self._code(record, main) if main is not None else ""
        location = Location(
            code=code, name=record.name, city=record.name, country=record.country, type=record.kind,
            airports=self._served(code, near), timezone=record.zone, lat=record.latitude, lon=record.longitude,
            region=record.region,
        )  # fmt: skip
        return Match(location, "exact", "", nearby_of(near), record.importance, record.area)

    def _airports_of(self, record: Record) -> list[tuple[Location, float]]:
        if not record.airports:
            return self.airports.nearest(record.latitude, record.longitude, NEARBY)
        known = [self.airports.all[code] for code in record.airports if self.airports.is_served(code)]
        return [(item, kilometers(record.latitude, record.longitude, item.lat, item.lon)) for item in known]

    def _code(self, record: Record, main: Location) -> str:
        """The metropolitan area of the airport, but for a town with an airport of that area to itself: Bergamo."""
        area = self.airports.area_of(main.code)
        if area is None or record.kind != "city":
            return main.code if area is None else area.code
        distance = kilometers(record.latitude, record.longitude, main.lat, main.lon)
        own = fold(record.name).startswith(fold(area.name)) or distance > _OWN_AIRPORT
        return area.code if own else main.code

    def _served(self, code: str, near: list[tuple[Location, float]]) -> tuple[str, ...]:
        """The airports to fly to: of the area that the code names, else the one, else what is near."""
        area = self.airports.areas.get(code)
        if area is not None:
            return area.airports
        return (code,) if code else tuple(item.code for item, _ in near)

    def _by_prefix(self, key: str, limit: int) -> Iterator[Match]:
        results = []
        for number, name in self.index.starting(key).items():
            own = OWN_BEGINNING if fold(self.index.name(number)).startswith(key) else 0.0
            if name != key:
                results.append((self.index.importance(number) + own, number, name))
        for importance, number, name in sorted(results, key=lambda entry: (-entry[0], entry[1]))[:limit]:
            match = self.place(number, "prefix", name)
            if match.location.code:
                yield replace(match, importance=importance)

    def _by_airport(self, key: str, limit: int) -> Iterator[Match]:
        inside = f" {key}"
        for entry in islice((entry for entry in self._entries if inside in entry.words), limit):
            yield replace(self._of_airport(entry.airport, "prefix", key), importance=entry.importance)

    def qualified(self, key: str) -> list[Match]:
        """`paris texas`, `oxford ohio`: a name, and where it is, without a comma."""
        words = key.split()
        for cut in range(len(words) - 1, 0, -1):
            results = self.inside(self.named(" ".join(words[:cut])), " ".join(words[cut:]))
            if results:
                return results
        return []

    def _of_area(self, area: Location, kind: MatchKind, matched: str) -> Match:
        near = [(self.airports.all[code], 0.0) for code in area.airports]
        near = [(item, kilometers(area.lat, area.lon, item.lat, item.lon)) for item, _ in near]
        return Match(area, kind, matched, nearby_of(near), 12.0 + CODE)

    def _of_airport(self, airport: Location, kind: MatchKind, matched: str) -> Match:
        near = nearby_of([(airport, 0.0)])
        return Match(airport, kind, matched, near, _airport_importance(self.airports, airport.code))

    def _in_order(self, results: list[Match]) -> list[Match]:
        """The best first, each place once: a city and its only airport are one answer, a city's airports follow it."""
        results.sort(key=lambda item: (-item.importance, item.location.name, item.location.code))
        ordered: list[Match] = []
        for match in self._with_airports(results):
            if not any(_repeats(match.location, before.location) for before in ordered):
                ordered.append(match)
        return ordered

    def _with_airports(self, results: list[Match]) -> Iterator[Match]:
        """After a city that is the best answer come its airports."""
        for place, match in enumerate(results):
            yield match
            if place == 0 and self._is_area(match.location):
                for code in match.location.airports:
                    yield self._of_airport(self.airports.all[code], match.kind, match.matched)

    def _famous_names(self, letter: str) -> list[str]:
        if letter not in self._famous:
            self._famous[letter] = list(self.index.famous_names(letter))
        return self._famous[letter]

    def _is_area(self, location: Location) -> bool:
        """A city with several airports of its own."""
        area = self.airports.areas.get(location.code)
        return area is not None and location.type == "city" and fold(location.name).startswith(fold(area.name))

    @cached_property
    def _entries(self) -> list[_Entry]:
        served = [item for item in self.airports.all.values() if self.airports.is_served(item.code)]
        entries = [_Entry(_words(item), _airport_importance(self.airports, item.code), item) for item in served]
        return sorted(entries, key=lambda entry: -entry.importance)


def _words(airport: Location) -> str:
    joined = fold(airport.name.replace("'", ""))
    return f" {fold(airport.city)} {fold(airport.name)} {joined}"


def _airport_importance(airports: Airports, code: str) -> float:
    rank = airports.ranks.get(code)
    if rank is not None:
        return 9.5 - rank / 80
    grade = airports.grade(code)
    return 4.0 + (int(grade) if grade.isdigit() else 0)


def _lies_in(match: Match, area: Match) -> bool:
    if area.location.type == "country":
        return match.location.country == area.location.country
    here, there = match.location, area.location
    return here.country == there.country and kilometers(here.lat, here.lon, there.lat, there.lon) <= _AROUND


def _apart(results: list[Match]) -> list[Match]:
    """Without what is the same place again: an island and its town, a small country and its capital."""
    kept: list[Match] = []
    for match in sorted(results, key=lambda item: -item.importance):
        if not any(_same_place(match, item) for item in kept):
            kept.append(match)
    return kept


def _same_place(match: Match, other: Match) -> bool:
    return not (match.is_large_country or other.is_large_country) and _close(match.location, other.location)


def _repeats(location: Location, earlier: Location) -> bool:
    """Whether the earlier answer says it already."""
    if location.type == "airport":
        only = (
            earlier.type == "city" and earlier.airports == (location.code,) and fold(earlier.name) in _words(location)
        )
        return only or (earlier.type == "airport" and earlier.code == location.code)
    same_name = fold(location.name) == fold(earlier.name) and earlier.type != "airport"
    return same_name and _close(location, earlier)


def _close(location: Location, other: Location) -> bool:
    return (
        location.country == other.country and kilometers(location.lat, location.lon, other.lat, other.lon) <= _ONE_PLACE
    )
