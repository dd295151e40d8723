"""Events that never came: taken from the provider's own list, and given to the inbox as if they had."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.core.inbox import Inbox
from hub.payments import Statements
from hub.reconcile.model import Report, count

GIVEN_UP = timedelta(days=3)
"""How long before the window an event may have begun that nobody has taken: providers try for so long."""


@dataclass(frozen=True, slots=True)
class News:
    inbox: Inbox

    async def fetch(self, source: Statements, since: datetime, until: datetime, report: Report) -> None:
        """Those up to `until`: younger ones may still be on their way. Raises ProviderError."""
        late = await source.events(since - GIVEN_UP, undelivered=True)
        found = {one.event_id: one for one in (*late, *await source.events(since))}
        count(report.looked_at, "events", len(found))
        unknown = await self.inbox.unknown(source.name, list(found))
        for event in sorted(found.values(), key=lambda one: one.occurred_at or until):
            due = event.occurred_at is None or event.occurred_at <= until
            if due and event.event_id in unknown and await self.inbox.take(source.name, event):
                count(report.mended, "events_fed")
