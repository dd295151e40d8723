"""PostgreSQL: one pool, one transaction per unit of work, SQL with names.

What the database does by going away becomes `Unavailable`; what it says about a statement, and what other code raises
inside a block, passes as it is.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.resources import files
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import structlog

from hub.core.errors import DiskFull, OutOfRange, Unavailable

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT = 5.0
"""Seconds to wait for a free or a new connection."""
STATEMENT_TIMEOUT = 30.0
"""Seconds for one statement."""
ROLLBACK_TIMEOUT = 5.0
"""Seconds for a rollback."""
CLOSE_TIMEOUT = 10.0
"""Seconds that what is in use has to end."""

_GONE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
_NO_ROOM = (asyncpg.DiskFullError, asyncpg.OutOfMemoryError)
_OUT_OF_RANGE = (asyncpg.NumericValueOutOfRangeError, asyncpg.DatetimeFieldOverflowError)
_OUTDATED = (asyncpg.InvalidCachedStatementError, asyncpg.exceptions.OutdatedSchemaCacheError)
_ANY = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
_SESSION = {"timezone": "UTC", "application_name": "travel-hub"}


def load_queries(noun: str) -> Any:
    """The queries of `sql/queries/<noun>.sql`: each starts with a line `-- name: find_booking`."""
    text = files("sql").joinpath("queries", f"{noun}.sql").read_text(encoding="utf-8")
    _, *parts = text.split("-- name: ")
    pairs = (part.partition("\n") for part in parts)
    return SimpleNamespace(**{name.strip(): query.strip() for name, _, query in pairs})


@contextmanager
def translate_connect_errors() -> Iterator[None]:
    """Around the opening of connections: Unavailable when no server answers or it takes no more."""
    try:
        yield
    except _GONE as error:
        raise Unavailable("The database is not available.", retry_after=1) from error


class Tx:
    """One open transaction. With a subject it sees what row-level security lets that person read.

    Its methods raise Unavailable when the database goes away or is silent for 30 seconds, DiskFull when it has no room,
    OutOfRange for a number or a date that it cannot hold, else asyncpg's errors.
    """

    def __init__(self, connection: Any, subject: UUID | None) -> None:
        self.connection = connection
        self.subject = subject
        self._role = "none" if subject is None else "authenticated"
        self._savepoints = 0

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        with _talking(self.connection):
            rows: list[asyncpg.Record] = await self.connection.fetch(query, *args)
        return rows

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        with _talking(self.connection):
            row: asyncpg.Record | None = await self.connection.fetchrow(query, *args)
        return row

    async def fetchval(self, query: str, *args: Any) -> Any:
        with _talking(self.connection):
            return await self.connection.fetchval(query, *args)

    async def execute(self, query: str, *args: Any) -> str:
        with _talking(self.connection):
            status: str = await self.connection.execute(query, *args)
        return status

    async def executemany(self, query: str, rows: list[tuple[Any, ...]]) -> None:
        with _talking(self.connection):
            await self.connection.executemany(query, rows)

    @asynccontextmanager
    async def as_hub(self) -> AsyncIterator["Tx"]:
        """Inside, the hub acts for itself: writes, jobs, audit rows. Travellers' roles can only read. May be nested."""
        outer = self._role
        await self._become("none")
        try:
            yield self
        except BaseException:
            # A transaction that has failed takes no statement, and its end or savepoint gives the role back.
            with suppress(*_ANY, Unavailable):
                await self._become(outer)
            raise
        await self._become(outer)

    @asynccontextmanager
    async def open_savepoint(self) -> AsyncIterator["Tx"]:
        """What fails inside is undone alone: catch its error outside, and the transaction goes on."""
        self._savepoints += 1
        name = f"savepoint_{self._savepoints}"
        await self.execute(f"savepoint {name}")
        try:
            yield self
        except BaseException:
            with suppress(*_ANY, Unavailable):  # without a connection there is nothing left to undo
                await self.execute(f"rollback to {name}")
            raise
        await self.execute(f"release {name}")

    async def _become(self, role: str) -> None:
        if role != self._role:
            self._role = role
            await self.execute(f"set local role {role}")


class Database:
    """The pool. Who opens it closes it."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        listen_dsn: str = "",
        statement_cache_size: int = 100,
        connect_timeout: float = CONNECT_TIMEOUT,
    ) -> None:
        self.pool = pool
        self._listen_dsn = listen_dsn
        self._pooled = statement_cache_size == 0
        self._patience = connect_timeout

    @classmethod
    async def open_pool(
        cls,
        dsn: str,
        *,
        pool_size: int = 10,
        statement_cache_size: int = 100,
        listen_dsn: str | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
    ) -> "Database":
        """Raises Unavailable when the database does not answer.

        `statement_cache=0` goes with PgBouncer and Supabase's pooler in transaction mode; then `listen_dsn` names the
        server itself. `connect_timeout` is how many seconds to wait for a connection.
        """
        with translate_connect_errors():
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=pool_size,
                statement_cache_size=statement_cache_size,
                server_settings=_SESSION,
                init=register_json_codecs,
                reset=_as_it_is,
                timeout=connect_timeout,
                command_timeout=STATEMENT_TIMEOUT,
            )
        return cls(
            pool,
            listen_dsn=listen_dsn or dsn,
            statement_cache_size=statement_cache_size,
            connect_timeout=connect_timeout,
        )

    async def close(self) -> None:
        """Waits up to 10 seconds for what is in use, then cuts it off."""
        with suppress(TimeoutError):  # the cutting is done by the pool itself
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self.pool.close()

    async def open_listen_connection(self) -> Any:
        """A connection of its own beside the pool and past any pooler, for LISTEN, without codecs.

        Raises asyncpg's errors and OSError. The caller closes it.
        """
        return await asyncpg.connect(self._listen_dsn, timeout=self._patience, server_settings=_SESSION)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Tx]:
        """For one statement that is a unit of work by itself. Raises Unavailable."""
        if self._pooled:  # a pooler keeps the two halves of a statement together only inside a transaction
            async with self.transaction() as tx:
                yield tx
            return
        connection = await self._acquire()
        try:
            yield Tx(connection, None)
        finally:
            await self._release(connection)

    @asynccontextmanager
    async def transaction(self, subject: UUID | None = None) -> AsyncIterator[Tx]:
        """One unit of work. `subject` is the traveller for whom it runs; None is the hub itself.

        Raises Unavailable when the database is away or the pool stays empty.
        """
        connection = await self._begun(subject)
        tx = Tx(connection, subject)
        try:
            try:
                yield tx
            except BaseException:
                await _roll_back(connection)
                raise
            await _commit(tx)
        finally:
            await self._release(connection)

    async def _begun(self, subject: UUID | None, *, again: bool = True) -> Any:
        """A connection in a new transaction. One that was lost while idle shows it only here, and is replaced once."""
        connection = await self._acquire()
        try:
            with _talking(connection):
                await connection.execute(_begin(subject))
        except BaseException as error:
            lost = isinstance(error, Unavailable) and not isinstance(error.__cause__, TimeoutError)
            await _roll_back(connection)
            await self._release(connection)
            if lost and again:
                return await self._begun(subject, again=False)
            raise
        return connection

    async def _acquire(self) -> Any:
        try:
            with translate_connect_errors():
                return await self.pool.acquire(timeout=self._patience)
        except asyncpg.InterfaceError as error:
            raise Unavailable("The database is closed.", retry_after=1) from error

    async def _release(self, connection: Any) -> None:
        with suppress(*_ANY):  # it could not be made ready for the next: the pool has thrown it away
            await self.pool.release(connection)


@contextmanager
def _talking(connection: Any) -> Iterator[None]:
    """Around one statement: nothing but asyncpg runs inside."""
    try:
        yield
    except _GONE as error:
        raise Unavailable("The database went away.", retry_after=1) from error
    except _NO_ROOM as error:
        log.error("database.disk_full", error=type(error).__name__)  # noqa: TRY400 (the statement is not to blame)
        raise DiskFull from error
    except _OUT_OF_RANGE as error:
        raise OutOfRange from error
    except asyncpg.DataError as error:
        if isinstance(error.__cause__, OverflowError):
            raise OutOfRange from error
        raise
    except _OUTDATED as error:  # asyncpg has dropped what it knew; the next attempt sees the new schema
        raise Unavailable("The database has just been changed.", retry_after=1) from error
    except asyncpg.InternalClientError as error:  # the server has said goodbye, and the end of the line is not here yet
        connection.terminate()
        raise Unavailable("The database went away.", retry_after=1) from error
    except asyncpg.InterfaceError as error:
        if not _closed(connection):
            raise  # a mistake in the call, such as an argument that does not fit
        raise Unavailable("The database went away.", retry_after=1) from error


def _closed(connection: Any) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:  # the pool takes a lost connection back at once, and then this cannot be asked
        return True


def _begin(subject: UUID | None) -> str:
    """One round trip with the claims in it. They hold nothing but the digits of a UUID."""
    if subject is None:
        return "begin"
    claims = json.dumps({"sub": str(UUID(int=subject.int)), "role": "authenticated"})
    return f"begin; select set_config('request.jwt.claims', '{claims}', true); set local role authenticated"


async def _roll_back(connection: Any) -> None:
    """Never hides why: a connection that cannot even roll back is cut, and the server does it."""
    try:
        await connection.execute("rollback", timeout=ROLLBACK_TIMEOUT)
    except BaseException as error:
        with suppress(asyncpg.InterfaceError):  # lost already
            connection.terminate()
        if not isinstance(error, _ANY):
            raise


async def _commit(tx: Tx) -> None:
    """PostgreSQL answers the commit of a failed transaction with ROLLBACK and no error: not to be taken for saved."""
    if await tx.execute("commit") != "COMMIT":
        raise RuntimeError("A statement had failed and its error was passed over: nothing was saved. Use a savepoint.")


async def _as_it_is(_: Any) -> None:
    """Instead of the query with which asyncpg resets a session each time it comes back: a tenth of a small request.

    There is nothing to reset. Roles and claims are `set local` and end with their transaction, which asyncpg has rolled
    back by now if it was still open; nobody LISTENs or takes a session's lock on a connection of the pool.
    """


async def register_json_codecs(connection: Any) -> None:
    """Makes ready a new connection of the pool: JSON goes in and out as Python's own values."""
    async with connection.transaction():
        for kind in ("json", "jsonb"):
            await connection.set_type_codec(
                kind,
                schema="pg_catalog",
                encoder=lambda value: orjson.dumps(value).decode(),
                decoder=orjson.loads,
            )
