"""What the hub's own tables show: payments that stand still, money and tickets that do not go together, the books."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.core.clock import Clock
from hub.core.db import Database, Tx
from hub.core.row_failures import RowKey, Sweep
from hub.sales.payments import ledger
from hub.sales.payments.ledger import Imbalance
from hub.sales.reconciliation.breaks import SQL, Breaks
from hub.sales.reconciliation.model import Found, Kind, Look, Report, count, note_failures

STANDING = frozenset({
    Kind.STUCK, Kind.HOLD_EXPIRING, Kind.REFUND_STUCK, Kind.MONEY_WITHOUT_BOOKING, Kind.REFUNDED_WITH_TICKET,
    Kind.DISPUTE_LOST_WITH_TICKET,
})  # fmt: skip
SOON, OPEN, HELD = timedelta(hours=1), timedelta(days=1), timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Standing:
    db: Database
    breaks: Breaks
    clock: Clock

    async def look(self, since: datetime, report: Report) -> None:
        """All that stands still; and the books of what has moved since then, or of everything once they are wrong."""
        now = self.clock.now()
        wrong = bool(await self.breaks.open(frozenset({Kind.BOOKS})))
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.standing, now - SOON, now - OPEN, now - HELD)
            unbalanced = await ledger.check(tx, None if wrong else since)
        bad: list[Found] = []

        async def describe(one: Imbalance) -> None:
            async with self.db.transaction() as tx:
                bad.append(await _belonging(tx, one))

        sweep = Sweep("reconcile.books", self.db, self.clock, waits=False)
        failures = await sweep.process(unbalanced, describe, key=lambda one: RowKey(f"{one.rule}:{one.subject}"))
        note_failures(report, "standing", "hub", failures)
        await self.breaks.keep(Look(STANDING, tuple(_standing(row) for row in rows)), report)
        await self.breaks.keep(Look(frozenset({Kind.BOOKS}), tuple(bad)), report)
        count(report.looked_at, "standing", len(rows))


def _standing(row: Any) -> Found:
    return Found(Kind(row["kind"]), row["subject"], row["ours"], {}, row["booking_id"], row["payment_id"])


async def _belonging(tx: Tx, one: Imbalance) -> Found:
    row = await tx.fetchrow(SQL.belongs, one.subject)
    booking_id, payment_id = (row["booking_id"], row["payment_id"]) if row else (None, None)
    ours = {"rule": one.rule, "detail": one.detail}
    return Found(Kind.BOOKS, f"{one.rule}: {one.subject}", ours, {}, booking_id, payment_id)
