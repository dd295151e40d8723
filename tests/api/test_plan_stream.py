"""A plan as it appears: server-sent events, told once each, whatever becomes of the line."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from hub.core.db import Database
from hub.planning.completions.errors import BudgetExceeded
from routes.traveler import plan_stream
from tests.api.plan_client import TRIP, Door, door_to, events_of
from tests.support.running import until

WHOLE = ["status", "status", "status", "day", "day", "day", "budget", "done"]
KEY = {"Idempotency-Key": "k-1"}


@pytest.fixture
async def door(db: Database) -> AsyncIterator[Door]:
    async with door_to(db) as opened:
        yield opened


async def status_of(door: Door) -> str:
    return (await door.good("GET", "/api/user/plans"))["items"][0]["status"]


async def first_day(door: Door, **headers: str) -> str:
    """Reads until there is a day, and hangs up. Its id."""
    async with door.opened("POST", "/api/plan/stream", TRIP, **headers) as answer:
        async for one in events_of(answer):
            if one.event == "day":
                return one.id or ""
    raise AssertionError("no day came")


async def test_a_plan_appears_day_by_day_and_ends_with_the_whole_answer(door: Door):
    sent = await door.streamed("POST", "/api/plan/stream", TRIP)
    assert [one.event for one in sent] == WHOLE
    done = sent[-1].data
    assert [one.id for one in sent] == [f"{done['id']}.{n}" for n in range(1, 9)]
    assert sent[3].data == done["plan"]["days"][0]
    assert sent[-2].data == done["plan"]["budget"]
    assert done == await door.good("GET", f"/api/plan/{done['id']}")


async def test_it_is_what_browsers_and_proxies_expect(door: Door):
    async with door.opened("POST", "/api/plan/stream", TRIP) as answer:
        assert answer.content_type == "text/event-stream"
        assert (answer.headers["Cache-Control"], answer.headers["X-Accel-Buffering"]) == ("no-store", "no")
        assert (await answer.text()).startswith("retry: 2000\n\nid: ")


async def test_each_day_is_sent_when_it_is_made(door: Door):
    door.house.planner.stop_after = 1
    async with door.opened("POST", "/api/plan/stream", TRIP) as answer:
        events = events_of(answer)
        assert [(await anext(events)).event for _ in range(4)] == WHOLE[:4]
        door.house.planner.go.set()
        assert [one.event async for one in events] == WHOLE[4:]


async def test_what_breaks_off_is_told_on_from_there_and_only_the_missing_days_are_made(door: Door):
    door.house.planner.stop_after = 1
    last = await first_day(door, **KEY)
    await until(lambda: _hung_up(door))
    door.house.planner.stop_after = None
    rest = await door.streamed("POST", "/api/plan/stream", TRIP, **KEY, **{"Last-Event-ID": last})
    assert rest[0].data == {"state": "resumed", "keep": [TRIP["start_date"]]}
    assert [one.data["date"] for one in rest if one.event == "day"] != [TRIP["start_date"]]
    assert [one.seq for one in rest] == list(range(5, 5 + len(rest)))
    assert (rest[-1].event, len(rest[-1].data["plan"]["days"])) == ("done", 3)


async def _hung_up(door: Door) -> bool:
    return door.house.planner.hung_up == 1


async def test_who_hangs_up_ends_the_work_also_while_nothing_is_sent(door: Door):
    door.house.planner.stop_after = 0
    async with door.opened("POST", "/api/plan/stream", TRIP) as answer:
        await anext(events_of(answer))
        assert door.house.planner.hung_up == 0
    await until(lambda: _hung_up(door), 5)
    assert await status_of(door) == "making"


async def test_the_same_key_and_no_last_event_is_told_from_the_beginning(door: Door):
    first = await door.streamed("POST", "/api/plan/stream", TRIP, **KEY)
    assert await door.streamed("POST", "/api/plan/stream", TRIP, **KEY) == first
    assert len(door.house.planner.asked) == 1


async def test_the_plan_of_a_key_can_be_had_without_a_stream_too(door: Door):
    sent = await door.streamed("POST", "/api/plan/stream", TRIP, **KEY)
    assert (await door.good("POST", "/api/plan", TRIP, **KEY))["id"] == sent[-1].data["id"]


async def test_a_second_reader_reads_along(door: Door):
    door.house.planner.stop_after = 1
    async with door.opened("POST", "/api/plan/stream", TRIP) as answer:
        events = events_of(answer)
        mine = [await anext(events) for _ in range(4)]
        plan_id = (mine[0].id or "").partition(".")[0]
        other = asyncio.create_task(door.streamed("GET", f"/api/plan/{plan_id}/stream"))
        await asyncio.sleep(0.2)
        door.house.planner.go.set()
        mine += [one async for one in events]
    assert await other == mine
    assert len(door.house.planner.asked) == 1


async def test_a_reader_takes_over_when_the_maker_leaves(door: Door):
    door.house.planner.stop_after = 1
    async with door.opened("POST", "/api/plan/stream", TRIP) as answer:
        plan_id = ((await anext(events_of(answer))).id or "").partition(".")[0]
        other = asyncio.create_task(door.streamed("GET", f"/api/plan/{plan_id}/stream"))
        await asyncio.sleep(0.2)
    await until(lambda: _hung_up(door))
    door.house.planner.go.set()
    assert (await other)[-1].event == "done"


async def test_a_stream_ends_with_the_session_of_its_reader(door: Door):
    door.house.planner.stop_after = 1
    async with door.opened("POST", "/api/plan/stream", TRIP) as answer:
        events = events_of(answer)
        assert [(await anext(events)).event for _ in range(4)] == WHOLE[:4]
        door.signed_out.add("ada")
        rest = [event async for event in events]
    assert [(event.event, event.data["code"]) for event in rest] == [("error", "session_ended")]


async def test_after_the_end_there_is_no_more(door: Door):
    sent = await door.streamed("POST", "/api/plan/stream", TRIP)
    path, last = f"/api/plan/{sent[-1].data['id']}/stream", {"Last-Event-ID": sent[-1].id or ""}
    assert (await door.call("GET", path, **last))[0] == 204
    assert [one.event for one in await door.streamed("GET", path)] == WHOLE
    assert (await door.call("HEAD", path))[0] == 200


async def test_a_failure_is_told_as_a_problem(door: Door):
    door.house.planner.stop_after, door.house.planner.error = 1, BudgetExceeded("user", renews_at=None, retry_after=60)
    sent = await door.streamed("POST", "/api/plan/stream", TRIP)
    assert [one.event for one in sent] == [*WHOLE[:4], "error"]
    said = sent[-1].data
    assert (said["code"], said["status"], said["retry_after"]) == ("ai_budget_spent", 429, 60)


async def test_a_plan_that_is_deleted_under_the_reader_is_told(door: Door):
    door.house.planner.stop_after = 1
    async with door.opened("POST", "/api/plan/stream", TRIP) as answer:
        events = events_of(answer)
        plan_id = ((await anext(events)).id or "").partition(".")[0]
        await door.good("DELETE", f"/api/user/plans/{plan_id}")
        door.house.planner.go.set()
        last = [one async for one in events][-1]
    assert (last.event, last.id, last.data["code"]) == ("error", None, "plan_not_found")


async def test_silence_is_filled_with_heartbeats(door: Door, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(plan_stream, "DISCONNECT_POLL_INTERVAL", 0.02)
    monkeypatch.setattr(plan_stream, "HEARTBEAT_INTERVAL", 0.05)
    door.house.planner.stop_after = 0
    async with door.opened("POST", "/api/plan/stream", TRIP) as answer:
        while (await answer.content.readline()) != b": still there\n":
            pass
        door.house.planner.go.set()
        assert b"event: done" in await answer.read()


@pytest.mark.parametrize("wrong", ["1", "nonsense.1", "57aacc15-e707-4b05-9ac8-b66f7753677c.x", "." * 40])
async def test_a_last_event_that_is_none_of_ours_is_refused(door: Door, wrong: str):
    status, problem = await door.call("POST", "/api/plan/stream", TRIP, **{"Last-Event-ID": wrong})
    assert (status, problem["code"]) == (400, "bad_last_event_id")


async def test_nobody_reads_the_stream_of_somebody_else(door: Door):
    sent = await door.streamed("POST", "/api/plan/stream", TRIP)
    last = {"Last-Event-ID": sent[0].id or ""}
    assert (await door.call("POST", "/api/plan/stream", TRIP, who="ben", **last))[0] == 404
    assert (await door.call("GET", f"/api/plan/{sent[-1].data['id']}/stream", who="ben"))[0] == 404
