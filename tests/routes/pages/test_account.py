"""Pages that links in letters open: a look uses nothing up, and what goes wrong is said in words."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from playwright.async_api import async_playwright

from hub.core.clock import IdGenerator, SystemClock
from hub.core.errors import BadRequest, FieldError, Gone, HubError, InvalidRequest, ProviderTransient
from hub.core.metrics import HttpMetrics, new_registry
from hub.core.rate_limit import MemoryRateLimiter, RateLimit
from hub.people.identity import Caller, SessionTokens, SignInResult
from routes.pages.account.accounts import PageRoutes, is_own_page, read_form
from routes.web.access import RATE_LIMITS, AccessGate
from routes.web.middleware import EdgeMiddleware, RequestDrain
from tests.browser.test_pages import CHROMIUM, QUIET

ADA = UUID(int=1)
SESSION = UUID(int=2)
GOOD = "f00d"
GONE = Gone("This link has been used already.", code="token_expired")
PASSWORD = "correct horse battery"


@dataclass
class FakeAccounts:
    """Does as the hub's accounts do, and writes down what it was asked."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    trouble: Exception | None = None
    used: bool = False

    def _use(self, token: str) -> None:
        if self.trouble:
            raise self.trouble
        if token != GOOD or self.used:
            raise GONE
        self.used = True

    async def verify_email(
        self, token: str, *, device: str | None = None, password: str | None = None, registration: str | None = None
    ) -> SignInResult:
        self.asked.append(("verify", token, device))
        self._use(token)
        return SignInResult(SessionTokens(ADA, SESSION, "access", "refresh", 900), "device-secret")

    async def reset_password(
        self, token: str, password: str, *, device: str | None = None, registration: str | None = None
    ) -> str:
        self.asked.append(("reset", token, password))
        if len(password) < 8:
            raise InvalidRequest(errors=(FieldError("/password", "weak_password", "at least 8 characters"),))
        self._use(token)
        return "device-secret"

    async def request_password_reset(self, email: str) -> None:
        self.asked.append(("forgot", email))

    async def resend_verification(self, email: str, *, registration: str | None = None) -> None:
        self.asked.append(("resend", email))

    async def sign_out(self, caller: Caller, token: str) -> None:
        self.asked.append(("logout", caller.id, caller.session_id, token))


@pytest.fixture
def accounts() -> FakeAccounts:
    return FakeAccounts()


@pytest.fixture
async def client(accounts: FakeAccounts) -> AsyncIterator[TestClient]:
    async def nobody(token: str) -> Caller:
        raise AssertionError(token)

    clock, app = SystemClock(), web.Application()
    rates = {**RATE_LIMITS, "auth": RateLimit(60, burst=5)}
    PageRoutes(accounts, "https://hub.test", "https://shop.test/").install_pages(
        app, AccessGate(nobody, clock, rate_limiter=MemoryRateLimiter(clock), rate_limits=rates)
    )
    EdgeMiddleware(clock, IdGenerator(clock), HttpMetrics(new_registry()), RequestDrain()).install_middleware(app)
    async with TestClient(TestServer(app)) as found:
        yield found


async def test_to_look_at_the_link_uses_nothing_up(client: TestClient, accounts: FakeAccounts):
    for method in ("GET", "HEAD", "GET"):
        answer = await client.request(method, f"/account/verify?token={GOOD}")
        assert (answer.status, answer.content_type) == (200, "text/html")
    assert f'value="{GOOD}"' in await answer.text()
    assert accounts.asked == []


async def test_the_button_confirms_and_leaves_no_session_behind(client: TestClient, accounts: FakeAccounts):
    answer = await client.post("/account/verify", data={"token": GOOD})
    assert (answer.status, answer.url.path_qs) == (200, "/account/done?what=verified")
    text = await answer.text()
    assert "Your address is confirmed" in text
    assert 'href="https://shop.test/"' in text
    assert accounts.asked == [("verify", GOOD, None), ("logout", ADA, SESSION, "access")]


async def test_the_browser_that_confirmed_is_a_known_device(client: TestClient, accounts: FakeAccounts):
    answer = await client.post("/account/verify", data={"token": GOOD}, allow_redirects=False)
    cookie = answer.cookies["hub_device"]
    assert (answer.status, cookie.value) == (303, "device-secret")
    assert cookie["httponly"]
    assert cookie["secure"]
    await client.post("/account/verify", data={"token": GOOD}, headers={"Cookie": "hub_device=device-secret"})
    assert accounts.asked[-1] == ("verify", GOOD, "device-secret")


async def test_confirmed_is_confirmed_when_the_session_cannot_be_ended(client: TestClient, accounts: FakeAccounts):
    async def fails(caller: Caller, token: str) -> None:
        raise ProviderTransient("supabase")

    accounts.sign_out = fails
    answer = await client.post("/account/verify", data={"token": GOOD})
    assert "Your address is confirmed" in await answer.text()


@pytest.mark.parametrize(("page", "again"), [("verify", "resend"), ("reset", "forgot")])
async def test_a_link_that_is_used_up_leads_to_a_new_one(client: TestClient, page: str, again: str):
    form = {"token": "old", "password": PASSWORD, "again": PASSWORD}
    answer = await client.post(f"/account/{page}", data=form)
    text = await answer.text()
    assert answer.status == 410
    assert "This link no longer works" in text
    assert f'href="{again}"' in text


async def test_a_new_password_is_set(client: TestClient, accounts: FakeAccounts):
    assert 'name="again"' in await (await client.get(f"/account/reset?token={GOOD}")).text()
    answer = await client.post("/account/reset", data={"token": GOOD, "password": PASSWORD, "again": PASSWORD})
    assert "Your new password is saved" in await answer.text()
    assert accounts.asked == [("reset", GOOD, PASSWORD)]


@pytest.mark.parametrize(
    ("password", "again", "words"),
    [
        (PASSWORD, "correct horse", "The two passwords are not the same."),
        ("short", "short", "Please choose another password: at least 8 characters."),
    ],
)
async def test_a_password_that_will_not_do_can_be_chosen_again(
    client: TestClient, accounts: FakeAccounts, password: str, again: str, words: str
):
    answer = await client.post("/account/reset", data={"token": GOOD, "password": password, "again": again})
    text = await answer.text()
    assert answer.status == 422
    assert words in text
    assert f'value="{GOOD}"' in text
    assert password not in text
    assert not accounts.used


@pytest.mark.parametrize("page", ["forgot", "resend"])
async def test_a_link_is_asked_for_and_the_answer_repeats_no_address(
    client: TestClient, accounts: FakeAccounts, page: str
):
    assert 'type="email"' in await (await client.get(f"/account/{page}")).text()
    answer = await client.post(f"/account/{page}", data={"email": " Ada@Example.com "})
    text = await answer.text()
    assert "Look into your mailbox" in text
    assert "ada@example" not in text.lower()
    assert accounts.asked == [(page, "ada@example.com")]


async def test_what_is_no_address_is_not_asked_for(client: TestClient, accounts: FakeAccounts):
    answer = await client.post("/account/forgot", data={"email": "<script>ada"})
    text = await answer.text()
    assert answer.status == 422
    assert "does not look like an e-mail address" in text
    assert "<script" not in text
    assert accounts.asked == []


async def test_a_token_in_the_page_is_only_text(client: TestClient):
    text = await (await client.get("/account/reset", params={"token": '"><script>alert(1)</script>'})).text()
    assert "<script" not in text
    assert "&#34;&gt;&lt;script&gt;" in text


@pytest.mark.parametrize("path", ["/account/verify?token=f00d", "/account/forgot", "/account/reset", "/account/done"])
async def test_no_page_is_kept_framed_or_named_to_others(client: TestClient, path: str):
    headers = (await client.get(path)).headers
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy


async def test_the_style_sheet_comes_from_the_same_host(client: TestClient):
    text = await (await client.get("/account/forgot")).text()
    assert 'href="../static/account.css"' in text
    style = await client.get("/static/account.css")
    assert (style.status, style.content_type) == (200, "text/css")
    assert "@import" not in await style.text()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://[bad"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_form_on_a_foreign_page_is_refused(client: TestClient, accounts: FakeAccounts, headers: dict[str, str]):
    answer = await client.post("/account/verify", data={"token": GOOD}, headers=headers)
    assert answer.status == 403
    assert "not sent from our own page" in await answer.text()
    assert accounts.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null"},
        {"Origin": "http://hub.local:8080"},
        {"Origin": "https://hub.test", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_our_own_forms_pass(headers: dict[str, str]):
    request = make_mocked_request("POST", "/account/verify", {"Host": "hub.local:8080", **headers})
    assert is_own_page(request, "https://hub.test")


@pytest.mark.parametrize(
    ("trouble", "status", "words"),
    [
        (ProviderTransient("supabase", retry_after=7), 503, "The trouble is on our side"),
        (RuntimeError("canary"), 500, "The trouble is on our side"),
        (HubError("An odd thing.", code="odd"), 500, "The trouble is on our side"),
    ],
)
async def test_trouble_is_told_in_words(
    client: TestClient, accounts: FakeAccounts, trouble: Exception, status: int, words: str
):
    accounts.trouble = trouble
    answer = await client.post("/account/verify", data={"token": GOOD})
    text = await answer.text()
    assert (answer.status, answer.content_type) == (status, "text/html")
    assert words in text
    assert answer.headers["X-Request-Id"] in text
    assert "canary" not in text
    assert answer.headers.get("Retry-After") == ("7" if status == 503 else None)


async def test_somebody_who_tries_on_and_on_has_to_wait(client: TestClient, accounts: FakeAccounts):
    statuses = [(await client.post("/account/verify", data={"token": "guess"})).status for _ in range(6)]
    assert statuses == [410] * 5 + [429]
    answer = await client.post("/account/verify", data={"token": GOOD})
    assert "Too many attempts" in await answer.text()
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"token": "f00d"}', "application/json"),
        (b"token=%ff", "application/x-www-form-urlencoded"),
        (b"token=a%00b", "application/x-www-form-urlencoded"),
        (b"token=" + b"a" * 6001, "application/x-www-form-urlencoded"),
        (b"&".join([b"a=1"] * 20), "application/x-www-form-urlencoded"),
        (b"", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
    ],
)
async def test_what_is_no_form_of_ours_is_a_bad_request(
    client: TestClient, accounts: FakeAccounts, body: bytes, kind: str
):
    answer = await client.post("/account/verify", data=body, headers={"Content-Type": kind})
    assert (answer.status, answer.content_type) == (400, "text/html")
    assert accounts.asked == []


@given(st.binary(max_size=200))
def test_a_form_is_read_or_refused(raw: bytes):
    request = make_mocked_request("POST", "/", {"Content-Type": "application/x-www-form-urlencoded"})
    with suppress(BadRequest):
        assert all(isinstance(one, str) for one in read_form(request, raw).values())


@pytest.mark.parametrize("path", ["/account/verify", "/account/reset?token=", "/account/done?what=elsewhere"])
async def test_half_an_address_gets_a_page_too(client: TestClient, path: str):
    answer = await client.get(path)
    assert answer.status in {400, 404}
    assert "This did not work" in await answer.text()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
async def test_a_browser_sends_the_form_though_it_hides_where_it_comes_from(client: TestClient, accounts: FakeAccounts):
    """Under no-referrer a browser names its origin as null, even to its own host."""
    origins: list[str | None] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        page = await browser.new_page()
        page.on("request", lambda one: origins.append(one.headers.get("origin")) if one.method == "POST" else None)
        await page.goto(str(client.make_url(f"/account/reset?token={GOOD}")))
        await page.fill("#password", PASSWORD)
        await page.fill("#again", PASSWORD)
        await page.click("button")
        await page.wait_for_url("**/account/done?what=reset")
        assert await page.locator("h1").inner_text() == "Your new password is saved"
        await browser.close()
    assert origins == ["null"]
    assert accounts.used
