import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from hub.core.clock import SystemClock
from hub.core.db import Database, load_queries
from hub.core.errors import Unavailable
from hub.core.provider_calls import ProviderCallLog, ProviderCallRecord

QUERIES = load_queries("provider_calls")


def record(number=1, booking_id=None):
    return ProviderCallRecord(
        provider="kiwi",
        operation="search",
        attempt=number,
        method="GET",
        status=200,
        outcome="answered",
        duration_ms=1.5,
        idempotency_key=None,
        booking_id=booking_id,
        request_id="r1",
        provider_request_id=None,
        started_at=datetime.now(UTC),
    )


class Shelf:
    """A database that can be away; it keeps what is written."""

    def __init__(self):
        self.away = False
        self.attempts = []
        self.batches = []
        self.before_commit = lambda: None

    @asynccontextmanager
    async def transaction(self):
        if self.away:
            raise Unavailable
        yield self
        await asyncio.sleep(0)
        self.before_commit()

    async def executemany(self, _, rows):
        self.batches.append(len(rows))
        self.attempts += [row[2] for row in rows]


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
async def calls(shelf):
    log = ProviderCallLog(shelf, SystemClock(), flush_interval=0.01, batch_size=4, capacity=10)
    log.start()
    yield log
    await log.stop()


async def written(shelf, count):
    async with asyncio.timeout(3):
        while len(shelf.attempts) < count:
            await asyncio.sleep(0.005)
    return shelf.attempts


async def test_records_are_written_together_and_in_order(calls, shelf):
    for number in range(6):
        calls.record_call(record(number))
    assert await written(shelf, 6) == list(range(6))
    assert shelf.batches == [4, 2]


async def test_what_waits_is_written_at_stop(shelf):
    log = ProviderCallLog(shelf, SystemClock(), flush_interval=60)
    log.start()
    log.record_call(record(7))
    await log.stop()
    assert shelf.attempts == [7]


async def test_an_absent_database_loses_nothing_at_once(calls, shelf):
    shelf.away = True
    calls.record_call(record(1))
    await asyncio.sleep(0.05)
    assert calls.waiting_count == 1
    shelf.away = False
    assert await written(shelf, 1) == [1]
    assert calls.dropped_count == 0


async def test_a_long_absence_drops_the_oldest_and_counts_them(calls, shelf):
    shelf.away = True
    for number in range(13):
        calls.record_call(record(number))
    assert (calls.waiting_count, calls.dropped_count) == (10, 3)
    shelf.away = False
    assert await written(shelf, 10) == list(range(3, 13))


async def test_records_pushed_out_while_they_are_being_written_are_not_lost(calls, shelf):
    shelf.before_commit = lambda: (
        [calls.record_call(record(100 + number)) for number in range(2)] if one_time() else None
    )
    turns = iter([True])

    def one_time():
        return next(turns, False)

    for number in range(10):
        calls.record_call(record(number))
    assert await written(shelf, 12) == [*range(10), 100, 101]
    assert calls.dropped_count == 0


async def test_stopping_with_the_database_away_ends(shelf):
    log = ProviderCallLog(shelf, SystemClock(), flush_interval=0.01)
    log.start()
    shelf.away = True
    log.record_call(record())
    async with asyncio.timeout(1):
        await log.stop()
    assert log.waiting_count == 1


async def test_the_trouble_is_told_once_and_its_end_once(calls, shelf, capsys):
    shelf.away = True
    for number in range(3):
        calls.record_call(record(number))
        await asyncio.sleep(0.03)
    shelf.away = False
    await written(shelf, 3)
    await asyncio.sleep(0.02)
    said = capsys.readouterr().out
    assert (said.count("call_log.write_failed"), said.count("call_log.recovered")) == (1, 1)


async def test_a_booking_finds_its_calls_in_postgresql(db):
    booking = uuid4()
    log = ProviderCallLog(db, SystemClock(), flush_interval=0.01)
    log.start()
    log.record_call(record(1))
    log.record_call(record(2, booking))
    await log.stop()
    async with db.transaction() as tx:
        rows = await tx.fetch(QUERIES.calls_of_booking, booking)
    assert [(row["attempt"], row["outcome"], row["duration_ms"]) for row in rows] == [(2, "answered", 1.5)]


async def test_travellers_do_not_see_calls(db):
    log = ProviderCallLog(db, SystemClock())
    log.record_call(record())
    await log.stop()
    with pytest.raises(Exception, match="permission denied"):
        async with db.transaction(uuid4()) as tx:
            await tx.fetch("select * from provider_calls")


async def test_a_record_that_cannot_be_stored_does_not_hold_up_the_others(db: Database):
    calls = ProviderCallLog(db, SystemClock(), flush_interval=0.01)
    calls.start()
    calls.record_call(replace(record(), operation="first"))
    calls.record_call(replace(record(), operation="a NUL \x00 inside"))
    calls.record_call(replace(record(), operation="last"))
    await calls.stop()
    assert (calls.waiting_count, calls.dropped_count, calls.unwritable_count) == (0, 0, 1)
    async with db.transaction() as tx:
        assert await tx.fetchval("select array_agg(operation order by operation) from provider_calls") == [
            "first",
            "last",
        ]
