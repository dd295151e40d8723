"""What people see, in a real browser: nothing is asked of any other host, and nothing goes wrong on the console."""

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, async_playwright

from tests.support.running import Running, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]


@pytest.fixture
async def page(running: Running) -> AsyncIterator[Page]:
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        page = await browser.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on(
            "request",
            lambda one: (
                complaints.append(one.url)
                if "//127.0.0.1:" not in one.url and not one.url.startswith("data:")
                else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        await browser.close()
    assert complaints == []


async def test_the_api_is_readable_without_any_other_host(running: Running, page: Page):
    await page.goto(f"{running.url}/docs")
    await page.wait_for_selector(".opblock", timeout=15_000)
    await page.mouse.wheel(0, 3000)  # what cannot be seen yet is not drawn yet
    await page.locator(".opblock").nth(14).wait_for(timeout=15_000)


async def test_trouble_is_made_and_ended_by_buttons(running: Running, page: Page):
    await page.goto(f"{running.sandbox}/_/")
    await page.locator("form[action='/_/faults'] select[name=kind]").select_option("status")
    await page.locator("form[action='/_/faults'] button").first.click()
    await page.wait_for_load_state()
    assert [one["kind"] for one in await running.control("GET", "faults")] == ["status"]
    await page.locator("form[action='/_/faults/clear'] button").click()
    await page.wait_for_load_state()

    async def cleared() -> bool:
        return await running.control("GET", "faults") == []

    await until(cleared)


async def test_a_mail_is_seen_as_its_reader_sees_it(running: Running, page: Page):
    await running.register()
    booking = await running.book()
    await running.pay(booking)
    await running.settled(booking)
    (mail,) = await until(lambda: running.mails("is confirmed"))
    await page.goto(f"{running.sandbox}/_/mailbox/{mail['id']}")
    frame = page.frame_locator("iframe")
    assert booking["reference"] in (await frame.locator("body").inner_text())


async def test_the_banks_page_is_answered_by_a_person(running: Running, page: Page):
    await running.register()
    booking = await running.book()
    paid = await running.pay(booking, "pm_card_threeDSecure2Required")
    await page.route("http://127.0.0.1:9/back*", lambda route: route.fulfill(body="back"))
    await page.goto(paid["answer"]["next_action"]["redirect_to_url"]["url"])
    assert booking["total"]["display"].split()[0] in await page.locator("main").inner_text()
    async with page.expect_request("http://127.0.0.1:9/back*"):
        await page.locator("button[value=complete]").click()
    assert (await running.settled(booking))["status"] == "confirmed"
