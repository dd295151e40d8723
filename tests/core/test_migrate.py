import asyncio

import asyncpg
import pytest

from hub.core import migrate as module
from hub.core.db import Database
from hub.core.migrate import Migration, MigrationError, migrate, status


@pytest.fixture
async def empty(pg: str):
    from tests.fixtures.database import named

    admin = await asyncpg.connect(pg)
    await admin.execute('create database "empty_migrations"')
    yield named(pg, "empty_migrations")
    await admin.execute('drop database "empty_migrations" with (force)')
    await admin.close()


async def test_two_processes_at_once_apply_each_file_once(empty: str):
    first, second = await asyncio.gather(migrate(empty), migrate(empty))
    assert sorted(first + second) == [f"{one.version:04d}_{one.name}" for one in module.available()]


async def test_nothing_is_pending_on_a_migrated_database(db: Database):
    async with db.pool.acquire() as connection:
        assert (await status(connection)).pending == ()


async def test_an_applied_file_that_changed_is_refused(dsn: str, monkeypatch: pytest.MonkeyPatch):
    first, *rest = module.available()
    monkeypatch.setattr(module, "available", lambda: [Migration(first.version, first.name, first.sql + "--"), *rest])
    with pytest.raises(MigrationError, match="0001_base has been applied and has changed"):
        await migrate(dsn)


async def test_a_file_that_fails_leaves_nothing_behind(dsn: str, monkeypatch: pytest.MonkeyPatch):
    broken = Migration(9999, "broken", "create table half (id int); select 1 / 0;")
    monkeypatch.setattr(module, "available", lambda: [broken])
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("select to_regclass('half')") is None
    await connection.close()
