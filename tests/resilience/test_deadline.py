import asyncio

import pytest

from hub.core.clock import SystemClock
from hub.resilience.deadline import cap_deadline, enforce_deadline, get_remaining_seconds, suspend_deadline


async def test_without_a_deadline_there_is_no_end(clock):
    assert get_remaining_seconds(clock) is None
    assert cap_deadline(clock, 5) == clock.at + 5


async def test_a_nested_deadline_is_the_earlier_one(clock):
    async with enforce_deadline(clock, 10):
        async with enforce_deadline(clock, 60):
            assert get_remaining_seconds(clock) == 10
        async with enforce_deadline(clock, 3):
            assert get_remaining_seconds(clock) == 3
        assert get_remaining_seconds(clock) == 10
    assert get_remaining_seconds(clock) is None


async def test_time_runs_down_to_zero_and_not_below(clock):
    async with enforce_deadline(clock, 10):
        clock.at += 4
        assert get_remaining_seconds(clock) == 6
        clock.at += 100
        assert get_remaining_seconds(clock) == 0


async def test_it_travels_into_tasks_and_not_out_of_them(clock):
    async def inner():
        async with enforce_deadline(clock, 2):
            return get_remaining_seconds(clock)

    async with enforce_deadline(clock, 10):
        assert await asyncio.create_task(inner()) == 2
        assert get_remaining_seconds(clock) == 10


async def test_detached_work_outlives_the_request(clock):
    async with enforce_deadline(clock, 10):
        with suspend_deadline():
            assert get_remaining_seconds(clock) is None
        assert get_remaining_seconds(clock) == 10


async def test_what_runs_too_long_is_cancelled():
    with pytest.raises(TimeoutError):
        async with enforce_deadline(SystemClock(), 0.01):
            await asyncio.sleep(5)
