"""The record of every call to a provider, written in batches behind the callers' backs."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

import asyncpg
import structlog

from hub.core.clock import Clock
from hub.core.db import Database, load_queries
from hub.core.row_failures import process_all

log = structlog.get_logger(__name__)

WRITE_TIMEOUT = 10.0
"""Seconds for one batch, and for the last one at stop()."""


@dataclass(frozen=True, slots=True)
class ProviderCallRecord:
    """One attempt. The order of the fields is the order of the columns.

    No address, header or body: `operation` is a template such as `payment_intents.capture`. `duration_ms` in
    milliseconds. `outcome` is one of answered, refused (4xx), rate_limited (429), failed (5xx), unreachable (nothing
    was sent), timeout (a read), broken (a read), unknown (a write was sent and not answered), cancelled, error (a bug).
    """

    provider: str
    operation: str
    attempt: int
    method: str
    status: int | None
    outcome: str
    duration_ms: float
    idempotency_key: str | None
    booking_id: UUID | None
    request_id: str | None
    provider_request_id: str | None
    started_at: datetime


class ProviderCallLog:
    """Takes records at once and writes them every `flush_interval` seconds, at most `batch_size` in a transaction.

    While the database is away up to `capacity` records wait; then the oldest are dropped and counted in
    `dropped_count`. A record that the database refuses is left out and counted in `unwritable_count`. Who starts it
    stops it: stop() writes what is left.
    """

    def __init__(
        self, db: Database, clock: Clock, *, flush_interval: float = 0.25, batch_size: int = 200, capacity: int = 10_000
    ) -> None:
        self._db = db
        self._clock = clock
        self._interval = flush_interval
        self._batch = batch_size
        self._waiting: deque[ProviderCallRecord] = deque(maxlen=capacity)
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()
        self._failing = False
        self._query = load_queries("provider_calls").add_call
        self.dropped_count = 0
        self.unwritable_count = 0

    @property
    def waiting_count(self) -> int:
        return len(self._waiting)

    def record_call(self, call: ProviderCallRecord) -> None:
        """Never waits and never fails."""
        self.dropped_count += len(self._waiting) == self._waiting.maxlen
        self._waiting.append(call)
        self._news.set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="call-log")

    async def stop(self) -> None:
        """Ends the writer and writes what is waiting, as far as the database lets it."""
        await self._end_writer()
        with self._noticing():
            while self._waiting:
                await self._write_batch()

    async def _end_writer(self) -> None:
        if self._task is None:
            return
        async with self._writing:  # a batch on its way is let through: half of it may be written already
            self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await self._clock.sleep(self._interval)
            with self._noticing():
                while self._waiting:
                    await self._write_batch()
            if self._waiting:
                self._news.set()

    async def _write_batch(self) -> None:
        """Records leave the queue only when they are written."""
        async with self._writing:
            calls = list(islice(self._waiting, self._batch))
            dropped = self.dropped_count
            async with asyncio.timeout(WRITE_TIMEOUT):
                await self._write(calls)
            # What was pushed out of the queue meanwhile was at its head: among those written, so not lost at all.
            pushed_out = min(len(calls), self.dropped_count - dropped)
            self.dropped_count -= pushed_out
            for _ in range(len(calls) - pushed_out):
                self._waiting.popleft()

    async def _write(self, calls: list[ProviderCallRecord]) -> None:
        """All in one transaction; where one of them cannot be stored, each by itself, and that one is dropped."""
        try:
            async with self._db.transaction() as tx:
                await tx.executemany(self._query, [astuple(call) for call in calls])
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            if len(calls) > 1:
                await process_all(calls, lambda call: self._write([call]))
                return
            self.unwritable_count += 1
            log.warning("call_log.record_dropped", operation=calls[0].operation, error=type(error).__name__)

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """A failed write is logged when it begins to fail and when it works again, and tried again later."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 (the writer outlives whatever the database says)
            if not self._failing:
                log.warning("call_log.write_failed", error=type(error).__name__, waiting=self.waiting_count)
            self._failing = True
        else:
            if self._failing:
                log.info("call_log.recovered", dropped=self.dropped_count)
            self._failing = False
