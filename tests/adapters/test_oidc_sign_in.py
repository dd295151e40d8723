"""Staff sign-in over the real transport, against the emulator."""

import base64
import hashlib
import socket
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import jwt
import pytest
from aiohttp import web

from hub.core.errors import ProviderPermanent, Unauthenticated
from hub.people.identity.staff_provider import StaffIdentityProvider
from sandbox import oidc as emulator
from sandbox.state import SandboxConfig, SandboxState
from tests.adapters.oidc_issuer import BACK, SIGN_IN, VERIFIER, Clock, connected
from tests.support.logs import logging_to_memory


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def records():
    return []


@pytest.fixture
async def world(clock):
    """The emulator, listening; it goes by the same clock."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        base = f"http://127.0.0.1:{taken.getsockname()[1]}"
        world = SandboxState(
            SandboxConfig("http://127.0.0.1:9", public_base=base), send_callback=lambda _: None, now=clock.now
        )
        app = web.Application()
        emulator.setup(app, world)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.SockSite(runner, taken).start()
        yield world
        await runner.cleanup()


@pytest.fixture
async def provider(world, clock, records):
    async with connected(clock, records, f"{world.config.public_base}/oidc") as made:
        yield made


async def browse(url, **more):
    """What a browser that is sent there gets back on its address line."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, params=more, allow_redirects=False) as answer,
    ):
        assert answer.status == 303, await answer.text()
        return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


async def code_for(provider, who="mona.manager", **changes):
    given = {"state": "s1", "nonce": "n1", "verifier": VERIFIER} | changes
    back = await browse(await provider.build_sign_in_url(BACK, **given), prompt="none", login_hint=who)
    assert back["state"] == "s1"
    return back["code"]


async def bearer_of(world, who="mona.manager"):
    """An access token of the emulator's, without the adapter."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    base = f"{world.config.public_base}/oidc"
    question = {
        "client_id": "travel-hub", "redirect_uri": BACK, "response_type": "code", "scope": "openid",
        "code_challenge": challenge, "code_challenge_method": "S256", "prompt": "none", "login_hint": who,
    }  # fmt: skip
    form = {
        "grant_type": "authorization_code", "redirect_uri": BACK, "code_verifier": VERIFIER,
        "client_id": "travel-hub", "client_secret": "sandbox-oidc-secret",
        "code": (await browse(f"{base}/authorize", **question))["code"],
    }  # fmt: skip
    async with aiohttp.ClientSession() as session, session.post(f"{base}/token", data=form) as answer:
        return await answer.json()


async def test_a_whole_sign_in(provider, world, clock):
    person = await provider.exchange_code(await code_for(provider), **SIGN_IN)
    assert person.issuer == f"{world.config.public_base}/oidc"
    assert (person.name, person.email, person.email_verified) == (
        "Mona Manager", "mona.manager@travel-hub.example", True,
    )  # fmt: skip
    assert person.roles == {"manager", "offline_access"}
    assert timedelta(minutes=4) < person.expires_at - clock.now() <= timedelta(minutes=5)
    assert jwt.decode(person.id_token, options={"verify_signature": False})["sub"] == person.subject


def test_it_is_the_port(provider):
    port: StaffIdentityProvider = provider
    assert port.issuer


async def test_somebody_without_a_role_is_told_so_by_their_roles(world, clock, records):
    issuer, claim = f"{world.config.public_base}/oidc", "https://travel-hub.example/roles"
    async with connected(clock, records, issuer, roles_claim=claim) as provider:
        person = await provider.exchange_code(await code_for(provider, "adam.admin"), **SIGN_IN)
        assert person.roles == {"admin"}
        person = await provider.exchange_code(await code_for(provider, "nadia.nobody"), **SIGN_IN)
        assert person.roles == frozenset()


async def test_a_client_without_a_secret(world, clock, records):
    issuer = f"{world.config.public_base}/oidc"
    async with connected(clock, records, issuer, client_id="travel-hub-public", client_secret=None) as provider:
        assert (await provider.exchange_code(await code_for(provider), **SIGN_IN)).name == "Mona Manager"


@pytest.mark.parametrize(
    "wrong", [{"nonce": "n2"}, {"nonce": ""}, {"verifier": "w" * 43}, {"redirect_uri": f"{BACK}/other"}]
)
async def test_a_sign_in_of_another_browser_is_refused(provider, wrong):
    with pytest.raises(Unauthenticated) as refused:
        await provider.exchange_code(await code_for(provider), **SIGN_IN | wrong)
    assert refused.value.code == "sign_in_failed"


async def test_a_code_is_good_once_and_for_a_minute(provider, clock):
    used = await code_for(provider)
    await provider.exchange_code(used, **SIGN_IN)
    old = await code_for(provider)
    clock.ahead += timedelta(seconds=61)
    for code in (used, old, "made-up"):
        with pytest.raises(Unauthenticated):
            await provider.exchange_code(code, **SIGN_IN)


async def test_a_wrong_secret_is_the_operators_trouble(world, clock, records):
    async with connected(clock, records, f"{world.config.public_base}/oidc", client_secret="s3cret") as provider:
        with pytest.raises(ProviderPermanent) as refused:
            await provider.exchange_code(await code_for(provider), **SIGN_IN)
    assert (refused.value.provider_code, refused.value.provider_status) == ("invalid_client", 401)
    assert "s3cret" not in str(refused.value)


async def test_a_bearer_token_is_read(provider, world):
    person = await provider.read_token((await bearer_of(world))["access_token"])
    assert (person.name, person.roles, person.id_token) == ("Mona Manager", {"manager", "offline_access"}, None)


async def test_a_thousand_tokens_are_one_look_at_the_keys(provider, world, records):
    token = (await bearer_of(world))["access_token"]
    for _ in range(1000):
        await provider.read_token(token)
    assert [one.operation for one in records] == ["discovery", "jwks"]


async def test_an_id_token_lets_nobody_in(world, clock, records):
    """Not even where the API goes by the client's own name."""
    tokens = await bearer_of(world)
    async with connected(clock, records, f"{world.config.public_base}/oidc", audience="travel-hub") as provider:
        for one in (tokens["id_token"], tokens["access_token"]):
            with pytest.raises(Unauthenticated):
                await provider.read_token(one)


async def test_an_expired_token_says_so(provider, world, clock):
    token = (await bearer_of(world))["access_token"]
    clock.ahead += timedelta(minutes=5, seconds=5)
    await provider.read_token(token)
    clock.ahead += timedelta(seconds=6)
    with pytest.raises(Unauthenticated) as refused:
        await provider.read_token(token)
    assert refused.value.code == "token_expired"


async def rotate(world, **how):
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{world.config.public_base}/_/oidc/rotate", json=how) as answer,
    ):
        return await answer.json()


async def test_a_rotation_logs_nobody_out_and_is_seen_at_once(provider, world):
    before = (await bearer_of(world))["access_token"]
    await provider.read_token(before)
    for algorithm in ("RS256", "EdDSA", "ES256"):
        await rotate(world, algorithm=algorithm)
        assert (await provider.read_token((await bearer_of(world))["access_token"])).name == "Mona Manager"
        assert (await provider.exchange_code(await code_for(provider), **SIGN_IN)).name == "Mona Manager"
    await provider.read_token(before)


async def test_a_key_that_is_taken_back_is_good_no_longer(provider, world, clock):
    before = (await bearer_of(world))["access_token"]
    await provider.read_token(before)
    await rotate(world, drop_old=True)
    await provider.read_token((await bearer_of(world))["access_token"])
    with pytest.raises(Unauthenticated):
        await provider.read_token(before)


async def test_the_way_out(provider, world):
    tokens = await bearer_of(world)
    url = await provider.build_sign_out_url(tokens["id_token"], f"{BACK}?left=1")
    assert await browse(url) == {"left": "1"}
    assert "id_token_hint" not in await provider.build_sign_out_url(None, BACK)


async def test_a_ping_reads_the_document_and_the_keys(provider, records):
    await provider.check_access()
    await provider.check_access()
    assert [one.operation for one in records] == ["discovery", "jwks"] * 2


async def test_nothing_secret_is_logged_or_recorded(provider, world, records):
    with logging_to_memory(level="debug") as lines:
        code = await code_for(provider)
        person = await provider.exchange_code(code, **SIGN_IN)
        with pytest.raises(Unauthenticated) as refused:
            await provider.exchange_code(code, **SIGN_IN)
    said = lines.text + repr(records) + repr(refused.value.__dict__) + repr(refused.value)
    for secret in (code, VERIFIER, "sandbox-oidc-secret", person.id_token, person.email):
        assert secret not in said
