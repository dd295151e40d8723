"""Supabase's emulator: signing in, staying signed in, the own account, leaving."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.supabase import sessions
from sandbox.supabase.sessions import AuthSession
from sandbox.supabase.users import hash_password, matches_password
from tests.sandbox.supabase_project import ADA, PASSWORD, Project, now, open_project, together

REFRESH = "token?grant_type=refresh_token"
SPENT = (400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
UNKNOWN = (400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
ENDED = (403, "session_not_found", "Session from session_id claim in JWT does not exist")


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    async with open_project() as opened:
        await opened.register()
        yield opened


async def test_a_password_gives_a_session(project: Project) -> None:
    granted = await project.sign_in()
    assert (granted["token_type"], granted["expires_in"]) == ("bearer", 3600)
    assert granted["user"]["last_sign_in_at"]
    assert "weak_password" not in granted
    user = await project.ok("GET", "user", bearer=granted["access_token"])
    assert user["email"] == ADA
    (session,) = await project.look("sessions")
    assert (session["user_id"], session["refreshes"]) == (user["id"], 0)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"email": ADA, "password": "wrong-one"}, (400, "invalid_credentials", "Invalid login credentials")),
        ({"email": "nobody@example.com", "password": PASSWORD},
         (400, "invalid_credentials", "Invalid login credentials")),
        ({"password": PASSWORD}, (400, "validation_failed", "missing email or phone")),
        ({"phone": "1", "password": PASSWORD}, (422, "phone_provider_disabled", "Phone logins are disabled")),
        ({"phone": "1", "email": ADA}, (400, "validation_failed",
         "Only an email address or phone number should be provided on login.")),
    ],
)  # fmt: skip
async def test_a_sign_in_that_fails(project: Project, given: dict[str, str], wanted: object) -> None:
    assert await project.refused("POST", "token?grant_type=password", **given) == wanted


async def test_an_unknown_grant_is_refused(project: Project) -> None:
    found = await project.refused("POST", "token?grant_type=magic", email=ADA)
    assert found == (400, "invalid_credentials", "unsupported_grant_type")


async def test_a_weak_password_still_opens_and_is_told(project: Project) -> None:
    await project.register("bob@example.com", "weak")
    granted = await project.sign_in("bob@example.com", "weak")
    assert granted["weak_password"]["reasons"] == ["length"]


async def test_a_refresh_token_turns(project: Project) -> None:
    first = await project.sign_in()
    second = await project.refresh(first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    old, new = await project.read(first["access_token"]), await project.read(second["access_token"])
    assert old["session_id"] == new["session_id"]
    assert old["amr"] == new["amr"]


async def test_tabs_that_refresh_at_once_end_with_one_token(project: Project) -> None:
    first = await project.sign_in()
    turned = await together(*(project.refresh(first["refresh_token"]) for _ in range(4)))
    assert len({one["refresh_token"] for one in turned}) == 1


async def test_an_answer_that_was_lost_is_given_again(project: Project) -> None:
    first = await project.sign_in()
    second = await project.refresh(first["refresh_token"])
    project.later(3000)
    assert (await project.refresh(first["refresh_token"]))["refresh_token"] == second["refresh_token"]


async def test_a_token_spent_long_ago_ends_the_session(project: Project) -> None:
    first = await project.sign_in()
    second = await project.refresh(first["refresh_token"])
    third = await project.refresh(second["refresh_token"])
    await project.refresh(first["refresh_token"])  # still within the interval
    project.later(11)
    assert await project.refused("POST", REFRESH, refresh_token=first["refresh_token"]) == SPENT
    assert await project.refused("POST", REFRESH, refresh_token=third["refresh_token"]) == UNKNOWN
    assert await project.refused("GET", "user", bearer=third["access_token"]) == ENDED


@pytest.mark.parametrize("token", ["", "short", "x" * 40, "AAAA" * 20])
async def test_what_is_no_refresh_token(project: Project, token: str) -> None:
    found = await project.refused("POST", REFRESH, refresh_token=token)
    assert found == (400, "validation_failed", "Refresh token is not valid")


async def test_a_refresh_token_of_nobody(project: Project) -> None:
    strange = AuthSession("3f0c8c5e-9b6a-4d53-8b0e-0f9b2a3c4d5e", "u", b"k" * 32, now(), "password", "", "")
    assert await project.refused("POST", REFRESH, refresh_token=strange.refresh_token) == UNKNOWN


@given(st.uuids(version=4), st.integers(0, 2**40), st.binary(min_size=32, max_size=32))
def test_a_refresh_token_reads_as_it_was_written(ident: Any, counter: int, key: bytes) -> None:
    session = AuthSession(str(ident), "u", key, now(), "password", "", "", counter)
    found = sessions.parse_refresh_token(session.refresh_token)
    assert found is not None
    assert (found.session_id, found.counter, found.is_signed_for(session)) == (str(ident), counter, True)
    session.key = bytes(32) if key != bytes(32) else bytes([1] * 32)
    assert not found.is_signed_for(session)


@given(st.text(max_size=80))
def test_any_text_is_read_as_a_refresh_token_without_a_fault(text: str) -> None:
    assert sessions.parse_refresh_token(text) is None


def test_passwords_are_kept_hashed() -> None:
    kept = hash_password(PASSWORD, b"0123456789abcdef")
    assert len(kept) == 60
    assert kept.startswith("$2a$10$")
    assert matches_password(PASSWORD, kept)
    assert not matches_password(PASSWORD + "x", kept)
    assert not matches_password(PASSWORD, "")


@pytest.mark.parametrize(("scope", "left"), [("", "none"), ("?scope=global", "none"), ("?scope=local", "other"),
                                             ("?scope=others", "own")])  # fmt: skip
async def test_leaving_ends_the_sessions_it_should(project: Project, scope: str, left: str) -> None:
    own, other = await project.sign_in(), await project.sign_in()
    status, body, _ = await project.call("POST", f"logout{scope}", bearer=own["access_token"])
    assert (status, body) == (204, "")
    for name, granted in (("own", own), ("other", other)):
        status, _, _ = await project.call("GET", "user", bearer=granted["access_token"])
        assert status == (200 if name == left else 403)
        status, _, _ = await project.call("POST", REFRESH, refresh_token=granted["refresh_token"])
        assert status == (200 if name == left else 400)


async def test_leaving_wants_a_scope_and_a_session(project: Project) -> None:
    token = (await project.sign_in())["access_token"]
    found = await project.refused("POST", "logout?scope=some", bearer=token)
    assert found == (400, "validation_failed", 'Unsupported logout scope "some"')
    await project.ok("POST", "logout", bearer=token)
    assert await project.refused("POST", "logout", bearer=token) == ENDED


async def test_a_new_password_ends_the_other_sessions(project: Project) -> None:
    own, other = await project.sign_in(), await project.sign_in()
    await project.ok("PUT", "user", bearer=own["access_token"], password="a-better-one")
    assert await project.refused("GET", "user", bearer=other["access_token"]) == ENDED
    await project.refresh(own["refresh_token"])
    assert (await project.refused("POST", "token?grant_type=password", email=ADA, password=PASSWORD))[0] == 400
    await project.sign_in(password="a-better-one")


async def test_metadata_is_merged(project: Project) -> None:
    token = (await project.sign_in())["access_token"]
    await project.ok("PUT", "user", bearer=token, data={"name": "Ada", "seat": "aisle"})
    user = await project.ok("PUT", "user", bearer=token, data={"seat": None, "meal": "VGML"})
    assert user["user_metadata"] == {"email_verified": True, "name": "Ada", "meal": "VGML"}


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"password": PASSWORD}, 422, "same_password"),
        ({"password": "short"}, 422, "weak_password"),
        ({"app_metadata": {"role": "admin"}}, 403, "not_admin"),
        ({"email": "no address"}, 400, "validation_failed"),
        ({"phone": "+447700900123"}, 400, "validation_failed"),
        ({"data": "text"}, 400, "bad_json"),
    ],
)
async def test_a_change_that_cannot_be(project: Project, given: dict[str, Any], status: int, code: str) -> None:
    token = (await project.sign_in())["access_token"]
    _, body, _ = await project.call("PUT", "user", bearer=token, **given)
    assert (body["code"], body["error_code"]) == (status, code)
    await project.sign_in()
