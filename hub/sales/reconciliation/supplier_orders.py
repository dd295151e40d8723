"""The suppliers' orders beside the bookings."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from asyncpg import Record

from hub.core.clock import Clock
from hub.core.db import Database
from hub.core.errors import ProviderPermanent
from hub.core.money import Money
from hub.core.row_failures import RowKey, Sweep, is_transient
from hub.sales.reconciliation.breaks import SQL, BreakRegister
from hub.sales.reconciliation.model import (
    BreakKind,
    ComparisonResult,
    Finding,
    ReconciliationReport,
    add_count,
    add_failure_notes,
)
from hub.supply.flights import OrderState, PlacedOrder

ORDER_KINDS = frozenset(
    {
        BreakKind.TICKET_WITHOUT_BOOKING,
        BreakKind.BOOKING_WITHOUT_TICKET,
        BreakKind.ORDER_MISSING,
        BreakKind.ORDER_UNCLEAR,
        BreakKind.PRICE,
    }
)
BATCH_SIZE = 8
"""Orders asked for at the same time: suppliers have no list of them."""
PRICE_TOLERANCE = Decimal("0.005")
"""The part of a price that rounding and rates of exchange may make; or one whole unit of the currency."""
ACTIVE_BOOKING_STATUSES = frozenset({"ordered", "confirmed"})
NOT_FOUND_STATUS = 404


class OrderReader(Protocol):
    """The part of an order desk that this needs."""

    account: str

    async def read(self, placed: PlacedOrder) -> OrderState: ...


@dataclass(frozen=True, slots=True)
class SupplierOrderCheck:
    db: Database
    breaks: BreakRegister
    clock: Clock
    suppliers: dict[str, Any]
    """By name; each is a Reader."""

    async def compare_orders(
        self, supplier: str, since: datetime, limit: int, report: ReconciliationReport, *, recheck: bool
    ) -> None:
        """At most so many orders; `recheck` also those that have been looked at since they changed.

        Raises ProviderError when the supplier answers none of several; what it has answered by then is kept.
        """
        account = self.suppliers[supplier].account
        facts = (supplier, since, self.clock.now(), recheck, sorted(ORDER_KINDS), limit, account)
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.orders_due, *facts)
        for start in range(0, len(rows), BATCH_SIZE):
            await self._compare_batch(supplier, rows[start : start + BATCH_SIZE], report)

    async def _compare_batch(self, supplier: str, rows: Sequence[Record], report: ReconciliationReport) -> None:
        """Orders that could not be read or compared go to the end of the queue too, and are noted in the report."""
        asked, desk = self.clock.now(), self.suppliers[supplier]
        answers = await asyncio.gather(*(_state(desk, row) for row in rows), return_exceptions=True)
        states = {row["booking_id"]: answer for row, answer in zip(rows, answers, strict=True)}

        async def compare_order(row: Record) -> None:
            state = states[row["booking_id"]]
            if isinstance(state, BaseException):
                raise state
            found = tuple(find_order_differences(row, state))
            await self.breaks.store_result(
                ComparisonResult(ORDER_KINDS, found, frozenset({str(row["booking_id"])})), report
            )
            add_count(report.looked_at, "orders")

        sweep = Sweep("reconcile.orders", self.db, self.clock, respects_backoff=False)
        failures = await sweep.process_rows(rows, compare_order, key=_order_key)
        async with self.db.transaction() as tx:
            await tx.execute(SQL.checked, [row["booking_id"] for row in rows], asked)
        add_failure_notes(report, "orders", supplier, failures)
        if len(rows) > 1 and len(failures) == len(rows) and all(is_transient(one.error) for one in failures):
            raise failures[0].error


async def _state(desk: OrderReader, row: Record) -> OrderState | None:
    """None for an order that the supplier does not know. Raises ProviderError."""
    try:
        return await desk.read(PlacedOrder.from_json(row["placed"]))
    except ProviderPermanent as error:
        if error.provider_status == NOT_FOUND_STATUS:
            return None
        raise


def _order_key(row: Record) -> RowKey:
    return RowKey(str(row["booking_id"]), booking_id=row["booking_id"])


def find_order_differences(row: Any, state: OrderState | None) -> list[Finding]:
    """What differs between a booking and its order. Pure; `row` is a line of `orders_due`."""
    stands = row["status"] in ACTIVE_BOOKING_STATUSES
    ours = {"booking": row["reference"], "status": row["status"]}
    theirs = {"supplier": row["supplier"], "order": row["order_id"], "status": state.status if state else "missing"}

    def found(kind: BreakKind, mine: dict[str, Any] = ours, more: dict[str, Any] | None = None) -> list[Finding]:
        return [Finding(kind, str(row["booking_id"]), mine, theirs | (more or {}), row["booking_id"])]

    if state is None:
        return found(BreakKind.ORDER_MISSING) if stands else []
    if state.status == "unknown":
        return found(BreakKind.ORDER_UNCLEAR)
    if not stands:
        return found(BreakKind.TICKET_WITHOUT_BOOKING) if state.status == "confirmed" else []
    if state.status != "confirmed":
        return found(BreakKind.BOOKING_WITHOUT_TICKET)
    price = Money(row["amount"], row["currency"])
    if state.total is None or _same(price, state.total):
        return []
    return found(BreakKind.PRICE, ours | {"price": price.display}, {"price": state.total.display})


def _same(ours: Money, theirs: Money) -> bool:
    """Another currency cannot be compared, and is not."""
    if ours.currency != theirs.currency:
        return True
    difference = abs(ours.major_amount - theirs.major_amount)
    return difference < 1 or difference <= ours.major_amount * PRICE_TOLERANCE
