"""How each model has been lately: left alone while it fails, and while it has asked to be."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import structlog

from hub.core.clock import Clock
from hub.core.errors import BreakerOpen
from hub.resilience.breaker import Breaker, OnFlip, Permit, State

log = structlog.get_logger(__name__)

WINDOW, MINIMUM, RATIO, REST = 30.0, 4, 0.5, 10.0
"""Half of at least four attempts within 30 seconds failed: the model is left alone for 10 seconds, then asked once."""
MOST = 256
"""Models remembered that nobody has set up: whoever may ask may name any."""


class Resting(BreakerOpen):
    """The model has asked to be left alone for a while."""


@dataclass(slots=True)
class _Model:
    breaker: Breaker
    rests_until: float = 0.0


class Permitted:
    """Leave to ask a model once; a context manager. What is not told of counts for nothing."""

    __slots__ = ("_breaker", "_permit", "_probe")

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._permit: Permit = breaker.permit()
        self._probe = breaker.state is State.HALF_OPEN

    def began(self) -> None:
        """The first piece is here. A probe has brought its news with it: nobody waits for the end of its stream."""
        if self._probe:
            self._permit.success()

    def ended(self, *, healthy: bool) -> None:
        if healthy:
            self._permit.success()
            return
        self._permit.failure()
        if self._probe and self._breaker.state is State.CLOSED:  # it began well, and then failed
            self._breaker.permit().failure()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._permit.__exit__(None, None, None)


class Health:
    """Of all models in this process. Those in `known` are never forgotten."""

    def __init__(self, clock: Clock, known: Iterable[str] = (), on_flip: OnFlip | None = None) -> None:
        self._clock = clock
        self._on_flip = on_flip or _said
        self._known = {name: self._new(name) for name in known}
        self._others: OrderedDict[str, _Model] = OrderedDict()

    def permit(self, model: str) -> Permitted:
        """Raises BreakerOpen, or Resting, with `retry_after` in seconds."""
        found = self._of(model)
        if (left := found.rests_until - self._clock.monotonic()) > 0:
            raise Resting(model, retry_after=left)
        return Permitted(found.breaker)

    def rest(self, model: str, seconds: float) -> None:
        """It has asked for it, or has refused too often: it is left alone for so long."""
        found = self._of(model)
        found.rests_until = max(found.rests_until, self._clock.monotonic() + seconds)

    def available(self, model: str) -> bool:
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
        if len(self._others) > MOST:
            self._others.popitem(last=False)
        return found

    def _new(self, model: str) -> _Model:
        breaker = Breaker(
            model, self._clock, window=WINDOW, minimum=MINIMUM, ratio=RATIO, rest=REST, on_flip=self._on_flip
        )
        return _Model(breaker)


def _asks(breaker: Breaker) -> bool:
    try:
        breaker.check()
    except BreakerOpen:
        return False
    return True


def _said(model: str, old: State, new: State) -> None:
    if new is State.OPEN and old is State.CLOSED:
        log.warning("model.left_alone", model=model)
    elif new is State.CLOSED:
        log.info("model.back", model=model)
