"""Isolation of rows: one row that cannot be processed (a poison row) never stops the others of its sweep.

Every loop over rows that awaits goes through `Sweep.process` or, inside a job, through `process_all`; a test in
tests/test_architecture.py enforces it. What has failed is kept in the table `row_failures`, retried with exponential
backoff, and becomes a review item after repeated failure (`hub.oversight.review_queue`).
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

import structlog

from hub.core.clock import Clock
from hub.core.db import Database, load_queries
from hub.core.errors import ProviderError, ProviderPermanent, Unavailable
from hub.core.job_runner import describe_error, get_exc_info
from hub.core.jobs import Retry

SQL = load_queries("row_failures")
T = TypeVar("T")

FIRST_RETRY_DELAY, MAX_RETRY_DELAY = 30.0, 900.0
"""Seconds until a row that has failed is tried again: doubled each time, unless a provider is away."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RowKey:
    """Names one row in the log, in `row_failures` and on the review item. Ids only, never personal data."""

    id: str
    booking_id: UUID | None = None
    payment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class RowFailure(Generic[T]):
    row: T
    key: RowKey
    error: Exception


@dataclass(frozen=True, slots=True)
class RowRetryState:
    """How often the row has failed by now, and the seconds until it is to be tried again."""

    failures: int
    retry_after: float


@dataclass(frozen=True, slots=True)
class Sweep:
    """The rows of one sweep, processed one by one. `name` is a stable dotted name such as `payments.settle`.

    `respects_backoff` False tries every row each time, also one that has just failed: for what somebody has asked for.
    """

    name: str
    db: Database
    clock: Clock
    respects_backoff: bool = True

    async def process_rows(
        self, rows: Iterable[T], handle: Callable[[T], Awaitable[object]], key: Callable[[T], RowKey]
    ) -> list[RowFailure[T]]:
        """Calls `handle` with each row. Returns the failures, each logged and recorded.

        `handle` opens its own transaction. Raises Unavailable when the database itself is away.
        """
        pending = list(rows)
        failing = await self._read_failing() if pending else {}
        failures: list[RowFailure[T]] = []
        for row in pending:
            row_key = key(row)
            if self.respects_backoff and failing.get(row_key.id, False):
                continue
            try:
                await handle(row)
            except Exception as error:  # noqa: BLE001 (whatever it is, it concerns this row)
                await self.record_failure(row_key, error)
                failures.append(RowFailure(row, row_key, error))
            else:
                if row_key.id in failing:
                    await self.clear_failure(row_key)
        return failures

    async def record_failure(self, row: RowKey, error: Exception) -> RowRetryState:
        """Logs and keeps one failure. Raises Unavailable when the database is away: then the row is not to blame."""
        facts = (row.id, row.booking_id, row.payment_id, describe_error(error), is_transient(error))
        async with self.db.connection() as connection:
            (recorded,) = await connection.fetch(
                SQL.add_failure, self.name, *facts, self.clock.now(), FIRST_RETRY_DELAY, MAX_RETRY_DELAY
            )
        failure = RowRetryState(**recorded)
        log.warning(
            "row.failed", sweep=self.name, row=row.id, failures=failure.failures, error=describe_error(error),
            exc_info=get_exc_info(error),
        )  # fmt: skip
        return failure

    async def _read_failing(self) -> dict[str, bool]:
        async with self.db.connection() as connection:
            rows = await connection.fetch(SQL.failing, self.name, self.clock.now())
        return {row["row_id"]: row["waits"] for row in rows}

    async def clear_failure(self, row: RowKey) -> None:
        """For a row that has been processed: what it failed with before, if it did, is no matter any more."""
        async with self.db.connection() as connection:
            recovered = await connection.fetchval(SQL.remove_failure, self.name, row.id)
        if recovered is not None:
            log.info("row.recovered", sweep=self.name, row=row.id)


async def process_all(rows: Iterable[T], handle: Callable[[T], Awaitable[object]]) -> None:
    """For a job with several items: tries each, then raises the first failure, so that the job is retried or held."""
    failures: list[Exception] = []
    for row in rows:
        try:
            await handle(row)
        except Exception as error:  # noqa: BLE001 (raised below, once the others have had their turn)
            failures.append(error)
    if failures:  # a Retry last: it would not count as a failure
        raise min(failures, key=lambda failure: isinstance(failure, Retry))


def is_transient(error: Exception) -> bool:
    """Whether the cause lies outside of the row: it passes without anybody's doing."""
    return isinstance(error, Unavailable) or (
        isinstance(error, ProviderError) and not isinstance(error, ProviderPermanent)
    )
