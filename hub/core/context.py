"""What a line of work is about, carried along with it: the call record, the logs and the audit read it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Context:
    """`actor` is `customer:<id>`, `staff:<id>`, `provider:<name>`, `job:<kind>` or `system`."""

    request_id: str | None = None
    booking_id: UUID | None = None
    actor: str = "system"
    ip: str | None = None
    user_agent: str | None = None
    behind_proxy: bool = False
    """`ip` is that of a proxy that the settings do not name: everybody's."""


_current: ContextVar[Context] = ContextVar("context", default=Context())  # noqa: B039 (frozen)


def current_context() -> Context:
    return _current.get()


@contextmanager
def bind_context(
    *,
    request_id: str | None = None,
    booking_id: UUID | None = None,
    actor: str | None = None,
    ip: str | None = None,
    user_agent: str | None = None,
    behind_proxy: bool | None = None,
) -> Iterator[Context]:
    """Everything done inside is recorded as part of this; what is not named stays as it was."""
    outer = _current.get()
    # Spelt out: this runs once or twice in every request, and dataclasses.replace is ten times as slow.
    inner = Context(
        request_id if request_id is not None else outer.request_id,
        booking_id if booking_id is not None else outer.booking_id,
        actor if actor is not None else outer.actor,
        ip if ip is not None else outer.ip,
        user_agent if user_agent is not None else outer.user_agent,
        behind_proxy if behind_proxy is not None else outer.behind_proxy,
    )
    token = _current.set(inner)
    try:
        yield inner
    finally:
        _current.reset(token)
