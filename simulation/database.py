"""The database as a process of the hub has it: each statement takes its turn, and any connection may be lost."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from hub.core.db import register_json_codecs
from simulation.crash_points import CrashPoints, ProcessKilled, ProcessLife
from simulation.statements import ReplyReader, is_read_only, run_uninterrupted, use_virtual_time
from simulation.virtual_loop import StatementScheduler

_SESSION = {"timezone": "UTC", "application_name": "torture", "plan_cache_mode": "force_generic_plan"}


class LockMonitor:
    """Asks the server from a thread of its own, while the loop stands still."""

    def __init__(self, dsn: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="watch", daemon=True)
        self._thread.start()
        self._connection = self._ask(asyncpg.connect(dsn))
        self.own_pids: set[int] = set()
        """The server's processes that are ours: who waits for somebody else's is soon served."""

    def _ask(self, question: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(_awaited(question), self._loop).result(30)

    def is_blocked(self, pid: int) -> bool:
        if not pid:
            return False
        holders = self._ask(self._connection.fetchval("select pg_blocking_pids($1)", pid))
        return not self.own_pids.isdisjoint(holders)

    def terminate_backend(self, pid: int) -> None:
        """Returns when that process of the server has ended, and has let go of its locks."""
        self._ask(self._connection.execute(f"select pg_terminate_backend({int(pid)}, 5000)"))

    def close(self) -> None:
        self._ask(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _awaited(question: Awaitable[Any]) -> Any:
    return await question


@dataclass(eq=False)
class DatabaseConnection:
    """A real connection, used by one process after another. `is_busy` while a statement is under way."""

    connection: Any
    reply_reader: ReplyReader
    pid: int
    has_no_codecs: bool
    in_transaction: bool = False
    is_busy: bool = False


@dataclass
class DatabaseServer:
    """All connections there are. `now` is the virtual clock."""

    dsn: str
    lock_monitor: LockMonitor
    scheduler: StatementScheduler
    now: Callable[[], datetime]
    free_connections: list[DatabaseConnection] = field(default_factory=list)
    connections: set[DatabaseConnection] = field(default_factory=set)
    statement_count: int = 0
    _outside: Any = None

    async def start(self) -> None:
        self._outside = await asyncpg.connect(self.dsn)
        await register_json_codecs(self._outside)

    async def close(self) -> None:
        for wire in self.connections:
            wire.connection.terminate()
        self._outside.terminate()
        self.lock_monitor.close()

    def is_blocked(self, pid: int) -> bool:
        """Whether that process of the server waits for a lock, which it can only where another one holds some."""
        return any(one.in_transaction and one.pid != pid for one in self.connections) and self.lock_monitor.is_blocked(
            pid
        )

    async def execute_statement(self, query: str, *args: Any) -> None:
        """A statement of the world outside."""
        await self.scheduler.run_statement(0, lambda: self._outside.execute(query, *args))

    async def fetch_rows(self, query: str, *args: Any) -> list[Any]:
        """What is on record."""
        found: list[Any] = await self.scheduler.run_statement(0, lambda: self._outside.fetch(query, *args))
        return found

    async def lend_connection(self, *, has_no_codecs: bool = False) -> DatabaseConnection:
        """A connection that nobody has; `has_no_codecs` is one without the pool's codecs."""
        for wire in reversed(self.free_connections):
            if wire.has_no_codecs == has_no_codecs:
                self.free_connections.remove(wire)
                return wire
        return await self.scheduler.run_statement(0, lambda: self._connect(has_no_codecs))

    async def _connect(self, plain: bool) -> DatabaseConnection:
        raw: Any = await asyncpg.connect(
            self.dsn, server_settings=_SESSION, statement_cache_size=1000, max_cached_statement_lifetime=0
        )
        if not plain:
            await register_json_codecs(raw)
        wire = DatabaseConnection(raw, ReplyReader(raw._transport), raw.get_server_pid(), plain)  # noqa: SLF001 (asyncpg shows it nowhere else)
        self.lock_monitor.own_pids.add(wire.pid)
        self.connections.add(wire)
        return wire

    def reclaim_connection(self, wire: DatabaseConnection) -> None:
        """From a process that has died, or that has thrown it away: what was not committed has not happened."""
        if wire.is_busy or wire.in_transaction:
            self.lock_monitor.terminate_backend(wire.pid)
            self.lock_monitor.own_pids.discard(wire.pid)
            self.connections.discard(wire)
            wire.connection.terminate()
            self.scheduler.has_released_locks = True
        elif wire not in self.free_connections:
            self.free_connections.append(wire)


class SimulatedConnection:
    """What the hub takes for its connection."""

    def __init__(
        self,
        server: DatabaseServer,
        points: CrashPoints,
        life: ProcessLife,
        wire: DatabaseConnection,
        ring: Callable[[], None],
    ) -> None:
        self.lent_connection = wire
        self._server = server
        self._points = points
        self._life = life
        self._ring = ring
        self._rings = False
        self._lost = False
        self._opening = False
        """The transaction has begun for the hub, and not for the server: it need not hear of those that only read."""

    def is_closed(self) -> bool:
        return self._lost

    def terminate(self) -> None:
        if not self._lost:
            self._lost = True
            self._server.reclaim_connection(self.lent_connection)

    def get_server_pid(self) -> int:
        return self.lent_connection.pid

    async def fetch(self, query: str, *args: Any) -> Any:
        return await self._say("fetch", query, *args)

    async def fetchrow(self, query: str, *args: Any) -> Any:
        return await self._say("fetchrow", query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        return await self._say("fetchval", query, *args)

    async def executemany(self, query: str, rows: Any) -> None:
        await self._say("executemany", query, rows)

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> Any:  # noqa: ARG002, ASYNC109
        return await self._say("execute", query, *args)

    async def _say(self, how: str, query: str, *args: Any) -> Any:
        self._life.raise_if_killed()
        if self._lost:
            raise asyncpg.InterfaceError("connection is closed")
        if query in {"begin", "rollback"} and not self.lent_connection.in_transaction:
            self._opening = query == "begin"
            return query.upper()
        try:
            if not self._whole(query):
                return await self._turn(how, query, *args)
            label = query if query == "commit" else f"run {' '.join(query.split()[:4])}"
            return await self._points.pass_point(self._life, label, lambda: self._turn(how, query, *args))
        except asyncpg.ConnectionDoesNotExistError:
            self.terminate()
            raise

    def _whole(self, query: str) -> bool:
        """Whether something lasting may come of it."""
        if query == "commit":
            return True
        return not (self._opening or self.lent_connection.in_transaction or query.startswith(("begin", "rollback")))

    async def _turn(self, how: str, query: str, *args: Any) -> Any:
        if self._opening:
            if query == "commit":
                self._opening = False
                return "COMMIT"  # of nothing: the server has not heard of this transaction
            self._opening = is_read_only(query)
            if not self._opening:
                await self._take("execute", "begin")
        return await self._take(how, query, *args)

    async def _take(self, how: str, query: str, *args: Any) -> Any:
        return await self._server.scheduler.run_statement(
            self.lent_connection.pid, lambda: self._speak(how, query, *args)
        )

    async def _speak(self, how: str, query: str, *args: Any) -> Any:
        """Once begun it comes to its end at the server, whatever happens to who has asked."""
        self._life.raise_if_killed()
        server, wire = self._server, self.lent_connection
        server.statement_count += 1
        self._rings = self._rings or "into pgqueuer" in query
        if query.startswith("begin"):
            wire.in_transaction = True
        if how != "executemany":
            query, args = use_virtual_time(query, args, server.now())
        wire.is_busy = True
        try:
            return await run_uninterrupted(getattr(wire.connection, how)(query, *args), wire.reply_reader)
        finally:
            wire.is_busy = False
            self._said(query)

    def _said(self, query: str) -> None:
        wire = self.lent_connection
        if not wire.in_transaction or query.startswith(("commit", "rollback")):
            wire.in_transaction &= query not in {"commit", "rollback"}
            self._server.scheduler.has_released_locks = True
        if self._rings and not wire.in_transaction:
            self._rings = False
            self._ring()


class SimulatedPool:
    """Takes the place of asyncpg's pool in `Database`, for one process."""

    def __init__(
        self, server: DatabaseServer, points: CrashPoints, life: ProcessLife, ring: Callable[[], None]
    ) -> None:
        self._server = server
        self._points = points
        self._life = life
        self._ring = ring
        self._out: set[SimulatedConnection] = set()
        life.death_callbacks.append(self._take_back)

    async def acquire(self, *, timeout: float | None = None) -> SimulatedConnection:  # noqa: ARG002, ASYNC109
        return await self.lend_connection()

    async def lend_connection(self, *, has_no_codecs: bool = False) -> SimulatedConnection:
        self._life.raise_if_killed()
        wire = await self._server.lend_connection(has_no_codecs=has_no_codecs)
        if not self._life.is_alive:
            self._server.reclaim_connection(wire)
            raise ProcessKilled
        found = SimulatedConnection(self._server, self._points, self._life, wire, self._ring)
        self._out.add(found)
        return found

    async def release(self, connection: SimulatedConnection) -> None:
        self._out.discard(connection)
        if not connection.is_closed():
            connection.terminate()  # it goes back to those that are free

    async def close(self) -> None:
        pass

    def _take_back(self) -> None:
        for one in tuple(self._out):
            one.terminate()
        self._out.clear()
