"""Access tokens: ours, whole, in time, and good through a rotation of keys."""

import asyncio
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_encode

from hub.core.clock import IdGenerator
from hub.core.db import Database
from hub.core.errors import Unauthenticated
from hub.core.sealing import SecretBox
from hub.people.identity.signing_keys import PUBLISH_AHEAD, VERIFY_OVERLAP, SigningKeyStore
from hub.people.identity.tokens import AccessTokenIssuer, TokenCache

ISSUER = "https://hub.example"


@dataclass
class Hand:
    """A clock that is moved by hand."""

    at: datetime = field(default_factory=lambda: datetime(2027, 3, 1, tzinfo=UTC))

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def move(self, by: timedelta) -> None:
        self.at += by


def with_hmac(token: str, secret: bytes, kid: str) -> str:
    """The old confusion: the public key, which all know, as the secret of an HMAC."""
    header = json.dumps({"alg": "HS256", "typ": "JWT", "kid": kid}).encode()
    signed = f"{base64url_encode(header).decode()}.{token.split('.')[1]}"
    return f"{signed}.{base64url_encode(hmac.digest(secret, signed.encode(), 'sha256')).decode()}"


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
async def keyring(db: Database, clock: Hand):
    found = SigningKeyStore(db, SecretBox(["s" * 32]), clock, IdGenerator(clock))
    yield found
    await found.close()


@pytest.fixture
def tokens(keyring: SigningKeyStore, clock: Hand) -> AccessTokenIssuer:
    return AccessTokenIssuer(keyring, clock, ISSUER)


async def test_a_token_says_who_and_ends_in_time(tokens: AccessTokenIssuer, clock: Hand):
    customer, session = uuid4(), uuid4()
    token = await tokens.issue_token(customer, session)
    reading = await tokens.read_token(token)
    assert (reading.caller.id, reading.caller.session_id) == (customer, session)
    clock.move(timedelta(minutes=15))
    with pytest.raises(Unauthenticated, match="expired"):
        await tokens.read_token(token)


async def test_a_token_is_ours_and_whole(tokens: AccessTokenIssuer, keyring: SigningKeyStore):
    token = await tokens.issue_token(uuid4(), uuid4())
    claims, key = jwt.decode(token, options={"verify_signature": False}), await keyring.get_signing_key()
    sign = lambda claims, private=key.private_key: jwt.encode(  # noqa: E731
        claims, private, algorithm="ES256", headers={"kid": key.kid}
    )
    public = key.private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for bad in (
        sign(claims, ec.generate_private_key(ec.SECP256R1())),
        sign(claims | {"aud": "another"}),
        sign(claims | {"iss": "https://evil.example"}),
        sign(claims | {"sub": "nobody"}),
        sign(claims | {"exp": "soon"}),
        sign({name: value for name, value in claims.items() if name != "exp"}),
        jwt.encode(claims, None, algorithm="none", headers={"kid": key.kid}),
        with_hmac(token, public, key.kid),
        jwt.encode(claims, key.private_key, algorithm="ES256"),
        token[:-4] + "AAAA",
        "é.é.é",
        "",
    ):
        with pytest.raises(Unauthenticated) as refused:
            await tokens.read_token(bad)
        assert refused.value.code == "invalid_token"


async def test_a_rotation_signs_nobody_out(tokens: AccessTokenIssuer, keyring: SigningKeyStore, clock: Hand):
    """Published at once, signing after a while; the old key is published until its last token has ended."""
    first = (await keyring.get_signing_key()).kid
    before = await tokens.issue_token(uuid4(), uuid4())
    second = await keyring.rotate_key()
    assert {one["kid"] for one in await keyring.list_public_jwks()} == {first, second}
    assert (await keyring.get_signing_key()).kid == first
    clock.move(PUBLISH_AHEAD + timedelta(minutes=1))
    fresh = SigningKeyStore(keyring._db, keyring._vault, clock, keyring._ids)
    assert (await fresh.get_signing_key()).kid == second
    assert {one["kid"] for one in await fresh.list_public_jwks()} == {first, second}
    clock.move(-timedelta(minutes=2))
    assert (await tokens.read_token(before)).caller.id
    clock.move(VERIFY_OVERLAP + timedelta(minutes=2))
    assert {one["kid"] for one in await fresh.list_public_jwks()} == {second}
    await fresh.close()


async def test_a_process_that_has_slept_through_a_rotation_does_not_sign_with_a_retired_key(
    tokens: AccessTokenIssuer, keyring: SigningKeyStore, clock: Hand
):
    await tokens.issue_token(uuid4(), uuid4())
    elsewhere = SigningKeyStore(keyring._db, keyring._vault, clock, keyring._ids)
    await elsewhere.rotate_key()
    clock.move(PUBLISH_AHEAD + VERIFY_OVERLAP + timedelta(hours=1))
    assert (await tokens.read_token(await tokens.issue_token(uuid4(), uuid4()))).caller.id
    await elsewhere.close()


async def test_another_process_reads_what_a_key_of_this_minute_signs(
    tokens: AccessTokenIssuer, keyring: SigningKeyStore, clock: Hand
):
    other = SigningKeyStore(keyring._db, keyring._vault, clock, keyring._ids)
    await other.public_keys.find_key((await keyring.get_signing_key()).kid, ("ES256",))
    await keyring.rotate_key(sign_at_once=True)
    token = await tokens.issue_token(uuid4(), uuid4())
    clock.move(timedelta(seconds=2))
    assert (await AccessTokenIssuer(other, clock, ISSUER).read_token(token)).caller.id
    await other.close()


async def test_processes_that_start_together_make_one_key(db: Database, clock: Hand):
    many = [SigningKeyStore(db, SecretBox(["s" * 32]), clock, IdGenerator(clock)) for _ in range(6)]
    kids = {key.kid for key in await asyncio.gather(*(one.get_signing_key() for one in many))}
    assert len(kids) == len(await many[0].list_keys()) == 1


async def test_with_another_secret_a_new_key_signs_and_old_tokens_are_still_read(
    tokens: AccessTokenIssuer, keyring: SigningKeyStore, db: Database, clock: Hand
):
    old = await tokens.issue_token(uuid4(), uuid4())
    moved = SigningKeyStore(db, SecretBox(["t" * 32]), clock, IdGenerator(clock))
    assert (await moved.get_signing_key()).kid != (await keyring.get_signing_key()).kid
    assert (await AccessTokenIssuer(moved, clock, ISSUER).read_token(old)).caller.id
    both = SigningKeyStore(db, SecretBox(["u" * 32, "t" * 32]), clock, IdGenerator(clock))
    assert (await both.get_signing_key()).kid == (await moved.get_signing_key()).kid
    await moved.close()


async def test_a_checked_token_is_remembered_for_a_minute_and_never_beyond_its_end(
    tokens: AccessTokenIssuer, clock: Hand
):
    checked, token = TokenCache(clock), await tokens.issue_token(uuid4(), uuid4())
    checked.put_token(token, await tokens.read_token(token))
    assert checked.get_token(token)
    clock.move(timedelta(seconds=61))
    assert checked.get_token(token) is None
    checked.put_token(token, await tokens.read_token(token))
    clock.move(timedelta(minutes=14))
    assert checked.get_token(token) is None


async def test_private_keys_are_not_readable_in_the_database(keyring: SigningKeyStore, db: Database):
    await keyring.get_signing_key()
    async with db.connection() as tx:
        row = await tx.fetchrow("select public_jwk, sealed from signing_keys")
    assert b"PRIVATE" not in row["sealed"]
    assert "d" not in row["public_jwk"]
