"""Access tokens: signed with ES256 by the newest key of a JWKS, or with HS256 by the project's secret."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from sandbox.supabase.errors import make_unreadable

ALGORITHMS = ("ES256", "HS256")
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256."""
_WHY: dict[type[jwt.InvalidTokenError], str] = {
    jwt.InvalidSignatureError: "token signature is invalid: crypto/ecdsa: verification error",
    jwt.InvalidAlgorithmError: "token signature is invalid: signing method is invalid",
}


@dataclass(frozen=True, slots=True)
class SigningKey:
    kid: str
    private_key: ec.EllipticCurvePrivateKey

    @property
    def public_jwk(self) -> dict[str, Any]:
        numbers = ECAlgorithm.to_jwk(self.private_key.public_key(), as_dict=True)
        return numbers | {"kid": self.kid, "alg": "ES256", "use": "sig", "key_ops": ["verify"], "ext": True}


@dataclass(slots=True)
class SigningKeys:
    """The last of `keys` signs. They come from the seed: a reset changes none, and a sandbox keeps no secret."""

    seed: int
    secret: str
    algorithm: str = "ES256"
    keys: list[SigningKey] = field(default_factory=list)
    created_count: int = 0

    def __post_init__(self) -> None:
        self.rotate_keys()

    def rotate_keys(self) -> None:
        """A new key signs; the old ones stay published."""
        mark = hashlib.sha256(f"supabase:{self.seed}:{self.created_count}".encode()).digest()
        private = ec.derive_private_key(1 + int.from_bytes(mark) % (_ORDER - 1), ec.SECP256R1())
        key = SigningKey(str(UUID(bytes=hashlib.sha256(mark).digest()[:16], version=4)), private)
        self.keys.append(key)
        self.created_count += 1

    def drop_old_keys(self) -> None:
        del self.keys[:-1]

    @property
    def public_jwks(self) -> list[dict[str, Any]]:
        """Newest first; a project with a shared secret publishes nothing."""
        return [key.public_jwk for key in reversed(self.keys)] if self.algorithm == "ES256" else []

    def sign_token(self, claims: dict[str, Any]) -> str:
        if self.algorithm == "HS256":
            kid = b64encode(hashlib.sha256(self.secret.encode()).digest()[:12]).decode()
            return jwt.encode(claims, self.secret, "HS256", headers={"kid": kid})
        return jwt.encode(claims, self.keys[-1].private_key, "ES256", headers={"kid": self.keys[-1].kid})

    def read_token(self, token: str, now: datetime) -> dict[str, Any]:
        """The claims. Raises Refused with bad_jwt."""
        try:
            key, algorithm = self._key(jwt.get_unverified_header(token))
            options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
            claims: dict[str, Any] = jwt.decode(token, key, algorithms=[algorithm], options=options)
        except jwt.InvalidTokenError as error:
            raise make_unreadable(_WHY.get(type(error), "token is malformed")) from None
        expiry = claims.get("exp")
        if isinstance(expiry, int | float) and now.timestamp() >= expiry:
            raise make_unreadable("token has invalid claims: token is expired")
        return claims

    def _key(self, header: dict[str, Any]) -> tuple[Any, str]:
        """Chosen by kid, and the shared secret for HS256. The algorithm is the key's, whatever the token says."""
        kid, algorithm = header.get("kid"), header.get("alg")
        if self.algorithm == "ES256":
            for key in self.keys:
                if key.kid == kid:
                    return key.private_key.public_key(), "ES256"
        if algorithm == "HS256":
            return self.secret, "HS256"
        raise make_unreadable(f"token is unverifiable: unrecognized JWT kid {kid} for algorithm {algorithm}")
