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
FailureKind = Literal["kill", "drop", "stall"]


MAX_POINTS = 6000
"""Points that a run may pass. A long one passes a thousand."""


class ProcessKilled(BaseException):
    """The process is no more. Nothing of it may have any effect."""


@dataclass(eq=False)
class ProcessLife:
    """One process of the hub, from its start to its death."""

    number: int
    is_alive: bool = True
    tasks: dict[asyncio.Task[Any], None] = field(default_factory=dict)
    """In the order in which they were begun, so that they end in the same order whenever this is played."""
    death_callbacks: list[Callable[[], None]] = field(default_factory=list)

    def raise_if_killed(self) -> None:
        if not self.is_alive:
            raise ProcessKilled

    def kill_process(self) -> None:
        """As by kill -9: what it was doing ends here, and what it would clear up stays as it is."""
        if self.is_alive:
            self.is_alive = False
            for end in self.death_callbacks:
                end()
            for task in tuple(self.tasks):
                task.cancel()


current_process: ContextVar[ProcessLife | None] = ContextVar("life", default=None)
"""Whose task this is."""


def create_process_task(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
    """Every task belongs to the process whose task has made it."""
    task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **options)
    context = options.get("context")
    life = context.get(current_process) if context is not None else current_process.get()
    if life is not None:
        life.tasks[task] = None
        task.add_done_callback(lambda done: life.tasks.pop(done, None))
        if not life.is_alive:
            task.cancel()
    return task


@dataclass(frozen=True, slots=True)
class InjectedFailure:
    """`seconds` is how long the process stays away, or the task stands still."""

    kind: FailureKind
    is_after_effect: bool
    seconds: float = 0.0


@dataclass
class CrashPoints:
    """`planned_failures` by the number of the point. `passed_labels` are the labels of those passed, in order."""

    planned_failures: dict[int, InjectedFailure]
    on_death: Callable[[ProcessLife, InjectedFailure], None]
    limit_exceeded: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there seems to be no end to it."""
    passed_labels: list[str] = field(default_factory=list)
    injected_failures: list[tuple[int, str, InjectedFailure]] = field(default_factory=list)

    async def pass_point(self, life: ProcessLife, label: str, effect: Callable[[], Awaitable[T]]) -> T:
        """The effect, unless something happens to it. Raises ProcessKilled, or what a lost connection raises."""
        life.raise_if_killed()
        number = len(self.passed_labels)
        self.passed_labels.append(label)
        if number > MAX_POINTS:
            self.limit_exceeded.set()
        blow = self.planned_failures.get(number)
        if blow is None or (blow.kind == "drop" and label.startswith("call")):
            return await effect()
        self.injected_failures.append((number, label, blow))
        if not blow.is_after_effect:
            await self._strike(life, blow)
        done = await effect()
        if blow.is_after_effect:
            await self._strike(life, blow)
        return done

    async def _strike(self, life: ProcessLife, blow: InjectedFailure) -> None:
        match blow.kind:
            case "kill":
                self.on_death(life, blow)
                raise ProcessKilled
            case "drop":
                raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
            case "stall":
                await asyncio.sleep(blow.seconds)
                life.raise_if_killed()
