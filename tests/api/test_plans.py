"""Plans over HTTP: made, seen, edited, refined, shared, found, deleted."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.core.db import Database
from hub.planning.completions.errors import BudgetExceeded
from tests.api.plan_client import TRIP, Door, door_to
from tests.planning.plans.keeping import START


@pytest.fixture
async def door(db: Database) -> AsyncIterator[Door]:
    async with door_to(db) as opened:
        yield opened


async def test_a_plan_comes_with_all_its_faces(door: Door):
    made = await door.plan()
    assert (made["version"], made["model"], made["planner"], made["cached"]) == (1, "gpt-script", "gpt-script", None)
    assert made["plan"]["days"][0]["date"] == START.isoformat()
    assert made["markdown"].startswith("# ")
    assert "<article" in made["html"]
    assert made["usage"] == {"input_tokens": 1000, "output_tokens": 500, "cost": 1234, "currency": "USD"}
    assert made["affiliates"] == []


async def test_it_can_be_had_in_every_form(door: Door):
    path = f"/api/plan/{(await door.plan())['id']}"
    for suffix, kind, start in (
        ("json", "application/json", "{"),
        ("md", "text/markdown", "# "),
        ("ics", "text/calendar", "BEGIN:VCALENDAR"),
        ("pdf", "application/pdf", "%PDF"),
    ):
        async with door.client.get(f"{path}.{suffix}", headers={"Authorization": "Bearer ada"}) as answer:
            assert (answer.status, answer.content_type) == (200, kind)
            assert (await answer.text()).startswith(start)
            assert "lisbon" in answer.headers["Content-Disposition"]


async def test_what_is_known_already_is_not_sent_again(door: Door):
    made = await door.plan()
    for path in (f"/api/plan/{made['id']}", f"/api/plan/{made['id']}.pdf"):
        await door.good("GET", path)
        etag = door.headers["Etag"]
        assert (await door.call("GET", path, **{"If-None-Match": etag}))[0] == 304
    await door.good("PUT", f"/api/plan/{made['id']}", {"version": 1, "title": "Ours"})
    assert (await door.call("GET", path, **{"If-None-Match": etag}))[0] == 200


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"start_date": "2020-01-01", "end_date": "2020-01-02"}, "/start_date"),
        ({"end_date": "2020-01-01"}, "/end_date"),
        ({"end_date": START.replace(year=START.year + 1).isoformat()}, "/end_date"),
        ({"start_date": "soon"}, "/start_date"),
        ({"adults": 0}, "/adults"),
        ({"adults": 10}, "/adults"),
        ({"adults": 5, "children": 5}, "/adults"),
        ({"infants": 3}, "/infants"),
        ({"budget": {"amount": 1000, "currency": "XXX"}}, "/currency"),
        ({"budget": {"amount": 1000, "currency": "EUR"}, "currency": "USD"}, "/budget/currency"),
        ({"budget": {"amount": -1, "currency": "EUR"}}, "/budget/amount"),
        ({"destination": ""}, "/destination"),
        ({"origin": "Londn"}, "/origin"),
    ],
)
async def test_what_cannot_be_planned_is_refused_with_its_place(door: Door, change: dict[str, Any], pointer: str):
    for path in ("/api/plan", "/api/plan/stream"):
        status, problem = await door.call("POST", path, TRIP | change)
        assert (status, [one["pointer"] for one in problem["errors"]]) == (422, [pointer]), path


@pytest.mark.parametrize(
    ("budget", "amount"), [(1500, 150000), (1500.5, 150050), ({"amount": 150050, "currency": "EUR"}, 150050)]
)
async def test_a_flat_request_is_understood(door: Door, budget: Any, amount: int):
    flat = {"destination": "Lisbon", "start": TRIP["start_date"], "end": TRIP["end_date"], "budget": budget,
            "currency": "EUR", "adults": 2, "children": 1}  # fmt: skip
    made = await door.good("POST", "/api/plan", flat)
    assert [one["date"] for one in (made["plan"]["days"][0], made["plan"]["days"][-1])] == [flat["start"], flat["end"]]
    assert (made["plan"]["budget"]["limit"], made["plan"]["budget"]["currency"]) == (amount, "EUR")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"start": "soon"}, "/start"), ({"start": None}, "/start_date"), ({"end": None}, "/end_date"),
        ({"start_date": "2031-01-01"}, "/start"), ({"budget": 10.001}, "/budget"), ({"budget": "1500"}, "/budget"),
        ({"budget": -1}, "/budget"), ({"budget": 1500, "currency": "XXX"}, "/currency"),
        ({"budget": 1500.5, "currency": "JPY"}, "/budget"),
    ],
)  # fmt: skip
async def test_a_flat_request_that_is_wrong_is_refused_with_its_place(door: Door, change: dict[str, Any], pointer: str):
    flat = {"destination": "Lisbon", "start": TRIP["start_date"], "end": TRIP["end_date"], "currency": "EUR"}
    status, problem = await door.call("POST", "/api/plan", {**flat, **change})
    assert (status, {one["pointer"] for one in problem["errors"]}) == (422, {pointer})


async def test_nobody_unknown_has_plans_made(door: Door):
    for path in ("/api/plan", "/api/plan/stream"):
        assert (await door.call("POST", path, TRIP, who=""))[0] == 401


async def test_the_same_request_twice_is_one_plan(door: Door):
    key = {"Idempotency-Key": "k-1"}
    first = await door.good("POST", "/api/plan", TRIP, **key)
    assert (await door.good("POST", "/api/plan", TRIP, **key))["id"] == first["id"]
    assert (await door.good("GET", "/api/user/plans"))["total"] == 1


async def test_a_budget_that_is_spent_is_said(door: Door):
    door.house.planner.stop_after, door.house.planner.error = 0, BudgetExceeded("user", renews_at=None, retry_after=60)
    status, problem = await door.call("POST", "/api/plan", TRIP)
    assert (status, problem["code"], door.headers["Retry-After"]) == (429, "ai_budget_spent", "60")
    listed = (await door.good("GET", "/api/user/plans"))["items"]
    assert [(one["status"], one["failure"]) for one in listed] == [("failed", "ai_budget_spent")]
    status, problem = await door.call("GET", f"/api/plan/{listed[0]['id']}")
    assert (status, problem["code"]) == (409, "plan_not_ready")


async def test_two_are_made_at_once_and_the_third_is_refused(door: Door):
    door.house.planner.stop_after = 0
    two = [asyncio.create_task(door.call("POST", "/api/plan", TRIP)) for _ in range(2)]
    await asyncio.sleep(0.2)
    status, problem = await door.call("POST", "/api/plan", TRIP)
    assert (status, problem["code"]) == (429, "too_many_plans")
    door.house.planner.go.set()
    assert [status for status, _ in await asyncio.gather(*two)] == [201, 201]


async def test_a_copy_says_how_old_it_is(door: Door):
    await door.plan()
    copy = await door.plan("ben", cache=True)
    assert copy["cached"]["age_s"] <= 5
    assert copy["usage"]["cost"] == 0
    assert len(door.house.planner.asked) == 1


# Edits.


async def test_single_items_are_edited_and_the_sums_follow(door: Door):
    made = await door.plan()
    edit = {
        "version": 1,
        "items": [{"id": "d1-1", "cost": 2500, "note": "Tickets at the door."}],
        "remove": ["d2-2"],
    }
    changed = await door.good("PUT", f"/api/plan/{made['id']}", edit)
    days = changed["plan"]["days"]
    assert (changed["version"], changed["plan"]["budget"]["total"]) == (2, 6000 + 1500 - 1000)
    assert days[0]["items"][0]["note"] == "Tickets at the door."
    assert [one["id"] for one in days[1]["items"]] == ["d2-1"]
    assert changed["planner"] == "gpt-script"


async def test_a_whole_day_is_replaced_and_items_keep_their_ids(door: Door):
    made = await door.plan()
    day = made["plan"]["days"][0]
    lunch = {"start": f"{day['date']}T08:00", "end": f"{day['date']}T09:00", "kind": "food", "place": "Breakfast"}
    body = {"version": 1, "days": [{"date": day["date"], "items": [*reversed(day["items"]), lunch]}]}
    changed = (await door.good("PUT", f"/api/plan/{made['id']}", body))["plan"]["days"][0]
    assert [(one["id"], one["place"]) for one in changed["items"]] == [
        ("d1-3", "Breakfast"), ("d1-1", "Sight at 10"), ("d1-2", "Sight at 15"),
    ]  # fmt: skip
    assert changed["title"] == day["title"]


async def test_what_fails_a_check_is_marked_and_not_refused(door: Door):
    made = await door.plan()
    day = made["plan"]["days"][0]["date"]
    edit = {"version": 1, "items": [{"id": "d1-2", "start": f"{day}T10:30:00+00:00", "end": f"{day}T11:30"}]}
    changed = await door.good("PUT", f"/api/plan/{made['id']}", edit)
    marks = [mark["code"] for one in changed["plan"]["days"][0]["items"] for mark in one["marks"]]
    assert "overlap" in marks


async def test_an_offer_that_the_hub_never_made_is_marked_and_has_no_price(door: Door):
    made = await door.plan()
    day = made["plan"]["days"][0]["date"]
    flight = {"start": f"{day}T07:00", "end": f"{day}T09:00", "kind": "flight", "place": "LHR - LIS", "cost": 1}
    edit = {"version": 1, "days": [{"date": day, "items": [flight | {"offer_id": "off_made_up"}]}]}
    item = (await door.good("PUT", f"/api/plan/{made['id']}", edit))["plan"]["days"][0]["items"][0]
    assert [mark["code"] for mark in item["marks"]] == ["unknown_offer"]
    again = {"version": 2, "title": "Another title"}
    later = (await door.good("PUT", f"/api/plan/{made['id']}", again))["plan"]["days"][0]["items"][0]
    assert [mark["code"] for mark in later["marks"]] == ["unknown_offer"]


async def test_two_edits_of_the_same_version_are_one_and_a_conflict(door: Door):
    made = await door.plan()
    path, both = f"/api/plan/{made['id']}", ("Hers", "His")
    found = await asyncio.gather(*(door.call("PUT", path, {"version": 1, "title": title}) for title in both))
    assert sorted(status for status, _ in found) == [200, 409]
    problem = next(body for status, body in found if status == 409)
    assert problem["code"] == "version_conflict"
    assert "version 2" in problem["detail"]


@pytest.mark.parametrize(
    ("edit", "pointer"),
    [
        ({"items": [{"id": "d9-9", "note": "x"}]}, "/items/0/id"),
        ({"remove": ["d1-1", "nope"]}, "/remove/1"),
        ({"items": [{"id": "d1-1", "start": "noon"}]}, "/items/0/start"),
        ({"items": [{"id": "d1-1", "cost": {"amount": 1, "currency": "USD"}}]}, "/items"),
    ],
)
async def test_nonsense_is_refused_with_its_place(door: Door, edit: dict[str, Any], pointer: str):
    made = await door.plan()
    status, problem = await door.call("PUT", f"/api/plan/{made['id']}", {"version": 1} | edit)
    assert (status, [one["pointer"] for one in problem["errors"]]) == (422, [pointer])


async def test_a_wish_makes_a_new_version(door: Door):
    made = await door.plan()
    refined = await door.good("POST", f"/api/plan/{made['id']}/refine", {"wish": "calmer, for ada@example.com"})
    assert (refined["version"], refined["plan"]["summary"], refined["usage"]["cost"]) == (2, "Calmer.", 30)
    story = await door.good("GET", f"/api/plan/{made['id']}/story")
    assert [one["reason"] for one in story["makings"]] == ["made", "refined"]
    assert story["makings"][1]["prompt"]["wish"] == "calmer, for [redacted]"


async def test_an_edit_meanwhile_wins_over_the_wish(door: Door):
    made = await door.plan()
    path = f"/api/plan/{made['id']}"
    door.house.planner.stop_after = 0
    wishing = asyncio.create_task(door.call("POST", f"{path}/refine", {"wish": "calmer"}))
    await asyncio.sleep(0.2)
    assert (await door.call("POST", f"{path}/refine", {"wish": "wilder"}))[1]["code"] == "plan_busy"
    await door.good("PUT", path, {"version": 1, "title": "Mine"})
    door.house.planner.go.set()
    status, problem = await wishing
    assert (status, problem["code"]) == (409, "version_conflict")
    assert (await door.good("POST", f"{path}/refine", {"wish": "calmer"}))["version"] == 3


async def test_earlier_versions_can_be_seen_and_restored(door: Door):
    made = await door.plan()
    path = f"/api/plan/{made['id']}"
    await door.good("PUT", path, {"version": 1, "title": "Worse"})
    history = await door.good("GET", f"{path}/versions")
    assert [(one["version"], one["reason"], one["by"]) for one in history["items"]] == [
        (2, "edited", "customer"), (1, "made", "gpt-script"),
    ]  # fmt: skip
    assert (await door.good("GET", f"{path}/versions/1"))["plan"]["title"] == "Three days in Lisbon"
    back = await door.good("POST", f"{path}/versions/1/restore")
    assert (back["version"], back["plan"]["title"]) == (3, "Three days in Lisbon")
    assert (await door.call("GET", f"{path}/versions/9"))[0] == 404


async def test_a_plan_without_flights_has_none_to_look_for(door: Door):
    made = await door.plan()
    status, problem = await door.call("POST", f"/api/plan/{made['id']}/flights")
    assert (status, problem["code"]) == (409, "plan_without_flights")


# Who sees it.


async def test_nobody_reaches_what_belongs_to_somebody_else(door: Door):
    path = f"/api/plan/{(await door.plan())['id']}"
    mine = path.replace("/api/plan", "/api/user/plans")
    asked: list[tuple[str, str, Any]] = [
        ("GET", path, None), ("GET", f"{path}.json", None), ("GET", f"{path}.pdf", None), ("GET", f"{path}.ics", None),
        ("GET", f"{path}/stream", None), ("GET", f"{path}/versions", None), ("GET", f"{path}/versions/1", None),
        ("GET", f"{path}/story", None), ("POST", f"{path}/versions/1/restore", None), ("POST", f"{path}/flights", None),
        ("PUT", path, {"version": 1, "title": "Ben's"}), ("POST", f"{path}/refine", {"wish": "for Ben"}),
        ("DELETE", mine, None), ("PUT", f"{mine}/visibility", {"visibility": "public"}),
    ]  # fmt: skip
    for method, where, body in asked:
        assert (await door.call(method, where, body, who="ben"))[0] == 404, (method, where)


async def test_a_public_plan_is_seen_by_everybody_and_names_nobody(door: Door):
    made = await door.plan(notes="I am Ada Lovelace, ada@example.com")
    path = f"/api/plan/{made['id']}"
    assert (await door.call("GET", path, who=""))[0] == 404
    shared = await door.good("PUT", f"/api/user/plans/{made['id']}/visibility", {"visibility": "public"})
    assert shared["share"] == f"/plan/{made['id']}"
    for who in ("", "ben", "nonsense"):
        seen = await door.good("GET", path, who=who)
        assert (seen["usage"], seen["share"]) == (None, None)
        assert "Lovelace" not in str(seen)
    assert (await door.call("PUT", path, {"version": 1, "title": "x"}, who="ben"))[0] == 404


async def test_a_link_opens_the_plan_until_it_is_taken_back(door: Door):
    made = await door.plan()
    path, share = f"/api/plan/{made['id']}", f"/api/user/plans/{made['id']}/visibility"
    token = (await door.good("PUT", share, {"visibility": "link"}))["share"].partition("?t=")[2]
    assert len(token) == 32
    assert (await door.good("GET", f"{path}?t={token}", who=""))["version"] == 1
    assert (await door.call("GET", f"{path}.md?t={token}", who=""))[0] == 200
    for wrong in ("", "?t=", f"?t={token[:-1]}", "?t=%C3%A9"):
        assert (await door.call("GET", f"{path}{wrong}", who=""))[0] == 404, wrong
    await door.good("PUT", share, {"visibility": "private"})
    assert (await door.call("GET", f"{path}?t={token}", who=""))[0] == 404
    anew = await door.good("PUT", share, {"visibility": "link"})
    assert token not in anew["share"]


async def test_public_plans_are_found_by_words_and_place(door: Door):
    door.house.planner.title = "Fado e Pastéis"
    fado = await door.plan(destination="Lisboa")
    door.house.planner.title = "Port wine (private)"
    await door.plan("ben", destination="Porto")
    await door.good("PUT", f"/api/user/plans/{fado['id']}/visibility", {"visibility": "public"})

    async def found(query: str) -> list[str]:
        return [one["title"] for one in (await door.good("GET", f"/api/plans/public{query}", who=""))["items"]]

    for query in ("", "?q=pasteis", "?q=PASTÉIS fa", "?q=lisb", "?destination=lisboa", "?q=fado&destination=Lis"):
        assert await found(query) == ["Fado e Pastéis"], query
    for query in ("?q=wine", "?q=fado wine", "?destination=porto"):
        assert await found(query) == [], query
    for query in ("?q=%27%3B&page=1", "?q=!%20|%20%26"):
        assert (await door.call("GET", f"/api/plans/public{query}", who=""))[0] == 200, query
    assert "customer" not in str(await door.good("GET", "/api/plans/public", who=""))


async def test_ones_own_plans_are_listed_counted_and_deleted(door: Door):
    first, second = await door.plan(), await door.plan(destination="Porto")
    assert [one["id"] for one in (await door.good("GET", "/api/user/plans"))["items"]] == [second["id"], first["id"]]
    assert (await door.good("GET", "/api/user/plans?q=porto&status=ready&visibility=private"))["total"] == 1
    stats = await door.good("GET", "/api/user/plans/stats")
    assert (stats["plans"], stats["ready"], stats["days"]) == (2, 2, 6)
    assert (await door.call("DELETE", f"/api/user/plans/{first['id']}"))[0] == 204
    assert (await door.call("GET", f"/api/plan/{first['id']}"))[0] == 404
    assert (await door.good("GET", "/api/user/plans", who="ben"))["items"] == []


async def test_each_act_is_written_down(door: Door):
    made = await door.plan()
    path, mine = f"/api/plan/{made['id']}", f"/api/user/plans/{made['id']}"
    await door.good("PUT", path, {"version": 1, "title": "Ours"})
    await door.good("POST", f"{path}/refine", {"wish": "calmer"})
    await door.good("PUT", f"{mine}/visibility", {"visibility": "public"})
    await door.good("PUT", f"{mine}/visibility", {"visibility": "public"})
    await door.good("DELETE", mine)
    assert await door.house.acts() == [
        "plan.made", "plan.edited", "plan.refined", "plan.visibility_changed", "plan.deleted",
    ]  # fmt: skip
