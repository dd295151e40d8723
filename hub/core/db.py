"""PostgreSQL: one pool, one transaction per unit of work, SQL with names."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from types import SimpleNamespace
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import orjson

from hub.core.errors import Unavailable

Row: TypeAlias = asyncpg.Record

_AWAY = (TimeoutError, OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError)


def named_queries(noun: str) -> Any:
    """The queries of `sql/queries/<noun>.sql`: each starts with a line `-- name: find_booking`."""
    text = files("sql").joinpath("queries", f"{noun}.sql").read_text(encoding="utf-8")
    _, *parts = text.split("-- name: ")
    pairs = (part.partition("\n") for part in parts)
    return SimpleNamespace(**{name.strip(): query.strip() for name, _, query in pairs})


class Tx:
    """One open transaction. With a subject it sees what row-level security lets that person read."""

    def __init__(self, connection: Any, subject: UUID | None) -> None:
        self.connection = connection
        self.subject = subject

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self.connection.fetch(query, *args)
        return rows

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        row: asyncpg.Record | None = await self.connection.fetchrow(query, *args)
        return row

    async def fetchval(self, query: str, *args: Any) -> Any:
        return await self.connection.fetchval(query, *args)

    async def execute(self, query: str, *args: Any) -> str:
        status: str = await self.connection.execute(query, *args)
        return status

    async def executemany(self, query: str, rows: list[tuple[Any, ...]]) -> None:
        await self.connection.executemany(query, rows)

    @asynccontextmanager
    async def as_hub(self) -> AsyncIterator["Tx"]:
        """Inside, the hub acts for itself: writes, jobs, audit rows. Travellers' roles can only read."""
        if self.subject is None:
            yield self
            return
        await self.connection.execute("select set_config('role', 'none', true)")
        yield self
        await self.connection.execute("select set_config('role', 'authenticated', true)")


class Database:
    """The pool. Who opens it closes it."""

    def __init__(self, pool: asyncpg.Pool, dsn: str) -> None:
        self.pool = pool
        self._dsn = dsn

    @classmethod
    async def open(cls, dsn: str, *, size: int = 10, statement_cache: int = 100) -> "Database":
        """`statement_cache=0` goes with PgBouncer and Supabase's pooler in transaction mode."""
        pool = await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            statement_cache_size=statement_cache,
            init=_codecs,
            command_timeout=30,
        )
        return cls(pool, dsn)

    async def connect(self) -> asyncpg.Connection:
        """A connection of its own, outside the pool and without its codecs, for who wants to LISTEN."""
        return await asyncpg.connect(self._dsn, timeout=5)

    async def close(self) -> None:
        await self.pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A connection for one statement that is a unit of work by itself. Raises Unavailable."""
        try:
            connection = await self.pool.acquire(timeout=5)
        except _AWAY as error:
            raise Unavailable("The database is not available.", retry_after=1) from error
        try:
            yield connection
        except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as error:
            raise Unavailable("The database went away.", retry_after=1) from error
        finally:
            await self.pool.release(connection)

    @asynccontextmanager
    async def transaction(self, subject: UUID | None = None) -> AsyncIterator[Tx]:
        """One unit of work. `subject` is the traveller for whom it runs; None is the hub itself.

        Raises Unavailable when the database is away or the pool stays empty.
        """
        async with self.connection() as connection, connection.transaction():
            if subject is not None:
                await _claim(connection, subject)
            yield Tx(connection, subject)


async def _claim(connection: Any, subject: UUID) -> None:
    claims = json.dumps({"sub": str(subject), "role": "authenticated"})
    await connection.execute(
        "select set_config('request.jwt.claims', $1, true), set_config('role', 'authenticated', true)", claims
    )


async def _codecs(connection: Any) -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(
            kind,
            schema="pg_catalog",
            encoder=lambda value: orjson.dumps(value).decode(),
            decoder=orjson.loads,
        )
