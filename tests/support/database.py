"""A real PostgreSQL: one server a run, one migrated template, one fresh database a test."""

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import asyncpg
import psutil
import pytest

from hub.core.db import Database
from hub.core.embedded_postgres import EmbeddedPostgres, create_database
from hub.core.migrations import apply_migrations, list_migrations

GIVEN = os.environ.get("HUB_TEST_DATABASE_URL")
# It keeps nothing safe, so it is fast; and it has room for the connections of many workers.
SETTINGS = dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes", "autovacuum"), "off")
SETTINGS["max_connections"] = "400"
TEMPLATES_KEPT = 20
ROOM = 2 * 1024**3


@cache
def server_directory() -> Path:
    """In memory where there is room: files made and deleted by the thousand get slow on some disks."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM
    return (memory if roomy else Path(tempfile.gettempdir())) / f"travel-hub-tests-{os.getuid()}"


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    directory = server_directory()
    directory.mkdir(exist_ok=True)
    with (directory / name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def named(dsn: str, database: str) -> str:
    head, _, tail = dsn.partition("?")
    return f"{head.rpartition('/')[0]}/{database}" + (f"?{tail}" if tail else "")


@pytest.fixture(scope="session")
def pg() -> Iterator[str]:
    """The DSN of the server, which all xdist workers and all runs at the same time share."""
    if GIVEN:
        yield GIVEN
        return
    server = asyncio.run(EmbeddedPostgres.start(server_directory(), database="postgres", settings=SETTINGS))
    yield server.dsn
    asyncio.run(server.stop())


@pytest.fixture(scope="session")
def template(pg: str) -> str:
    """A database with all migrations, made once for each state of the migrations."""
    with one_at_a_time("template.lock"):
        return asyncio.run(make_template(pg))


async def make_template(pg: str) -> str:
    mark = sha256("".join(one.sha256 for one in list_migrations()).encode()).hexdigest()[:12]
    name = f"template_{mark}"
    admin = await asyncpg.connect(pg)
    if not await admin.fetchval("select true from pg_database where datname = $1", name):
        await clear_up(admin)
        await admin.execute('drop database if exists "unfinished_template"')
        await create_database(admin, "unfinished_template")
        await apply_migrations(named(pg, "unfinished_template"))
        await admin.execute(f'alter database "unfinished_template" rename to "{name}"')
    await admin.close()
    return name


async def clear_up(admin: asyncpg.Connection) -> None:
    """What killed runs and older migrations have left."""
    rows = await admin.fetch("select datname from pg_database order by oid desc")
    names = [row["datname"] for row in rows]
    old = [name for name in names if name.startswith("template_")][TEMPLATES_KEPT:]
    tests = [name for name in names if name.startswith("test_")]
    for name in old + [one for one in tests if not psutil.pid_exists(int(one.split("_")[1]))]:
        await admin.execute(f'drop database if exists "{name}" with (force)')


@pytest.fixture
async def empty(pg: str) -> AsyncIterator[str]:
    """The DSN of a fresh database without migrations."""
    name = f"test_{os.getpid()}_{uuid4().hex[:12]}"
    admin = await asyncpg.connect(pg)
    await create_database(admin, name)
    yield named(pg, name)
    await admin.execute(f'drop database "{name}" with (force)')
    await admin.close()


@asynccontextmanager
async def fresh(pg: str, template: str) -> AsyncIterator[str]:
    """The DSN of a database made from the template, dropped at the end."""
    name = f"test_{os.getpid()}_{uuid4().hex[:12]}"
    strategy = "wal_log" if GIVEN else "file_copy"
    admin = await asyncpg.connect(pg)
    await admin.execute(f'create database "{name}" template "{template}" strategy {strategy}')
    yield named(pg, name)
    await admin.execute(f'drop database "{name}" with (force)')
    await admin.close()


@pytest.fixture
async def dsn(pg: str, template: str) -> AsyncIterator[str]:
    """The DSN of a fresh migrated database."""
    async with fresh(pg, template) as found:
        yield found


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[Database]:
    """That database, opened as the hub does."""
    database = await Database.open_pool(dsn, pool_size=5)
    yield database
    await database.close()
