"""Who people are to the hub, and what a sign-in gives them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from hub.people.identity.permissions import Role


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who has proved who they are."""

    id: UUID
    session_id: UUID | None = None
    roles: frozenset[Role] = frozenset({Role.TRAVELER})
    kind: Literal["customer", "staff", "service"] = "customer"


@dataclass(frozen=True, slots=True)
class Identity:
    """A traveller as an identity provider knows them. `id` is also the id of the customer."""

    id: UUID
    email: str
    name: str = ""
    phone: str | None = None
    verified: bool = False


@dataclass(frozen=True, slots=True)
class NewAccount:
    email: str
    password: str = field(repr=False)
    name: str = ""
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class SessionTokens:
    """What a sign-in gives: `access_token` for the Authorization header, `refresh_token` for the next pair.

    `expires_in` is the life of `access_token` in seconds.
    """

    customer_id: UUID
    session_id: UUID
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class ProofOutcome:
    """What came of a step. No grant: the address has to be confirmed first. No identity: there is nothing to tell."""

    identity: Identity | None = None
    tokens: SessionTokens | None = None


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A token that has been checked. `identity` is what it says of its owner, where it says anything.

    `session_started_at` is when its session began, or a later moment where the token does not tell.
    """

    caller: Caller
    expires_at: datetime
    identity: Identity | None = None
    session_started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignInResult:
    """A grant, and the secret by which this device is known next time."""

    tokens: SessionTokens
    device_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegistrationResult:
    """No sign-in: a letter is on its way.

    `registration_secret` shows later that a device is the one that registered.
    """

    registration_secret: str = field(repr=False)
    sign_in: SignInResult | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One device's stay. `current` marks the one that asks."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ip: str | None
    user_agent: str | None
    current: bool = False
