"""What has happened around an account, in words for its owner."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

_WORDS = {
    "session.started": "Signed in",
    "session.refused": "Sign-in refused",
    "session.ended": "Signed out",
    "session.all_ended": "Signed out everywhere",
    "customer.registered": "Account opened",
    "customer.changed": "Profile changed",
    "customer.exported": "Data exported",
    "customer.erased": "Account erased",
    "customer.forgotten": "Account erased at a provider",
}


@dataclass(frozen=True, slots=True)
class ActivityEntry:
    """One act. A `visitor` was not signed in. `ip` and `user_agent` are None where staff or the hub acted."""

    at: datetime
    what: str
    action: str
    by: Literal["you", "visitor", "staff", "hub"]
    booking_id: UUID | None
    ip: str | None
    user_agent: str | None
    data: dict[str, Any]


def describe_action(action: str) -> str:
    """`payment.partially_refunded` is `Payment partially refunded`, unless there are better words."""
    return _WORDS.get(action) or action.replace(".", " ").replace("_", " ").capitalize()
