"""The reconciliation as staff see it: over HTTP, as a page, on the command line."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import typer
from typer.testing import CliRunner

from hub.cli.accounting import register_commands
from hub.people.identity.permissions import Role
from tests.sales.reconciliation.conftest import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "a long walk by the sea"
SPOIL = "update payments set fee = fee + 7 returning id"
API = "/api/v1/reconcile"


@pytest_asyncio.fixture(loop_scope="module")
async def staff(world: World) -> AsyncIterator[World]:
    """The accountant is signed in, instead of the traveller; one break is there."""
    await world.confirmed()
    await world.sql(SPOIL)
    members, token = world.hub.made.identity.staff.members, world.hub.token
    if await world.sql("select count(*) from staff") == 0:
        await members.add_member("ann@example.com", "Ann", {Role.ACCOUNTANT}, PASSWORD)
        await members.add_member("sam@example.com", "Sam", {Role.STAFF}, PASSWORD)
    world.hub.token = await signed_in(world, "ann@example.com")
    yield world
    world.hub.token = token


async def signed_in(world: World, email: str) -> str:
    world.hub.token = ""
    return (await world.hub.good("POST", "/api/v1/auth/login", {"email": email, "password": PASSWORD}))["token"]


async def test_over_http(staff: World):
    hub = staff.hub
    report = await hub.good("POST", f"{API}/run", {"hours": 1})
    assert (report["clean"], report["open"], report["notes"]) == (False, {"fee_differs": 1}, [])
    assert (await hub.good("GET", f"{API}/report"))["started_at"] == report["started_at"]
    (found,) = (await hub.good("GET", f"{API}/breaks"))["items"]
    assert (found["kind"], found["proposal"]) == ("fee_differs", "Book the difference of the fee by hand.")
    assert (await hub.call("POST", f"{API}/breaks/{found['id']}/close", {"note": ""}))[0] == 422
    closed = await hub.good("POST", f"{API}/breaks/{found['id']}/close", {"note": "as agreed"})
    assert (closed["closed_because"], closed["note"]) == ("accepted", "as agreed")
    assert closed["closed_by"].startswith("staff:")
    assert (await hub.call("POST", f"{API}/breaks/{found['id']}/close", {"note": "again"}))[0] == 404
    assert (await hub.good("GET", f"{API}/breaks"))["total"] == 0
    assert (await hub.good("GET", f"{API}/breaks?closed=true&kind=fee_differs"))["total"] == 1


async def test_who_may_not(staff: World):
    staff.hub.token = await signed_in(staff, "sam@example.com")
    assert (await staff.hub.call("GET", f"{API}/breaks"))[0] == 403
    assert (await staff.hub.call("POST", f"{API}/run"))[0] == 403


class Browser:
    def __init__(self, world: World) -> None:
        self.base = world.hub.url
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def go(self, method: str, path: str, **form: str) -> tuple[int, str]:
        how: dict[str, Any] = {"data": form} if method == "POST" else {}
        headers = {"Origin": self.base, "Accept": "text/html"}
        asking = self.session.request(method, self.base + path, headers=headers, allow_redirects=False, **how)
        async with asking as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()

    async def enter(self, email: str) -> None:
        status, _ = await self.go("POST", "/auth/login", email=email, password=PASSWORD, return_to="/reconcile")
        assert status == 303


@pytest_asyncio.fixture(loop_scope="module")
async def browser(staff: World) -> AsyncIterator[Browser]:
    found = Browser(staff)
    yield found
    await found.session.close()


async def test_who_is_not_signed_in_is_led_to_the_door_and_back(browser: Browser):
    assert await browser.go("GET", "/reconcile") == (303, "/auth/login?return_to=/reconcile")
    assert (await browser.go("POST", "/reconcile/run", csrf="x"))[1].startswith("/auth/login")


async def test_the_page_compares_and_closes(browser: Browser):
    await browser.enter("ann@example.com")
    page = (await browser.go("GET", "/reconcile"))[1]
    assert "no run yet" in page
    csrf = re.findall(r'name="csrf" value="([^"]+)"', page)[0]
    assert await browser.go("POST", "/reconcile/run", csrf=csrf) == (303, "/reconcile")
    page = (await browser.go("GET", "/reconcile"))[1]
    assert "1 open" in page
    assert "Fee differs" in page
    number = re.findall(r'name="id" value="([^"]+)"', page)[0]
    assert (await browser.go("POST", "/reconcile/close", csrf=csrf, id=number, note=""))[0] == 422
    assert await browser.go("POST", "/reconcile/close", csrf=csrf, id=number, note="as agreed") == (303, "/reconcile")
    assert "Nothing differs" in (await browser.go("GET", "/reconcile"))[1]
    assert (await browser.go("GET", "/static/reconcile.css"))[0] == 200


async def test_the_page_acts_for_nobody_without_its_own_token_or_the_role(browser: Browser):
    await browser.enter("ann@example.com")
    assert (await browser.go("POST", "/reconcile/run", csrf="guessed"))[0] == 403
    csrf = re.findall(r'name="csrf" value="([^"]+)"', (await browser.go("GET", "/reconcile"))[1])[0]
    await browser.enter("sam@example.com")
    assert (await browser.go("GET", "/reconcile"))[0] == 403
    assert (await browser.go("POST", "/reconcile/run", csrf=csrf))[0] == 403


app = typer.Typer()
register_commands(app)


async def hub(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, Any]:
    """The command in a process's place: its JSON and its exit status."""
    settings = world.hub.settings
    monkeypatch.setattr("hub.cli.accounting.load_settings", lambda: settings)
    monkeypatch.setattr("hub.cli.operations.load_settings", lambda: settings)
    done = await asyncio.to_thread(CliRunner().invoke, app, list(arguments))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, json.loads(done.output) if "--json" in arguments else done.output


async def test_on_the_command_line(staff: World, monkeypatch: pytest.MonkeyPatch):
    code, told = await hub(staff, monkeypatch, "reconcile", "--since", "2h", "--json")
    assert (code, told["open"], [one["kind"] for one in told["breaks"]]) == (1, {"fee_differs": 1}, ["fee_differs"])
    code, text = await hub(staff, monkeypatch, "reconcile")
    assert (code, "Book the difference" in text) == (1, True)
    await staff.sql("update payments set fee = fee - 7 returning id")
    code, text = await hub(staff, monkeypatch, "reconcile", "--fix")
    assert (code, "Nothing differs" in text, "fee_differs 1" in text) == (0, True, True)


async def test_the_books_are_checked_on_the_command_line(staff: World, monkeypatch: pytest.MonkeyPatch):
    assert await hub(staff, monkeypatch, "ledger", "check", "--json") == (0, {"balanced": True, "broken": []})
    assert "balance" in (await hub(staff, monkeypatch, "ledger", "check", "--since", "7d"))[1]
    await staff.sql("update payments set captured = captured - 1 returning id")
    code, told = await hub(staff, monkeypatch, "ledger", "check", "--json")
    assert (code, told["balanced"]) == (1, False)
    assert "what is taken is what was captured and is not back" in {one["rule"] for one in told["broken"]}
    assert (await hub(staff, monkeypatch, "ledger", "check"))[0] == 1
