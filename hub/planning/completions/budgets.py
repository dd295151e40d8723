"""What language models cost: reserved at its worst before the question goes out, settled when the answer is there.

The database holds each limit: what is reserved and what is spent, together, never pass it, however many ask at once.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import structlog
from asyncpg import Record

from hub.core.clock import Clock
from hub.core.db import Database, load_queries
from hub.core.jobs import every
from hub.core.row_failures import RowKey, Sweep
from hub.planning.completions.errors import BudgetExceeded, BudgetKind
from hub.planning.completions.events import ModelAttempt, UsageScope
from hub.planning.completions.model import TokenUsage

SQL = load_queries("completions")
RESERVATION_MARGIN = 60.0
"""Seconds after which a reservation lapses whose chain should have ended long ago."""
UsageGrouping = Literal["day", "model", "user", "purpose"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """In micro-units of `currency`: of a user and of everybody for a day (UTC), of a plan for good."""

    user: int
    plan: int
    everybody: int
    currency: str


@dataclass(frozen=True, slots=True)
class UsageBill:
    """What is owed for a question, in micro-units. `outcome` is `answered`, `left`, or how it ended."""

    cost: int
    outcome: str
    usage: TokenUsage
    model: str | None = None
    attempts: Sequence[ModelAttempt] = ()


@dataclass(frozen=True, slots=True)
class UsageReportLine:
    """Of the usage report; amounts in micro-units."""

    key: str
    calls: int
    answered: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost: int
    reserved: int


@dataclass(frozen=True, slots=True)
class UsageReport:
    """`spent_today` and `reserved_today` are everybody's, against `limits.everybody`."""

    lines: list[UsageReportLine]
    limits: BudgetLimits
    spent_today: int
    reserved_today: int


@dataclass(frozen=True, slots=True)
class UsageBudgets:
    db: Database
    clock: Clock
    limits: BudgetLimits

    async def reserve_budget(self, spending_id: UUID, spender: UsageScope, worst: int, seconds: float) -> None:
        """Takes the worst case out of every budget it concerns, or raises BudgetExceeded and takes nothing.

        `seconds` is how long the chain may take at most.
        """
        now, limits = self.clock.now(), self.limits
        lapses_at = now + timedelta(seconds=seconds + RESERVATION_MARGIN)
        async with self.db.connection() as tx:
            refused: BudgetKind | None = await tx.fetchval(
                SQL.reserve,
                spending_id, now, spender.user_id, spender.plan_id, spender.purpose, worst, limits.currency, lapses_at,
                limits.user, limits.plan, limits.everybody,
            )  # fmt: skip
        if refused is not None:
            raise _spent(refused, now)

    async def settle_reservation(self, spending_id: UUID, bill: UsageBill) -> None:
        """Gives the reservation back and enters what is owed. Twice is as good as once."""
        await self._end(spending_id, "settled", bill)

    @every(60, "spending.sweep")
    async def lapse_reservations(self) -> None:
        """Reservations that a process has left behind count at their worst: nobody knows what they have cost."""
        async with self.db.connection() as tx:
            overdue = await tx.fetch(SQL.overdue, self.clock.now())
        sweep = Sweep("spending.lapse", self.db, self.clock)
        failures = await sweep.process_rows(overdue, self._lapse, key=lambda row: RowKey(str(row["id"])))
        if len(overdue) > len(failures):
            log.warning("spending.lapsed", count=len(overdue) - len(failures))

    async def _lapse(self, row: Record) -> None:
        """Each in a transaction of its own: one for all would hold the budgets of many at once."""
        await self._end(row["id"], "lapsed", UsageBill(row["reserved"], "lapsed", TokenUsage(0, 0, estimated=True)))

    async def report_usage(self, since: date, until: date, group: UsageGrouping) -> UsageReport:
        """Both days belong to it."""
        today = self.clock.now().astimezone(UTC).date()
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.usage, since, until, group)
            used = await tx.fetchrow(SQL.used_today, today)
        spent, reserved = (used["spent"], used["reserved"]) if used else (0, 0)
        return UsageReport([UsageReportLine(**row) for row in rows], self.limits, spent, reserved)

    async def _end(self, spending_id: UUID, status: str, bill: UsageBill) -> None:
        usage, attempts = bill.usage, [asdict(one) for one in bill.attempts]
        async with self.db.connection() as tx:
            await tx.fetchval(
                SQL.settle,
                spending_id, self.clock.now(), status, bill.cost, bill.model, bill.outcome,
                usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.estimated, attempts,
            )  # fmt: skip


def _spent(scope: BudgetKind, now: datetime) -> BudgetExceeded:
    if scope == "plan":
        return BudgetExceeded(scope, renews_at=None, retry_after=None)
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return BudgetExceeded(scope, renews_at=midnight, retry_after=(midnight - now).total_seconds())


def resolve_report_period(since: date | None, until: date | None, today: date) -> tuple[date, date]:
    """The days of a report: the last thirty where nothing is said."""
    last = until or today
    return since or last - timedelta(days=29), last


def report_to_json(report: UsageReport) -> dict[str, Any]:
    """Amounts stay whole numbers of micro-units."""
    total = {
        name: sum(getattr(one, name) for one in report.lines)
        for name in ("calls", "answered", "input_tokens", "output_tokens", "cached_tokens", "cost", "reserved")
    }
    return {
        "currency": report.limits.currency,
        "unit": "micro",
        "lines": [asdict(one) for one in report.lines],
        "total": total,
        "limits": {"user": report.limits.user, "plan": report.limits.plan, "global": report.limits.everybody},
        "today": {"spent": report.spent_today, "reserved": report.reserved_today},
    }
