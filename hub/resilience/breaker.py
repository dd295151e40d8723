"""Leaving a failing provider alone for a while, and asking one question to see whether it is back."""

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Self

from hub.core.clock import Clock
from hub.core.errors import BreakerOpen

WINDOW_SLICES = 10
"""The window slides in this many steps."""


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


OnStateChange = Callable[[str, BreakerState, BreakerState], None]
"""Called with provider, old state and new state, once per change."""


class _Window:
    """Successes and failures of the last `seconds`."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._slice = seconds / WINDOW_SLICES
        self._slices: deque[list[int]] = deque()

    def _current(self) -> int:
        number = int(self._clock.monotonic() / self._slice)
        while self._slices and self._slices[0][0] <= number - WINDOW_SLICES:
            self._slices.popleft()
        return number

    def add(self, *, failed: bool) -> None:
        number = self._current()
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append([number, 0, 0])
        self._slices[-1][1] += 1
        self._slices[-1][2] += failed

    def totals(self) -> tuple[int, int]:
        """All calls, and those that failed."""
        self._current()
        return sum(one[1] for one in self._slices), sum(one[2] for one in self._slices)

    def clear(self) -> None:
        self._slices.clear()


class CallPermit:
    """Leave to ask once: a context manager. Left without `success()` or `failure()` it counts for nothing.

    So a cancelled caller frees the probe's place.
    """

    __slots__ = ("_breaker", "_epoch", "_settled")

    def __init__(self, breaker: "CircuitBreaker", epoch: int) -> None:
        self._breaker = breaker
        self._epoch = epoch
        self._settled = False

    def record_success(self) -> None:
        self._settle(failed=False)

    def record_failure(self) -> None:
        self._settle(failed=True)

    def _settle(self, *, failed: bool | None) -> None:
        if not self._settled:
            self._settled = True
            self._breaker._settled(self._epoch, failed=failed)  # noqa: SLF001 (one idea in two classes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._settle(failed=None)


class CircuitBreaker:
    """Opens when `failure_ratio` of at least `min_calls` calls within `window` seconds failed; asks again after
    `cooldown` seconds.

    Half-open it lets exactly one call through: its success closes the breaker, its failure opens it again. What
    counts as a failure is the caller's business. An answer to a question asked before the last flip is not counted:
    it tells of another time.
    """

    def __init__(
        self,
        provider: str,
        clock: Clock,
        *,
        window: float = 30.0,
        min_calls: int = 10,
        failure_ratio: float = 0.5,
        cooldown: float = 10.0,
        on_state_change: OnStateChange | None = None,
    ) -> None:
        self.provider = provider
        self._clock = clock
        self._window = _Window(clock, window)
        self._minimum = min_calls
        self._ratio = failure_ratio
        self._rest = cooldown
        self._on_flip = on_state_change
        self._state = BreakerState.CLOSED
        self._opened_at = 0.0
        self._probing = False
        self._epoch = 0

    @property
    def state(self) -> BreakerState:
        """As callers meet it: an open breaker that has rested is half-open."""
        return BreakerState.HALF_OPEN if self._state is BreakerState.OPEN and self._rested_in() <= 0 else self._state

    def check(self) -> None:
        """Raises BreakerOpen if permit() would, and takes nothing."""
        if self.state is BreakerState.OPEN or (self.state is BreakerState.HALF_OPEN and self._probing):
            raise BreakerOpen(self.provider, retry_after=max(self._rested_in(), 1.0))

    def acquire_permit(self) -> CallPermit:
        """Leave to ask once. Raises BreakerOpen, with `retry_after` in seconds."""
        self.check()
        if self._state is BreakerState.OPEN:
            self._flip(BreakerState.HALF_OPEN)
        self._probing = self._state is BreakerState.HALF_OPEN
        return CallPermit(self, self._epoch)

    def _rested_in(self) -> float:
        return self._opened_at + self._rest - self._clock.monotonic()

    def _settled(self, epoch: int, *, failed: bool | None) -> None:
        if epoch != self._epoch:
            return
        if self._state is BreakerState.HALF_OPEN:
            self._probed(failed=failed)
        elif failed is not None:
            self._window.add(failed=failed)
            if failed and self._too_many():
                self._open()

    def _probed(self, *, failed: bool | None) -> None:
        self._probing = False
        if failed:
            self._open()
        elif failed is False:
            self._flip(BreakerState.CLOSED)

    def _too_many(self) -> bool:
        calls, failures = self._window.totals()
        return calls >= self._minimum and failures >= self._ratio * calls

    def _open(self) -> None:
        self._opened_at = self._clock.monotonic()
        self._flip(BreakerState.OPEN)

    def _flip(self, new: BreakerState) -> None:
        old, self._state = self._state, new
        self._epoch += 1
        self._window.clear()
        if self._on_flip is not None:
            self._on_flip(self.provider, old, new)
