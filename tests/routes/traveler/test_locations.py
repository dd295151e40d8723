import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from hub.core.clock import IdGenerator
from hub.core.metrics import HttpMetrics, new_registry
from hub.supply.locations import Locations
from routes.traveler.locations import LocationRoutes
from routes.web.access import AccessGate
from routes.web.api import ApiRouter
from routes.web.middleware import EdgeMiddleware, RequestDrain
from tests.supply.conftest import ManualClock


async def no_one(_token):
    raise AssertionError("nobody has to sign in to look for a place")


@pytest.fixture
async def ask():
    clock = ManualClock()
    api, app, metrics = ApiRouter(), web.Application(), HttpMetrics(new_registry())
    api.add_endpoints(LocationRoutes(Locations()))
    api.install_routes(app, AccessGate(no_one, clock, metrics=metrics))
    EdgeMiddleware(clock, IdGenerator(clock), metrics, RequestDrain()).install_middleware(app)
    async with TestClient(TestServer(app)) as client:

        async def get(language="en", **params):
            return await client.get("/api/locations", params=params, headers={"Accept-Language": language})

        yield get


async def test_places_are_found_by_name(ask):
    found = (await (await ask(q="são paulo", limit="2")).json())["locations"]
    assert [one["code"] for one in found] == ["SAO", "GRU"]
    assert (found[0]["type"], found[0]["country"], found[0]["match"]) == ("city", "BR", "exact")


async def test_the_country_is_named_in_the_language_of_the_caller(ask):
    answer = await ask("de-AT,de;q=0.9", q="Mailand", limit="1")
    (found,) = (await answer.json())["locations"]
    assert (found["name"], found["country_name"], found["matched"]) == ("Milan", "Italien", "mailand")
    assert answer.headers["Vary"] == "Accept-Encoding, Accept-Language"


async def test_a_name_of_several_places_is_said_to_be_ambiguous(ask):
    answer = await (await ask(q="Valencia")).json()
    assert answer["ambiguous"] is True
    assert {"Spain", "Venezuela"} <= {one["country_name"] for one in answer["locations"] if one["match"] == "exact"}


async def test_a_guess_is_marked_and_a_place_without_an_airport_names_those_around_it(ask):
    (guess, *_) = (await (await ask(q="barcelna")).json())["locations"]
    assert (guess["name"], guess["match"]) == ("Barcelona", "similar")
    (oxford, *_) = (await (await ask(q="oxford")).json())["locations"]
    assert {"code", "name", "city", "country", "distance_km"} == set(oxford["nearby"][0])


@pytest.mark.parametrize(
    "params", [{}, {"q": ""}, {"q": "x" * 81}, {"q": "a", "limit": "0"}, {"q": "a", "limit": "51"}]
)
async def test_a_question_for_places_that_is_none(ask, params):
    assert (await ask(**params)).status == 422
