"""Events that never came: taken from the provider's own list, and given to the inbox as if they had."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.core.clock import Clock
from hub.core.db import Database
from hub.core.inbox import Inbox, VerifiedEvent
from hub.core.row_failures import RowKey, Sweep
from hub.sales.payments import Statements
from hub.sales.reconciliation.model import Report, count, note_failures

GIVEN_UP = timedelta(days=3)
"""How long before the window an event may have begun that nobody has taken: providers try for so long."""


@dataclass(frozen=True, slots=True)
class News:
    db: Database
    inbox: Inbox
    clock: Clock

    async def fetch(self, source: Statements, since: datetime, until: datetime, report: Report) -> None:
        """Those up to `until`: younger ones may still be on their way. Raises ProviderError."""
        late = await source.events(since - GIVEN_UP, undelivered=True)
        found = {one.event_id: one for one in (*late, *await source.events(since))}
        count(report.looked_at, "events", len(found))
        unknown = await self.inbox.unknown(source.name, list(found))
        due = [one for one in found.values() if one.event_id in unknown and (one.occurred_at or until) <= until]

        async def feed(event: VerifiedEvent) -> None:
            count(report.mended, "events_fed", int(await self.inbox.take(source.name, event)))

        sweep = Sweep("reconcile.events", self.db, self.clock, waits=False)
        due.sort(key=lambda event: event.occurred_at or until)
        failures = await sweep.process(due, feed, key=lambda event: RowKey(f"{source.name}:{event.event_id}"))
        note_failures(report, "events", source.name, failures)
