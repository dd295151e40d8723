import asyncio
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from hub.core.errors import BreakerOpen, InvalidRequest, ProviderPermanent, ProviderTransient, Unavailable
from hub.resilience.deadline import enforce_deadline
from hub.supply.flights.service import SearchFailed


def source(answer, name="kiwi"):
    return next(one for one in answer["sources"] if one["name"] == name)


async def test_an_answer_has_the_offers_the_sources_and_the_places(flights, ask):
    answer = await ask(flights)
    offer = answer["offers"][0]
    assert [one["total"]["amount"] for one in answer["offers"]] == [10000, 12000]
    assert offer["total"] == {"amount": 10000, "currency": "EUR", "display": "100.00 EUR"}
    assert offer["slices"][0]["segments"][0]["departs_at"] == "2026-07-01T08:00:00+02:00"
    assert (offer["stops"], offer["duration_s"], offer["seats_left"]) == (0, 7200, None)
    assert source(answer) == {"name": "kiwi", "status": "ok", "latency_ms": 0, "age_s": 0, "offers": 2}
    assert answer["locations"]["HAM"]["city"] == "Hamburg"
    assert answer["fetched_at"] == "2026-06-01T12:00:00+00:00"
    assert answer["sandbox"] is False


async def test_the_suppliers_token_is_not_in_it(flights, query):
    assert b"secret-token" not in await flights.search(query)


async def test_what_is_made_up_says_so(open_flights, kiwi, duffel, ask):
    answer = await ask(open_flights(kiwi, duffel, sandboxed_suppliers=frozenset({"kiwi"})))
    assert answer["sandbox"] is True
    assert {one["provider"]: one["sandbox"] for one in answer["offers"]} == {"kiwi": True, "duffel": False}


async def test_a_thousand_cold_searches_make_one_call(flights, kiwi, query):
    answers = await asyncio.gather(*(flights.search(query) for _ in range(1000)))
    assert len(kiwi.asked) == 1
    assert len(set(answers)) == 1


async def test_within_five_minutes_the_answer_is_kept_and_says_its_age(flights, kiwi, ask, clock):
    first = await ask(flights)
    clock.move(seconds=299)
    again = await ask(flights)
    assert (source(again)["status"], source(again)["age_s"]) == ("ok", 299)
    assert again["offers"] == first["offers"]
    assert len(kiwi.asked) == 1


async def test_offers_that_end_soon_shorten_the_life_of_the_answer(open_flights, kiwi, build, ask, clock):
    kiwi.offers.append(build.offer(9000, segments=(build.segment("9"),), lives=timedelta(minutes=7)))
    flights = open_flights(kiwi)
    await ask(flights)
    clock.move(seconds=121)
    await ask(flights)
    await asyncio.sleep(0)
    assert len(kiwi.asked) == 2


async def test_an_offer_that_is_about_to_end_is_not_shown(open_flights, kiwi, build, ask):
    kiwi.offers = [build.offer(lives=timedelta(minutes=5))]
    assert (await ask(open_flights(kiwi)))["offers"] == []


async def test_a_dead_supplier_leaves_the_stale_answer_with_its_age(flights, kiwi, ask, clock):
    await ask(flights)
    kiwi.error = ProviderTransient("kiwi")
    for _ in range(3):
        clock.move(minutes=8)
        answer = await ask(flights)
        await asyncio.sleep(0.01)
    assert (source(answer)["status"], source(answer)["age_s"], len(answer["offers"])) == ("stale", 24 * 60, 2)


async def test_no_answer_is_kept_longer_than_its_offers_can_be_booked(flights, kiwi, ask, clock):
    await ask(flights)
    kiwi.error = ProviderTransient("kiwi")
    clock.move(minutes=26)
    with pytest.raises(SearchFailed):
        await ask(flights)


async def test_a_dead_supplier_and_nothing_kept_is_a_502_that_names_it(flights, kiwi, query):
    kiwi.error = BreakerOpen("kiwi", retry_after=7)
    with pytest.raises(SearchFailed) as failed:
        await flights.search(query)
    error = failed.value
    assert (error.status, error.code, error.extra["provider"], error.retry_after) == (502, "search_failed", "kiwi", 7)


async def test_a_silent_supplier_is_given_up_at_the_deadline(open_flights, kiwi, query):
    kiwi.silent = True
    async with asyncio.timeout(2):
        with pytest.raises(SearchFailed, match="provider_timeout"):
            await open_flights(kiwi, supplier_timeout=0.01).search(query)


async def test_a_partial_answer_says_who_is_missing_and_is_soon_asked_again(open_flights, kiwi, duffel, ask, clock):
    duffel.error = BreakerOpen("duffel")
    flights = open_flights(kiwi, duffel)
    answer = await ask(flights)
    assert len(answer["offers"]) == 2
    assert source(answer, "duffel")["status"] == "open"
    assert source(answer, "duffel")["error"] == "provider_breaker_open"
    duffel.error = None
    clock.move(seconds=16)
    assert len((await ask(flights))["offers"]) == 3


async def test_one_silent_supplier_does_not_hold_up_the_others_answer_beyond_the_deadline(
    open_flights, kiwi, duffel, ask
):
    duffel.silent = True
    answer = await ask(open_flights(kiwi, duffel, supplier_timeout=0.01))
    assert source(answer, "duffel")["status"] == "timeout"
    assert source(answer)["status"] == "ok"


async def test_a_caller_that_leaves_does_not_stop_the_search_for_others(flights, kiwi, query):
    leader = asyncio.create_task(flights.search(query))
    follower = asyncio.create_task(flights.search(query))
    await asyncio.sleep(0)
    leader.cancel()
    assert orjson.loads(await follower)["offers"]
    assert len(kiwi.asked) == 1


async def test_questions_that_differ_are_not_mixed(flights, kiwi, query, ask):
    await ask(flights)
    await ask(flights, replace(query, adults=2))
    await ask(flights, replace(query, currency="USD"))
    await ask(flights, replace(query, sort="price"))
    assert len(kiwi.asked) == 4


async def test_a_currency_that_no_supplier_sells_in_is_the_askers_mistake(flights, kiwi, query):
    kiwi.error = ProviderPermanent("kiwi", provider_code="currency_not_supported")
    with pytest.raises(InvalidRequest) as wrong:
        await flights.search(query, pointer_prefix="/query")
    assert wrong.value.errors[0].pointer == "/query/currency"


async def test_what_cannot_be_found_again_is_not_offered(open_flights, kiwi, query):
    """Without its row an offer could not be booked on any node."""

    class Away:
        def connection(self):
            raise Unavailable("The database is not available.")

    with pytest.raises(Unavailable):
        await open_flights(kiwi, db=Away()).search(query)


async def test_nothing_found_is_an_answer(open_flights, kiwi, ask):
    kiwi.offers = []
    flights = open_flights(kiwi, sandboxed_suppliers=frozenset({"kiwi"}))
    answer = await ask(flights)
    assert (answer["offers"], answer["sandbox"], source(answer)["offers"]) == ([], True, 0)


async def test_a_search_that_goes_wrong_in_our_own_code_is_not_called_the_suppliers(flights, kiwi, query):
    kiwi.error = KeyError("bug")
    with pytest.raises(KeyError):
        await flights.search(query)


async def test_the_first_callers_deadline_is_not_that_of_those_who_wait_with_him(flights, kiwi, query, clock):
    gate = asyncio.Event()

    async def slowly(_query):
        await gate.wait()
        return kiwi.offers

    kiwi.search = slowly

    async def hurried():
        async with enforce_deadline(clock, 0.01):
            await flights.search(query)

    leader = asyncio.create_task(hurried())
    await asyncio.sleep(0)
    follower = asyncio.create_task(flights.search(query))
    with pytest.raises(TimeoutError):
        await leader
    gate.set()
    assert len(orjson.loads(await follower)["offers"]) == 2
