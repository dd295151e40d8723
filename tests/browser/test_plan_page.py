"""The page of a plan in a real browser that runs no scripts: on a telephone, on a desk, by night, on paper."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Page, expect

from hub.outreach.messaging import MessageTemplates
from hub.planning.plans.rendering import build_view_model
from hub.sales.documents.pdf import TypstPrinter
from tests.browser.window import CHROMIUM, flaws, window
from tests.planning.plans.gallery import TOKEN, Plans, application, shown
from tests.planning.plans.trips import PLAN_ID, athens, hostile

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with window(java_script_enabled=False) as found:
        yield found


@pytest.fixture
def plans() -> Plans:
    return Plans()


@pytest.fixture
async def url(plans: Plans) -> AsyncIterator[str]:
    printer = TypstPrinter()
    async with TestServer(application(plans, printer, sandbox=True, home="https://trips.example.com")) as server:
        yield f"{server.make_url('/plan')}/{PLAN_ID}?t={TOKEN}"
    printer.close()


async def test_the_days_are_found_and_read(url: str, page: Page):
    await page.goto(url)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Three winter days in Athens")
    await page.get_by_role("link", name="Wed 2 Dec").click()
    await expect(page.locator("#day-2")).to_be_in_viewport()
    await expect(page.locator("#day-1")).to_contain_text("Please check: Benaki Museum is closed on Tuesdays")
    await expect(page.get_by_role("row", name="Total")).to_contain_text("724.00 EUR")


async def test_a_calendar_file_is_downloaded(url: str, page: Page):
    await page.goto(url)
    async with page.expect_download() as started:
        await page.get_by_role("link", name="Calendar").click()
    assert (await started.value).suggested_filename == "athens-2026-12-01.ics"


async def test_it_suits_every_eye_and_hand(url: str, page: Page, plans: Plans):
    await page.goto(url)
    found = await flaws(page)
    plans.held = shown(hostile("Donaudampfschifffahrtsgesellschaftskapitaen" * 4))
    await page.goto(url)
    found += await flaws(page)
    await page.goto(url.replace(TOKEN, "wrong"))
    assert found + await flaws(page) == []


async def test_what_is_of_no_use_on_paper_is_not_printed(url: str, page: Page):
    await page.goto(url)
    await page.emulate_media(media="print")
    for name in ("Calendar", "Wed 2 Dec", "Places to stay in Athens"):
        await expect(page.get_by_role("link", name=name)).to_be_hidden()
    await expect(page.get_by_text("Dinner in Plaka")).to_be_visible()
    await expect(page.get_by_text("sandbox data")).to_be_visible()


async def test_a_text_that_means_harm_is_shown_as_text(url: str, page: Page, plans: Plans):
    evil = "<img src=https://evil.example.com/x.png onerror=alert(1)>"
    plans.held = shown(athens(title=evil))
    await page.goto(url)
    await expect(page.get_by_role("heading", level=1)).to_have_text(evil)
    assert await page.locator("img").count() == 0


@pytest.mark.parametrize("link", [None, "https://hub.example.com/plan/1?t=t0ken"])
async def test_the_letter_that_it_is_ready_suits_every_eye(page: Page, link: str | None):
    facts = {"it": build_view_model(athens(), sandbox=True), "customer": {"name": "Ada Lovelace"}, "link": link}
    await page.set_content(MessageTemplates().render_email("plan_ready", facts).html)
    assert await flaws(page) == []
