"""siteverify of Turnstile and hCaptcha, with the vendors' own test keys and tokens.

Beside those, a secret that passes (the sandbox's own does with both vendors) takes `sandbox-pass-<anything>` once, as
a true token is, and never takes `sandbox-fail-<anything>`.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.state import Emulator, SandboxState

PASSING_SECRET = "1x0000000000000000000000000000000AA"  # noqa: S105 (the vendor's, for everybody's tests)
FAILING_SECRET = "2x0000000000000000000000000000000AA"  # noqa: S105 (the vendor's, for everybody's tests)
SPENT_SECRET = "3x0000000000000000000000000000000AA"  # noqa: S105 (the vendor's, for everybody's tests)
DUMMY_TOKEN = "XXXX.DUMMY.TOKEN.XXXX"  # noqa: S105 (the vendor's, for everybody's tests)
HCAPTCHA_SECRET = "0x0000000000000000000000000000000000000000"  # noqa: S105 (hCaptcha's, for everybody's tests)
HCAPTCHA_SITEKEY = "10000000-ffff-ffff-ffff-000000000001"
HCAPTCHA_TOKEN = "10000000-aaaa-bbbb-cccc-000000000001"  # noqa: S105 (the same)


@dataclass(slots=True)
class CaptchaState:
    spent_tokens: set[str] = field(default_factory=set)


def setup(app: web.Application, world: SandboxState) -> None:
    """Cloudflare's own path begins with /turnstile, so that one is there with and without the sandbox's prefix."""
    world.register_emulator(Emulator("captcha", lambda _: CaptchaState()))
    captcha = CaptchaHandlers(world)
    app.router.add_post("/turnstile/v0/siteverify", captcha.verify_turnstile)
    app.router.add_post("/turnstile/turnstile/v0/siteverify", captcha.verify_turnstile)
    app.router.add_post("/hcaptcha/siteverify", captcha.verify_hcaptcha)


class CaptchaHandlers:
    def __init__(self, world: SandboxState) -> None:
        self._world = world

    async def verify_turnstile(self, request: web.Request) -> web.Response:
        """A form or JSON; the answer is 200 either way."""
        given = await _input(request)
        if given is None:
            return self._no("bad-request", result_with_testing_key=True)
        secret, token = given.get("secret", ""), given.get("response", "")
        code = self._turnstile_code(secret, token)
        if code is not None:
            return self._no(code, result_with_testing_key=True)
        return self._yes(hostname="example.com", action="", cdata="", metadata={"result_with_testing_key": True})

    async def verify_hcaptcha(self, request: web.Request) -> web.Response:
        """A form, and nothing else."""
        if request.content_type != "application/x-www-form-urlencoded":
            return self._no("bad-request")
        given = await _input(request) or {}
        code = self._hcaptcha_code(given.get("secret", ""), given.get("response", ""), given.get("sitekey"))
        return self._no(code) if code is not None else self._yes(hostname="dummy-key-pass", credit=False)

    def _turnstile_code(self, secret: str, token: str) -> str | None:
        passing = {PASSING_SECRET, self._world.config.captcha_secret}
        if not secret:
            return "missing-input-secret"
        if secret not in passing | {FAILING_SECRET, SPENT_SECRET}:
            return "invalid-input-secret"
        if not token:
            return "missing-input-response"
        if secret == SPENT_SECRET:
            return "timeout-or-duplicate"
        if secret == FAILING_SECRET or token.startswith("sandbox-fail-"):
            return "invalid-input-response"
        return "timeout-or-duplicate" if self._is_spent("turnstile", token) else None

    def _hcaptcha_code(self, secret: str, token: str, sitekey: str | None) -> str | None:
        if not secret or not token:
            return "missing-input-response" if secret else "missing-input-secret"
        if secret not in {HCAPTCHA_SECRET, self._world.config.captcha_secret}:
            return "not-using-dummy-secret" if token == HCAPTCHA_TOKEN else "invalid-input-secret"
        if secret == HCAPTCHA_SECRET and sitekey not in {None, HCAPTCHA_SITEKEY}:
            return "sitekey-secret-mismatch"
        if token == HCAPTCHA_TOKEN:
            return None
        if not token.startswith("sandbox-pass-"):
            return "invalid-input-response"
        return "already-seen-response" if self._is_spent("hcaptcha", token) else None

    def _is_spent(self, kind: str, token: str) -> bool:
        """Whether it has been here before; it has, from now on. The vendors' dummy tokens are never spent."""
        state = self._world.get_state("captcha", CaptchaState)
        mark = f"{kind} {token}"
        if mark in state.spent_tokens:
            return True
        if token.startswith("sandbox-pass-"):
            state.spent_tokens.add(mark)
        return False

    def _yes(self, **more: Any) -> web.Response:
        stamp = self._world.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return web.json_response({"success": True, "error-codes": [], "challenge_ts": stamp, **more})

    def _no(self, code: str, **metadata: Any) -> web.Response:
        more = {"messages": [], "metadata": metadata} if metadata else {}
        return web.json_response({"success": False, "error-codes": [code], **more})


async def _input(request: web.Request) -> dict[str, str] | None:
    if request.content_type != "application/json":
        return {name: str(value) for name, value in (await request.post()).items()}
    try:
        found = json.loads(await request.read())
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        return None
    return found
