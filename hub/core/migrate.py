"""Schema changes: plain SQL files, each applied once, in order, in a transaction of its own.

Each file runs under a transaction-level advisory lock, so any number of processes may start at once, also through a
pooler. A file that has been applied must not change: its hash is kept.
"""

import asyncio
import re
import time
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any

import asyncpg

_LOCK = 0x74726176656C  # "travel"

_TABLE = """
create table if not exists schema_migrations (
    version integer primary key,
    name text not null,
    sha256 text not null,
    applied_at timestamptz not null default clock_timestamp(),
    duration_ms double precision not null
);
alter table schema_migrations enable row level security;
"""


_NOISE = ("--", "SET ", "SELECT pg_catalog.set_config", "\\restrict", "\\unrestrict")


class MigrationError(Exception):
    """The database and the files do not belong together."""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Status:
    """`pending` is what the files have and the database has not."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]


def available() -> list[Migration]:
    """The files of `sql/migrations`, in order."""
    found = []
    for entry in files("sql").joinpath("migrations").iterdir():
        if entry.name.endswith(".sql"):
            number, _, name = entry.name.removesuffix(".sql").partition("_")
            found.append(Migration(int(number), name, entry.read_text(encoding="utf-8")))
    return sorted(found, key=lambda one: one.version)


async def migrate(dsn: str) -> list[str]:
    """Applies what is pending, and says what that was. Raises MigrationError when an applied file has changed."""
    connection = await asyncpg.connect(dsn, statement_cache_size=0)
    try:
        await _prepare(connection)
        applied = [one for one in available() if await _apply(connection, one)]
        return [_label(one) for one in applied]
    finally:
        await connection.close()


async def status(connection: Any) -> Status:
    """What stands where, on any connection. Raises MigrationError when an applied file has changed."""
    known: dict[int, str] = {}
    if await connection.fetchval("select to_regclass('public.schema_migrations') is not null"):
        rows = await connection.fetch("select version, sha256 from schema_migrations")
        known = {row["version"]: row["sha256"] for row in rows}
    wanted = available()
    for one in wanted:
        _check(one, known.get(one.version))
    return Status(
        applied=tuple(_label(one) for one in wanted if one.version in known),
        pending=tuple(_label(one) for one in wanted if one.version not in known),
    )


async def dump_schema(dsn: str, pg_dump: str = "pg_dump") -> str:
    """The schema of a migrated database, as pg_dump writes it, without what differs from one machine to another."""
    process = await asyncio.create_subprocess_exec(
        pg_dump, "--schema-only", "--no-owner", "--no-comments", dsn,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    if process.returncode:
        raise MigrationError(f"pg_dump: {err.decode().strip()}")
    kept = [line for line in out.decode().splitlines() if not line.startswith(_NOISE)]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    return f"-- The schema that the migrations produce: `make schema` writes it, a test compares it.\n\n{text}\n"


async def _prepare(connection: Any) -> None:
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
        if not await connection.fetchval("select to_regclass('public.schema_migrations') is not null"):
            await connection.execute(_TABLE)


async def _apply(connection: Any, one: Migration) -> bool:
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
        known = await connection.fetchval("select sha256 from schema_migrations where version = $1", one.version)
        _check(one, known)
        if known is not None:
            return False
        started = time.perf_counter()
        # A change of schema that cannot get its lock gives up, instead of queueing all traffic behind itself.
        await connection.execute("set local lock_timeout = '5s'")
        await connection.execute(one.sql)
        await connection.execute(
            "insert into schema_migrations (version, name, sha256, duration_ms) values ($1, $2, $3, $4)",
            one.version,
            one.name,
            one.sha256,
            (time.perf_counter() - started) * 1000,
        )
        return True


def _check(one: Migration, known: str | None) -> None:
    if known is not None and known != one.sha256:
        raise MigrationError(f"{_label(one)} has been applied and has changed since; write a new migration instead")


def _label(one: Migration) -> str:
    return f"{one.version:04d}_{one.name}"
