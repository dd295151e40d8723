"""What only a person can decide: one open line for each matter, with its owner among the staff."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock, Ids
from hub.core.context import current
from hub.core.db import Database, Tx, named_queries
from hub.core.errors import NotFound
from hub.core.jobs import every
from hub.core.row_failures import SQL as ROWS
from hub.core.row_failures import RowKey, Sweep
from hub.oversight.audit import Audit

SQL = named_queries("review_queue")
ROW_FAILED = "row_failed"
REPEATED = 5
"""Failures of one row in a sweep after which a person is asked."""
PROVIDER_AWAY, STALE = timedelta(hours=12), timedelta(days=1)
"""How long a provider may be away before that; and how long after its last failure a row counts as dealt with."""


@dataclass(frozen=True, slots=True)
class Matter:
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
class Attention:
    db: Database
    audit: Audit
    clock: Clock
    ids: Ids

    async def ask(
        self,
        tx: Tx,
        kind: str,
        *,
        booking_id: UUID | None = None,
        payment_id: UUID | None = None,
        item: str | None = None,
        **detail: Any,
    ) -> None:
        """Opens the matter, unless it is open. Asked again while it is open, nothing is written.

        `item` names what it is about where that is not the booking or the payment as a whole.
        """
        facts = (self.ids.uuid(), kind, booking_id, payment_id, detail, self.clock.now(), item)
        opened = await tx.fetchval(SQL.open, *facts)
        if opened is not None:
            await self.audit.record(tx, "booking.needs_attention", booking_id=booking_id, why=kind)

    async def settled(self, tx: Tx, kind: str, subject: UUID, note: str) -> None:
        """The matter has come right by itself. `subject` is the booking, or the payment where there is none."""
        await tx.execute(SQL.settle, kind, subject, self.clock.now(), "system", note)

    @every(60, "attention.review_failed_rows")
    async def review_failed_rows(self) -> None:
        """Opens a review item for each row that keeps failing in a sweep, and closes those of rows that recovered."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            await tx.execute(SQL.settle_recovered_rows, ROW_FAILED, now, "The row does not fail any more.")
            rows = await tx.fetch(ROWS.repeated_failures, REPEATED, PROVIDER_AWAY)
            await tx.execute(ROWS.remove_stale_failures, now - STALE)
        sweep = Sweep("attention.review_failed_rows", self.db, self.clock)
        await sweep.process(rows, self._review_row, key=lambda row: RowKey(_subject(row)))

    async def _review_row(self, row: Record) -> None:
        async with self.db.transaction() as tx:
            await self.ask(
                tx, ROW_FAILED, booking_id=row["booking_id"], payment_id=row["payment_id"], item=_subject(row),
                sweep=row["sweep"], row=row["row_id"], error=row["error"], failures=row["failures"],
                since=row["first_failed_at"].isoformat(),
            )  # fmt: skip

    async def resolve(self, matter_id: UUID, note: str) -> Matter:
        """Raises NotFound for one that is not open."""
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.resolve, matter_id, self.clock.now(), current().actor, note)
            if row is None:
                raise NotFound("There is no such open matter.", code="matter_not_found")
            if row["kind"] == ROW_FAILED:
                await tx.execute(SQL.forget_failures, row["subject"])  # its sweep tries the row again at once
            await self.audit.record(tx, "attention.resolved", booking_id=row["booking_id"], kind=row["kind"])
        return Matter(**row)

    async def page(self, *, open_only: bool, page: int, page_size: int) -> tuple[list[Matter], int]:
        """The oldest first; and how many there are."""
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.page, open_only, page_size, (page - 1) * page_size)
            total: int = await tx.fetchval(SQL.count, open_only)
        return [Matter(**row) for row in rows], total


def _subject(row: Record) -> str:
    return f"{row['sweep']}:{row['row_id']}"
