"""An event loop whose time is made up, and in which whatever asks the database goes one at a time.

Nothing but the database is waited for in truth. When all else is at rest, one of those who wait for their turn is let
go, picked by chance; when nobody waits, time jumps to the next timer. So a run is the same whenever it is played.
"""

import asyncio
import selectors
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

SOON = 0.001
"""Real seconds that a statement may take before it is asked whether it waits for somebody's lock."""
STUCK = 60.0
"""Real seconds without an answer of the database, after which the run is given up."""


class Stuck(Exception):
    """Nothing can go on: no timer and no statement is left, or the database is silent."""


@dataclass(eq=False, slots=True)
class Turn:
    """One statement. `pid` is the server's process that works on it."""

    pid: int
    go: asyncio.Future[None]


@dataclass(slots=True)
class Turns:
    """Who may ask the database.

    `is_blocked` tells whether that process of the server waits for a lock, `at_rest` whether nothing else is to be done
    at this moment.
    """

    is_blocked: Callable[[int], bool]
    at_rest: Callable[[], bool]
    chance: Random
    waiting: list[Turn] = field(default_factory=list)
    speaking: Turn | None = None
    blocked: list[Turn] = field(default_factory=list)
    silent_since: float = 0.0
    released: bool = False
    """Whether a transaction has ended since the blocked ones were last looked at."""

    async def take(self, pid: int, speak: Callable[[], Awaitable[T]]) -> T:
        """What `speak` returns or raises, once it is its turn."""
        turn = Turn(pid, asyncio.get_running_loop().create_future())
        self.waiting.append(turn)
        try:
            if len(self.waiting) == 1 and not (self.speaking or self.blocked) and self.at_rest():
                self.let_go()  # the loop could do nothing else either, and would take longer
            else:
                await turn.go
            return await speak()
        finally:
            self._over(turn)

    def is_busy(self) -> bool:
        return self.speaking is not None

    def _over(self, turn: Turn) -> None:
        for some in (self.waiting, self.blocked):
            if turn in some:
                some.remove(turn)
        if self.speaking is turn:
            self.speaking = None

    def let_go(self) -> bool:
        """Whether somebody new has been let go."""
        if not self.waiting:
            return False
        place = self.chance.randrange(len(self.waiting)) if len(self.waiting) > 1 else 0
        self.speaking = self.waiting.pop(place)
        self.silent_since = time.monotonic()
        if not self.speaking.go.done():
            self.speaking.go.set_result(None)
        return True

    def resume(self, *, surely: bool = False) -> None:
        """A statement whose lock has come free goes first: its answer is on its way."""
        if not (self.released or surely):
            return
        self.released = False
        for turn in self.blocked:
            if not self.is_blocked(turn.pid):
                self.blocked.remove(turn)
                self.speaking, self.silent_since, self.released = turn, time.monotonic(), True
                return

    def silent(self) -> None:
        """No answer yet. When the statement waits for another's lock, that other one goes on."""
        if self.speaking is None:
            return
        if self.is_blocked(self.speaking.pid):
            self.blocked.append(self.speaking)
            self.speaking = None
        elif time.monotonic() - self.silent_since > STUCK:
            raise Stuck("the database does not answer")


class Idle(selectors.DefaultSelector):
    """The loop asks it what has happened outside; it decides what happens next."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: Turns | None = None
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        turns = self.turns
        if turns is None:
            return super().select(timeout)
        if timeout is not None and timeout <= 0:
            return []  # there is enough to do without the world outside
        if turns.speaking is None and turns.blocked:
            turns.resume()
        if turns.speaking is None and turns.let_go():
            return []
        if turns.speaking is not None:
            return self._listen(turns)
        if turns.blocked:
            turns.resume(surely=True)
            if turns.is_busy():
                return []
        if timeout is None:
            raise Stuck("nothing is left that could happen")
        self.time += timeout
        return []

    def _listen(self, turns: Turns) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(SOON)
        if not events:
            turns.silent()
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """`idle.turns` set, it is in virtual time; before that it is a loop like any other, but for its standing clock."""

    def __init__(self) -> None:
        self.idle = Idle()
        super().__init__(self.idle)
        self._clock_resolution = 1e-6
        self._ready: deque[asyncio.Handle]

    def rewind(self) -> None:
        """Back to 0, between two runs: what was still to come of the last one is dropped."""
        self._scheduled: list[asyncio.TimerHandle] = []
        self._timer_cancelled_count = 0
        self.idle.time = 0.0

    def time(self) -> float:
        return self.idle.time

    def at_rest(self) -> bool:
        """Whether nothing is to be done but what is done at this moment."""
        return not self._ready

    def run_in_executor(  # type: ignore[override]
        self,
        executor: Any,  # noqa: ARG002
        func: Callable[..., Any],
        *args: Any,
    ) -> asyncio.Future[Any]:
        """At once, in this thread: when a thread is done is nobody's guess."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 (it belongs to who waits)
            done.set_exception(error)
        return done
