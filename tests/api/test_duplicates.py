"""The same traveler on the same flight twice is asked about, not booked."""

import asyncio
from typing import Any

from tests.support.running import ADA, Running, soon

GRACE = ADA | {"given_name": "Grace", "family_name": "Hopper", "born_on": "1986-12-09"}


async def book(hub: Running, offer: dict[str, Any], *travelers: Any, key: str = "", **more: Any) -> tuple[int, Any]:
    contact = {"email": "ada@example.com", "phone": "+447700900123"}
    body = {"offer_id": offer["id"], "travelers": travelers or [ADA], "contact": contact} | more
    return await hub.call("POST", "/api/bookings", body, **({"Idempotency-Key": key} if key else {}))


async def test_a_second_booking_of_the_same_traveler_and_flight_names_the_first(running: Running):
    await running.register()
    _, first = await book(running, await running.offer(), key="first tab")
    status, problem = await book(running, await running.offer(adults=1, cabin="economy"), key="second tab")
    assert (status, problem["code"]) == (409, "duplicate_booking")
    assert (problem["booking_id"], problem["booking_reference"]) == (first["id"], first["reference"])
    assert first["reference"] in problem["detail"]


async def test_the_second_booking_is_made_when_it_is_asked_for_by_name(running: Running):
    await running.register()
    offer = await running.offer()
    await book(running, offer)
    status, second = await book(running, offer, allow_duplicate=True)
    assert (status, second["status"]) == (201, "pending")


async def test_two_tabs_at_once_make_one_booking(running: Running):
    await running.register()
    offer = await running.offer()
    answers = await asyncio.gather(*(book(running, offer, key=f"tab {tab}") for tab in range(4)))
    assert sorted(status for status, _ in answers) == [201, 409, 409, 409]
    made = next(answer for status, answer in answers if status == 201)
    refused = [answer for status, answer in answers if status == 409]
    assert {problem["booking_id"] for problem in refused} == {made["id"]}
    assert (await running.good("GET", "/api/bookings"))["total"] == 1


async def test_another_search_and_another_spelling_are_still_the_same_traveler_and_flight(running: Running):
    await running.register()
    _, first = await book(running, await running.offer())
    status, problem = await book(running, await running.offer(currency="GBP"), ADA | {"given_name": "ADA"})
    assert (status, problem["booking_id"]) == (409, first["id"])


async def test_another_traveler_another_day_and_another_customer_are_no_duplicates(running: Running):
    await running.register()
    offer = await running.offer()
    await book(running, offer)
    assert (await book(running, offer, GRACE))[0] == 201
    assert (await book(running, await running.offer(departure_date=soon(41).isoformat())))[0] == 201
    await running.register()
    assert (await book(running, offer))[0] == 201


async def test_a_booking_that_has_ended_or_run_out_of_time_stands_in_nobodys_way(running: Running):
    await running.register()
    offer = await running.offer()
    _, cancelled = await book(running, offer)
    await running.good("DELETE", f"/api/bookings/{cancelled['id']}")
    status, unpaid = await book(running, offer)
    assert status == 201
    async with running.db.transaction() as tx:
        late = "update bookings set expires_at = now() - interval '1 second' where id::text = $1"
        await tx.execute(late, unpaid["id"])
    assert (await book(running, offer))[0] == 201


async def test_one_passenger_of_several_on_one_leg_of_several_is_a_duplicate(running: Running):
    await running.register()
    both = await running.offer(adults=2, return_date=soon(47).isoformat())
    _, first = await book(running, both, GRACE, ADA)
    query = {"origin": "LHR", "destination": "BCN", "departure_date": soon().isoformat()}
    found = await running.good("POST", "/api/flights/search", query)
    outward = flights_of(both)[:1]
    single = next(offer for offer in found["offers"] if flights_of(offer)[:1] == outward)
    status, problem = await book(running, single, ADA)
    assert (status, problem["booking_id"]) == (409, first["id"])


def flights_of(offer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["carrier"], one["flight_number"]) for one in offer["slices"][0]["segments"]]
