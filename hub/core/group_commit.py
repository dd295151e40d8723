"""Small writes that arrive while others are under way go together: under load one statement and one commit serve many.

Nobody waits for company: what comes while a writer is free is written at once, by itself.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from hub.core.errors import HubError

T = TypeVar("T")
R = TypeVar("R")

MAX_WRITERS = 3
"""At once: one that waits for a lock does not hold up the others."""
MAX_BATCH_SIZE = 32
"""In one statement."""


class GroupCommit(Generic[T, R]):
    """`write` takes several, and answers each in its place. Those of one `key` are written one by one."""

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[Sequence[R]]], key: Callable[[T], Hashable]) -> None:
        self._write = write
        self._key = key
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._writers: set[asyncio.Task[None]] = set()
        self._under_way: set[Hashable] = set()

    async def submit_write(self, one: T) -> R:
        """Returns when it is written. Raises what `write` raises for it; who stops waiting does not stop the write."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, future))
        if len(self._writers) < MAX_WRITERS:
            writer = asyncio.create_task(self._run(), name="together")
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        return await future

    async def close(self) -> None:
        """Waits for what is under way."""
        await asyncio.gather(*self._writers, return_exceptions=True)

    async def _run(self) -> None:
        while batch := self._next():
            self._under_way |= batch.keys()
            try:
                await self._written(list(batch.values()))
            finally:
                self._under_way -= batch.keys()

    def _next(self) -> dict[Hashable, tuple[T, asyncio.Future[R]]]:
        """What another writer writes already is left to it."""
        batch: dict[Hashable, tuple[T, asyncio.Future[R]]] = {}
        later: list[tuple[T, asyncio.Future[R]]] = []
        while self._waiting and len(batch) < MAX_BATCH_SIZE:
            one = self._waiting.popleft()
            key = self._key(one[0])
            if key in self._under_way or batch.setdefault(key, one) is not one:
                later.append(one)
        self._waiting.extendleft(reversed(later))
        return batch

    async def _written(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            for (_, future), answer in zip(batch, await self._write([one for one, _ in batch]), strict=True):
                if not future.done():
                    future.set_result(answer)
        except HubError as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 (one of them cannot be written: which?)
            if len(batch) == 1:
                _fail(batch, error)
            else:
                for one in batch:
                    await self._written([one])
        except BaseException:
            for _, future in batch:
                future.cancel()
            raise


def _fail(batch: Sequence[tuple[T, asyncio.Future[R]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
