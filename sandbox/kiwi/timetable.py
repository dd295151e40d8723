"""Which flights there are. A flight keeps its number and its times whoever looks for it, for one seed."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise

from sandbox.kiwi.carriers import Carrier, list_country_carriers, list_hub_carriers, list_region_carriers
from sandbox.kiwi.places import Airport, distance_km, load_directory
from sandbox.kiwi.seeded_random import draw_number, seeded_random

CRUISE_KMH = 830
TAXIING_MINUTES = 30
FIRST_WAVE, LAST_WAVE = 345, 1290  # minutes after local midnight: 05:45 and 21:30
STOP_MINUTES = 60  # at a technical stop
SHORT_KM, MEDIUM_KM, LONG_KM = 600, 4500, 14500
MAX_LOW_COST_KM = 5000
MIN_TECHNICAL_STOP_KM = 5500
_AIRCRAFT = ((1500, ("E95", "CR9", "AT7", None)), (5000, ("320", "738", "32N", None)), (20100, ("789", "359", "77W")))


@dataclass(frozen=True, slots=True)
class Leg:
    """From one take-off to the next landing; times in UTC."""

    origin: Airport
    destination: Airport
    departs_at: datetime
    arrives_at: datetime


@dataclass(frozen=True, slots=True)
class Flight:
    """Has two legs when it stops on the way without changing its number."""

    carrier: Carrier
    number: int
    legs: tuple[Leg, ...]
    operated_by: str | None
    equipment: str | None
    km: float

    @property
    def departs_at(self) -> datetime:
        return self.legs[0].departs_at

    @property
    def arrives_at(self) -> datetime:
        return self.legs[-1].arrives_at


@dataclass(frozen=True, slots=True)
class DailyDeparture:
    """A daily departure.

    `minutes_after_midnight` in minutes after local midnight; `technical_stop` is a technical stop on the way.
    """

    minutes_after_midnight: int
    number: int
    technical_stop: Airport | None
    operated_by: str | None
    equipment: str | None


def compute_block_minutes(km: float) -> int:
    """Gate to gate, to five minutes."""
    return max(35, round((km / CRUISE_KMH * 60 + TAXIING_MINUTES) / 5) * 5)


def is_flyable(one: Airport, other: Airport) -> bool:
    """Whether somebody would fly it without a change: the smaller the airports, the shorter."""
    km = distance_km(one, other)
    if one.rank and other.rank:
        return km <= LONG_KM
    return km <= (MEDIUM_KM if one.rank or other.rank else SHORT_KM)


@lru_cache(maxsize=4096)
def list_carriers_between(seed: int, origin: Airport, destination: Airport) -> tuple[Carrier, ...]:
    """Who flies there, at most three, somebody always. The same in both directions."""
    at_home = [*list_country_carriers(origin.country), *list_country_carriers(destination.country)]
    if origin.country != destination.country:
        at_home += [*list_hub_carriers(origin.code), *list_hub_carriers(destination.code)]
        if origin.region == destination.region:
            at_home += [one for one in list_region_carriers(origin.region) if one.is_low_cost]
    able = _able(at_home, origin, destination) or _able(list(list_region_carriers(origin.region)), origin, destination)
    able = able or [one for one in list_region_carriers(origin.region) if not one.is_low_cost]
    pair = sorted((origin.code, destination.code))
    return tuple(sorted(able, key=lambda one: _preference(seed, one, origin, destination, pair))[:3])


def _able(carriers: list[Carrier], origin: Airport, destination: Airport) -> list[Carrier]:
    far = distance_km(origin, destination) > MAX_LOW_COST_KM
    unique = {one.code: one for one in carriers}
    return [one for one in unique.values() if not (far and one.is_low_cost)]


def _preference(seed: int, one: Carrier, origin: Airport, destination: Airport, pair: list[str]) -> tuple[int, int]:
    """Those with a base at either end first."""
    based = origin.code in one.hubs or destination.code in one.hubs
    return (not based, draw_number(seed, "carrier", one.code, *pair))


def _flights_a_day(km: float) -> int:
    return 4 if km < 1500 else 2 if km < 5000 else 1


@lru_cache(maxsize=4096)
def list_departures(seed: int, carrier: Carrier, origin: Airport, destination: Airport) -> tuple[DailyDeparture, ...]:
    roll = seeded_random(seed, "slots", carrier.code, origin.code, destination.code)
    km = distance_km(origin, destination)
    count = max(1, _flights_a_day(km) - roll.randint(0, 1))
    span = (LAST_WAVE - FIRST_WAVE) // count
    base = roll.randint(10, 4400) * 2
    equipment = next(kinds for limit, kinds in _AIRCRAFT if km <= limit)
    return tuple(
        DailyDeparture(
            minutes_after_midnight=FIRST_WAVE + nth * span + roll.randrange(0, span, 5),
            number=base + 2 * nth + (origin.code > destination.code),
            technical_stop=_technical_stop(origin, destination, km) if roll.random() < 0.07 else None,
            operated_by=roll.choice((carrier.code, carrier.code, None, "", _partner(carrier))),
            equipment=roll.choice(equipment),
        )
        for nth in range(count)
    )


def _partner(carrier: Carrier) -> str:
    """Another airline of the same country, for codeshares."""
    others = [one.code for one in list_country_carriers(carrier.country) if one is not carrier]
    return others[0] if others else carrier.code


def _technical_stop(origin: Airport, destination: Airport, km: float) -> Airport | None:
    if km < MIN_TECHNICAL_STOP_KM:
        return None
    detours = (
        (distance_km(origin, one) + distance_km(one, destination), one.code, one)
        for one in load_directory().major
        if min(distance_km(origin, one), distance_km(one, destination)) > km / 4
    )
    length, _, stop = min(detours, default=(0.0, "", None))
    return stop if length < km * 1.15 else None


@lru_cache(maxsize=4096)
def list_flights(seed: int, carrier: Carrier, origin: Airport, destination: Airport, day: date) -> tuple[Flight, ...]:
    """That leave on that local day, the earliest first."""
    return tuple(
        _fly(carrier, slot, origin, destination, day) for slot in list_departures(seed, carrier, origin, destination)
    )


def _fly(carrier: Carrier, slot: DailyDeparture, origin: Airport, destination: Airport, day: date) -> Flight:
    local = datetime.combine(day, time(), origin.zone) + timedelta(minutes=slot.minutes_after_midnight)
    take_off = local.astimezone(UTC)
    points = [origin, slot.technical_stop, destination] if slot.technical_stop else [origin, destination]
    legs = []
    for one, other in pairwise(points):
        landing = take_off + timedelta(minutes=compute_block_minutes(distance_km(one, other)))
        legs.append(Leg(one, other, take_off, landing))
        take_off = landing + timedelta(minutes=STOP_MINUTES)
    km = sum(distance_km(leg.origin, leg.destination) for leg in legs)
    return Flight(carrier, slot.number, tuple(legs), slot.operated_by, slot.equipment, km)


def find_next_flight(seed: int, carrier: Carrier, origin: Airport, destination: Airport, ready: datetime) -> Flight:
    """The first to leave once one is `ready` (UTC). There is one on each of the days looked at."""
    day = ready.astimezone(origin.zone).date()
    ahead = (
        flight
        for days in range(3)
        for flight in list_flights(seed, carrier, origin, destination, day + timedelta(days=days))
        if flight.departs_at >= ready
    )
    return next(ahead)
