"""The second factor of staff with a password here, as a hub in production asks for it."""

import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pyotp
import pytest

from hub.people.identity import Role
from tests.support.running import Running, hub_running, settings_for

PASSWORD = "a long walk by the sea"


@dataclass
class Desk:
    """A browser and an API client of one member. `codes` are the authenticator's; none is good twice."""

    hub: Running
    browser: aiohttp.ClientSession
    email: str = "adam@example.com"
    secret: str = ""
    step: int = -1

    def code(self) -> str:
        """A code that has not been used: the steps before and after now are good too."""
        totp, self.step = pyotp.TOTP(self.secret), self.step + 1
        return totp.at(int(time.time()) + 30 * (self.step - 1))

    async def form(self, path: str, **fields: str) -> tuple[int, str]:
        headers = {"Origin": self.hub.url}
        async with self.browser.post(
            self.hub.url + path, data=fields, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()

    async def page(self, path: str) -> str:
        async with self.browser.get(self.hub.url + path, allow_redirects=False) as answer:
            return await answer.text()

    async def enter(self) -> tuple[int, str]:
        return await self.form("/auth/login", email=self.email, password=PASSWORD, return_to="/docs")

    async def api(self, **more: str) -> tuple[int, Any]:
        self.hub.token = ""
        return await self.hub.call("POST", "/api/v1/auth/login", {"email": self.email, "password": PASSWORD} | more)

    async def json(self, path: str, **body: str) -> tuple[int, Any]:
        """A call of `/api/v1` with the member's password, which can be replaced."""
        return await self.hub.call("POST", f"/api/v1/{path}", {"password": PASSWORD} | body)

    async def me(self) -> int:
        async with self.browser.get(f"{self.hub.url}/auth/me") as answer:
            return answer.status

    async def set_up(self) -> list[str]:
        """The recovery codes."""
        await self.enter()
        found = re.search(r"<code>([A-Z2-7 ]+)</code>", await self.page("/auth/second-factor-setup"))
        assert found
        self.secret, self.step = found[1].replace(" ", ""), -1
        status, text = await self.form("/auth/second-factor-setup", code=self.code(), return_to="/docs")
        assert status == 200, text
        return re.findall(r"<li><code>(\S+)</code>", text)


@pytest.fixture
async def desk(dsn: str, tmp_path: Path) -> AsyncIterator[Desk]:
    settings = settings_for(dsn, tmp_path, staff_second_factor="required")
    jar = aiohttp.CookieJar(unsafe=True)
    async with hub_running(settings, sandbox=False) as hub, aiohttp.ClientSession(cookie_jar=jar) as browser:
        await hub.made.identity.staff.members.add_member("adam@example.com", "Adam", {Role.ADMIN}, PASSWORD)
        await hub.made.identity.staff.members.add_member("mona@example.com", "Mona", {Role.MANAGER}, PASSWORD)
        yield Desk(hub, browser)


async def test_an_admin_sets_it_up_before_the_first_session(desk: Desk):
    assert (await desk.api())[1]["code"] == "second_factor_setup_required"
    assert await desk.enter() == (303, "/auth/second-factor-setup?return_to=%2Fdocs")
    assert await desk.me() == 401
    await desk.page("/auth/second-factor-setup")
    status, text = await desk.form("/auth/second-factor-setup", code="000000", return_to="/docs")
    assert (status, "The code is wrong" in text) == (403, True)
    assert len(await desk.set_up()) == 10
    assert await desk.me() == 200


async def test_then_a_password_alone_lets_nobody_in(desk: Desk):
    codes = await desk.set_up()
    desk.browser.cookie_jar.clear()
    assert await desk.enter() == (303, "/auth/second-factor?return_to=%2Fdocs")
    assert await desk.me() == 401
    status, text = await desk.form("/auth/second-factor", code="000000", return_to="/docs")
    assert (status, "The code is wrong" in text) == (401, True)
    assert await desk.form("/auth/second-factor", code=desk.code(), return_to="/docs") == (303, "/docs")
    assert await desk.me() == 200
    assert (await desk.api())[1]["code"] == "second_factor_required"
    assert [(await desk.api(code=codes[0]))[0] for _ in range(2)] == [200, 401]


async def test_an_accountant_needs_it_too(desk: Desk):
    desk.email = "anna@example.com"
    await desk.hub.made.identity.staff.members.add_member(desk.email, "Anna", {Role.ACCOUNTANT}, PASSWORD)
    assert await desk.enter() == (303, "/auth/second-factor-setup?return_to=%2Fdocs")
    assert (await desk.api())[1]["code"] == "second_factor_setup_required"


async def test_other_roles_need_none(desk: Desk):
    desk.email = "mona@example.com"
    assert await desk.enter() == (303, "/docs")
    assert (await desk.api())[0] == 200


async def test_who_becomes_an_admin_signs_in_anew(desk: Desk):
    desk.email = "mona@example.com"
    token = (await desk.api())[1]["token"]
    members = desk.hub.made.identity.staff.members
    await members.change_member((await members.find_member_by_email("mona@example.com")).id, roles={Role.ADMIN})
    desk.hub.token = token
    assert (await desk.hub.call("GET", "/api/v1/me"))[1]["code"] == "session_ended"


async def test_the_second_step_ends_with_a_change_of_the_password(desk: Desk):
    await desk.set_up()
    desk.browser.cookie_jar.clear()
    await desk.enter()
    members = desk.hub.made.identity.staff.members
    await members.set_password((await members.find_member_by_email(desk.email)).id, "another walk by the sea")
    status, text = await desk.form("/auth/second-factor", code=desk.code(), return_to="/docs")
    assert (status, "Begin again" in text) == (401, True)


async def test_without_the_first_step_there_is_no_second(desk: Desk):
    for path in ("/auth/second-factor", "/auth/second-factor-setup"):
        assert (await desk.form(path, code="123456", return_to="/docs"))[0] == 401


async def test_codes_cannot_be_guessed(desk: Desk):
    await desk.set_up()
    desk.browser.cookie_jar.clear()
    await desk.enter()
    tries = [(await desk.form("/auth/second-factor", code="000000", return_to="/docs"))[0] for _ in range(8)]
    assert (tries[0], tries[-1]) == (401, 429)


async def test_an_admin_neither_turns_it_off_nor_is_locked_out_for_good(desk: Desk):
    await desk.set_up()
    csrf = re.search(r'name="csrf" value="(\w+)"', await desk.page("/auth/signed-in"))
    assert csrf
    status, text = await desk.form("/auth/second-factor-off", csrf=csrf[1], code=desk.code())
    assert (status, "Your role needs a second factor" in text) == (409, True)
    members = desk.hub.made.identity.staff.members
    await members.reset_second_factor((await members.find_member_by_email(desk.email)).id)
    assert await desk.me() == 401
    assert await desk.enter() == (303, "/auth/second-factor-setup?return_to=%2Fdocs")


async def test_who_needs_none_turns_it_on_and_off(desk: Desk):
    desk.email = "mona@example.com"
    await desk.enter()
    csrf = re.search(r'name="csrf" value="(\w+)"', await desk.page("/auth/signed-in"))
    assert csrf
    assert (await desk.form("/auth/second-factor-begin", csrf=csrf[1], password="wrong"))[0] == 401
    status, where = await desk.form("/auth/second-factor-begin", csrf=csrf[1], password=PASSWORD)
    assert (status, where.partition("?")[0]) == (303, "/auth/second-factor-setup")
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", await desk.page(where))
    assert found
    desk.secret = found[1].replace(" ", "")
    assert (await desk.form("/auth/second-factor-setup", code=desk.code(), return_to="/docs"))[0] == 200
    assert (await desk.api())[1]["code"] == "second_factor_required"
    csrf = re.search(r'name="csrf" value="(\w+)"', await desk.page("/auth/signed-in"))
    assert csrf
    status, text = await desk.form("/auth/second-factor-codes", csrf=csrf[1], code=desk.code())
    assert (status, len(re.findall("<li><code>", text))) == (200, 10)
    assert (await desk.form("/auth/second-factor-off", csrf=csrf[1], code=desk.code()))[0] == 303
    assert (await desk.api())[0] == 200


async def test_an_admin_sets_it_up_by_the_api_before_the_first_session(desk: Desk):
    """No session is needed, and none opens on a wrong code."""
    begin = "auth/second-factor"
    assert (await desk.api())[1]["code"] == "second_factor_setup_required"
    status, enrollment = await desk.json(begin, email=desk.email)
    assert (status, (await desk.json(begin, email=desk.email))[1]) == (201, enrollment)
    assert enrollment["secret"] in enrollment["uri"]
    desk.secret = enrollment["secret"]
    status, problem = await desk.json(f"{begin}/confirm", email=desk.email, code="000000")
    assert (status, problem["code"]) == (403, "wrong_code")
    status, signed_in = await desk.json(f"{begin}/confirm", email=desk.email, code=desk.code())
    assert (status, len(signed_in["recovery_codes"]), signed_in["member"]["email"]) == (200, 10, desk.email)
    desk.hub.token = signed_in["token"]
    factor = await desk.hub.good("GET", "/api/v1/me/second-factor")
    assert (factor["enabled"], factor["required"], factor["recovery_codes_left"]) == (True, True, 10)
    assert (await desk.json(begin, email=desk.email))[1]["code"] == "second_factor_on"
    status, problem = await desk.json("me/second-factor/disable", code=desk.code())
    assert (status, problem["code"]) == (409, "second_factor_required")


async def test_a_member_renews_the_codes_and_removes_the_factor_by_the_api(desk: Desk):
    desk.email = "mona@example.com"
    desk.secret = (await desk.json("auth/second-factor", email=desk.email))[1]["secret"]
    signed_in = (await desk.json("auth/second-factor/confirm", email=desk.email, code=desk.code()))[1]
    desk.hub.token = signed_in["token"]
    codes = (await desk.json("me/second-factor/recovery-codes", code=desk.code()))[1]["recovery_codes"]
    old = signed_in["recovery_codes"][0]
    for wrong, code in (({"password": "wrong"}, "wrong_password"), ({"code": old}, "wrong_code")):
        status, problem = await desk.json("me/second-factor/disable", **({"code": codes[0]} | wrong))
        assert (status, problem["code"]) == (403, code)
    assert (await desk.json("me/second-factor/disable", code=codes[0]))[0] == 204
    assert (await desk.hub.good("GET", "/api/v1/me/second-factor"))["enabled"] is False
    for act in ("disable", "recovery-codes"):
        assert (await desk.json(f"me/second-factor/{act}", code=codes[1]))[1]["code"] == "second_factor_off"
    assert (await desk.api())[0] == 200


async def test_a_second_factor_is_begun_by_nobody_without_the_password(desk: Desk):
    for email in (desk.email, "nobody@example.com"):
        status, problem = await desk.json("auth/second-factor", email=email, password="wrong")
        assert (status, problem["code"]) == (401, "wrong_credentials")
    status, problem = await desk.json("auth/second-factor/confirm", email=desk.email, code="123456")
    assert (status, problem["code"]) == (409, "second_factor_not_begun")


async def test_codes_of_the_api_cannot_be_guessed(desk: Desk):
    await desk.json("auth/second-factor", email=desk.email)
    tries = [await desk.json("auth/second-factor/confirm", email=desk.email, code="000000") for _ in range(8)]
    assert (tries[0][1]["code"], tries[-1][1]["code"]) == ("wrong_code", "too_many_failures")
