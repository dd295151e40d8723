"""The hub's own access tokens: short-lived JWTs, checked without the database."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt

from hub.core.clock import Clock
from hub.core.errors import Unauthenticated
from hub.people.identity.model import Caller, VerifiedToken
from hub.people.identity.signing_keys import SIGNING_ALGORITHM, SigningKeyStore, sign_claims

ACCESS_TOKEN_LIFETIME = timedelta(minutes=15)
AUDIENCE = "travel-hub"
_REQUIRED = {"require": ["exp", "iat", "sub", "sid", "iss"], "verify_exp": False, "verify_iat": False}


class AccessTokenIssuer:
    """ES256 under the hub's own key set. `issuer` is the hub's public address."""

    def __init__(self, keyring: SigningKeyStore, clock: Clock, issuer: str) -> None:
        self._keyring = keyring
        self._clock = clock
        self._issuer = issuer

    async def load_signing_key(self) -> None:
        """Before a transaction in which a token is issued: whoever holds a connection must not wait for another."""
        await self._keyring.get_signing_key()

    async def issue_token(self, customer_id: UUID, session_id: UUID) -> str:
        now = self._clock.now()
        claims = {
            "iss": self._issuer,
            "sub": str(customer_id),
            "sid": str(session_id),
            "aud": AUDIENCE,
            "role": "authenticated",
            "iat": int(now.timestamp()),
            "exp": int((now + ACCESS_TOKEN_LIFETIME).timestamp()),
        }
        return sign_claims(await self._keyring.get_signing_key(), claims)

    async def read_token(self, token: str) -> VerifiedToken:
        """Raises Unauthenticated for anything but a token of ours that has not expired."""
        key = await self._key(token)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[SIGNING_ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                options=_REQUIRED,  # type: ignore[arg-type]
            )
            caller = Caller(UUID(claims["sub"]), UUID(claims["sid"]))
            expires = datetime.fromtimestamp(int(claims["exp"]), UTC)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, AttributeError, OSError) as error:
            raise _refused() from error
        if expires <= self._clock.now():
            raise Unauthenticated("The access token has expired.", code="token_expired")
        return VerifiedToken(caller, expires)

    async def _key(self, token: str) -> jwt.PyJWK:
        """By the `kid` of the header; the algorithm of the header counts for nothing."""
        try:
            header: dict[str, Any] = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError) as error:
            raise _refused() from error
        kid = header.get("kid")
        if not isinstance(kid, str) or header.get("alg") != SIGNING_ALGORITHM:
            raise _refused()
        published = self._keyring.public_keys
        key = published.get_fresh_key(kid) or await published.find_key(kid, (SIGNING_ALGORITHM,))
        if key is None:
            raise _refused()
        return key


def _refused() -> Unauthenticated:
    return Unauthenticated("The access token is not valid.", code="invalid_token")


@dataclass(slots=True)
class _Seen:
    reading: VerifiedToken
    checked: float


class TokenCache:
    """Remembers for a minute which tokens have been found good: the same one comes with every request.

    Expiry is looked at each time. A key that is withdrawn counts for up to a minute more.
    """

    TTL = 60.0
    MAX_ENTRIES = 10_000

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    def get_token(self, token: str) -> VerifiedToken | None:
        found = self._seen.get(token)
        if found is None:
            return None
        if self._clock.monotonic() - found.checked > self.TTL or found.reading.expires_at <= self._clock.now():
            self._seen.pop(token, None)
            return None
        return found.reading

    def put_token(self, token: str, reading: VerifiedToken) -> None:
        if len(self._seen) >= self.MAX_ENTRIES:
            self._seen.pop(next(iter(self._seen)))
        self._seen[token] = _Seen(reading, self._clock.monotonic())
