"""The part of the cache that all nodes share: Redis, through aiocache's backend.

Every failure is a miss, said once, and followed by a rest.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from hub.core.clock import Clock

log = structlog.get_logger(__name__)

REDIS_TIMEOUT = 0.25
"""Seconds that Redis may take to answer."""
REDIS_RETRY_DELAY = 5.0
"""Seconds that it is left alone after it has failed."""
LOCK_TTL = 10.0
"""Seconds that one node may load while the others wait for it."""
POLL_INTERVAL = 0.1
"""Seconds between two looks of those who wait."""
TAG_TTL = 24 * 3600.0
"""Seconds that an invalidation is remembered: longer than any answer is kept."""


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """An answer with its times, in seconds since 1970: fresh, then stale, then a spare."""

    value: bytes
    stored_at: float
    fresh_until: float
    stale_until: float
    stale_if_error_until: float
    tags: frozenset[str] = frozenset()


class SharedCache:
    """Made at start, because the import of Redis' client takes a third of a second; connects on first use."""

    def __init__(self, url: str, clock: Clock) -> None:
        import redis.asyncio as redis
        from aiocache.backends.redis import RedisCache
        from aiocache.serializers import NullSerializer

        self._clock = clock
        self._rest_until = 0.0
        self._failing = False
        self._cache: Any = RedisCache(serializer=NullSerializer(encoding=None), namespace="hub", timeout=REDIS_TIMEOUT)
        # aiocache takes host and port apart; a client of our own understands every form of address, TLS included.
        self._cache.client = redis.from_url(url, socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT)

    @property
    def is_reachable(self) -> bool:
        """False while it is left alone after a failure."""
        return self._clock.monotonic() >= self._rest_until

    async def get_entry(self, key: str) -> CacheEntry | None:
        """Not what has been invalidated, nor what cannot be read."""
        raw = await self._ask("get", key)
        entry = _read(raw) if isinstance(raw, bytes) else None
        if entry is None or not entry.tags:
            return entry
        stamps = await self._ask("multi_get", [f"tag:{tag}" for tag in entry.tags]) or []
        return None if any(stamp and float(stamp) >= entry.stored_at for stamp in stamps) else entry

    async def put_entry(self, key: str, entry: CacheEntry) -> None:
        head = [entry.stored_at, entry.fresh_until, entry.stale_until, entry.stale_if_error_until, sorted(entry.tags)]
        life = entry.stale_if_error_until - self._clock.now().timestamp()
        await self._ask("set", key, orjson.dumps(head) + b"\n" + entry.value, ttl=max(0.001, float(life)))

    async def invalidate_tags(self, tags: Iterable[str], now: float) -> None:
        for tag in tags:
            await self._ask("set", f"tag:{tag}", str(now).encode(), ttl=TAG_TTL)

    async def load_exclusively(
        self, key: str, make: Callable[[], Awaitable[CacheEntry]], taken: Callable[[str, CacheEntry], None]
    ) -> CacheEntry:
        """Makes it, or waits for the node that is making it; at worst, after a while, both do."""
        started = self._clock.now().timestamp()
        if await self._lock(key):
            try:
                return await make()
            finally:
                await self._ask("delete", f"lock:{key}")
        for _ in range(int(LOCK_TTL / POLL_INTERVAL)):
            await self._clock.sleep(POLL_INTERVAL)
            entry = await self.get_entry(key)
            if entry is not None and entry.stored_at >= started:
                taken(key, entry)
                return entry
            if not await self._ask("exists", f"lock:{key}"):
                break
        return await make()

    async def close(self) -> None:
        await self._cache.client.aclose()

    async def _lock(self, key: str) -> bool:
        """True also when Redis does not answer: then everybody is alone."""
        try:
            await self._ask("add", f"lock:{key}", b"1", ttl=LOCK_TTL)
        except ValueError:
            return False
        return True

    async def _ask(self, verb: str, *arguments: Any, **options: Any) -> Any:
        if not self.is_reachable:
            return None
        try:
            found = await getattr(self._cache, verb)(*arguments, **options)
        except ValueError:
            raise  # aiocache's word for a key that is there already
        except Exception as error:  # noqa: BLE001 (whatever ails it, the answer is made without)
            self._failed(error)
            return None
        if self._failing:
            self._failing = False
            log.info("cache.redis_back")
        return found

    def _failed(self, error: BaseException) -> None:
        self._rest_until = self._clock.monotonic() + REDIS_RETRY_DELAY
        if not self._failing:
            self._failing = True
            log.warning("cache.redis_failed", error=type(error).__name__)


def _read(raw: bytes) -> CacheEntry | None:
    head, _, value = raw.partition(b"\n")
    try:
        stored_at, fresh, stale, spare, tags = orjson.loads(head)
        return CacheEntry(value, float(stored_at), float(fresh), float(stale), float(spare), frozenset(tags))
    except (ValueError, TypeError):
        return None
