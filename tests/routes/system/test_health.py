import asyncio
import os
import shutil

import pytest
from playwright.async_api import async_playwright
from yarl import URL

from hub.core.errors import Unavailable
from tests.routes.web.toy import Toy


async def fine():
    return None


async def away():
    raise Unavailable("The database is not available.")


async def broken():
    raise RuntimeError("canary-secret")


async def hanging():
    await asyncio.sleep(60)


async def test_alive_says_nothing_of_what_it_needs():
    async with Toy(checks={"database": away}) as client:
        answer = await client.get("/healthz")
        assert (answer.status, await answer.json()) == (200, {"status": "ok"})


async def test_ready_when_every_check_is():
    async with Toy(checks={"database": fine, "worker": fine}) as client:
        answer = await client.get("/readyz")
        assert answer.status == 200
        assert await answer.json() == {"status": "ready", "checks": {"database": "ok", "worker": "ok"}}


@pytest.mark.parametrize(("check", "said"), [(away, "The database is not available."), (broken, "RuntimeError")])
async def test_not_ready_says_which_one(check, said):
    async with Toy(checks={"database": check, "worker": fine}) as client:
        answer = await client.get("/readyz")
        assert answer.status == 503
        assert (await answer.json())["checks"] == {"database": said, "worker": "ok"}


async def test_a_check_that_hangs_is_a_check_that_fails(monkeypatch):
    monkeypatch.setattr("routes.system.health._CHECK_TIMEOUT", 0.05)
    async with Toy(checks={"database": hanging}) as client:
        answer = await client.get("/readyz")
        assert (await answer.json())["checks"] == {"database": "no answer in time"}


async def test_not_ready_while_shutting_down():
    toy = Toy()
    async with toy as client:
        toy.drain.start_draining()
        assert (await client.get("/readyz")).status == 503


async def test_metrics_are_prometheus_text():
    async with Toy() as client:
        answer = await client.get("/metrics")
        assert answer.content_type == "text/plain"
        assert "process_resident_memory_bytes" in await answer.text()


async def test_the_docs_come_from_here_alone_and_run_no_inline_script():
    async with Toy() as client:
        page = await client.get("/docs")
        text = await page.text()
        assert "script-src 'self';" in page.headers["Content-Security-Policy"]
        assert "http" not in text.replace("http-equiv", "")
        assert "<script>" not in text
        for part in ("swagger-ui.css", "swagger-ui-bundle.js", "docs.js"):
            assert f"/docs/{part}" in text
            assert (await client.get(f"/docs/{part}")).status == 200


@pytest.mark.browser
async def test_a_browser_draws_the_docs_under_the_strict_policy():
    chromium = shutil.which("chromium")
    if chromium is None and not os.environ.get("HUB_TEST_REQUIRE_ALL"):
        pytest.skip("chromium is not installed")
    said, asked = [], []
    async with Toy() as client, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(str(client.make_url("/docs")))
        await page.wait_for_selector(".opblock", timeout=10_000)
        await browser.close()
        assert said == []
        assert {URL(one).port for one in asked} == {client.port}


@pytest.mark.parametrize("name", ["index.html", "LICENSE", "..%2f..%2fsystem.py", "nothing"])
async def test_nothing_else_is_served(name):
    async with Toy() as client:
        assert (await client.get(f"/docs/{name}")).status == 404
