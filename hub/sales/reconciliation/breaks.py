"""Breaks on record: found, seen again, gone by themselves, or closed by a person."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock, Ids
from hub.core.context import current
from hub.core.db import Database, Tx, named_queries
from hub.core.errors import NotFound
from hub.core.row_failures import RowKey, Sweep
from hub.oversight.review_queue import Attention
from hub.sales.reconciliation.model import FOR_PEOPLE, PROPOSALS, Break, Found, Kind, Look, Report, count, note_failures

SQL = named_queries("reconciliation")


@dataclass(frozen=True, slots=True)
class Breaks:
    db: Database
    attention: Attention
    clock: Clock
    ids: Ids

    async def keep(self, look: Look, report: Report) -> None:
        """Takes over what a part has found, and closes what it has looked for and not found again."""
        sweep = Sweep("reconcile.breaks", self.db, self.clock, waits=False)
        failures = await sweep.process(look.found, partial(self._keep_one, report), key=_found_key)
        subjects = None if look.subjects is None else sorted(look.subjects)
        kinds, names = [one.kind for one in look.found], [one.subject for one in look.found]
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.gone, sorted(look.kinds), subjects, kinds, names)
        closing = await sweep.process(rows, partial(self._close_gone, report), key=lambda row: RowKey(str(row["id"])))
        note_failures(report, "breaks", "hub", [*failures, *closing])

    async def _keep_one(self, report: Report, one: Found) -> None:
        async with self.db.transaction() as tx:
            is_new = await self._see(tx, one, self.clock.now())
        count(report.new, one.kind, int(is_new))

    async def _close_gone(self, report: Report, row: Record) -> None:
        async with self.db.transaction() as tx:
            closed = await tx.fetch(SQL.close_gone, row["id"], self.clock.now())
            await self._closed(tx, closed, report, "No later run has found it.")

    async def _see(self, tx: Tx, one: Found, now: datetime) -> bool:
        """True for a new one. Nothing is written about what a person has accepted."""
        row = await tx.fetchrow(SQL.upsert, self.ids.uuid(), *_facts(one), now)
        if row is None or not row["new"]:
            return False
        if one.kind in FOR_PEOPLE:
            await self.attention.ask(
                tx, one.kind, booking_id=one.booking_id, payment_id=one.payment_id, reconciliation=str(row["id"]),
                subject=one.subject, proposal=PROPOSALS[one.kind],
            )  # fmt: skip
        return True

    async def written_off(self, tx: Tx, one: Found, kinds: frozenset[Kind], report: Report) -> None:
        """Writes down a difference that this transaction makes good, and closes what was open about it."""
        now = self.clock.now()
        await tx.execute(SQL.write_down, self.ids.uuid(), *_facts(one), now, "written_off")
        rows = await tx.fetch(SQL.close_all_of, one.payment_id, sorted(kinds), now, "written_off")
        await self._closed(tx, rows, report, "The difference was small, and is written off.")

    async def _closed(self, tx: Tx, rows: list[Any], report: Report, note: str) -> None:
        for row in rows:
            count(report.closed, row["kind"])
            subject = row["booking_id"] or row["payment_id"]
            if subject is not None and not await tx.fetchval(SQL.still_open, row["kind"], subject):
                await self.attention.settled(tx, row["kind"], subject, note)

    async def open(self, kinds: frozenset[Kind]) -> list[Break]:
        """The oldest first."""
        async with self.db.transaction() as tx:
            return [Break(**row) for row in await tx.fetch(SQL.open_breaks, sorted(kinds))]

    async def open_by_kind(self) -> dict[str, int]:
        async with self.db.transaction() as tx:
            return {row["kind"]: row["breaks"] for row in await tx.fetch(SQL.open_by_kind)}

    async def page(self, *, open_only: bool, kind: Kind | None, page: int, page_size: int) -> tuple[list[Break], int]:
        """Open ones first, then the newest first; and how many there are."""
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.page, open_only, kind, page_size, (page - 1) * page_size)
            total: int = await tx.fetchval(SQL.count, open_only, kind)
        return [Break(**row) for row in rows], total

    async def close(self, break_id: UUID, note: str) -> Break:
        """A person takes the difference as it is: it comes back only over other facts. Raises NotFound if not open."""
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.close, break_id, self.clock.now(), current().actor, note)
            if row is None:
                raise NotFound("There is no such open break.", code="break_not_found")
            await self.attention.audit.record(
                tx, "break.closed", booking_id=row["booking_id"], kind=row["kind"], subject=row["subject"]
            )
            subject = row["booking_id"] or row["payment_id"]
            if subject is not None and not await tx.fetchval(SQL.still_open, row["kind"], subject):
                await self.attention.settled(tx, row["kind"], subject, note)
        return Break(**row)


def _found_key(one: Found) -> RowKey:
    return RowKey(f"{one.kind}:{one.subject}", one.booking_id, one.payment_id)


def _facts(one: Found) -> tuple[Any, ...]:
    return one.kind, one.subject, one.booking_id, one.payment_id, one.ours, one.theirs, PROPOSALS[one.kind]
