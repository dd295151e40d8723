import asyncio
import os
import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest

from hub.core import db as module
from hub.core.db import Database
from hub.core.embedded_postgres import find_pg_dump
from hub.core.errors import DiskFull, NotFound, OutOfRange, Unavailable

ONE = "insert into notes values (1, 'a')"
TWO = "insert into notes values (2, 'b')"
END_ALL_OTHERS = """
    select pg_terminate_backend(pid, 2000) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""
ADA = UUID(int=0xADA)


@pytest.fixture
async def notes(db: Database) -> Database:
    async with db.transaction() as tx:
        await tx.execute("create table notes (id int primary key, text text)")
        await tx.execute("grant select on notes to authenticated")
    return db


@pytest.fixture
async def admin(dsn: str):
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def end_all_others(admin: asyncpg.Connection) -> None:
    """What a restart does to those who are connected. It returns when they are gone."""
    await admin.execute(END_ALL_OTHERS)


async def work(db: Database, *steps) -> None:
    """One transaction: a text is executed, an error is raised, anything else is called."""
    async with db.transaction() as tx:
        for step in steps:
            if isinstance(step, Exception):
                raise step
            await (tx.execute(step) if isinstance(step, str) else step())


async def count(db: Database) -> int:
    async with db.connection() as connection:
        return await connection.fetchval("select count(*) from notes")


async def test_a_transaction_is_kept_when_its_block_ends(notes: Database):
    async with notes.transaction() as tx:
        await tx.executemany("insert into notes values ($1, $2)", [(1, "a"), (2, "b")])
    assert await count(notes) == 2


@pytest.mark.parametrize("error", [OSError("disk"), TimeoutError(), NotFound(), KeyError("x"), ConnectionResetError()])
async def test_what_the_block_raises_passes_unchanged_and_nothing_is_kept(notes: Database, error: Exception):
    with pytest.raises(type(error)) as caught:
        await work(notes, ONE, error)
    assert caught.value is error
    assert await count(notes) == 0


async def test_what_the_block_raises_passes_also_when_the_database_has_gone(notes: Database, admin):
    with pytest.raises(KeyError):
        await work(notes, ONE, lambda: end_all_others(admin), KeyError("x"))
    assert await count(notes) == 0


async def test_cancelling_gives_the_connection_back(notes: Database):
    async def slow():
        async with notes.transaction() as tx:
            await tx.execute("select pg_sleep(30)")

    tasks = [asyncio.create_task(slow()) for _ in range(5)]  # as many as the pool has
    await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(one) for one in results} == {asyncio.CancelledError}
    assert await count(notes) == 0


async def test_a_mistake_in_a_statement_passes_as_it_is(notes: Database):
    with pytest.raises(asyncpg.DataError):
        async with notes.transaction() as tx:
            await tx.fetch("select $1::int", "seven")
    with pytest.raises(asyncpg.UniqueViolationError):
        async with notes.transaction() as tx:
            await tx.executemany("insert into notes values ($1, '')", [(1,), (1,)])


async def test_a_lost_race_passes_as_it_is(notes: Database):
    await work(notes, ONE)
    change = "update notes set text = text || '!'"
    strict = ("set transaction isolation level repeatable read", "select * from notes")
    with pytest.raises(asyncpg.SerializationError):
        await work(notes, *strict, lambda: work(notes, change), change)


async def test_a_failure_that_is_passed_over_is_not_taken_for_saved(notes: Database):
    """PostgreSQL answers such a commit with ROLLBACK and without an error."""

    async def careless():
        async with notes.transaction() as tx:
            with suppress(asyncpg.UniqueViolationError):
                await tx.executemany("insert into notes values ($1, '')", [(1,), (1,)])

    with pytest.raises(RuntimeError, match="nothing was saved"):
        await careless()
    assert await count(notes) == 0


async def test_a_savepoint_undoes_its_part_alone(notes: Database):
    async with notes.transaction() as tx:
        await tx.execute(ONE)
        with pytest.raises(asyncpg.UniqueViolationError):
            async with tx.open_savepoint():
                await tx.executemany("insert into notes values ($1, '')", [(2,), (1,)])
        async with tx.open_savepoint():
            await tx.execute(TWO)
    assert await count(notes) == 2


async def test_an_empty_pool_is_unavailable_with_a_time_to_come_back(dsn: str):
    db = await Database.open_pool(dsn, pool_size=1, connect_timeout=0.05)
    async with db.transaction():
        with pytest.raises(Unavailable) as caught:
            async with db.connection():
                pass
    assert caught.value.status == 503
    assert caught.value.retry_after == 1
    await db.close()


async def test_a_server_that_takes_no_more_connections_is_unavailable(dsn: str, admin):
    parts = urlsplit(dsn)
    visitor = f"visitor_{os.getpid()}"
    await admin.execute(f"create role {visitor} login password 'plain' connection limit 0")
    try:
        with pytest.raises(Unavailable):
            await Database.open_pool(
                parts._replace(netloc=f"{visitor}:plain@{parts.netloc.rpartition('@')[2]}").geturl()
            )
    finally:
        await admin.execute(f"drop role {visitor}")


async def test_nobody_there_is_unavailable(tmp_path):
    with pytest.raises(Unavailable):
        await Database.open_pool(f"postgresql://nobody@/nothing?host={tmp_path}")


async def test_a_closed_database_is_unavailable(dsn: str):
    db = await Database.open_pool(dsn)
    await db.close()
    with pytest.raises(Unavailable):
        async with db.transaction():
            pass


async def test_closing_does_not_wait_for_ever(dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "CLOSE_TIMEOUT", 0.05)
    db = await Database.open_pool(dsn)
    with pytest.raises(Unavailable):
        await work(db, db.close, "select 1")


async def test_a_connection_that_ends_in_a_transaction_is_unavailable_and_the_next_one_works(notes: Database, admin):
    with pytest.raises(Unavailable):
        await work(notes, ONE, lambda: end_all_others(admin), TWO)
    assert await count(notes) == 0


async def test_a_commit_that_is_not_answered_is_unavailable(notes: Database, admin):
    with pytest.raises(Unavailable):
        await work(notes, ONE, lambda: end_all_others(admin))


async def test_it_recovers_by_itself_when_all_connections_have_ended(notes: Database, admin):
    async with notes.connection() as first, notes.connection() as second:
        assert first.connection is not second.connection
    await end_all_others(admin)
    assert [await count(notes) for _ in range(5)] == [0] * 5


async def test_a_connection_that_was_lost_while_idle_is_replaced(notes: Database, dsn: str):
    """The loop has not heard of its end when the next transaction takes it."""
    command = [find_pg_dump().with_name("psql"), "--quiet", "--output=/dev/null", f"--command={END_ALL_OTHERS}", dsn]
    subprocess.run(command, check=True)  # noqa: ASYNC221 (the loop stands still on purpose)
    await work(notes, ONE)
    assert await count(notes) == 1


async def test_a_silent_database_is_unavailable(dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "STATEMENT_TIMEOUT", 0.1)
    db = await Database.open_pool(dsn)
    with pytest.raises(Unavailable):
        async with db.transaction() as tx:
            await tx.execute("select pg_sleep(5)")
    await db.close()


async def test_after_a_migration_old_statements_are_prepared_anew(notes: Database, admin):
    async def look():
        async with notes.transaction() as tx:
            return await tx.fetch("select * from notes")

    await look()
    await admin.execute("alter table notes add column added int")
    with pytest.raises(Unavailable, match="has just been changed"):
        await look()
    assert await look() == []


async def test_it_works_without_prepared_statements(dsn: str):
    """As behind PgBouncer and Supabase's pooler, where a single statement is safe only in a transaction."""
    db = await Database.open_pool(dsn, statement_cache_size=0)
    async with db.connection() as connection:
        assert connection.connection.is_in_transaction()
        assert await connection.fetchval("select $1::int + 1", 2) == 3
    async with db.transaction(ADA) as tx:
        assert await tx.fetchval("select auth.uid()") == ADA
        assert await tx.fetchval("select count(*) from pg_prepared_statements") == 0
    await db.close()


async def test_json_goes_in_and_out_as_python_has_it(db: Database):
    value = {"text": "Zoë\n", "n": [1, 2.5, None, True], "sub": {}}
    async with db.transaction() as tx:
        assert await tx.fetchval("select $1::jsonb", value) == value
        assert await tx.fetchval("select $1::json", value) == value
        assert await tx.fetchval("select ($1::jsonb)->>'text'", value) == "Zoë\n"


async def test_times_are_aware_and_in_utc(db: Database):
    moment = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    async with db.transaction() as tx:
        found = await tx.fetchval("select $1::timestamptz", moment)
        assert (found, found.utcoffset()) == (moment, timedelta(0))
        assert await tx.fetchval("select $1::timestamptz::text", moment) == "2026-03-29 01:30:00+00"


async def test_a_connection_beside_the_pool_hears_notifications(db: Database):
    heard = asyncio.Queue()
    listener = await db.open_listen_connection()
    await listener.add_listener("news", lambda *said: heard.put_nowait(said[-1]))
    async with db.transaction() as tx:
        await tx.execute("select pg_notify('news', 'hello')")
    assert await asyncio.wait_for(heard.get(), 2) == "hello"
    await listener.close()


async def test_the_connection_beside_the_pool_goes_past_a_pooler(dsn: str):
    db = await Database.open_pool(
        "postgresql://" + dsn.removeprefix("postgresql://"), listen_dsn=dsn, statement_cache_size=0
    )
    listener = await db.open_listen_connection()
    assert await listener.fetchval("select 1") == 1
    await listener.close()
    await db.close()


async def test_a_noun_has_its_queries_by_name(tmp_path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "trips.sql").write_text("-- About trips.\n-- name: one\nselect 1\n\n-- name: two\nselect 2")
    monkeypatch.setattr(module, "files", lambda _package: tmp_path)
    found = module.load_queries("trips")
    assert (found.one, found.two) == ("select 1", "select 2")


async def test_a_full_disk_is_trouble_that_passes(db: Database):
    with pytest.raises(DiskFull) as caught:
        async with db.transaction() as tx:
            await tx.execute("do $$ begin raise disk_full; end $$")
    assert (caught.value.status, caught.value.code, caught.value.retry_after) == (503, "disk_full", 30)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("select $1::bigint", 2**63),
        ("select $1::int", 2**31),
        ("select $1::bigint * 2", 2**62),
        ("select $1::timestamptz", datetime.max.replace(tzinfo=timezone(timedelta(hours=-14)))),
        ("select timestamptz '294000-01-01' + make_interval(years => $1::int)", 1000),
    ],
)
async def test_a_value_that_no_column_holds_is_out_of_range(db: Database, query: str, value: object):
    with pytest.raises(OutOfRange):
        async with db.transaction() as tx:
            await tx.fetchval(query, value)


async def test_a_wrong_argument_is_still_a_mistake_of_ours(db: Database):
    with pytest.raises(asyncpg.DataError):
        async with db.transaction() as tx:
            await tx.fetchval("select $1::bigint", "seven")
