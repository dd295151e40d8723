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

LOCK_CHECK_SECONDS = 0.001
"""Real seconds that a statement may take before it is asked whether it waits for somebody's lock."""
SILENCE_LIMIT = 60.0
"""Real seconds without an answer of the database, after which the run is given up."""


class SimulationStalled(Exception):
    """Nothing can go on: no timer and no statement is left, or the database is silent."""


@dataclass(eq=False, slots=True)
class PendingStatement:
    """One statement. `pid` is the server's process that works on it."""

    pid: int
    admission: asyncio.Future[None]


@dataclass(slots=True)
class StatementScheduler:
    """Who may ask the database.

    `is_blocked` tells whether that process of the server waits for a lock, `at_rest` whether nothing else is to be done
    at this moment.
    """

    is_blocked: Callable[[int], bool]
    is_loop_at_rest: Callable[[], bool]
    random: Random
    waiting: list[PendingStatement] = field(default_factory=list)
    executing: PendingStatement | None = None
    blocked: list[PendingStatement] = field(default_factory=list)
    silent_since: float = 0.0
    has_released_locks: bool = False
    """Whether a transaction has ended since the blocked ones were last looked at."""

    async def run_statement(self, pid: int, speak: Callable[[], Awaitable[T]]) -> T:
        """What `speak` returns or raises, once it is its turn."""
        turn = PendingStatement(pid, asyncio.get_running_loop().create_future())
        self.waiting.append(turn)
        try:
            if len(self.waiting) == 1 and not (self.executing or self.blocked) and self.is_loop_at_rest():
                self.admit_next()  # the loop could do nothing else either, and would take longer
            else:
                await turn.admission
            return await speak()
        finally:
            self._over(turn)

    def is_executing(self) -> bool:
        return self.executing is not None

    def _over(self, turn: PendingStatement) -> None:
        for some in (self.waiting, self.blocked):
            if turn in some:
                some.remove(turn)
        if self.executing is turn:
            self.executing = None

    def admit_next(self) -> bool:
        """Whether somebody new has been let go."""
        if not self.waiting:
            return False
        place = self.random.randrange(len(self.waiting)) if len(self.waiting) > 1 else 0
        self.executing = self.waiting.pop(place)
        self.silent_since = time.monotonic()
        if not self.executing.admission.done():
            self.executing.admission.set_result(None)
        return True

    def resume_blocked(self, *, force: bool = False) -> None:
        """A statement whose lock has come free goes first: its answer is on its way."""
        if not (self.has_released_locks or force):
            return
        self.has_released_locks = False
        for turn in self.blocked:
            if not self.is_blocked(turn.pid):
                self.blocked.remove(turn)
                self.executing, self.silent_since, self.has_released_locks = turn, time.monotonic(), True
                return

    def handle_silence(self) -> None:
        """No answer yet. When the statement waits for another's lock, that other one goes on."""
        if self.executing is None:
            return
        if self.is_blocked(self.executing.pid):
            self.blocked.append(self.executing)
            self.executing = None
        elif time.monotonic() - self.silent_since > SILENCE_LIMIT:
            raise SimulationStalled("the database does not answer")


class VirtualSelector(selectors.DefaultSelector):
    """The loop asks it what has happened outside; it decides what happens next."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler: StatementScheduler | None = None
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        turns = self.scheduler
        if turns is None:
            return super().select(timeout)
        if timeout is not None and timeout <= 0:
            return []  # there is enough to do without the world outside
        if turns.executing is None and turns.blocked:
            turns.resume_blocked()
        if turns.executing is None and turns.admit_next():
            return []
        if turns.executing is not None:
            return self._listen(turns)
        if turns.blocked:
            turns.resume_blocked(force=True)
            if turns.is_executing():
                return []
        if timeout is None:
            raise SimulationStalled("nothing is left that could happen")
        self.time += timeout
        return []

    def _listen(self, turns: StatementScheduler) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(LOCK_CHECK_SECONDS)
        if not events:
            turns.handle_silence()
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """`idle.turns` set, it is in virtual time; before that it is a loop like any other, but for its standing clock."""

    def __init__(self) -> None:
        self.virtual_selector = VirtualSelector()
        super().__init__(self.virtual_selector)
        self._clock_resolution = 1e-6
        self._ready: deque[asyncio.Handle]

    def reset_time(self) -> None:
        """Back to 0, between two runs: what was still to come of the last one is dropped."""
        self._scheduled: list[asyncio.TimerHandle] = []
        self._timer_cancelled_count = 0
        self.virtual_selector.time = 0.0

    def time(self) -> float:
        return self.virtual_selector.time

    def is_at_rest(self) -> bool:
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
