"""Ways from one airport to another: without a change, over a hub on one ticket, by self-transfer, over two hubs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from sandbox.kiwi.carriers import Carrier, of_hub
from sandbox.kiwi.dice import number
from sandbox.kiwi.places import Airport, directory, distance_km
from sandbox.kiwi.timetable import Flight, Leg, carriers_between, flights, flyable, next_flight

CONNECTION = timedelta(minutes=55)
SELF_TRANSFER = timedelta(minutes=150)
AIRPORT_CHANGE = timedelta(minutes=240)
SELF_TRANSFER_FROM_KM = 700
_MIN_LEG_KM = 150


@dataclass(frozen=True, slots=True)
class Hop:
    """`self_transfer`: the traveller changes to this flight on his own."""

    flight: Flight
    self_transfer: bool = False


@dataclass(frozen=True, slots=True)
class Journey:
    """One direction."""

    hops: tuple[Hop, ...]

    @property
    def departs(self) -> datetime:
        return self.hops[0].flight.departs

    @property
    def arrives(self) -> datetime:
        return self.hops[-1].flight.arrives

    @property
    def seconds(self) -> int:
        return int((self.arrives - self.departs).total_seconds())

    @property
    def origin(self) -> Airport:
        return self.hops[0].flight.legs[0].origin

    @property
    def destination(self) -> Airport:
        return self.hops[-1].flight.legs[-1].destination

    @property
    def legs(self) -> list[Leg]:
        return [leg for hop in self.hops for leg in hop.flight.legs]

    @property
    def stopovers(self) -> int:
        return len(self.hops) - 1

    @property
    def airport_change(self) -> bool:
        legs = self.legs
        return any(one.destination is not other.origin for one, other in pairwise(legs))

    @property
    def self_transfer(self) -> bool:
        return any(hop.self_transfer for hop in self.hops)

    @property
    def key(self) -> tuple[tuple[str, int, datetime, bool], ...]:
        """Two journeys with the same key are one."""
        return tuple(
            (hop.flight.carrier.code, hop.flight.number, hop.flight.departs, hop.self_transfer) for hop in self.hops
        )

    @property
    def carriers(self) -> list[Carrier]:
        return list(dict.fromkeys(hop.flight.carrier for hop in self.hops))


@lru_cache(maxsize=512)
def journeys(seed: int, origin: Airport, destination: Airport, day: date) -> tuple[Journey, ...]:
    """All that begin on that local day; never empty for two different airports."""
    found = [*_direct(seed, origin, destination, day), *_over_a_hub(seed, origin, destination, day)]
    if distance_km(origin, destination) > SELF_TRANSFER_FROM_KM:
        found += _by_self_transfer(seed, origin, destination, day)
    if len(found) < 3:
        found += _over_two_hubs(seed, origin, destination, day)
    return tuple({way.key: way for way in reversed(found)}.values())[::-1]


def _direct(seed: int, origin: Airport, destination: Airport, day: date) -> Iterator[Journey]:
    if flyable(origin, destination):
        for carrier in carriers_between(seed, origin, destination):
            for flight in flights(seed, carrier, origin, destination, day):
                yield Journey((Hop(flight),))


def _over_a_hub(seed: int, origin: Airport, destination: Airport, day: date) -> Iterator[Journey]:
    for hub in hubs_between(seed, origin, destination)[:4]:
        for carrier in (of_hub(hub.code) or carriers_between(seed, origin, hub))[:1]:
            for first in flights(seed, carrier, origin, hub, day)[:2]:
                second = next_flight(seed, carrier, hub, destination, first.arrives + CONNECTION)
                yield Journey((Hop(first), Hop(second)))


def _by_self_transfer(seed: int, origin: Airport, destination: Airport, day: date) -> Iterator[Journey]:
    """Two tickets of airlines that do not know of each other, now and then from another airport of the city."""
    for hub in hubs_between(seed, origin, destination)[:3]:
        leaves_from = _sibling(seed, hub, destination)
        wait = SELF_TRANSFER if leaves_from is hub else AIRPORT_CHANGE
        carrier, onward = _strangers(seed, origin, hub, leaves_from, destination)
        for first in flights(seed, carrier, origin, hub, day)[-1:]:
            second = next_flight(seed, onward, leaves_from, destination, first.arrives + wait)
            yield Journey((Hop(first), Hop(second, self_transfer=True)))


def _strangers(seed: int, *points: Airport) -> tuple[Carrier, Carrier]:
    """Two different airlines, if two there are; else two tickets of the same."""
    firsts, seconds = carriers_between(seed, *points[:2]), carriers_between(seed, *points[2:])
    pairs = [(one, other) for one in reversed(firsts) for other in seconds if one is not other]
    return pairs[0] if pairs else (firsts[0], seconds[0])


def _sibling(seed: int, hub: Airport, destination: Airport) -> Airport:
    others = [one for one in directory().cities[hub.city_code].airports if one is not hub and one.rank]
    wanted = number(seed, "sibling", hub.code, destination.code) % 3 == 0
    return others[0] if others and wanted and others[0] is not destination else hub


def _over_two_hubs(seed: int, origin: Airport, destination: Airport, day: date) -> Iterator[Journey]:
    """Feeder to the nearest large airport, trunk, feeder: reaches every airport from every other."""
    here, there = (_nearest(one, {origin, destination}) for one in (origin, destination))
    points = [origin, here, destination] if here is there else [origin, here, there, destination]
    feeders = flights(seed, carriers_between(seed, origin, here)[0], origin, here, day)
    yield _chain(seed, feeders[0], points, CONNECTION)
    yield _chain(seed, feeders[-1], points, SELF_TRANSFER)


def _chain(seed: int, first: Flight, points: list[Airport], last_wait: timedelta) -> Journey:
    """On from the first flight; the change to the last one is protected or not, as its wait says."""
    hops = [Hop(first)]
    for one, other in pairwise(points[1:]):
        last = other is points[-1]
        ready = hops[-1].flight.arrives + (last_wait if last else CONNECTION)
        flight = next_flight(seed, carriers_between(seed, one, other)[0], one, other, ready)
        hops.append(Hop(flight, self_transfer=last and last_wait is SELF_TRANSFER))
    return Journey(tuple(hops))


def _nearest(airport: Airport, but: set[Airport]) -> Airport:
    elsewhere = (one for one in directory().major if one not in but and one.city_code != airport.city_code)
    return min(elsewhere, key=lambda one: distance_km(airport, one))


@lru_cache(maxsize=4096)
def hubs_between(seed: int, origin: Airport, destination: Airport) -> list[Airport]:
    """Where one would change, the smallest detour first; a little chance keeps the world from being too tidy."""
    straight = distance_km(origin, destination)
    scored = []
    for hub in directory().major:
        first, second = distance_km(origin, hub), distance_km(hub, destination)
        if min(first, second) < _MIN_LEG_KM or first + second > straight * 1.6 + SELF_TRANSFER_FROM_KM:
            continue
        if flyable(origin, hub) and flyable(hub, destination):
            chance = 1 + number(seed, "hub", hub.code, origin.code, destination.code) % 25 / 100
            scored.append(((first + second) * chance + 6 * (hub.rank or 0), hub.code, hub))
    return [hub for _, _, hub in sorted(scored)]
