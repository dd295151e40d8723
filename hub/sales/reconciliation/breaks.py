"""Breaks on record: found, seen again, gone by themselves, or closed by a person."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock, IdGenerator
from hub.core.context import current_context
from hub.core.db import Database, Tx, load_queries
from hub.core.errors import NotFound
from hub.core.row_failures import RowKey, Sweep
from hub.oversight.review_queue import ReviewQueue
from hub.sales.reconciliation.model import (
    PROPOSALS,
    REVIEWED_KINDS,
    Break,
    BreakKind,
    ComparisonResult,
    Finding,
    ReconciliationReport,
    add_count,
    add_failure_notes,
)

SQL = load_queries("reconciliation")


@dataclass(frozen=True, slots=True)
class BreakRegister:
    db: Database
    review_queue: ReviewQueue
    clock: Clock
    ids: IdGenerator

    async def store_result(self, look: ComparisonResult, report: ReconciliationReport) -> None:
        """Takes over what a part has found, and closes what it has looked for and not found again."""
        sweep = Sweep("reconcile.breaks", self.db, self.clock, respects_backoff=False)
        failures = await sweep.process_rows(look.findings, partial(self._keep_one, report), key=_found_key)
        subjects = None if look.subjects is None else sorted(look.subjects)
        kinds, names = [one.kind for one in look.findings], [one.subject for one in look.findings]
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.gone, sorted(look.kinds), subjects, kinds, names)
        closing = await sweep.process_rows(
            rows, partial(self._close_gone, report), key=lambda row: RowKey(str(row["id"]))
        )
        add_failure_notes(report, "breaks", "hub", [*failures, *closing])

    async def _keep_one(self, report: ReconciliationReport, one: Finding) -> None:
        async with self.db.transaction() as tx:
            is_new = await self._see(tx, one, self.clock.now())
        add_count(report.new, one.kind, int(is_new))

    async def _close_gone(self, report: ReconciliationReport, row: Record) -> None:
        async with self.db.transaction() as tx:
            closed = await tx.fetch(SQL.close_gone, row["id"], self.clock.now())
            await self._closed(tx, closed, report, "No later run has found it.")

    async def _see(self, tx: Tx, one: Finding, now: datetime) -> bool:
        """True for a new one. Nothing is written about what a person has accepted."""
        row = await tx.fetchrow(SQL.upsert, self.ids.new_uuid(), *_facts(one), now)
        if row is None or not row["new"]:
            return False
        if one.kind in REVIEWED_KINDS:
            await self.review_queue.open_item(
                tx, one.kind, booking_id=one.booking_id, payment_id=one.payment_id, reconciliation=str(row["id"]),
                subject=one.subject, proposal=PROPOSALS[one.kind],
            )  # fmt: skip
        return True

    async def record_write_off(
        self, tx: Tx, one: Finding, kinds: frozenset[BreakKind], report: ReconciliationReport
    ) -> None:
        """Writes down a difference that this transaction makes good, and closes what was open about it."""
        now = self.clock.now()
        await tx.execute(SQL.write_down, self.ids.new_uuid(), *_facts(one), now, "written_off")
        rows = await tx.fetch(SQL.close_all_of, one.payment_id, sorted(kinds), now, "written_off")
        await self._closed(tx, rows, report, "The difference was small, and is written off.")

    async def _closed(self, tx: Tx, rows: list[Any], report: ReconciliationReport, note: str) -> None:
        for row in rows:
            add_count(report.closed, row["kind"])
            subject = row["booking_id"] or row["payment_id"]
            if subject is not None and not await tx.fetchval(SQL.still_open, row["kind"], subject):
                await self.review_queue.close_item(tx, row["kind"], subject, note)

    async def list_open_breaks(self, kinds: frozenset[BreakKind]) -> list[Break]:
        """The oldest first."""
        async with self.db.transaction() as tx:
            return [Break(**row) for row in await tx.fetch(SQL.open_breaks, sorted(kinds))]

    async def count_open_breaks(self) -> dict[str, int]:
        async with self.db.transaction() as tx:
            return {row["kind"]: row["breaks"] for row in await tx.fetch(SQL.open_by_kind)}

    async def list_breaks(
        self, *, open_only: bool, kind: BreakKind | None, page: int, page_size: int
    ) -> tuple[list[Break], int]:
        """Open ones first, then the newest first; and how many there are."""
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.page, open_only, kind, page_size, (page - 1) * page_size)
            total: int = await tx.fetchval(SQL.count, open_only, kind)
        return [Break(**row) for row in rows], total

    async def close_break(self, break_id: UUID, note: str) -> Break:
        """A person takes the difference as it is: it comes back only over other facts. Raises NotFound if not open."""
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.close, break_id, self.clock.now(), current_context().actor, note)
            if row is None:
                raise NotFound("There is no such open break.", code="break_not_found")
            await self.review_queue.audit.record_action(
                tx, "break.closed", booking_id=row["booking_id"], kind=row["kind"], subject=row["subject"]
            )
            subject = row["booking_id"] or row["payment_id"]
            if subject is not None and not await tx.fetchval(SQL.still_open, row["kind"], subject):
                await self.review_queue.close_item(tx, row["kind"], subject, note)
        return Break(**row)


def _found_key(one: Finding) -> RowKey:
    return RowKey(f"{one.kind}:{one.subject}", one.booking_id, one.payment_id)


def _facts(one: Finding) -> tuple[Any, ...]:
    return one.kind, one.subject, one.booking_id, one.payment_id, one.ours, one.theirs, PROPOSALS[one.kind]
