"""A second, identical question when the first is slow. For reads only: both may be answered."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from hub.core.clock import Clock

T = TypeVar("T")


async def run_hedged(
    ask: Callable[[], Awaitable[T]],
    *,
    after: float,
    clock: Clock,
    may_hedge: Callable[[], bool] = lambda: True,
) -> T:
    """The first answer of at most two: `ask()` is called again when `after` seconds brought none.

    The loser is cancelled and waited for. A failure before the second question is raised at once (asking again is
    for retry to decide); after it, the other one may still answer. Raises the first failure when both fail.
    """
    asked = [asyncio.ensure_future(ask())]
    try:
        if not await _settled_within(asked[0], after, clock) and may_hedge():
            asked.append(asyncio.ensure_future(ask()))
        return await _first_answer(asked)
    finally:
        await _cancel(asked)


async def _settled_within(task: asyncio.Future[T], seconds: float, clock: Clock) -> bool:
    timer = asyncio.ensure_future(clock.sleep(seconds))
    both: list[asyncio.Future[Any]] = [task, timer]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _cancel([timer])
    return task.done()


async def _first_answer(asked: Sequence[asyncio.Future[T]]) -> T:
    failures: list[BaseException] = []
    pending = set(asked)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in sorted(done, key=asked.index):
            if (failure := task.exception()) is None:
                return task.result()
            failures.append(failure)
    raise failures[0]


async def _cancel(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    # A loser's failure is not news: the answer is there, or its failure was weighed.
    await asyncio.gather(*tasks, return_exceptions=True)
