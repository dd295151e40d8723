"""How many event streams a caller may have open at once: each holds a connection and work behind it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from hub.core.errors import TooManyRequests
from routes.web.access import build_limit_key
from routes.web.endpoint_api import Call

RETRY_AFTER_SECONDS = 5.0
"""Seconds."""


class StreamLimit:
    """Counted in this process: by account, else by network address."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    @contextmanager
    def hold_stream(self, call: Call) -> Iterator[None]:
        """Counts a stream for the block. Raises TooManyRequests when the caller has as many as allowed."""
        key = build_limit_key("streams", call.caller, call.context.ip)
        if self._open[key] >= self._most:
            message = f"At most {self._most} streams may be open at once; close one first."
            raise TooManyRequests(message, code="too_many_streams", retry_after=RETRY_AFTER_SECONDS)
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if self._open[key] <= 0:
                del self._open[key]
