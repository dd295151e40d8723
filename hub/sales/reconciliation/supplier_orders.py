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
from hub.sales.reconciliation.breaks import SQL, Breaks
from hub.sales.reconciliation.model import Found, Kind, Look, Report, count, note_failures
from hub.supply.flights import OrderState, PlacedOrder

OF_ORDERS = frozenset({
    Kind.TICKET_WITHOUT_BOOKING, Kind.BOOKING_WITHOUT_TICKET, Kind.ORDER_MISSING, Kind.ORDER_UNCLEAR, Kind.PRICE,
})  # fmt: skip
AT_ONCE = 8
"""Orders asked for at the same time: suppliers have no list of them."""
ROUNDING = Decimal("0.005")
"""The part of a price that rounding and rates of exchange may make; or one whole unit of the currency."""
STANDING = frozenset({"ordered", "confirmed"})
MISSING = 404


class Reader(Protocol):
    """The part of an order desk that this needs."""

    account: str

    async def read(self, placed: PlacedOrder) -> OrderState: ...


@dataclass(frozen=True, slots=True)
class Orders:
    db: Database
    breaks: Breaks
    clock: Clock
    suppliers: dict[str, Any]
    """By name; each is a Reader."""

    async def compare(self, supplier: str, since: datetime, limit: int, report: Report, *, again: bool) -> None:
        """At most so many orders; `again` also those that have been looked at since they changed.

        Raises ProviderError when the supplier answers none of several; what it has answered by then is kept.
        """
        account = self.suppliers[supplier].account
        facts = (supplier, since, self.clock.now(), again, sorted(OF_ORDERS), limit, account)
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.orders_due, *facts)
        for start in range(0, len(rows), AT_ONCE):
            await self._compare_batch(supplier, rows[start : start + AT_ONCE], report)

    async def _compare_batch(self, supplier: str, rows: Sequence[Record], report: Report) -> None:
        """Orders that could not be read or compared go to the end of the queue too, and are noted in the report."""
        asked, desk = self.clock.now(), self.suppliers[supplier]
        answers = await asyncio.gather(*(_state(desk, row) for row in rows), return_exceptions=True)
        states = {row["booking_id"]: answer for row, answer in zip(rows, answers, strict=True)}

        async def compare_order(row: Record) -> None:
            state = states[row["booking_id"]]
            if isinstance(state, BaseException):
                raise state
            found = tuple(compare(row, state))
            await self.breaks.keep(Look(OF_ORDERS, found, frozenset({str(row["booking_id"])})), report)
            count(report.looked_at, "orders")

        sweep = Sweep("reconcile.orders", self.db, self.clock, waits=False)
        failures = await sweep.process(rows, compare_order, key=_order_key)
        async with self.db.transaction() as tx:
            await tx.execute(SQL.checked, [row["booking_id"] for row in rows], asked)
        note_failures(report, "orders", supplier, failures)
        if len(rows) > 1 and len(failures) == len(rows) and all(is_transient(one.error) for one in failures):
            raise failures[0].error


async def _state(desk: Reader, row: Record) -> OrderState | None:
    """None for an order that the supplier does not know. Raises ProviderError."""
    try:
        return await desk.read(PlacedOrder.from_json(row["placed"]))
    except ProviderPermanent as error:
        if error.provider_status == MISSING:
            return None
        raise


def _order_key(row: Record) -> RowKey:
    return RowKey(str(row["booking_id"]), booking_id=row["booking_id"])


def compare(row: Any, state: OrderState | None) -> list[Found]:
    """What differs between a booking and its order. Pure; `row` is a line of `orders_due`."""
    stands = row["status"] in STANDING
    ours = {"booking": row["reference"], "status": row["status"]}
    theirs = {"supplier": row["supplier"], "order": row["order_id"], "status": state.status if state else "missing"}

    def found(kind: Kind, mine: dict[str, Any] = ours, more: dict[str, Any] | None = None) -> list[Found]:
        return [Found(kind, str(row["booking_id"]), mine, theirs | (more or {}), row["booking_id"])]

    if state is None:
        return found(Kind.ORDER_MISSING) if stands else []
    if state.status == "unknown":
        return found(Kind.ORDER_UNCLEAR)
    if not stands:
        return found(Kind.TICKET_WITHOUT_BOOKING) if state.status == "confirmed" else []
    if state.status != "confirmed":
        return found(Kind.BOOKING_WITHOUT_TICKET)
    price = Money(row["amount"], row["currency"])
    if state.total is None or _same(price, state.total):
        return []
    return found(Kind.PRICE, ours | {"price": price.display}, {"price": state.total.display})


def _same(ours: Money, theirs: Money) -> bool:
    """Another currency cannot be compared, and is not."""
    if ours.currency != theirs.currency:
        return True
    difference = abs(ours.major - theirs.major)
    return difference < 1 or difference <= ours.major * ROUNDING
