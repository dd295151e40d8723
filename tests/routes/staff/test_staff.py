"""Staff with a browser and staff with an API, over HTTP; the OpenID provider is the emulator."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from adapters.oidc import OidcProvider
from adapters.transport import Transport
from hub.core.clock import IdGenerator, SystemClock
from hub.core.db import Database
from hub.core.metrics import HttpMetrics, new_registry
from hub.core.rate_limit import MemoryRateLimiter
from hub.core.sealing import SecretBox
from hub.oversight.audit import AuditLog
from hub.people.administration import CustomerAdmin
from hub.people.identity import Role
from hub.people.identity.lockout import Lockout
from hub.people.identity.passwords import PasswordHasher
from hub.people.identity.staff import StaffAccounts
from routes.staff.staff import StaffRoutes, StaffSignInPages
from routes.system.permissions import UnlistedRoute, list_route_permissions
from routes.web.access import AccessGate
from routes.web.api import ApiRouter
from routes.web.endpoint_api import OPTIONAL, STAFF_SELF, Call, post
from routes.web.middleware import EdgeMiddleware, RequestDrain
from sandbox.app import start_sandbox as serve_sandbox
from sandbox.state import SandboxConfig
from tests.support.running import Running, free_port

PASSWORD = "a long walk by the sea"


class Acts:
    """Something that changes something."""

    @post("/acts", permission=STAFF_SELF)
    async def act(self, call: Call) -> dict[str, str]:
        return {"by": str(call.signed_in_caller.id)}

    @post("/search", permission=OPTIONAL)
    async def search(self, call: Call) -> dict[str, bool]:
        return {"known": call.caller is not None}


@dataclass
class House:
    """The staff's side of the hub on a port, and a browser."""

    db: Database
    staff: StaffAccounts
    base: str = ""
    session: aiohttp.ClientSession = field(default=None)  # type: ignore[assignment]
    app: web.Application = field(default_factory=web.Application)

    async def call(self, method: str, path: str, token: str = "", **more: Any) -> tuple[int, Any]:
        headers = ({"Authorization": f"Bearer {token}"} if token else {}) | more.pop("headers", {})
        url = path if "://" in path else self.base + path
        async with self.session.request(method, url, headers=headers, allow_redirects=False, **more) as answer:
            self.headers, text = answer.headers, await answer.text()
            return answer.status, (await answer.json(content_type=None)) if "json" in answer.content_type else text

    async def add(self, *roles: Role, name: str = "adam") -> str:
        """The token of a new member."""
        roles = roles or (Role.ADMIN,)
        await self.staff.members.add_member(f"{name}@example.com", name.title(), roles, PASSWORD)
        status, found = await self.call(
            "POST", "/api/v1/auth/login", json={"email": f"{name}@example.com", "password": PASSWORD}
        )
        assert status == 200, found
        return found["token"]

    async def enter(self, password: str = PASSWORD, return_to: str = "/console", **headers: str) -> tuple[int, Any]:
        """The form, as a browser sends it."""
        form = {"email": "adam@example.com", "password": password, "return_to": return_to}
        return await self.call("POST", "/auth/login", data=form, headers={"Origin": self.base} | headers)

    async def csrf(self) -> str:
        return (await self.call("GET", "/auth/me"))[1]["csrf_token"]

    def cookie(self, name: str = "hub_staff") -> str:
        found = self.session.cookie_jar.filter_cookies(URL(self.base)).get(name)
        return found.value if found else ""


async def serve(house: House, limiter: Any = None) -> TestServer:
    clock, lockout = SystemClock(), Lockout(house.db, SystemClock(), SecretBox(["s" * 32]))
    port = urlsplit(house.base).port
    door = StaffSignInPages(house.staff, house.base)
    gate = AccessGate(
        authenticate_token=house.staff.authenticate_token,
        authenticate_cookie=door.authenticate_cookie,
        clock=clock,
        rate_limiter=limiter,
    )
    api = ApiRouter()
    api.add_endpoints(StaffRoutes(house.staff, CustomerAdmin(house.db, AuditLog(clock), clock, lockout)), Acts())
    api.install_routes(house.app, gate)
    door.install_pages(house.app, gate)
    EdgeMiddleware(clock, IdGenerator(clock), HttpMetrics(new_registry()), RequestDrain()).install_middleware(house.app)
    server = TestServer(house.app, port=port)
    await server.start_server()
    return server


def staff_of(db: Database, passwords: PasswordHasher, base: str, provider: Any = None) -> StaffAccounts:
    clock, vault = SystemClock(), SecretBox(["s" * 32])
    return StaffAccounts(
        db,
        AuditLog(clock),
        clock,
        IdGenerator(clock),
        secret_box=vault,
        password_hasher=passwords,
        lockout=Lockout(db, clock, vault),
        provider=provider,
        callback_url=f"{base}/auth/callback",
    )


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    """With passwords kept here."""
    passwords, base = PasswordHasher(threads=1), f"http://127.0.0.1:{free_port()}"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        made = House(db, staff_of(db, passwords, base), base, session)
        server = await serve(made, MemoryRateLimiter(SystemClock()))
        yield made
        await server.close()
    passwords.close()


@pytest.fixture
async def oidc(db: Database) -> AsyncIterator[House]:
    """With an OpenID provider."""
    passwords, base = PasswordHasher(threads=1), f"http://127.0.0.1:{free_port()}"
    port = free_port()
    public = f"http://127.0.0.1:{port}"
    emulator = await serve_sandbox(SandboxConfig(callback_base=base, public_base=public), "127.0.0.1", port)
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
        Transport.open_with_session(clock=SystemClock(), chance=random.Random(1), policies={}) as transport,
    ):
        provider = OidcProvider(
            transport, issuer=f"{public}/oidc", client_id="travel-hub", client_secret="sandbox-oidc-secret",
            audience="travel-hub-api", roles_claim="realm_access.roles", clock=SystemClock(),
        )  # fmt: skip
        made = House(db, staff_of(db, passwords, base, provider), base, session)
        server = await serve(made)
        yield made
        await server.close()
        await provider.close()
    await emulator.cleanup()
    passwords.close()


# With a browser and a password.


async def test_the_form_lets_a_member_in_and_a_cookie_keeps_them_in(house: House):
    await house.add()
    status, page = await house.call("GET", "/auth/login?return_to=/console%3Fa%3D1")
    assert (status, 'value="/console?a=1"' in page) == (200, True)
    assert (await house.enter())[0] == 303
    assert house.headers["Location"] == "/console"
    set_cookie = house.headers["Set-Cookie"]
    assert all(one in set_cookie for one in ("hub_staff=", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"))
    status, me = await house.call("GET", "/auth/me")
    assert (status, me["email"], me["roles"]) == (200, "adam@example.com", ["admin"])


async def test_a_wrong_password_is_told_in_the_form_and_nothing_is_reflected_raw(house: House):
    await house.add()
    status, page = await house.enter("no", return_to='/"><script>alert(1)</script>')
    assert (status, "is wrong" in page, "<script>" in page) == (401, True, False)
    assert house.cookie() == ""


@pytest.mark.parametrize(
    "bad",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)", "",
     "evil", "/a\r\nSet-Cookie: a=b", "/é", "/" + "a" * 600],
)  # fmt: skip
async def test_after_signing_in_a_browser_goes_nowhere_else(house: House, bad: str):
    await house.add()
    assert (await house.enter(return_to=bad))[0] == 303
    assert house.headers["Location"] == "/auth/signed-in"


async def test_every_sign_in_is_a_new_session_and_ends_the_one_before(house: House):
    await house.add()
    await house.enter()
    first = house.cookie()
    await house.enter()
    assert house.cookie() not in {"", first}
    house.session.cookie_jar.clear()
    assert (await house.call("GET", "/auth/me", headers={"Cookie": f"hub_staff={first}"}))[0] == 401


async def test_what_changes_something_needs_the_token_and_a_page_of_ours(house: House):
    await house.add()
    await house.enter()
    token, ours = await house.csrf(), {"Origin": house.base}
    for wrong in (
        {}, ours, {"X-CSRF-Token": token}, ours | {"X-CSRF-Token": "0" * 64},
        {"Origin": "https://evil.example", "X-CSRF-Token": token}, {"Origin": "null", "X-CSRF-Token": token},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "X-CSRF-Token": token},
    ):  # fmt: skip
        status, said = await house.call("POST", "/acts", headers=wrong)
        assert (status, said["code"]) == (403, "csrf_failed")
    for good in (ours, {"Sec-Fetch-Site": "same-origin"}):
        assert (await house.call("POST", "/acts", headers=good | {"X-CSRF-Token": token}))[0] == 200


async def test_the_token_of_one_session_does_not_do_for_another(house: House):
    await house.add()
    await house.enter()
    old = await house.csrf()
    await house.enter()
    assert (await house.call("POST", "/acts", headers={"Origin": house.base, "X-CSRF-Token": old}))[0] == 403


async def test_a_cookie_stands_in_nobodys_way_where_no_staff_are_asked_for(house: House):
    await house.add()
    await house.enter()
    assert await house.call("POST", "/search") == (200, {"known": False})


async def test_a_foreign_page_cannot_sign_a_browser_in(house: House):
    await house.add()
    assert (await house.enter(Origin="https://evil.example"))[0] == 403
    assert house.cookie() == ""


async def test_signing_out_takes_the_token_too_by_header_or_by_form(house: House):
    await house.add()
    for how in ("form", "header"):
        await house.enter()
        value, token = house.cookie(), await house.csrf()
        assert (await house.call("POST", "/auth/logout", headers={"Origin": house.base}))[0] == 403
        send = {"data": {"csrf": token}} if how == "form" else {}
        more = {"X-CSRF-Token": token} if how == "header" else {}
        assert (await house.call("POST", "/auth/logout", headers={"Origin": house.base} | more, **send))[0] == 303
        assert (house.headers["Location"], house.cookie()) == ("/auth/signed-out", "")
        assert (await house.call("GET", "/auth/me", headers={"Cookie": f"hub_staff={value}"}))[0] == 401
    assert (await house.call("GET", "/auth/signed-out"))[0] == 200


async def test_who_guesses_is_told_to_wait(house: House):
    await house.add()
    statuses = [(await house.enter("no"))[0] for _ in range(12)]
    assert (statuses[0], statuses[-1]) == (401, 429)
    assert int(house.headers["Retry-After"]) >= 1


def test_behind_https_the_cookies_belong_to_this_host_alone():
    door = StaffSignInPages(None, "https://hub.example.com")  # type: ignore[arg-type]
    response = web.Response()
    door.set_cookie(response, door._session_cookie, "x", 60)
    (made,) = response.cookies.values()
    assert (made.key, made["secure"], made["httponly"], made["domain"]) == ("__Host-hub_staff", True, True, "")


# With an OpenID provider.


async def to_provider(house: House, who: str, return_to: str = "/console") -> str:
    """The address on which the provider sends the browser back."""
    status, _ = await house.call("GET", f"/auth/login?return_to={return_to}")
    assert status == 303
    sent = URL(house.headers["Location"])
    assert (sent.query["code_challenge_method"], sent.path) == ("S256", "/oidc/authorize")
    assert (await house.call("GET", str(sent.update_query(prompt="none", login_hint=who))))[0] == 303
    return house.headers["Location"]


async def test_the_whole_way_through_the_provider_and_back_out(oidc: House):
    back = await to_provider(oidc, "mona.manager")
    assert (await oidc.call("GET", back))[0] == 303
    assert (oidc.headers["Location"], oidc.cookie("hub_login")) == ("/console", "")
    _, me = await oidc.call("GET", "/auth/me")
    assert me["roles"] == ["manager"]
    headers = {"Origin": oidc.base, "X-CSRF-Token": me["csrf_token"]}
    status, page = await oidc.call("POST", "/auth/logout", headers=headers)
    url = oidc.headers["Refresh"].partition("url=")[2]
    assert (status, "/oidc/logout" in page) == (200, True)
    assert (await oidc.call("GET", url))[0] == 303
    assert oidc.headers["Location"] == f"{oidc.base}/auth/signed-out"
    assert (await oidc.call("GET", "/auth/me"))[0] == 401


async def test_a_code_is_good_once_and_for_the_browser_that_began(oidc: House):
    back = await to_provider(oidc, "adam.admin")
    login = oidc.cookie("hub_login")
    oidc.session.cookie_jar.clear()
    status, page = await oidc.call("GET", back)
    assert (status, "Begin again" in page) == (401, True)
    cookie = {"Cookie": f"hub_login={login}"}
    assert [(await oidc.call("GET", back, headers=cookie))[0] for _ in range(2)] == [303, 401]


async def test_who_has_no_role_is_told_so(oidc: House):
    status, page = await oidc.call("GET", await to_provider(oidc, "nadia.nobody"))
    assert (status, "You have no role here." in page, oidc.cookie()) == (403, True, "")


async def test_a_refusal_of_the_provider_is_told_in_words(oidc: House):
    await to_provider(oidc, "adam.admin")
    await oidc.call("GET", "/auth/login")
    state = URL(oidc.headers["Location"]).query["state"]
    status, page = await oidc.call("GET", f"/auth/callback?error=%3Cb%3Eaccess_denied&state={state}")
    assert (status, "did not let you in" in page, "<b>" in page) == (401, True, False)


async def test_where_a_provider_lets_people_in_passwords_do_not(oidc: House):
    body = {"email": "adam@example.com", "password": PASSWORD}
    status, said = await oidc.call("POST", "/api/v1/auth/login", json=body)
    assert (status, said["code"]) == (409, "use_provider")


# With an API.


async def test_a_bearer_is_staff_until_it_signs_out(house: House):
    token = await house.add()
    status, me = await house.call("GET", "/api/v1/me", token)
    assert (status, me["email"], me["csrf_token"]) == (200, "adam@example.com", None)
    assert (await house.call("POST", "/acts", token))[0] == 200
    assert (await house.call("POST", "/api/v1/auth/logout", token))[0] == 204
    assert (await house.call("GET", "/api/v1/me", token))[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "roles"),
    [
        ("GET", "/api/v1/customers", {"staff", "manager", "admin", "accountant"}),
        ("POST", f"/api/v1/customers/{'0' * 8}-0000-0000-0000-{'0' * 12}/unlock", {"manager", "admin"}),
        ("GET", "/api/v1/audit", {"manager", "admin", "accountant"}),
        ("GET", "/api/v1/staff", {"admin", "manager"}),
    ],
)
async def test_each_role_reaches_what_is_its_own(house: House, method: str, path: str, roles: set[str]):
    let_in = set()
    for role in (Role.STAFF, Role.MANAGER, Role.ADMIN, Role.ACCOUNTANT):
        status, _ = await house.call(method, path, await house.add(role, name=role.value))
        let_in |= {role.value} if status in {200, 404} else set()
    assert let_in == roles
    assert (await house.call(method, path))[0] == 401


async def test_members_are_added_changed_and_listed(house: House):
    token = await house.add()
    new = {"email": "Stella@example.com", "name": "Stella", "roles": ["staff"], "password": PASSWORD}
    status, made = await house.call("POST", "/api/v1/staff", token, json=new)
    assert (status, made["email"], made["roles"], made["issuer"]) == (201, "stella@example.com", ["staff"], "local")
    path = f"/api/v1/staff/{made['id']}"
    _, changed = await house.call("PUT", path, token, json={"roles": ["manager", "accountant"], "disabled": True})
    assert (changed["roles"], changed["disabled_at"] is None) == (["accountant", "manager"], False)
    _, found = await house.call("GET", "/api/v1/staff?page_size=1&page=2", token)
    assert ([one["name"] for one in found["items"]], found["total"]) == (["Stella"], 2)
    assert PASSWORD not in str(found)


@pytest.mark.parametrize(
    ("change", "code"), [({"roles": ["staff"]}, "last_admin"), ({"disabled": True}, "not_yourself")]
)
async def test_the_only_admin_can_neither_step_down_nor_out(house: House, change: dict[str, Any], code: str):
    token = await house.add()
    _, me = await house.call("GET", "/api/v1/me", token)
    status, said = await house.call("PUT", f"/api/v1/staff/{me['id']}", token, json=change)
    assert (status, said["code"]) == (409, code)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [({"roles": []}, "/roles"), ({"roles": ["traveller"]}, "/roles"), ({"roles": ["boss"]}, "/roles/0")],
)
async def test_a_role_that_is_none_is_named(house: House, change: dict[str, Any], pointer: str):
    token = await house.add()
    _, me = await house.call("GET", "/api/v1/me", token)
    status, said = await house.call("PUT", f"/api/v1/staff/{me['id']}", token, json=change)
    assert (status, said["errors"][0]["pointer"]) == (422, pointer)


async def test_a_member_chooses_another_password(house: House):
    token, new = await house.add(), "another walk by the sea"
    path = "/api/v1/auth/change-password"
    assert (await house.call("POST", path, token, json={"password": "no", "new_password": new}))[0] == 403
    assert (await house.call("POST", path, token, json={"password": PASSWORD, "new_password": new}))[0] == 204
    assert (await house.enter())[0] == 401
    assert (await house.enter(new))[0] == 303


async def traveller(house: House, number: int, name: str, email: str) -> str:
    key = f"00000000-0000-0000-0000-{number:012}"
    async with house.db.transaction() as tx:
        await tx.execute(
            "insert into customers (id, email, name, created_at, verified_at) values ($1, $2, $3, now(), now())",
            key, email, name,
        )  # fmt: skip
        await tx.execute(
            "insert into sessions (id, customer_id, created_at, expires_at, last_seen_at) "
            "values ($1, $1, now(), now() + interval '1 day', now())",
            key,
        )
        await tx.execute(
            "insert into bookings (id, reference, customer_id, status, amount, currency, offer_id, supplier, "
            "itinerary, sandbox, contact_email, created_at, updated_at, expires_at) "
            "values ($1, $2, $1, 'confirmed', 500, 'EUR', 'o', 'kiwi', '{}', true, 'a@b.c', now(), now(), now())",
            key, f"REF{number:03}",
        )  # fmt: skip
        await tx.execute(
            "insert into payments (id, booking_id, customer_id, provider, status, amount, currency, captured, "
            "refunded, created_at, updated_at) "
            "values ($1, $1, $1, 'stripe', 'paid', 500, 'EUR', 500, 100, now(), now())",
            key,
        )
    return key


@pytest.mark.parametrize(
    ("text", "names"),
    [("ada", ["Ada"]), ("EXAMPLE", ["Ada", "Ben 100%"]), ("ref002", ["Ben 100%"]), ("%", ["Ben 100%"]), ("_", []),
     ("00000000-0000-0000-0000-000000000001", ["Ada"]), ("", ["Ada", "Ben 100%"]), ("'--", [])],
)  # fmt: skip
async def test_travellers_are_found_by_what_staff_know_of_them(house: House, text: str, names: list[str]):
    token = await house.add(Role.STAFF)
    await traveller(house, 1, "Ada", "ada@example.com")
    await traveller(house, 2, "Ben 100%", "ben@example.com")
    status, found = await house.call("GET", "/api/v1/customers", token, params={"q": text})
    assert (status, sorted(one["name"] for one in found["items"]), found["total"]) == (200, names, len(names))


async def test_a_traveller_is_shown_unlocked_and_signed_out_and_it_is_written_down(house: House):
    token = await house.add(Role.MANAGER)
    key = await traveller(house, 1, "Ada", "ada@example.com")
    _, found = await house.call("GET", f"/api/v1/customers/{key}", token)
    assert (found["bookings"], found["bookings_by_status"], found["sessions"]) == (1, {"confirmed": 1}, 1)
    assert found["spend"][0]["paid"]["display"] == "5.00 EUR"
    assert (found["spend"][0]["refunded"]["amount"], found["second_factor"]) == (100, False)
    assert (await house.call("POST", f"/api/v1/customers/{key}/unlock", token))[0] == 204
    assert (await house.call("POST", f"/api/v1/customers/{key}/end-sessions", token))[1] == {"ended": 1}
    _, acts = await house.call("GET", "/api/v1/audit", token, params={"customer_id": key})
    assert [one["action"] for one in acts["items"]] == ["session.all_ended", "customer.unlocked", "customer.viewed"]
    assert all(one["actor"].startswith("staff:") and one["ip"] == "127.0.0.1" for one in acts["items"])


async def test_an_unlocked_traveller_is_a_stranger_without_failures(house: House):
    token = await house.add(Role.MANAGER)
    key = await traveller(house, 1, "Ada", "ada@example.com")
    lockout = Lockout(house.db, SystemClock(), SecretBox(["s" * 32]))
    async with house.db.transaction() as tx:
        for _ in range(5):
            await lockout.count_attempt(tx, "ada@example.com", "192.0.2.1", None)
    assert (await house.call("POST", f"/api/v1/customers/{key}/unlock", token))[0] == 204
    async with house.db.transaction() as tx:
        await lockout.count_attempt(tx, "ada@example.com", "192.0.2.1", None)


async def test_the_audit_is_searched_by_noun_act_and_actor(house: House):
    token = await house.add()
    await house.enter("no")

    async def actions(**query: str) -> list[str]:
        _, found = await house.call("GET", "/api/v1/audit", token, params=query)
        return [one["action"] for one in found["items"]]

    assert await actions() == ["staff.sign_in_failed", "staff.signed_in", "staff.added"]
    assert await actions(action="staff.signed_in") == ["staff.signed_in"]
    assert (len(await actions(action="staff")), await actions(action="sta")) == (3, [])
    _, me = await house.call("GET", "/api/v1/me", token)
    assert await actions(actor=f"staff:{me['id']}") == ["staff.signed_in"]


async def forgotten(_: web.Request) -> web.Response:
    return web.Response()


async def test_every_route_says_who_may_call_it(house: House):
    lines = {(one.method, one.path): one.permission.name for one in list_route_permissions(house.app)}
    assert lines["GET", "/api/v1/audit"] == "audit.read"
    assert lines["POST", "/auth/logout"] == "staff.cookie"
    assert lines["GET", "/auth/me"] == "staff.self"
    other = web.Application()
    other.router.add_post("/forgotten", forgotten)
    with pytest.raises(UnlistedRoute, match="POST /forgotten"):
        list_route_permissions(other)


async def test_staff_and_travellers_stay_on_their_own_side(running: Running):
    await running.made.identity.staff.members.add_member("adam@example.com", "Adam", {Role.ADMIN}, PASSWORD)
    body = {"email": "adam@example.com", "password": PASSWORD}
    token = (await running.good("POST", "/api/v1/auth/login", body))["token"]
    await running.register()
    traveller_token = running.token
    for path in ("/api/v1/me", "/api/v1/customers", "/api/v1/audit", "/api/v1/staff", "/auth/me"):
        assert (await running.call("GET", path))[0] == 403
        assert (await running.call("GET", path, Authorization="Bearer hst_no"))[0] == 401
        running.token = token
        assert (await running.call("GET", path))[0] == 200
        running.token = traveller_token
    running.token = token
    for path in ("/api/bookings", "/api/user/profile", "/api/auth/me"):
        assert (await running.call("GET", path))[0] == 403
