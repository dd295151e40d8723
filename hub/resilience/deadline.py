"""How long there is. A deadline travels with the work: what is called inside can shorten it, never lengthen it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

from hub.core.clock import Clock

CANCEL_GRACE = 0.05
"""Seconds that cancellation comes after the deadline: what was bounded by it says first, and better, what it missed."""

_ends_at: ContextVar[float | None] = ContextVar("deadline", default=None)


def get_deadline() -> float | None:
    """When this line of work must be done, on clock.monotonic(); None without a deadline."""
    return _ends_at.get()


def get_remaining_seconds(clock: Clock) -> float | None:
    """Seconds left, never below 0; None without a deadline."""
    end = _ends_at.get()
    return None if end is None else max(0.0, end - clock.monotonic())


def cap_deadline(clock: Clock, seconds: float) -> float:
    """`seconds` from now, or the deadline that is already there if that is earlier; on clock.monotonic()."""
    wanted, given = clock.monotonic() + seconds, _ends_at.get()
    return wanted if given is None else min(wanted, given)


@asynccontextmanager
async def enforce_deadline(clock: Clock, seconds: float) -> AsyncIterator[float]:
    """What runs inside is cancelled, and TimeoutError raised here, after `seconds` or at the outer deadline
    (and GRACE).

    Tasks started inside inherit the deadline (see `suspend_deadline`). Yields the end on clock.monotonic().
    """
    end = cap_deadline(clock, seconds)
    token = _ends_at.set(end)
    try:
        async with asyncio.timeout(max(0.0, end - clock.monotonic()) + CANCEL_GRACE):
            yield end
    finally:
        _ends_at.reset(token)


@contextmanager
def suspend_deadline() -> Iterator[None]:
    """Inside, no deadline: for work started by a request and meant for others too, such as a refresh of the cache."""
    token = _ends_at.set(None)
    try:
        yield
    finally:
        _ends_at.reset(token)
