"""Passports and identity cards of travelers, sealed at rest (AES-256-GCM under the hub's secret key).

Only what has to read a document opens it: the order at the supplier, and the copy that its owner asks for.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

import orjson
import structlog
from asyncpg import Record

from hub.core.clock import Clock
from hub.core.db import Database, Tx
from hub.core.jobs import every
from hub.core.row_failures import RowKey, Sweep
from hub.core.sealing import SecretBox, UnsealError
from hub.sales.bookings.model import Booking
from hub.sales.bookings.repository import SQL
from hub.supply.flights import Traveler

SEAL_BATCH_SIZE = 500

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TravelDocuments:
    db: Database
    clock: Clock
    secret_box: SecretBox

    def seal_document(self, booking_id: UUID, position: int, traveler: Traveler) -> bytes | None:
        """None for a traveler without a document."""
        return self._seal(booking_id, position, traveler.document_number, traveler.document_expires_on)

    async def load_travelers(self, tx: Tx, booking: Booking) -> tuple[Traveler, ...]:
        """The travelers with their documents. Raises vault.Broken when the key that sealed one has been lost."""
        rows = {row["position"]: row for row in await tx.fetch(SQL.documents, booking.id)}
        return tuple(
            self._with_document(traveler, rows[position]) if position in rows else traveler
            for position, traveler in enumerate(booking.travelers)
        )

    def reveal_document(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row of travelers for its owner: number and expiry in the place of what is sealed.

        What cannot be opened, because the key has been lost, is told as `unreadable`.
        """
        shown = {name: value for name, value in row.items() if name != "document"}
        if row["document"] is None:
            return shown
        try:
            number, expires_on = self._open(row["booking_id"], row["position"], row["document"])
        except UnsealError:
            return shown | {"document_number": "unreadable"}
        return shown | {"document_number": number, "document_expires_on": expires_on}

    @every(300, "traveldocuments.seal_plain")
    async def seal_plain_documents(self) -> None:
        """Seals what an earlier version of the hub has stored in the clear."""
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.unsealed_documents, SEAL_BATCH_SIZE)
        failures = await Sweep("documents.seal", self.db, self.clock).process_rows(rows, self._seal_row, key=_row_key)
        if rows:
            log.info("documents.sealed", count=len(rows) - len(failures))

    async def _seal_row(self, row: Record) -> None:
        """Unless the person has been erased meanwhile."""
        async with self.db.transaction() as tx:
            await tx.execute(SQL.seal_document, row["booking_id"], row["position"], self._seal(*row.values()))

    def _with_document(self, traveler: Traveler, row: Record) -> Traveler:
        if row["document"] is None:
            number, expires_on = row["document_number"], row["document_expires_on"]
        else:
            number, expires_on = self._open(row["booking_id"], row["position"], row["document"])
        return replace(traveler, document_number=number, document_expires_on=expires_on)

    def _seal(self, booking_id: UUID, position: int, number: str | None, expires_on: date | None) -> bytes | None:
        if number is None and expires_on is None:
            return None
        text = orjson.dumps({"number": number, "expires_on": expires_on}).decode()
        return self.secret_box.seal_text(_place(booking_id, position), text)

    def _open(self, booking_id: UUID, position: int, sealed: bytes) -> tuple[str | None, date | None]:
        document = orjson.loads(self.secret_box.unseal_text(_place(booking_id, position), sealed))
        expires_on = document["expires_on"]
        return document["number"], date.fromisoformat(expires_on) if expires_on else None


def _row_key(row: Record) -> RowKey:
    return RowKey(f"{row['booking_id']}:{row['position']}", booking_id=row["booking_id"])


def _place(booking_id: UUID, position: int) -> str:
    return f"document:{booking_id}:{position}"
