"""The airlines' references of a booking: suppliers issue tickets some time after they have confirmed an order."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock
from hub.core.db import Database, Tx
from hub.core.jobs import JobQueue, every
from hub.core.row_failures import RowKey, Sweep
from hub.oversight.audit import AuditLog
from hub.sales.bookings.jobs import ReferencesIssued
from hub.sales.bookings.model import BookingStatus
from hub.sales.bookings.repository import SQL
from hub.supply.flights import OrderState, PlacedOrder

READ_INTERVAL = 60.0
"""Seconds between two rounds. A booking is in the rounds after 1, 2, 4, 8, ... minutes, for three days."""


class OrderReader(Protocol):
    """The part of a supplier that this needs."""

    account: str

    async def read(self, placed: PlacedOrder) -> OrderState: ...


@dataclass(frozen=True, slots=True)
class Tickets:
    db: Database
    clock: Clock
    suppliers: dict[str, OrderReader]
    jobs: JobQueue
    audit: AuditLog

    async def store_references(self, tx: Tx, booking_id: UUID, state: OrderState) -> None:
        """Stores what the supplier says of the tickets. What it does not say stays as it was.

        References that were not on record are in the booking's timeline; a traveler whose booking is confirmed already
        gets a message.
        """
        now = self.clock.now()
        if state.pnr:
            await tx.execute(SQL.set_supplier_reference, booking_id, state.pnr, now)
        if state.references:
            references = [reference.to_json() for reference in state.references]
            row = await tx.fetchrow(SQL.set_airline_references, booking_id, references, now)
            if row is not None:
                await self._announce(tx, booking_id, row, tickets=len(references))

    async def _announce(self, tx: Tx, booking_id: UUID, row: Record, *, tickets: int) -> None:
        """The references themselves are not in the audit: with a surname they open a booking at the airline."""
        customer_id, action = row["customer_id"], "booking.references_issued"
        await self.audit.record_action(tx, action, customer_id=customer_id, booking_id=booking_id, tickets=tickets)
        if row["status"] == BookingStatus.CONFIRMED:
            work = ReferencesIssued(booking_id=booking_id)
            await self.jobs.enqueue(tx, work, key=f"booking:{booking_id}:references")

    @every(READ_INTERVAL, "tickets.read_missing")
    async def read_missing_references(self) -> None:
        """Asks for the references that no callback has told."""
        accounts = [supplier.account for supplier in self.suppliers.values()]
        async with self.db.transaction() as tx:
            rows = await tx.fetch(
                SQL.without_airline_references, self.clock.now(), READ_INTERVAL, list(self.suppliers), accounts
            )
        await Sweep("bookings.references", self.db, self.clock).process_rows(rows, self._read, key=_row_key)

    async def _read(self, row: Record) -> None:
        state = await self.suppliers[row["supplier"]].read(PlacedOrder.from_json(row["placed"]))
        async with self.db.transaction() as tx:
            await self.store_references(tx, row["booking_id"], state)


def _row_key(row: Record) -> RowKey:
    return RowKey(str(row["booking_id"]), booking_id=row["booking_id"])
