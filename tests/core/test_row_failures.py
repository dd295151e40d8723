"""A row that cannot be processed: isolated, recorded, retried, shown to people, and forgotten once it works."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from hub.core.clock import IdGenerator
from hub.core.db import Database
from hub.core.errors import InvalidRequest, ProviderPermanent, ProviderTransient, Unavailable
from hub.core.jobs import Retry
from hub.core.row_failures import RowKey, Sweep, process_all
from hub.oversight.audit import AuditLog
from hub.oversight.review_queue import FAILURES_BEFORE_REVIEW, ReviewItem, ReviewQueue
from tests.support.jobs import Least
from tests.support.logs import logging_to_memory

ROWS = ["good", "poison", "also good"]


class SetClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def pass_time(self, **how: float) -> None:
        self.time += timedelta(**how)


class Processing:
    """A sweep over three rows, of which one raises `error` until it is repaired."""

    def __init__(self, db: Database, clock: SetClock, error: Exception | None) -> None:
        self.sweep = Sweep("test.sweep", db, clock)  # type: ignore[arg-type]
        self.error = error
        self.tried: list[str] = []

    async def __call__(self) -> list[str]:
        """The rows that were tried in this run."""
        self.tried = []
        await self.sweep.process_rows(ROWS, self._handle, key=RowKey)
        return self.tried

    async def _handle(self, row: str) -> None:
        self.tried.append(row)
        if row == "poison" and self.error is not None:
            raise self.error


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def attention(db: Database, clock: SetClock) -> ReviewQueue:
    return ReviewQueue(db, AuditLog(clock), clock, IdGenerator(clock, Least()))  # type: ignore[arg-type]


async def open_items(attention: ReviewQueue) -> list[ReviewItem]:
    await attention.sweep_failed_rows()
    return (await attention.list_items(open_only=True, page=1, page_size=50))[0]


async def test_one_poisoned_row_does_not_stop_the_others(db: Database, clock: SetClock):
    process = Processing(db, clock, ValueError("ada@example.com"))
    with logging_to_memory() as lines:
        assert await process() == ROWS
    (event,) = lines.events
    assert (event["event"], event["sweep"], event["row"], event["error"]) == (
        "row.failed", "test.sweep", "poison", "ValueError",
    )  # fmt: skip
    assert "ada@" not in lines.text


async def test_a_row_that_failed_waits_longer_each_time_and_the_others_do_not(db: Database, clock: SetClock):
    process = Processing(db, clock, ValueError())
    await process()
    waits = []
    for _ in range(7):
        began = clock.now()
        while "poison" not in await process():
            assert process.tried == ["good", "also good"]
            clock.pass_time(seconds=30)
        waits.append((clock.now() - began).total_seconds())
    assert waits == [30, 60, 120, 240, 480, 900, 900]


async def test_repeated_failure_becomes_one_review_item_that_closes_on_recovery(
    db: Database, clock: SetClock, attention: ReviewQueue
):
    process = Processing(db, clock, InvalidRequest("The amount is wrong."))
    for nth in range(FAILURES_BEFORE_REVIEW + 2):
        await process()
        assert len(await open_items(attention)) == (nth + 1 >= FAILURES_BEFORE_REVIEW)
        clock.pass_time(minutes=20)
    (item,) = await open_items(attention)
    assert (item.kind, item.subject, item.detail["error"]) == (
        "row_failed", "test.sweep:poison", "invalid: The amount is wrong.",
    )  # fmt: skip
    process.error = None
    await process()
    assert await open_items(attention) == []


async def test_who_resolves_the_item_has_the_row_tried_again_at_once(
    db: Database, clock: SetClock, attention: ReviewQueue
):
    process = Processing(db, clock, ValueError())
    for _ in range(FAILURES_BEFORE_REVIEW):
        await process()
        clock.pass_time(minutes=20)
    (item,) = await open_items(attention)
    await process()
    await attention.resolve_item(item.id, "corrected by hand")
    assert await open_items(attention) == []
    assert "poison" in await process()


async def test_a_row_that_no_sweep_meets_any_more_is_forgotten(db: Database, clock: SetClock, attention: ReviewQueue):
    process = Processing(db, clock, ValueError())
    for _ in range(FAILURES_BEFORE_REVIEW):
        await process()
        clock.pass_time(minutes=20)
    assert len(await open_items(attention)) == 1
    clock.pass_time(hours=25)
    await attention.sweep_failed_rows()
    assert await open_items(attention) == []


async def test_a_provider_that_is_away_is_no_fault_of_the_row_until_it_lasts(
    db: Database, clock: SetClock, attention: ReviewQueue
):
    process = Processing(db, clock, ProviderTransient("stripe"))
    for _ in range(13):
        assert await open_items(attention) == []
        assert await process() == ROWS
        clock.pass_time(hours=1)
    assert [item.kind for item in await open_items(attention)] == ["row_failed"]


async def test_review_items_of_two_rows_of_one_booking_are_two(db: Database, clock: SetClock, attention: ReviewQueue):
    booking = UUID(int=7)
    async with db.transaction() as tx:
        await tx.execute("set local session_replication_role = replica")
        await attention.open_item(tx, "row_failed", booking_id=booking, subject="a:1")
        await attention.open_item(tx, "row_failed", booking_id=booking, subject="b:1")
        await attention.open_item(tx, "row_failed", booking_id=booking, subject="b:1")
        assert await tx.fetchval("select count(*) from attention") == 2


async def test_a_database_that_is_away_ends_the_sweep(db: Database, clock: SetClock):
    process = Processing(db, clock, ValueError())
    await process()
    clock.pass_time(hours=1)
    await db.close()
    with pytest.raises(Unavailable):
        await process()


async def test_a_job_with_several_items_tries_all_and_then_fails():
    tried: list[int] = []

    async def handle(number: int) -> None:
        tried.append(number)
        if number == 1:
            raise Retry(5, "not yet")
        if number == 2:
            raise ProviderPermanent("stripe")

    with pytest.raises(ProviderPermanent):
        await process_all([1, 2, 3], handle)
    assert tried == [1, 2, 3]
