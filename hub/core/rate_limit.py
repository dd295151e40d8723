"""How often somebody may ask: GCRA, one number per caller, in memory or in Redis for all nodes.

GCRA keeps the theoretical arrival time of the next request. Each request moves it by one interval; a request is
refused when that would lie more than a burst in the future. It refills smoothly: no window whose edge can be gamed.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import structlog

from hub.core.clock import Clock

log = structlog.get_logger(__name__)

# Redis' own clock is the one that all nodes share. Returns allowed, and the seconds until the bucket is full (as text:
# a Lua number would lose its fraction on the way out).
_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local interval, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
if tat + interval - now > capacity + 0.000001 then return {0, tostring(tat - now)} end
tat = tat + interval
redis.call('SET', KEYS[1], string.format('%.6f', tat), 'PX', math.ceil((tat - now) * 1000) + 1)
return {1, tostring(tat - now)}
"""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`limit` requests in `period` seconds on the long run, and at most `burst` (default: `limit`) at once."""

    limit: int
    period: float = 60.0
    burst: int | None = None

    @property
    def interval(self) -> float:
        return self.period / self.limit

    @property
    def capacity(self) -> float:
        return self.interval * (self.burst or self.limit)


class RateDecision(NamedTuple):
    """`reset_after` and `retry_after` in seconds; `retry_after` is 0 when allowed."""

    allowed: bool
    limit: int
    remaining: int
    reset_after: float
    retry_after: float


class RateLimiter(Protocol):
    async def check(self, key: str, rate: RateLimit) -> RateDecision:
        """Takes one request from the key's allowance. Never raises."""
        ...


def _verdict(rate: RateLimit, *, allowed: bool, ahead: float) -> RateDecision:
    """`ahead`: how far in the future, in seconds, the theoretical arrival time lies now."""
    left = max(0, int((rate.capacity - ahead) / rate.interval + 1e-6))
    wait = 0.0 if allowed else max(0.0, ahead + rate.interval - rate.capacity)
    return RateDecision(allowed, rate.burst or rate.limit, left, ahead, wait)


class MemoryRateLimiter:
    """One process. At most `capacity` keys: the ones that asked longest ago are forgotten first."""

    def __init__(self, clock: Clock, capacity: int = 100_000) -> None:
        self._clock = clock
        self._capacity = capacity
        self._arrivals: OrderedDict[str, float] = OrderedDict()

    async def check(self, key: str, rate: RateLimit) -> RateDecision:
        return self.check_now(key, rate)

    def check_now(self, key: str, rate: RateLimit) -> RateDecision:
        now = self._clock.monotonic()
        due = max(self._arrivals.get(key, now), now)
        allowed = due + rate.interval - now <= rate.capacity + 1e-6
        if allowed:
            due += rate.interval
            self._arrivals[key] = due
            self._arrivals.move_to_end(key)
            if len(self._arrivals) > self._capacity:
                self._arrivals.popitem(last=False)
        return _verdict(rate, allowed=allowed, ahead=due - now)


class RedisRateLimiter:
    """All nodes together. While Redis is away each process limits alone, and asks again after `retry_interval` seconds.

    `redis` is a redis.asyncio.Redis whose socket timeouts bound each call; `timeout` bounds it once more, because
    a limiter must not be what makes a request slow.
    """

    def __init__(self, redis: Any, clock: Clock, *, timeout: float = 0.25, retry_interval: float = 5.0) -> None:
        self._script = redis.register_script(_SCRIPT)
        self._clock = clock
        self._timeout = timeout
        self._pause = retry_interval
        self._away_until: float | None = None
        self._alone = MemoryRateLimiter(clock)

    async def check(self, key: str, rate: RateLimit) -> RateDecision:
        if self._away_until is not None and self._clock.monotonic() < self._away_until:
            return self._alone.check_now(key, rate)
        try:
            allowed, ahead = await self._ask(key, rate)
        except Exception as error:  # noqa: BLE001 (whatever is wrong with Redis, the request goes on)
            self._left_alone(error)
            return self._alone.check_now(key, rate)
        self._answered()
        return _verdict(rate, allowed=allowed, ahead=ahead)

    async def _ask(self, key: str, rate: RateLimit) -> tuple[bool, float]:
        async with asyncio.timeout(self._timeout):
            allowed, ahead = await self._script(keys=[f"hub:rate:{key}"], args=[rate.interval, rate.capacity])
        return bool(allowed), float(ahead)

    def _left_alone(self, error: Exception) -> None:
        if self._away_until is None:
            log.warning("ratelimit.redis_lost", error=type(error).__name__)
        self._away_until = self._clock.monotonic() + self._pause

    def _answered(self) -> None:
        if self._away_until is not None:
            log.info("ratelimit.redis_back")
        self._away_until = None
