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

from hub.core.clock import Ids
from hub.core.db import Database
from hub.core.errors import Unauthenticated
from hub.core.sealing import Vault
from hub.people.identity.signing_keys import AHEAD, OUTLIVES, Keyring
from hub.people.identity.tokens import Checked, Tokens

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
    found = Keyring(db, Vault(["s" * 32]), clock, Ids(clock))
    yield found
    await found.close()


@pytest.fixture
def tokens(keyring: Keyring, clock: Hand) -> Tokens:
    return Tokens(keyring, clock, ISSUER)


async def test_a_token_says_who_and_ends_in_time(tokens: Tokens, clock: Hand):
    customer, session = uuid4(), uuid4()
    token = await tokens.issue(customer, session)
    reading = await tokens.read(token)
    assert (reading.caller.id, reading.caller.session_id) == (customer, session)
    clock.move(timedelta(minutes=15))
    with pytest.raises(Unauthenticated, match="expired"):
        await tokens.read(token)


async def test_a_token_is_ours_and_whole(tokens: Tokens, keyring: Keyring):
    token = await tokens.issue(uuid4(), uuid4())
    claims, key = jwt.decode(token, options={"verify_signature": False}), await keyring.signer()
    sign = lambda claims, private=key.private: jwt.encode(  # noqa: E731
        claims, private, algorithm="ES256", headers={"kid": key.kid}
    )
    public = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for bad in (
        sign(claims, ec.generate_private_key(ec.SECP256R1())),
        sign(claims | {"aud": "another"}),
        sign(claims | {"iss": "https://evil.example"}),
        sign(claims | {"sub": "nobody"}),
        sign(claims | {"exp": "soon"}),
        sign({name: value for name, value in claims.items() if name != "exp"}),
        jwt.encode(claims, None, algorithm="none", headers={"kid": key.kid}),
        with_hmac(token, public, key.kid),
        jwt.encode(claims, key.private, algorithm="ES256"),
        token[:-4] + "AAAA",
        "é.é.é",
        "",
    ):
        with pytest.raises(Unauthenticated) as refused:
            await tokens.read(bad)
        assert refused.value.code == "invalid_token"


async def test_a_rotation_signs_nobody_out(tokens: Tokens, keyring: Keyring, clock: Hand):
    """Published at once, signing after a while; the old key is published until its last token has ended."""
    first = (await keyring.signer()).kid
    before = await tokens.issue(uuid4(), uuid4())
    second = await keyring.rotate()
    assert {one["kid"] for one in await keyring.jwks()} == {first, second}
    assert (await keyring.signer()).kid == first
    clock.move(AHEAD + timedelta(minutes=1))
    fresh = Keyring(keyring._db, keyring._vault, clock, keyring._ids)
    assert (await fresh.signer()).kid == second
    assert {one["kid"] for one in await fresh.jwks()} == {first, second}
    clock.move(-timedelta(minutes=2))
    assert (await tokens.read(before)).caller.id
    clock.move(OUTLIVES + timedelta(minutes=2))
    assert {one["kid"] for one in await fresh.jwks()} == {second}
    await fresh.close()


async def test_a_process_that_has_slept_through_a_rotation_does_not_sign_with_a_retired_key(
    tokens: Tokens, keyring: Keyring, clock: Hand
):
    await tokens.issue(uuid4(), uuid4())
    elsewhere = Keyring(keyring._db, keyring._vault, clock, keyring._ids)
    await elsewhere.rotate()
    clock.move(AHEAD + OUTLIVES + timedelta(hours=1))
    assert (await tokens.read(await tokens.issue(uuid4(), uuid4()))).caller.id
    await elsewhere.close()


async def test_another_process_reads_what_a_key_of_this_minute_signs(tokens: Tokens, keyring: Keyring, clock: Hand):
    other = Keyring(keyring._db, keyring._vault, clock, keyring._ids)
    await other.published.find((await keyring.signer()).kid, ("ES256",))
    await keyring.rotate(now=True)
    token = await tokens.issue(uuid4(), uuid4())
    clock.move(timedelta(seconds=2))
    assert (await Tokens(other, clock, ISSUER).read(token)).caller.id
    await other.close()


async def test_processes_that_start_together_make_one_key(db: Database, clock: Hand):
    many = [Keyring(db, Vault(["s" * 32]), clock, Ids(clock)) for _ in range(6)]
    kids = {key.kid for key in await asyncio.gather(*(one.signer() for one in many))}
    assert len(kids) == len(await many[0].listed()) == 1


async def test_with_another_secret_a_new_key_signs_and_old_tokens_are_still_read(
    tokens: Tokens, keyring: Keyring, db: Database, clock: Hand
):
    old = await tokens.issue(uuid4(), uuid4())
    moved = Keyring(db, Vault(["t" * 32]), clock, Ids(clock))
    assert (await moved.signer()).kid != (await keyring.signer()).kid
    assert (await Tokens(moved, clock, ISSUER).read(old)).caller.id
    both = Keyring(db, Vault(["u" * 32, "t" * 32]), clock, Ids(clock))
    assert (await both.signer()).kid == (await moved.signer()).kid
    await moved.close()


async def test_a_checked_token_is_remembered_for_a_minute_and_never_beyond_its_end(tokens: Tokens, clock: Hand):
    checked, token = Checked(clock), await tokens.issue(uuid4(), uuid4())
    checked.keep(token, await tokens.read(token))
    assert checked.get(token)
    clock.move(timedelta(seconds=61))
    assert checked.get(token) is None
    checked.keep(token, await tokens.read(token))
    clock.move(timedelta(minutes=14))
    assert checked.get(token) is None


async def test_private_keys_are_not_readable_in_the_database(keyring: Keyring, db: Database):
    await keyring.signer()
    async with db.connection() as tx:
        row = await tx.fetchrow("select public_jwk, sealed from signing_keys")
    assert b"PRIVATE" not in row["sealed"]
    assert "d" not in row["public_jwk"]
