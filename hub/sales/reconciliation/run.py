"""One run: all parts, one after the other, by one process at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from hub.core.clock import Clock, Ids
from hub.core.db import Database
from hub.core.errors import Conflict, HubError, Unavailable
from hub.core.job_runner import said, unexpected
from hub.core.jobs import every
from hub.sales.payments import Statements
from hub.sales.reconciliation.breaks import SQL, Breaks
from hub.sales.reconciliation.missed_events import News
from hub.sales.reconciliation.model import Note, Report
from hub.sales.reconciliation.payment_accounts import FURTHEST, Accounts
from hub.sales.reconciliation.repairs import Mending
from hub.sales.reconciliation.stalled import Standing
from hub.sales.reconciliation.supplier_orders import Orders

log = structlog.get_logger(__name__)
EVERY = 600
LEASE = timedelta(seconds=60)
"""Renewed while the run goes on: a process that has died holds up the next run no longer than that."""
FIRST = timedelta(hours=24)
"""How far back the very first run looks."""
OVERLAP = timedelta(minutes=15)
"""How much of the last window is looked at once more."""
ON_ITS_WAY = timedelta(seconds=60)
"""Younger events are left to be delivered."""
KEPT = timedelta(days=30)
"""How long reports are kept."""
SOME, MANY = 50, 2_000
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
    accounts: Accounts
    orders: Orders
    news: News
    standing: Standing
    mending: Mending
    breaks: Breaks
    clock: Clock
    ids: Ids

    @every(EVERY, "reconciliation.sweep")
    async def sweep(self) -> None:
        """By the clock: what is on its way is left alone. Nothing when a run is under way, or was a moment ago."""
        now = self.clock.now()
        last = await self.last()
        if last is not None and now - last.started_at < timedelta(seconds=EVERY / 2):
            return
        try:
            report = await self._run(await self._since(now), now - ON_ITS_WAY, on_command=False)
        except Conflict:
            return
        if report.new or report.notes:
            log.warning("reconciliation.differs", new=report.new, notes=len(report.notes))

    async def run(self, since: datetime | None = None, *, mend: bool = False) -> Report:
        """On command: everything since then (24 hours), however young. `mend` carries out what needs no judgement.

        Raises Conflict `already_running`.
        """
        now = self.clock.now()
        return await self._run(since or now - FIRST, now, on_command=True, mend=mend)

    async def last(self) -> LastRun | None:
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.last_run)
        return LastRun(**row) if row else None

    async def _since(self, now: datetime) -> datetime:
        """From the last run that could look at everything, but not further back than a week."""
        async with self.db.transaction() as tx:
            whole: datetime | None = await tx.fetchval(SQL.last_whole)
        return max(now - FURTHEST, now - FIRST if whole is None else whole - OVERLAP)

    async def _run(self, since: datetime, until: datetime, *, on_command: bool, mend: bool = False) -> Report:
        report = Report(since=since, started_at=self.clock.now())
        async with self._alone(report) as number:
            for name, gateway in self.accounts.gateways.by_name.items():
                if isinstance(gateway, Statements):
                    await _part("events", name, self.news.fetch(gateway, since, until, report), report)
                await _part("accounts", name, self.accounts.compare(gateway, since, report), report)
            limit = MANY if on_command else SOME
            for name in self.orders.suppliers:
                work = self.orders.compare(name, since, limit, report, again=on_command)
                await _part("orders", name, work, report)
            await _part("standing", "hub", self.standing.look(since, report), report)
            if mend:
                await _part("mending", "hub", self.mending.mend(report), report)
            report.open = await self.breaks.open_by_kind()
            report.ended_at = self.clock.now()
            async with self.db.transaction() as tx:
                await tx.execute(SQL.finish, number, report.ended_at, report.as_json())
                await tx.execute(SQL.forget, report.started_at - KEPT)
        return report

    @asynccontextmanager
    async def _alone(self, report: Report) -> AsyncIterator[UUID]:
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

    async def _begin(self, report: Report) -> UUID:
        number, now = self.ids.uuid(), report.started_at
        async with self.db.transaction() as tx:
            await tx.fetchval(SQL.turn)
            await tx.execute(SQL.abandon, now)
            if (began := await tx.fetchval(SQL.running)) is not None:
                raise Conflict(f"A run is under way since {began:%H:%M:%S} UTC.", code="already_running")
            await tx.execute(SQL.begin, number, report.since, now, now + LEASE)
        return number

    async def _renew(self, number: UUID) -> None:
        while True:
            await self.clock.sleep(LEASE.total_seconds() / 3)
            async with self.db.transaction() as tx:
                await tx.execute(SQL.renew, number, self.clock.now() + LEASE)


async def _part(part: str, provider: str, work: Awaitable[None], report: Report) -> None:
    """A part that fails leaves the others their turn, and is noted in the report. Raises Unavailable: no database."""
    try:
        await work
    except Unavailable:
        raise
    except Exception as error:  # a mistake of ours in one part is no reason to compare nothing
        code = error.code if isinstance(error, HubError) else HubError.code
        log.warning("reconciliation.part_failed", part=part, provider=provider, code=code, exc_info=unexpected(error))
        report.notes.append(Note(part, provider, code, error.detail if isinstance(error, HubError) else said(error)))
