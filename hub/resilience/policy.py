"""One provider's resilience, composed: deadline around retry around hedge around bulkhead around breaker."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from hub.core.clock import Chance, Clock
from hub.core.errors import ProviderTimeout
from hub.resilience.breaker import Breaker, OnFlip
from hub.resilience.budget import RetryBudget
from hub.resilience.bulkhead import Bulkhead
from hub.resilience.deadline import bounded
from hub.resilience.hedge import hedged
from hub.resilience.retry import Backoff, Verdict, retrying

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Policy:
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
    concurrency: int = 50
    queue: int = 100
    window: float = 30.0
    minimum: int = 10
    failure_ratio: float = 0.5
    rest: float = 10.0
    hedge_after: float | None = None


Attempt = Callable[[float], Awaitable[T]]
"""One try, given the seconds that it may take."""


class Guard:
    """What stands between the hub and one provider."""

    def __init__(
        self, provider: str, policy: Policy, clock: Clock, chance: Chance, on_flip: OnFlip | None = None
    ) -> None:
        self.provider = provider
        self.policy = policy
        self._clock = clock
        self._chance = chance
        self.budget = RetryBudget(clock, ratio=policy.retry_ratio, reserve=policy.retry_reserve)
        self.bulkhead = Bulkhead(provider, limit=policy.concurrency, queue=policy.queue)
        self.breaker = Breaker(
            provider,
            clock,
            window=policy.window,
            minimum=policy.minimum,
            ratio=policy.failure_ratio,
            rest=policy.rest,
            on_flip=on_flip,
        )

    async def run(
        self,
        attempt: Attempt[T],
        judge: Callable[[T | Exception], Verdict],
        *,
        repeatable: bool,
        hedge: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 (becomes the deadline of several attempts)
    ) -> T:
        """The attempt's answer or exception, or BreakerOpen, ProviderTransient (busy) or ProviderTimeout unasked.

        Only what is `repeatable` is tried again; only what may `hedge` is asked twice at once.
        """
        end = bounded(self._clock, self.policy.timeout if timeout is None else timeout)
        self.budget.deposit()

        def once() -> Awaitable[T]:
            return self._once(attempt, judge, end)

        def ask() -> Awaitable[T]:
            delay = self.policy.hedge_after
            if not hedge or delay is None:
                return once()
            return hedged(once, after=delay, clock=self._clock, permitted=self.budget.withdraw)

        if not repeatable:
            return await once()
        return await retrying(
            ask,
            judge,
            backoff=self.policy.backoff,
            clock=self._clock,
            chance=self._chance,
            ends_at=end,
            permitted=self.budget.withdraw,
        )

    async def _once(self, attempt: Attempt[T], judge: Callable[[T | Exception], Verdict], end: float) -> T:
        self.breaker.check()
        # The permit is taken inside: who waited for a place meets the breaker as it is by then.
        async with self.bulkhead.slot(self._left(end)):
            left = self._left(end)
            with self.breaker.permit() as permit:
                try:
                    answer = await attempt(left)
                except Exception as error:
                    permit.success() if judge(error).healthy else permit.failure()
                    raise
                permit.success() if judge(answer).healthy else permit.failure()
                return answer

    def _left(self, end: float) -> float:
        left = end - self._clock.monotonic()
        if left <= 0:
            raise ProviderTimeout(self.provider, "No time was left to ask.")
        limit = self.policy.attempt_timeout
        return left if limit is None else min(left, limit)
