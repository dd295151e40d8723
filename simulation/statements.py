"""What is done to a statement on its way to the server: it is told the virtual time, and comes to its end."""

import asyncio
import re
import select
from collections.abc import Coroutine, Generator
from datetime import datetime
from functools import cache
from types import coroutine
from typing import Any

LOCK_CHECK_MILLISECONDS = 1
"""Milliseconds without an answer after which the loop is asked whether the statement waits for somebody's lock."""
_CLOCK = re.compile(r"\b(?:clock_timestamp|now)\(\)", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*")
_PARAMETER = re.compile(r"\$(\d+)")
_EFFECT = re.compile(r"\bfor\s+(update|no key|share|key)\b|\bpg_\w+\s*\(|nextval|set_config", re.IGNORECASE)


def use_virtual_time(query: str, args: tuple[Any, ...], now: datetime) -> tuple[str, tuple[Any, ...]]:
    """The server's own clock is the real one; who asks for it is given ours, as one more parameter."""
    told = _timed(query)
    return (query, args) if told is None else (told, (*args, now))


@cache
def _timed(query: str) -> str | None:
    """The query with a parameter in place of the clock, or None when it does not look at it."""
    bare = _COMMENT.sub("", query)
    if not _CLOCK.search(bare):
        return None
    last = max((int(one) for one in _PARAMETER.findall(bare)), default=0)
    return _CLOCK.sub(f"${last + 1}::timestamptz", bare)


@cache
def is_read_only(query: str) -> bool:
    """Whether it may as well be asked before its transaction begins: at READ COMMITTED nobody sees a difference."""
    bare = _COMMENT.sub("", query).strip().lower()
    return bare.startswith("select ") and not _EFFECT.search(bare)


class ReplyReader:
    """Hears the answer to a statement without the loop, which has nothing better to do while one is asked."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket"), select.POLLIN)

    def wait_for_reply(self, waited: Any) -> None:
        """Until it is done, or nothing comes for a while: then the statement may be waiting for somebody's lock."""
        while not (waited.done() or self._transport.is_closing()) and self._poll.poll(LOCK_CHECK_MILLISECONDS):
            self._transport._read_ready()  # noqa: SLF001 (what the loop would call)


@coroutine
def run_uninterrupted(asking: Coroutine[Any, Any, Any], ear: ReplyReader) -> Generator[Any, Any, Any]:
    """Waits for the end of `asking`, which never hears that who waits is cancelled: that is raised afterwards.

    So it is with a server that has got the statement already. Cheaper than a task of its own for each statement.
    """
    cut_off = False
    steps = asking.__await__()
    try:
        while True:
            waited = steps.send(None)
            if waited is None:
                yield
                continue
            ear.wait_for_reply(waited)
            while not waited.done():
                cut_off |= yield from _done(waited)
    except StopIteration as end:
        if cut_off:
            raise asyncio.CancelledError from None
        return end.value
    except Exception:
        if cut_off:
            raise asyncio.CancelledError from None
        raise


def _done(waited: Any) -> Generator[Any, Any, bool]:
    """Whether it was a cancellation that ended the waiting."""
    waited._asyncio_future_blocking = False  # noqa: SLF001 (the task is not to wait for it: it would cancel it as well)
    told = asyncio.get_running_loop().create_future()
    waited.add_done_callback(lambda _: None if told.done() else told.set_result(None))
    try:
        yield from told.__await__()
    except asyncio.CancelledError:
        return True
    return False
