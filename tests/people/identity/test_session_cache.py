"""The end of a session reaches every process, whatever becomes of the connection that announces it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import asyncpg
import pytest

from hub.core import notifications as notices_module
from hub.core.clock import SystemClock
from hub.core.db import Database
from hub.core.notifications import NotificationListener
from hub.people.identity.session_cache import SessionCache, SessionState
from tests.people.identity.hand import START, somebody
from tests.support.silent_wire import wire_to

LIMIT = 5.0
"""Seconds in which the end of a session has to be known everywhere."""


@dataclass
class Process:
    """What one process of the hub remembers of sessions. `reads` counts the looks at the database."""

    db: Database
    notices: NotificationListener
    cache: SessionCache = field(init=False)
    reads: int = 0

    def __post_init__(self) -> None:
        self.cache = SessionCache(self.read, self.notices, SystemClock())

    async def read(self, session_id: UUID) -> SessionState:
        self.reads += 1
        async with self.db.connection() as tx:
            ended = await tx.fetchval("select ended_at is not null from sessions where id = $1", session_id)
        return SessionState(has_ended=ended is not False)

    async def seconds_until_ended(self, session_id: UUID) -> float:
        began = time.monotonic()
        async with asyncio.timeout(3 * LIMIT):
            while await self.cache.is_session_live(session_id):
                await asyncio.sleep(0.01)
        return time.monotonic() - began


@asynccontextmanager
async def process(db: Database, *, listen_dsn: str | None = None) -> AsyncIterator[Process]:
    """A process that hears announcements, by `listen_dsn` where that is another way to the database."""
    listening = Database(db.pool, listen_dsn=listen_dsn or db._listen_dsn)
    notices = NotificationListener(listening, SystemClock())
    made = Process(db, notices)
    async with notices.listen_in_background():
        await eventually(lambda: notices.is_current)
        yield made


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def session_of_somebody(db: Database) -> UUID:
    customer, session = await somebody(db, f"{uuid4().hex}@example.com"), uuid4()
    async with db.transaction() as tx:
        await tx.execute(
            "insert into sessions (id, customer_id, created_at, last_seen_at, expires_at) "
            "values ($1, $2, $3, $3, 'infinity')",
            session, customer, START,
        )  # fmt: skip
    return session


async def end(db: Database, session: UUID) -> None:
    async with db.transaction() as tx:
        await tx.execute("update sessions set ended_at = $2 where id = $1", session, START)


async def test_the_end_of_a_session_is_heard_by_every_process(db: Database):
    session = await session_of_somebody(db)
    async with AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(process(db)) for _ in range(3)]
        assert all([await one.cache.is_session_live(session) for one in processes])
        await end(db, session)
        waited = await asyncio.gather(*(one.seconds_until_ended(session) for one in processes))
    assert max(waited) < LIMIT
    assert [one.reads for one in processes] == [2, 2, 2]


async def test_the_deletion_of_a_session_is_announced_too(db: Database):
    session = await session_of_somebody(db)
    async with process(db) as here:
        assert await here.cache.is_session_live(session)
        async with db.transaction() as tx:
            await tx.execute("delete from sessions where id = $1", session)
        assert await here.seconds_until_ended(session) < LIMIT


async def test_what_was_missed_while_the_connection_was_lost_is_read_again(db: Database, dsn: str):
    session = await session_of_somebody(db)
    async with process(db) as here:
        assert await here.cache.is_session_live(session)
        admin = await asyncpg.connect(dsn)
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and query like 'select pg_notify%'"
        )
        await admin.execute("update sessions set ended_at = now() where id = $1", session)
        await admin.close()
        assert await here.seconds_until_ended(session) < LIMIT
        await eventually(lambda: here.notices.is_current)


async def test_a_connection_that_has_fallen_silent_is_not_relied_on(db: Database, dsn: str):
    """No error and no end of file: a firewall has forgotten the connection."""
    session = await session_of_somebody(db)
    async with wire_to(dsn) as (wire, through), process(db, listen_dsn=f"{through}?sslmode=disable") as here:
        assert await here.cache.is_session_live(session)
        wire.holds.set()
        await end(db, session)
        assert await here.seconds_until_ended(session) < LIMIT


async def test_while_nothing_can_be_heard_a_session_is_read_again(db: Database, monkeypatch: pytest.MonkeyPatch):
    """The connection has been lost and no other can be made: what is remembered holds for two seconds."""

    async def refuse(_: Database) -> None:
        raise OSError("no route to host")

    session = await session_of_somebody(db)
    async with process(db) as here:
        assert await here.cache.is_session_live(session)
        monkeypatch.setattr(Database, "open_listen_connection", refuse)
        async with db.transaction() as tx:
            await tx.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and query like 'select pg_notify%'"
            )
        await eventually(lambda: not here.notices.is_current)
        await end(db, session)
        assert await here.seconds_until_ended(session) < LIMIT


async def test_a_pooler_that_accepts_listen_and_delivers_nothing_is_found_out(
    db: Database, monkeypatch: pytest.MonkeyPatch
):
    async def ignore(*_: object) -> None:
        """As PgBouncer does in transaction mode."""

    monkeypatch.setattr(asyncpg.Connection, "add_listener", ignore)
    monkeypatch.setattr(notices_module, "PULSE_TIMEOUT", 0.2)
    session, notices = await session_of_somebody(db), NotificationListener(db, SystemClock())
    here = Process(db, notices)
    async with notices.listen_in_background():
        assert await here.cache.is_session_live(session)
        await asyncio.sleep(0.5)
        assert not notices.is_current
        await end(db, session)
        assert await here.seconds_until_ended(session) < LIMIT


async def test_an_answer_older_than_the_end_is_not_remembered(db: Database):
    """The end is announced while the database is being asked."""
    session = await session_of_somebody(db)
    async with process(db) as here:
        answered, read = asyncio.Event(), here.read

        async def slow(session_id: UUID) -> SessionState:
            state = await read(session_id)
            await answered.wait()
            return state

        here.cache._read = slow
        asked = asyncio.create_task(here.cache.is_session_live(session))
        await eventually(lambda: here.reads == 1)
        await end(db, session)
        await eventually(lambda: not here.cache._reads)
        answered.set()
        await asked
        assert not await here.cache.is_session_live(session)


async def test_many_who_ask_at_once_are_one_read(db: Database):
    session = await session_of_somebody(db)
    async with process(db) as here:
        assert all(await asyncio.gather(*(here.cache.is_session_live(session) for _ in range(50))))
        assert here.reads == 1


async def test_a_look_costs_less_than_a_tenth_of_a_millisecond(db: Database):
    session = await session_of_somebody(db)
    async with process(db) as here:
        assert await here.cache.is_session_live(session)
        best = 1.0
        for _ in range(5):
            began = time.perf_counter()
            for _ in range(1000):
                assert here.cache.get_cached_liveness(session)
            best = min(best, (time.perf_counter() - began) / 1000)
        assert await here.cache.is_session_live(session)
        assert here.reads == 1
    assert best < 0.0001, f"{best * 1e6:.1f} microseconds"
