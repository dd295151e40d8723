from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from tests.sandbox.kiwi_desk import DAY, START, Desk, open_desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


async def test_the_same_query_on_the_same_day_finds_the_same(desk: Desk):
    one = await desk.get("/v2/search", fly_from="LON", fly_to="NYC", date_from=DAY, date_to=DAY)
    other = await desk.get("/v2/search", fly_from="LON", fly_to="NYC", date_from=DAY, date_to=DAY)
    assert one == other
    assert one["_results"] == len(one["data"]) > 20


async def test_another_seed_is_another_world(desk: Desk):
    async with open_desk(seed=2) as elsewhere:
        assert [one["id"] for one in await desk.search()] != [one["id"] for one in await elsewhere.search()]


async def test_a_long_route_has_direct_flights_connections_and_a_self_transfer(desk: Desk):
    found = await desk.search()
    assert {len(one["route"]) for one in found} >= {1, 2}
    transfers = [one for one in found if one.get("virtual_interlining")]
    assert transfers
    for one in transfers:
        assert [row["vi_connection"] for row in one["route"]].count(True) == 1
        assert not one["route"][0]["vi_connection"]
        assert one["pnr_count"] == 2


async def test_a_flight_keeps_its_number_and_times_in_every_search(desk: Desk):
    """Whoever merges two suppliers or two searches tells flights apart by carrier, number, places and day."""
    times: dict[tuple[str, ...], set[str]] = {}
    for query in ({}, {"adults": 3}, {"selected_cabins": "C"}, {"fly_to": "NYC"}, {"curr": "JPY"}):
        for one in await desk.search(**query):
            for row in one["route"]:
                key = (row["airline"], str(row["flight_no"]), row["flyFrom"], row["flyTo"], row["local_departure"][:10])
                times.setdefault(key, set()).add(row["utc_departure"] + row["utc_arrival"])
    assert len(times) > 20
    assert {len(seen) for seen in times.values()} == {1}


async def test_metropolitan_codes_prefixes_and_lists_name_airports(desk: Desk):
    async def origins(term: str) -> set[str]:
        return {one["flyFrom"] for one in await desk.search(term, "airport:FCO")}

    assert await origins("LON") > {"LHR", "LGW"}
    assert await origins("city:PAR") >= {"CDG", "ORY"}
    assert await origins("airport:LHR") == {"LHR"}
    assert await origins("LHR,DUB") == {"LHR", "DUB"}
    assert "LHR" in await origins("51.5--0.12-60km")


async def test_city_names_and_codes_are_those_of_the_metropolitan_area(desk: Desk):
    one = (await desk.search("EWR", "ORY"))[0]
    assert (one["cityFrom"], one["cityCodeFrom"]) == ("New York", "NYC")
    assert (one["cityTo"], one["cityCodeTo"], one["countryTo"]["name"]) == ("Paris", "PAR", "France")


async def test_technical_stops_are_entries_of_their_own_with_the_same_number(desk: Desk):
    found = [one for city in ("SIN", "JNB", "SYD", "EZE", "HKG") for one in await desk.search("LON", city)]
    stopping = [one for one in found if one["technical_stops"]]
    assert stopping
    for one in stopping:
        at = next(nth for nth, row in enumerate(one["route"]) if row["following_technical_stop"])
        before, after = one["route"][at : at + 2]
        assert (before["airline"], before["flight_no"]) == (after["airline"], after["flight_no"])
        assert before["flyTo"] == after["flyFrom"]
        assert not after["vi_connection"]


async def test_there_and_back_on_the_days_asked_for(desk: Desk):
    found = await desk.search("BER", "MAD", return_from="21/03/2027", return_to="22/03/2027", limit=500)
    assert found
    assert {one["route"][-1]["return"] for one in found} == {1}
    assert {one["flyTo"] for one in found} == {"MAD"}
    back = [next(row for row in one["route"] if row["return"]) for one in found]
    assert {row["local_departure"][:10] for row in back} == {"2027-03-21", "2027-03-22"}


async def test_nights_in_the_destination_decide_on_the_way_back(desk: Desk):
    found = await desk.search("BER", "MAD", nights_in_dst_from=3, nights_in_dst_to=4)
    assert {one["nightsInDest"] for one in found} == {3, 4}
    await desk.get("/v2/search", 422, fly_from="BER", fly_to="MAD", date_from=DAY, nights_in_dst_from=3)


async def test_price_is_for_all_in_the_asked_currency_and_bags_stay_in_euros(desk: Desk):
    euros, yen = await desk.search(adults=2, children=1), await desk.search(adults=2, children=1, curr="JPY")
    assert [one["id"] for one in euros] == [one["id"] for one in yen]
    for one, other in zip(euros, yen, strict=True):
        assert other["conversion"] == {"EUR": one["price"], "JPY": other["price"]}
        assert isinstance(other["price"], int)
        assert one["bags_price"] == other["bags_price"]
        assert 1 < one["price"] / one["fare"]["adults"] <= 3.2


async def test_fares_do_not_quite_add_up_to_the_price(desk: Desk):
    found = await desk.search(adults=2, children=1)
    sums = [one["fare"]["adults"] * 2 + one["fare"]["children"] - one["price"] for one in found]
    assert any(sums)
    assert all(abs(gap) <= 2 for gap in sums)


async def test_a_better_cabin_costs_more_and_is_named_in_every_segment(desk: Desk):
    economy, business = await desk.search(), await desk.search(selected_cabins="C")
    assert business[0]["price"] > 2 * economy[0]["price"]
    assert {row["fare_category"] for one in business for row in one["route"]} == {"C"}


@pytest.mark.parametrize(
    ("params", "holds"),
    [
        ({"max_stopovers": 0}, lambda one: len(one["route"]) == 1 + one["technical_stops"]),
        ({"max_sector_stopovers": 0}, lambda one: len(one["route"]) == 1 + one["technical_stops"]),
        ({"price_to": 600, "curr": "USD"}, lambda one: one["price"] <= 600),
        ({"price_from": 400}, lambda one: one["price"] >= 400),
        ({"select_airlines": "AF,JL"}, lambda one: set(one["airlines"]) <= {"AF", "JL"}),
        ({"select_airlines": "AF", "select_airlines_exclude": "true"}, lambda one: "AF" not in one["airlines"]),
        ({"max_fly_duration": 20}, lambda one: one["duration"]["departure"] <= 20 * 3600),
        ({"enable_vi": "false"}, lambda one: not one.get("virtual_interlining")),
        ({"conn_on_diff_airport": 0}, lambda one: not one["has_airport_change"]),
        ({"dtime_from": "8:00", "dtime_to": "14:30"}, lambda one: "08:00" <= one["local_departure"][11:16] <= "14:30"),
        ({"atime_to": "20:00"}, lambda one: one["local_arrival"][11:16] <= "20:00"),
    ],
)
async def test_filters_leave_what_they_say(desk: Desk, params, holds):
    everything, some = await desk.search("PAR", "TYO"), await desk.search("PAR", "TYO", **params)
    assert 0 < len(some) < len(everything)
    assert all(holds(one) for one in some)


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("price", lambda one: one["price"]),
        ("duration", lambda one: one["duration"]["total"]),
        ("quality", lambda one: one["quality"]),
        ("date", lambda one: one["utc_departure"]),
    ],
)
async def test_sorting_and_its_reverse(desk: Desk, sort, key):
    up, down = await desk.search(sort=sort), await desk.search(sort=sort, asc=0)
    assert [key(one) for one in up] == sorted(key(one) for one in up)
    assert [key(one) for one in down] == sorted((key(one) for one in down), reverse=True)


async def test_limit_keeps_the_first(desk: Desk):
    assert await desk.search(limit=3) == (await desk.search())[:3]


async def test_without_a_destination_there_are_several(desk: Desk):
    answer = await desk.get("/v2/search", fly_from="VIE", date_from=DAY, date_to=DAY)
    assert len({one["flyTo"] for one in answer["data"]}) > 3


@pytest.mark.parametrize(
    "params",
    [
        {"fly_to": "LHR"},
        {"date_from": "10/01/2027", "date_to": "10/01/2027"},
        {"date_from": "10/03/2029", "date_to": "10/03/2029"},
        {"date_from": "18/03/2027", "date_to": "17/03/2027"},
        {"return_from": "10/03/2027", "return_to": "10/03/2027"},
        {"vehicle_type": "train"},
    ],
)
async def test_what_cannot_be_flown_finds_nothing(desk: Desk, params):
    query = {"fly_from": "LHR", "fly_to": "JFK", "date_from": DAY, "date_to": DAY} | params
    answer = await desk.get("/v2/search", **query)
    assert (answer["data"], answer["_results"]) == ([], 0)


async def test_today_only_what_has_not_yet_left_is_offered(desk: Desk):
    found = await desk.search("LHR", "AMS", date_from="11/01/2027", date_to="11/01/2027")
    assert found
    assert all(datetime.fromisoformat(one["utc_departure"]) > START for one in found)


async def test_an_unknown_place_is_refused_in_the_documented_words(desk: Desk):
    answer = await desk.get("/v2/search", 422, fly_from="ZZZ", fly_to="JFK", date_from=DAY)
    assert answer == {"message": [{"param": "fly_from", "errors": ["Not recognized location: `ZZZ`"]}]}


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("date_from", "2027-03-17"),
        ("date_to", "31/02/2027"),
        ("adults", "ten"),
        ("adults", "0"),
        ("infants", "2"),
        ("children", "9"),
        ("curr", "XXX"),
        ("selected_cabins", "Y"),
        ("sort", "beauty"),
        ("price_to", "cheap"),
        ("dtime_from", "25:00"),
        ("fly_to", "airport:LON"),
    ],
)
async def test_what_will_not_do_is_refused_by_name(desk: Desk, param, value):
    query = {"fly_from": "LHR", "fly_to": "JFK", "date_from": DAY, "date_to": DAY} | {param: value}
    answer = await desk.get("/v2/search", 422, **query)
    assert answer["message"][0]["param"] in {param, "adults"}


async def test_no_key_is_a_bad_request_and_a_wrong_one_forbidden(desk: Desk):
    desk.headers = {}
    answer = await desk.get("/v2/search", 400, fly_from="LHR", fly_to="JFK", date_from=DAY)
    assert answer["status"] == "Bad Request"
    assert "unknown partner provided" in answer["error"]
    desk.headers = {"apikey": "invalid-key"}
    await desk.get("/v2/search", 403, fly_from="LHR", fly_to="JFK", date_from=DAY)


async def test_answers_are_gzipped_for_who_can_read_that(desk: Desk):
    query = {"fly_from": "LHR", "fly_to": "JFK", "date_from": DAY}
    answer = await desk.client.get("/kiwi/v2/search", params=query, headers=desk.headers)
    assert answer.headers["Content-Encoding"] == "gzip"


async def test_nothing_is_sold_between_the_airports_of_a_city(desk):
    for origin, destination in (("LHR", "LGW"), ("LON", "LHR"), ("JFK", "EWR")):
        assert await desk.search(origin, destination) == []
