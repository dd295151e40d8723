import asyncio
import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import orjson
import pytest

from hub.core.cache import Cache
from hub.core.clock import IdGenerator
from hub.core.money import Money
from hub.supply.flights import FlightOffer, FlightQuery, Flights, PriceCheck, Segment, Slice
from hub.supply.locations import Locations

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HAM, LHR = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/London")


class ManualClock:
    """Time stands still until it is moved."""

    def __init__(self):
        self.at = NOW

    def now(self):
        return self.at

    def monotonic(self):
        return self.at.timestamp()

    async def sleep(self, seconds):
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    def move(self, **by):
        self.at += timedelta(**by)


class Unjittered(random.Random):
    def random(self):
        return 0.0


class Supplier:
    """A supplier with a script: what it sells, whether it fails, how long it takes."""

    def __init__(self, name, offers=()):
        self.name = name
        self.offers = list(offers)
        self.error = None
        self.silent = False
        self.asked = []
        self.checks = PriceCheck(available=True, total=None)

    async def search(self, query):
        self.asked.append(query)
        await asyncio.sleep(0)
        return await self._answer(self.offers)

    async def check(self, offer, query):
        self.asked.append((offer, query))
        return await self._answer(self.checks)

    async def _answer(self, value):
        if self.silent:
            await asyncio.sleep(60)
        if self.error is not None:
            raise self.error
        return value


def segment(number="100", leaves=8, hours=2, **fields):
    departs = datetime(2026, 7, 1, leaves, tzinfo=HAM)
    given = {"origin": "HAM", "destination": "LHR", "carrier": "LH", "cabin": "economy"} | fields
    arrives = (departs + timedelta(hours=hours)).astimezone(LHR)
    return Segment(departs_at=departs, arrives_at=arrives, flight_number=number, **given)


def flight(*segments):
    first, last = segments[0], segments[-1]
    seconds = int((last.arrives_at - first.departs_at).total_seconds())
    return Slice(first.origin, last.destination, segments, seconds)


def make_offer(amount=10000, *, currency="EUR", segments=None, lives=timedelta(minutes=30), at=NOW, **fields):
    given = {
        "id": "",
        "provider": "kiwi",
        "provider_ref": "secret-token",
        "slices": (flight(*(segments or (segment(),))),),
        "total": Money(amount, currency),
        "expires_at": at + lives,
        "expiry_assumed": True,
    }
    return FlightOffer(**given | fields)


@pytest.fixture
def build():
    """Makers of offers and their parts."""

    class Build:
        offer = staticmethod(make_offer)
        segment = staticmethod(segment)
        slice = staticmethod(flight)

    return Build


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def query():
    return FlightQuery("HAM", "LHR", date(2026, 7, 1))


@pytest.fixture(scope="session")
def locations():
    found = Locations()
    found.warm_up()
    return found


@pytest.fixture
def kiwi():
    return Supplier("kiwi", [make_offer(12000, segments=(segment("200"),)), make_offer(10000)])


@pytest.fixture
def duffel():
    return Supplier("duffel", [make_offer(11000, provider="duffel", segments=(segment("300"),))])


@pytest.fixture
async def open_flights(db, clock, locations):
    """Makes the service over these suppliers, each with a cache of its own: as on a node of its own."""
    opened = []

    def make(*suppliers, **settings):
        cache = Cache(clock, Unjittered())
        opened.append(cache)
        given = {"ttl": 300, "supplier_timeout": 25, "sandboxed_suppliers": frozenset(), "db": db} | settings
        return Flights(
            suppliers={one.name: one for one in suppliers},
            locations=locations, cache=cache, clock=clock, ids=IdGenerator(clock), **given,
        )  # fmt: skip

    yield make
    for cache in opened:
        await cache.close()


@pytest.fixture
def flights(open_flights, kiwi):
    return open_flights(kiwi)


@pytest.fixture
def ask(query):
    """Searches, and reads the answer."""

    async def search(service, wanted=query):
        return orjson.loads(await service.search(wanted))

    return search
