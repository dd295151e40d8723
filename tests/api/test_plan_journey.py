"""The whole of it: a plan by the sandbox's model out of the sandbox's flights, to the booking of what it cites."""

from typing import Any

from tests.support.running import ADA, Running, soon, until

TRIP: dict[str, Any] = {
    "destination": "Barcelona",
    "origin": "LHR",
    "start_date": soon(40).isoformat(),
    "end_date": soon(43).isoformat(),
    "adults": 1,
    "interests": ["food", "art"],
    "budget": {"amount": 200_000, "currency": "EUR"},
}


async def test_a_trip_is_planned_by_a_model_and_its_flight_is_booked(running: Running):
    await running.register()
    made = await running.good("POST", "/api/plan", TRIP)
    assert made["model"] == made["planner"] == "gpt-sandbox"
    assert (len(made["plan"]["days"]), made["sandbox"]) == (4, True)
    assert made["plan"]["budget"]["total"] <= 200_000
    assert made["usage"]["cost"] > 0
    flights = await running.good("POST", f"/api/plan/{made['id']}/flights")
    cited = flights["cited"][0]
    assert (cited["status"], cited["was"]) == ("available", cited["now"])
    body = {"offer_id": cited["offer_id"], "travelers": [ADA], "contact": {"email": "ada@example.com"}}
    booking = await running.good("POST", "/api/bookings", body)
    assert booking["total"]["amount"] == cited["was"]["amount"]


async def test_an_edit_cannot_change_what_a_flight_costs(running: Running):
    await running.register()
    made = await running.good("POST", "/api/plan", TRIP)
    flight = next(one for day in made["plan"]["days"] for one in day["items"] if one["offer_id"] and one["cost"])
    edit = {"version": 1, "items": [{"id": flight["id"], "cost": 1, "note": "Cheap!"}]}
    changed = await running.good("PUT", f"/api/plan/{made['id']}", edit)
    now = next(one for day in changed["plan"]["days"] for one in day["items"] if one["id"] == flight["id"])
    assert (now["cost"], now["note"], now["start"]) == (flight["cost"], "Cheap!", flight["start"])


async def test_it_is_streamed_refined_and_kept_in_pdf(running: Running):
    await running.register()
    send = {"Authorization": f"Bearer {running.token}"}
    async with running.session.post(f"{running.url}/api/plan/stream", json=TRIP, headers=send) as answer:
        text = await answer.text()
    names = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]
    assert names.count("day") >= 4
    assert names[-2:] == ["budget", "done"]
    plan = (await running.good("GET", "/api/user/plans"))["items"][0]
    refined = await running.good("POST", f"/api/plan/{plan['id']}/refine", {"wish": "a calmer second day"})
    assert refined["version"] == 2
    assert (await running.good("GET", f"/api/plan/{plan['id']}.ics")).startswith("BEGIN:VCALENDAR")
    async with running.session.get(f"{running.url}/api/plan/{plan['id']}.pdf", headers=send) as answer:
        assert (await answer.read()).startswith(b"%PDF")


async def test_who_leaves_hangs_up_on_the_model(running: Running):
    """Also the money that was put aside for it is settled."""
    await running.register()
    await running.control("POST", "openai/fault", {"model": "gpt-sandbox", "fault": "silent", "times": 1})
    send = {"Authorization": f"Bearer {running.token}"}
    async with running.session.post(f"{running.url}/api/plan/stream", json=TRIP, headers=send) as answer:
        while b"grounded" not in await answer.content.readline():
            pass

    async def hung_up() -> bool:
        return any(one["client_left"] for one in await running.control("GET", "openai/calls"))

    async def settled() -> bool:
        async with running.db.transaction() as tx:
            return bool(await tx.fetchval("select reserved = 0 from ai_budgets where scope = 'global'"))

    await until(hung_up)
    await until(settled)


async def test_without_a_model_the_built_in_planner_says_that_it_was_it(running: Running):
    await running.register()
    for model in ("gpt-sandbox", "gpt-sandbox-mini"):
        await running.control("POST", "openai/fault", {"model": model, "fault": "unavailable"})
    made = await running.good("POST", "/api/plan", TRIP)
    assert (made["planner"], made["model"]) == ("built-in", None)
    assert made["plan"]["days"]


async def test_a_place_that_nobody_knows_is_refused_with_its_pointer(running: Running):
    await running.register()
    status, problem = await running.call("POST", "/api/plan", TRIP | {"destination": "Xyzzyville"})
    assert (status, problem["errors"][0]["pointer"]) == (422, "/destination")


async def test_what_is_shared_has_a_page(running: Running):
    await running.register()
    made = await running.good("POST", "/api/plan", TRIP)
    shared = await running.good("PUT", f"/api/user/plans/{made['id']}/visibility", {"visibility": "link"})
    running.token = ""
    assert made["plan"]["title"] in await running.good("GET", shared["share"])
    assert (await running.call("GET", f"/plan/{made['id']}"))[0] == 404
