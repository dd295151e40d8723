"""siteverify with the keys and tokens that the vendors publish for tests."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from tests.sandbox.shell import Shell, open_shell

TURNSTILE = "/turnstile/turnstile/v0/siteverify"
PASSES, FAILS, SPENT = (f"{n}x0000000000000000000000000000000AA" for n in (1, 2, 3))
DUMMY = "XXXX.DUMMY.TOKEN.XXXX"
HCAPTCHA = {"secret": "0x0000000000000000000000000000000000000000"}
HCAPTCHA_TOKEN = "10000000-aaaa-bbbb-cccc-000000000001"


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    async with open_shell() as opened:
        yield opened


async def verdict(shell: Shell, path: str, **form: str) -> tuple[bool, list[str]]:
    status, found, _ = await shell.call("POST", path, data=form)
    assert status == 200
    return found["success"], found["error-codes"]


@pytest.mark.parametrize(
    ("form", "codes"),
    [
        ({"secret": PASSES, "response": DUMMY}, []),
        ({"secret": FAILS, "response": DUMMY}, ["invalid-input-response"]),
        ({"secret": SPENT, "response": DUMMY}, ["timeout-or-duplicate"]),
        ({"secret": PASSES, "response": "sandbox-fail-1"}, ["invalid-input-response"]),
        ({"secret": PASSES}, ["missing-input-response"]),
        ({"response": DUMMY}, ["missing-input-secret"]),
        ({"secret": "0xreal", "response": DUMMY}, ["invalid-input-secret"]),
    ],
)
async def test_turnstiles_dummy_keys(shell: Shell, form: dict[str, str], codes: list[str]) -> None:
    for path in (TURNSTILE, "/turnstile/v0/siteverify"):
        assert await verdict(shell, path, **form) == (not codes, codes)


async def test_turnstile_tells_where_and_when(shell: Shell) -> None:
    status, found, _ = await shell.call("POST", TURNSTILE, json={"secret": PASSES, "response": DUMMY})
    assert (status, found["success"], found["hostname"]) == (200, True, "example.com")
    assert datetime.fromisoformat(found["challenge_ts"]).tzinfo


@pytest.mark.parametrize("body", [b"{", b"[1]", b'{"secret": 1}'])
async def test_turnstile_takes_no_nonsense(shell: Shell, body: bytes) -> None:
    _, found, _ = await shell.call("POST", TURNSTILE, data=body, headers={"Content-Type": "application/json"})
    assert found["error-codes"] == ["bad-request"]


@pytest.mark.parametrize(
    ("path", "secret", "code"),
    [
        (TURNSTILE, PASSES, "timeout-or-duplicate"),
        ("/hcaptcha/siteverify", HCAPTCHA["secret"], "already-seen-response"),
    ],
)
async def test_a_token_is_good_once_and_anew_after_a_reset(shell: Shell, path: str, secret: str, code: str) -> None:
    form: dict[str, Any] = {"secret": secret, "response": "sandbox-pass-1"}
    assert await verdict(shell, path, **form) == (True, [])
    assert await verdict(shell, path, **form) == (False, [code])
    assert await verdict(shell, path, **form | {"response": "sandbox-pass-2"}) == (True, [])
    await shell.control("POST", "reset")
    assert await verdict(shell, path, **form) == (True, [])


@pytest.mark.parametrize(
    ("form", "codes"),
    [
        (HCAPTCHA | {"response": HCAPTCHA_TOKEN}, []),
        (HCAPTCHA | {"response": HCAPTCHA_TOKEN, "sitekey": "10000000-ffff-ffff-ffff-000000000001"}, []),
        (HCAPTCHA | {"response": HCAPTCHA_TOKEN, "sitekey": "other"}, ["sitekey-secret-mismatch"]),
        ({"secret": PASSES, "response": HCAPTCHA_TOKEN, "sitekey": "the-hubs"}, []),
        ({"secret": PASSES, "response": "sandbox-fail-1"}, ["invalid-input-response"]),
        (HCAPTCHA | {"response": "made-up"}, ["invalid-input-response"]),
        (HCAPTCHA, ["missing-input-response"]),
        ({"response": HCAPTCHA_TOKEN}, ["missing-input-secret"]),
        ({"secret": "ES_1", "response": "x"}, ["invalid-input-secret"]),
        ({"secret": "ES_1", "response": HCAPTCHA_TOKEN}, ["not-using-dummy-secret"]),
    ],
)
async def test_hcaptchas_test_key(shell: Shell, form: dict[str, str], codes: list[str]) -> None:
    assert await verdict(shell, "/hcaptcha/siteverify", **form) == (not codes, codes)


async def test_hcaptcha_takes_forms_alone(shell: Shell) -> None:
    _, found, _ = await shell.call("POST", "/hcaptcha/siteverify", json=HCAPTCHA | {"response": HCAPTCHA_TOKEN})
    assert found == {"success": False, "error-codes": ["bad-request"]}


@pytest.mark.parametrize(("provider", "path"), [("turnstile", TURNSTILE), ("hcaptcha", "/hcaptcha/siteverify")])
async def test_a_fault_speaks_as_the_provider_does(shell: Shell, provider: str, path: str) -> None:
    await shell.fault("status", provider, status=500)
    status, found, _ = await shell.call("POST", path, data={})
    assert (status, found) == (500, {"success": False, "error-codes": ["internal-error"]})
