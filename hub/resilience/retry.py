"""Asking again: when the answer is worth another try, and after how long."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Generic, TypeVar

from tenacity import AsyncRetrying, RetryCallState

from hub.core.clock import Chance, Clock

T = TypeVar("T")

LONGEST_ADVICE = 86_400.0
"""Seconds. A provider that asks for more than a day is taken to mean a day."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """`first` and `cap` bound the full jitter, in seconds.

    A provider that asks for a longer wait than `patience` seconds is not waited for: asking earlier than it wants
    is rude and useless, and whoever called gets its answer with the advice in it.
    """

    attempts: int = 3
    first: float = 0.2
    cap: float = 5.0
    patience: float = 10.0

    def pause(self, attempt: int, chance: Chance) -> float:
        """Seconds after the failed attempt number `attempt` (1, 2, ...): anywhere up to the doubling bound."""
        return chance.uniform(0, min(self.cap, self.first * 2 ** min(attempt - 1, 30)))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an attempt's end means. `healthy` is about the provider; `retry` about this call.

    `after` is the provider's own advice, in seconds.
    """

    healthy: bool
    retry: bool = False
    after: float | None = None


def retry_after(value: str | None, now: datetime) -> float | None:
    """The seconds that a Retry-After header (RFC 9110, section 10.2.3: seconds or a date) asks for.

    Between 0 and LONGEST_ADVICE; None when there is no header or no sense in it.
    """
    seconds = _seconds(value.strip(), now) if value else None
    # The comparison is false for NaN, and for it alone.
    return None if seconds is None or seconds != seconds else min(max(seconds, 0.0), LONGEST_ADVICE)  # noqa: PLR0124


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
        judge: Callable[[T | Exception], Verdict],
        *,
        backoff: Backoff,
        clock: Clock,
        chance: Chance,
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
        self._after = verdict.after
        return verdict.retry

    def wait(self, state: RetryCallState) -> float:
        if self._after is None:
            return self._backoff.pause(state.attempt_number, self._chance)
        # Never earlier than asked, and a little scattered, so that not all come back in the same moment.
        return self._after + self._chance.uniform(0, self._backoff.first)

    def stop(self, state: RetryCallState) -> bool:
        if state.attempt_number >= self._backoff.attempts:
            return True
        if self._after is not None and self._after > self._backoff.patience:
            return True
        if self._ends_at is not None and self._clock.monotonic() + state.upcoming_sleep >= self._ends_at:
            return True
        return not self._permitted()


def _last(state: RetryCallState) -> object:
    """The last answer, or the last exception raised, as if nothing had been tried again."""
    outcome = state.outcome
    return outcome.result() if outcome is not None else None


async def retrying(
    attempt: Callable[[], Awaitable[T]],
    judge: Callable[[T | Exception], Verdict],
    *,
    backoff: Backoff,
    clock: Clock,
    chance: Chance,
    ends_at: float | None = None,
    permitted: Callable[[], bool] = lambda: True,
) -> T:
    """The first answer that is not worth another try, else the last one, or its exception.

    `ends_at` is on clock.monotonic(): no wait goes past it. `permitted` is asked last, so that a budget is
    charged only for a retry that takes place.
    """
    course = _Course(judge, backoff=backoff, clock=clock, chance=chance, ends_at=ends_at, permitted=permitted)

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
