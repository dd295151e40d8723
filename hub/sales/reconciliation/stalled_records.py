"""What the hub's own tables show: payments that stand still, money and tickets that do not go together, the books."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.core.clock import Clock
from hub.core.db import Database, Tx
from hub.core.row_failures import RowKey, Sweep
from hub.sales.payments import Imbalance, ledger
from hub.sales.reconciliation.breaks import SQL, BreakRegister
from hub.sales.reconciliation.model import (
    BreakKind,
    ComparisonResult,
    Finding,
    ReconciliationReport,
    add_count,
    add_failure_notes,
)

STALLED_KINDS = frozenset(
    {
        BreakKind.STUCK,
        BreakKind.HOLD_EXPIRING,
        BreakKind.REFUND_STUCK,
        BreakKind.MONEY_WITHOUT_BOOKING,
        BreakKind.REFUNDED_WITH_TICKET,
        BreakKind.DISPUTE_LOST_WITH_TICKET,
    }
)
SETTLE_LIMIT, OPEN_LIMIT, HOLD_LIMIT = timedelta(hours=1), timedelta(days=1), timedelta(days=5)


@dataclass(frozen=True, slots=True)
class StalledRecordCheck:
    db: Database
    breaks: BreakRegister
    clock: Clock

    async def check_records(self, since: datetime, report: ReconciliationReport) -> None:
        """All that stands still; and the books of what has moved since then, or of everything once they are wrong."""
        now = self.clock.now()
        wrong = bool(await self.breaks.list_open_breaks(frozenset({BreakKind.LEDGER})))
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.standing, now - SETTLE_LIMIT, now - OPEN_LIMIT, now - HOLD_LIMIT)
            unbalanced = await ledger.find_imbalances(tx, None if wrong else since)
        bad: list[Finding] = []

        async def describe(one: Imbalance) -> None:
            async with self.db.transaction() as tx:
                bad.append(await _belonging(tx, one))

        sweep = Sweep("reconcile.books", self.db, self.clock, respects_backoff=False)
        failures = await sweep.process_rows(unbalanced, describe, key=lambda one: RowKey(f"{one.rule}:{one.subject}"))
        add_failure_notes(report, "standing", "hub", failures)
        await self.breaks.store_result(ComparisonResult(STALLED_KINDS, tuple(_standing(row) for row in rows)), report)
        await self.breaks.store_result(ComparisonResult(frozenset({BreakKind.LEDGER}), tuple(bad)), report)
        add_count(report.looked_at, "standing", len(rows))


def _standing(row: Any) -> Finding:
    return Finding(BreakKind(row["kind"]), row["subject"], row["ours"], {}, row["booking_id"], row["payment_id"])


async def _belonging(tx: Tx, one: Imbalance) -> Finding:
    row = await tx.fetchrow(SQL.belongs, one.subject)
    booking_id, payment_id = (row["booking_id"], row["payment_id"]) if row else (None, None)
    ours = {"rule": one.rule, "detail": one.detail}
    return Finding(BreakKind.LEDGER, f"{one.rule}: {one.subject}", ours, {}, booking_id, payment_id)
