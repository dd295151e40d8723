"""What the provider knows: its people, its clients, its keys, and who is signed in."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from sandbox.state import SandboxState
from sandbox.tables import TrackedTable

CODE_LIFE = timedelta(seconds=60)
TOKEN_LIFE = timedelta(minutes=5)
REFRESH_LIFE = timedelta(hours=8)
API_AUDIENCE = "travel-hub-api"
"""The audience of access tokens."""
ROLES_CLAIM = "https://travel-hub.example/roles"
"""The claim in which Auth0's customers put roles; Keycloak's is realm_access.roles."""


@dataclass(frozen=True, slots=True)
class Person:
    username: str
    name: str
    role: str | None

    @property
    def sub(self) -> str:
        return str(uuid5(NAMESPACE_URL, f"https://travel-hub.example/staff/{self.username}"))

    @property
    def claims(self) -> dict[str, Any]:
        """Roles in both styles; Keycloak adds roles of its own to everybody's."""
        given, _, family = self.name.partition(" ")
        roles = [self.role] if self.role else []
        return {
            "sub": self.sub,
            "name": self.name,
            "given_name": given,
            "family_name": family,
            "preferred_username": self.username,
            "email": f"{self.username}@travel-hub.example",
            "email_verified": True,
            "realm_access": {"roles": ["offline_access", *roles]},
            ROLES_CLAIM: roles,
        }


PEOPLE = {
    one.username: one
    for one in (
        Person("mona.manager", "Mona Manager", "manager"),
        Person("adam.admin", "Adam Admin", "admin"),
        Person("stella.staff", "Stella Staff", "staff"),
        Person("axel.accountant", "Axel Accountant", "accountant"),
        Person("nadia.nobody", "Nadia Nobody", None),
    )
}


@dataclass(slots=True)
class OidcSession:
    """One sign-in. `refresh_token` is the only refresh token that is still good."""

    sid: str
    person: Person
    client_id: str
    scope: str
    auth_time: int
    refresh_token: str = ""
    has_ended: bool = False


@dataclass(slots=True)
class AuthorizationCode:
    sid: str
    redirect_uri: str
    code_challenge: str
    nonce: str | None
    expires_at: datetime
    is_used: bool = False


@dataclass(frozen=True, slots=True)
class IssuedRefreshToken:
    """A refresh token that was given, of the session `sid`."""

    sid: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SigningKey:
    kid: str
    algorithm: str
    private_key: Any = field(repr=False)
    public_jwk: dict[str, Any]


@dataclass(slots=True)
class OidcState:
    """The last of `keys` signs; all of them are published."""

    keys: list[SigningKey]
    codes: TrackedTable[str, AuthorizationCode] = field(default_factory=TrackedTable)
    sessions: TrackedTable[str, OidcSession] = field(default_factory=TrackedTable)
    refresh_tokens: TrackedTable[str, IssuedRefreshToken] = field(default_factory=TrackedTable)


def get_oidc_state(world: SandboxState) -> OidcState:
    return world.get_state("oidc", OidcState)


def get_issuer(world: SandboxState) -> str:
    return f"{world.config.public_base.rstrip('/')}/oidc"


def get_clients(world: SandboxState) -> dict[str, str | None]:
    """Client ids and their secrets: one for a server, one without a secret as a program on somebody's desk has it."""
    config = world.config
    return {config.oidc_client_id: config.oidc_client_secret, f"{config.oidc_client_id}-public": None}


_MAKERS: dict[str, Callable[[], Any]] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}
ALGORITHMS = tuple(_MAKERS)
_WRITERS: dict[str, Callable[[Any], Any]] = {
    "ES256": ECAlgorithm.to_jwk,
    "RS256": RSAAlgorithm.to_jwk,
    "EdDSA": OKPAlgorithm.to_jwk,
}


def create_key(algorithm: str) -> SigningKey:
    """Named after what it is, so that no other key ever has its name."""
    private = _MAKERS[algorithm]()
    document = json.loads(_WRITERS[algorithm](private.public_key()))
    document.pop("key_ops", None)
    kid = encode_base64url(hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()[:16])
    return SigningKey(kid, algorithm, private, {**document, "kid": kid, "use": "sig", "alg": algorithm})


def sign_token(state: OidcState, claims: dict[str, Any], kind: str = "JWT") -> str:
    key = state.keys[-1]
    return jwt.encode(claims, key.private_key, algorithm=key.algorithm, headers={"kid": key.kid, "typ": kind})


def read_token(state: OidcState, token: str) -> dict[str, Any] | None:
    """The claims of a token of ours, whatever their time; None for any other."""
    try:
        header = jwt.get_unverified_header(token)
        key = next(one for one in state.keys if one.kid == header.get("kid"))
        options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
        found: dict[str, Any] = jwt.decode(
            token, jwt.PyJWK(key.public_jwk), algorithms=[key.algorithm], options=options
        )
    except (jwt.PyJWTError, StopIteration, UnicodeError):
        return None
    return found


def encode_base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def is_registered(world: SandboxState, url: str, path: str) -> bool:
    """Whether the client may be sent back there: below the hub's `path`, or anywhere on this machine over HTTP."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    if parts.fragment or "#" in url or parts.username is not None or not url.isascii() or not url.isprintable():
        return False
    if "\\" in url or any(one in {"..", "."} for one in parts.path.split("/")):
        return False
    if parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}:
        return True
    base = world.config.callback_base.rstrip("/") + path
    return url == base or url.startswith((base.rstrip("/") + "/", base + "?"))
