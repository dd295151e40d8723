"""The database as a process of the hub has it: each statement takes its turn, and any connection may be lost."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from hub.core.db import codecs
from simulation.crash_points import Killed, Life, Points
from simulation.statements import Ear, only_reads, timed, unbroken
from simulation.virtual_loop import Turns

_SESSION = {"timezone": "UTC", "application_name": "torture", "plan_cache_mode": "force_generic_plan"}


class Watch:
    """Asks the server from a thread of its own, while the loop stands still."""

    def __init__(self, dsn: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="watch", daemon=True)
        self._thread.start()
        self._connection = self._ask(asyncpg.connect(dsn))
        self.pids: set[int] = set()
        """The server's processes that are ours: who waits for somebody else's is soon served."""

    def _ask(self, question: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(_awaited(question), self._loop).result(30)

    def is_blocked(self, pid: int) -> bool:
        if not pid:
            return False
        holders = self._ask(self._connection.fetchval("select pg_blocking_pids($1)", pid))
        return not self.pids.isdisjoint(holders)

    def terminate(self, pid: int) -> None:
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
class Wire:
    """A real connection, used by one process after another. `busy` while a statement is under way."""

    raw: Any
    ear: Ear
    pid: int
    plain: bool
    in_transaction: bool = False
    busy: bool = False


@dataclass
class Server:
    """All connections there are. `now` is the virtual clock."""

    dsn: str
    watch: Watch
    turns: Turns
    now: Callable[[], datetime]
    free: list[Wire] = field(default_factory=list)
    all: set[Wire] = field(default_factory=set)
    statements: int = 0
    _outside: Any = None

    async def open(self) -> None:
        self._outside = await asyncpg.connect(self.dsn)
        await codecs(self._outside)

    async def close(self) -> None:
        for wire in self.all:
            wire.raw.terminate()
        self._outside.terminate()
        self.watch.close()

    def is_blocked(self, pid: int) -> bool:
        """Whether that process of the server waits for a lock, which it can only where another one holds some."""
        return any(one.in_transaction and one.pid != pid for one in self.all) and self.watch.is_blocked(pid)

    async def tell(self, query: str, *args: Any) -> None:
        """A statement of the world outside."""
        await self.turns.take(0, lambda: self._outside.execute(query, *args))

    async def ask(self, query: str, *args: Any) -> list[Any]:
        """What is on record."""
        found: list[Any] = await self.turns.take(0, lambda: self._outside.fetch(query, *args))
        return found

    async def lend(self, *, plain: bool = False) -> Wire:
        """A connection that nobody has; `plain` is one without the pool's codecs."""
        for wire in reversed(self.free):
            if wire.plain == plain:
                self.free.remove(wire)
                return wire
        return await self.turns.take(0, lambda: self._connect(plain))

    async def _connect(self, plain: bool) -> Wire:
        raw: Any = await asyncpg.connect(
            self.dsn, server_settings=_SESSION, statement_cache_size=1000, max_cached_statement_lifetime=0
        )
        if not plain:
            await codecs(raw)
        wire = Wire(raw, Ear(raw._transport), raw.get_server_pid(), plain)  # noqa: SLF001 (asyncpg shows it nowhere else)
        self.watch.pids.add(wire.pid)
        self.all.add(wire)
        return wire

    def reclaim(self, wire: Wire) -> None:
        """From a process that has died, or that has thrown it away: what was not committed has not happened."""
        if wire.busy or wire.in_transaction:
            self.watch.terminate(wire.pid)
            self.watch.pids.discard(wire.pid)
            self.all.discard(wire)
            wire.raw.terminate()
            self.turns.released = True
        elif wire not in self.free:
            self.free.append(wire)


class Steered:
    """What the hub takes for its connection."""

    def __init__(self, server: Server, points: Points, life: Life, wire: Wire, ring: Callable[[], None]) -> None:
        self.wire = wire
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
            self._server.reclaim(self.wire)

    def get_server_pid(self) -> int:
        return self.wire.pid

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
        self._life.check()
        if self._lost:
            raise asyncpg.InterfaceError("connection is closed")
        if query in {"begin", "rollback"} and not self.wire.in_transaction:
            self._opening = query == "begin"
            return query.upper()
        try:
            if not self._whole(query):
                return await self._turn(how, query, *args)
            label = query if query == "commit" else f"run {' '.join(query.split()[:4])}"
            return await self._points.through(self._life, label, lambda: self._turn(how, query, *args))
        except asyncpg.ConnectionDoesNotExistError:
            self.terminate()
            raise

    def _whole(self, query: str) -> bool:
        """Whether something lasting may come of it."""
        if query == "commit":
            return True
        return not (self._opening or self.wire.in_transaction or query.startswith(("begin", "rollback")))

    async def _turn(self, how: str, query: str, *args: Any) -> Any:
        if self._opening:
            if query == "commit":
                self._opening = False
                return "COMMIT"  # of nothing: the server has not heard of this transaction
            self._opening = only_reads(query)
            if not self._opening:
                await self._take("execute", "begin")
        return await self._take(how, query, *args)

    async def _take(self, how: str, query: str, *args: Any) -> Any:
        return await self._server.turns.take(self.wire.pid, lambda: self._speak(how, query, *args))

    async def _speak(self, how: str, query: str, *args: Any) -> Any:
        """Once begun it comes to its end at the server, whatever happens to who has asked."""
        self._life.check()
        server, wire = self._server, self.wire
        server.statements += 1
        self._rings = self._rings or "into pgqueuer" in query
        if query.startswith("begin"):
            wire.in_transaction = True
        if how != "executemany":
            query, args = timed(query, args, server.now())
        wire.busy = True
        try:
            return await unbroken(getattr(wire.raw, how)(query, *args), wire.ear)
        finally:
            wire.busy = False
            self._said(query)

    def _said(self, query: str) -> None:
        wire = self.wire
        if not wire.in_transaction or query.startswith(("commit", "rollback")):
            wire.in_transaction &= query not in {"commit", "rollback"}
            self._server.turns.released = True
        if self._rings and not wire.in_transaction:
            self._rings = False
            self._ring()


class Pool:
    """Takes the place of asyncpg's pool in `Database`, for one process."""

    def __init__(self, server: Server, points: Points, life: Life, ring: Callable[[], None]) -> None:
        self._server = server
        self._points = points
        self._life = life
        self._ring = ring
        self._out: set[Steered] = set()
        life.at_death.append(self._take_back)

    async def acquire(self, *, timeout: float | None = None) -> Steered:  # noqa: ARG002, ASYNC109
        return await self.connection()

    async def connection(self, *, plain: bool = False) -> Steered:
        self._life.check()
        wire = await self._server.lend(plain=plain)
        if not self._life.alive:
            self._server.reclaim(wire)
            raise Killed
        found = Steered(self._server, self._points, self._life, wire, self._ring)
        self._out.add(found)
        return found

    async def release(self, connection: Steered) -> None:
        self._out.discard(connection)
        if not connection.is_closed():
            connection.terminate()  # it goes back to those that are free

    async def close(self) -> None:
        pass

    def _take_back(self) -> None:
        for one in tuple(self._out):
            one.terminate()
        self._out.clear()
