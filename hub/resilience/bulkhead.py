"""How many calls one provider may hold at once, so that a slow one does not take the others down with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hub.core.errors import ProviderTransient


class Bulkhead:
    """`max_active` calls at once; `max_waiting` more wait their turn, in order."""

    def __init__(self, provider: str, *, max_active: int = 50, max_waiting: int = 100) -> None:
        self.provider = provider
        self._free = asyncio.Semaphore(max_active)
        self._limit = max_active
        self._queue = max_waiting
        self._inside = 0
        self._waiting = 0

    @property
    def active_calls(self) -> int:
        return self._inside

    @property
    def waiting_calls(self) -> int:
        return self._waiting

    @asynccontextmanager
    async def acquire_slot(self, timeout: float | None = None) -> AsyncIterator[None]:  # noqa: ASYNC109 (of the wait alone)
        """A place inside, waited for at most `timeout` seconds.

        Raises ProviderTransient (`provider_busy`) when the queue is full or the wait was in vain: nothing was asked.
        """
        await self._enter(timeout)
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            self._free.release()

    async def _enter(self, timeout: float | None) -> None:  # noqa: ASYNC109
        if not self._free.locked():
            await self._free.acquire()  # does not wait
            return
        if self._waiting >= self._queue:
            raise self._busy()
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout):
                await self._free.acquire()
        except TimeoutError:
            raise self._busy() from None
        finally:
            self._waiting -= 1

    def _busy(self) -> ProviderTransient:
        return ProviderTransient(self.provider, "Too many calls at once.", code="provider_busy", retry_after=1)
