"""Supabase's access tokens, checked without asking Supabase."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt

from hub.core.clock import Clock
from hub.core.errors import Unauthenticated
from hub.core.jwks import JwksCache
from hub.core.person_names import clean_person_name
from hub.people.identity import Caller, Identity, VerifiedToken

PUBLISHED_ALGORITHMS = ("ES256", "RS256", "EdDSA")
LEEWAY = 10
"""Seconds that their clock and ours may differ."""
MAX_TOKEN_LENGTH = 16_384
"""Characters of a token."""
LINK_LIFE = timedelta(hours=1)
"""How long a session that a link has opened stands for the link."""
_BY_LETTER = frozenset({"otp", "magiclink", "recovery", "invite", "email/signup", "email_change"})
"""Methods (`amr`) of a session that began with a letter."""
_UNCHECKED: Any = {
    "require": ["exp", "iat", "sub", "iss", "aud"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "enforce_minimum_key_length": True,
}


class TokenVerifier:
    """`secret` is for projects that still sign with HS256; keys of the published set never check an HMAC."""

    def __init__(self, keys: JwksCache, *, issuer: str, audience: str, secret: str | None, clock: Clock) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._secret = secret
        self._clock = clock

    async def read_token(self, token: str) -> VerifiedToken:
        """Raises Unauthenticated `invalid_token`, `token_expired`; ProviderError while no key has ever been had."""
        return (await self._read(token))[0]

    async def read_link_session(self, token: str) -> VerifiedToken:
        """`read_token` of a session that a link in a letter has just opened. Raises Unauthenticated for any other."""
        reading, claims = await self._read(token)
        began_at = reading.session_started_at
        is_recent = began_at is not None and self._clock.now() - began_at < LINK_LIFE
        if reading.caller.session_id is None or not is_recent or not _methods(claims) <= _BY_LETTER:
            raise _refused()
        return reading

    async def _read(self, token: str) -> tuple[VerifiedToken, Mapping[str, Any]]:
        if len(token) > MAX_TOKEN_LENGTH:
            raise _refused()
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise _refused() from None
        key, algorithms = await self._key(header)
        try:
            claims = jwt.decode(
                token, key, algorithms=algorithms, audience=self._audience, issuer=self._issuer, options=_UNCHECKED
            )
            return self._reading(claims), claims
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError):
            raise _refused() from None

    async def _key(self, header: Mapping[str, Any]) -> tuple[Any, tuple[str, ...]]:
        """The key and the one algorithm that goes with it."""
        kid, algorithm = header.get("kid"), header.get("alg")
        if algorithm == "HS256" and self._secret is not None:
            return self._secret, ("HS256",)
        if algorithm not in PUBLISHED_ALGORITHMS or not isinstance(kid, str | None):
            raise _refused()
        key = self._keys.get_fresh_key(kid) or await self._keys.find_key(kid, PUBLISHED_ALGORITHMS)
        if key is None or key.algorithm_name != algorithm:
            raise _refused()
        return key, (key.algorithm_name,)

    def _reading(self, claims: Mapping[str, Any]) -> VerifiedToken:
        now = self._clock.now().timestamp()
        expires = float(claims["exp"])
        if now >= expires + LEEWAY:
            raise Unauthenticated("The access token has expired.", code="token_expired")
        if float(claims["iat"]) > now + LEEWAY or claims.get("role") != "authenticated" or claims.get("is_anonymous"):
            raise ValueError("not in force, or of nobody")
        customer = UUID(claims["sub"])
        session = UUID(claims["session_id"]) if claims.get("session_id") else None
        until, identity = datetime.fromtimestamp(expires, UTC), to_identity(customer, claims)
        return VerifiedToken(Caller(customer, session), until, identity, _beginning(claims))


def _proofs(claims: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = claims.get("amr")
    return [proof for proof in listed if isinstance(proof, Mapping)] if isinstance(listed, list) else []


def _methods(claims: Mapping[str, Any]) -> frozenset[str]:
    """How the session was begun. A token that does not tell has been begun by nothing that is known."""
    return frozenset(str(proof.get("method")) for proof in _proofs(claims)) or frozenset({""})


def _beginning(claims: Mapping[str, Any]) -> datetime:
    """When the session began, by its first proof (`amr`). A token without one is as old as its session at most."""
    numbers = [proof["timestamp"] for proof in _proofs(claims) if isinstance(proof.get("timestamp"), int | float)]
    return datetime.fromtimestamp(float(min(numbers, default=claims["iat"])), UTC)


def to_identity(customer: UUID, claims: Mapping[str, Any]) -> Identity:
    """Of claims, or of a user as the API shows one. What users say of themselves is text and no more."""
    said = claims.get("user_metadata")
    said = said if isinstance(said, Mapping) else {}
    name = next((one for one in (said.get("name"), said.get("full_name")) if isinstance(one, str)), "")
    phone = next((one for one in (said.get("phone"), claims.get("phone")) if isinstance(one, str) and one), None)
    verified = bool(claims.get("email_confirmed_at")) or said.get("email_verified") is True
    return Identity(customer, str(claims.get("email") or ""), clean_person_name(name), phone and phone[:40], verified)


def _refused() -> Unauthenticated:
    return Unauthenticated("The access token is not valid.", code="invalid_token")
