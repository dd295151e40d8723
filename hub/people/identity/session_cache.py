"""Which sessions stand, remembered in this process: the access token is checked everywhere, its session here.

An entry holds until the end of its session is announced by PostgreSQL (see sql/migrations/0041_sessions.sql). While
announcements cannot be relied on, an entry holds for two seconds and is then read again. So the end of a session is
known in every process within five seconds, whatever becomes of the listening connection.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub.core.clock import Clock
from hub.core.notifications import NotificationListener

CHANNEL = "session_ended"
UNANNOUNCED_TTL = 2.0
"""Seconds for which an entry holds while announcements cannot be relied on."""
MAX_ENTRIES = 100_000


@dataclass(frozen=True, slots=True)
class SessionState:
    """`expires_at` is None for a session whose end its provider decides."""

    has_ended: bool
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    state: SessionState
    read_at: float


ReadSessionState = Callable[[UUID], Awaitable[SessionState]]


class SessionCache:
    """`read` asks the database. Concurrent reads of one session are one."""

    def __init__(self, read: ReadSessionState, notices: NotificationListener, clock: Clock) -> None:
        self._read = read
        self._notices = notices
        self._clock = clock
        self._entries: dict[UUID, _Entry] = {}
        self._reads: dict[UUID, asyncio.Task[SessionState]] = {}
        notices.subscribe_channel(CHANNEL, self._session_ended, self._clear)

    def get_cached_liveness(self, session_id: UUID) -> bool | None:
        """Whether the session stands; None when that has to be read."""
        entry = self._entries.get(session_id)
        if entry is None:
            return None
        if entry.state.has_ended:
            return False
        if not self._notices.is_current and self._clock.monotonic() - entry.read_at > UNANNOUNCED_TTL:
            return None
        return not self._expired(entry.state)

    async def is_session_live(self, session_id: UUID) -> bool:
        """Raises Unavailable when it has to be read and the database is away."""
        known = self.get_cached_liveness(session_id)
        if known is not None:
            return known
        reading = self._reads.get(session_id)
        if reading is None:
            reading = asyncio.create_task(self._load(session_id), name="session")
            self._reads[session_id] = reading
        state = await asyncio.shield(reading)
        return not state.has_ended and not self._expired(state)

    def evict_session(self, session_id: UUID) -> None:
        """The next look is at the database: what is being read now may be older than the change."""
        self._entries.pop(session_id, None)
        self._reads.pop(session_id, None)

    async def _load(self, session_id: UUID) -> SessionState:
        """Kept unless the session was forgotten meanwhile: then the answer may be older than its end."""
        read_at = self._clock.monotonic()
        task = asyncio.current_task()
        try:
            state = await self._read(session_id)
            if self._reads.get(session_id) is task:
                self._keep(session_id, _Entry(state, read_at))
            return state
        finally:
            if self._reads.get(session_id) is task:
                del self._reads[session_id]

    def _keep(self, session_id: UUID, entry: _Entry) -> None:
        if len(self._entries) >= MAX_ENTRIES:
            self._entries.pop(next(iter(self._entries)))
        self._entries[session_id] = entry

    def _expired(self, state: SessionState) -> bool:
        return state.expires_at is not None and state.expires_at <= self._clock.now()

    def _session_ended(self, payload: str) -> None:
        self.evict_session(UUID(payload))

    def _clear(self) -> None:
        self._entries.clear()
        self._reads.clear()
