"""The index of places: one file of sorted names and columns of numbers, mapped into memory and searched by bisection.

Nothing is parsed at start and nothing is copied: all processes of a machine share the file's pages. Places are
numbered by importance, the most important first, so that the smallest number among several is the best known.

    magic, number of sections, (offset, length) of each section; then the sections, each at a multiple of 8:
    head            JSON: countries, zones, regions, kinds' extras, classes of airports
    latitude .. kind  one column each, an entry for each place
    name_at, names  the names as they are shown, one after the other
    key_at, keys    the folded names, sorted by their UTF-8 bytes; key_place: whose name it is
    main_keys       numbers of the keys of the best known places, for prefixes that fit too many
"""

import mmap
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from struct import Struct
from typing import Any, Literal

import orjson

PlaceKind = Literal["city", "island", "region", "country"]
PLACE_KINDS: tuple[PlaceKind, ...] = ("city", "island", "region", "country")
MAIN_PLACE_COUNT, FAMOUS_PLACE_COUNT = 4_000, 1_500
"""How many places count as best known, and as famous: those whose names are compared with a misspelled one."""
_MOST = 60
"""Places of one beginning that are looked at."""
INDEX_PATH = Path(__file__).with_name("places.bin")
_MAGIC = b"places01"
_SECTIONS = (
    "head", "latitude", "longitude", "country", "zone", "region", "importance", "kind", "name_at", "names", "key_at",
    "keys", "key_place", "main_keys",
)  # fmt: skip
_SHORT, _LONG = ("country", "zone", "region", "importance", "key_place"), ("name_at", "key_at", "main_keys")
"""Sections of unsigned numbers of two and of four bytes."""
_LATIN_ENDS = 0x80
_ENTRY = Struct("<II")
_SCALE = 1000
"""Importance is kept in thousandths."""


@dataclass(frozen=True, slots=True)
class PlaceRecord:
    """A place. `area` in square kilometers, of countries; `airports` where they are not simply the nearest."""

    name: str
    kind: PlaceKind
    country: str
    region: str
    zone: str
    latitude: float
    longitude: float
    importance: float
    area: float = 0.0
    airports: tuple[str, ...] = ()


class PlaceIndex:
    """Opened on first use. Numbers of places are valid for this file alone."""

    def __init__(self, path: Path = INDEX_PATH) -> None:
        self._path = path

    @cached_property
    def _bytes(self) -> Mapping[str, memoryview]:
        with self._path.open("rb") as file:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        if bytes(content[: len(_MAGIC)]) != _MAGIC:
            raise ValueError(f"{self._path.name} is no index of places")
        results = {}
        for number, name in enumerate(_SECTIONS):
            start, length = _ENTRY.unpack_from(content, len(_MAGIC) + number * _ENTRY.size)
            results[name] = content[start : start + length]
        return results

    @cached_property
    def _numbers(self) -> "Mapping[str, memoryview[int]]":
        short = {name: self._bytes[name].cast("H") for name in _SHORT}
        return {**short, **{name: self._bytes[name].cast("I") for name in _LONG}, "kind": self._bytes["kind"].cast("B")}

    @cached_property
    def _positions(self) -> "tuple[memoryview[float], memoryview[float]]":
        return self._bytes["latitude"].cast("f"), self._bytes["longitude"].cast("f")

    @cached_property
    def _head(self) -> dict[str, Any]:
        head: dict[str, Any] = orjson.loads(self._bytes["head"])
        return head

    @cached_property
    def airport_classes(self) -> Mapping[str, str]:
        """By IATA code: `3`, `2`, `1` for large, medium, small with scheduled flights, `0` without, `x` closed."""
        text: str = self._head["airports"]
        return {text[at : at + 3]: text[at + 3] for at in range(0, len(text), 4)}

    @property
    def us_states(self) -> Mapping[str, str]:
        """States of the USA by code."""
        results: dict[str, str] = self._head["states"]
        return results

    @property
    def place_count(self) -> int:
        return len(self._numbers["kind"])

    def get_record(self, place: int) -> PlaceRecord:
        of, head = self._numbers, self._head
        latitude, longitude = self._positions
        extra = head["extras"].get(str(place), {})
        return PlaceRecord(
            name=self._text("name", place),
            kind=PLACE_KINDS[of["kind"][place]],
            country=head["countries"][of["country"][place]],
            region=head["regions"][of["region"][place]],
            zone=head["zones"][of["zone"][place]],
            latitude=round(latitude[place], 4),
            longitude=round(longitude[place], 4),
            importance=of["importance"][place] / _SCALE,
            area=extra.get("area", 0.0),
            airports=tuple(extra.get("airports", ())),
        )

    def get_name(self, place: int) -> str:
        return self._text("name", place)

    def get_importance(self, place: int) -> float:
        return self._numbers["importance"][place] / _SCALE

    def find_by_name(self, key: str) -> list[int]:
        """The places of exactly this folded name, the most important first."""
        raw, owners = key.encode(), self._numbers["key_place"]
        first = self._first(raw)
        return sorted(set(owners[first : self._first(raw + b"\0", first)]))

    def find_by_prefix(self, key: str, widest: int = 3000) -> dict[int, str]:
        """Places with a name that begins so, and that name, the most important first; of many the best known alone."""
        first, last = self._range(key)
        if last - first <= widest:
            numbers: Sequence[int] = range(first, last)
        else:
            main = self._numbers["main_keys"]
            numbers = main[bisect_left(main, first) : bisect_left(main, last)]
        owners = self._numbers["key_place"]
        results: dict[int, int] = {}
        for number in numbers:
            results.setdefault(owners[number], number)
        return {place: self._text("key", results[place]) for place in sorted(results)[:_MOST]}

    def list_famous_names(self, first_letters: str) -> Iterator[str]:
        """Folded names of the most famous places that begin with these letters."""
        main, owners = self._numbers["main_keys"], self._numbers["key_place"]
        first, last = self._range(first_letters)
        for number in main[bisect_left(main, first) : bisect_left(main, last)]:
            if owners[number] < FAMOUS_PLACE_COUNT:
                yield self._text("key", number)

    def has_name(self, key: str) -> bool:
        raw = key.encode()
        number = self._first(raw)
        return number < len(self._numbers["key_place"]) and self._key(number) == raw

    def list_country_cities(self, code: str, limit: int) -> list[int]:
        """The most important cities of a country."""
        number = self._head["countries"].index(code)
        countries, kinds = self._numbers["country"], self._numbers["kind"]
        results = (place for place in range(len(countries)) if countries[place] == number and kinds[place] == 0)
        return [place for place, _ in zip(results, range(limit), strict=False)]

    def _range(self, prefix: str) -> tuple[int, int]:
        """The keys that begin so."""
        raw = prefix.encode()
        first = self._first(raw)
        return first, self._first(raw + b"\xff", first)

    def _first(self, raw: bytes, low: int = 0) -> int:
        """The number of the first key that is not before these bytes."""
        at, keys, high = self._numbers["key_at"], self._bytes["keys"], len(self._numbers["key_place"])
        while low < high:
            middle = (low + high) // 2
            if bytes(keys[at[middle] : at[middle + 1]]) < raw:
                low = middle + 1
            else:
                high = middle
        return low

    def _key(self, number: int) -> bytes:
        at = self._numbers["key_at"]
        return bytes(self._bytes["keys"][at[number] : at[number + 1]])

    def _text(self, what: Literal["name", "key"], number: int) -> str:
        at = self._numbers[f"{what}_at"]
        return str(self._bytes[f"{what}s"][at[number] : at[number + 1]], "utf-8")


def encode_index(
    records: Sequence[PlaceRecord],
    keys: Sequence[tuple[str, int]],
    classes: Mapping[str, str],
    states: Mapping[str, str],
) -> bytes:
    """The file's content, always the same for the same input. `keys` are folded names with the number of a record."""
    order = sorted(range(len(records)), key=lambda number: (-records[number].importance, number))
    place_of = {number: place for place, number in enumerate(order)}
    rows = [records[number] for number in order]
    names = sorted({(key.encode(), place_of[number]) for key, number in keys})
    main = [at for at, (key, place) in enumerate(names) if place < MAIN_PLACE_COUNT and key[0] < _LATIN_ENDS]
    countries, zones, regions = (sorted({getattr(row, name) for row in rows}) for name in ("country", "zone", "region"))
    sections = {
        "head": orjson.dumps({**_head_of(rows, countries, zones, regions, classes), "states": states}),
        "latitude": array("f", [row.latitude for row in rows]),
        "longitude": array("f", [row.longitude for row in rows]),
        "country": array("H", [countries.index(row.country) for row in rows]),
        "zone": array("H", [zones.index(row.zone) for row in rows]),
        "region": array("H", [regions.index(row.region) for row in rows]),
        "importance": array("H", [round(row.importance * _SCALE) for row in rows]),
        "kind": array("B", [PLACE_KINDS.index(row.kind) for row in rows]),
        **_texts("name", [row.name.encode() for row in rows]),
        **_texts("key", [key for key, _ in names]),
        "key_place": array("H", [place for _, place in names]),
        "main_keys": array("I", main),
    }
    return _assembled([bytes(sections[name]) for name in _SECTIONS])


def _head_of(
    rows: Sequence[PlaceRecord],
    countries: Sequence[str],
    zones: Sequence[str],
    regions: Sequence[str],
    classes: Mapping[str, str],
) -> dict[str, Any]:
    extras = {
        str(place): {"area": row.area} if row.area else {"airports": row.airports}
        for place, row in enumerate(rows)
        if row.area or row.airports
    }
    airports = "".join(f"{code}{grade}" for code, grade in sorted(classes.items()))
    return {"countries": countries, "zones": zones, "regions": regions, "extras": extras, "airports": airports}


def _texts(what: str, texts: Sequence[bytes]) -> dict[str, Any]:
    at = array("I", [0])
    for text in texts:
        at.append(at[-1] + len(text))
    return {f"{what}_at": at, f"{what}s": b"".join(texts)}


def _assembled(sections: Sequence[bytes]) -> bytes:
    at = len(_MAGIC) + _ENTRY.size * len(sections)
    entries, body = [], bytearray()
    for section in sections:
        body += b"\0" * (-(at + len(body)) % 8)
        entries.append(_ENTRY.pack(at + len(body), len(section)))
        body += section
    return _MAGIC + b"".join(entries) + bytes(body)
