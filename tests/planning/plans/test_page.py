"""The page of a plan over HTTP: shown to whoever may see it, and telling nobody else that it is there."""

import io
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pypdf import PdfReader

from hub.core.errors import Unavailable
from hub.sales.documents.pdf import TypstPrinter
from tests.planning.plans.gallery import TOKEN, Plans, application, shown
from tests.planning.plans.trips import PLAN_ID, athens, hostile

Client = TestClient[web.Request, web.Application]
PATH = f"/plan/{PLAN_ID}"


@pytest.fixture
def plans() -> Plans:
    return Plans()


@pytest.fixture
async def client(plans: Plans, printer: TypstPrinter) -> AsyncIterator[Client]:
    async with TestClient(TestServer(application(plans, printer))) as opened:
        yield opened


async def page(client: Client, path: str) -> tuple[int, str, Any]:
    async with client.get(path) as answer:
        return answer.status, await answer.text(), answer.headers


async def test_who_has_the_link_sees_the_plan(client: Client):
    status, text, headers = await page(client, f"{PATH}?t={TOKEN}")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    for words in ("Three winter days in Athens", "Benaki Museum", "724.00 EUR", "Made by gpt-sandbox"):
        assert words in text
    assert f'href="{PLAN_ID}.pdf?t={TOKEN}"' in text


async def test_the_address_of_a_shared_plan_is_kept_secret(client: Client):
    """It is what lets people in: no search engine, no cache and no host that is linked to is told."""
    _, text, headers = await page(client, f"{PATH}?t={TOKEN}")
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("private, no-store", "no-referrer")
    assert headers["X-Robots-Tag"] == "noindex"
    assert "canonical" not in text
    assert "og:url" not in text


async def test_a_public_plan_can_be_found_and_shared(client: Client, plans: Plans):
    plans.held = shown(athens(), "public")
    _, text, headers = await page(client, PATH)
    assert f'<link rel="canonical" href="https://hub.example.com/plan/{PLAN_ID}">' in text
    assert '<meta property="og:title" content="Three winter days in Athens">' in text
    assert '<meta name="description" content="Old stones, warm cafés' in text
    assert "noindex" not in text + headers.get("X-Robots-Tag", "")
    assert headers["Cache-Control"] == "public, max-age=60"


async def test_the_page_runs_nothing_and_loads_nothing(client: Client, plans: Plans):
    plans.held = shown(hostile("</title><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"))
    _, text, headers = await page(client, f"{PATH}?t={TOKEN}")
    assert "default-src 'none'; style-src 'self'" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]
    assert re.findall(r"<(?:script|img|style|iframe)|\sstyle=", text) == []


@pytest.mark.parametrize("query", ["", "?t=", "?t=wrong", "?t=%00", f"?t={'x' * 5000}", "?t=%ff"])
async def test_who_has_no_link_is_told_that_there_is_no_plan(client: Client, query: str):
    status, text, headers = await page(client, PATH + query)
    assert (status, headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "There is no such plan here" in text
    assert "Athens" not in text


@pytest.mark.parametrize("path", [f"/plan/{UUID(int=9)}", "/plan/x", "/plan/x.pdf", f"{PATH}.exe", f"{PATH}.pdf"])
async def test_what_is_not_there_looks_the_same(client: Client, path: str):
    status, text, _ = await page(client, path)
    assert (status, "There is no such plan here" in text) == (404, True)


async def test_a_plan_that_is_still_being_made_is_not_there_yet(client: Client, plans: Plans):
    plans.held = type(plans.held)(plans.held.record, None, plans.held.usage, own=False)
    assert (await page(client, f"{PATH}?t={TOKEN}"))[0] == 404


async def test_trouble_is_told_as_a_page(client: Client, plans: Plans):
    plans.trouble = Unavailable(retry_after=3)
    status, text, headers = await page(client, f"{PATH}?t={TOKEN}")
    assert (status, headers["Retry-After"]) == (503, "3")
    assert "Try again in some minutes" in text


@pytest.mark.parametrize(
    ("suffix", "kind", "begins"),
    [("ics", "text/calendar", "BEGIN:VCALENDAR"), ("md", "text/markdown", "# Three winter days in Athens")],
)
async def test_a_plan_can_be_taken_along(client: Client, suffix: str, kind: str, begins: str):
    status, text, headers = await page(client, f"{PATH}.{suffix}?t={TOKEN}")
    assert (status, headers["Content-Type"]) == (200, f"{kind}; charset=utf-8")
    assert headers["Content-Disposition"] == f'attachment; filename="athens-2026-12-01.{suffix}"'
    assert text.startswith(begins)


async def test_a_plan_can_be_printed(client: Client):
    async with client.get(f"{PATH}.pdf?t={TOKEN}") as answer:
        assert (answer.status, answer.content_type) == (200, "application/pdf")
        text = PdfReader(io.BytesIO(await answer.read())).pages[0].extract_text()
    assert "Three winter days in Athens" in text


async def test_the_party_of_the_request_books_the_room(client: Client):
    _, text, _ = await page(client, f"{PATH}?t={TOKEN}")
    assert "from=2026-12-01&amp;to=2026-12-03&amp;adults=2" in text
    assert 'rel="sponsored nofollow noopener"' in text


@pytest.mark.parametrize(("home", "is_linked"), [("https://trips.example.com", True), ("javascript:alert(1)", False)])
async def test_people_go_on_to_the_frontend(plans: Plans, printer: TypstPrinter, home: str, *, is_linked: bool):
    async with TestClient(TestServer(application(plans, printer, home=home, sandbox=True))) as client:
        _, text, _ = await page(client, f"{PATH}?t={TOKEN}")
    assert (home in text) is is_linked
    assert "Made with sandbox data" in text


async def test_its_looks_are_our_own(client: Client):
    status, text, headers = await page(client, "/static/plan.css")
    assert (status, headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "url(" not in text
    assert "@media print" in text
