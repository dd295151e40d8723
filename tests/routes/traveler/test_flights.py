"""Searching over HTTP, with a supplier that has a script."""

import asyncio
import gzip
import json
from datetime import UTC, date, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from backports import zstd

from hub.core.cache import Cache
from hub.core.clock import IdGenerator
from hub.core.errors import ProviderTransient
from hub.core.metrics import HttpMetrics, new_registry
from hub.core.money import Money
from hub.supply.flights import Flights, PriceCheck
from routes.traveler.flights import CheckOut, FlightRoutes, SearchOut
from routes.web.access import AccessGate
from routes.web.api import ApiRouter
from routes.web.middleware import EdgeMiddleware, RequestDrain
from tests.supply.conftest import ManualClock, Supplier, Unjittered, make_offer, segment

GOOD = {"origin": "HAM", "destination": "LHR", "departure_date": "2026-07-01"}


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def kiwi():
    return Supplier("kiwi", [make_offer(10000), make_offer(12000, segments=(segment("200"),))])


@pytest.fixture
async def client(db, clock, kiwi, locations):
    cache = Cache(clock, Unjittered())
    flights = Flights(
        {"kiwi": kiwi},
        locations,
        cache,
        db,
        clock,
        IdGenerator(clock),
        ttl=300,
        supplier_timeout=25,
        sandboxed_suppliers=frozenset({"kiwi"}),
    )
    api, app, metrics = ApiRouter(), web.Application(), HttpMetrics(new_registry())
    routes = FlightRoutes(flights)
    api.add_endpoints(routes)
    api.install_routes(app, AccessGate(no_one, clock, metrics=metrics))
    EdgeMiddleware(clock, IdGenerator(clock), metrics, RequestDrain()).install_middleware(app)
    async with TestClient(TestServer(app)) as opened:
        opened.find_cached = routes.find_cached_response
        yield opened
    await cache.close()


@pytest.fixture(scope="module")
def locations():
    from hub.supply.locations import Locations

    return Locations()


async def no_one(_token):
    raise AssertionError("nobody has to sign in to search")


async def fields_of(answer):
    """What a 422 says of each field."""
    assert (answer.status, answer.content_type) == (422, "application/problem+json")
    return {(one["pointer"], one["code"]) for one in (await answer.json())["errors"]}


async def test_a_search_by_get_and_by_post_is_the_same_search(client, kiwi):
    by_get = await client.get("/api/flights/search", params=GOOD | {"adults": "1"})
    by_post = await client.post("/api/flights/search", json=GOOD | {"adults": 1})
    assert (by_get.status, by_post.status) == (200, 200)
    assert await by_get.json() == await by_post.json()
    assert len(kiwi.asked) == 1


async def test_a_search_that_names_no_order_puts_the_best_first(client, kiwi):
    slow, fast = segment("200", hours=20), segment("300", hours=2)
    kiwi.offers = [make_offer(10000, segments=(slow,)), make_offer(11000, segments=(fast,))]
    by_get = await (await client.get("/api/flights/search", params=GOOD)).json()
    by_price = await (await client.get("/api/flights/search", params=GOOD | {"sort": "price"})).json()
    assert (by_get["query"]["sort"], by_price["query"]["sort"]) == ("best", "price")
    totals = [[offer["total"]["amount"] for offer in found["offers"]] for found in (by_get, by_price)]
    assert totals == [[11000, 10000], [10000, 11000]]


async def test_the_answer_is_what_the_openapi_document_says(client):
    answer = await (await client.get("/api/flights/search", params=GOOD)).json()
    SearchOut.model_validate(answer, strict=False, extra="forbid")
    assert answer["sandbox"] is True
    assert answer["query"]["departure_date"] == "2026-07-01"


async def test_camel_case_and_small_letters_are_understood(client, kiwi):
    asked = {"origin": "ham", "destination": " lhr ", "departureDate": "2026-07-01", "maxStops": 1, "currency": "usd"}
    assert (await client.post("/api/flights/search", json=asked)).status == 200
    assert (await client.get("/api/flights/search", params=asked)).status == 200
    assert (kiwi.asked[0].origin, kiwi.asked[0].max_stops, kiwi.asked[0].currency) == ("HAM", 1, "USD")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"origin": "ZZZ"}, "origin"),
        ({"origin": "HAMBURG"}, "origin"),
        ({"origin": "H\x00M"}, "origin"),
        ({"destination": "HAM"}, "destination"),
        ({"departure_date": "2026-05-01"}, "departure_date"),
        ({"departure_date": "1 July"}, "departure_date"),
        ({"departure_date": "2028-01-01"}, "departure_date"),
        ({"return_date": "2026-06-30"}, "return_date"),
        ({"adults": "10"}, "adults"),
        ({"adults": "5", "children": "5"}, "adults"),
        ({"adults": "0", "children": "1"}, "adults"),
        ({"adults": "1", "infants": "2"}, "infants"),
        ({"adults": "many"}, "adults"),
        ({"cabin": "cockpit"}, "cabin"),
        ({"currency": "XXX"}, "currency"),
        ({"sort": "random"}, "sort"),
        ({"max_stops": "-1"}, "max_stops"),
    ],
)
async def test_each_wrong_field_is_named(client, kiwi, changes, field):
    answer = await client.get("/api/flights/search", params=GOOD | changes)
    assert f"/query/{field}" in {pointer for pointer, _ in await fields_of(answer)}
    assert kiwi.asked == []


async def test_what_is_missing_is_named(client):
    found = await fields_of(await client.get("/api/flights/search", params={"origin": "HAM"}))
    assert {pointer for pointer, _ in found} == {"/query/destination", "/query/departure_date"}


async def test_in_a_body_the_pointers_are_those_of_the_body(client):
    answer = await client.post("/api/flights/search", json=GOOD | {"origin": "ZZZ"})
    assert await fields_of(answer) == {("/origin", "unknown_location")}


async def test_a_dead_supplier_is_a_502_that_names_it_and_then_a_stale_answer_once_there_was_one(client, kiwi, clock):
    kiwi.error = ProviderTransient("kiwi", retry_after=3)
    dead = await client.get("/api/flights/search", params=GOOD)
    assert (dead.status, (await dead.json())["provider"]) == (502, "kiwi")
    kiwi.error = None
    clock.move(seconds=3)
    await client.get("/api/flights/search", params=GOOD)
    kiwi.error = ProviderTransient("kiwi")
    clock.move(minutes=15)
    stale = await (await client.get("/api/flights/search", params=GOOD)).json()
    assert (stale["sources"][0]["status"], stale["sources"][0]["age_s"]) == ("stale", 900)


@pytest.fixture
async def offer(client):
    return (await (await client.get("/api/flights/search", params=GOOD)).json())["offers"][0]


async def test_the_live_check_of_an_offer(client, kiwi, offer):
    kiwi.checks = PriceCheck(available=True, total=Money(11000, "EUR"))
    answer = await client.get(f"/api/flights/offers/{offer['id']}")
    found = await answer.json()
    assert answer.status == 200
    CheckOut.model_validate(found, extra="forbid")
    assert found["offer"] == offer
    assert (found["available"], found["price_changed"]) == (True, True)
    assert (found["previous_total"]["amount"], found["total"]["amount"]) == (10000, 11000)
    assert datetime.fromisoformat(found["checked_at"]) == datetime(2026, 6, 1, 12, tzinfo=UTC)


async def test_an_expired_offer_is_410_and_an_unknown_one_404(client, clock, offer):
    assert (await client.get("/api/flights/offers/off_1")).status == 404
    clock.move(minutes=31)
    gone = await client.get(f"/api/flights/offers/{offer['id']}")
    assert (gone.status, (await gone.json())["code"]) == (410, "offer_expired")


async def test_many_at_once_are_one_call_to_the_supplier(client, kiwi):
    answers = await asyncio.gather(*(client.get("/api/flights/search", params=GOOD) for _ in range(50)))
    assert {one.status for one in answers} == {200}
    assert len(kiwi.asked) == 1
    assert kiwi.asked[0].departure_date == date(2026, 7, 1)


async def test_an_address_that_has_been_read_is_answered_hot_while_it_is_fresh(client, clock):
    answer = await client.get("/api/flights/search", params=GOOD)
    address = answer.url.raw_path_qs
    assert client.find_cached(address, "").body == await answer.read()
    assert client.find_cached(address + "&adults=2", "") is None
    clock.move(seconds=301)
    assert client.find_cached(address, "") is None


async def test_a_compressed_answer_is_the_plain_one_at_every_age_and_made_once_a_second(client, clock):
    answer = await client.get("/api/flights/search", params=GOOD)
    asked = answer.url.raw_path_qs
    for seconds in (0, 7, 93):
        clock.move(seconds=seconds)
        plain, packed, again = (
            client.find_cached(asked, ""),
            client.find_cached(asked, "gzip"),
            client.find_cached(asked, "gzip"),
        )
        assert gzip.decompress(packed.body) == plain.body == zstd.decompress(client.find_cached(asked, "zstd").body)
        assert packed.body is again.body
        assert packed.etag == plain.etag == answer.headers["ETag"]


async def test_an_address_that_was_refused_is_never_hot(client):
    answer = await client.get("/api/flights/search", params=GOOD | {"origin": "ZZZ"})
    assert client.find_cached(answer.url.raw_path_qs, "") is None


async def test_a_hot_answer_says_how_old_it_is_and_ends_with_its_time(client, clock):
    answer = await client.get("/api/flights/search", params=GOOD)
    asked = answer.url.raw_path_qs
    for seconds, age in [(0, 0), (7, 7), (93, 100)]:
        clock.move(seconds=seconds)
        assert json.loads(client.find_cached(asked, "").body)["sources"][0]["age_s"] == age
    clock.move(seconds=201)
    assert client.find_cached(asked, "") is None
