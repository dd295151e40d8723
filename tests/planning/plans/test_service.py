"""Plans that are made, left, taken up again, copied, given up and deleted."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hub.core.db import Database
from hub.core.errors import HubError, InvalidRequest, NotFound, ProviderPermanent, TooManyRequests
from hub.core.money import Money
from hub.planning.plans.jobs import FinishPlan
from hub.planning.plans.records import GenerationEvent, PlanRecord
from tests.planning.plans.keeping import ADA, BEN, START, House, caller, house_over, request, told


@pytest.fixture
async def house(db: Database) -> House:
    return await house_over(db)


async def follow(house: House, kept: PlanRecord, after: int = 0) -> list[GenerationEvent]:
    async with aclosing(house.desk.plans.follow_plan(kept, after)) as events:
        return [one async for one in events]


async def until_day(house: House, kept: PlanRecord, seen: list[GenerationEvent]) -> None:
    """Reads along, and leaves after the first day."""
    async with aclosing(house.desk.plans.follow_plan(kept)) as events:
        async for one in events:
            seen.append(one)
            if one.event == "day":
                return


async def test_a_plan_appears_step_by_step(house: House):
    events = await follow(house, await house.open())
    assert told(events) == ["grounded", "planning", "titled", "day", "day", "day", "budget", "done"]
    assert [one.seq for one in events] == list(range(1, 9))
    assert events[-2].data["total"] == 6000


async def test_what_was_made_is_kept_with_what_it_cost(house: House):
    kept = await house.made()
    shown = await house.desk.sharing.get_plan_view(caller(), kept.id)
    assert (kept.status, kept.version, kept.planner, kept.model) == ("ready", 1, "gpt-script", "gpt-script")
    assert (shown.usage.input_tokens, shown.usage.cost, shown.usage.currency) == (1000, 1234, "USD")
    assert [day.date for day in shown.plan.days] == [START + timedelta(days=n) for n in range(3)]
    assert await house.acts() == ["plan.made"]


async def test_who_comes_later_is_told_the_same_again(house: House):
    kept = await house.open()
    first = await follow(house, kept)
    again = await follow(house, replace(kept, lease=None), after=first[3].seq)
    assert again == first[4:]


async def test_who_leaves_hangs_up_on_the_model_and_leaves_the_plan_to_be_taken_up(house: House):
    house.planner.stop_after = 1
    kept, seen = await house.open(), list[GenerationEvent]()
    await until_day(house, kept, seen)
    assert house.planner.hung_up == 1
    house.planner.stop_after = None
    rest = await follow(house, replace(kept, lease=None), after=seen[-1].seq)
    assert told(rest) == ["resumed", "planning", "titled", "day", "day", "budget", "done"]
    assert house.planner.asked[1]["keep"] == [START]
    assert house.planner.asked[1]["titled"].title == "Three days in Lisbon"
    assert house.grounds.asked == 1


async def test_two_readers_at_once_are_one_making(house: House):
    house.planner.stop_after = 2
    kept = await house.open()
    first = asyncio.create_task(follow(house, kept))
    second = asyncio.create_task(follow(house, replace(kept, lease=None)))
    await asyncio.sleep(0.1)
    house.planner.go.set()
    assert await first == await second
    assert len(house.planner.asked) == 1


async def test_a_maker_that_died_is_replaced_when_its_lease_is_over(house: House):
    kept = await house.open()
    reading = asyncio.create_task(follow(house, replace(kept, lease=None)))
    await asyncio.sleep(0.1)
    assert not reading.done()
    house.clock.ahead = timedelta(seconds=31)
    assert told(await reading)[-1] == "done"


async def test_a_maker_that_was_replaced_writes_nothing_more(house: House):
    house.planner.stop_after = 1
    kept = await house.open()
    slow = asyncio.create_task(follow(house, kept))
    await asyncio.sleep(0.1)
    house.clock.ahead = timedelta(seconds=31)
    taken = await house.desk.plans.runner.acquire_lease(kept)
    house.planner.go.set()
    assert taken is not None
    house.clock.ahead = timedelta(seconds=62)
    await slow
    shown = await house.desk.sharing.get_plan_view(caller(), kept.id)
    assert shown.version.version == 1


async def test_the_same_key_is_the_same_plan(house: House):
    first = await house.made(idempotency_key="k")
    second = await house.open(idempotency_key="k")
    assert (second.id, second.lease) == (first.id, None)
    with pytest.raises(InvalidRequest) as refused:
        await house.open(idempotency_key="k", request=request(destination="Porto"))
    assert refused.value.code == "idempotency_key_reused"


async def test_a_third_plan_at_once_is_refused_also_when_all_come_together(house: House):
    found = await asyncio.gather(*(house.open() for _ in range(5)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in found) == ["PlanRecord", "PlanRecord", *["TooManyRequests"] * 3]
    await house.open(BEN)


async def test_a_failure_is_told_and_keeps_the_days_that_are_there(house: House):
    house.planner.stop_after, house.planner.error = 2, ProviderPermanent("ai", "said no", code="content_filter")
    kept = await house.open(idempotency_key="k")
    with pytest.raises(HubError, match="said no") as raised:
        await house.desk.plans.generate_plan(kept)
    assert raised.value.code == "content_filter"
    now = await house.desk.plans.find_plan(caller(), kept.id)
    assert (now.status, now.failure, now.version) == ("failed", "content_filter", 1)
    shown = await house.desk.sharing.get_plan_view(caller(), kept.id)
    assert [bool(day.items) for day in shown.plan.days] == [True, True, False]
    assert shown.plan.days[2].marks[0].code == "missing_day"


async def test_what_failed_is_tried_again_under_the_same_key(house: House):
    house.planner.stop_after, house.planner.error = 2, ProviderPermanent("ai", "said no")
    kept = await house.open(idempotency_key="k")
    await follow(house, kept)
    house.planner.error, house.planner.stop_after = None, None
    again = await follow(house, await house.open(idempotency_key="k"))
    assert [name for name in told(again) if name in {"error", "done"}] == ["done"]
    assert house.planner.asked[1]["keep"] == [START, START + timedelta(days=1)]
    assert (await house.desk.plans.find_plan(caller(), kept.id)).version == 2


async def test_what_nobody_has_foreseen_is_told_without_its_words(house: House):
    house.planner.stop_after, house.planner.error = 0, ValueError("secret")
    events = await follow(house, await house.open())
    assert (events[-1].event, events[-1].data["code"]) == ("error", "internal_error")
    assert "secret" not in str(events)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"start": START - timedelta(days=60), "end": START - timedelta(days=58)}, "/start_date"),
        ({"end": START - timedelta(days=1)}, "/end_date"),
        ({"end": START + timedelta(days=30)}, "/end_date"),
        ({"adults": 0, "children": 1}, "/adults"),
        ({"adults": 6, "children": 4}, "/adults"),
        ({"infants": 3}, "/infants"),
        ({"currency": "XXX"}, "/currency"),
        ({"budget": Money(1000, "USD")}, "/budget/currency"),
    ],
)
async def test_a_request_that_cannot_be_planned_is_refused(house: House, change: dict[str, Any], pointer: str):
    with pytest.raises(InvalidRequest) as refused:
        await house.open(request=request(**change))
    assert [one.pointer for one in refused.value.errors] == [pointer]


async def test_thirty_days_can_be_planned(house: House):
    kept = await house.made(request=request(30))
    assert len((await house.desk.sharing.get_plan_view(caller(), kept.id)).plan.days) == 30


async def test_the_same_request_is_not_planned_twice_when_a_copy_will_do(house: House):
    first = await house.made(request=request(interests=("food", "History")))
    same = request(destination=" LISBÓN ", interests=("history", "food"))
    copy = await house.open(BEN, request=same, max_age=3600)
    assert (copy.status, copy.cached_at, copy.lease) == ("ready", first.ready_at, None)
    assert len(house.planner.asked) == 1
    shown = await house.desk.sharing.get_plan_view(caller(BEN), copy.id)
    assert (shown.plan.title, shown.usage.cost) == ("Three days in Lisbon", 0)
    assert told(await follow(house, copy)) == ["done"]


async def test_a_copy_is_as_the_planner_made_it_and_not_as_somebody_edited_it(house: House):
    from hub.planning.plans.edits import PlanChanges

    first = await house.made()
    await house.desk.editor.edit_plan(caller(), first.id, PlanChanges(1, {"title": "Ada's own trip"}))
    copy = await house.open(BEN, max_age=3600)
    assert (await house.desk.sharing.get_plan_view(caller(BEN), copy.id)).plan.title == "Three days in Lisbon"


@pytest.mark.parametrize(
    ("change", "max_age"), [({"notes": "with my dog"}, 3600), ({"adults": 3}, 3600), ({}, None), ({}, 0)]
)
async def test_another_request_or_somebodys_own_words_are_planned_anew(
    house: House, change: dict[str, Any], max_age: int | None
):
    await house.made(request=request(notes=change.get("notes", "")))
    kept = await house.open(BEN, request=request(**change), max_age=max_age)
    assert (kept.status, kept.cached_at) == ("making", None)


async def test_the_prompt_is_kept_without_the_person(house: House):
    notes = "I am Ada, Mrs Lovelace's daughter: ada@example.com or +44 7700 900123; vegetarian."
    kept = await house.made(request=request(notes=notes))
    (story,) = await house.desk.editor.list_generations(caller(), kept.id)
    said = story["prompt"]["notes"]
    assert "vegetarian" in said
    assert not [one for one in ("Ada", "Lovelace", "example.com", "7700") if one in said]
    assert house.planner.asked[0]["notes"] == notes


async def test_who_asked_for_a_letter_gets_one_and_only_one(house: House):
    await house.made()
    assert await house.jobs() == []
    await house.made(notify=True)
    assert await house.jobs() == ["plan.ready"]


async def test_who_had_left_by_the_end_gets_a_letter(house: House):
    await house.desk.plans.generate_plan(await house.open(), is_disconnected=lambda: True)
    assert await house.jobs() == ["plan.ready"]


async def test_the_hub_goes_on_for_who_left_and_wants_a_letter(house: House):
    house.planner.stop_after = 1
    kept = await house.open(notify=True)
    await until_day(house, kept, [])
    assert await house.jobs() == ["plan.finish"]
    house.planner.stop_after = None
    await house.desk.plans.finish_plan(FinishPlan(plan_id=kept.id))
    assert (await house.desk.plans.find_plan(caller(), kept.id)).status == "ready"
    assert await house.jobs() == ["plan.finish", "plan.ready"]


async def test_a_plan_that_nobody_goes_on_with_has_failed_with_what_is_there(house: House):
    house.planner.stop_after = 1
    kept = await house.open()
    await until_day(house, kept, [])
    await house.desk.plans.fail_abandoned_plans()
    assert (await house.desk.plans.find_plan(caller(), kept.id)).status == "making"
    house.clock.ahead = timedelta(minutes=16)
    await house.desk.plans.fail_abandoned_plans()
    now = await house.desk.plans.find_plan(caller(), kept.id)
    assert (now.status, now.failure, now.version) == ("failed", "plan_abandoned", 1)


async def test_events_are_forgotten_and_the_end_can_still_be_told(house: House):
    kept = await house.made()
    house.clock.ahead = timedelta(days=2)
    await house.desk.plans.delete_old_events()
    events = await follow(house, kept)
    assert (told(events), events[0].data["version"]) == (["done"], 1)


async def test_a_plan_that_is_deleted_is_gone_also_while_it_is_made(house: House):
    house.planner.stop_after = 1
    kept = await house.open()
    making = asyncio.create_task(follow(house, kept))
    await asyncio.sleep(0.1)
    await house.desk.plans.delete_plan(caller(), kept.id)
    house.planner.go.set()
    with pytest.raises(NotFound):
        await making
    async with house.db.transaction() as tx:
        assert await tx.fetchval("select count(*) from plan_events") == 0
    assert await house.acts() == ["plan.deleted"]


async def test_nobody_else_can_delete_it(house: House):
    kept = await house.made()
    with pytest.raises(NotFound):
        await house.desk.plans.delete_plan(caller(BEN), kept.id)


async def test_stats_count_ones_own(house: House):
    await house.made()
    await house.made(request=request(5, destination="lisbon"))
    await house.made(BEN, request=request(destination="Porto"))
    stats = await house.desk.plans.get_statistics(caller(ADA))
    assert (stats.plans, stats.ready, stats.days, stats.destinations[0][1]) == (2, 2, 8, 2)


async def test_too_many_says_when_to_come_back(house: House):
    await house.open()
    await house.open()
    with pytest.raises(TooManyRequests) as refused:
        await house.open()
    assert (refused.value.code, refused.value.retry_after) == ("too_many_plans", 10)
