import asyncio
import json
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from hub.core.errors import ProviderTransient, Unavailable
from hub.core.jwks import ASYMMETRIC_ALGORITHMS, JwksCache, parse_public_key
from hub.resilience.deadline import enforce_deadline, get_deadline
from tests.support.logs import logging_to_memory


class ManualClock:
    def __init__(self):
        self.at = 0.0

    def now(self):
        return datetime(2026, 6, 1, tzinfo=UTC)

    def monotonic(self):
        return self.at

    async def sleep(self, seconds):
        self.at += seconds


def published(kid, **more):
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return json.loads(ECAlgorithm.to_jwk(key)) | {"kid": kid, "use": "sig", "alg": "ES256"} | more


ONE, TWO, THREE = (published(name) for name in ("one", "two", "three"))
ES256 = ("ES256",)


class Issuer:
    """Counts how often it is asked; `gate` holds the answer back, `error` makes it fail."""

    def __init__(self):
        self.keys = [ONE]
        self.asked = 0
        self.deadlines = []
        self.error = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self):
        self.asked += 1
        self.deadlines.append(get_deadline())
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return list(self.keys)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def issuer():
    return Issuer()


@pytest.fixture
async def keys(issuer, clock):
    made = JwksCache(issuer, clock)
    yield made
    await made.close()


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def name(keys, kid, algorithms=ES256):
    found = await keys.find_key(kid, algorithms)
    return found and found.key_id


async def test_a_key_is_fetched_once_and_then_known(keys, issuer):
    assert keys.get_fresh_key("one") is None
    assert await name(keys, "one") == "one"
    assert keys.get_fresh_key("one").key_id == "one"
    assert await name(keys, "one") == "one"
    assert issuer.asked == 1


async def test_five_hundred_callers_are_one_fetch(keys, issuer):
    issuer.gate.clear()
    callers = [asyncio.create_task(name(keys, "one")) for _ in range(500)]
    await settle()
    issuer.gate.set()
    assert set(await asyncio.gather(*callers)) == {"one"}
    assert issuer.asked == 1


async def test_a_caller_that_leaves_fails_no_other(keys, issuer):
    issuer.gate.clear()
    first, second = (asyncio.create_task(name(keys, "one")) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    issuer.gate.set()
    assert await second == "one"
    assert first.cancelled()
    assert issuer.asked == 1


async def test_the_fetch_is_not_under_its_first_callers_deadline(keys, issuer, clock):
    async with enforce_deadline(clock, 1):
        await keys.find_key("one", ES256)
    assert issuer.deadlines == [None]


async def test_a_rotation_is_seen_at_once_and_the_next_one_too(keys, issuer):
    await keys.find_key("one", ES256)
    issuer.keys = [ONE, TWO]
    assert await name(keys, "two") == "two"
    issuer.keys = [TWO, THREE]
    assert await name(keys, "three") == "three"
    assert await name(keys, "one") is None
    assert issuer.asked == 4


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("fails", [False, True])
async def test_a_flood_of_made_up_kids_is_one_fetch_in_a_cooldown(keys, issuer, clock, warm, fails):
    if warm:
        await keys.find_key("one", ES256)
    issuer.asked, issuer.error = 0, OSError("away") if fails else None
    for wave in range(3):
        crowd = [name(keys, f"made-up-{wave}-{n}") for n in range(500)]
        found = await asyncio.gather(*crowd, return_exceptions=True)
        for n in range(500):
            found += await asyncio.gather(name(keys, f"again-{wave}-{n}"), return_exceptions=True)
        assert issuer.asked == wave + 1
        assert {type(one) for one in found} == {Unavailable if fails and not warm else type(None)}
        clock.at += 30.1


async def test_a_flood_that_hangs_up_is_one_fetch_too(keys, issuer):
    await keys.find_key("one", ES256)
    issuer.gate.clear()
    for n in range(100):
        caller = asyncio.create_task(name(keys, f"made-up-{n}"))
        await settle()
        caller.cancel()
    issuer.gate.set()
    await settle()
    assert await name(keys, "made-up-again") is None
    assert issuer.asked == 2


async def test_a_stale_key_is_served_while_the_set_is_fetched_behind_its_back(keys, issuer, clock):
    await keys.find_key("one", ES256)
    clock.at, issuer.keys = 601.0, [ONE, TWO]
    issuer.gate.clear()
    assert keys.get_fresh_key("one") is None
    assert await name(keys, "one") == "one"
    assert await name(keys, "one") == "one"
    issuer.gate.set()
    await settle()
    assert keys.get_fresh_key("two").key_id == "two"
    assert issuer.asked == 2


async def test_in_trouble_a_stale_key_is_asked_about_once_in_a_cooldown(keys, issuer, clock):
    await keys.find_key("one", ES256)
    clock.at, issuer.error = 601.0, OSError()
    for _ in range(100):
        assert await name(keys, "one") == "one"
        await settle()
    assert issuer.asked == 2


async def test_a_key_that_is_withdrawn_is_gone_after_its_life(keys, issuer, clock):
    await keys.find_key("one", ES256)
    issuer.keys = [TWO]
    clock.at = 601.0
    await keys.find_key("one", ES256)
    await settle()
    assert await name(keys, "one") is None


async def test_trouble_keeps_the_old_keys_and_is_said_once(keys, issuer, clock):
    with logging_to_memory() as lines:
        await keys.find_key("one", ES256)
        issuer.error = OSError("https://issuer.example?secret=s3cret")
        for _ in range(3):
            clock.at += 601
            assert await name(keys, "one") == "one"
            await settle()
        issuer.error = None
        clock.at += 601
        await keys.find_key("one", ES256)
        await settle()
    assert [one["event"] for one in lines.events] == ["jwks.refresh_failed", "jwks.refresh_recovered"]
    assert (lines.events[0]["error"], lines.events[0]["kept"]) == ("OSError", 1)
    assert "s3cret" not in lines.text
    assert issuer.asked == 5


async def test_without_any_keys_the_trouble_is_told_as_it_was(keys, issuer):
    issuer.error = ProviderTransient("issuer", "is away")
    for _ in range(2):
        with pytest.raises(ProviderTransient, match="is away"):
            await keys.find_key("one", ES256)
    assert issuer.asked == 1


async def test_it_is_asked_again_after_the_cooldown(keys, issuer, clock):
    issuer.error = OSError()
    with pytest.raises(Unavailable):
        await keys.find_key("one", ES256)
    issuer.error = None
    clock.at = 30.1
    assert await name(keys, "one") == "one"


async def test_patience_has_an_end(issuer, clock):
    issuer.gate.clear()
    keys = JwksCache(issuer, clock, timeout=0.01)
    with pytest.raises(Unavailable):
        await keys.find_key("one", ES256)


@pytest.mark.parametrize("answer", [None, "keys", {"keys": []}])
async def test_an_answer_that_is_no_list_is_trouble(keys, issuer, answer):
    async def nonsense():
        return answer

    keys = JwksCache(nonsense, ManualClock())
    with pytest.raises(Unavailable):
        await keys.find_key("one", ES256)


async def test_to_close_ends_the_fetch_and_the_waiting(keys, issuer):
    issuer.gate.clear()
    caller = asyncio.create_task(keys.find_key("one", ES256))
    await settle()
    await keys.close()
    with pytest.raises(Unavailable, match="shutting down"):
        await caller


async def test_without_a_name_only_the_single_key_that_fits(keys, issuer):
    issuer.keys = [ONE, published(None, use="enc")]
    assert await name(keys, None) == "one"
    issuer.keys = [ONE, TWO]
    assert await name(keys, "two") == "two"
    assert await name(keys, None) is None
    assert await name(keys, None, ("RS256",)) is None


async def test_a_key_serves_its_own_algorithm_alone(keys):
    assert await name(keys, "one", ("RS256", "ES384")) is None
    assert await name(keys, "one", ("RS256", "ES256")) == "one"


def documents():
    rsa_key = json.loads(RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048).public_key()))
    okp = json.loads(OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key()))
    plain = {name: value for name, value in ONE.items() if name not in {"use", "alg", "key_ops"}}
    return rsa_key | {"kid": "r"}, okp | {"kid": "o"}, plain


RSA, OKP, PLAIN = documents()


@pytest.mark.parametrize(
    ("document", "algorithm"),
    [
        (ONE, "ES256"),
        (RSA | {"use": "sig"}, "RS256"),
        (RSA | {"use": "sig", "alg": "PS256"}, "PS256"),
        (OKP | {"use": "sig", "alg": "EdDSA"}, "EdDSA"),
        (PLAIN | {"key_ops": ["verify"]}, "ES256"),
    ],
)
def test_what_is_published_for_signatures_is_used(document, algorithm):
    assert parse_public_key(document).algorithm_name == algorithm


@pytest.mark.parametrize(
    "document",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "h", "use": "sig", "alg": "HS256"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "h", "use": "sig", "alg": "ES256"},
        ONE | {"use": "enc"},
        ONE | {"use": None},
        PLAIN,
        PLAIN | {"key_ops": ["encrypt"]},
        ONE | {"alg": "HS256"},
        ONE | {"alg": "none"},
        ONE | {"alg": "RS256"},
        ONE | {"alg": ["ES256"]},
        ONE | {"crv": "P-999"},
        ONE | {"x": "?"},
        ONE | {"kid": 7},
        {name: value for name, value in ONE.items() if name != "kty"},
        "key",
    ],
)
def test_anything_else_is_dropped(document):
    assert parse_public_key(document) is None


@given(
    st.dictionaries(
        st.sampled_from([*ONE, *RSA, "k", "d", "key_ops"]),
        st.none()
        | st.sampled_from(["EC", "RSA", "OKP", "oct", "sig", *ASYMMETRIC_ALGORITHMS, "P-256"])
        | st.text(max_size=6),
    ),
    st.sampled_from([{}, ONE, RSA, OKP]),
)
def test_nothing_that_is_published_breaks_it(changes, base):
    key = parse_public_key({**base, **changes})
    assert key is None or (isinstance(key, jwt.PyJWK) and key.algorithm_name in ASYMMETRIC_ALGORITHMS)
