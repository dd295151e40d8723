"""The page of a private plan: its owner opens it with a browser that is signed in, and nobody else does."""

import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.support.running import Running, soon, until

TRIP: dict[str, Any] = {"destination": "Malta", "start": soon(40).isoformat(), "end": soon(41).isoformat()}
PASSWORD = "correct horse battery"


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    """Follows redirects and keeps cookies."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


async def opened(browser: aiohttp.ClientSession, url: str, form: dict[str, str] | None = None) -> tuple[int, str]:
    how = {"data": form} if form is not None else {}
    async with browser.request("POST" if form is not None else "GET", url, **how) as answer:
        return answer.status, await answer.text()


async def test_the_owner_signs_in_by_the_link_of_the_letter_and_sees_the_plan(
    running: Running, browser: aiohttp.ClientSession
):
    email = await running.register()
    made = await running.good("POST", "/api/plan", TRIP | {"notify": True})
    (letter,) = await until(lambda: running.mails("Malta"))
    (link,) = re.findall(r"http://\S+/plan/[\w-]+", letter["text"])
    status, page = await opened(browser, link)
    assert (status, made["plan"]["title"] in page) == (404, False)
    sign_in = f"{running.url}/account/sign-in"
    assert f"../account/sign-in?plan={made['id']}" in page
    assert (await opened(browser, f"{sign_in}?plan={made['id']}"))[0] == 200
    form = {"plan": made["id"], "email": email, "password": "wrong"}
    assert (await opened(browser, sign_in, form))[0] == 401
    status, page = await opened(browser, sign_in, form | {"password": PASSWORD})
    assert (status, made["plan"]["title"] in page) == (200, True)
    assert (await opened(browser, link + ".ics"))[0] == 200
    cookies = {cookie.key: cookie for cookie in browser.cookie_jar}
    assert (cookies["hub_plans"]["path"], cookies["hub_plans"]["httponly"]) == ("/plan", True)


async def test_another_traveler_who_is_signed_in_does_not_see_it(running: Running, browser: aiohttp.ClientSession):
    await running.register()
    made = await running.good("POST", "/api/plan", TRIP)
    other = await running.register()
    form = {"plan": made["id"], "email": other, "password": PASSWORD}
    assert (await opened(browser, f"{running.url}/account/sign-in", form))[0] == 404


async def test_a_frontend_opens_the_page_for_a_traveler_who_is_signed_in_until_the_session_ends(
    running: Running, browser: aiohttp.ClientSession
):
    await running.register()
    made = await running.good("POST", "/api/plan", TRIP)
    send = {"Authorization": f"Bearer {running.token}"}
    async with browser.post(f"{running.url}/api/plan/{made['id']}/page", headers=send) as answer:
        page = (await answer.json())["page"]
    assert page == f"{running.url}/plan/{made['id']}"
    assert (await opened(browser, page))[0] == 200
    assert (await running.call("POST", "/api/auth/logout"))[0] == 204
    assert (await opened(browser, page))[0] == 404


async def test_a_form_of_a_foreign_page_signs_nobody_in(running: Running, browser: aiohttp.ClientSession):
    email = await running.register()
    form = {"plan": "0193a1b2-0000-7000-8000-000000000000", "email": email, "password": PASSWORD}
    where, foreign = f"{running.url}/account/sign-in", {"Origin": "https://evil.example"}
    async with browser.post(where, data=form, headers=foreign) as answer:
        assert answer.status == 403
    assert [cookie for cookie in browser.cookie_jar if cookie.key == "hub_plans"] == []
    assert (await opened(browser, f"{where}?plan=x"))[0] == 404
