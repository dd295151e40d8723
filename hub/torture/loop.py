"""An event loop whose time is made up, and in which whatever waits for the database goes one at a time.

Nothing but the database is waited for in truth. When all else is at rest, one of those who wait for their turn is let
go, picked by chance; when nobody waits, time jumps to the next timer. So a run is the same whenever it is played.
"""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

SOON = 0.002
"""Real seconds that a statement may take before it is asked whether it waits for another's lock."""
STUCK = 60.0
"""Real seconds without any answer of the database, after which the run is given up."""


class Stuck(Exception):
    """Nothing can go on any more: neither a timer nor a statement is left, or the database is silent."""


@dataclass(eq=False)
class Turn:
    """One statement on its way. `pid` is the server process that works on it."""

    pid: int
    go: asyncio.Future[None]
    since: float = 0.0


@dataclass
class Turns:
    """Who may speak to the database. `is_blocked` asks the server whether that process waits for a lock."""

    is_blocked: Callable[[int], bool]
    chance: Random = field(default_factory=lambda: Random(0))  # noqa: S311 (it has to be the same each time)
    waiting: list[Turn] = field(default_factory=list)
    speaking: Turn | None = None
    blocked: list[Turn] = field(default_factory=list)

    async def take(self, pid: int, speak: Callable[[], Awaitable[T]]) -> T:
        """What `speak` returns or raises, once it is its turn."""
        turn = Turn(pid, asyncio.get_running_loop().create_future())
        self.waiting.append(turn)
        try:
            await turn.go
            return await speak()
        finally:
            self._over(turn)

    def _over(self, turn: Turn) -> None:
        if turn in self.waiting:
            self.waiting.remove(turn)
        if turn in self.blocked:
            self.blocked.remove(turn)
        if self.speaking is turn:
            self.speaking = None

    def next(self) -> bool:
        """Whether somebody speaks now. A statement whose lock has come free goes first: its answer is on its way."""
        if self.speaking is not None:
            return True
        for turn in self.blocked:
            if not self.is_blocked(turn.pid):
                self.blocked.remove(turn)
                self.speaking = turn
                return True
        if not self.waiting:
            return False
        place = self.chance.randrange(len(self.waiting)) if len(self.waiting) > 1 else 0
        self.speaking = self.waiting.pop(place)
        self.speaking.go.set_result(None)
        return True

    def silent(self) -> None:
        """The one who speaks has no answer yet: when it waits for another's lock, that other one goes on."""
        if self.speaking is not None and self.is_blocked(self.speaking.pid):
            self.blocked.append(self.speaking)
            self.speaking = None


class Idle(selectors.DefaultSelector):
    """Asked by the loop what has happened; decides what happens."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: Turns | None = None
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.turns is None:
            return super().select(timeout)
        if timeout is not None and timeout <= 0:
            return []  # there is something to do without the world outside
        was_free = self.turns.speaking is None
        if self.turns.next():
            return [] if was_free and self.turns.speaking in (None,) else self._listen(was_free)
        if timeout is None:
            raise Stuck("nothing is left that could happen")
        self.time += timeout
        return []
