from collections.abc import AsyncIterator

import pytest

from tests.sandbox.kiwi_desk import Desk, open_desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


async def test_a_city_comes_before_its_airports_and_tells_its_country(desk: Desk):
    answer = await desk.get("/locations/query", term="lond")
    first = answer["locations"][0]
    assert (first["id"], first["code"], first["type"], first["airports"]) == ("london_gb", "LON", "city", 6)
    assert first["country"] == {"id": "GB", "code": "GB", "name": "United Kingdom"}
    assert answer["results_retrieved"] == len(answer["locations"]) == 10


async def test_accents_and_case_do_not_matter(desk: Desk):
    answer = await desk.get("/locations/query", term="DÜSSELdorf", location_types="airport", limit=1)
    assert [one["code"] for one in answer["locations"]] == ["DUS"]


async def test_a_code_beats_a_name(desk: Desk):
    airport = (await desk.get("/locations/query", term="man", location_types="airport"))["locations"][0]
    assert (airport["code"], airport["timezone"], airport["city"]["name"]) == ("MAN", "Europe/London", "Manchester")
    assert airport["location"] == {"lat": pytest.approx(53.35, abs=0.1), "lon": pytest.approx(-2.27, abs=0.1)}


async def test_several_types_can_be_asked_for(desk: Desk):
    answer = await desk.client.get(
        "/kiwi/locations/query?term=rome&location_types=city&location_types=airport", headers=desk.headers
    )
    assert {one["type"] for one in (await answer.json())["locations"]} == {"city", "airport"}


async def test_by_id_finds_airports_and_cities(desk: Desk):
    for ident, kind in (("JFK", "airport"), ("new-york_us", "city"), ("NYC", "city")):
        answer = await desk.get("/locations/id", id=ident)
        assert [one["type"] for one in answer["locations"]] == [kind]
    assert (await desk.get("/locations/id", id="nowhere_xx"))["locations"] == []


async def test_a_location_can_be_searched_from(desk: Desk):
    city = (await desk.get("/locations/query", term="new york", location_types="city"))["locations"][0]
    assert await desk.search("LHR", city["id"])


async def test_an_empty_term_and_a_missing_key_are_refused(desk: Desk):
    await desk.get("/locations/query", 422, term=" ")
    await desk.get("/locations/id", 422)
    desk.headers = {}
    await desk.get("/locations/query", 400, term="london")
