"""Export, erasure and activity over HTTP, with the edge around them."""

import io
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from hub.core.clock import IdGenerator, SystemClock
from hub.core.db import Database
from hub.core.errors import Forbidden
from hub.core.metrics import HttpMetrics, new_registry
from hub.people.identity import Caller
from hub.people.privacy import PrivacyService
from routes.traveler.privacy import ExportOut, PrivacyRoutes
from routes.web.access import AccessGate
from routes.web.api import ApiRouter
from routes.web.middleware import EdgeMiddleware, RequestDrain
from tests.people.privacy.people import ADA, BEN

PEOPLE = {"ada": ADA, "ben": BEN}
Client = TestClient[web.Request, web.Application]


async def authenticate(token: str) -> Caller:
    return PEOPLE[token].caller


async def confirm(caller: Caller, password: str) -> None:
    if password != {one.id: f"{name}'s password" for name, one in PEOPLE.items()}[caller.id]:
        raise Forbidden("The password is wrong.", code="wrong_password")


@pytest.fixture
async def client(privacy: PrivacyService, two: Database) -> AsyncIterator[Client]:
    api, app, clock, metrics = ApiRouter(), web.Application(), SystemClock(), HttpMetrics(new_registry())
    api.add_endpoints(PrivacyRoutes(privacy, confirm))
    api.install_routes(app, AccessGate(authenticate, clock, metrics=metrics))
    EdgeMiddleware(clock, IdGenerator(clock), metrics, RequestDrain()).install_middleware(app)
    async with TestClient(TestServer(app)) as opened:
        yield opened


async def ask(client: Client, method: str, path: str, token: str | None = "ada", **body: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with client.request(method, path, headers=headers, json=body or None) as answer:
        return answer.status, await answer.json(content_type=None) if answer.status != 204 else None


async def test_the_export_is_a_file_that_no_cache_keeps(client: Client):
    async with client.get("/api/user/export", headers={"Authorization": "Bearer ada"}) as answer:
        found = ExportOut.model_validate(await answer.json(), strict=False)
        assert answer.headers["Content-Disposition"] == 'attachment; filename="export-2026-05-01.json"'
        assert answer.headers["Cache-Control"] == "no-store"
    assert (found.customer_id, found.data["profile"][0]["email"]) == (ADA.id, ADA.email)


async def test_the_export_as_an_archive(client: Client):
    async with client.get("/api/user/export?format=zip", headers={"Authorization": "Bearer ada"}) as answer:
        body, kind = await answer.read(), answer.content_type
    assert kind == "application/zip"
    assert "bookings.json" in zipfile.ZipFile(io.BytesIO(body)).namelist()


@pytest.mark.parametrize("path", ["/api/user", f"/api/customers/{ADA.id}"])
async def test_an_account_ends_with_its_password(client: Client, path: str):
    assert await ask(client, "DELETE", path, password="ada's password") == (204, None)
    assert (await ask(client, "GET", "/api/user/export"))[0] == 404
    assert (await ask(client, "GET", "/api/user/activity"))[1]["items"][0]["action"] == "customer.erased"


async def test_a_wrong_password_ends_nothing(client: Client):
    status, problem = await ask(client, "DELETE", "/api/user", password="guess")
    assert (status, problem["code"]) == (403, "wrong_password")
    assert (await ask(client, "GET", "/api/user/activity"))[1]["total"] == 2


async def test_somebody_elses_account_is_not_there(client: Client):
    status, problem = await ask(client, "DELETE", f"/api/customers/{BEN.id}", password="ada's password")
    assert (status, problem["code"]) == (404, "customer_not_found")


async def test_open_bookings_are_named(client: Client, two: Database):
    async with two.transaction() as tx:
        await tx.execute("update bookings set status = 'ordered'")
    status, problem = await ask(client, "DELETE", "/api/user", password="ada's password")
    assert (status, problem["code"]) == (409, "open_bookings")
    assert f"R{ADA.number:05}" in problem["detail"]
    assert f"R{BEN.number:05}" not in problem["detail"]


@pytest.mark.parametrize(("method", "path"), [("GET", "export"), ("GET", "activity"), ("DELETE", "")])
async def test_nobody_is_let_in_without_a_token(client: Client, method: str, path: str):
    assert (await ask(client, method, f"/api/user/{path}".rstrip("/"), None))[0] == 401


async def test_activity_is_a_page_of_readable_acts(client: Client):
    _, page = await ask(client, "GET", "/api/user/activity?page_size=1&page=2")
    assert (page["page"], page["page_size"], page["total"]) == (2, 1, 2)
    assert (page["items"][0]["what"], page["items"][0]["ip"]) == ("Signed in", ADA.ip)
