"""One run: all parts, one after the other, by one process at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from hub.core.clock import Clock, IdGenerator
from hub.core.db import Database
from hub.core.errors import Conflict, HubError, Unavailable
from hub.core.job_runner import describe_error, get_exc_info
from hub.core.jobs import every
from hub.sales.payments import StatementSource
from hub.sales.reconciliation.breaks import SQL, BreakRegister
from hub.sales.reconciliation.missed_events import MissedEvents
from hub.sales.reconciliation.model import ReconciliationReport, RunNote
from hub.sales.reconciliation.payment_accounts import MAX_LOOKBACK, PaymentAccountCheck
from hub.sales.reconciliation.repairs import Repairs
from hub.sales.reconciliation.stalled_records import StalledRecordCheck
from hub.sales.reconciliation.supplier_orders import SupplierOrderCheck

log = structlog.get_logger(__name__)
RUN_INTERVAL = 600
RUN_LEASE = timedelta(seconds=60)
"""Renewed while the run goes on: a process that has died holds up the next run no longer than that."""
FIRST_LOOKBACK = timedelta(hours=24)
"""How far back the very first run looks."""
WINDOW_OVERLAP = timedelta(minutes=15)
"""How much of the last window is looked at once more."""
DELIVERY_GRACE = timedelta(seconds=60)
"""Younger events are left to be delivered."""
REPORT_RETENTION = timedelta(days=30)
"""How long reports are kept."""
SCHEDULED_ORDER_LIMIT, REQUESTED_ORDER_LIMIT = 50, 2_000
"""Orders that a supplier is asked for: by the clock, and on command."""


@dataclass(frozen=True, slots=True)
class LastRun:
    id: UUID
    since: datetime
    started_at: datetime
    ended_at: datetime
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    db: Database
    payment_accounts: PaymentAccountCheck
    supplier_orders: SupplierOrderCheck
    missed_events: MissedEvents
    stalled_records: StalledRecordCheck
    repairs: Repairs
    breaks: BreakRegister
    clock: Clock
    ids: IdGenerator

    @every(RUN_INTERVAL, "reconciliation.sweep")
    async def run_scheduled(self) -> None:
        """By the clock: what is on its way is left alone. Nothing when a run is under way, or was a moment ago."""
        now = self.clock.now()
        last = await self.get_last_run()
        if last is not None and now - last.started_at < timedelta(seconds=RUN_INTERVAL / 2):
            return
        try:
            report = await self._run(await self._since(now), now - DELIVERY_GRACE, on_command=False)
        except Conflict:
            return
        if report.new or report.notes:
            log.warning("reconciliation.differs", new=report.new, notes=len(report.notes))

    async def run(self, since: datetime | None = None, *, repair: bool = False) -> ReconciliationReport:
        """On command: everything since then (24 hours), however young. `repair` carries out what needs no judgement.

        Raises Conflict `already_running`.
        """
        now = self.clock.now()
        return await self._run(since or now - FIRST_LOOKBACK, now, on_command=True, mend=repair)

    async def get_last_run(self) -> LastRun | None:
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.last_run)
        return LastRun(**row) if row else None

    async def _since(self, now: datetime) -> datetime:
        """From the last run that could look at everything, but not further back than a week."""
        async with self.db.transaction() as tx:
            whole: datetime | None = await tx.fetchval(SQL.last_whole)
        return max(now - MAX_LOOKBACK, now - FIRST_LOOKBACK if whole is None else whole - WINDOW_OVERLAP)

    async def _run(
        self, since: datetime, until: datetime, *, on_command: bool, mend: bool = False
    ) -> ReconciliationReport:
        report = ReconciliationReport(since=since, started_at=self.clock.now())
        async with self._alone(report) as number:
            for name, gateway in self.payment_accounts.gateways.by_name.items():
                if isinstance(gateway, StatementSource):
                    await _part(
                        "events", name, self.missed_events.feed_missed_events(gateway, since, until, report), report
                    )
                await _part("accounts", name, self.payment_accounts.compare_account(gateway, since, report), report)
            limit = REQUESTED_ORDER_LIMIT if on_command else SCHEDULED_ORDER_LIMIT
            for name in self.supplier_orders.suppliers:
                work = self.supplier_orders.compare_orders(name, since, limit, report, recheck=on_command)
                await _part("orders", name, work, report)
            await _part("standing", "hub", self.stalled_records.check_records(since, report), report)
            if mend:
                await _part("mending", "hub", self.repairs.repair_breaks(report), report)
            report.open = await self.breaks.count_open_breaks()
            report.ended_at = self.clock.now()
            async with self.db.transaction() as tx:
                await tx.execute(SQL.finish, number, report.ended_at, report.to_json())
                await tx.execute(SQL.forget, report.started_at - REPORT_RETENTION)
        return report

    @asynccontextmanager
    async def _alone(self, report: ReconciliationReport) -> AsyncIterator[UUID]:
        """Holds the lease of the run. Raises Conflict while somebody else has it."""
        number = await self._begin(report)
        renewing = asyncio.create_task(self._renew(number), name="reconciliation.lease")
        try:
            yield number
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            if report.ended_at is None:
                async with self.db.transaction() as tx:
                    await tx.execute(SQL.finish, number, self.clock.now(), None)

    async def _begin(self, report: ReconciliationReport) -> UUID:
        number, now = self.ids.new_uuid(), report.started_at
        async with self.db.transaction() as tx:
            await tx.fetchval(SQL.turn)
            await tx.execute(SQL.abandon, now)
            if (began := await tx.fetchval(SQL.running)) is not None:
                raise Conflict(f"A run is under way since {began:%H:%M:%S} UTC.", code="already_running")
            await tx.execute(SQL.begin, number, report.since, now, now + RUN_LEASE)
        return number

    async def _renew(self, number: UUID) -> None:
        while True:
            await self.clock.sleep(RUN_LEASE.total_seconds() / 3)
            async with self.db.transaction() as tx:
                await tx.execute(SQL.renew, number, self.clock.now() + RUN_LEASE)


async def _part(part: str, provider: str, work: Awaitable[None], report: ReconciliationReport) -> None:
    """A part that fails leaves the others their turn, and is noted in the report. Raises Unavailable: no database."""
    try:
        await work
    except Unavailable:
        raise
    except Exception as error:  # a mistake of ours in one part is no reason to compare nothing
        code = error.code if isinstance(error, HubError) else HubError.code
        log.warning("reconciliation.part_failed", part=part, provider=provider, code=code, exc_info=get_exc_info(error))
        report.notes.append(
            RunNote(part, provider, code, error.detail if isinstance(error, HubError) else describe_error(error))
        )
