"""Notices that requests come through a proxy that the settings do not name.

Then everybody behind the proxy has its address: limits and the lock-out by network would hold for all of them at once.
"""

import asyncio
from datetime import datetime

import structlog

from hub.core.clock import Clock
from hub.core.db import Database, load_queries
from hub.core.errors import HubError

SQL = load_queries("proxy_sightings")
log = structlog.get_logger(__name__)

WARNING_INTERVAL = 3600.0
"""Seconds between two warnings of one process."""


class ProxyDetector:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._warned_at: float | None = None
        self._writing: asyncio.Task[None] | None = None

    def report_forwarded_request(self) -> None:
        """A request with forwarded headers has come although no proxy is trusted."""
        now = self._clock.monotonic()
        if self._warned_at is not None and now - self._warned_at < WARNING_INTERVAL:
            return
        self._warned_at = now
        log.warning("proxy.untrusted_seen", setting="HUB_TRUSTED_PROXIES", advice="set it to the number of proxies")
        self._writing = asyncio.create_task(self._record(), name="proxy_sighting")

    async def _record(self) -> None:
        """For `hub doctor`, which is another process."""
        try:
            async with self._db.transaction() as tx:
                await tx.execute(SQL.record, self._clock.now())
        except HubError as error:
            log.warning("proxy.record_failed", error=error.code)


async def find_last_sighting(db: Database) -> datetime | None:
    async with db.connection() as tx:
        seen_at: datetime | None = await tx.fetchval(SQL.last)
    return seen_at
