"""The points at which a process can die: wherever it commits, or calls somebody.

They are numbered as they are passed. What is to happen at one of them happens before its effect, or after it and
before anybody has heard of it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import asyncpg

T = TypeVar("T")
Trouble = Literal["kill", "drop", "stall"]


MOST = 6000
"""Points that a run may pass. A long one passes a thousand."""


class Killed(BaseException):
    """The process is no more. Nothing of it may have any effect."""


@dataclass(eq=False)
class Life:
    """One process of the hub, from its start to its death."""

    number: int
    alive: bool = True
    tasks: dict[asyncio.Task[Any], None] = field(default_factory=dict)
    """In the order in which they were begun, so that they end in the same order whenever this is played."""
    at_death: list[Callable[[], None]] = field(default_factory=list)

    def check(self) -> None:
        if not self.alive:
            raise Killed

    def die(self) -> None:
        """As by kill -9: what it was doing ends here, and what it would clear up stays as it is."""
        if self.alive:
            self.alive = False
            for end in self.at_death:
                end()
            for task in tuple(self.tasks):
                task.cancel()


mine: ContextVar[Life | None] = ContextVar("life", default=None)
"""Whose task this is."""


def task_factory(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
    """Every task belongs to the process whose task has made it."""
    task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **options)
    context = options.get("context")
    life = context.get(mine) if context is not None else mine.get()
    if life is not None:
        life.tasks[task] = None
        task.add_done_callback(lambda done: life.tasks.pop(done, None))
        if not life.alive:
            task.cancel()
    return task


@dataclass(frozen=True, slots=True)
class Blow:
    """`seconds` is how long the process stays away, or the task stands still."""

    kind: Trouble
    after: bool
    seconds: float = 0.0


@dataclass
class Points:
    """`blows` by the number of the point. `passed` are the labels of those passed, in order."""

    blows: dict[int, Blow]
    died: Callable[[Life, Blow], None]
    endless: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there seems to be no end to it."""
    passed: list[str] = field(default_factory=list)
    struck: list[tuple[int, str, Blow]] = field(default_factory=list)

    async def through(self, life: Life, label: str, effect: Callable[[], Awaitable[T]]) -> T:
        """The effect, unless something happens to it. Raises Killed, or what a lost connection raises."""
        life.check()
        number = len(self.passed)
        self.passed.append(label)
        if number > MOST:
            self.endless.set()
        blow = self.blows.get(number)
        if blow is None or (blow.kind == "drop" and label.startswith("call")):
            return await effect()
        self.struck.append((number, label, blow))
        if not blow.after:
            await self._strike(life, blow)
        done = await effect()
        if blow.after:
            await self._strike(life, blow)
        return done

    async def _strike(self, life: Life, blow: Blow) -> None:
        match blow.kind:
            case "kill":
                self.died(life, blow)
                raise Killed
            case "drop":
                raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
            case "stall":
                await asyncio.sleep(blow.seconds)
                life.check()
