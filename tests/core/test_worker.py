import asyncio

import asyncpg
import pytest

from hub.core import jobs as queue
from hub.core.clock import SystemClock
from hub.core.context import bind_context
from hub.core.db import Database
from hub.core.errors import NotFound, ProviderPermanent, ProviderTransient
from hub.core.jobs import JobQueue, Retry, every
from hub.core.worker import Worker, count_jobs_by_status
from tests.support.jobs import Count, Least, Recorder, letters, put, until, working


async def test_a_job_runs_with_the_context_of_its_cause(db: Database, dsn: str):
    recorder = Recorder()
    with bind_context(request_id="req-1"):
        await put(db, 7)
    async with working(db, dsn, recorder):
        await until(lambda: recorder.seen)
    assert (recorder.seen, recorder.about) == ([7], ["req-1"])


async def test_a_rolled_back_cause_leaves_no_job(db: Database):
    with pytest.raises(RuntimeError):
        async with db.transaction() as tx:
            await JobQueue().enqueue(tx, Count(number=1))
            raise RuntimeError
    async with db.transaction() as tx:
        assert await count_jobs_by_status(tx) == {}


async def test_one_key_waits_once_but_news_during_a_run_is_a_run_of_its_own(db: Database, dsn: str):
    recorder = Recorder()
    recorder.gate = asyncio.Event()
    await put(db, 1, key="same")
    await put(db, 2, key="same")
    async with working(db, dsn, recorder):
        await recorder.started.wait()
        await put(db, 3, key="same")
        recorder.gate.set()
        await until(lambda: recorder.seen == [1, 3])


async def test_later_is_not_a_failure(db: Database, dsn: str):
    recorder = Recorder(*[Retry(0, "not yet")] * 4)
    await put(db, 1)
    async with working(db, dsn, recorder):
        await until(lambda: len(recorder.seen) == 5)


async def test_a_job_that_fails_too_often_is_held_and_can_be_retried_or_dropped(db: Database, dsn: str):
    recorder = Recorder(*[ProviderTransient("kiwi", retry_after=0)] * 3)
    await put(db, 1)

    async with working(db, dsn, recorder):
        await until(lambda: letters(db), 20)
        async with db.transaction() as tx:
            (letter,) = await queue.list_held_jobs(tx)
            assert (letter.kind, letter.failures, letter.work) == ("test.count", 3, {"number": 1})
            await queue.retry_held_job(tx, letter.id)
        await until(lambda: len(recorder.seen) == 4)
    async with db.transaction() as tx:
        with pytest.raises(NotFound):
            await queue.drop_held_job(tx, letter.id)


async def test_what_will_never_work_is_held_at_once_without_the_words_of_strangers(db: Database, dsn: str):
    recorder = Recorder(ValueError("ada@example.com"), ProviderPermanent("stripe", "no such customer"))
    await put(db, 1)

    async with working(db, dsn, recorder):
        await until(lambda: letters(db))
    (letter,) = await letters(db)
    assert letter.error == "provider_refused: stripe: no such customer"
    assert len(recorder.seen) == 2
    async with db.transaction() as tx:
        logged = await tx.fetchval("select string_agg(traceback::text, '') from pgqueuer_log")
    assert "ada@example.com" not in logged


async def test_a_stopping_worker_puts_unfinished_work_back_for_the_next(db: Database, dsn: str):
    slow, quick = Recorder(), Recorder()
    slow.gate = asyncio.Event()
    await put(db, 5)
    async with working(db, dsn, slow, grace=0.1):
        await slow.started.wait()
    async with working(db, dsn, quick):
        await until(lambda: quick.seen == [5])


async def test_a_lost_connection_is_made_good(db: Database, dsn: str):
    recorder = Recorder()
    async with working(db, dsn, recorder) as worker:
        await until(lambda: worker.is_healthy)
        admin = await asyncpg.connect(dsn)
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        await admin.close()
        await asyncio.sleep(0.1)
        await until(lambda: worker.is_healthy)
        await put(db, 9)
        await until(lambda: recorder.seen == [9])


async def test_a_job_that_has_killed_its_process_three_times_is_held(db: Database, dsn: str):
    recorder = Recorder()
    await put(db, 1)
    async with db.transaction() as tx:
        await tx.execute("update pgqueuer set headers = '{\"starts\": 3}'")

    async with working(db, dsn, recorder):
        await until(lambda: letters(db))
    assert recorder.seen == []


class Ticker:
    def __init__(self) -> None:
        self.ticks = 0

    @every(3600, "ticker.tick")
    async def tick(self) -> None:
        self.ticks += 1


async def test_a_schedule_runs_on_one_worker_of_two(db: Database, dsn: str):
    first, second = Ticker(), Ticker()
    async with working(db, dsn, first), working(db, dsn, second):
        await until(lambda: first.ticks + second.ticks)
        await asyncio.sleep(1.2)
    assert first.ticks + second.ticks == 1


async def test_nothing_of_a_service_runs_while_its_jobs_are_looked_for(db: Database, dsn: str):
    class Touchy(Recorder):
        @property
        def secret(self) -> str:
            raise TypeError("nobody may ask")

    worker = Worker(db, lambda: asyncpg.connect(dsn), SystemClock(), Least())
    worker.add_services(Touchy())
    assert worker.job_runner.job_kinds == ["test.count"]
