"""Answers kept as the bytes that will be sent: a bounded map in the process, in front of Redis where there is one.

One load per key is in the air at a time, and belongs to nobody: a caller that leaves cancels only its own waiting. A
stale answer is better than none: when a load fails, what is kept is served, and says its age. Redis is a convenience;
without it the cache is slower, never broken.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

import structlog

from hub.core.clock import Clock, RandomSource
from hub.core.errors import HubError, Unavailable
from hub.core.shared_cache import CacheEntry, SharedCache

log = structlog.get_logger(__name__)

JITTER = 0.1
"""Lives are shortened by up to a tenth, so that what was stored together does not end together."""
NEGATIVE_TTL = 2.0
"""Seconds an error is remembered, so that a crowd does not ask a dead supplier one after the other."""
MAX_ENTRIES = 2000
MAX_BYTES = 32 * 1024 * 1024
"""Bytes of all values kept in the process."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a load brings, and for how long it is good, in seconds, one time after the other.

    `ttl`: fresh. `stale_while_revalidate`: served at once, and refreshed behind the caller's back. `stale_if_error`:
    served only when a load fails.
    """

    value: bytes
    ttl: float
    stale_while_revalidate: float = 0.0
    stale_if_error: float = 0.0


class CachedValue(NamedTuple):
    """`age` in seconds since it was loaded. `state`: fresh, stale (past its time, whatever comes next), or miss."""

    value: bytes
    age: float
    state: Literal["fresh", "stale", "miss"]


Loader = Callable[[], Awaitable[LoadResult]]


class Cache:
    """Times are wall-clock seconds, because nodes share them through Redis."""

    def __init__(
        self,
        clock: Clock,
        rng: RandomSource,
        *,
        redis_url: str | None = None,
        max_entries: int = MAX_ENTRIES,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._clock = clock
        self._chance = rng
        self._kept = _Kept(max_entries, max_bytes)
        self._loads: _Flights[CacheEntry] = _Flights()
        self._looks: _Flights[CacheEntry | None] = _Flights()
        self._errors: OrderedDict[str, tuple[float, HubError]] = OrderedDict()
        self._invalidated: dict[str, float] = {}
        self._shared = SharedCache(redis_url, clock) if redis_url else None

    def get_fresh(self, key: str) -> CachedValue | None:
        """A fresh answer of this process, at once; None when there is anything to wait for."""
        entry = self._kept.get(key)
        now = self._now()
        if entry is None or entry.fresh_until <= now:
            return None
        return CachedValue(entry.value, now - entry.stored_at, "fresh")

    async def get_or_load(self, key: str, load: Loader, *, tags: Iterable[str] = ()) -> CachedValue:
        """The answer for the key, loaded unless it is kept. `tags` name what can be invalidated together.

        Raises what `load` raises, when nothing is kept that could be served instead.
        """
        if (hit := self.get_fresh(key)) is not None:
            return hit
        entry, now = await self._known(key), self._now()
        if entry is not None and entry.fresh_until > now:
            return CachedValue(entry.value, now - entry.stored_at, "fresh")
        make = self._maker(key, load, tuple(tags))
        if entry is not None and entry.stale_until > now:
            if self._remembered(key) is None:
                self._loads.start(key, make)
            return CachedValue(entry.value, now - entry.stored_at, "stale")
        try:
            return await self._load(key, make)
        except Exception:
            if entry is None or entry.stale_if_error_until <= self._now():
                raise
            return CachedValue(entry.value, self._now() - entry.stored_at, "stale")

    async def invalidate_tags(self, *tags: str) -> None:
        """Forgets what was fetched under any of the tags, loads in the air included.

        Other nodes see it when they next ask Redis; what they hold as fresh themselves they serve to its end.
        """
        now = self._now()
        for tag in tags:
            self._invalidated[tag] = now
            if len(self._invalidated) > MAX_ENTRIES:
                self._invalidated.pop(next(iter(self._invalidated)))
        self._kept.drop(lambda entry: not entry.tags.isdisjoint(tags))
        if self._shared is not None:
            await self._shared.invalidate_tags(tags, now)

    async def close(self) -> None:
        await self._loads.close()
        await self._looks.close()
        if self._shared is not None:
            await self._shared.close()

    async def _known(self, key: str) -> CacheEntry | None:
        """What this process has, or what another one has told Redis when ours is past its time."""
        shared = self._shared
        if shared is None or not shared.is_reachable:
            return self._kept.get(key)
        found = await self._looks.join(key, lambda: shared.get_entry(key))
        own = self._kept.get(key)
        if found is None or (own is not None and own.stored_at >= found.stored_at):
            return own
        self._kept.put(key, found)
        return found

    async def _load(self, key: str, make: Callable[[], Awaitable[CacheEntry]]) -> CachedValue:
        if (error := self._remembered(key)) is not None:
            raise error.with_traceback(None)
        entry = await self._loads.join(key, make)
        return CachedValue(entry.value, max(0.0, self._now() - entry.stored_at), "miss")

    def _maker(self, key: str, load: Loader, tags: tuple[str, ...]) -> Callable[[], Awaitable[CacheEntry]]:
        async def make() -> CacheEntry:
            try:
                if self._shared is None:
                    return await self._make(key, load, tags)
                return await self._shared.load_exclusively(key, lambda: self._make(key, load, tags), self._take)
            except HubError as error:
                self._remember(key, error)
                raise

        return make

    async def _make(self, key: str, load: Loader, tags: tuple[str, ...]) -> CacheEntry:
        asked_at = self._now()
        loaded = await load()
        now = self._now()
        fresh = now + loaded.ttl * (1 - JITTER * self._chance.random())
        stale = fresh + loaded.stale_while_revalidate
        entry = CacheEntry(loaded.value, now, fresh, stale, stale + loaded.stale_if_error, frozenset(tags))
        if all(self._invalidated.get(tag, 0.0) < asked_at for tag in tags):
            self._take(key, entry)
            if self._shared is not None:
                await self._shared.put_entry(key, entry)
        return entry

    def _take(self, key: str, entry: CacheEntry) -> None:
        self._errors.pop(key, None)
        self._kept.put(key, entry)

    def _remember(self, key: str, error: HubError) -> None:
        self._errors[key] = (self._now() + NEGATIVE_TTL, error)
        while len(self._errors) > MAX_ENTRIES:
            self._errors.popitem(last=False)

    def _remembered(self, key: str) -> HubError | None:
        until, error = self._errors.get(key, (0.0, None))
        return error if until > self._now() else None

    def _now(self) -> float:
        return self._clock.now().timestamp()


class _Kept:
    """What was used last, within a number of entries and of bytes."""

    def __init__(self, size: int, weight: int) -> None:
        self._size = size
        self._room = weight
        self._entries: OrderedDict[str, CacheEntry] = OrderedDict()

    def get(self, key: str) -> CacheEntry | None:
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: str, entry: CacheEntry) -> None:
        self._remove(key)
        self._entries[key] = entry
        self._room -= len(entry.value)
        while len(self._entries) > self._size or (self._room < 0 and self._entries):
            self._remove(next(iter(self._entries)))

    def drop(self, when: Callable[[CacheEntry], bool]) -> None:
        for key in [key for key, entry in self._entries.items() if when(entry)]:
            self._remove(key)

    def _remove(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        self._room += len(entry.value) if entry is not None else 0


class _Flights(dict[str, "asyncio.Task[T]"]):
    """Work in the air, one task per key, whoever waits for it."""

    def start(self, key: str, make: Callable[[], Awaitable[T]]) -> "asyncio.Task[T]":
        task = self.get(key)
        if task is None:
            task = self[key] = asyncio.ensure_future(make())
            task.add_done_callback(lambda done: self._landed(key, done))
        return task

    async def join(self, key: str, make: Callable[[], Awaitable[T]]) -> T:
        """Waits for it without owning it: to be cancelled here cancels nothing there."""
        task = self.start(key, make)
        await asyncio.wait((task,))
        if task.cancelled():
            raise Unavailable("The hub is shutting down.", retry_after=1)
        return task.result()

    async def close(self) -> None:
        tasks = list(self.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, key: str, done: "asyncio.Task[T]") -> None:
        self.pop(key, None)
        error = None if done.cancelled() else done.exception()
        if error is not None and not isinstance(error, HubError):
            log.error("cache.load_failed", error=type(error).__name__, exc_info=error)
