"""Schema changes: plain SQL files, each applied once, in order, in a transaction of its own.

Each file runs under a transaction-level advisory lock, so any number of processes may start at once, also through a
pooler. A file that has been applied must not change: its hash is kept.
"""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg

from hub.core.db import translate_connect_errors
from hub.core.embedded_postgres import find_pg_dump
from hub.core.errors import HubError

_LOCK = 0x74726176656C  # "travel"
_TURN = "60s"
"""How long to wait for another process that is migrating."""
_LOCKS = "5s"
"""A change that cannot lock its tables gives up, instead of queueing all traffic behind itself."""
_DUMP_LIMIT = 60.0
_FILE = re.compile(r"(\d{4})_(\w+)\.sql")

_TABLE = """
create table public.schema_migrations (
    version integer primary key,
    name text not null,
    sha256 text not null,
    applied_at timestamptz not null default clock_timestamp(),
    duration_ms double precision not null
);
alter table public.schema_migrations enable row level security;
"""


class MigrationError(HubError):
    """The database and the files do not belong together."""

    code = "migration_failed"


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return sha256(self.sql.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.version:04d}_{self.name}"


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """`pending` is what the files have and the database has not."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]


def list_migrations() -> list[Migration]:
    """The files of `sql/migrations`, in order. Raises MigrationError for a name or number that cannot be."""
    found: dict[int, Migration] = {}
    for entry in sorted(files("sql").joinpath("migrations").iterdir(), key=lambda one: one.name):
        if not entry.name.endswith(".sql"):
            continue
        match = _FILE.fullmatch(entry.name)
        if match is None or int(match[1]) in found:
            raise MigrationError(f"{entry.name}: every migration needs a name like 0015_tours.sql and its own number")
        found[int(match[1])] = Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8"))
    return list(found.values())


async def apply_migrations(dsn: str) -> list[str]:
    """Applies what is pending, and says what that was.

    Raises MigrationError when a file fails or an applied one has changed, Unavailable when nobody answers.
    """
    async with _connected(dsn) as connection:
        if not (await read_migration_status(connection)).pending:
            return []
        await _prepare(connection)
        return [str(one) for one in list_migrations() if await _apply(connection, one)]


async def read_migration_status(connection: Any) -> MigrationStatus:
    """What stands where, on any connection. Raises MigrationError when an applied file has changed."""
    known: dict[int, str] = {}
    if await _has_table(connection):
        rows = await connection.fetch("select version, sha256 from public.schema_migrations")
        known = {row["version"]: row["sha256"] for row in rows}
    wanted = list_migrations()
    for one in wanted:
        _check(one, known.get(one.version))
    return MigrationStatus(
        applied=tuple(str(one) for one in wanted if one.version in known),
        pending=tuple(str(one) for one in wanted if one.version not in known),
    )


async def dump_schema(dsn: str) -> str:
    """What the migrations amount to, as pg_dump says it, without what differs from run to run."""
    parts = urlsplit(dsn)
    # The password goes past the list of processes, where everybody could read it.
    secret = {"PGPASSWORD": unquote(parts.password)} if parts.password else {}
    shown = parts._replace(netloc=re.sub(r":[^:@]*@", "@", parts.netloc)).geturl()
    command = (find_pg_dump(), "--schema-only", "--no-owner", "--schema=public", "--schema=auth", f"--dbname={shown}")
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **secret}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, trouble = await asyncio.wait_for(process.communicate(), _DUMP_LIMIT)
    except TimeoutError:
        process.kill()
        raise
    if process.returncode:
        raise MigrationError(f"pg_dump: {trouble.decode(errors='replace').strip()}")
    return _readable(out.decode())


def _readable(dump: str) -> str:
    noise = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*)\n", re.MULTILINE)
    text = noise.sub("", dump).replace("\r", "")
    text = re.sub(r"(?<=DEFAULT PRIVILEGES )FOR ROLE \S+ ", "", text)
    body = re.sub(r"\n{3,}", "\n\n", text).strip()
    return f"-- All migrations together, to read. Made by `make schema`.\n\n{body}\n"


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[Any]:
    with translate_connect_errors():
        connection = await asyncpg.connect(dsn, statement_cache_size=0, timeout=10)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


async def _has_table(connection: Any) -> bool:
    # to_regclass would do, were it not that a session remembers what it did not find.
    query = "select exists (select from pg_tables where schemaname = 'public' and tablename = 'schema_migrations')"
    return bool(await connection.fetchval(query))


async def _prepare(connection: Any) -> None:
    async with _turn(connection):
        if not await _has_table(connection):
            await connection.execute(_TABLE)


async def _apply(connection: Any, one: Migration) -> bool:
    async with _turn(connection):
        known = await connection.fetchval("select sha256 from public.schema_migrations where version = $1", one.version)
        _check(one, known)
        if known is None:
            await _run(connection, one)
        return known is None


@asynccontextmanager
async def _turn(connection: Any) -> AsyncIterator[None]:
    """One transaction, and one process at a time."""
    async with connection.transaction():
        await connection.execute(f"set local lock_timeout = '{_TURN}'")
        try:
            await connection.execute(f"select pg_advisory_xact_lock({_LOCK})")
        except asyncpg.LockNotAvailableError as error:
            raise MigrationError(f"Another process has been migrating for {_TURN}.") from error
        await connection.execute(f"set local lock_timeout = '{_LOCKS}'")
        yield


async def _run(connection: Any, one: Migration) -> None:
    started = time.perf_counter()
    try:
        await connection.execute(one.sql)
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{one}: {type(error).__name__}: {error.args[0]}") from error
    took = (time.perf_counter() - started) * 1000
    await connection.execute(
        "insert into public.schema_migrations (version, name, sha256, duration_ms) values ($1, $2, $3, $4)",
        one.version, one.name, one.sha256, took,
    )  # fmt: skip


def _check(one: Migration, known: str | None) -> None:
    if known is not None and known != one.sha256:
        raise MigrationError(f"{one} has been applied and has changed since; write a new migration instead")
