"""Tokens and answers that are not what they should be, of an issuer that signs what it is told."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from adapters.oidc.claims import read_roles
from adapters.oidc.discovery import DiscoveryCache
from hub.core.errors import ProviderError, ProviderPermanent, ProviderTransient, Unauthenticated
from tests.adapters.oidc_issuer import BACK, SIGN_IN, VERIFIER, Clock, Issuer, connected


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def records():
    return []


@pytest.fixture
async def issuer():
    made, app = Issuer(), web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    async with TestServer(app) as server:
        made.base = str(server.make_url("")).rstrip("/")
        yield made


@pytest.fixture
async def told(issuer, clock, records):
    async with connected(clock, records, issuer.base) as made:
        yield made


async def test_a_token_of_that_issuer_is_good(told, issuer):
    assert (await told.read_token(issuer.bearer())).roles == {"admin"}
    assert (
        await told.read_token(issuer.bearer(headers={"typ": "at+JWT"}, aud=["other", "travel-hub-api"]))
    ).subject == "u1"


NOW = datetime.now(UTC).timestamp()


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "travel-hub"},
        {"aud": ...},
        {"aud": []},
        {"iss": "https://evil.example"},
        {"iss": ...},
        {"sub": ...},
        {"sub": 7},
        {"exp": ...},
        {"exp": "never"},
        {"exp": True},
        {"exp": 1e300},
        {"iat": ...},
        {"iat": NOW + 600},
        {"nbf": NOW + 600},
        {"nbf": "soon"},
        {"typ": "ID"},
        {"at_hash": "x"},
        {"headers": {"typ": "logout+jwt"}},
        {"headers": {"kid": "unknown"}},
        {"headers": {"crit": ["b64"], "b64": True}},
    ],
)
async def test_a_token_that_is_not_for_here_is_refused(told, issuer, wrong):
    with pytest.raises(Unauthenticated) as refused:
        await told.read_token(issuer.bearer(**wrong))
    assert refused.value.code == "invalid_token"


@pytest.mark.parametrize("aud", [None, "", [], ..., "travel-hub", "travel-hub-api"])
async def test_without_an_audience_no_token_is_taken(issuer, clock, records, aud):
    async with connected(clock, records, issuer.base, audience=None) as provider:
        with pytest.raises(Unauthenticated):
            await provider.read_token(issuer.bearer(aud=aud))


def unsigned(header, claims):
    parts = (json.dumps(one).encode() for one in (header, claims))
    return ".".join(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in parts)


def pem(key):
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


async def test_no_signature_is_no_signature(told, issuer):
    claims = issuer.claims(aud="travel-hub-api")
    for alg in ("none", "None", "NONE", "", None):
        with pytest.raises(Unauthenticated):
            await told.read_token(unsigned({"alg": alg, "kid": "k"}, claims) + ".")


async def test_the_public_key_is_no_shared_secret(told, issuer):
    """Algorithm confusion: what everybody can read must not sign."""
    claims = issuer.claims(aud="travel-hub-api")
    for secret in (pem(issuer.key.public_key()), json.dumps(issuer.public).encode(), b""):
        for alg in ("HS256", "ES256"):
            text = unsigned({"alg": alg, "kid": "k", "typ": "JWT"}, claims)
            mark = hmac.digest(secret, text.encode(), "sha256")
            with pytest.raises(Unauthenticated):
                await told.read_token(f"{text}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}")


async def test_a_published_secret_is_no_key(told, issuer):
    secret = b"s" * 32
    public = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    issuer.public = {"kty": "oct", "k": public, "kid": "k", "use": "sig", "alg": "HS256"}
    token = jwt.encode(issuer.claims(aud="travel-hub-api"), secret, algorithm="HS256", headers={"kid": "k"})
    with pytest.raises(Unauthenticated):
        await told.read_token(token)


async def test_another_key_of_the_same_name_signs_nothing(told, issuer):
    for key, alg in (
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (rsa.generate_private_key(65537, 2048), "RS256"),
    ):
        token = jwt.encode(issuer.claims(aud="travel-hub-api"), key, algorithm=alg, headers={"kid": "k"})
        with pytest.raises(Unauthenticated):
            await told.read_token(token)


async def test_a_key_in_the_header_is_not_looked_at(told, issuer):
    mine = ec.generate_private_key(ec.SECP256R1())
    jwk = json.loads(ECAlgorithm.to_jwk(mine.public_key()))
    for headers in ({"jwk": jwk}, {"kid": "mine", "jku": "http://127.0.0.1:9/"}, {"kid": "k", "jwk": jwk}):
        token = jwt.encode(issuer.claims(aud="travel-hub-api"), mine, algorithm="ES256", headers=headers)
        with pytest.raises(Unauthenticated):
            await told.read_token(token)


async def test_a_weak_key_is_no_key(told, issuer, recwarn):
    weak = rsa.generate_private_key(65537, 1024)
    issuer.public = json.loads(RSAAlgorithm.to_jwk(weak.public_key())) | {"kid": "k", "use": "sig"}
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = jwt.encode(issuer.claims(aud="travel-hub-api"), weak, algorithm="RS256", headers={"kid": "k"})
    with pytest.raises(Unauthenticated):
        await told.read_token(token)


@pytest.mark.parametrize("nonsense", ["", "a.b.c", "x" * 20_000, "\udcff", "..", "e30.e30.e30", "[" * 9000 + ".."])
async def test_what_is_no_token_is_refused_without_asking(told, issuer, nonsense):
    with pytest.raises(Unauthenticated):
        await told.read_token(nonsense)
    nested = base64.urlsafe_b64encode(b"[" * 8000).decode()
    with pytest.raises(Unauthenticated):
        await told.read_token(f"{nested}.e30.e30")
    assert issuer.asked == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": ...},
        {"nonce": "n2"},
        {"nonce": 1},
        {"aud": "other"},
        {"aud": ["travel-hub", "other"]},
        {"aud": ["travel-hub", "other"], "azp": "other"},
        {"azp": "other"},
        {"at_hash": "AAAA"},
        {"iss": "https://evil.example"},
        {"exp": NOW - 60},
    ],
)
async def test_an_id_token_for_somebody_else_is_refused(told, issuer, wrong):
    issuer.tokens = {"id_token": issuer.sign(**wrong), "access_token": "opaque"}
    with pytest.raises(Unauthenticated):
        await told.exchange_code("c", **SIGN_IN)


async def test_an_id_token_for_several_names_this_client(told, issuer):
    issuer.tokens = {"id_token": issuer.sign(aud=["travel-hub", "other"], azp="travel-hub"), "access_token": "opaque"}
    person = await told.exchange_code("c", **SIGN_IN)
    assert (person.subject, person.email, person.email_verified, person.name) == ("u1", None, False, "")
    assert person.roles == frozenset()


async def test_roles_that_are_in_the_access_token_alone(told, issuer):
    """As Keycloak does it out of the box."""
    issuer.tokens = {"id_token": issuer.sign(), "access_token": issuer.bearer(aud="account")}
    assert (await told.exchange_code("c", **SIGN_IN)).roles == {"admin"}
    issuer.tokens["access_token"] = issuer.bearer(sub="u2")
    assert (await told.exchange_code("c", **SIGN_IN)).roles == frozenset()
    for forged in (issuer.bearer()[:-6] + "AAAAAA", issuer.bearer(headers={"kid": "unknown"})):
        issuer.tokens["access_token"] = forged
        assert (await told.exchange_code("c", **SIGN_IN)).roles == frozenset()


@pytest.mark.parametrize(("methods", "posts"), [(["client_secret_post", "client_secret_basic"], True), (..., False)])
async def test_the_secret_goes_the_way_the_issuer_wants_it(issuer, clock, records, methods, posts):
    issuer.document = {"token_endpoint_auth_methods_supported": methods}
    issuer.tokens = {"id_token": issuer.sign(aud="a:b")}
    async with connected(clock, records, issuer.base, client_id="a:b", client_secret="s/ü") as provider:
        await provider.exchange_code("c", **SIGN_IN)
    path, headers, form = issuer.asked[1]
    assert (path, form["code_verifier"], form.get("client_secret")) == ("/t", VERIFIER, "s/ü" if posts else None)
    basic = "Basic " + base64.b64encode(b"a%3Ab:s%2F%C3%BC").decode()
    assert headers.get("Authorization") == (None if posts else basic)


@pytest.mark.parametrize(
    ("status", "answer", "kind", "code"),
    [
        (400, {"error": "invalid_grant"}, Unauthenticated, "sign_in_failed"),
        (403, {"error": "invalid_grant"}, Unauthenticated, "sign_in_failed"),
        (400, {"error": "unauthorized_client"}, ProviderPermanent, "provider_refused"),
        (400, {"error": "A person's name"}, ProviderPermanent, "provider_refused"),
        (400, [], ProviderPermanent, "provider_refused"),
        (302, {}, ProviderPermanent, "provider_refused"),
        (429, {}, ProviderTransient, "provider_unavailable"),
        (500, {"error": "invalid_grant"}, ProviderTransient, "provider_unavailable"),
        (200, {}, ProviderPermanent, "provider_refused"),
        (200, {"id_token": 7}, ProviderPermanent, "provider_refused"),
        (200, ["no object"], ProviderTransient, "provider_unavailable"),
    ],
)
async def test_what_the_token_endpoint_may_say(told, issuer, status, answer, kind, code):  # noqa: PLR0917
    issuer.status, issuer.tokens = status, answer
    with pytest.raises(kind) as raised:
        await told.exchange_code("c", **SIGN_IN)
    assert (type(raised.value), raised.value.code) == (kind, code)
    assert "person" not in str(raised.value.__dict__)
    assert [path for path, _, _ in issuer.asked].count("/t") == 1


async def test_the_question_is_added_to_an_address_that_has_one(told, issuer):
    url = await told.build_sign_in_url(BACK, state="s1", nonce="n1", verifier=VERIFIER)
    question = dict(parse_qsl(urlsplit(url).query))
    assert url.startswith(f"{issuer.base}/a?x=1&")
    assert (question["scope"], question["code_challenge_method"]) == ("openid profile email", "S256")
    assert VERIFIER not in url


async def test_a_provider_without_a_way_out(told):
    assert await told.build_sign_out_url("hint", BACK) is None


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"issuer": "https://evil.example"}, ProviderPermanent),
        ({"issuer": ...}, ProviderPermanent),
        ({"token_endpoint": ...}, ProviderPermanent),
        ({"token_endpoint": "ftp://x"}, ProviderPermanent),
        ({"jwks_uri": "http://[::1"}, ProviderPermanent),
        ({"authorization_endpoint": ["x"]}, ProviderPermanent),
    ],
)
async def test_a_document_that_does_not_fit_is_refused(told, issuer, document, kind):
    issuer.document = document
    with pytest.raises(kind):
        await told.build_sign_in_url(BACK, state="s1", nonce="n1", verifier=VERIFIER)
    with pytest.raises(ProviderError):
        await told.read_token(issuer.bearer())


async def test_the_document_is_read_once_an_hour_and_kept_in_trouble(told, issuer, clock):
    async def begin():
        return await told.build_sign_in_url(BACK, state="s1", nonce="n1", verifier=VERIFIER)

    first = await begin()
    await begin()
    assert len(issuer.asked) == 1
    issuer.down = True
    clock.ahead += timedelta(hours=1, seconds=1)
    assert await begin() == first
    asked = len(issuer.asked)
    assert await begin() == first
    assert len(issuer.asked) == asked
    issuer.down, issuer.document = False, {"authorization_endpoint": f"{issuer.base}/new"}
    clock.ahead += timedelta(seconds=61)
    assert (await begin()).startswith(f"{issuer.base}/new?")


async def test_an_issuer_that_is_away_is_trouble_and_no_bad_token(told, issuer):
    issuer.down = True
    with pytest.raises(ProviderTransient):
        await told.read_token(issuer.bearer())


async def test_known_keys_outlive_the_issuer(told, issuer, clock):
    await told.read_token(issuer.bearer())
    issuer.down = True
    clock.ahead += timedelta(minutes=11)
    now = int(clock.now().timestamp())
    assert (await told.read_token(issuer.bearer(iat=now, exp=now + 300))).subject == "u1"


async def test_an_https_issuer_leads_to_no_open_line(clock):
    found = DiscoveryCache(lambda _: None, "https://id.example", clock)
    assert not found._is_safe("http://id.example/token")
    assert found._is_safe("https://login.example/token")


@pytest.mark.parametrize(
    ("claims", "path", "roles"),
    [
        ({"realm_access": {"roles": ["a", "b"]}}, "realm_access.roles", {"a", "b"}),
        ({"https://x.example/roles": ["a"]}, "https://x.example/roles", {"a"}),
        ({"roles": "a, b  c"}, "roles", {"a", "b", "c"}),
        ({"a.b": ["literal"], "a": {"b": ["path"]}}, "a.b", {"path"}),
        ({"roles": ["a", 7, None, ""]}, "roles", {"a"}),
        ({"roles": {"admin": True}}, "roles", set()),
        ({"realm_access": "admin"}, "realm_access.roles", set()),
        ({}, "roles", set()),
    ],
)
def test_where_roles_are(claims, path, roles):
    assert read_roles(claims, path) == roles


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "a.b"]), JSON), st.sampled_from(["a", "a.b", "a.b.c", "."]))
def test_roles_are_texts_whatever_the_claims_are(claims, path):
    assert all(isinstance(one, str) and one for one in read_roles(claims, path))
