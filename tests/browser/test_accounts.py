"""What the links in letters open, in a real browser that runs no scripts."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Page, expect

from tests.browser.window import CHROMIUM, flaws, window
from tests.support.running import Running, until

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]

EMAIL = "ada@example.com"
PASSWORD = "correct horse battery"
BETTER = "four words keep better"


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with window(java_script_enabled=False) as found:
        yield found


async def register(running: Running) -> None:
    body = {"email": EMAIL, "password": PASSWORD, "name": "Ada Lovelace", "phone": "+447700900123"}
    assert (await running.good("POST", "/api/auth/register", body))["token"] is None


async def login(running: Running, password: str = PASSWORD) -> tuple[int, Any]:
    return await running.call("POST", "/api/auth/login", {"email": EMAIL, "password": password})


async def link(running: Running, purpose: str) -> str:
    return f"{running.url}/account/{purpose}?token={await running.link(EMAIL, purpose)}"


async def heading(page: Page, words: str) -> None:
    await expect(page.get_by_role("heading", level=1)).to_have_text(words)
    assert await page.title() == f"{words} - Travel Hub"


async def sessions(running: Running) -> int:
    async with running.db.connection() as connection:
        return await connection.fetchval("select count(*) from sessions where ended_at is null")


async def days_pass(running: Running) -> None:
    async with running.db.transaction() as tx:
        await tx.execute(
            "update one_time_tokens set created_at = created_at - interval '2 days', "
            "expires_at = expires_at - interval '2 days'"
        )


async def test_a_newcomer_finds_the_letter_in_the_mailbox_and_confirms(running: Running, page: Page):
    await register(running)
    await until(running.mails)
    assert (await login(running))[0] == 403
    await page.goto(f"{running.sandbox}/_/")
    await page.get_by_role("link", name="Mailbox").click()
    await page.get_by_role("link", name="Confirm your e-mail address").click()
    async with page.expect_popup() as opened:
        await page.frame_locator("iframe").get_by_role("link", name="Confirm my address").click()
    tab = await opened.value
    await heading(tab, "Confirm your e-mail address")
    await tab.keyboard.press("Tab")
    await tab.keyboard.press("Enter")
    await heading(tab, "Your address is confirmed")
    (cookie,) = await page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("hub_device", True, "Lax")
    assert await sessions(running) == 0
    assert ((await login(running))[0], await sessions(running)) == (200, 1)


async def test_a_used_link_says_so_and_nothing_changes(running: Running, page: Page):
    """The link in the plain text can be pressed too."""
    await register(running)
    (mail,) = await until(running.mails)
    await page.goto(f"{running.sandbox}/_/mailbox/{mail['id']}")
    for words in ("Your address is confirmed", "This link no longer works"):
        async with page.expect_popup() as opened:
            await page.locator("pre a").click()
        tab = await opened.value
        await tab.get_by_role("button").click()
        await heading(tab, words)
    await expect(tab.locator("main")).to_contain_text("just sign in")
    assert (await login(running))[0] == 200


async def test_who_comes_too_late_asks_for_another_link(running: Running, page: Page):
    await register(running)
    late = await link(running, "verify")
    await days_pass(running)
    await page.goto(late)
    await page.get_by_role("button").click()
    await heading(page, "This link no longer works")
    await page.get_by_role("link", name="Ask for a new link").click()
    await page.get_by_label("E-mail address").fill(EMAIL)
    await page.keyboard.press("Enter")
    await heading(page, "Look into your mailbox")

    async def another() -> str | None:
        latest = await link(running, "verify")
        return latest if latest != late else None

    await page.goto(await until(another))
    await page.get_by_role("button").click()
    await heading(page, "Confirm your e-mail address")
    await expect(page.get_by_label("Password")).to_be_focused()  # another browser asked: the owner chooses
    await page.keyboard.type("short")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("at least 8 characters")
    await page.keyboard.type(BETTER)
    await page.keyboard.press("Enter")
    await heading(page, "Your address is confirmed")
    assert (await login(running, BETTER))[0] == 200


async def test_a_forgotten_password_is_replaced_with_the_keyboard_alone(running: Running, page: Page):
    await register(running)
    await running.good("POST", "/api/auth/verify-email", {"token": await running.link(EMAIL, "verify")})
    before = (await login(running))[1]["refresh_token"]
    await page.goto(f"{running.url}/account/forgot")
    await expect(page.get_by_label("E-mail address")).to_be_focused()
    await page.keyboard.type(EMAIL)
    await page.keyboard.press("Enter")
    await heading(page, "Look into your mailbox")
    reset = await link(running, "reset")
    await page.goto(reset)
    for first, second, told in ((BETTER, PASSWORD, "not the same"), ("password1", "password1", "common")):
        await new_password(page, first, second)
        await expect(page.get_by_role("alert")).to_contain_text(told)
    await new_password(page, BETTER, BETTER)
    await heading(page, "Your new password is saved")
    assert ((await login(running))[0], (await login(running, BETTER))[0]) == (401, 200)
    assert (await running.call("POST", "/api/auth/refresh", {"refresh_token": before}))[0] == 401
    await page.goto(reset)
    await new_password(page, BETTER, BETTER)
    await heading(page, "This link no longer works")
    await page.get_by_role("link", name="Ask for a new link").click()
    await heading(page, "Forgotten your password?")


async def new_password(page: Page, first: str, second: str) -> None:
    """The first field has the focus already."""
    await expect(page.get_by_label("New password")).to_be_focused()
    await page.keyboard.type(first)
    await page.keyboard.press("Tab")
    await page.keyboard.type(second)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def test_the_field_that_is_wrong_is_the_one_that_is_marked(running: Running, page: Page):
    await page.goto(f"{running.url}/account/reset?token=f00d")
    marked = page.locator("[aria-invalid=true]")
    for first, second, name in ((BETTER, PASSWORD, "again"), ("short", "short", "password")):
        await new_password(page, first, second)
        await expect(marked).to_have_attribute("name", name)
        told = re.compile(re.escape(await page.get_by_role("alert").inner_text()))
        await expect(marked).to_have_accessible_description(told)
    await page.goto(f"{running.url}/account/forgot")
    await page.get_by_label("E-mail address").fill("ada@nowhere")
    await page.keyboard.press("Enter")
    await expect(marked).to_have_value("ada@nowhere")


async def test_a_foreign_page_cannot_press_the_button(running: Running, page: Page):
    await register(running)
    action, _, token = (await link(running, "verify")).partition("?token=")
    form = f'<form method="post" action="{action}"><input name="token" value="{token}"><button>Win</button></form>'

    async def trap(_: web.Request) -> web.Response:
        return web.Response(text=form, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", trap)
    async with TestServer(app) as elsewhere:
        await page.goto(str(elsewhere.make_url("/")))
        await page.get_by_role("button").click()
        await heading(page, "This did not work")
    assert (await login(running))[0] == 403


async def test_the_pages_suit_every_eye_and_hand(running: Running, page: Page):
    await register(running)
    good, found = await link(running, "verify"), []
    paths = ["verify", "verify?token=f00d", "reset?token=f00d", "forgot", "resend"]
    for path in [*paths, *(f"done?what={one}" for one in ("verified", "reset", "sent"))]:
        await page.goto(f"{running.url}/account/{path}")
        found += await flaws(page)
    await page.goto(f"{running.url}/account/reset?token=f00d")
    await new_password(page, "short", "short")
    found += await flaws(page)
    await page.goto(good.replace(good[-4:], "f00d"))
    await page.get_by_role("button").click()
    assert found + await flaws(page) == []


async def test_the_letters_suit_every_eye(running: Running, page: Page):
    """All six: welcome, verify, already registered, reset, password changed, new sign-in."""
    await running.register(EMAIL)
    body = {"email": EMAIL, "password": PASSWORD, "name": "Ada Lovelace", "phone": "+447700900123"}
    await running.good("POST", "/api/auth/register", body)
    await running.good("POST", "/api/auth/forgot-password", {"email": EMAIL})
    body = {"token": await running.link(EMAIL, "reset"), "password": BETTER}
    await running.good("POST", "/api/auth/reset-password", body)
    await login(running, BETTER)

    async def six() -> list[Any] | None:
        letters = await running.mails()
        return letters if len({one["subject"] for one in letters}) == 6 else None

    found: list[str] = []
    for letter in await until(six):
        await page.goto(f"{running.sandbox}/_/mailbox/{letter['id']}?raw=1")
        found += await flaws(page)
    assert found == []
