"""Notifications of PostgreSQL (LISTEN/NOTIFY), and whether they can be relied on at this moment.

A connection can fall silent without an error, and a transaction pooler accepts LISTEN and delivers nothing. So every
second the process notifies itself: what was committed before has arrived when its own notification comes back.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from secrets import token_hex
from typing import Any

import asyncpg
import structlog

from hub.core.clock import Clock
from hub.core.db import Database

log = structlog.get_logger(__name__)

PULSE_INTERVAL = 1.0
"""Seconds between two notifications of the process to itself."""
PULSE_TIMEOUT = 1.5
"""Seconds that such a notification may take; then the connection is replaced."""
TRUST_WINDOW = 3.0
"""Seconds for which one that came back proves that the connection delivers."""
RECONNECT_DELAY = 0.5
"""Seconds before the next connection is tried."""


class NotificationListener:
    """Subscribe first, then keep it `listen_in_background`.

    It has a connection of its own, past any transaction pooler.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._handlers: dict[str, Callable[[str], None]] = {}
        self._gap_handlers: list[Callable[[], None]] = []
        self._pulse_channel = f"hub_pulse_{token_hex(8)}"
        self._pulsed = asyncio.Event()
        self._proved_at: float | None = None
        self._lost = False

    def subscribe_channel(
        self, channel: str, on_notification: Callable[[str], None], on_gap: Callable[[], None]
    ) -> None:
        """`on_notification` takes a payload; `on_gap` is called when notifications may have been missed."""
        self._handlers[channel] = on_notification
        self._gap_handlers.append(on_gap)

    @property
    def is_current(self) -> bool:
        """Whether everything that was announced until 3 seconds ago has arrived."""
        return self._proved_at is not None and self._clock.monotonic() - self._proved_at < TRUST_WINDOW

    @asynccontextmanager
    async def listen_in_background(self) -> AsyncIterator[None]:
        """Listens inside the block."""
        listening = asyncio.create_task(self._run(), name="notices")
        try:
            yield
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 (a new connection is the answer to all of them)
                if not self._lost:
                    log.warning("notices.connection_lost", error=type(error).__name__)
                self._lost = True
            await asyncio.sleep(RECONNECT_DELAY)

    async def _listen(self) -> None:
        """One connection's life. Raises when it is lost, or does not deliver."""
        connection = await self._db.open_listen_connection()
        try:
            await connection.add_listener(self._pulse_channel, lambda *_: self._pulsed.set())
            for channel in self._handlers:
                await connection.add_listener(channel, self._receive)
            for report_gap in self._gap_handlers:
                report_gap()
            while True:
                await self._prove(connection)
                await asyncio.sleep(PULSE_INTERVAL)
        finally:
            self._proved_at = None
            with suppress(asyncpg.InterfaceError):
                connection.terminate()

    async def _prove(self, connection: Any) -> None:
        asked_at = self._clock.monotonic()
        self._pulsed.clear()
        async with asyncio.timeout(PULSE_TIMEOUT):
            await connection.execute("select pg_notify($1, '')", self._pulse_channel)
            await self._pulsed.wait()
        self._proved_at = asked_at
        if self._lost:
            log.info("notices.connection_restored")
            self._lost = False

    def _receive(self, _connection: Any, _pid: int, channel: str, payload: str) -> None:
        self._handlers[channel](payload)
