"""Money for models: reserved at its worst, settled to what it was, and never past a limit."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub.core.clock import IdGenerator
from hub.core.db import Database
from hub.planning.completions import (
    BudgetExceeded,
    BudgetLimits,
    Completion,
    Completions,
    ContentFiltered,
    ModelCatalog,
    ModelChain,
    ModelHealth,
    NoModelAvailable,
    TokenUsage,
    UsageBudgets,
    UsageScope,
)
from hub.planning.completions.budgets import UsageBill, resolve_report_period
from tests.planning.completions.scripted import GOOD, Line, Scripted, Time, done, question, route, timeout, transient

ADA = UUID(int=0xADA)
ROOMY = BudgetLimits(user=1_000_000, plan=500_000, everybody=50_000_000, currency="USD")


@pytest.fixture
def time() -> Time:
    return Time()


def spending(db: Database, time: Time, **limits: int) -> UsageBudgets:
    given = {"user": ROOMY.user, "plan": ROOMY.plan, "everybody": ROOMY.everybody} | limits
    return UsageBudgets(db, time, BudgetLimits(currency="USD", **given))


def chat(db: Database, time: Time, *lines: Sequence[Line], **limits: int) -> Completions:
    models = Scripted(time, {"a": lines})
    menu = ModelCatalog(("a",), {"a": route("a")}, route("other"))
    chain = ModelChain(models, ModelHealth(time), time, random.Random(1))
    return Completions(chain, menu, spending(db, time, **limits), IdGenerator(time), total_timeout=60)


async def rows(db: Database) -> list[dict[str, Any]]:
    async with db.connection() as tx:
        return [dict(row) for row in await tx.fetch("select * from ai_spending order by at, id")]


async def budgets(db: Database) -> dict[str, tuple[int, int]]:
    """Reserved and spent, by scope."""
    async with db.connection() as tx:
        return {row["scope"]: (row["reserved"], row["spent"]) for row in await tx.fetch("select * from ai_budgets")}


async def test_a_question_takes_its_worst_case_and_gives_back_what_it_did_not_need(db: Database, time: Time):
    asked = chat(db, time, GOOD)
    who = UsageScope(ADA, "plan", plan_id=uuid4())
    events = asked.stream_completion(question(most=1000), who)
    await anext(events)
    before = await budgets(db)
    assert set(before) == {"user", "plan", "global"}
    assert all(reserved >= 4000 and spent == 0 for reserved, spent in before.values())
    answer = [one async for one in events][-1]
    assert isinstance(answer, Completion)
    assert await budgets(db) == dict.fromkeys(before, (0, 180))
    (row,) = await rows(db)
    assert (row["id"], row["status"], row["outcome"], row["model"], row["cost"]) == (
        answer.id, "settled", "answered", "a", 180,
    )  # fmt: skip
    assert [one["outcome"] for one in row["attempts"]] == ["answered"]


@pytest.mark.parametrize("scope", ["user", "plan", "everybody"])
async def test_fifty_at_once_never_pass_a_limit(db: Database, time: Time, scope: str):
    found = spending(db, time, **{scope: 10_000})
    who = UsageScope(ADA, "plan", plan_id=UUID(int=7))
    tried = (found.reserve_budget(uuid4(), who, 900, 60) for _ in range(50))
    ends = await asyncio.gather(*tried, return_exceptions=True)
    assert sum(end is None for end in ends) == 11
    refused = {end.scope for end in ends if isinstance(end, BudgetExceeded)}
    assert refused == {{"everybody": "global"}.get(scope, scope)}
    assert set((await budgets(db)).values()) == {(9900, 0)}


async def test_many_who_ask_and_settle_at_once_stand_in_nobodys_way(db: Database, time: Time):
    """Different people and plans, the same budget of all: the order of the locks is everybody's."""
    found = spending(db, time)

    async def one(number: int) -> None:
        who, mine = UsageScope(UUID(int=number % 3), "chat", plan_id=UUID(int=number % 5)), uuid4()
        await found.reserve_budget(mine, who, 1000, 60)
        await found.settle_reservation(mine, UsageBill(10, "answered", TokenUsage(1, 1), "a"))

    await asyncio.gather(*(one(number) for number in range(60)))
    assert (await budgets(db))["global"] == (0, 600)


async def test_who_has_spent_it_is_told_whose_and_until_when(db: Database, time: Time):
    asked = chat(db, time, GOOD, user=5000)
    with pytest.raises(BudgetExceeded) as caught:
        await asked.create_completion(question(most=2000), UsageScope(ADA, "chat"))
    assert (caught.value.status, caught.value.code, caught.value.scope) == (429, "ai_budget_spent", "user")
    assert caught.value.renews_at == datetime(2026, 6, 2, tzinfo=UTC)
    assert caught.value.retry_after == 12 * 3600
    assert (await rows(db), await budgets(db)) == ([], {})


async def test_a_plan_has_its_budget_for_good_and_a_user_a_new_one_every_day(db: Database, time: Time):
    found, plan = spending(db, time, user=1000, plan=1500), UUID(int=7)
    await found.reserve_budget(uuid4(), UsageScope(ADA, "plan", plan), 1000, 60)
    time.at += timedelta(days=1).total_seconds()
    await found.reserve_budget(uuid4(), UsageScope(ADA, "plan", plan), 500, 60)
    with pytest.raises(BudgetExceeded) as caught:
        await found.reserve_budget(uuid4(), UsageScope(ADA, "plan", plan), 100, 60)
    assert (caught.value.scope, caught.value.renews_at) == ("plan", None)


# How it ends.


async def test_a_client_that_leaves_owes_what_was_generated_until_then(db: Database, time: Time):
    asked = chat(db, time, ["x" * 400, "y" * 400, done()])
    events = asked.stream_completion(question(), UsageScope(ADA, "chat"))
    await anext(events)
    await anext(events)
    await events.aclose()
    (row,) = await rows(db)
    assert (row["status"], row["outcome"], row["output_tokens"], row["estimated"]) == ("settled", "left", 100, True)
    assert (await budgets(db))["user"] == (0, row["cost"])


async def test_a_task_that_is_cancelled_settles_too(db: Database, time: Time):
    asked, began = chat(db, time, ["some", done()]), asyncio.Event()

    async def read() -> None:
        async for _ in asked.stream_completion(question(), UsageScope(ADA, "chat")):
            began.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(read())
    await began.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asked.close()
    assert (await rows(db))[0]["outcome"] == "left"
    assert (await budgets(db))["global"][0] == 0


async def test_failed_attempts_cost_nothing(db: Database, time: Time):
    asked = chat(db, time, [transient(500)], GOOD)
    assert (await asked.create_completion(question(), UsageScope(ADA, "chat"))).cost == 180
    assert (await budgets(db))["user"] == (0, 180)
    lost = chat(db, time, [timeout()])
    with pytest.raises(NoModelAvailable):
        await lost.create_completion(question(), UsageScope(ADA, "chat"))
    assert (await budgets(db))["user"] == (0, 180)
    assert [row["outcome"] for row in await rows(db)] == ["answered", "ai_unavailable"]


async def test_a_stream_that_is_cut_for_good_owes_what_it_has_brought(db: Database, time: Time):
    asked = chat(db, time, ["x" * 400, transient(code="stream_cut")])
    with pytest.raises(NoModelAvailable):
        await asked.create_completion(question(), UsageScope(ADA, "chat"))
    (row,) = await rows(db)
    assert (row["output_tokens"], row["estimated"]) == (100, True)


async def test_what_was_filtered_is_paid_for(db: Database, time: Time):
    asked = chat(db, time, ["no", done("content_filter")])
    with pytest.raises(ContentFiltered):
        await asked.create_completion(question(), UsageScope(ADA, "chat"))
    (row,) = await rows(db)
    assert (row["cost"], row["outcome"]) == (180, "content_filter")


async def test_an_answer_that_costs_more_than_was_thought_is_entered_as_it_is(db: Database, time: Time):
    asked = chat(db, time, ["much", done(usage=TokenUsage(0, 1_000_000))], user=10_000)
    await asked.create_completion(question(most=10), UsageScope(ADA, "chat"))
    assert (await budgets(db))["user"] == (0, 4_000_000)
    with pytest.raises(BudgetExceeded):
        await asked.create_completion(question(most=10), UsageScope(ADA, "chat"))


async def test_settling_twice_is_as_good_as_once(db: Database, time: Time):
    found, mine = spending(db, time), uuid4()
    await found.reserve_budget(mine, UsageScope(ADA, "chat"), 1000, 60)
    for cost in (100, 200):
        await found.settle_reservation(mine, UsageBill(cost, "answered", TokenUsage(1, 1)))
    await found.settle_reservation(uuid4(), UsageBill(5, "answered", TokenUsage(1, 1)))
    assert (await budgets(db))["user"] == (0, 100)


async def test_what_a_killed_process_has_reserved_lapses_at_its_worst(db: Database, time: Time):
    found, mine = spending(db, time), uuid4()
    await found.reserve_budget(mine, UsageScope(ADA, "chat"), 1000, 60)
    time.at += 119
    await found.lapse_reservations()
    assert (await budgets(db))["user"] == (1000, 0)
    time.at += 2
    await found.lapse_reservations()
    assert (await budgets(db))["user"] == (0, 1000)
    await found.settle_reservation(mine, UsageBill(70, "answered", TokenUsage(1, 1)))
    assert (await budgets(db))["user"] == (0, 70), "a late bill puts it right"


# What it has cost.


async def test_the_report_adds_up(db: Database, time: Time):
    asked = chat(db, time, GOOD)
    for purpose in ("plan", "plan", "chat"):
        await asked.create_completion(question(), UsageScope(ADA, purpose))
    await asked.budgets.reserve_budget(uuid4(), UsageScope(None, "chat"), 900, 60)
    today = time.now().date()
    report = await asked.budgets.report_usage(today, today, "purpose")
    assert [(one.key, one.calls, one.cost, one.reserved) for one in report.lines] == [
        ("chat", 2, 180, 900), ("plan", 2, 360, 0),
    ]  # fmt: skip
    assert (report.spent_today, report.reserved_today) == (540, 900)
    by_model = await asked.budgets.report_usage(today, today, "model")
    assert [(one.key, one.output_tokens) for one in by_model.lines] == [("", 0), ("a", 60)]
    by_user = await asked.budgets.report_usage(today, today, "user")
    assert [one.key for one in by_user.lines] == ["", str(ADA)]
    assert (await asked.budgets.report_usage(today - timedelta(days=9), today - timedelta(days=1), "day")).lines == []


def test_a_report_is_of_the_last_thirty_days_unless_it_is_said():
    today = date(2026, 6, 30)
    assert resolve_report_period(None, None, today) == (date(2026, 6, 1), today)
    assert resolve_report_period(date(2026, 1, 1), None, today) == (date(2026, 1, 1), today)


async def test_travellers_see_none_of_it(db: Database, time: Time):
    found = spending(db, time)
    await found.reserve_budget(uuid4(), UsageScope(ADA, "chat"), 1000, 60)
    async with db.transaction(ADA) as tx:
        for table in ("ai_spending", "ai_budgets"):
            assert not await tx.fetchval("select has_table_privilege($1, 'select')", table)
        assert not await tx.fetchval(
            "select has_function_privilege(oid, 'execute') from pg_proc where proname = 'ai_reserve'"
        )
