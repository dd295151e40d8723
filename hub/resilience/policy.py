"""One provider's resilience, composed: deadline around retry around hedge around bulkhead around breaker."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from hub.core.clock import Clock, RandomSource
from hub.core.errors import ProviderTimeout
from hub.resilience.breaker import CircuitBreaker, OnStateChange
from hub.resilience.budget import RetryBudget
from hub.resilience.bulkhead import Bulkhead
from hub.resilience.deadline import cap_deadline
from hub.resilience.hedge import run_hedged
from hub.resilience.retry import Backoff, RetryDecision, run_with_retries

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ResiliencePolicy:
    """How one provider is asked. All times in seconds.

    `timeout` bounds the whole exchange, retries and bodies included; `attempt_timeout` one attempt, so that a hung
    connection leaves time for another (None: the whole). `hedge_after` asks reads a second time; None is off.
    """

    timeout: float = 20.0
    attempt_timeout: float | None = None
    connect_timeout: float = 5.0
    backoff: Backoff = field(default_factory=Backoff)
    retry_timeouts: bool = True
    retry_ratio: float = 0.2
    retry_reserve: float = 3.0
    max_active_calls: int = 50
    max_waiting_calls: int = 100
    breaker_window: float = 30.0
    breaker_min_calls: int = 10
    breaker_failure_ratio: float = 0.5
    breaker_cooldown: float = 10.0
    hedge_after: float | None = None


AttemptCall = Callable[[float], Awaitable[T]]
"""One try, given the seconds that it may take."""


class ProviderGuard:
    """What stands between the hub and one provider."""

    def __init__(
        self,
        provider: str,
        policy: ResiliencePolicy,
        clock: Clock,
        rng: RandomSource,
        on_state_change: OnStateChange | None = None,
    ) -> None:
        self.provider = provider
        self.policy = policy
        self._clock = clock
        self._chance = rng
        self.budget = RetryBudget(clock, ratio=policy.retry_ratio, reserve=policy.retry_reserve)
        self.bulkhead = Bulkhead(provider, max_active=policy.max_active_calls, max_waiting=policy.max_waiting_calls)
        self.breaker = CircuitBreaker(
            provider,
            clock,
            window=policy.breaker_window,
            min_calls=policy.breaker_min_calls,
            failure_ratio=policy.breaker_failure_ratio,
            cooldown=policy.breaker_cooldown,
            on_state_change=on_state_change,
        )

    async def run(
        self,
        attempt: AttemptCall[T],
        judge: Callable[[T | Exception], RetryDecision],
        *,
        retryable: bool,
        hedge: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 (becomes the deadline of several attempts)
    ) -> T:
        """The attempt's answer or exception, or BreakerOpen, ProviderTransient (busy) or ProviderTimeout unasked.

        Only what is `retryable` is tried again; only what may `hedge` is asked twice at once.
        """
        end = cap_deadline(self._clock, self.policy.timeout if timeout is None else timeout)
        self.budget.deposit()

        def once() -> Awaitable[T]:
            return self._once(attempt, judge, end)

        def ask() -> Awaitable[T]:
            delay = self.policy.hedge_after
            if not hedge or delay is None:
                return once()
            return run_hedged(once, after=delay, clock=self._clock, may_hedge=self.budget.try_withdraw)

        if not retryable:
            return await once()
        return await run_with_retries(
            ask,
            judge,
            backoff=self.policy.backoff,
            clock=self._clock,
            rng=self._chance,
            deadline=end,
            may_retry=self.budget.try_withdraw,
        )

    async def _once(self, attempt: AttemptCall[T], judge: Callable[[T | Exception], RetryDecision], end: float) -> T:
        self.breaker.check()
        # The permit is taken inside: who waited for a place meets the breaker as it is by then.
        async with self.bulkhead.acquire_slot(self._left(end)):
            left = self._left(end)
            with self.breaker.acquire_permit() as permit:
                try:
                    answer = await attempt(left)
                except Exception as error:
                    permit.record_success() if judge(error).provider_healthy else permit.record_failure()
                    raise
                permit.record_success() if judge(answer).provider_healthy else permit.record_failure()
                return answer

    def _left(self, end: float) -> float:
        left = end - self._clock.monotonic()
        if left <= 0:
            raise ProviderTimeout(self.provider, "No time was left to ask.")
        limit = self.policy.attempt_timeout
        return left if limit is None else min(left, limit)
