"""Supabase's emulator: access tokens, the keys they are checked with, and those that pass no check."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest

from tests.sandbox.supabase_project import ADA, ANON, KNOWN, Project, now, open_project


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    async with open_project() as opened:
        await opened.register()
        yield opened


async def published(project: Project) -> list[Any]:
    found: list[Any] = (await project.ok("GET", ".well-known/jwks.json", key=None))["keys"]
    return found


async def access(project: Project) -> str:
    return str((await project.sign_in())["access_token"])


async def test_claims_are_those_of_supabase(project: Project) -> None:
    granted = await project.sign_in()
    claims = await project.read(granted["access_token"])
    assert list(claims) == [
        "iss", "sub", "aud", "exp", "iat", "email", "phone", "app_metadata", "user_metadata", "role", "aal", "amr",
        "session_id", "is_anonymous",
    ]  # fmt: skip
    assert (claims["sub"], claims["email"]) == (granted["user"]["id"], ADA)
    assert (claims["role"], claims["aal"], claims["is_anonymous"]) == ("authenticated", "aal1", False)
    assert claims["exp"] - claims["iat"] == 3600
    assert [one["method"] for one in claims["amr"]] == ["password"]


async def test_the_key_is_published_without_its_secret(project: Project) -> None:
    _, body, headers = await project.call("GET", ".well-known/jwks.json", key=None)
    (key,) = body["keys"]
    assert headers["Cache-Control"] == "public, max-age=600"
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    assert "d" not in key


async def test_a_new_key_signs_and_the_old_one_stays(project: Project) -> None:
    old = await access(project)
    turned = await project.control("rotate")
    new = await access(project)
    assert jwt.get_unverified_header(new)["kid"] == turned["kid"] != jwt.get_unverified_header(old)["kid"]
    assert turned["published"] == [one["kid"] for one in await published(project)]
    for token in (old, new):
        await project.read(token)
        await project.ok("GET", "user", bearer=token)


async def test_an_old_key_can_be_taken_back(project: Project) -> None:
    old = await access(project)
    await project.control("rotate")
    new = await access(project)
    await project.control("rotate", drop_old=True)
    assert len(await published(project)) == 1
    await project.ok("GET", "user", bearer=new)
    status, code, text = await project.refused("GET", "user", bearer=old)
    assert (status, code) == (403, "bad_jwt")
    assert "unrecognized JWT kid" in text


async def test_a_leaked_key_is_replaced_at_once(project: Project) -> None:
    (before,) = await published(project)
    turned = await project.control("rotate", drop_old=True)
    assert turned["published"] == [turned["kid"]]
    assert turned["kid"] != before["kid"]


async def test_an_older_project_signs_with_its_secret(project: Project) -> None:
    await project.control("signing", algorithm="HS256")
    assert await published(project) == []
    token = await access(project)
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    claims = jwt.decode(token, KNOWN.supabase_jwt_secret, ["HS256"], audience="authenticated")
    assert claims["email"] == ADA
    await project.ok("GET", "user", bearer=token)
    await project.control("signing", algorithm="ES256")
    assert len(await published(project)) == 1


async def test_a_token_ends_with_its_hour(project: Project) -> None:
    token = await access(project)
    project.later(3601)
    _, code, text = await project.refused("GET", "user", bearer=token)
    assert (code, text.rpartition(", ")[2]) == ("bad_jwt", "token has invalid claims: token is expired")


async def test_a_published_key_is_no_shared_secret(project: Project) -> None:
    """The old confusion: HS256 with the public key as its secret, under the kid of that key."""
    (key,) = await published(project)
    claims = jwt.decode(await access(project), options={"verify_signature": False})
    forged = jwt.encode(claims, f"{key['x']}.{key['y']}", "HS256", headers={"kid": key["kid"]})
    assert (await project.refused("GET", "user", bearer=forged))[:2] == (403, "bad_jwt")
    unsigned = jwt.encode(claims, "", "none", headers={"kid": key["kid"]})
    assert (await project.refused("GET", "user", bearer=unsigned))[:2] == (403, "bad_jwt")


@pytest.mark.parametrize("token", ["x", "a.b.c", ANON + "x", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA"])
async def test_what_is_no_token(project: Project, token: str) -> None:
    assert (await project.refused("GET", "user", bearer=token))[:2] == (403, "bad_jwt")


@pytest.mark.parametrize(
    ("claims", "wanted"),
    [
        ({}, (403, "bad_jwt", "invalid claim: missing sub claim")),
        ({"sub": "ada"}, (400, "bad_jwt", "invalid claim: sub claim must be a UUID")),
        ({"sub": str(uuid4())}, (403, "user_not_found", "User from sub claim in JWT does not exist")),
    ],
)
async def test_a_token_of_nobody(project: Project, claims: dict[str, Any], wanted: object) -> None:
    expiry = {"exp": int((now() + timedelta(hours=1)).timestamp())}
    token = jwt.encode(claims | expiry, KNOWN.supabase_jwt_secret, "HS256")
    assert await project.refused("GET", "user", bearer=token) == wanted


async def test_a_bearer_is_needed(project: Project) -> None:
    wanted = (401, "no_authorization", "This endpoint requires a valid Bearer token")
    assert await project.refused("GET", "user", headers={"Authorization": "Basic x"}) == wanted
    assert (await project.refused("GET", "user"))[2] == "invalid claim: missing sub claim"


async def test_the_users_token_is_none_for_admins(project: Project) -> None:
    found = await project.refused("GET", "admin/users", bearer=await access(project))
    assert found == (403, "not_admin", "User not allowed")


async def test_an_account_that_is_gone_has_no_token(project: Project) -> None:
    granted = await project.sign_in()
    await project.admin("DELETE", f"/{granted['user']['id']}")
    found = await project.refused("GET", "user", bearer=granted["access_token"])
    assert found == (403, "user_not_found", "User from sub claim in JWT does not exist")
