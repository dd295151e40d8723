"""The captcha's check over the real transport, against the emulator and against a server that says what it is told."""

import random
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.captcha import VENDOR_URLS, CaptchaClient
from adapters.transport import Transport
from hub.core.clock import SystemClock
from hub.core.errors import InvalidRequest, OutcomeUnknown, ProviderError, ProviderPermanent, ProviderTransient
from sandbox import captcha as emulator
from sandbox.state import SandboxConfig, SandboxState
from tests.support.logs import logging_to_memory

PASSES, FAILS, SPENT = (f"{n}x0000000000000000000000000000000AA" for n in (1, 2, 3))
DUMMY = "XXXX.DUMMY.TOKEN.XXXX"
HCAPTCHA = {"kind": "hcaptcha", "secret": "0x0000000000000000000000000000000000000000"}


class Server:
    def __init__(self):
        self.status = 200
        self.answer = {"success": True, "hostname": "shop.example"}
        self.forms = []

    async def handle(self, request):
        self.forms.append((request.path, dict(await request.post())))
        if self.answer == "reset":
            request.transport.abort()
            return web.Response()
        if isinstance(self.answer, bytes):
            return web.Response(body=self.answer, status=self.status)
        return web.json_response(self.answer, status=self.status)


@pytest.fixture
def records():
    return []


@asynccontextmanager
async def connected(app, records, prefix="", **settings):
    async with (
        TestServer(app) as server,
        Transport.open_with_session(clock=SystemClock(), chance=random.Random(1), record=records.append) as transport,
    ):
        given = {"kind": "turnstile", "secret": PASSES, "hostname": None}
        yield CaptchaClient(transport, base_url=str(server.make_url(prefix)), **given | settings)


def sandbox():
    app = web.Application()
    emulator.setup(app, SandboxState(SandboxConfig("http://127.0.0.1:9"), send_callback=lambda _: None))
    return app


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def app(server):
    made = web.Application()
    made.router.add_post("/{path:.*}", server.handle)
    return made


async def refused(captcha, token="t", ip=None):
    with pytest.raises(InvalidRequest) as raised:
        await captcha.verify_captcha(token, ip)
    (error,) = raised.value.errors
    assert (error.pointer, error.code) == ("/captcha_token", "captcha_failed")


@pytest.mark.parametrize("prefix", ["", "/turnstile", "/turnstile/"])
async def test_turnstile_lets_a_solved_one_pass_once(records, prefix):
    async with connected(sandbox(), records, prefix) as captcha:
        await captcha.verify_captcha(DUMMY, "192.0.2.1")
        await captcha.verify_captcha("sandbox-pass-1", None)
        await refused(captcha, "sandbox-pass-1")
        await refused(captcha, "sandbox-fail-1")


@pytest.mark.parametrize("secret", [FAILS, SPENT])
async def test_turnstile_refuses(records, secret):
    async with connected(sandbox(), records, "/turnstile", secret=secret) as captcha:
        await refused(captcha, DUMMY)


async def test_hcaptcha_lets_a_solved_one_pass_once(records):
    async with connected(sandbox(), records, "/hcaptcha", **HCAPTCHA) as captcha:
        await captcha.verify_captcha("10000000-aaaa-bbbb-cccc-000000000001", None)
        await captcha.verify_captcha("sandbox-pass-1", None)
        await refused(captcha, "sandbox-pass-1")
        await refused(captcha, "made-up")


async def test_hcaptcha_refuses_a_token_of_another_site(records):
    async with connected(sandbox(), records, "/hcaptcha", sitekey="mine", **HCAPTCHA) as captcha:
        await refused(captcha, "10000000-aaaa-bbbb-cccc-000000000001")


@pytest.mark.parametrize(("kind", "prefix"), [("turnstile", "/turnstile"), ("hcaptcha", "/hcaptcha")])
async def test_a_wrong_secret_is_the_operators_trouble(records, kind, prefix):
    async with connected(sandbox(), records, prefix, kind=kind, secret="s3cret") as captcha:
        with pytest.raises(ProviderPermanent) as raised:
            await captcha.verify_captcha("t", None)
    assert (raised.value.provider, raised.value.provider_code) == (kind, "invalid-input-secret")
    assert "s3cret" not in repr(raised.value.__dict__)


@pytest.mark.parametrize(("kind", "prefix"), [("turnstile", "/turnstile"), ("hcaptcha", "/hcaptcha")])
async def test_a_ping_finds_out_whether_the_secret_is_good(records, kind, prefix):
    async with connected(sandbox(), records, prefix, kind=kind, secret=PASSES) as captcha:
        await captcha.check_access()
    async with connected(sandbox(), records, prefix, kind=kind, secret="s3cret") as captcha:
        with pytest.raises(ProviderPermanent):
            await captcha.check_access()


async def test_a_token_that_can_be_none_is_not_asked_about(app, server, records):
    async with connected(app, records) as captcha:
        await refused(captcha, "")
        await refused(captcha, "x" * 8193)
    assert server.forms == []


async def test_what_is_asked(app, server, records):
    async with connected(app, records, sitekey="mine") as captcha:
        await captcha.verify_captcha("t&secret=x", "2001:db8::1")
    async with connected(app, records, kind="hcaptcha", sitekey="mine") as captcha:
        await captcha.verify_captcha("t", None)
    assert server.forms == [
        ("/turnstile/v0/siteverify", {"secret": PASSES, "response": "t&secret=x", "remoteip": "2001:db8::1"}),
        ("/siteverify", {"secret": PASSES, "response": "t", "sitekey": "mine"}),
    ]


@pytest.mark.parametrize(
    ("shown_on", "good"),
    [
        ("shop.example", True),
        ("SHOP.example", True),
        ("evil.example", False),
        ("shop.example.evil.example", False),
        (None, False),
        (7, False),
    ],
)
async def test_the_site_it_was_shown_on(app, server, records, shown_on, good):
    server.answer["hostname"] = shown_on
    async with connected(app, records, hostname="Shop.example") as captcha:
        if good:
            await captcha.verify_captcha("t", None)
        else:
            await refused(captcha)


@pytest.mark.parametrize(
    "codes",
    [
        ["missing-input-response"],
        ["invalid-input-response"],
        ["timeout-or-duplicate"],
        ["already-seen-response"],
        ["expired-input-response"],
        ["sitekey-secret-mismatch"],
        ["bad-request"],
        ["invalid-remoteip"],
        ["never-heard-of"],
        ["invalid-input-response", "internal-error"],
        ["invalid-input-secret", "bad-request"],
        [],
        None,
        "text",
        [7],
    ],
)
@pytest.mark.parametrize("status", [200, 400])
async def test_whatever_a_visitor_can_bring_about_is_a_failed_captcha(app, server, records, codes, status):
    server.status, server.answer = status, {"success": False, "error-codes": codes}
    async with connected(app, records) as captcha:
        await refused(captcha)


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (200, {"success": False, "error-codes": ["internal-error"]}, ProviderTransient),
        (500, {"success": True}, ProviderTransient),
        (503, b"<html>", ProviderTransient),
        (429, {}, ProviderTransient),
        (404, b"", ProviderPermanent),
        (302, {}, ProviderPermanent),
        (200, b"{", ProviderTransient),
        (200, [], ProviderTransient),
        (200, {"success": "true"}, ProviderTransient),
        (200, {}, ProviderTransient),
        (200, "reset", ProviderTransient),
    ],
)
async def test_trouble_is_neither_a_yes_nor_a_no(app, server, records, status, answer, kind):  # noqa: PLR0917
    server.status, server.answer = status, answer
    async with connected(app, records) as captcha:
        with pytest.raises(ProviderError) as raised:
            await captcha.verify_captcha("t", None)
    assert type(raised.value) is kind
    assert not isinstance(raised.value, OutcomeUnknown)
    assert len(server.forms) == 1


async def test_nothing_personal_is_logged_or_recorded(app, server, records):
    server.answer = {"success": False, "error-codes": ["bad-request"]}
    with logging_to_memory(level="debug") as lines:
        async with connected(app, records) as captcha:
            await refused(captcha, "tok-3n", "192.0.2.77")
    said = lines.text + repr(records)
    assert not [one for one in ("tok-3n", "192.0.2.77", PASSES) if one in said]
    assert [one.operation for one in records] == ["siteverify"]


def test_without_an_address_the_vendor_is_asked_at_its_own():
    assert CaptchaClient(None, kind="turnstile", secret="s", base_url="", hostname=None)._url == (
        "https://challenges.cloudflare.com/turnstile/v0/siteverify"
    )
    assert VENDOR_URLS["hcaptcha"] == "https://api.hcaptcha.com"
