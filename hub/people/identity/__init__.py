"""Who is calling, and how they prove it."""

from hub.people.identity.jobs import WriteLetter
from hub.people.identity.model import (
    Caller,
    Grant,
    Identity,
    NewAccount,
    Outcome,
    Reading,
    Registered,
    Session,
    SignedIn,
)
from hub.people.identity.permissions import Permission, Role
from hub.people.identity.provider import IdentityProvider, Proof

__all__ = [
    "Caller",
    "Grant",
    "Identity",
    "IdentityProvider",
    "NewAccount",
    "Outcome",
    "Permission",
    "Proof",
    "Reading",
    "Registered",
    "Role",
    "Session",
    "SignedIn",
    "WriteLetter",
]
