import asyncio
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.resilience.retry import MAX_RETRY_AFTER, Backoff, RetryDecision, parse_retry_after, run_with_retries

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


class Script:
    """Answers, one after the other; an exception is raised."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self):
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


def judge(outcome):
    if isinstance(outcome, Exception):
        return RetryDecision(provider_healthy=False, should_retry=isinstance(outcome, ConnectionError))
    return RetryDecision(provider_healthy=True, should_retry=outcome == "again")


async def test_a_good_answer_is_asked_for_once(clock, chance):
    ask = Script("fine")
    assert await run_with_retries(ask, judge, backoff=Backoff(), clock=clock, rng=chance) == "fine"
    assert (ask.asked, clock.slept) == (1, [])


async def test_waits_double_up_to_the_cap(clock, chance):
    ask = Script(*[ConnectionError()] * 5, "fine")
    backoff = Backoff(max_attempts=6, initial_delay=1, max_delay=4)
    assert await run_with_retries(ask, judge, backoff=backoff, clock=clock, rng=chance) == "fine"
    assert clock.slept == [1, 2, 4, 4, 4]


async def test_the_last_answer_comes_back_when_the_attempts_run_out(clock, chance):
    ask = Script("again", "again", "again")
    assert await run_with_retries(ask, judge, backoff=Backoff(max_attempts=3), clock=clock, rng=chance) == "again"
    assert ask.asked == 3


async def test_the_last_failure_is_raised_as_it_is(clock, chance):
    failures = ConnectionError("first"), ConnectionError("second")
    with pytest.raises(ConnectionError, match="second"):
        await run_with_retries(Script(*failures), judge, backoff=Backoff(max_attempts=2), clock=clock, rng=chance)


async def test_what_is_not_worth_it_is_raised_at_once(clock, chance):
    ask = Script(KeyError("bug"), "fine")
    with pytest.raises(KeyError):
        await run_with_retries(ask, judge, backoff=Backoff(), clock=clock, rng=chance)
    assert ask.asked == 1


async def test_a_cancelled_attempt_is_not_repeated(clock, chance):
    ask = Script(asyncio.CancelledError(), "fine")
    with pytest.raises(asyncio.CancelledError):
        await run_with_retries(
            ask,
            lambda _: RetryDecision(provider_healthy=True, should_retry=True),
            backoff=Backoff(),
            clock=clock,
            rng=chance,
        )
    assert ask.asked == 1


async def test_no_wait_goes_past_the_deadline(clock, chance):
    ask = Script("again", "again", "again")
    backoff = Backoff(max_attempts=9, initial_delay=1)
    answer = await run_with_retries(ask, judge, backoff=backoff, clock=clock, rng=chance, deadline=clock.at + 2.5)
    assert (answer, clock.slept) == ("again", [1])


async def test_the_providers_advice_is_followed_and_never_undercut(clock):
    ask = Script("again", "fine")

    def advised(outcome):
        return RetryDecision(provider_healthy=True, should_retry=outcome == "again", retry_after=3)

    await run_with_retries(ask, advised, backoff=Backoff(initial_delay=0.5), clock=clock, rng=random.Random(7))
    assert 3 <= clock.slept[0] <= 3.5


async def test_advice_beyond_our_patience_ends_the_attempts(clock, chance):
    ask = Script("again", "fine")

    def advised(_):
        return RetryDecision(provider_healthy=True, should_retry=True, retry_after=60)

    assert await run_with_retries(ask, advised, backoff=Backoff(max_retry_after=10), clock=clock, rng=chance) == "again"


async def test_the_budget_is_charged_only_for_retries_that_take_place(clock, chance):
    charged = []
    ask = Script("again", "again")
    await run_with_retries(
        ask, judge, backoff=Backoff(max_attempts=2), clock=clock, rng=chance, may_retry=lambda: not charged.append(1)
    )
    assert len(charged) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 1.5 ", 1.5),
        ("-3", 0),
        ("99999999", MAX_RETRY_AFTER),
        ("Mon, 01 Jun 2026 12:00:30 GMT", 30),
        ("Mon, 01 Jun 2026 14:00:30 +0200", 30),
        ("Mon, 01 Jun 2026 12:00:30 -0000", 30),
        ("Mon, 01 Jun 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("nan", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert parse_retry_after(header, NOW) == seconds


@given(st.text(max_size=40))
def test_no_header_breaks_retry_after(header):
    seconds = parse_retry_after(header, NOW)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER


@given(st.integers(1, 10_000), st.integers(0, 2**32))
def test_jitter_stays_within_its_bounds(attempt, seed):
    backoff = Backoff(initial_delay=0.2, max_delay=5)
    assert 0 <= backoff.compute_delay(attempt, random.Random(seed)) <= min(5, 0.2 * 2 ** min(attempt - 1, 10))
