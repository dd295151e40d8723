"""The queue: one job per key, however often it is asked for, failed or held."""

import asyncio
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import jobs as queue
from hub.core.context import Context, bind_context
from hub.core.db import Database
from hub.core.errors import NotFound, ProviderPermanent, ProviderTransient
from hub.core.jobs import JobQueue, Retry, decode_job, encode_job
from tests.support.jobs import Count, Recorder, letters, put, queued, until, working


async def sweep(db: Database, key: str) -> None:
    with bind_context(actor="schedule:test.sweep"):
        await put(db, 9, key=key)


async def age_the_held(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.execute("update pgqueuer set updated = updated - interval '6 minutes' where status = 'failed'")


async def hold_one(db: Database, dsn: str, key: str = "same") -> None:
    await put(db, 1, key=key)
    async with working(db, dsn, Recorder(ProviderPermanent("kiwi"))):
        await until(lambda: letters(db))


async def test_a_job_that_waits_for_its_next_attempt_has_its_key_again(db: Database, dsn: str):
    """A sweep every ten seconds and a supplier that is silent for an hour made 360 jobs of one."""
    recorder = Recorder(Retry(60, "not yet"))
    await put(db, 1, key="same")
    async with working(db, dsn, recorder):
        await until(lambda: recorder.seen)
        waiting = await until(lambda: queued(db))
        await until(lambda: _waits(db, 50))
        for _ in range(3):
            await sweep(db, "same")
    (after,) = await queued(db)
    assert (after["id"], after["dedupe_key"]) == (waiting[0]["id"], "same")


async def _waits(db: Database, at_least: float) -> bool:
    return all(one["status"] == "queued" and one["wait"] > at_least for one in await queued(db))


async def test_news_hurries_a_job_that_waits_and_a_sweep_does_not(db: Database):
    await put(db, 1, key="same", delay=100)
    await sweep(db, "same")
    assert (await queued(db))[0]["wait"] > 90
    await put(db, 2, key="same")
    (one,) = await queued(db)
    assert one["wait"] <= 0


async def test_news_never_puts_a_job_off(db: Database):
    await put(db, 1, key="same")
    await put(db, 2, key="same", delay=100)
    (one,) = await queued(db)
    assert one["wait"] <= 0


async def test_news_does_not_hurry_a_job_that_waits_because_it_failed(db: Database, dsn: str):
    recorder = Recorder(ProviderTransient("kiwi", retry_after=100))
    await put(db, 1, key="same")
    async with working(db, dsn, recorder):
        await until(lambda: recorder.seen)
        await until(lambda: _waits(db, 90))
        await put(db, 2, key="same")
    assert await _waits(db, 90)


async def test_a_failed_job_is_folded_into_the_newer_one_that_inherits_its_failures(db: Database, dsn: str):
    recorder = Recorder(ProviderTransient("kiwi"), *[ProviderTransient("kiwi", retry_after=100)] * 2)
    recorder.gate = asyncio.Event()
    await put(db, 1, key="same")
    async with working(db, dsn, recorder):
        await recorder.started.wait()
        await put(db, 2, key="same")
        recorder.gate.set()
        await until(lambda: recorder.seen == [1, 2])
        await until(lambda: _waits(db, 90))
    (one,) = await queued(db)
    assert (one["headers"]["failures"], one["dedupe_key"]) == (2, "same")


async def test_news_takes_the_place_of_a_held_job_with_all_attempts(db: Database, dsn: str):
    await hold_one(db, dsn)
    await put(db, 2, key="same")
    (one,) = await queued(db)
    assert (one["status"], one["headers"].get("failures")) == ("queued", None)


async def test_a_sweep_leaves_a_held_job_alone_and_tries_it_once_more_later(db: Database, dsn: str):
    """A sweep every half minute filled the dead letters with copies of one job."""
    await hold_one(db, dsn)
    (letter,) = await letters(db)
    await sweep(db, "same")
    assert [one["id"] for one in await queued(db)] == [letter.id]
    await age_the_held(db)
    await sweep(db, "same")
    (one,) = await queued(db)
    assert (one["status"], one["headers"]["failures"], one["headers"]["error"]) == ("queued", 1, letter.error)


async def test_what_is_tried_once_more_by_a_sweep_is_held_by_one_more_failure(db: Database, dsn: str):
    await put(db, 1, key="same")
    async with db.transaction() as tx:
        await tx.execute(
            "update pgqueuer set status = 'failed', headers = headers || '{\"failures\": 3}', dedupe_key = null"
        )
    await age_the_held(db)
    await sweep(db, "same")
    recorder = Recorder(ProviderTransient("kiwi"))
    async with working(db, dsn, recorder):
        await until(lambda: letters(db))
    assert len(recorder.seen) == 1


async def test_a_cause_that_is_undone_leaves_the_held_job_where_it_was(db: Database, dsn: str):
    await hold_one(db, dsn)
    with pytest.raises(RuntimeError):
        async with db.transaction() as tx:
            await JobQueue().enqueue(tx, Count(number=2), key="same")
            raise RuntimeError
    assert [one.work for one in await letters(db)] == [{"number": 1}]


async def test_one_key_asked_for_by_twenty_at_once_is_one_job(db: Database, dsn: str):
    await hold_one(db, dsn)
    await asyncio.gather(*(put(db, number, key="same") for number in range(20)))
    assert [one["status"] for one in await queued(db)] == ["queued"]


async def test_jobs_without_a_key_are_all_different(db: Database):
    await asyncio.gather(*(put(db, number) for number in range(5)))
    assert len(await queued(db)) == 5


async def test_a_held_job_can_be_looked_at_and_dropped(db: Database, dsn: str):
    await hold_one(db, dsn)
    (letter,) = await letters(db)
    async with db.transaction() as tx:
        assert await queue.find_job(tx, letter.id) == letter
        await queue.drop_held_job(tx, letter.id)
        for gone in (queue.find_job, queue.retry_held_job, queue.drop_held_job):
            with pytest.raises(NotFound):
                await gone(tx, letter.id)


async def test_a_job_that_waits_can_be_seen_and_neither_retried_nor_dropped(db: Database):
    await put(db, 1)
    (number,) = [one["id"] for one in await queued(db)]
    async with db.transaction() as tx:
        assert (await queue.find_job(tx, number)).status == "queued"
        for refused in (queue.retry_held_job, queue.drop_held_job):
            with pytest.raises(NotFound):
                await refused(tx, number)


async def test_a_traveller_cannot_read_the_queue(db: Database, dsn: str):
    async with db.transaction(UUID(int=1)) as tx:
        await JobQueue().enqueue(tx, Count(number=1))
        with pytest.raises(Exception, match="permission denied"):
            async with tx.open_savepoint():
                await tx.fetch("select * from pgqueuer")
    assert len(await queued(db)) == 1


@given(
    request_id=st.none() | st.text(max_size=20), booking_id=st.none() | st.uuids(), number=st.integers(-(2**53), 2**53)
)
def test_a_job_and_what_it_is_about_come_back_as_they_went(request_id, booking_id, number):
    context = Context(request_id=request_id, booking_id=booking_id, ip="192.0.2.1", user_agent="Firefox")
    try:
        payload = encode_job(Count(number=number), context)
    except TypeError:
        return  # half a surrogate is no request id
    assert b"192.0.2.1" not in payload
    assert decode_job(payload) == ({"number": number}, Context(request_id=request_id, booking_id=booking_id))
