"""Which flights there are. A flight keeps its number and its times whoever looks for it, for one seed."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise

from sandbox.kiwi.carriers import Carrier, of_country, of_hub, of_region
from sandbox.kiwi.dice import dice, number
from sandbox.kiwi.places import Airport, directory, distance_km

CRUISE_KMH = 830
TAXI_MINUTES = 30
FIRST_WAVE, LAST_WAVE = 345, 1290  # minutes after local midnight: 05:45 and 21:30
GROUND_MINUTES = 60  # at a technical stop
SHORT_KM, MEDIUM_KM, LONG_KM = 600, 4500, 14500
LOW_COST_KM = 5000
TECHNICAL_STOP_FROM_KM = 5500
_AIRCRAFT = ((1500, ("E95", "CR9", "AT7", None)), (5000, ("320", "738", "32N", None)), (20100, ("789", "359", "77W")))


@dataclass(frozen=True, slots=True)
class Leg:
    """From one take-off to the next landing; times in UTC."""

    origin: Airport
    destination: Airport
    departs: datetime
    arrives: datetime


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
    def departs(self) -> datetime:
        return self.legs[0].departs

    @property
    def arrives(self) -> datetime:
        return self.legs[-1].arrives


@dataclass(frozen=True, slots=True)
class Slot:
    """A daily departure. `at` in minutes after local midnight; `stop` is a technical stop on the way."""

    at: int
    number: int
    stop: Airport | None
    operated_by: str | None
    equipment: str | None


def block_minutes(km: float) -> int:
    """Gate to gate, to five minutes."""
    return max(35, round((km / CRUISE_KMH * 60 + TAXI_MINUTES) / 5) * 5)


def flyable(one: Airport, other: Airport) -> bool:
    """Whether somebody would fly it without a change: the smaller the airports, the shorter."""
    km = distance_km(one, other)
    if one.rank and other.rank:
        return km <= LONG_KM
    return km <= (MEDIUM_KM if one.rank or other.rank else SHORT_KM)


@lru_cache(maxsize=4096)
def carriers_between(seed: int, origin: Airport, destination: Airport) -> tuple[Carrier, ...]:
    """Who flies there, at most three, somebody always. The same in both directions."""
    at_home = [*of_country(origin.country), *of_country(destination.country)]
    if origin.country != destination.country:
        at_home += [*of_hub(origin.code), *of_hub(destination.code)]
        if origin.region == destination.region:
            at_home += [one for one in of_region(origin.region) if one.low_cost]
    able = _able(at_home, origin, destination) or _able(list(of_region(origin.region)), origin, destination)
    able = able or [one for one in of_region(origin.region) if not one.low_cost]
    pair = sorted((origin.code, destination.code))
    return tuple(sorted(able, key=lambda one: _preference(seed, one, origin, destination, pair))[:3])


def _able(carriers: list[Carrier], origin: Airport, destination: Airport) -> list[Carrier]:
    far = distance_km(origin, destination) > LOW_COST_KM
    unique = {one.code: one for one in carriers}
    return [one for one in unique.values() if not (far and one.low_cost)]


def _preference(seed: int, one: Carrier, origin: Airport, destination: Airport, pair: list[str]) -> tuple[int, int]:
    """Those with a base at either end first."""
    based = origin.code in one.hubs or destination.code in one.hubs
    return (not based, number(seed, "carrier", one.code, *pair))


def _flights_a_day(km: float) -> int:
    return 4 if km < 1500 else 2 if km < 5000 else 1


@lru_cache(maxsize=4096)
def slots(seed: int, carrier: Carrier, origin: Airport, destination: Airport) -> tuple[Slot, ...]:
    roll = dice(seed, "slots", carrier.code, origin.code, destination.code)
    km = distance_km(origin, destination)
    count = max(1, _flights_a_day(km) - roll.randint(0, 1))
    span = (LAST_WAVE - FIRST_WAVE) // count
    base = roll.randint(10, 4400) * 2
    equipment = next(kinds for limit, kinds in _AIRCRAFT if km <= limit)
    return tuple(
        Slot(
            at=FIRST_WAVE + nth * span + roll.randrange(0, span, 5),
            number=base + 2 * nth + (origin.code > destination.code),
            stop=_technical_stop(origin, destination, km) if roll.random() < 0.07 else None,
            operated_by=roll.choice((carrier.code, carrier.code, None, "", _partner(carrier))),
            equipment=roll.choice(equipment),
        )
        for nth in range(count)
    )


def _partner(carrier: Carrier) -> str:
    """Another airline of the same country, for codeshares."""
    others = [one.code for one in of_country(carrier.country) if one is not carrier]
    return others[0] if others else carrier.code


def _technical_stop(origin: Airport, destination: Airport, km: float) -> Airport | None:
    if km < TECHNICAL_STOP_FROM_KM:
        return None
    detours = (
        (distance_km(origin, one) + distance_km(one, destination), one.code, one)
        for one in directory().major
        if min(distance_km(origin, one), distance_km(one, destination)) > km / 4
    )
    length, _, stop = min(detours, default=(0.0, "", None))
    return stop if length < km * 1.15 else None


@lru_cache(maxsize=4096)
def flights(seed: int, carrier: Carrier, origin: Airport, destination: Airport, day: date) -> tuple[Flight, ...]:
    """That leave on that local day, the earliest first."""
    return tuple(_fly(carrier, slot, origin, destination, day) for slot in slots(seed, carrier, origin, destination))


def _fly(carrier: Carrier, slot: Slot, origin: Airport, destination: Airport, day: date) -> Flight:
    local = datetime.combine(day, time(), origin.zone) + timedelta(minutes=slot.at)
    take_off = local.astimezone(UTC)
    points = [origin, slot.stop, destination] if slot.stop else [origin, destination]
    legs = []
    for one, other in pairwise(points):
        landing = take_off + timedelta(minutes=block_minutes(distance_km(one, other)))
        legs.append(Leg(one, other, take_off, landing))
        take_off = landing + timedelta(minutes=GROUND_MINUTES)
    km = sum(distance_km(leg.origin, leg.destination) for leg in legs)
    return Flight(carrier, slot.number, tuple(legs), slot.operated_by, slot.equipment, km)


def next_flight(seed: int, carrier: Carrier, origin: Airport, destination: Airport, ready: datetime) -> Flight:
    """The first to leave once one is `ready` (UTC). There is one on each of the days looked at."""
    day = ready.astimezone(origin.zone).date()
    ahead = (
        flight
        for days in range(3)
        for flight in flights(seed, carrier, origin, destination, day + timedelta(days=days))
        if flight.departs >= ready
    )
    return next(ahead)
