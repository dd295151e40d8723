"""What a line of work is about, carried along with it: the call record, the logs and the audit read it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Context:
    """`actor` is `customer:<id>`, `staff:<id>`, `provider:<name>`, `job:<kind>` or `system`."""

    request_id: str | None = None
    booking_id: UUID | None = None
    actor: str = "system"
    ip: str | None = None
    user_agent: str | None = None


_current: ContextVar[Context] = ContextVar("context", default=Context())  # noqa: B039 (frozen)


def current() -> Context:
    return _current.get()


@contextmanager
def about(
    *,
    request_id: str | None = None,
    booking_id: UUID | None = None,
    actor: str | None = None,
    ip: str | None = None,
    user_agent: str | None = None,
) -> Iterator[Context]:
    """Everything done inside is recorded as part of this; what is not named stays as it was."""
    given: dict[str, Any] = {
        "request_id": request_id,
        "booking_id": booking_id,
        "actor": actor,
        "ip": ip,
        "user_agent": user_agent,
    }
    inner = replace(_current.get(), **{name: value for name, value in given.items() if value is not None})
    token = _current.set(inner)
    try:
        yield inner
    finally:
        _current.reset(token)
