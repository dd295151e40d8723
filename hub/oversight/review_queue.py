"""What only a person can decide: one open line for each matter, with its owner among the staff."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock, IdGenerator
from hub.core.context import current_context
from hub.core.db import Database, Tx, load_queries
from hub.core.errors import NotFound
from hub.core.jobs import every
from hub.core.row_failures import SQL as ROWS
from hub.core.row_failures import RowKey, Sweep
from hub.oversight.audit import AuditLog

SQL = load_queries("review_queue")
ROW_FAILED = "row_failed"
FAILURES_BEFORE_REVIEW = 5
"""Failures of one row in a sweep after which a person is asked."""
PROVIDER_OUTAGE_LIMIT, FAILURE_STALE_AFTER = timedelta(hours=12), timedelta(days=1)
"""How long a provider may be away before that; and how long after its last failure a row counts as dealt with."""


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """One review item. `kind`: `order_unknown` (with the `reason`), `hold_lost`, `payment_mismatch`,
    `capture_mismatch`, `dispute`, `dispute_inquiry`, `refund_failed`, `paper_glyphs_missing` (with the `scripts`),
    `order_refused` (with the supplier's own `reasons`), a kind of break, or `row_failed`, whose `subject` is the sweep
    and the row.
    """

    id: UUID
    kind: str
    booking_id: UUID | None
    payment_id: UUID | None
    detail: dict[str, Any]
    since: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class ReviewQueue:
    db: Database
    audit: AuditLog
    clock: Clock
    ids: IdGenerator

    async def open_item(
        self,
        tx: Tx,
        kind: str,
        *,
        booking_id: UUID | None = None,
        payment_id: UUID | None = None,
        subject: str | None = None,
        **detail: Any,
    ) -> None:
        """Opens the matter, unless it is open. Asked again while it is open, nothing is written.

        `subject` names what it is about where that is not the booking or the payment as a whole.
        """
        facts = (self.ids.new_uuid(), kind, booking_id, payment_id, detail, self.clock.now(), subject)
        opened = await tx.fetchval(SQL.open, *facts)
        if opened is not None:
            await self.audit.record_action(tx, "booking.needs_attention", booking_id=booking_id, why=kind)

    async def close_item(self, tx: Tx, kind: str, subject: UUID, note: str) -> None:
        """The matter has come right by itself. `subject` is the booking, or the payment where there is none."""
        await tx.execute(SQL.settle, kind, subject, self.clock.now(), "system", note)

    @every(60, "attention.review_failed_rows")
    async def sweep_failed_rows(self) -> None:
        """Opens a review item for each row that keeps failing in a sweep, and closes those of rows that recovered."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            await tx.execute(SQL.settle_recovered_rows, ROW_FAILED, now, "The row does not fail any more.")
            rows = await tx.fetch(ROWS.repeated_failures, FAILURES_BEFORE_REVIEW, PROVIDER_OUTAGE_LIMIT)
            await tx.execute(ROWS.remove_stale_failures, now - FAILURE_STALE_AFTER)
        sweep = Sweep("attention.review_failed_rows", self.db, self.clock)
        await sweep.process_rows(rows, self._review_row, key=lambda row: RowKey(_subject(row)))

    async def _review_row(self, row: Record) -> None:
        async with self.db.transaction() as tx:
            await self.open_item(
                tx, ROW_FAILED, booking_id=row["booking_id"], payment_id=row["payment_id"], subject=_subject(row),
                sweep=row["sweep"], row=row["row_id"], error=row["error"], failures=row["failures"],
                since=row["first_failed_at"].isoformat(),
            )  # fmt: skip

    async def resolve_item(self, matter_id: UUID, note: str) -> ReviewItem:
        """Raises NotFound for one that is not open."""
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.resolve, matter_id, self.clock.now(), current_context().actor, note)
            if row is None:
                raise NotFound("There is no such open matter.", code="matter_not_found")
            if row["kind"] == ROW_FAILED:
                await tx.execute(SQL.forget_failures, row["subject"])  # its sweep tries the row again at once
            await self.audit.record_action(tx, "attention.resolved", booking_id=row["booking_id"], kind=row["kind"])
        return ReviewItem(**row)

    async def list_items(self, *, open_only: bool, page: int, page_size: int) -> tuple[list[ReviewItem], int]:
        """The oldest first; and how many there are."""
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.page, open_only, page_size, (page - 1) * page_size)
            total: int = await tx.fetchval(SQL.count, open_only)
        return [ReviewItem(**row) for row in rows], total


def _subject(row: Record) -> str:
    return f"{row['sweep']}:{row['row_id']}"
