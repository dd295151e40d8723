"""Where the links of Supabase's own letters end, written by the templates of a new project, in a real browser."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from hub.settings import AuthSettings
from tests.browser.window import CHROMIUM, flaws, window
from tests.support.running import Running, hub_running, settings_for, until

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]

ADA, PASSWORD, BETTER = "ada@example.com", "correct horse battery", "four words keep better"


@pytest.fixture
async def hub(dsn: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with hub_running(settings_for(dsn, tmp_path, auth=AuthSettings(provider="supabase"))) as running:
        await running.control("POST", "supabase/settings", {"max_frequency": 0})
        yield running


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with window() as found:
        yield found


async def link(hub: Running, email: str, kind: str, number: int = 1) -> str:
    """Of the `number`th letter of that kind to that address."""

    async def find() -> str | None:
        letters = [letter["html"] for letter in await hub.control("GET", "mailbox") if email in letter["to"]]
        links = [found for text in letters for found in re.findall(rf'href="([^"]+type={kind}[^"]*)"', text)]
        return unescape(links[number - 1]) if len(links) >= number else None

    return str(await until(find))


async def register(hub: Running, password: str = PASSWORD, **more: str) -> None:
    await hub.good("POST", "/api/auth/register", {"email": ADA, "password": password, "name": "Ada"} | more)


async def login(hub: Running, password: str, email: str = ADA) -> tuple[int, Any]:
    return await hub.call("POST", "/api/auth/login", {"email": email, "password": password})


async def heading(page: Page, words: str) -> None:
    await expect(page.get_by_role("heading", level=1)).to_have_text(words)
    assert "access_token" not in page.url
    assert await flaws(page) == []


async def sessions(hub: Running) -> list[Any]:
    return list(await hub.control("GET", "supabase/sessions"))


async def test_a_new_account_is_confirmed_by_the_link(hub: Running, page: Page):
    await register(hub)
    confirmation = await link(hub, ADA, "signup")
    await page.goto(confirmation)
    await heading(page, "Confirm your e-mail address")
    await page.get_by_role("button").press("Enter")
    await heading(page, "Your address is confirmed")
    assert await sessions(hub) == []
    assert (await login(hub, PASSWORD))[0] == 200
    await page.goto(confirmation)
    await heading(page, "This link no longer works")


async def test_a_forgotten_password_is_replaced_by_the_link(hub: Running, page: Page):
    await register(hub)
    await hub.good("POST", "/api/auth/forgot-password", {"email": ADA})
    await page.goto(await link(hub, ADA, "recovery"))
    await heading(page, "Choose a new password")
    for first, second in (("short", "short"), (BETTER, PASSWORD), (BETTER, BETTER)):
        await page.get_by_label("New password").fill(first)
        await page.get_by_label("The same again").fill(second)
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
    await heading(page, "Your new password is saved")
    assert await sessions(hub) == []
    assert [(await login(hub, password))[0] for password in (PASSWORD, BETTER)] == [401, 200]


async def test_the_address_is_changed_by_both_links_and_the_customer_follows(hub: Running, page: Page):
    """The frontend changes the address at Supabase, which writes to both."""
    new = "countess@example.com"
    await register(hub)
    await page.goto(await link(hub, ADA, "signup"))
    await page.get_by_role("button").click()
    hub.token = (await login(hub, PASSWORD))[1]["token"]
    headers = {"apikey": "sb_publishable_sandbox", "Authorization": f"Bearer {hub.token}"}
    url = f"{hub.sandbox}/supabase/auth/v1/user?redirect_to={hub.url}/account"
    async with hub.session.put(url, json={"email": new}, headers=headers) as answer:
        assert (answer.status, (await answer.json())["new_email"]) == (200, new)
    await page.goto(await link(hub, ADA, "email_change"))
    await heading(page, "One address is confirmed")
    assert (await hub.good("GET", "/api/auth/me"))["email"] == ADA
    await page.goto(await link(hub, new, "email_change"))
    await heading(page, "Confirm your e-mail address")
    await page.get_by_role("button").click()
    await heading(page, "Your address is confirmed")
    status, signed_in = await login(hub, PASSWORD, new)
    hub.token = signed_in["token"]
    assert (status, (await hub.good("GET", "/api/auth/me"))["email"]) == (200, new)


async def test_the_link_of_an_address_that_two_have_registered_asks_for_a_password(hub: Running, page: Page):
    """Supabase keeps the first password of an address, whoever registers it again."""
    await register(hub, "the thief's own password", name="Mallory")
    await link(hub, ADA, "signup")
    await register(hub)
    await page.goto(await link(hub, ADA, "signup", 2))
    assert (await login(hub, "the thief's own password"))[0] == 401, "the link alone confirms the address at Supabase"
    await page.get_by_role("button").click()
    await expect(page.get_by_label("Password")).to_be_focused()
    await page.keyboard.type(BETTER)
    await page.keyboard.press("Enter")
    await heading(page, "Your address is confirmed")
    passwords = ("the thief's own password", PASSWORD, BETTER)
    assert [(await login(hub, password))[0] for password in passwords] == [401, 401, 200]


async def test_a_session_that_no_link_has_opened_sets_no_password(hub: Running, page: Page):
    await register(hub)
    await page.goto(await link(hub, ADA, "signup"))
    await page.get_by_role("button").click()
    await heading(page, "Your address is confirmed")
    token = (await login(hub, PASSWORD))[1]["token"]
    await page.goto(f"{hub.url}/account#access_token={token}&type=recovery")
    await heading(page, "Choose a new password")
    for name in ("New password", "The same again"):
        await page.get_by_label(name).fill(BETTER)
    await page.keyboard.press("Enter")
    await heading(page, "This link no longer works")
    assert (await login(hub, PASSWORD))[0] == 200


async def test_other_shapes_of_links(hub: Running, page: Page):
    for address, words in (
        ("account", "Your account"),
        ("account/?code=5f0c", "Your account"),
        ("account?error=access_denied&error_code=otp_expired", "This link no longer works"),
        ("account#access_token=a.b.c&type=magiclink", "This did not work"),
        ("account?token_hash=f00d&type=email", "Confirm your e-mail address"),
        ("account?token_hash=f00d&type=recovery", "Choose a new password"),
    ):
        await page.goto(f"{hub.url}/{address}")
        await heading(page, words)
