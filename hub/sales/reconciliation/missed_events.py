"""Events that never came: taken from the provider's own list, and given to the inbox as if they had."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.core.clock import Clock
from hub.core.db import Database
from hub.core.inbox import Inbox, VerifiedWebhook
from hub.core.row_failures import RowKey, Sweep
from hub.sales.payments import StatementSource
from hub.sales.reconciliation.model import ReconciliationReport, add_count, add_failure_notes

DELIVERY_WINDOW = timedelta(days=3)
"""How long before the window an event may have begun that nobody has taken: providers try for so long."""


@dataclass(frozen=True, slots=True)
class MissedEvents:
    db: Database
    inbox: Inbox
    clock: Clock

    async def feed_missed_events(
        self, source: StatementSource, since: datetime, until: datetime, report: ReconciliationReport
    ) -> None:
        """Those up to `until`: younger ones may still be on their way. Raises ProviderError."""
        late = await source.list_events(since - DELIVERY_WINDOW, undelivered=True)
        found = {one.event_id: one for one in (*late, *await source.list_events(since))}
        add_count(report.looked_at, "events", len(found))
        unknown = await self.inbox.find_unknown_ids(source.name, list(found))
        due = [one for one in found.values() if one.event_id in unknown and (one.occurred_at or until) <= until]

        async def feed(event: VerifiedWebhook) -> None:
            add_count(report.mended, "events_fed", int(await self.inbox.store_event(source.name, event)))

        sweep = Sweep("reconcile.events", self.db, self.clock, respects_backoff=False)
        due.sort(key=lambda event: event.occurred_at or until)
        failures = await sweep.process_rows(due, feed, key=lambda event: RowKey(f"{source.name}:{event.event_id}"))
        add_failure_notes(report, "events", source.name, failures)
