"""What a worker must survive: lost and silent connections, an empty pool, kill -9, deployments, rude handlers."""

import asyncio
import random
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hub.core.clock import SystemClock
from hub.core.db import Database
from hub.core.errors import Unavailable
from hub.core.jobs import every
from hub.core.migrations import apply_migrations
from hub.core.schedules import Schedule, Scheduler
from hub.core.worker import Worker
from tests.support.jobs import Recorder, letters, put, queued, until, working
from tests.support.silent_wire import wire_to

ROOT = Path(__file__).parents[2]
QUICK = timedelta(seconds=1)


async def cut_off(dsn: str) -> None:
    """Ends the connections that listen; the pool's bear the hub's name."""
    admin = await asyncpg.connect(dsn)
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid() and application_name <> 'travel-hub'"
    )
    await admin.close()


async def test_a_lost_connection_does_not_wait_for_the_jobs_in_hand(db: Database, dsn: str):
    """One call to a slow provider kept the whole process from taking jobs after the database had come back."""
    slow = Recorder()
    slow.gate = asyncio.Event()
    await put(db, 1)
    async with working(db, dsn, slow, heartbeat_timeout=QUICK) as worker:
        await slow.started.wait()
        await cut_off(dsn)
        await until(lambda: not worker.is_healthy)
        began = time.monotonic()
        await put(db, 2)
        await until(lambda: 2 in slow.seen)
        assert time.monotonic() - began < 3
        slow.gate.set()
        await until(lambda: _empty(db))


async def test_a_job_in_hand_when_the_connection_is_lost_is_not_run_beside_itself(db: Database, dsn: str):
    """Its heartbeat ends with the connection, and so the next one is given the same job."""
    slow = Recorder()
    slow.gate = asyncio.Event()
    await put(db, 1)
    async with working(db, dsn, slow, heartbeat_timeout=QUICK):
        await slow.started.wait()
        first = await _session(db)
        await cut_off(dsn)
        async with asyncio.timeout(8):
            while await _session(db) == first:
                await asyncio.sleep(0.02)
        slow.gate.set()
        await until(lambda: _empty(db))
    assert (slow.seen, slow.most) == ([1], 1)


async def _empty(db: Database) -> bool:
    return await queued(db) == []


async def _session(db: Database) -> Any:
    """Whose the one job is."""
    async with db.transaction() as tx:
        return await tx.fetchval("select queue_manager_id from pgqueuer")


async def test_a_connection_that_falls_silent_is_given_up(db: Database, dsn: str):
    """No error, no end of file: a firewall has forgotten the connection."""
    recorder = Recorder()
    async with wire_to(dsn) as (wire, through):
        connect = lambda: asyncpg.connect(through, ssl=False)  # noqa: E731
        async with working(db, dsn, recorder, connect=connect, pulse_timeout=0.5) as worker:
            await until(lambda: worker.is_healthy)
            wire.holds.set()
            await put(db, 1)
            await until(lambda: recorder.seen == [1])
            await until(lambda: worker.is_healthy)


async def test_a_job_whose_start_cannot_be_counted_is_not_held_for_it(db: Database, dsn: str):
    """The pool was empty for five seconds, and jobs that had never run lay among the dead letters."""
    recorder = Recorder()
    starved = await Database.open_pool(dsn, pool_size=1, connect_timeout=0.1)
    await put(db, 1)
    async with working(starved, dsn, recorder):
        async with starved.transaction():
            await asyncio.sleep(1)
            assert (recorder.seen, await letters(db)) == ([], [])
        await until(lambda: recorder.seen == [1])
    await starved.close()


async def test_the_end_of_an_attempt_is_written_down_when_the_database_is_back(db: Database, dsn: str):
    recorder = Recorder(Unavailable())
    recorder.gate = asyncio.Event()
    starved = await Database.open_pool(dsn, pool_size=1, connect_timeout=0.1)
    await put(db, 1)
    async with working(starved, dsn, recorder):
        await recorder.started.wait()
        async with starved.transaction():
            recorder.gate.set()
            await asyncio.sleep(0.5)
        await until(lambda: recorder.seen == [1, 1])
    await starved.close()
    assert await letters(db) == []


async def test_deployments_are_no_kills(db: Database, dsn: str):
    """A long job that was cut off by four graceful stops was taken for one that kills its process."""
    await put(db, 1)
    for _ in range(4):
        slow = Recorder()
        slow.gate = asyncio.Event()
        async with working(db, dsn, slow, grace=0.05):
            await slow.started.wait()
    (one,) = await queued(db)
    assert (one["status"], one["headers"]["starts"]) == ("queued", 0)


async def test_a_stop_in_time_of_grace_lets_the_job_finish(db: Database, dsn: str):
    slow = Recorder()
    slow.gate = asyncio.Event()
    await put(db, 1)
    async with working(db, dsn, slow):
        await slow.started.wait()
        asyncio.get_running_loop().call_later(0.2, slow.gate.set)
    assert await _empty(db)


async def test_a_handler_cancelled_from_within_has_failed(db: Database, dsn: str):
    """It was given back without being counted, and started again at once, for ever."""
    await put(db, 1)
    recorder = Recorder(asyncio.CancelledError())
    async with working(db, dsn, recorder):
        await until(lambda: recorder.seen == [1, 1])
        await until(lambda: _empty(db))


async def test_a_worker_that_is_cancelled_puts_its_jobs_back(db: Database, dsn: str):
    slow, quick = Recorder(), Recorder()
    slow.gate = asyncio.Event()
    await put(db, 1)
    worker = Worker(db, lambda: asyncpg.connect(dsn), SystemClock(), random.Random(1))
    worker.add_services(slow)
    running = asyncio.create_task(worker.run())
    await slow.started.wait()
    running.cancel()
    await asyncio.wait({running})
    assert [one["status"] for one in await queued(db)] == ["queued"]
    async with working(db, dsn, quick):
        await until(lambda: quick.seen == [1])


async def test_a_database_without_tables_is_waited_for(empty: str):
    """The worker was up before the migrations."""
    db, recorder = await Database.open_pool(empty, pool_size=2), Recorder()
    async with working(db, empty, recorder) as worker:
        await asyncio.sleep(0.7)
        assert not worker.is_healthy
        await apply_migrations(empty)
        await until(lambda: worker.is_healthy)
        await put(db, 1)
        await until(lambda: recorder.seen == [1])
    await db.close()


@pytest.mark.slow
async def test_the_job_of_a_killed_process_is_taken_by_another_within_seconds(db: Database, dsn: str):
    """kill -9; how often that may happen to one job is tested with the worker."""
    await put(db, 7)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.core.victim", dsn, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 15) == b"7\n"
    process.kill()
    await process.wait()
    survivor, began = Recorder(), time.monotonic()
    async with working(db, dsn, survivor):
        await until(lambda: survivor.seen == [7], 10)
    assert time.monotonic() - began < 7


class Sweeps:
    def __init__(self) -> None:
        self.slow = self.quick = 0
        self.gate = asyncio.Event()

    @every(0.1, "sweeps.long")
    async def long(self) -> None:
        self.slow += 1
        await self.gate.wait()

    @every(0.1, "sweeps.short")
    async def short(self) -> None:
        self.quick += 1
        raise RuntimeError


async def test_a_slow_schedule_delays_no_other_and_does_not_run_beside_itself(db: Database, dsn: str):
    sweeps = Sweeps()
    async with working(db, dsn, sweeps, grace=0.1):
        await until(lambda: sweeps.quick >= 2)
    assert sweeps.slow == 1


async def test_two_schedules_may_not_share_a_name(db: Database):
    schedules = Scheduler(db, SystemClock())
    schedules.add_schedule(Schedule("test", 1, asyncio.Event().wait))
    with pytest.raises(ValueError, match="test"):
        schedules.add_schedule(Schedule("test", 2, asyncio.Event().wait))


async def test_a_schedule_whose_period_is_shortened_need_not_wait_for_the_old_one(db: Database):
    ran = asyncio.Event()

    async def run() -> None:
        ran.set()

    for seconds in (3600, 0.2):
        ran.clear()
        stopping = asyncio.Event()
        schedules = Scheduler(db, SystemClock())
        schedules.add_schedule(Schedule("test", seconds, run))
        running = asyncio.create_task(schedules.run(stopping))
        await asyncio.wait_for(ran.wait(), 5)
        stopping.set()
        await running
