"""Ways from one airport to another: without a change, over a hub on one ticket, by self-transfer, over two hubs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from sandbox.kiwi.carriers import Carrier, list_hub_carriers
from sandbox.kiwi.places import Airport, distance_km, load_directory
from sandbox.kiwi.seeded_random import draw_number
from sandbox.kiwi.timetable import Flight, Leg, find_next_flight, is_flyable, list_carriers_between, list_flights

MIN_CONNECTION = timedelta(minutes=55)
MIN_SELF_TRANSFER = timedelta(minutes=150)
MIN_AIRPORT_CHANGE = timedelta(minutes=240)
MIN_SELF_TRANSFER_KM = 700
_MIN_LEG_KM = 150


@dataclass(frozen=True, slots=True)
class Hop:
    """`self_transfer`: the traveller changes to this flight on his own."""

    flight: Flight
    is_self_transfer: bool = False


@dataclass(frozen=True, slots=True)
class Journey:
    """One direction."""

    hops: tuple[Hop, ...]

    @property
    def departs_at(self) -> datetime:
        return self.hops[0].flight.departs_at

    @property
    def arrives_at(self) -> datetime:
        return self.hops[-1].flight.arrives_at

    @property
    def seconds(self) -> int:
        return int((self.arrives_at - self.departs_at).total_seconds())

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
    def has_airport_change(self) -> bool:
        legs = self.legs
        return any(one.destination is not other.origin for one, other in pairwise(legs))

    @property
    def has_self_transfer(self) -> bool:
        return any(hop.is_self_transfer for hop in self.hops)

    @property
    def key(self) -> tuple[tuple[str, int, datetime, bool], ...]:
        """Two journeys with the same key are one."""
        return tuple(
            (hop.flight.carrier.code, hop.flight.number, hop.flight.departs_at, hop.is_self_transfer)
            for hop in self.hops
        )

    @property
    def carriers(self) -> list[Carrier]:
        return list(dict.fromkeys(hop.flight.carrier for hop in self.hops))


@lru_cache(maxsize=512)
def find_journeys(seed: int, origin: Airport, destination: Airport, day: date) -> tuple[Journey, ...]:
    """All that begin on that local day; never empty for two different airports."""
    found = [*_direct(seed, origin, destination, day), *_over_a_hub(seed, origin, destination, day)]
    if distance_km(origin, destination) > MIN_SELF_TRANSFER_KM:
        found += _by_self_transfer(seed, origin, destination, day)
    if len(found) < 3:
        found += _over_two_hubs(seed, origin, destination, day)
    return tuple({way.key: way for way in reversed(found)}.values())[::-1]


def _direct(seed: int, origin: Airport, destination: Airport, day: date) -> Iterator[Journey]:
    if is_flyable(origin, destination):
        for carrier in list_carriers_between(seed, origin, destination):
            for flight in list_flights(seed, carrier, origin, destination, day):
                yield Journey((Hop(flight),))


def _over_a_hub(seed: int, origin: Airport, destination: Airport, day: date) -> Iterator[Journey]:
    for hub in list_hubs_between(seed, origin, destination)[:4]:
        for carrier in (list_hub_carriers(hub.code) or list_carriers_between(seed, origin, hub))[:1]:
            for first in list_flights(seed, carrier, origin, hub, day)[:2]:
                second = find_next_flight(seed, carrier, hub, destination, first.arrives_at + MIN_CONNECTION)
                yield Journey((Hop(first), Hop(second)))


def _by_self_transfer(seed: int, origin: Airport, destination: Airport, day: date) -> Iterator[Journey]:
    """Two tickets of airlines that do not know of each other, now and then from another airport of the city."""
    for hub in list_hubs_between(seed, origin, destination)[:3]:
        leaves_from = _sibling(seed, hub, destination)
        wait = MIN_SELF_TRANSFER if leaves_from is hub else MIN_AIRPORT_CHANGE
        carrier, onward = _strangers(seed, origin, hub, leaves_from, destination)
        for first in list_flights(seed, carrier, origin, hub, day)[-1:]:
            second = find_next_flight(seed, onward, leaves_from, destination, first.arrives_at + wait)
            yield Journey((Hop(first), Hop(second, is_self_transfer=True)))


def _strangers(seed: int, *points: Airport) -> tuple[Carrier, Carrier]:
    """Two different airlines, if two there are; else two tickets of the same."""
    firsts, seconds = list_carriers_between(seed, *points[:2]), list_carriers_between(seed, *points[2:])
    pairs = [(one, other) for one in reversed(firsts) for other in seconds if one is not other]
    return pairs[0] if pairs else (firsts[0], seconds[0])


def _sibling(seed: int, hub: Airport, destination: Airport) -> Airport:
    others = [one for one in load_directory().cities[hub.city_code].airports if one is not hub and one.rank]
    wanted = draw_number(seed, "sibling", hub.code, destination.code) % 3 == 0
    return others[0] if others and wanted and others[0] is not destination else hub


def _over_two_hubs(seed: int, origin: Airport, destination: Airport, day: date) -> Iterator[Journey]:
    """Feeder to the nearest large airport, trunk, feeder: reaches every airport from every other."""
    here, there = (_nearest(one, {origin, destination}) for one in (origin, destination))
    points = [origin, here, destination] if here is there else [origin, here, there, destination]
    feeders = list_flights(seed, list_carriers_between(seed, origin, here)[0], origin, here, day)
    yield _chain(seed, feeders[0], points, MIN_CONNECTION)
    yield _chain(seed, feeders[-1], points, MIN_SELF_TRANSFER)


def _chain(seed: int, first: Flight, points: list[Airport], last_wait: timedelta) -> Journey:
    """On from the first flight; the change to the last one is protected or not, as its wait says."""
    hops = [Hop(first)]
    for one, other in pairwise(points[1:]):
        last = other is points[-1]
        ready = hops[-1].flight.arrives_at + (last_wait if last else MIN_CONNECTION)
        flight = find_next_flight(seed, list_carriers_between(seed, one, other)[0], one, other, ready)
        hops.append(Hop(flight, is_self_transfer=last and last_wait is MIN_SELF_TRANSFER))
    return Journey(tuple(hops))


def _nearest(airport: Airport, but: set[Airport]) -> Airport:
    elsewhere = (one for one in load_directory().major if one not in but and one.city_code != airport.city_code)
    return min(elsewhere, key=lambda one: distance_km(airport, one))


@lru_cache(maxsize=4096)
def list_hubs_between(seed: int, origin: Airport, destination: Airport) -> list[Airport]:
    """Where one would change, the smallest detour first; a little chance keeps the world from being too tidy."""
    straight = distance_km(origin, destination)
    scored = []
    for hub in load_directory().major:
        first, second = distance_km(origin, hub), distance_km(hub, destination)
        if min(first, second) < _MIN_LEG_KM or first + second > straight * 1.6 + MIN_SELF_TRANSFER_KM:
            continue
        if is_flyable(origin, hub) and is_flyable(hub, destination):
            chance = 1 + draw_number(seed, "hub", hub.code, origin.code, destination.code) % 25 / 100
            scored.append(((first + second) * chance + 6 * (hub.rank or 0), hub.code, hub))
    return [hub for _, _, hub in sorted(scored)]
