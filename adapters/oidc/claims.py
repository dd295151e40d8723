"""What a token's claims mean, once its signature has been checked."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hub.core.errors import Unauthenticated
from hub.people.identity import StaffIdentity

LEEWAY = 10.0
"""Seconds that the issuer's clock and ours may be apart."""
_LAST = 253402300799
"""The last second that a datetime can hold."""


def to_staff_identity(claims: Mapping[str, Any], roles: frozenset[str], id_token: str | None = None) -> StaffIdentity:
    return StaffIdentity(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        email=_text(claims, "email"),
        # Some providers write "true".
        email_verified=claims.get("email_verified") in (True, "true"),
        name=_text(claims, "name") or _text(claims, "preferred_username") or "",
        roles=roles,
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        id_token=id_token,
    )


def read_roles(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """The values of a dotted path ("realm_access.roles"), or of the claim that is called so ("https://…/roles").

    A list of texts, or one text with spaces or commas between its parts; anything else holds no roles.
    """
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    if found is None:
        found = claims.get(path)
    if isinstance(found, str):
        found = re.split(r"[\s,]+", found)
    return frozenset(one for one in found if isinstance(one, str) and one) if isinstance(found, list) else frozenset()


def check_times(claims: Mapping[str, Any], now: datetime) -> None:
    """Raises Unauthenticated `token_expired`, or `make_invalid_token_error` for one that is not in force yet or tells
    no time.
    """
    moment = now.timestamp()
    if not _is_time(claims.get("exp")):
        raise make_invalid_token_error()
    if moment >= claims["exp"] + LEEWAY:
        raise Unauthenticated("The token has expired.", code="token_expired")
    for name in ("iat", "nbf"):
        if name in claims and not (_is_time(claims[name]) and claims[name] <= moment + LEEWAY):
            raise make_invalid_token_error()


def make_invalid_token_error() -> Unauthenticated:
    """The same for every reason: a forger learns nothing from it."""
    return Unauthenticated("The token is not valid.", code="invalid_token")


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LAST


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and value else None
