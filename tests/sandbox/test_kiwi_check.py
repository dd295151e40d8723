from collections.abc import AsyncIterator

import pytest

from tests.sandbox.kiwi_desk import Desk, open_desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


@pytest.fixture
async def token(desk: Desk) -> str:
    return (await desk.search(curr="USD"))[0]["booking_token"]


async def test_the_first_poll_is_not_ready_and_gives_the_session(desk: Desk, token: str):
    first = await desk.check(token)
    assert (first["flights_checked"], first["flights_to_check"]) == (False, True)
    second = await desk.check(token, session_id=first["session_id"])
    assert (second["flights_checked"], second["flights_invalid"], second["price_change"]) == (True, False, False)
    assert second["session_id"] == first["session_id"]


async def test_the_total_is_the_price_of_the_search_in_both_currencies(desk: Desk):
    offer = (await desk.search(curr="USD", adults=2, children=1, infants=1))[0]
    answer = await desk.checked(offer["booking_token"], currency="USD", adults=2, children=1, infants=1)
    assert answer["total"] == answer["eur_payment_price"] == offer["conversion"]["EUR"]
    assert answer["conversion"]["amount"] == offer["price"]
    parts = [answer[name] for name in ("adults_price", "children_price", "infants_price", "bags_fee")]
    assert sum(parts) == pytest.approx(answer["total"])


async def test_bags_are_charged_as_the_search_said(desk: Desk):
    offer = next(one for one in await desk.search() if len(one["bags_price"]) == 2)
    token = offer["booking_token"]
    answer = await desk.checked(token, bnum=2)
    assert answer["bags_fee"] == offer["bags_price"]["2"]
    assert answer["total"] == pytest.approx(offer["price"] + answer["bags_fee"])
    await desk.check(token, 422, bnum=3)


async def test_a_changed_price_stays_changed(desk: Desk, token: str):
    await desk.next(price_change={"factor": 1.1})
    answer = await desk.checked(token)
    assert answer["price_change"]
    assert answer["total"] == pytest.approx(answer["orig_price"] * 1.1, abs=0.02)
    again = await desk.check(token, session_id=answer["session_id"])
    assert (again["price_change"], again["total"]) == (True, answer["total"])


async def test_a_script_is_used_up(desk: Desk, token: str):
    await desk.next(flights_invalid=True, times=2)
    assert [(await desk.checked(token))["flights_invalid"] for _ in range(3)] == [True, True, False]


async def test_flights_that_are_gone_are_never_checked(desk: Desk, token: str):
    await desk.next(flights_invalid=True)
    answer = await desk.checked(token)
    assert (answer["flights_checked"], answer["flights_invalid"]) == (False, True)


async def test_more_polls_can_be_asked_for(desk: Desk, token: str):
    await desk.next(not_ready_polls=3)
    first = await desk.check(token)
    polls = [first] + [await desk.check(token, session_id=first["session_id"]) for _ in range(3)]
    assert [one["flights_checked"] for one in polls] == [False, False, False, True]


async def test_a_token_lives_half_an_hour(desk: Desk, token: str):
    desk.wait(minutes=30)
    await desk.check(token)
    desk.wait(seconds=1)
    answer = await desk.check(token, 400)
    assert answer == {"status": "Bad Request", "error": "Expired booking token"}


@pytest.mark.parametrize("bad", ["", "nonsense", "AAAA" * 40, "é"])
async def test_a_token_that_is_not_ours_is_a_bad_request(desk: Desk, bad: str):
    assert (await desk.check(bad, 400))["error"] == "Invalid booking token"


async def test_a_token_cannot_be_altered(desk: Desk, token: str):
    altered = token[:20] + ("A" if token[20] != "A" else "B") + token[21:]
    await desk.check(altered, 400)


@pytest.mark.parametrize("params", [{"adults": 2}, {"children": 1}, {"infants": 1}, {"currency": "XXX"}])
async def test_other_passengers_than_searched_for_are_refused(desk: Desk, token: str, params):
    answer = await desk.check(token, 422, **params)
    assert answer["message"][0]["param"] in params


async def test_a_session_belongs_to_one_token(desk: Desk, token: str):
    other = (await desk.search())[1]["booking_token"]
    session = (await desk.check(token))["session_id"]
    await desk.check(other, 400, session_id=session)


async def test_the_flights_are_those_of_the_offer(desk: Desk):
    offer = next(one for one in await desk.search() if one.get("virtual_interlining"))
    answer = await desk.checked(offer["booking_token"])
    times = ("local_departure", "utc_departure", "local_arrival", "utc_arrival")
    assert [{name: row[name] for name in times} for row in answer["flights"]] == [
        {name: row[name] for name in times} for row in offer["route"]
    ]
    assert [row["is_self_transfer"] for row in answer["flights"]] == [row["vi_connection"] for row in offer["route"]]


@pytest.mark.parametrize(
    ("script", "field"),
    [
        ({}, ""),
        ({"times": 2}, ""),
        ({"nonsense": 1}, "nonsense"),
        ({"price_change": {"factor": 0}}, "price_change"),
        ({"price_change": 1.1}, "price_change"),
        ({"flights_invalid": "yes"}, "flights_invalid"),
        ({"not_ready_polls": -1}, "not_ready_polls"),
        ({"confirm": "maybe"}, "confirm"),
        ({"save": ["invalid"]}, "save"),
        ({"confirm": "fail", "times": 0}, "times"),
    ],
)
async def test_a_script_that_says_nothing_known_is_refused(desk: Desk, script, field):
    assert (await desk.control("/next", script, 422))["field"] == field
    assert await desk.control("/next") == []
