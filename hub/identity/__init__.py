"""Who is calling, and how they prove it."""

from hub.identity.model import Caller, Grant, Identity, NewAccount, Outcome, Reading, Registered, Session, SignedIn
from hub.identity.permissions import Permission, Role
from hub.identity.provider import IdentityProvider, Proof
from hub.identity.work import WriteLetter

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
