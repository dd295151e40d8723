"""Supabase Auth: what the sandbox takes and says, against GoTrue's own OpenAPI file."""

import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml
from openapi_core.testing import MockRequest

from tests.contracts.openapi import OpenAPIContract
from tests.contracts.recording import Exchange
from tests.contracts.specs import ABSENT, Breach
from tests.sandbox.supabase_project import ADA, ANON, PASSWORD, SERVICE, Project, open_project

SERVER = "https://project.supabase.co"
TOKENS = ["access_token", "token_type", "expires_in", "expires_at", "refresh_token", "user"]
"""GoTrue's file requires nothing, so that a user would be tokens too; the answer to a sign-up must be one of them."""
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
PASSWORD_GRANT = "token?grant_type=password"
REFRESH_GRANT = "token?grant_type=refresh_token"


class GoTrueContract(OpenAPIContract):
    """Its writes have queries as well, and some have no body."""

    def _request(self, one: Exchange) -> MockRequest:
        query: Any = parse_qsl(one.query)
        kind = "application/json" if one.body else ""
        return MockRequest(
            SERVER, one.method, one.path, args=query, headers=one.headers, data=one.body, content_type=kind
        )

    def _known(self, one: Exchange) -> set[str]:
        operation = self._operations.of(one)
        return super()._known(one) if "requestBody" in operation else set()


@dataclass
class Wire:
    project: Project
    contract: GoTrueContract

    async def exchange(self, method: str, path: str, key: str = ANON, bearer: str = "", **body: Any) -> Exchange:
        place, _, query = path.partition("?")
        said = json.dumps(body).encode() if body else b""
        kind = "application/json" if said else ""
        headers = {"apikey": key, "Authorization": f"Bearer {bearer or key}", "Content-Type": kind}
        url = f"{self.project.base}/auth/v1/{path}"
        asking = self.project.session.request(method, url, data=said or None, headers=headers, allow_redirects=False)
        async with asking as answer:
            got = {"Content-Type": answer.content_type} if await answer.read() else {}
            return Exchange(
                "supabase", method, f"/{place}", query, headers, said, answer.status, got, await answer.read()
            )  # fmt: skip

    async def ask(self, method: str, path: str, *, status: int = 200, **more: Any) -> Any:
        """The answer, once it is checked like the request."""
        one = await self.exchange(method, path, **more)
        assert one.status == status, one.answer
        self.contract.check_request(one)
        return self.contract.check_answer(one)


@pytest.fixture(scope="module")
def contract() -> GoTrueContract:
    folder = os.environ.get("VENDOR_SPECS")
    if not folder:
        pytest.skip(ABSENT)
    spec = yaml.load((Path(folder) / "supabase-auth.yaml").read_text(encoding="utf-8"), LOADER)
    spec["servers"] = [{"url": SERVER}]
    spec["components"]["schemas"]["AccessTokenResponseSchema"]["required"] = TOKENS
    for operations in spec["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict) and "responses" in operation:
                operation["responses"] = {str(code): one for code, one in operation["responses"].items()}
    return GoTrueContract(spec)


@pytest.fixture
async def wire(contract: GoTrueContract) -> AsyncIterator[Wire]:
    async with open_project() as project:
        yield Wire(project, contract)


async def test_a_life_of_an_account_fits(wire: Wire) -> None:
    user = await wire.ask("POST", "signup", email=ADA, password=PASSWORD, data={"name": "Ada"})
    await wire.ask("POST", "verify", type="signup", token_hash=wire.project.mark)
    granted = await wire.ask("POST", PASSWORD_GRANT, email=ADA, password=PASSWORD)
    granted = await wire.ask("POST", REFRESH_GRANT, refresh_token=granted["refresh_token"])
    bearer = granted["access_token"]
    assert (await wire.ask("GET", "user", bearer=bearer))["id"] == user["id"]
    await wire.ask("PUT", "user", bearer=bearer, password="a-better-one", data={"seat": "aisle"})
    await wire.ask("POST", "recover", email=ADA)
    await wire.ask("POST", "resend", type="signup", email=ADA)


async def test_a_made_up_user_fits_as_well(wire: Wire) -> None:
    await wire.project.register()
    assert (await wire.ask("POST", "signup", email=ADA, password=PASSWORD))["identities"] == []


async def test_the_admins_answers_fit(wire: Wire) -> None:
    user = await wire.project.register()
    path = f"admin/users/{user['id']}"
    await wire.ask("PUT", path, key=SERVICE, ban_duration="1h", user_metadata={"name": "Ada"})
    await wire.ask("GET", path, key=SERVICE)
    assert len((await wire.ask("GET", "admin/users", key=SERVICE))["users"]) == 1
    await wire.ask("DELETE", path, key=SERVICE)


async def test_the_projects_own_answers_fit(wire: Wire) -> None:
    await wire.ask("GET", "health")
    await wire.ask("GET", "settings")


async def test_refusals_fit(wire: Wire) -> None:
    await wire.ask("POST", PASSWORD_GRANT, status=400, email=ADA, password="wrong-one")
    await wire.ask("POST", "recover", email=ADA)
    await wire.ask("POST", "signup", email=ADA, password=PASSWORD)
    await wire.ask("POST", "signup", status=429, email=ADA, password=PASSWORD)
    await wire.ask("GET", "admin/users", status=403, bearer="x.y.z")


async def test_leaving_is_described(wire: Wire) -> None:
    await wire.project.register()
    granted = await wire.project.sign_in()
    one = await wire.exchange("POST", "logout?scope=local", bearer=granted["access_token"])
    wire.contract.check_request(one)
    assert (one.status, one.answer) == (204, b"")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("signup", {"email": 5}),
        ("signup", {"email": ADA, "pass": PASSWORD}),
        ("token?grant_type=magic", {"email": ADA}),
        ("token", {"email": ADA}),
        ("verify", {"type": "other", "token_hash": "x"}),
    ],
)
async def test_the_contract_catches_what_is_wrong(wire: Wire, path: str, body: dict[str, Any]) -> None:
    one = await wire.exchange("POST", path, **body)
    with pytest.raises(Breach):
        wire.contract.check_request(one)


async def test_the_contract_catches_a_wrong_answer(wire: Wire) -> None:
    one = await wire.exchange("POST", "signup", email=ADA, password=PASSWORD)
    wrong = json.dumps(json.loads(one.answer) | {"created_at": "yesterday"}).encode()
    wire.contract.check_answer(one)
    with pytest.raises(Breach, match="yesterday"):
        wire.contract.check_answer(
            Exchange("supabase", one.method, one.path, "", one.headers, one.body, 200, one.answer_headers, wrong)
        )
