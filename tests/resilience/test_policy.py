import asyncio
import random

import pytest

from hub.core.clock import SystemClock
from hub.core.errors import BreakerOpen, ProviderTimeout, ProviderTransient
from hub.resilience.breaker import BreakerState
from hub.resilience.deadline import enforce_deadline
from hub.resilience.policy import ProviderGuard, ResiliencePolicy
from hub.resilience.retry import Backoff, RetryDecision


def judge(outcome):
    failed = isinstance(outcome, Exception)
    return RetryDecision(provider_healthy=not failed, should_retry=failed and not isinstance(outcome, BreakerOpen))


def guard(clock, **policy):
    return ProviderGuard("kiwi", ResiliencePolicy(**policy), clock, random.Random(1))


def failing(times, asked):
    async def attempt(limit):
        asked.append(limit)
        if len(asked) <= times:
            raise ProviderTransient("kiwi")
        return "fine"

    return attempt


async def test_a_repeatable_call_is_tried_again(clock):
    asked = []
    assert await guard(clock).run(failing(2, asked), judge, retryable=True) == "fine"
    assert len(asked) == 3


async def test_what_may_not_be_repeated_is_tried_once(clock):
    asked = []
    with pytest.raises(ProviderTransient):
        await guard(clock).run(failing(1, asked), judge, retryable=False)
    assert len(asked) == 1


async def test_each_attempt_is_told_how_long_it_may_take(clock):
    asked = []
    await guard(clock, timeout=10, attempt_timeout=4, backoff=Backoff(initial_delay=0)).run(
        failing(1, asked), judge, retryable=True
    )
    assert asked == [4, 4]


async def test_the_requests_deadline_shortens_the_call(clock):
    asked = []
    async with enforce_deadline(clock, 3):
        await guard(clock, timeout=10).run(failing(0, asked), judge, retryable=True)
    assert asked == [3]


async def test_without_time_nothing_is_asked_and_the_breaker_is_not_blamed(clock):
    asked, one = [], guard(clock, breaker_min_calls=1)
    with pytest.raises(ProviderTimeout):
        await one.run(failing(0, asked), judge, retryable=True, timeout=0)
    assert asked == []
    assert one.breaker.state is BreakerState.CLOSED


async def test_retries_of_an_outage_stop_at_the_budget_and_then_at_the_breaker(clock):
    asked, one = [], guard(clock, breaker_min_calls=20, retry_reserve=2)
    for _ in range(30):
        with pytest.raises(ProviderTransient):
            await one.run(failing(1000, asked), judge, retryable=True)
    assert len(asked) == 20
    assert one.breaker.state is BreakerState.OPEN


async def test_a_bug_is_not_an_answer(clock):
    async def attempt(_):
        raise KeyError("bug")

    with pytest.raises(KeyError):
        await guard(clock).run(attempt, lambda _: RetryDecision(provider_healthy=True), retryable=True)


async def test_a_slow_read_is_hedged_only_when_asked(clock):
    asked = []

    async def attempt(_):
        asked.append(1)
        await asyncio.sleep(5 if len(asked) == 1 else 0)
        return len(asked)

    one = guard(SystemClock(), hedge_after=0.02)
    assert await one.run(attempt, judge, retryable=True, hedge=True) == 2
    assert one.bulkhead.active_calls == 0
