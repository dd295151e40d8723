import asyncio

import pytest

from hub.core.clock import SystemClock
from hub.resilience.hedge import run_hedged


class Asked:
    """Each question takes (seconds, answer); an exception is raised."""

    def __init__(self, *script):
        self.script = list(script)
        self.asked = 0
        self.cancelled = []

    async def __call__(self):
        number, self.asked = self.asked, self.asked + 1
        seconds, answer = self.script[number]
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        if isinstance(answer, Exception):
            raise answer
        return answer


async def run(ask, after=0.02, **options):
    return await run_hedged(ask, after=after, clock=SystemClock(), **options)


async def test_a_quick_answer_is_asked_for_once():
    ask = Asked((0, "first"))
    assert await run(ask) == "first"
    assert ask.asked == 1


async def test_the_second_answer_wins_and_the_first_is_cancelled():
    ask = Asked((5, "first"), (0, "second"))
    assert await run(ask) == "second"
    assert ask.cancelled == [0]


async def test_the_first_may_still_win():
    ask = Asked((0.04, "first"), (5, "second"))
    assert await run(ask) == "first"
    assert ask.cancelled == [1]


async def test_an_early_failure_is_raised_and_not_hedged():
    ask = Asked((0, ConnectionError("no")), (0, "second"))
    with pytest.raises(ConnectionError):
        await run(ask)
    assert ask.asked == 1


async def test_a_failed_second_question_leaves_the_first_its_time():
    ask = Asked((0.06, "first"), (0, ConnectionError("no")))
    assert await run(ask) == "first"


async def test_both_failing_raises():
    with pytest.raises(ConnectionError):
        await run(Asked((0.04, ConnectionError()), (0, ConnectionError())))


async def test_without_leave_there_is_no_second_question():
    ask = Asked((0.04, "first"), (0, "second"))
    assert await run(ask, may_hedge=lambda: False) == "first"


async def test_a_cancelled_caller_cancels_both():
    ask = Asked((5, "first"), (5, "second"))
    call = asyncio.create_task(run(ask))
    await asyncio.sleep(0.05)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert sorted(ask.cancelled) == [0, 1]
