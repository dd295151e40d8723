"""How many retries a provider is sent: a share of the requests, so that retries never amplify its outage."""

from hub.core.clock import Clock


class RetryBudget:
    """A token bucket. Each request pays in `ratio` of a retry, each retry costs one.

    A quiet provider may be retried too: time pays in `refill_per_second` as long as there are fewer than `reserve`
    tokens. Over any stretch, retries <= reserve + ratio * requests + per_second * seconds; and never more than
    `max_tokens` at once, however many requests went well before.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        ratio: float = 0.2,
        reserve: float = 3.0,
        refill_per_second: float = 0.1,
        max_tokens: float = 20.0,
    ) -> None:
        self._clock = clock
        self._ratio = ratio
        self._reserve = reserve
        self._per_second = refill_per_second
        self._most = max(reserve, max_tokens)
        self._tokens = reserve
        self._seen = clock.monotonic()

    @property
    def tokens(self) -> float:
        """Retries that could be made now."""
        self._let_time_pay()
        return self._tokens

    def deposit(self) -> None:
        """A request is made (its first attempt, not its retries)."""
        self._let_time_pay()
        self._tokens = min(self._most, self._tokens + self._ratio)

    def try_withdraw(self) -> bool:
        """Takes one retry out; False when there is none."""
        self._let_time_pay()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _let_time_pay(self) -> None:
        now = self._clock.monotonic()
        elapsed, self._seen = now - self._seen, now
        if self._tokens < self._reserve:
            self._tokens = min(self._reserve, self._tokens + elapsed * self._per_second)
