"""Asking again: when the answer is worth another try, and after how long."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Generic, TypeVar

from tenacity import AsyncRetrying, RetryCallState

from hub.core.clock import Clock, RandomSource

T = TypeVar("T")

MAX_RETRY_AFTER = 86_400.0
"""Seconds. A provider that asks for more than a day is taken to mean a day."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """`initial_delay` and `max_delay` bound the full jitter, in seconds.

    A provider that asks for a longer wait than `max_retry_after` seconds is not waited for: asking earlier than it
    wants is rude and useless, and whoever called gets its answer with the advice in it.
    """

    max_attempts: int = 3
    initial_delay: float = 0.2
    max_delay: float = 5.0
    max_retry_after: float = 10.0

    def compute_delay(self, attempt: int, chance: RandomSource) -> float:
        """Seconds after the failed attempt number `attempt` (1, 2, ...): anywhere up to the doubling bound."""
        return chance.uniform(0, min(self.max_delay, self.initial_delay * 2 ** min(attempt - 1, 30)))


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """What an attempt's end means. `provider_healthy` is about the provider; `should_retry` about this call.

    `retry_after` is the provider's own advice, in seconds.
    """

    provider_healthy: bool
    should_retry: bool = False
    retry_after: float | None = None


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """The seconds that a Retry-After header (RFC 9110, section 10.2.3: seconds or a date) asks for.

    Between 0 and LONGEST_ADVICE; None when there is no header or no sense in it.
    """
    seconds = _seconds(value.strip(), now) if value else None
    # The comparison is false for NaN, and for it alone.
    return None if seconds is None or seconds != seconds else min(max(seconds, 0.0), MAX_RETRY_AFTER)  # noqa: PLR0124


def _seconds(value: str, now: datetime) -> float | None:
    try:
        return float(value)
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()


class _Course(Generic[T]):
    """One call's way through its attempts: tenacity asks it whether, how long and when to stop."""

    def __init__(
        self,
        judge: Callable[[T | Exception], RetryDecision],
        *,
        backoff: Backoff,
        clock: Clock,
        chance: RandomSource,
        ends_at: float | None,
        permitted: Callable[[], bool],
    ) -> None:
        self._judge = judge
        self._backoff = backoff
        self._clock = clock
        self._chance = chance
        self._ends_at = ends_at
        self._permitted = permitted
        self._after: float | None = None

    def worth_it(self, state: RetryCallState) -> bool:
        """A cancelled caller, and whatever else is not an Exception, is never asked again."""
        outcome = state.outcome
        if outcome is None:
            return False
        error = outcome.exception()
        if error is not None and not isinstance(error, Exception):
            return False
        verdict = self._judge(error if error is not None else outcome.result())
        self._after = verdict.retry_after
        return verdict.should_retry

    def wait(self, state: RetryCallState) -> float:
        if self._after is None:
            return self._backoff.compute_delay(state.attempt_number, self._chance)
        # Never earlier than asked, and a little scattered, so that not all come back in the same moment.
        return self._after + self._chance.uniform(0, self._backoff.initial_delay)

    def stop(self, state: RetryCallState) -> bool:
        if state.attempt_number >= self._backoff.max_attempts:
            return True
        if self._after is not None and self._after > self._backoff.max_retry_after:
            return True
        if self._ends_at is not None and self._clock.monotonic() + state.upcoming_sleep >= self._ends_at:
            return True
        return not self._permitted()


def _last(state: RetryCallState) -> object:
    """The last answer, or the last exception raised, as if nothing had been tried again."""
    outcome = state.outcome
    return outcome.result() if outcome is not None else None


async def run_with_retries(
    attempt: Callable[[], Awaitable[T]],
    judge: Callable[[T | Exception], RetryDecision],
    *,
    backoff: Backoff,
    clock: Clock,
    rng: RandomSource,
    deadline: float | None = None,
    may_retry: Callable[[], bool] = lambda: True,
) -> T:
    """The first answer that is not worth another try, else the last one, or its exception.

    `ends_at` is on clock.monotonic(): no wait goes past it. `permitted` is asked last, so that a budget is
    charged only for a retry that takes place.
    """
    course = _Course(judge, backoff=backoff, clock=clock, chance=rng, ends_at=deadline, permitted=may_retry)

    async def run() -> T:
        return await attempt()

    retries = AsyncRetrying(
        sleep=clock.sleep,
        retry=course.worth_it,
        wait=course.wait,
        stop=course.stop,
        retry_error_callback=_last,
    )
    return await retries(run)
