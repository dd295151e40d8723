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
from hub.core.errors import ProviderError, ProviderPermanent
from hub.core.money import Money
from hub.flights import OrderState, PlacedOrder
from hub.reconcile.breaks import SQL, Breaks
from hub.reconcile.model import Found, Kind, Look, Report, count

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

        Raises ProviderError when the supplier cannot be asked; what it has answered by then is kept.
        """
        facts = (supplier, since, self.clock.now(), again, sorted(OF_ORDERS), limit)
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.orders_due, *facts)
        for start in range(0, len(rows), AT_ONCE):
            await self._some(self.suppliers[supplier], rows[start : start + AT_ONCE], report)

    async def _some(self, desk: Reader, rows: Sequence[Record], report: Report) -> None:
        asked = self.clock.now()
        answers = await asyncio.gather(*(_state(desk, row) for row in rows))
        told = [(row, one) for row, one in zip(rows, answers, strict=True) if not isinstance(one, ProviderError)]
        found = tuple(one for row, state in told for one in compare(row, state))
        subjects = frozenset(str(row["booking_id"]) for row, _ in told)
        await self.breaks.keep(Look(OF_ORDERS, found, subjects), report)
        async with self.db.transaction() as tx:
            await tx.execute(SQL.checked, [row["booking_id"] for row, _ in told], asked)
        count(report.looked_at, "orders", len(told))
        failed = next((one for one in answers if isinstance(one, ProviderError)), None)
        if failed is not None:
            raise failed


async def _state(desk: Reader, row: Record) -> OrderState | ProviderError | None:
    """None for an order that the supplier does not know."""
    try:
        return await desk.read(PlacedOrder(**row["placed"]))
    except ProviderPermanent as error:
        return None if error.provider_status == MISSING else error
    except ProviderError as error:
        return error


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
