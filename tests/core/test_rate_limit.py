import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.rate_limit import MemoryRateLimiter, RateLimit, RedisRateLimiter


class Clock:
    ticks = 0.0

    def monotonic(self) -> float:
        return self.ticks


@pytest.fixture
def clock():
    return Clock()


def test_a_burst_then_one_per_interval(clock):
    limiter, rate = MemoryRateLimiter(clock), RateLimit(60, burst=3)
    assert [limiter.check_now("a", rate).allowed for _ in range(4)] == [True, True, True, False]
    clock.ticks += 1
    assert [limiter.check_now("a", rate).allowed for _ in range(2)] == [True, False]


def test_the_verdict_says_how_much_is_left_and_when_to_come_back(clock):
    limiter, rate = MemoryRateLimiter(clock), RateLimit(60, burst=2)
    first, second, third = (limiter.check_now("a", rate) for _ in range(3))
    assert (first.remaining, first.reset_after, first.retry_after) == (1, 1.0, 0.0)
    assert (second.remaining, second.reset_after) == (0, 2.0)
    assert (third.allowed, third.limit, third.retry_after) == (False, 2, 1.0)


def test_keys_do_not_share(clock):
    limiter, rate = MemoryRateLimiter(clock), RateLimit(1)
    assert limiter.check_now("a", rate).allowed
    assert limiter.check_now("b", rate).allowed


def test_memory_is_bounded(clock):
    limiter = MemoryRateLimiter(clock, capacity=10)
    for number in range(100):
        limiter.check_now(str(number), RateLimit(1))
    assert len(limiter._arrivals) == 10


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 10))
def test_no_window_ever_holds_more_than_burst_and_refill(gaps, burst):
    clock, rate, taken = Clock(), RateLimit(60, burst=burst), []
    limiter = MemoryRateLimiter(clock)
    for gap in gaps:
        clock.ticks += gap
        if limiter.check_now("a", rate).allowed:
            taken.append(clock.ticks)
    for index, start in enumerate(taken):
        inside = [at for at in taken[index:] if at - start <= 5]
        assert len(inside) <= burst + 5 + 1


class FakeRedis:
    """What the limiter uses of a client."""

    def __init__(self, answer) -> None:
        self.answer, self.asked = answer, 0

    def register_script(self, _):
        async def run(keys, args):
            self.asked += 1
            if isinstance(self.answer, Exception):
                raise self.answer
            if self.answer is None:
                await asyncio.sleep(60)
            return self.answer

        return run


async def test_redis_decides_while_it_is_there(clock):
    limiter = RedisRateLimiter(FakeRedis([0, b"60.5"]), clock)
    verdict = await limiter.check("a", RateLimit(60))
    assert (verdict.allowed, verdict.retry_after) == (False, 1.5)


@pytest.mark.parametrize("answer", [ConnectionError(), None, ["nonsense"]])
async def test_without_redis_memory_decides_and_redis_is_left_alone_for_a_while(clock, answer):
    redis = FakeRedis(answer)
    limiter, rate = RedisRateLimiter(redis, clock, timeout=0.02, retry_interval=5), RateLimit(60, burst=1)
    assert [(await limiter.check("a", rate)).allowed for _ in range(3)] == [True, False, False]
    assert redis.asked == 1
    clock.ticks += 5
    redis.answer = [1, b"1.0"]
    assert (await limiter.check("a", rate)).allowed
    assert redis.asked == 2
