"""Work that outlives a request: stored with its cause in one transaction, repeated until done or held.

A job is a frozen model of what is to be done; a handler is a method marked @job or @every.
"""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

F = TypeVar("F", bound=Callable[..., Any])


class Job(BaseModel):
    """One piece of work. `class Capture(Job, kind="payment.capture"): payment_id: UUID`."""

    model_config = ConfigDict(frozen=True)
    kind: ClassVar[str]

    def __init_subclass__(cls, *, kind: str, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.kind = kind


class Retry(Exception):
    """Raised by a handler: not now; again after `after` seconds. Does not count as a failure."""

    def __init__(self, after: float, why: str) -> None:
        super().__init__(why)
        self.after = after
        self.why = why


def job(method: F) -> F:
    """Marks `async def handle(self, work: SomeJob) -> None` as the handler of SomeJob."""
    method.__job__ = True  # type: ignore[attr-defined]
    return method


def every(seconds: float) -> Callable[[F], F]:
    """Marks `async def sweep(self) -> None` to run every `seconds`, on one process of all that run."""

    def mark(method: F) -> F:
        method.__every__ = seconds  # type: ignore[attr-defined]
        return method

    return mark
