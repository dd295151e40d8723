"""Who may do what, as the hub answers it: every role at every route, against the one table that says so."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
import typer
from aiohttp import web
from typer.testing import CliRunner

from hub.cli.access import register_commands
from hub.people.identity.permissions import PERMISSIONS, Role
from routes.pages.account.accounts import PageRoutes
from routes.system.permissions import SELF_GUARDED_PATHS, UnlistedRoute, list_route_permissions
from routes.web.endpoint import list_endpoints
from routes.webhooks.receiver import STRIPE_ALIASES
from tests.api.operations import PASSWORD, Operation, application, nobodys, operations, schemas
from tests.support.database import fresh
from tests.support.running import Running, hub_running, settings_for

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROLES = {
    "own.data": {"traveller"},
    "own.money": {"traveller"},
    "own.account": {"traveller"},
    "staff.self": {"staff", "manager", "admin", "accountant"},
    "customers.read": {"staff", "manager", "admin", "accountant"},
    "customers.manage": {"manager", "admin"},
    "audit.read": {"manager", "admin", "accountant"},
    "bookings.read": {"staff", "manager", "admin", "accountant"},
    "staff.read": {"manager", "admin"},
    "staff.add": {"manager", "admin"},
    "staff.manage": {"admin"},
    "money.read": {"manager", "admin", "accountant"},
    "money.move": {"admin", "accountant"},
    "models.ask": {"staff", "manager", "admin", "accountant"},
}
"""Who is let in where not everybody is."""
SECRETS = {"password", "current_password", "new_password", "code", "token", "refresh_token"}
"""Fields by which somebody could guess."""


@dataclass
class House:
    """A hub with one traveller, and the operator's people on demand."""

    hub: Running
    traveler_email: str

    async def token(self, *roles: Role) -> str:
        """Of a session of its own."""
        if Role.TRAVELER in roles:
            return await self._sign_in("/api/auth/login", self.traveler_email)
        email = f"{uuid4().hex}@example.com"
        await self.hub.made.identity.staff.members.add_member(email, "Somebody", roles, PASSWORD)
        return await self._sign_in("/api/v1/auth/login", email)

    async def _sign_in(self, path: str, email: str) -> str:
        done = await replace(self.hub, token="").good("POST", path, {"email": email, "password": PASSWORD})
        return str(done["token"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(pg: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    operations()  # it makes an application of its own, and the Resend SDK keeps the last one's client in a global
    directory = Path(tmp_path_factory.mktemp("house"))
    async with fresh(pg, template) as dsn, hub_running(settings_for(dsn, directory)) as hub:
        yield House(hub, await hub.register())


def how_late(one: Operation) -> int:
    """What ends the session comes last."""
    return one.path.endswith("/user/sessions") + 2 * one.path.endswith("/logout")


async def refusals(hub: Running) -> dict[tuple[str, str], tuple[int, str]]:
    """What each route answers to a request without body, about ids that nobody has."""
    found = {}
    for one in sorted(operations(), key=how_late):
        ids = {name: nobodys(name) for name in one.parameters}
        status, said = await hub.call(one.method, one.filled(ids), Accept="application/json")
        told = said.get("error", said) if isinstance(said, dict) else {}  # on OpenAI's wire it is an envelope
        found[one.method, one.path] = (status, told.get("code", "") if isinstance(told, dict) else "")
    return found


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_is_let_in_exactly_where_the_table_says(house: House, role: Role):
    answers = await refusals(replace(house.hub, token=await house.token(role)))
    for one in operations():
        status, code = answers[one.method, one.path]
        if code == "session_ended" and how_late(one) > 0:
            continue  # it has been ended by another of these routes
        if one.permission.roles is None:
            assert code not in {"forbidden", "unauthenticated"}, one
        elif role in one.permission.roles:
            assert status not in {401, 403}, (one, code)
        else:
            assert (status, code) == (403, "forbidden"), one


async def test_somebody_with_two_roles_may_what_either_may(house: House):
    token = await house.token(Role.STAFF, Role.ACCOUNTANT)
    answers = await refusals(replace(house.hub, token=token))
    let_in = {one.permission.name for one in operations() if answers[one.method, one.path][0] not in {401, 403}}
    both = {"staff.self", "customers.read", "bookings.read", "audit.read", "money.read", "money.move", "models.ask"}
    assert let_in & set(ROLES) == both


async def test_a_role_that_is_taken_away_is_gone_with_the_next_request(house: House):
    hub = replace(house.hub, token=await house.token(Role.ADMIN))
    await house.token(Role.ADMIN)
    me = await hub.good("GET", "/api/v1/me")
    await house.hub.made.identity.staff.members.change_member(me["id"], roles=[Role.STAFF])
    assert (await hub.call("GET", "/api/v1/staff"))[0] == 403
    assert (await hub.call("GET", "/api/v1/customers"))[0] == 200


async def test_what_guards_itself_gives_nothing_away(house: House):
    answers = await refusals(replace(house.hub, token=""))
    alone = {(one.method, one.path): one.permission.name for one in operations() if _outside(one)}
    assert {line for line in alone if line[0] == "POST"} == {
        ("POST", "/webhooks/{provider}"),
        ("POST", "/webhooks/{provider}/{token}"),
        *(("POST", alias) for alias in STRIPE_ALIASES),
        ("POST", "/account/link"),
        ("POST", "/account/verify"),
        ("POST", "/account/reset"),
        ("POST", "/account/forgot"),
        ("POST", "/account/resend"),
        ("POST", "/account/sign-in"),
        ("POST", "/auth/logout"),
        ("POST", "/reconcile/run"),
        ("POST", "/reconcile/close"),
    }
    done = [line for line in alone if line[0] != "GET" and not 400 <= answers[line][0] < 500]
    assert done == [("POST", "/auth/logout")], "who is not signed in is signed out already"


def _outside(one: Operation) -> bool:
    return any(one.path.startswith(beginning) for beginning, _ in SELF_GUARDED_PATHS)


async def test_the_table_says_who():
    assert {one.name: set(one.roles) for one in PERMISSIONS if one.roles is not None} == ROLES
    unsure = {one.name for one in PERMISSIONS if one.roles is not None and not one.requires_live_session}
    assert unsure == {"own.data"}, "money, the account itself and all that staff do look at the session"


async def test_every_route_is_in_the_table():
    routes = {(one.method, one.resource.canonical) for one in application().router.routes() if one.method != "HEAD"}
    assert routes == {(one.method, one.path) for one in list_route_permissions(application())}
    assert {one.permission for one in list_route_permissions(application())} <= set(PERMISSIONS)


async def test_a_route_that_says_nothing_of_who_is_noticed():
    async def forgotten(_: web.Request) -> web.Response:
        return web.Response()

    app = application.__wrapped__()
    app.router.add_get("/api/forgotten", forgotten)
    with pytest.raises(UnlistedRoute, match="GET /api/forgotten"):
        list_route_permissions(app)


async def test_the_command_prints_every_route(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hub.cli.processes.configure_logging", lambda **_: None)
    app = typer.Typer()
    register_commands(app)
    done = CliRunner().invoke(app, ["permissions"], terminal_width=200)
    printed = {" ".join(line.split()) for line in done.output.splitlines()}
    assert {f"{one.method} {one.path} {one.permission.name}" for one in operations()} <= printed


# How often.


def limits() -> dict[tuple[str, str], str | None]:
    """The limit of every route that stands behind the gate."""
    of_pages = {(one.operation.method, one.operation.path): one.operation for one in list_endpoints(_pages())}
    found = {}
    for route in application().router.routes():
        line = (route.method, route.resource.canonical if route.resource else "")
        operation = getattr(route.handler, "__operation__", of_pages.get(line))
        if operation is not None and route.method != "HEAD":
            found[line] = operation.rate_limit
    return found


def _pages() -> PageRoutes:
    nothing: Any = None
    return PageRoutes(nothing, "http://localhost")


SECOND_STEPS = ("", "-setup", "-begin", "-codes", "-off")
GUARDED = {
    *(("POST", f"/api/{noun}/{act}")
      for noun in ("auth", "customers")
      for act in ("register", "login", "refresh", "logout", "verify-email", "resend-verification", "forgot-password",
                  "reset-password", "change-password")),
    *(("POST", f"/account/{act}") for act in ("verify", "reset", "forgot", "resend", "sign-in")),
    *(("POST", f"/api/user/second-factor{act}") for act in ("", "/confirm", "/recovery-codes", "/disable")),
    ("GET", "/api/user/export"), ("DELETE", "/api/user"), ("DELETE", "/api/customers/{customer_id}"),
    ("POST", "/api/v1/auth/login"), ("POST", "/api/v1/auth/change-password"),
    *(("POST", f"/api/v1/{step}") for step in (
        "auth/second-factor", "auth/second-factor/confirm",
        "me/second-factor/recovery-codes", "me/second-factor/disable",
    )),
    ("GET", "/auth/login"), ("POST", "/auth/login"), ("GET", "/auth/callback"),
    *(("POST", f"/auth/second-factor{act}") for act in SECOND_STEPS),
}  # fmt: skip


async def test_whatever_takes_a_secret_or_sends_a_letter_is_limited_as_a_sign_in():
    assert {line for line, limit in limits().items() if limit == "auth"} == GUARDED
    secret = {(one.method, one.path) for one in operations() if SECRETS & schemas().get(one.schema or "", set())}
    assert secret - GUARDED == {("POST", "/api/v1/staff")}, "an admin gives somebody their first password"


async def test_nothing_else_is_without_limit_but_what_operators_watch():
    assert {line for line, limit in limits().items() if limit is None} == {
        ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"),
    }  # fmt: skip
    beyond = {(one.method, one.path) for one in operations()} - set(limits())
    assert {path for _, path in beyond} == {"/webhooks/{provider}", "/webhooks/{provider}/{token}", *STRIPE_ALIASES}


async def test_who_asks_too_often_is_told_when_to_come_back(pg: str, template: str, tmp_path: Path):
    """Every guarded route; for who is signed in by the account, for others by the address they come from."""
    async with fresh(pg, template) as dsn, hub_running(settings_for(dsn, tmp_path, auth_rate_limit=3)) as hub:
        await hub.register()
        await hub.made.identity.staff.members.add_member("adam@example.com", "Adam", {Role.ADMIN}, PASSWORD)
        staff = await hub.made.identity.staff.sign_in("adam@example.com", PASSWORD, kind="bearer")
        tokens = {"traveller": hub.token, "staff": staff.secret, "nobody": ""}
        for one in operations():
            if (one.method, one.path) in GUARDED:
                who = "traveller" if one.is_for_travelers else ("staff" if one.is_for_staff else "nobody")
                asking = replace(hub, token=tokens[who])
                path = one.filled({"customer_id": str(uuid4())})
                statuses = [(await asking.call(one.method, path))[0] for _ in range(4)]
                assert (statuses[-1], int(asking.headers["Retry-After"]) >= 1) == (429, True), (one, statuses)
