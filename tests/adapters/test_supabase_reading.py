"""Supabase's tokens, checked here: theirs, whole, in time, and by the one algorithm that goes with the key."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from adapters.supabase.tokens import TokenVerifier
from hub.core.errors import Unauthenticated
from hub.core.jwks import JwksCache

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
ISSUER, SECRET = "https://project.supabase.co/auth/v1", "project-secret-of-at-least-32-characters"
KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


class Clock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


async def published() -> list[dict[str, Any]]:
    public = ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    return [public | {"kid": "k1", "alg": "ES256", "use": "sig"}]


def claims(**more: Any) -> dict[str, Any]:
    stamp = int(NOW.timestamp())
    return {
        "iss": ISSUER, "aud": "authenticated", "sub": str(uuid4()), "session_id": str(uuid4()), "exp": stamp + 3600,
        "iat": stamp, "role": "authenticated", "email": "ada@example.com",
        "user_metadata": {"name": "Ada", "email_verified": True}, "is_anonymous": False,
    } | more  # fmt: skip


def signed(said: dict[str, Any], key: Any = KEY, algorithm: str = "ES256", kid: str = "k1") -> str:
    return jwt.encode(said, key, algorithm=algorithm, headers={"kid": kid})


@pytest.fixture
def tokens() -> Callable[..., TokenVerifier]:
    def made(secret: str | None = None) -> TokenVerifier:
        keys = JwksCache(published, Clock())
        return TokenVerifier(keys, issuer=ISSUER, audience="authenticated", secret=secret, clock=Clock())

    return made


async def test_a_token_tells_who_and_what_they_said_of_themselves(tokens):
    said = claims()
    reading = await tokens().read_token(signed(said))
    assert (str(reading.caller.id), str(reading.caller.session_id)) == (said["sub"], said["session_id"])
    assert (reading.identity.email, reading.identity.name, reading.identity.verified) == (
        "ada@example.com",
        "Ada",
        True,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://other.supabase.co/auth/v1"}, {"aud": "anon"}, {"role": "service_role"}, {"sub": "x"},
        {"session_id": "x"}, {"is_anonymous": True}, {"exp": "soon"}, {"role": None},
        {"iat": int(NOW.timestamp()) + 60},
    ],
    ids=str,
)  # fmt: skip
async def test_a_token_for_something_else_is_refused(tokens, wrong):
    with pytest.raises(Unauthenticated) as refused:
        await tokens().read_token(signed(claims(**wrong)))
    assert refused.value.code == "invalid_token"


async def test_a_token_of_another_key_or_algorithm_is_refused(tokens):
    secret = tokens(SECRET)
    public = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for bad in (
        signed(claims(), OTHER),
        signed(claims(), KEY, kid="k2"),
        signed(claims(), "another secret of at least 32 characters", "HS256"),
        signed(claims(), public.hex(), "HS256"),
        jwt.encode(claims(), None, algorithm="none"),
        "a.b.c",
        "x" * 20_000,
    ):
        for reader in (tokens(), secret):
            with pytest.raises(Unauthenticated):
                await reader.read_token(bad)


async def test_a_legacy_project_signs_with_its_secret_and_no_other_project_may(tokens):
    token = signed(claims(), SECRET, "HS256")
    assert await tokens(SECRET).read_token(token)
    with pytest.raises(Unauthenticated):
        await tokens().read_token(token)


async def test_expiry_is_by_our_clock_with_ten_seconds_of_grace(tokens):
    stamp = int(NOW.timestamp())
    assert await tokens().read_token(signed(claims(exp=stamp - 9)))
    with pytest.raises(Unauthenticated) as refused:
        await tokens().read_token(signed(claims(exp=stamp - 10)))
    assert refused.value.code == "token_expired"
