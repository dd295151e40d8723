"""The OpenID provider of the sandbox, as its specifications describe it."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.oidc.state import is_registered
from sandbox.state import SandboxConfig, SandboxState
from tests.sandbox.shell import Shell, open_shell

BACK = "http://127.0.0.1:3000/auth/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
QUESTION = {
    "client_id": "travel-hub",
    "redirect_uri": BACK,
    "response_type": "code",
    "scope": "openid profile email",
    "state": "s1",
    "nonce": "n1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
HINTED = QUESTION | {"prompt": "none", "login_hint": "mona.manager"}
CLIENT = {"client_id": "travel-hub", "client_secret": "sandbox-oidc-secret"}
ISSUER = "http://127.0.0.1:8081/oidc"


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    async with open_shell() as opened:
        yield opened


async def redirected(shell: Shell, path: str = "/oidc/authorize", **question: Any) -> dict[str, str]:
    status, _, headers = await shell.call("GET", path, params=question)
    assert status == 303
    assert headers["Location"].startswith(BACK)
    return dict(parse_qsl(urlsplit(headers["Location"]).query))


async def code(shell: Shell, **more: str) -> str:
    return (await redirected(shell, **(HINTED | more)))["code"]


async def token(shell: Shell, headers: Any = None, **form: str) -> tuple[int, Any, Any]:
    return await shell.call("POST", "/oidc/token", data=form, headers=headers)


async def exchange(shell: Shell, text: str, **more: str) -> tuple[int, Any, Any]:
    form = {"grant_type": "authorization_code", "code": text, "redirect_uri": BACK, "code_verifier": VERIFIER}
    return await token(shell, **(form | CLIENT | more))


async def signed_in(shell: Shell, **more: str) -> Any:
    status, found, _ = await exchange(shell, await code(shell, **more))
    assert status == 200
    return found


async def claims(shell: Shell, text: str, audience: str = "travel-hub") -> Any:
    """Checked with the published keys, as anybody would."""
    _, document, _ = await shell.call("GET", "/oidc/jwks")
    kid = jwt.get_unverified_header(text)["kid"]
    key = {one["kid"]: one for one in document["keys"]}[kid]
    return jwt.decode(text, jwt.PyJWK(key), algorithms=[key["alg"]], audience=audience, issuer=ISSUER)


async def test_the_discovery_document_says_where_everything_is(shell: Shell) -> None:
    _, found, _ = await shell.call("GET", "/oidc/.well-known/openid-configuration")
    assert found["issuer"] == ISSUER
    assert found["authorization_endpoint"] == f"{ISSUER}/authorize"
    assert found["code_challenge_methods_supported"] == ["S256"]
    paths = [urlsplit(value).path for name, value in found.items() if name.endswith(("_endpoint", "_uri"))]
    for path in paths:
        assert (await shell.call("GET", path))[0] != 404


async def test_a_whole_sign_in(shell: Shell) -> None:
    back = await redirected(shell, **HINTED)
    assert (back["state"], back["iss"]) == ("s1", ISSUER)
    status, found, headers = await exchange(shell, back["code"])
    assert (status, headers["Cache-Control"], found["token_type"]) == (200, "no-store", "Bearer")
    told = await claims(shell, found["id_token"])
    assert (told["nonce"], told["azp"], told["name"]) == ("n1", "travel-hub", "Mona Manager")
    assert told["realm_access"]["roles"] == ["offline_access", "manager"]
    assert told["https://travel-hub.example/roles"] == ["manager"]
    half = hashlib.sha256(found["access_token"].encode()).digest()[:16]
    assert told["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()


async def test_the_access_token_is_for_the_api(shell: Shell) -> None:
    found = await signed_in(shell)
    told = await claims(shell, found["access_token"], "travel-hub-api")
    assert jwt.get_unverified_header(found["access_token"])["typ"] == "at+jwt"
    assert told["realm_access"]["roles"] == ["offline_access", "manager"]
    assert (told["client_id"], told["scope"]) == ("travel-hub", "openid profile email")
    assert "nonce" not in told


async def test_the_page_lists_the_staff_and_a_choice_leads_back(shell: Shell) -> None:
    status, page, headers = await shell.call("GET", "/oidc/authorize", params=QUESTION | {"state": '"><script>'})
    assert (status, headers.get("Location")) == (200, None)
    for name in ("mona.manager", "adam.admin", "stella.staff", "axel.accountant", "nadia.nobody"):
        assert f'value="{name}"' in page
    assert "<script" not in page
    status, _, headers = await shell.call("POST", "/oidc/authorize", data=QUESTION | {"user": "nadia.nobody"})
    back = dict(parse_qsl(urlsplit(headers["Location"]).query))
    _, found, _ = await exchange(shell, back["code"])
    told = await claims(shell, found["id_token"])
    assert (told["preferred_username"], told["https://travel-hub.example/roles"]) == ("nadia.nobody", [])


async def test_the_form_is_sent_to_its_own_address(shell: Shell) -> None:
    form = QUESTION | {"user": "adam.admin"}
    status, _, headers = await shell.call("POST", "/oidc/authorize", params=QUESTION, data=form)
    assert (status, "code=" in headers["Location"]) == (303, True)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "none", "login_hint": "eve"}, "login_required"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"user": ""}, "access_denied"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"request_uri": "https://a.example"}, "request_uri_not_supported"),
    ],
)
async def test_a_mistake_goes_back_by_redirect(shell: Shell, wrong: dict[str, str], error: str) -> None:
    back = await redirected(shell, **(QUESTION | wrong))
    assert (back["error"], back["state"]) == (error, "s1")
    assert "code" not in back


async def test_what_comes_twice_is_a_mistake(shell: Shell) -> None:
    _, _, headers = await shell.call("GET", "/oidc/authorize", params=[*HINTED.items(), ("nonce", "n2")])
    assert "error=invalid_request" in headers["Location"]
    _, _, headers = await shell.call("GET", "/oidc/authorize", params=[*HINTED.items(), ("client_id", "other")])
    assert "Location" not in headers


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "stranger"},
        {"client_id": ""},
        {"redirect_uri": ""},
        {"redirect_uri": "https://evil.example/auth/callback"},
        {"redirect_uri": "http://127.0.0.1.evil.example/"},
        {"redirect_uri": "http://localhost@evil.example/"},
        {"redirect_uri": f"{BACK}#fragment"},
        {"redirect_uri": "javascript:alert(1)"},
    ],
)
async def test_nobody_is_redirected_to_a_stranger(shell: Shell, wrong: dict[str, str]) -> None:
    status, page, headers = await shell.call("GET", "/oidc/authorize", params=HINTED | wrong)
    assert (status, "Location" in headers, "cannot be done" in page) == (400, False, True)


@pytest.mark.parametrize(
    ("url", "registered"),
    [
        ("https://hub.example/auth/callback", True),
        ("https://hub.example/auth/callback/staff?x=1", True),
        ("https://hub.example/auth/callback.evil", False),
        ("https://hub.example/auth/callback/../../evil", False),
        ("https://hub.example/auth", False),
        ("https://hub.example.evil.example/auth/callback", False),
        ("http://localhost:5173/anything", True),
        ("https://localhost:5173/anything", False),
        ("http://localhost:port/", False),
        ("http://eve@localhost/", False),
        ("http://[::1", False),
        ("http://localhost\\@evil.example/", False),
    ],
)
def test_where_a_client_may_be_sent_back_to(url: str, registered: bool) -> None:
    world = SandboxState(SandboxConfig("https://hub.example"), send_callback=lambda _: None)
    assert is_registered(world, url, "/auth/callback") is registered


@given(st.text())
def test_no_address_breaks_the_check(url: str) -> None:
    world = SandboxState(SandboxConfig("https://hub.example"), send_callback=lambda _: None)
    assert not is_registered(world, url, "/auth/callback") or url.startswith("http")


async def test_a_code_is_good_once_and_its_reuse_ends_the_session(shell: Shell) -> None:
    text = await code(shell)
    _, found, _ = await exchange(shell, text)
    status, body, _ = await exchange(shell, text)
    assert (status, body["error"]) == (400, "invalid_grant")
    status, body, _ = await token(shell, grant_type="refresh_token", refresh_token=found["refresh_token"], **CLIENT)
    assert (status, body["error"]) == (400, "invalid_grant")


async def test_a_code_lives_a_minute(shell: Shell) -> None:
    start, text = shell.world.now(), await code(shell)
    shell.world.now = lambda: start + timedelta(seconds=61)
    assert (await exchange(shell, text))[1]["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("wrong", "status", "error"),
    [
        ({"code": "made-up"}, 400, "invalid_grant"),
        ({"code_verifier": "w" * 43}, 400, "invalid_grant"),
        ({"code_verifier": "short"}, 400, "invalid_grant"),
        ({"code_verifier": ""}, 400, "invalid_request"),
        ({"redirect_uri": f"{BACK}/other"}, 400, "invalid_grant"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "stranger"}, 401, "invalid_client"),
        ({"client_id": "travel-hub-public", "client_secret": ""}, 400, "invalid_grant"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
    ],
)
async def test_a_wrong_exchange_gives_nothing(shell: Shell, wrong: dict[str, str], status: int, error: str) -> None:
    found, body, headers = await exchange(shell, **({"text": await code(shell)} | wrong_code(wrong)))
    assert (found, body["error"], set(body)) == (status, error, {"error", "error_description"})
    assert ("WWW-Authenticate" in headers) is (status == 401)


def wrong_code(wrong: dict[str, str]) -> dict[str, str]:
    return {("text" if name == "code" else name): value for name, value in wrong.items()}


async def test_the_secret_may_come_in_the_header(shell: Shell) -> None:
    form = {"grant_type": "authorization_code", "redirect_uri": BACK, "code_verifier": VERIFIER}
    for pair, wanted in (("travel-hub:sandbox-oidc-secret", 200), ("travel-hub:wrong", 401), ("nonsense", 401)):
        headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        assert (await token(shell, headers, code=await code(shell), **form))[0] == wanted
    status, body, _ = await token(shell, {"Authorization": "Basic dHJhdmVsLWh1Yjp4"}, **CLIENT, **form)
    assert (status, body["error"]) == (400, "invalid_request")
    assert (await token(shell, {"Authorization": "Basic ?"}, **form))[1]["error"] == "invalid_client"


async def test_a_client_without_a_secret_has_pkce(shell: Shell) -> None:
    text = await code(shell, client_id="travel-hub-public")
    status, found, _ = await exchange(shell, text, client_id="travel-hub-public", client_secret="")
    assert status == 200
    assert (await claims(shell, found["id_token"], "travel-hub-public"))["azp"] == "travel-hub-public"


async def test_a_body_that_is_no_form_is_refused(shell: Shell) -> None:
    status, body, _ = await shell.call("POST", "/oidc/token", json=CLIENT)
    assert (status, body["error"]) == (400, "invalid_request")
    twice = [("grant_type", "a"), ("grant_type", "b")]
    status, body, _ = await shell.call("POST", "/oidc/token", data=twice)
    assert (status, body["error"]) == (400, "invalid_request")


async def test_a_refresh_token_is_good_once(shell: Shell) -> None:
    found = await signed_in(shell)
    form = {"grant_type": "refresh_token", **CLIENT}
    status, second, _ = await token(shell, refresh_token=found["refresh_token"], **form)
    told = await claims(shell, second["id_token"])
    assert (status, told["sub"], "nonce" in told) == (200, (await claims(shell, found["id_token"]))["sub"], False)
    assert (await token(shell, refresh_token=found["refresh_token"], **form))[1]["error"] == "invalid_grant"
    assert (await token(shell, refresh_token=second["refresh_token"], **form))[1]["error"] == "invalid_grant"


async def test_userinfo_tells_who_bears_the_token(shell: Shell) -> None:
    found = await signed_in(shell)
    bearer = {"Authorization": f"Bearer {found['access_token']}"}
    status, told, _ = await shell.call("GET", "/oidc/userinfo", headers=bearer)
    assert (status, told["email"], told["email_verified"]) == (200, "mona.manager@travel-hub.example", True)
    assert told["sub"] == (await claims(shell, found["id_token"]))["sub"]
    for wrong in ("", "Bearer nonsense", f"Bearer {found['id_token']}"):
        status, _, headers = await shell.call("GET", "/oidc/userinfo", headers={"Authorization": wrong})
        assert (status, headers["WWW-Authenticate"][:6]) == (401, "Bearer")
    start = shell.world.now()
    shell.world.now = lambda: start + timedelta(minutes=6)
    assert (await shell.call("GET", "/oidc/userinfo", headers=bearer))[0] == 401


async def test_logout_ends_the_session_and_leads_back(shell: Shell) -> None:
    found = await signed_in(shell)
    question = {"id_token_hint": found["id_token"], "post_logout_redirect_uri": BACK, "state": "s2"}
    assert await redirected(shell, "/oidc/logout", **question) == {"state": "s2"}
    bearer = {"Authorization": f"Bearer {found['access_token']}"}
    assert (await shell.call("GET", "/oidc/userinfo", headers=bearer))[0] == 401
    form = {"grant_type": "refresh_token", "refresh_token": found["refresh_token"], **CLIENT}
    assert (await token(shell, **form))[1]["error"] == "invalid_grant"


async def test_logout_refuses_strangers_and_forgers(shell: Shell) -> None:
    hint = (await signed_in(shell))["id_token"]
    for question in (
        {"id_token_hint": hint, "post_logout_redirect_uri": "https://evil.example/"},
        {"post_logout_redirect_uri": BACK},
        {"id_token_hint": hint[:-4] + "AAAA", "post_logout_redirect_uri": BACK},
        {"id_token_hint": hint, "client_id": "travel-hub-public", "post_logout_redirect_uri": BACK},
    ):
        status, _, headers = await shell.call("GET", "/oidc/logout", params=question)
        assert (status, "Location" in headers) == (400, False)
    status, page, _ = await shell.call("GET", "/oidc/logout")
    assert (status, "Signed out" in page) == (200, True)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
async def test_a_rotation_keeps_the_old_key_published(shell: Shell, algorithm: str) -> None:
    before = (await signed_in(shell))["id_token"]
    rotated = await shell.control("POST", "oidc/rotate", algorithm=algorithm)
    after = (await signed_in(shell))["id_token"]
    assert jwt.get_unverified_header(after) == {"alg": algorithm, "kid": rotated["signs"], "typ": "JWT"}
    assert (await claims(shell, before))["sub"] == (await claims(shell, after))["sub"]


async def test_a_rotation_can_take_the_old_key_back(shell: Shell) -> None:
    before = (await signed_in(shell))["id_token"]
    await shell.control("POST", "oidc/rotate", drop_old=True)
    with pytest.raises(KeyError):
        await claims(shell, before)


@pytest.mark.parametrize("wrong", [{"algorithm": "HS256"}, {"drop_old": "no"}])
async def test_a_rotation_that_makes_no_sense_is_refused(shell: Shell, wrong: dict[str, str]) -> None:
    assert (await shell.call("POST", "/_/oidc/rotate", json=wrong))[0] == 422


async def test_no_private_part_is_published(shell: Shell) -> None:
    for algorithm in ("RS256", "EdDSA"):
        await shell.control("POST", "oidc/rotate", algorithm=algorithm)
    _, document, _ = await shell.call("GET", "/oidc/jwks")
    assert len(document["keys"]) == 3
    assert not {"d", "p", "q", "dp", "dq", "qi"} & {name for key in document["keys"] for name in key}


async def test_a_reset_forgets_codes_and_keys(shell: Shell) -> None:
    text = await code(shell)
    _, before, _ = await shell.call("GET", "/oidc/jwks")
    await shell.control("POST", "reset")
    _, after, _ = await shell.call("GET", "/oidc/jwks")
    assert before != after
    assert (await exchange(shell, text))[1]["error"] == "invalid_grant"


async def test_a_fault_speaks_as_the_provider_does(shell: Shell) -> None:
    await shell.fault("status", "oidc", path="/oidc/token", status=400, code="temporarily_unavailable")
    status, body, _ = await token(shell, **CLIENT)
    assert (status, body["error"]) == (400, "temporarily_unavailable")
    (call,) = await shell.control("GET", "calls")
    assert (call["provider"], call["path"], json.dumps(call).count("secret")) == ("oidc", "/oidc/token", 0)
