"""Much visited cities, and what there is to do in them. Common knowledge, kept in places/*.json, and indicative:
prices rise and doors stay shut, so whatever shows it says `check before you go`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from hub.core.money import CURRENCIES, Money
from hub.planning.plans.model import Activity, Kind
from hub.planning.plans.request import fold_text

PRICE_DISCLAIMER = "Prices and opening hours are usual ones, not checked today: look before you go."
MEAL_TAG, AIRPORT_TAG = "meal", "airport"
"""Tags of what is priced for every day, and not something to choose: a usual lunch or dinner, the way into town."""
_CITIES = ("south", "north", "overseas")
_WEEKDAYS = "Mo Tu We Th Fr Sa Su".split()
_HOURS = re.compile(r"([A-Z][a-z])(?:-([A-Z][a-z]))? (\d\d:\d\d)-(\d\d:\d\d)|(\d\d:\d\d)-(\d\d:\d\d)")
_LUNCH, _DINNER = ("11:30", "15:30"), ("18:00", "23:00")
_GENERIC = (
    "Walk through the old town|free||90|0||walks history",
    "The main square and its cafés|free||60|0||walks food romance",
    "The main museum|sight||105||Tu-Su 10:00-17:00|history art",
    "The main market|food||60||Mo-Sa 09:00-14:00|food market",
    "A viewpoint over the town|free||45|0||views romance",
    "The largest park|free||75|0||nature family",
    "The oldest church or temple|sight||45||10:00-16:00|history architecture",
    "By the water|free||75|0||walks nature views",
    "An evening with local dishes|food||90||18:00-23:00|food nightlife",
    "Into the surroundings for half a day|tour||240||09:00-18:00|nature views",
)
"""For a place of which nothing particular is known: there is one of each nearly everywhere."""


@dataclass(frozen=True, slots=True)
class Country:
    """`plugs` by the letters of the IEC, `emergency` as it is dialled."""

    name: str
    currency: str
    plugs: tuple[str, ...]
    emergency: str


@dataclass(frozen=True, slots=True)
class City:
    """`code` is the metropolitan area's; `gateway_code` the airport's or area's that one flies to.

    Prices in major units.
    """

    code: str
    gateway_code: str
    names: tuple[str, ...]
    country: str
    lunch: Decimal
    dinner: Decimal
    airport_transfer: tuple[int, Decimal]
    """Minutes into town, and what it costs a person by train or bus."""
    activity_rows: tuple[str, ...]


@cache
def load_cities() -> Mapping[str, City]:
    """By code; read once in a process."""
    found = (one for name in _CITIES for one in _document(name)["cities"])
    return {one["code"]: _city(one) for one in found}


@cache
def load_countries() -> Mapping[str, Country]:
    """By ISO 3166 alpha-2."""
    rows = _document("countries")["countries"].items()
    return {code: Country(name, money, tuple(plugs.split()), dial) for code, (name, money, plugs, dial) in rows}


@cache
def _names() -> Mapping[str, City]:
    return {fold_text(name): city for city in load_cities().values() for name in city.names}


@cache
def _rates() -> Mapping[str, Decimal]:
    return {code: Decimal(rate) for code, rate in _document("countries")["per_euro"].items()}


def find_city(text: str) -> City | None:
    """The city that is called so, in English or its own language."""
    return _names().get(fold_text(text))


def find_country_code(text: str) -> str | None:
    """The code of a country, from its code or its English name."""
    if text.strip().upper() in load_countries():
        return text.strip().upper()
    return next((code for code, one in load_countries().items() if fold_text(one.name) == fold_text(text)), None)


def convert_price(major: Decimal, given: str, wanted: str) -> int | None:
    """Roughly what it is in another currency, in minor units; None where nobody knows a rate."""
    if wanted not in CURRENCIES:
        return None
    if given == wanted or major == 0:
        return Money.from_major(major, wanted).amount
    rates = _rates()
    if given not in rates or wanted not in rates:
        return None
    return Money.from_major(major * rates[wanted] / rates[given], wanted).amount


def list_city_activities(city: City, currency: str) -> tuple[Activity, ...]:
    """What there is to do, priced a person in the wanted currency."""
    own = load_countries()[city.country].currency
    minutes, fare = city.airport_transfer
    prices = [convert_price(one, own, currency) for one in (city.lunch, city.dinner, fare)]
    found = [_thing(row, city.code, own, currency) for row in city.activity_rows]
    return (*found, *_daily(city.code, currency, prices, minutes))


def list_generic_activities(code: str, currency: str) -> tuple[Activity, ...]:
    """What there is in most towns. What it costs is not known, but for walks."""
    found = [_thing(row, code, currency, currency) for row in _GENERIC]
    return (*found, *_daily(code, currency, [None, None, None], 45))


def _daily(code: str, currency: str, prices: Iterable[int | None], minutes: int) -> list[Activity]:
    lunch, dinner, fare = prices
    every = range(7)
    named = f"act_{code.lower()}_usual"
    meals = [
        Activity(f"{named}_lunch", "Lunch", Kind.FOOD, 60, dict.fromkeys(every, _LUNCH), lunch, currency, (MEAL_TAG,)),
        Activity(
            f"{named}_dinner", "Dinner", Kind.FOOD, 75, dict.fromkeys(every, _DINNER), dinner, currency, (MEAL_TAG,)
        ),
    ]
    way = Activity(
        f"{named}_transfer", "Between airport and town", Kind.TRANSFER, minutes, {}, fare, currency, (AIRPORT_TAG,)
    )
    return [*meals, way]


def _document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((files("hub.planning.plans.context") / "places" / f"{name}.json").read_bytes())
    return found


def _city(one: Mapping[str, Any]) -> City:
    minutes, fare = one["airport"]
    return City(
        code=one["code"],
        gateway_code=one.get("fly", one["code"]),
        names=tuple(one["names"]),
        country=one["country"],
        lunch=Decimal(str(one["lunch"])),
        dinner=Decimal(str(one["dinner"])),
        airport_transfer=(minutes, Decimal(str(fare))),
        activity_rows=tuple(one["things"]),
    )


def _thing(row: str, code: str, own: str, currency: str) -> Activity:
    name, kind, area, minutes, price, hours, tags = row.split("|")
    return Activity(
        id=f"act_{code.lower()}_{fold_text(name).replace(' ', '_')[:48]}",
        name=name,
        kind=Kind(kind),
        minutes=int(minutes),
        hours=parse_opening_hours(hours),
        cost=convert_price(Decimal(price), own, currency) if price else None,
        currency=currency,
        tags=tuple(tags.split()),
        area=area,
    )


def parse_opening_hours(text: str) -> dict[int, tuple[str, str]]:
    """`Tu-Su 09:30-18:00; We 10:00-21:00` by weekday, from Monday 0; `Sa-Th` wraps round. Empty: always open."""
    found: dict[int, tuple[str, str]] = {}
    for part in filter(None, text.split("; ")):
        match = _HOURS.fullmatch(part)
        if match is None:
            raise ValueError(f"no opening hours: {part}")
        if match[5]:
            found |= dict.fromkeys(range(7), (match[5], match[6]))
            continue
        first = _WEEKDAYS.index(match[1])
        last = _WEEKDAYS.index(match[2] or match[1])
        found |= {(first + n) % 7: (match[3], match[4]) for n in range((last - first) % 7 + 1)}
    return dict(sorted(found.items()))
