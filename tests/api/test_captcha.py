"""A captcha on sign-up, where one is set up."""

from pathlib import Path

import pytest

from hub.settings import CaptchaSettings
from tests.support.running import hub_running, settings_for

BODY = {"email": "ada@example.com", "password": "correct horse battery", "name": "Ada"}


@pytest.mark.parametrize("kind", ["turnstile", "hcaptcha"])
async def test_a_sign_up_wants_a_solved_captcha_once(dsn: str, tmp_path: Path, kind: str):
    captcha = CaptchaSettings(mode="sandbox", kind=kind)
    async with hub_running(settings_for(dsn, tmp_path, captcha=captcha)) as hub:
        for token in ("", "sandbox-fail-1"):
            status, problem = await hub.call("POST", "/api/auth/register", BODY | {"captcha_token": token})
            assert (status, problem["errors"][0]["pointer"]) == (422, "/captcha_token")
        solved = BODY | {"captchaToken": "sandbox-pass-1"}
        assert (await hub.call("POST", "/api/auth/register", solved))[0] == 201
        assert (await hub.call("POST", "/api/auth/register", solved))[0] == 422


async def test_a_captcha_that_cannot_be_asked_is_no_way_in(dsn: str, tmp_path: Path):
    async with hub_running(settings_for(dsn, tmp_path, captcha=CaptchaSettings(mode="sandbox"))) as hub:
        await hub.fault("turnstile", "status", status=503)
        status, problem = await hub.call("POST", "/api/auth/register", BODY | {"captcha_token": "sandbox-pass-2"})
        assert status in {502, 503, 504}
        assert problem["detail"].startswith("turnstile")
