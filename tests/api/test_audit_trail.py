"""Whatever happens around an account is written down: who, what, why not, from where and with which browser."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyotp
import pytest
import pytest_asyncio

from hub.people.identity.permissions import Role
from tests.api.operations import HOME, PASSWORD
from tests.support.database import fresh
from tests.support.running import Running, hub_running, settings_for, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE, BROWSER = "203.0.113.7", "Analytical-Engine/1.0"
NEW = "quite another one"
ACTS = "select * from audit_logs where request_id = any($1) and action not like 'message.%' order by id"
"""Letters that a request has caused are the hub's own doing."""


@dataclass
class Visitor:
    """Somebody at HERE with BROWSER. Every call has a name, by which its rows are found."""

    hub: Running
    email: str = ""
    id: str = ""
    calls: tuple[str, ...] = ()

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        self.calls += (uuid4().hex,)
        where = {"X-Forwarded-For": HERE, "User-Agent": BROWSER, "X-Request-Id": self.calls[-1]}
        return await self.hub.call(method, path, body, **where)

    async def good(self, method: str, path: str, body: Any = None) -> Any:
        status, found = await self.call(method, path, body)
        assert status < 300, (method, path, status, found)
        return found

    async def login(self, password: str = PASSWORD, email: str = "", **more: str) -> tuple[int, Any]:
        body = {"email": email or self.email, "password": password} | more
        status, done = await self.call("POST", "/api/auth/login", body)
        self.hub.token = done["token"] if status == 200 else self.hub.token
        return status, done

    async def acts(self) -> list[str]:
        """What the calls since the last look have left, with the reason where there is one.

        Rows are found by their request, and each has to have the address and the browser.
        """
        async with self.hub.db.transaction() as tx:
            rows = await tx.fetch(ACTS, list(self.calls))
        self.calls = ()
        assert {(row["ip"], row["user_agent"]) for row in rows} <= {(HERE, BROWSER)}
        return [" ".join(filter(None, (row["action"], row["data"].get("because")))) for row in rows]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(pg: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    settings = {"data_dir": Path(tmp_path_factory.mktemp("trail")), "trusted_proxies": 1}
    async with fresh(pg, template) as dsn, hub_running(settings_for(dsn, **settings)) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def ada(hub: Running) -> Visitor:
    """Registered, confirmed, signed in, and nothing looked at yet."""
    found = Visitor(replace(hub), f"ada.{uuid4().hex[:8]}@example.com")
    await found.good("POST", "/api/auth/register", {"email": found.email, "password": PASSWORD, "name": "Ada"})
    token = await hub.link(found.email, "verify")
    done = await found.good("POST", "/api/auth/verify-email", {"token": token})
    found.hub.token, found.id = done["token"], done["customer_id"]
    return found


@pytest_asyncio.fixture(loop_scope="module")
async def adam(hub: Running) -> Visitor:
    """An admin, signed in."""
    found = Visitor(replace(hub, token=""), f"adam.{uuid4().hex[:8]}@example.com")
    await hub.made.identity.staff.members.add_member(found.email, "Adam", [Role.ADMIN], PASSWORD)
    done = await found.good("POST", "/api/v1/auth/login", {"email": found.email, "password": PASSWORD})
    found.hub.token, found.id = done["token"], done["member"]["id"]
    return found


async def test_coming_in_for_the_first_time(ada: Visitor):
    assert await ada.acts() == ["customer.registered", "email.verified", "session.started"]
    await ada.good("POST", "/api/auth/register", {"email": ada.email, "password": NEW, "name": "Eve"})
    assert await ada.acts() == ["customer.registered_again"]


async def test_signing_in_and_why_not(ada: Visitor):
    await ada.acts()
    unconfirmed = f"eve.{uuid4().hex[:8]}@example.com"
    await ada.good("POST", "/api/auth/register", {"email": unconfirmed, "password": PASSWORD, "name": "Eve"})
    await ada.login()
    await ada.login("wrong")
    await ada.login(email=unconfirmed)
    await ada.login(email="nobody@example.com")
    assert await ada.acts() == [
        "customer.registered",
        "session.started",
        "session.refused wrong_credentials",
        "session.refused email_not_verified",
        "session.refused wrong_credentials",
    ]


async def test_a_refresh_token_used_again_after_its_successor(ada: Visitor):
    """The immediate parent is answered again, for an answer may be lost; what is older ends the session."""
    await ada.acts()
    _, first = await ada.login()

    async def refresh(token: str) -> tuple[int, Any]:
        return await ada.call("POST", "/api/auth/refresh", {"refresh_token": token})

    _, second = await refresh(first["refresh_token"])
    statuses = [(await refresh(token))[0] for token in (second["refresh_token"], first["refresh_token"])]
    assert (statuses, await ada.acts()) == ([200, 401], ["session.started", "session.ended refresh_token_reused"])


async def test_going_out_here_there_and_everywhere(ada: Visitor):
    await ada.acts()
    await ada.good("POST", "/api/auth/logout")
    await ada.login()
    await ada.login()
    other = next(one for one in await ada.good("GET", "/api/user/sessions") if not one["current"])
    await ada.good("DELETE", f"/api/user/sessions/{other['id']}")
    await ada.good("DELETE", "/api/user/sessions")
    assert await ada.acts() == [
        "session.ended signed_out",
        "session.started",
        "session.started",
        "session.ended ended_by_owner",
        "session.all_ended",
    ]


async def test_a_password_forgotten_and_changed(ada: Visitor):
    await ada.acts()
    await ada.good("POST", "/api/auth/forgot-password", {"email": ada.email})
    link = await ada.hub.link(ada.email, "reset")
    await ada.good("POST", "/api/auth/reset-password", {"token": link, "password": NEW})
    await ada.login(NEW)
    for given in ("wrong", NEW):
        await ada.call("POST", "/api/auth/change-password", {"current_password": given, "new_password": PASSWORD})
    assert await ada.acts() == [
        "password.reset_requested",
        "password.reset",
        "session.started",
        "password.refused",
        "password.changed",
    ]


async def test_a_second_factor_from_its_first_code_to_its_end(ada: Visitor):
    await ada.acts()
    made = await ada.good("POST", "/api/user/second-factor", {"password": PASSWORD})
    now = {"code": pyotp.TOTP(made["secret"]).now()}
    codes = (await ada.good("POST", "/api/user/second-factor/confirm", now))["recovery_codes"]
    await ada.login()
    await ada.login(code="000000")
    await ada.login(code=codes[0])
    both = {"password": PASSWORD, "code": codes[1]}
    fresh_codes = (await ada.good("POST", "/api/user/second-factor/recovery-codes", both))["recovery_codes"]
    await ada.call("POST", "/api/user/second-factor/disable", both)
    await ada.good("POST", "/api/user/second-factor/disable", both | {"code": fresh_codes[0]})
    assert await ada.acts() == [
        "second_factor.turned_on",
        "session.refused second_factor_required",
        "session.refused wrong_code",
        "second_factor.recovery_code_used",
        "session.started",
        "second_factor.recovery_code_used",
        "second_factor.codes_renewed",
        "second_factor.refused wrong_code",
        "second_factor.recovery_code_used",
        "second_factor.turned_off",
    ]


async def test_what_is_kept_of_a_person_read_and_changed(ada: Visitor):
    await ada.acts()
    await ada.good("GET", "/api/user/export")
    await ada.good("PUT", "/api/user/profile", {"name": "Ada King"})
    await ada.good("PUT", "/api/user/preferences", {"newsletter": True})
    path = f"/api/user/addresses/{(await ada.good('POST', '/api/user/addresses', HOME))['id']}"
    await ada.good("PUT", path, HOME)
    await ada.good("POST", f"{path}/default")
    await ada.good("DELETE", path)
    assert await ada.acts() == [
        "customer.exported",
        "customer.changed",
        "preferences.changed",
        "address.added",
        "address.changed",
        "address.made_default",
        "address.removed",
    ]


async def test_an_erasure_stays_on_record_without_where_it_came_from(ada: Visitor):
    """The act and its time are what has to be proved; an address and a browser are what was to be erased."""
    await ada.acts()
    await ada.call("DELETE", "/api/user", {"password": "wrong"})
    assert await ada.acts() == ["password.refused"]
    await ada.good("DELETE", "/api/user", {"password": PASSWORD})
    query = "select actor, action, ip, user_agent, request_id from audit_logs where customer_id = $1 order by id"

    async def forgotten() -> list[Any]:
        async with ada.hub.db.transaction() as tx:
            rows = await tx.fetch(query, ada.id)
        return rows if "customer.forgotten" in [row["action"] for row in rows] else []

    rows = await until(forgotten)
    erased = next(row for row in rows if row["action"] == "customer.erased")
    assert (erased["actor"], erased["request_id"]) == (f"customer:{ada.id}", ada.calls[-1])
    assert {(row["ip"], row["user_agent"]) for row in rows} == {(None, None)}
    assert len(rows) > 4


async def test_staff_coming_in_going_out_and_why_not(adam: Visitor):
    body = {"email": adam.email, "password": PASSWORD}
    await adam.call("POST", "/api/v1/auth/login", body | {"password": "wrong"})
    await adam.call("POST", "/api/v1/auth/login", body | {"email": "nobody@example.com"})
    for given in ("wrong", PASSWORD):
        change = {"password": given, "new_password": "a long walk by the sea"}
        await adam.call("POST", "/api/v1/auth/change-password", change)
    await adam.good("POST", "/api/v1/auth/logout")
    assert await adam.acts() == [
        "staff.signed_in",
        "staff.sign_in_failed wrong_credentials",
        "staff.sign_in_failed wrong_credentials",
        "staff.password_refused",
        "staff.password_changed",
        "staff.signed_out signed_out",
    ]


async def test_what_staff_do_to_a_traveller(adam: Visitor, ada: Visitor):
    made = await ada.good("POST", "/api/user/second-factor", {"password": PASSWORD})
    now = {"code": pyotp.TOTP(made["secret"]).now()}
    await ada.good("POST", "/api/user/second-factor/confirm", now)
    await adam.acts()
    await adam.good("GET", f"/api/v1/customers/{ada.id}")
    for act in ("unlock", "end-sessions", "reset-second-factor"):
        await adam.good("POST", f"/api/v1/customers/{ada.id}/{act}")
    calls = list(adam.calls)
    assert await adam.acts() == [
        "customer.viewed",
        "customer.unlocked",
        "session.all_ended",
        "second_factor.reset",
    ]
    async with adam.hub.db.transaction() as tx:
        rows = await tx.fetch(ACTS, calls)
    assert {(row["actor"], str(row["customer_id"])) for row in rows} == {(f"staff:{adam.id}", ada.id)}


async def test_what_staff_do_to_staff(adam: Visitor):
    await adam.acts()
    stella = {"email": f"{uuid4().hex}@example.com", "name": "Stella", "roles": ["staff"], "password": PASSWORD}
    path = f"/api/v1/staff/{(await adam.good('POST', '/api/v1/staff', stella))['id']}"
    for change in ({"roles": ["manager"]}, {"disabled": True}, {"disabled": False}):
        await adam.good("PUT", path, change)
    assert await adam.acts() == ["staff.added", "staff.roles_changed", "staff.disabled", "staff.enabled"]


async def test_who_did_it_is_who_had_come_in(ada: Visitor):
    """A visitor is nobody until the password was right, also where the act is about somebody."""
    await ada.acts()
    await ada.login("wrong")
    await ada.login()
    await ada.good("PUT", "/api/user/profile", {"name": "Ada King"})
    calls = list(ada.calls)
    async with ada.hub.db.transaction() as tx:
        rows = await tx.fetch(ACTS, calls)
    assert [row["actor"] for row in rows] == ["system", "system", f"customer:{ada.id}"]
    assert {str(row["customer_id"]) for row in rows} == {ada.id}


async def test_the_record_itself_holds_no_secret_and_no_person(ada: Visitor):
    made = await ada.good("POST", "/api/user/second-factor", {"password": PASSWORD})
    await ada.login("wrong")
    _, pair = await ada.login()
    await ada.good("PUT", "/api/user/profile", {"name": "Augusta King", "phone": "+447700900123"})
    await ada.good("POST", "/api/user/addresses", HOME | {"line1": "12 St James's Square"})
    async with ada.hub.db.transaction() as tx:
        text = json.dumps([row["all"] for row in await tx.fetch("select to_jsonb(a)::text as all from audit_logs a")])
    said = (PASSWORD, "wrong wrong", pair["token"], pair["refresh_token"], pair["device_token"], made["secret"])
    assert [one for one in (*said, ada.email, "Augusta", "+447700900123", "James") if one in text] == []
