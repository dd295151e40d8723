"""How the operator's people come in and go out, in a real browser."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pyotp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Page, expect

from hub.people.identity import Role
from tests.browser.window import CHROMIUM, flaws, window
from tests.support.running import Running, hub_running, settings_for

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]

EMAIL = "mona@example.com"
PASSWORD = "a long walk by the sea"


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with window(java_script_enabled=False) as found:
        yield found


@pytest.fixture
async def staffed(running: Running) -> Running:
    """Passwords are kept here, and Mona has one."""
    await running.made.identity.staff.members.add_member(EMAIL, "Mona Manager", {Role.MANAGER}, PASSWORD)
    return running


@pytest.fixture
async def oidc(dsn: str, tmp_path: Path) -> AsyncIterator[Running]:
    """The sandbox's OpenID provider lets people in."""
    async with hub_running(settings_for(dsn, tmp_path, oidc={"mode": "sandbox"})) as found:
        yield found


async def sign_in(page: Page, password: str = PASSWORD) -> None:
    await page.get_by_label("E-mail address").fill(EMAIL)
    await page.get_by_label("Password").fill(password)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def me(page: Page, running: Running) -> tuple[int, Any]:
    """What the hub says to the browser's cookie."""
    answer = await page.request.get(f"{running.url}/auth/me")
    return answer.status, await answer.json()


async def heading(page: Page, words: str) -> None:
    await expect(page.get_by_role("heading", level=1)).to_have_text(words)


async def test_a_member_comes_in_by_the_form_and_goes_out_by_the_button(staffed: Running, page: Page):
    await page.goto(f"{staffed.url}/auth/login")
    await expect(page.get_by_label("E-mail address")).to_be_focused()
    await sign_in(page)
    await heading(page, "You are signed in")
    await expect(page.locator("main")).to_contain_text(f"Mona Manager ({EMAIL}), as manager")
    status, found = await me(page, staffed)
    assert (status, found["email"], found["roles"]) == (200, EMAIL, ["manager"])
    await page.get_by_role("button", name="Sign out").click()
    await heading(page, "You are signed out")
    assert ((await me(page, staffed))[0], await page.context.cookies()) == (401, [])
    await page.go_back()
    await heading(page, "Staff sign-in")


async def test_a_wrong_password_is_told_and_only_it_is_typed_again(staffed: Running, page: Page):
    await page.goto(f"{staffed.url}/auth/login?return_to=/docs")
    await sign_in(page, "a long walk by the lake")
    await expect(page.get_by_role("alert")).to_have_text("The e-mail address or the password is wrong.")
    await expect(page.get_by_label("E-mail address")).to_have_value(EMAIL)
    await expect(page.get_by_label("Password")).to_be_focused()
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{staffed.url}/docs")


TRAP = """
<form method="post" action="{hub}/auth/logout"><input name="csrf" value="{csrf}"><button>out</button></form>
<form method="post" action="{hub}/auth/login"><input name="email" value="eve@example.com">
<input name="password" value="{password}"><button>in</button></form>
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_foreign_page_can_neither_sign_out_nor_in(staffed: Running, page: Page, host: str):
    """From another port of the same site the cookie goes along, so it is not the cookie that holds here."""
    await staffed.made.identity.staff.members.add_member("eve@example.com", "Eve", {Role.STAFF}, PASSWORD)
    await page.goto(f"{staffed.url}/auth/login")
    await sign_in(page)
    _, found = await me(page, staffed)
    text = TRAP.format(hub=staffed.url, csrf=found["csrf_token"], password=PASSWORD)

    async def trap(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", trap)
    async with TestServer(app) as elsewhere:
        for button in ("out", "in"):
            await page.goto(f"http://{host}:{elsewhere.port}/")
            await page.get_by_role("button", name=button).click()
            await page.wait_for_url(f"{staffed.url}/**")
            assert await me(page, staffed) == (200, found)


async def choose(page: Page, running: Running, who: str) -> None:
    await page.goto(f"{running.url}/auth/login")
    await page.wait_for_url(f"{running.sandbox}/oidc/authorize?**")
    await page.get_by_role("button", name=who).click()


async def test_through_the_provider_and_out_at_both_ends(oidc: Running, page: Page):
    await choose(page, oidc, "Mona Manager")
    await heading(page, "You are signed in")
    status, found = await me(page, oidc)
    assert (status, found["email"], found["roles"]) == (200, "mona.manager@travel-hub.example", ["manager"])
    assert [one["name"] for one in await page.context.cookies()] == ["hub_staff"]
    async with page.expect_response(f"{oidc.sandbox}/oidc/logout?**") as ended:
        await page.get_by_role("button", name="Sign out").click()
    answer = await ended.value
    assert (answer.status, "id_token_hint=" in answer.url) == (303, True)
    await heading(page, "You are signed out")
    assert (await me(page, oidc))[0] == 401
    await page.get_by_role("link", name="Sign in again").click()
    await page.wait_for_url(f"{oidc.sandbox}/oidc/authorize?**")


async def test_who_has_no_role_is_told_what_to_do(oidc: Running, page: Page):
    await choose(page, oidc, "Nadia Nobody")
    await heading(page, "You cannot come in")
    await expect(page.locator("main")).to_contain_text("Ask an administrator for a role")
    assert ((await me(page, oidc))[0], "hub_staff" in str(await page.context.cookies())) == (401, False)
    await page.get_by_role("link", name="Begin again").click()
    await page.get_by_role("button", name="Cancel").click()
    await heading(page, "You are not signed in")
    await expect(page.locator("main")).to_contain_text("The identity provider did not let you in.")


async def test_a_second_factor_is_set_up_and_entered_with_the_keyboard_alone(dsn: str, tmp_path: Path, page: Page):
    """As in production, where an admin has no session without one."""
    settings = settings_for(dsn, tmp_path, staff_second_factor="required")
    async with hub_running(settings, sandbox=False) as hub:
        await hub.made.identity.staff.members.add_member(EMAIL, "Mona Manager", {Role.ADMIN}, PASSWORD)
        await page.goto(f"{hub.url}/auth/login")
        await sign_in(page)
        await heading(page, "Set up your second factor")
        assert await flaws(page) == []
        await expect(page.get_by_role("img")).to_be_visible()
        secret = (await page.locator("code").inner_text()).replace(" ", "")
        await page.keyboard.type("000000")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("The code is wrong")
        await page.keyboard.type(pyotp.TOTP(secret).now())
        await page.keyboard.press("Enter")
        await heading(page, "Keep your recovery codes")
        assert await flaws(page) == []
        recovery_code = await page.locator("li code").first.inner_text()
        await page.get_by_role("link", name="I have kept them").press("Enter")
        await heading(page, "You are signed in")
        assert await flaws(page) == []
        await page.get_by_role("button", name="Sign out").press("Enter")
        await page.goto(f"{hub.url}/auth/login")
        await sign_in(page)
        await heading(page, "Enter your code")
        assert await flaws(page) == []
        await page.keyboard.type(recovery_code)
        await page.keyboard.press("Enter")
        await heading(page, "You are signed in")
        assert (await me(page, hub))[0] == 200


async def test_the_forms_suit_every_eye_and_hand(staffed: Running, page: Page):
    found: list[str] = []
    for path in ("signed-out", "callback?code=1&state=2", "login"):
        await page.goto(f"{staffed.url}/auth/{path}")
        found += await flaws(page)
    purposes = await page.locator("input:visible").evaluate_all("all => all.map((one) => one.autocomplete)")
    assert purposes == ["username", "current-password"]
    await sign_in(page, "no")
    found += await flaws(page)
    await sign_in(page)
    assert found + await flaws(page) == []


async def test_the_way_through_the_provider_suits_them_too(oidc: Running, page: Page):
    await page.goto(f"{oidc.url}/auth/login")
    found = await flaws(page)
    await page.get_by_role("button", name="Nadia Nobody").click()
    assert found + await flaws(page) == []
