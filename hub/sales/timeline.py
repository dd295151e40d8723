"""A booking tells its own story: calls, webhooks, changes of state, messages and staff acts in causal order."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from hub.core.db import Database, Tx, load_queries
from hub.people.identity import Caller
from hub.sales.bookings import BookingRepository

SQL = load_queries("timeline")


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened. `title` is `noun.verb_result`, or the provider and its operation or event type."""

    at: datetime
    kind: Literal["state", "call", "webhook", "message", "staff"]
    title: str
    actor: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Timeline:
    db: Database
    bookings: BookingRepository

    async def list_entries_for_caller(self, caller: Caller, booking_id: UUID) -> list[TimelineEntry]:
        """Raises NotFound for a booking that is not the caller's."""
        async with self.db.transaction(caller.id) as tx:
            await self.bookings.find_booking(tx, booking_id)
            async with tx.as_hub():
                return await self.list_entries(tx, booking_id)

    async def list_entries(self, tx: Tx, booking_id: UUID) -> list[TimelineEntry]:
        """Of any booking, in a transaction that may see all of it."""
        rows = await tx.fetch(SQL.story, booking_id)
        return [TimelineEntry(row["at"], row["kind"], row["title"], row["actor"], row["data"]) for row in rows]
