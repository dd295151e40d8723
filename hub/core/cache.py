"""Answers kept as the bytes that will be sent: a bounded map in the process, in front of Redis where there is one.

One load per key is in the air at a time, and belongs to nobody: a caller that leaves cancels only its own waiting. A
stale answer is better than none: when a load fails, what is kept is served, and says its age. Redis is a convenience;
without it the cache is slower, never broken.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from hub.core.clock import Chance, Clock
from hub.core.errors import HubError

log = structlog.get_logger(__name__)

JITTER = 0.1
"""Lives are shortened by up to a tenth, so that what was stored together does not end together."""
NEGATIVE = 2.0
"""Seconds an error is remembered, so that a crowd does not ask a dead supplier one after the other."""
REDIS_TIMEOUT = 0.25
REDIS_REST = 5.0
"""Seconds that Redis is left alone after it has failed."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load brings: fresh for `ttl` seconds, and of some use for `stale` seconds more."""

    value: bytes
    ttl: float
    stale: float = 0.0


@dataclass(frozen=True, slots=True)
class Cached:
    """`age` in seconds since it was loaded. `state` is fresh, stale (being refreshed, or past refreshing) or miss."""

    value: bytes
    age: float
    state: Literal["fresh", "stale", "miss"]


@dataclass(frozen=True, slots=True)
class _Entry:
    value: bytes
    stored_at: float
    fresh_until: float
    stale_until: float


Load = Callable[[], Awaitable[Loaded]]


class Cache:
    """Times are wall-clock seconds, because nodes share them through Redis."""

    def __init__(self, clock: Clock, chance: Chance, *, redis_url: str | None = None, size: int = 2000) -> None:
        self._clock = clock
        self._chance = chance
        self._size = size
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._flights: dict[str, asyncio.Task[_Entry]] = {}
        self._errors: dict[str, tuple[float, HubError]] = {}
        self._shared = _Shared(redis_url, clock) if redis_url else None

    def peek(self, key: str) -> Cached | None:
        """A fresh answer of this process, at once; None when there is anything to wait for."""
        entry = self._entries.get(key)
        now = self._now()
        if entry is None or entry.fresh_until <= now:
            return None
        return Cached(entry.value, now - entry.stored_at, "fresh")

    async def fetch(self, key: str, load: Load, *, give_up: float | None = None) -> Cached:
        """The answer for the key. A stale one is given at once, and refreshed behind the caller's back.

        Raises what `load` raises when nothing at all is kept; TimeoutError after `give_up` seconds of waiting.
        """
        if (hit := self.peek(key)) is not None:
            return hit
        entry = self._entries.get(key) or await self._from_shared(key)
        now = self._now()
        if entry is not None and entry.fresh_until > now:
            return Cached(entry.value, now - entry.stored_at, "fresh")
        if entry is not None and entry.stale_until > now:
            self._refresh(key, load)
            return Cached(entry.value, now - entry.stored_at, "stale")
        self._raise_remembered(key, now)
        async with asyncio.timeout(give_up):
            fresh = await asyncio.shield(self._flight(key, load))
        return Cached(fresh.value, max(0.0, self._now() - fresh.stored_at), "miss")

    async def close(self) -> None:
        for task in list(self._flights.values()):
            task.cancel()
        await asyncio.gather(*self._flights.values(), return_exceptions=True)
        if self._shared is not None:
            await self._shared.close()

    def _refresh(self, key: str, load: Load) -> None:
        """In the background; an error is remembered for a moment, and the stale answer goes on being served."""
        remembered = self._errors.get(key)
        if remembered is None or remembered[0] <= self._now():
            self._flight(key, load)

    def _flight(self, key: str, load: Load) -> asyncio.Task[_Entry]:
        task = self._flights.get(key)
        if task is None:
            task = self._flights[key] = asyncio.create_task(self._load(key, load), name=f"cache:{key[:60]}")
            task.add_done_callback(lambda done: self._landed(key, done))
        return task

    def _landed(self, key: str, done: asyncio.Task[_Entry]) -> None:
        self._flights.pop(key, None)
        if done.cancelled():
            return
        error = done.exception()
        if isinstance(error, HubError):
            self._errors[key] = (self._now() + NEGATIVE, error)
        elif error is not None:
            log.error("cache.load_failed", error=type(error).__name__, exc_info=error)

    async def _load(self, key: str, load: Load) -> _Entry:
        loaded = await load()
        now = self._now()
        life = loaded.ttl * (1 - JITTER * self._chance.random())
        entry = _Entry(loaded.value, now, now + life, now + life + loaded.stale)
        self._keep(key, entry)
        if self._shared is not None:
            await self._shared.put(key, entry)
        return entry

    def _keep(self, key: str, entry: _Entry) -> None:
        self._errors.pop(key, None)
        self._entries[key] = entry
        self._entries.move_to_end(key)
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)
        while len(self._errors) > self._size:
            self._errors.pop(next(iter(self._errors)))

    async def _from_shared(self, key: str) -> _Entry | None:
        entry = await self._shared.get(key) if self._shared is not None else None
        if entry is not None:
            self._keep(key, entry)
        return entry

    def _raise_remembered(self, key: str, now: float) -> None:
        until, error = self._errors.get(key, (0.0, None))
        if error is not None and until > now:
            raise error

    def _now(self) -> float:
        return self._clock.now().timestamp()


class _Shared:
    """Redis, through aiocache's backend. Every failure is a miss, said once, and followed by a rest."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._cache: Any = None
        self._rest_until = 0.0

    async def get(self, key: str) -> _Entry | None:
        raw = await self._ask("get", key)
        if not isinstance(raw, bytes):
            return None
        head, _, value = raw.partition(b"\n")
        try:
            stored_at, fresh_until, stale_until = (float(part) for part in head.split())
        except ValueError:
            return None
        return _Entry(value, stored_at, fresh_until, stale_until)

    async def put(self, key: str, entry: _Entry) -> None:
        head = f"{entry.stored_at} {entry.fresh_until} {entry.stale_until}\n".encode()
        life = max(1, int(entry.stale_until - self._clock.now().timestamp()))
        await self._ask("set", key, head + entry.value, ttl=life)

    async def close(self) -> None:
        if self._cache is not None:
            await self._cache.close()

    async def _ask(self, verb: str, *arguments: Any, **options: Any) -> Any:
        if self._clock.monotonic() < self._rest_until:
            return None
        try:
            return await getattr(self._open(), verb)(*arguments, **options)
        except Exception as error:  # noqa: BLE001 (whatever ails Redis, the answer is made without it)
            self._rest_until = self._clock.monotonic() + REDIS_REST
            log.warning("cache.redis_failed", error=type(error).__name__)
            return None

    def _open(self) -> Any:
        if self._cache is None:
            import redis.asyncio as redis
            from aiocache.backends.redis import RedisCache
            from aiocache.serializers import NullSerializer

            client = redis.from_url(self._url, socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT)
            self._cache = RedisCache(
                client=client, serializer=NullSerializer(), namespace="hub:", timeout=REDIS_TIMEOUT
            )
        return self._cache
