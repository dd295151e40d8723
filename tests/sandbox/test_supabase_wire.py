"""Supabase's emulator: the gateway's key, versions of the API, hostile bodies, and its place in the whole sandbox."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.supabase.errors import SupabaseApiError
from sandbox.supabase.wire import RequestParams
from tests.sandbox.shell import open_shell
from tests.sandbox.supabase_project import ADA, ANON, PASSWORD, SERVICE, Project, open_project

HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["email", "password", "data", "type", "token", "token_hash", "refresh_token", "phone", "id"])
PATHS = st.sampled_from(
    ["signup", "recover", "resend", "verify", "token?grant_type=password", "token?grant_type=refresh_token"]
)
KEY = {"apikey": ANON}


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    async with open_project() as opened:
        yield opened


async def test_without_a_key_the_gateway_is_closed(project: Project) -> None:
    status, body, _ = await project.call("GET", "health", key=None)
    assert status == 401
    assert body == {
        "message": "No API key found in request",
        "hint": "No `apikey` request header or url param was found.",
    }
    status, body, _ = await project.call("POST", "signup", key="sb_publishable_other", email=ADA, password=PASSWORD)
    assert (status, body["message"]) == (401, "Invalid API key")


@pytest.mark.parametrize("key", [ANON, SERVICE])
async def test_either_key_opens_it(project: Project, key: str) -> None:
    found = await project.ok("GET", "health", key=key)
    assert found["name"] == "GoTrue"
    assert (await project.call("GET", f"health?apikey={key}", key=None))[0] == 200


async def test_a_newer_version_has_other_errors(project: Project) -> None:
    newer = {"X-Supabase-Api-Version": "2024-06-30"}
    status, body, headers = await project.call("POST", "signup", headers=newer, email=ADA, password="short")
    assert status == 422
    assert body == {
        "code": "weak_password", "message": "Password should be at least 6 characters.",
        "weak_password": {"reasons": ["length"]},
    }  # fmt: skip
    assert headers["X-Supabase-Api-Version"] == "2024-01-01"
    for older in ("2023-12-31", "soon", ""):
        _, body, _ = await project.call("POST", "signup", headers={"X-Supabase-Api-Version": older}, password="x")
        assert body["code"] == 422


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "\xff", "[" * 100_000])
async def test_what_is_no_json_object(project: Project, text: str) -> None:
    url = f"{project.base}/auth/v1/signup"
    async with project.session.post(url, data=text.encode("latin-1"), headers=KEY) as answer:
        body = await answer.json()
    assert (answer.status, body["error_code"]) == (400, "bad_json")
    assert body["msg"].startswith("Could not parse request body as JSON: ")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=st.dictionaries(NAMES | st.text(max_size=5), HOSTILE, max_size=5), path=PATHS)
async def test_nothing_said_makes_it_fall_over(project: Project, body: dict[str, Any], path: str) -> None:
    async with project.session.post(f"{project.base}/auth/v1/{path}", json=body, headers=KEY) as answer:
        assert answer.status < 500, await answer.text()


@given(HOSTILE)
def test_a_name_is_its_kind_or_an_error(value: Any) -> None:
    params, wanted = RequestParams({"a": value}), {"read_text": str, "read_flag": bool, "read_table": dict}
    for name, kind in wanted.items():
        fits = value is None or isinstance(value, kind)
        with nullcontext() if fits else pytest.raises(SupabaseApiError, match="cannot unmarshal"):
            getattr(params, name)("a")


def test_half_a_character_is_no_fault() -> None:
    assert RequestParams({"a": "x\ud800"}).read_text("a") == "x\ufffd"


async def test_the_owner_sees_and_sets(project: Project) -> None:
    assert (await project.look("settings"))["max_frequency"] == 60
    assert (await project.control("hooks", send_email=True)) == {"send_email": True, "database": False}
    about = await project.ok("GET", "settings")
    assert (about["external"]["email"], about["external"]["google"]) == (True, False)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("settings", {"captcha": "yes"}, "captcha"),
        ("settings", {"other": 1}, "other"),
        ("settings", {"emails_per_hour": -1}, "emails_per_hour"),
        ("settings", {"autoconfirm": True, "otp_life": "long"}, "otp_life"),
        ("hooks", {"captcha": True}, "captcha"),
        ("rotate", {"drop_old": "yes"}, "drop_old"),
        ("signing", {"algorithm": "none"}, "algorithm"),
    ],
)
async def test_a_wish_that_makes_no_sense(project: Project, path: str, body: dict[str, Any], field: str) -> None:
    url = f"{project.base.removesuffix('/supabase')}/_/supabase/{path}"
    status, found, _ = await project.call("POST", url, **body)
    assert (status, found["field"]) == (422, field)
    assert (await project.look("settings"))["autoconfirm"] is False


async def test_in_the_whole_sandbox_it_is_a_provider_like_others() -> None:
    async with open_shell() as shell:
        given = {"email": ADA, "password": PASSWORD}
        await shell.control("POST", "supabase/hooks", database=True)
        await shell.call("POST", "/supabase/auth/v1/signup", json=given, headers=KEY)
        (mail,) = await shell.control("GET", "mailbox")
        _, page, _ = await shell.call("GET", f"/_/mailbox/{mail['id']}", headers={"Accept": "text/html"})
        assert "Confirm your email address" in page
        (webhook,) = await shell.webhooks(1)
        assert webhook.url == f"{shell.hub.base}/webhooks/supabase"
        (call,) = await shell.control("GET", "calls")
        assert (call["provider"], call["status"]) == ("supabase", 200)


async def test_faults_and_resets_reach_it() -> None:
    async with open_shell() as shell:
        await shell.fault("status", "supabase", status=429, times=1)
        status, body, _ = await shell.call("GET", "/supabase/auth/v1/health", headers=KEY)
        wanted = {"code": 429, "error_code": "over_request_rate_limit", "msg": "An injected fault."}
        assert (status, body) == (429, wanted)
        _, before, _ = await shell.call("GET", "/supabase/auth/v1/.well-known/jwks.json")
        await shell.call("POST", "/supabase/auth/v1/signup", json={"email": ADA, "password": PASSWORD}, headers=KEY)
        assert len(await shell.control("GET", "supabase/users")) == 1
        await shell.control("POST", "reset")
        assert await shell.control("GET", "supabase/users") == []
        _, after, _ = await shell.call("GET", "/supabase/auth/v1/.well-known/jwks.json")
        assert after == before
