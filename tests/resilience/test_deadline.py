import asyncio

import pytest

from hub.core.clock import SystemClock
from hub.resilience.deadline import bounded, detached, remaining, within


async def test_without_a_deadline_there_is_no_end(clock):
    assert remaining(clock) is None
    assert bounded(clock, 5) == clock.at + 5


async def test_a_nested_deadline_is_the_earlier_one(clock):
    async with within(clock, 10):
        async with within(clock, 60):
            assert remaining(clock) == 10
        async with within(clock, 3):
            assert remaining(clock) == 3
        assert remaining(clock) == 10
    assert remaining(clock) is None


async def test_time_runs_down_to_zero_and_not_below(clock):
    async with within(clock, 10):
        clock.at += 4
        assert remaining(clock) == 6
        clock.at += 100
        assert remaining(clock) == 0


async def test_it_travels_into_tasks_and_not_out_of_them(clock):
    async def inner():
        async with within(clock, 2):
            return remaining(clock)

    async with within(clock, 10):
        assert await asyncio.create_task(inner()) == 2
        assert remaining(clock) == 10


async def test_detached_work_outlives_the_request(clock):
    async with within(clock, 10):
        with detached():
            assert remaining(clock) is None
        assert remaining(clock) == 10


async def test_what_runs_too_long_is_cancelled():
    with pytest.raises(TimeoutError):
        async with within(SystemClock(), 0.01):
            await asyncio.sleep(5)
