"""Supabase's emulator: what the service key may do with users."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.sandbox.supabase_project import ADA, ANON, PASSWORD, SERVICE, Project, open_project


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    async with open_project() as opened:
        yield opened


async def refused(project: Project, method: str, path: str = "", **more: Any) -> tuple[int, str, str]:
    return await project.refused(method, f"admin/users{path}", key=SERVICE, **more)


async def test_a_user_is_made_and_read(project: Project) -> None:
    given = {"email": ADA, "password": PASSWORD, "email_confirm": True, "user_metadata": {"name": "Ada"}}
    made = await project.admin("POST", **given, app_metadata={"customer": "c1"}, id=(ident := str(uuid4())))
    assert (made["id"], made["app_metadata"]["customer"]) == (ident, "c1")
    assert made["identities"][0]["identity_data"]["sub"] == ident
    assert await project.admin("GET", f"/{ident}") == made
    assert (await project.sign_in())["user"]["user_metadata"] == {"name": "Ada", "email_verified": True}
    assert project.world.mailbox == []


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, (400, "validation_failed", "Cannot create a user without either an email or phone")),
        ({"email": "x"}, (400, "validation_failed", "Unable to validate email address: invalid format")),
        ({"email": "b@b.com", "id": "x"}, (400, "validation_failed", "ID must conform to the uuid v4 format")),
        ({"email": "b@b.com", "ban_duration": "soon"}, (400, "validation_failed",
         'invalid format for ban duration: time: invalid duration "soon"')),
        ({"email": "b@b.com", "password": "x" * 73},
         (400, "validation_failed", "bcrypt: password length exceeds 72 bytes")),
        ({"email": "ADA@example.com"},
         (422, "email_exists", "A user with this email address has already been registered")),
    ],
)  # fmt: skip
async def test_a_user_that_cannot_be_made(project: Project, given: Any, wanted: object) -> None:
    await project.register()
    assert await refused(project, "POST", **given) == wanted
    assert len(await project.look("users")) == 1


async def test_a_user_is_changed(project: Project) -> None:
    user = await project.register()
    token = (await project.sign_in())["access_token"]
    change = {"email": "Lady@example.com", "password": "a-better-one", "role": "vip", "app_metadata": {"tier": 1}}
    changed = await project.admin("PUT", f"/{user['id']}", **change)
    assert (changed["email"], changed["role"], changed["app_metadata"]["tier"]) == ("lady@example.com", "vip", 1)
    assert (await project.refused("GET", "user", bearer=token))[1] == "session_not_found"
    await project.sign_in("lady@example.com", "a-better-one")


async def test_a_change_that_cannot_be(project: Project) -> None:
    user = await project.register()
    await project.register("bob@example.com")
    path = f"/{user['id']}"
    assert (await refused(project, "PUT", path, password="short"))[:2] == (422, "weak_password")
    assert (await refused(project, "PUT", path, email="bob@example.com"))[0] == 500
    wrong = {"password": "a-better-one", "app_metadata": []}
    assert (await refused(project, "PUT", path, **wrong))[1] == "bad_json"
    assert await project.admin("GET", path) == user


async def test_a_ban_keeps_out_until_it_ends(project: Project) -> None:
    user = await project.register()
    granted = await project.sign_in()
    await project.admin("PUT", f"/{user['id']}", ban_duration="1h30m")
    banned = (400, "user_banned", "User is banned")
    assert await project.refused("POST", "token?grant_type=password", email=ADA, password=PASSWORD) == banned
    assert (await project.refused("GET", "user", bearer=granted["access_token"]))[:2] == (403, "user_banned")
    refresh = {"refresh_token": granted["refresh_token"]}
    assert (await project.refused("POST", "token?grant_type=refresh_token", **refresh))[1] == "user_banned"
    project.later(5401)
    await project.refresh(granted["refresh_token"])


async def test_a_ban_is_lifted(project: Project) -> None:
    user = await project.admin("POST", email=ADA, password=PASSWORD, email_confirm=True, ban_duration="24h")
    assert user["banned_until"]
    await project.admin("PUT", f"/{user['id']}", ban_duration="none")
    await project.sign_in()


async def test_a_deleted_user_is_gone(project: Project) -> None:
    user = await project.register()
    await project.sign_in()
    assert await project.admin("DELETE", f"/{user['id']}") == {}
    assert await project.look("sessions") == []
    assert await refused(project, "GET", f"/{user['id']}") == (404, "user_not_found", "User not found")
    assert (await refused(project, "DELETE", f"/{user['id']}"))[0] == 404
    await project.register()


async def test_a_soft_deletion_leaves_a_row_without_a_person(project: Project) -> None:
    user = await project.register()
    token = (await project.sign_in())["access_token"]
    await project.admin("DELETE", f"/{user['id']}", should_soft_delete=True)
    left = await project.admin("GET", f"/{user['id']}")
    assert left["deleted_at"]
    assert ADA not in str(left)
    assert (await project.refused("GET", "user", bearer=token))[1] == "session_not_found"
    await project.register()


async def test_users_come_by_pages(project: Project) -> None:
    for name in ("ada", "bob", "cleo"):
        await project.register(f"{name}@example.com")
    status, body, headers = await project.call("GET", "admin/users?page=1&per_page=2", key=SERVICE)
    assert (status, body["aud"], headers["X-Total-Count"]) == (200, "authenticated", "3")
    assert [one["email"] for one in body["users"]] == ["cleo@example.com", "bob@example.com"]
    assert headers["Link"] == (
        '</supabase/auth/v1/admin/users?page=2&per_page=2>; rel="next", '
        '</supabase/auth/v1/admin/users?page=2&per_page=2>; rel="last"'
    )
    second = await project.admin("GET", "?page=2&per_page=2")
    assert [one["email"] for one in second["users"]] == [ADA]
    assert [one["email"] for one in (await project.admin("GET", "?filter=bob"))["users"]] == ["bob@example.com"]


async def test_a_page_must_be_a_number(project: Project) -> None:
    status, code, text = await refused(project, "GET", "?page=-1")
    assert (status, code) == (400, "validation_failed")
    assert text.startswith("Bad Pagination Parameters")


async def test_an_id_must_be_one(project: Project) -> None:
    assert await refused(project, "GET", "/ada") == (404, "validation_failed", "user_id must be an UUID")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_publishable_key_is_not_enough(project: Project, method: str) -> None:
    found = await project.refused(method, "admin/users", email=ADA)
    assert found == (403, "not_admin", "User not allowed")
    assert (await project.refused(method, "admin/users", key=ANON, bearer=SERVICE))[1] == "bad_jwt"
