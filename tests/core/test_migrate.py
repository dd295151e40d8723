import asyncio
import os
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest

from hub.core import migrations as module
from hub.core.db import Database
from hub.core.errors import Unavailable
from hub.core.migrations import (
    Migration,
    MigrationError,
    apply_migrations,
    dump_schema,
    list_migrations,
    read_migration_status,
)


@pytest.fixture
def migrations(monkeypatch: pytest.MonkeyPatch):
    """Call it with the migrations that shall be there."""
    return lambda *wanted: monkeypatch.setattr(module, "list_migrations", lambda: list(wanted))


async def value(dsn: str, query: str):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_two_processes_at_once_apply_each_file_once(empty: str):
    results = await asyncio.gather(*(apply_migrations(empty) for _ in range(4)))
    assert sorted(name for applied in results for name in applied) == [str(one) for one in list_migrations()]


async def test_a_second_run_finds_nothing_to_do(dsn: str):
    assert await apply_migrations(dsn) == []


async def test_status_tells_applied_from_pending(db: Database, migrations):
    new = Migration(9999, "new", "select 1")
    migrations(*list_migrations(), new)
    async with db.connection() as connection:
        found = await read_migration_status(connection)
    assert found.applied == tuple(str(one) for one in list_migrations())
    assert found.pending == ("9999_new",)


async def test_nothing_is_applied_before_the_first_run(empty: str):
    connection = await asyncpg.connect(empty)
    assert (await read_migration_status(connection)).applied == ()
    await connection.close()


async def test_what_was_applied_is_written_down(dsn: str):
    first = list_migrations()[0]
    written = await value(dsn, "select (version, name, sha256, duration_ms > 0) from schema_migrations where version=1")
    assert written == (1, "base", first.sha256, True)


@pytest.mark.parametrize("look", [True, False])
async def test_an_applied_file_that_changed_is_refused(dsn: str, migrations, look: bool):
    first, *rest = list_migrations()
    changed = Migration(first.version, first.name, first.sql + "--")
    migrations(changed, *(rest if look else [*rest, Migration(9999, "new", "select 1")]))
    with pytest.raises(MigrationError, match="0001_base has been applied and has changed"):
        await apply_migrations(dsn)


async def test_a_file_that_fails_leaves_nothing_behind(dsn: str, migrations):
    migrations(Migration(9999, "broken", "create table half (id int); select 1 / 0;"))
    with pytest.raises(MigrationError, match="9999_broken: DivisionByZeroError: division by zero"):
        await apply_migrations(dsn)
    assert await value(dsn, "select to_regclass('half')") is None


async def test_a_table_in_use_is_not_waited_for_long(dsn: str, migrations, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_LOCKS", "50ms")
    migrations(Migration(9999, "alter", "alter table customers add column nick text"))
    busy = await asyncpg.connect(dsn)
    async with busy.transaction():
        await busy.execute("lock table customers")
        with pytest.raises(MigrationError, match="9999_alter: LockNotAvailable"):
            await apply_migrations(dsn)
    await busy.close()
    assert await apply_migrations(dsn) == ["9999_alter"]


async def test_a_process_that_hangs_while_migrating_is_named(empty: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_TURN", "50ms")
    other = await asyncpg.connect(empty)
    await other.execute(f"select pg_advisory_lock({module._LOCK})")
    with pytest.raises(MigrationError, match="Another process has been migrating for 50ms"):
        await apply_migrations(empty)
    await other.close()


async def test_nobody_there_is_unavailable(tmp_path: Path):
    with pytest.raises(Unavailable):
        await apply_migrations(f"postgresql://nobody@/nothing?host={tmp_path}")


@pytest.mark.parametrize("name", ["nothing.sql", "15_short.sql", "0001_twice.sql"])
def test_a_file_with_a_bad_name_or_number_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    folder = tmp_path / "migrations"
    folder.mkdir()
    for one in ("0001_base.sql", "notes.txt", name):
        (folder / one).touch()
    monkeypatch.setattr(module, "files", lambda _package: tmp_path)
    with pytest.raises(MigrationError, match=name):
        list_migrations()


@pytest.fixture
async def plain_owner(empty: str, template: str):
    """The DSN of an empty database for its owner, who is no superuser: as on Supabase and other hosts."""
    name, parts = f"owner_{os.getpid()}", urlsplit(empty)
    admin = await asyncpg.connect(empty)
    await admin.execute(f"create role {name} login createrole password 'plain'")
    # Made for it by somebody else: it administers them, and may not put them on yet.
    await admin.execute(f"grant anon, authenticated, service_role to {name} with admin option, set false")
    await admin.execute(f'alter database "{parts.path[1:]}" owner to {name}')
    yield parts._replace(netloc=f"{name}:plain@{parts.netloc.rpartition('@')[2]}").geturl()
    await admin.execute(f"reassign owned by {name} to current_user; drop owned by {name}; drop role {name}")
    await admin.close()


async def test_an_owner_who_is_no_superuser_can_put_on_the_travellers_role(plain_owner: str):
    await apply_migrations(plain_owner)
    db = await Database.open_pool(plain_owner, pool_size=1)
    async with db.transaction(UUID(int=1)) as tx:
        assert await tx.fetchval("select current_user") == "authenticated"
        async with tx.as_hub():
            assert (await tx.fetchval("select current_user")).startswith("owner_")
    await db.close()


async def test_the_schema_file_is_what_the_migrations_make(dsn: str):
    """After a new migration: `make schema`."""
    kept = Path(__file__).parents[2] / "sql" / "schema.sql"
    assert kept.read_text(encoding="utf-8") == await dump_schema(dsn)


async def test_the_schema_holds_nothing_that_changes_from_run_to_run(dsn: str):
    assert await dump_schema(dsn) == await dump_schema(dsn)
