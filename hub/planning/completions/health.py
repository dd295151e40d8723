"""How each model has been lately: left alone while it fails, and while it has asked to be."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import structlog

from hub.core.clock import Clock
from hub.core.errors import BreakerOpen
from hub.resilience.breaker import BreakerState, CallPermit, CircuitBreaker, OnStateChange

log = structlog.get_logger(__name__)

WINDOW, MINIMUM, RATIO, REST = 30.0, 4, 0.5, 10.0
"""Half of at least four attempts within 30 seconds failed: the model is left alone for 10 seconds, then asked once."""
MAX_TRACKED_MODELS = 256
"""Models remembered that nobody has set up: whoever may ask may name any."""


class CoolingDown(BreakerOpen):
    """The model has asked to be left alone for a while."""


@dataclass(slots=True)
class _Model:
    breaker: CircuitBreaker
    rests_until: float = 0.0


class ModelPermit:
    """Leave to ask a model once; a context manager. What is not told of counts for nothing."""

    __slots__ = ("_breaker", "_permit", "_probe")

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker = breaker
        self._permit: CallPermit = breaker.acquire_permit()
        self._probe = breaker.state is BreakerState.HALF_OPEN

    def record_start(self) -> None:
        """The first piece is here. A probe has brought its news with it: nobody waits for the end of its stream."""
        if self._probe:
            self._permit.record_success()

    def record_result(self, *, healthy: bool) -> None:
        if healthy:
            self._permit.record_success()
            return
        self._permit.record_failure()
        if self._probe and self._breaker.state is BreakerState.CLOSED:  # it began well, and then failed
            self._breaker.acquire_permit().record_failure()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._permit.__exit__(None, None, None)


class ModelHealth:
    """Of all models in this process. Those in `known` are never forgotten."""

    def __init__(self, clock: Clock, known: Iterable[str] = (), on_flip: OnStateChange | None = None) -> None:
        self._clock = clock
        self._on_flip = on_flip or _said
        self._known = {name: self._new(name) for name in known}
        self._others: OrderedDict[str, _Model] = OrderedDict()

    def acquire_permit(self, model: str) -> ModelPermit:
        """Raises BreakerOpen, or CoolingDown, with `retry_after` in seconds."""
        found = self._of(model)
        if (left := found.rests_until - self._clock.monotonic()) > 0:
            raise CoolingDown(model, retry_after=left)
        return ModelPermit(found.breaker)

    def start_cooldown(self, model: str, seconds: float) -> None:
        """It has asked for it, or has refused too often: it is left alone for so long."""
        found = self._of(model)
        found.rests_until = max(found.rests_until, self._clock.monotonic() + seconds)

    def is_available(self, model: str) -> bool:
        """Whether it could be asked now."""
        found = self._known.get(model) or self._others.get(model)
        if found is None:
            return True
        return found.rests_until <= self._clock.monotonic() and _asks(found.breaker)

    def _of(self, model: str) -> _Model:
        if (known := self._known.get(model)) is not None:
            return known
        found = self._others.pop(model, None) or self._new(model)
        self._others[model] = found
        if len(self._others) > MAX_TRACKED_MODELS:
            self._others.popitem(last=False)
        return found

    def _new(self, model: str) -> _Model:
        breaker = CircuitBreaker(
            model,
            self._clock,
            window=WINDOW,
            min_calls=MINIMUM,
            failure_ratio=RATIO,
            cooldown=REST,
            on_state_change=self._on_flip,
        )
        return _Model(breaker)


def _asks(breaker: CircuitBreaker) -> bool:
    try:
        breaker.check()
    except BreakerOpen:
        return False
    return True


def _said(model: str, old: BreakerState, new: BreakerState) -> None:
    if new is BreakerState.OPEN and old is BreakerState.CLOSED:
        log.warning("model.left_alone", model=model)
    elif new is BreakerState.CLOSED:
        log.info("model.back", model=model)
