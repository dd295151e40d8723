"""Reading a slow source beside one's own work: what came together is handed on together, and silence is noticed."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

T = TypeVar("T")

_END: Any = object()
_ENDING = 15.0
"""Seconds that a source has to hang up on whoever it asks."""


async def batch_stream(
    source: AsyncGenerator[T], *, idle_timeout: float, on_idle: Callable[[], Awaitable[None]], max_batch: int = 16
) -> AsyncGenerator[list[T]]:
    """The items of the source in lists of up to `most`; `meanwhile` is called after each `silence` seconds of none.

    The source runs in a task of its own. It is closed, and has ended, when this generator is closed or its reader is
    cancelled. What it raises is raised here, after all that came before.
    """
    queue: asyncio.Queue[Any] = asyncio.Queue()
    reading = asyncio.create_task(_read(source, queue))
    try:
        while True:
            batch = await _next(queue, idle_timeout, on_idle, max_batch)
            if items := [one for one in batch if one is not _END]:
                yield items
            if batch[-1] is _END:
                await reading
                return
    finally:
        reading.cancel()
        await run_shielded(_ended(reading))


async def run_shielded(work: Coroutine[Any, Any, None]) -> None:
    """Goes on to its end also when who waits for it is cancelled in between."""
    await asyncio.shield(asyncio.ensure_future(work))


async def _read(source: AsyncGenerator[T], queue: asyncio.Queue[Any]) -> None:
    try:
        async with aclosing(source):
            async for item in source:
                queue.put_nowait(item)
    finally:
        queue.put_nowait(_END)


async def _next(
    queue: asyncio.Queue[Any], silence: float, meanwhile: Callable[[], Awaitable[None]], most: int
) -> list[Any]:
    while True:
        try:
            async with asyncio.timeout(silence):
                batch = [await queue.get()]
        except TimeoutError:
            await meanwhile()
            continue
        while len(batch) < most and not queue.empty():
            batch.append(queue.get_nowait())
        return batch


async def _ended(reading: asyncio.Task[None]) -> None:
    """Its error, if any, has been raised to the reader, or the reader is gone: asyncio need not report it."""
    await asyncio.wait({reading}, timeout=_ENDING)
    if reading.done() and not reading.cancelled():
        reading.exception()
