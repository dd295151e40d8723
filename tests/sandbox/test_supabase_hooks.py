"""Supabase's emulator: the send-email hook in the call, and database webhooks after it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from sandbox.state import Callback
from sandbox.supabase.state import hash_token
from tests.sandbox.supabase_project import ADA, KNOWN, PASSWORD, Answer, Project, now, open_project

SECRET = KNOWN.supabase_webhook_secret.removeprefix("v1,")


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    async with open_project() as opened:
        yield opened


@pytest.fixture
async def hooked(project: Project) -> Project:
    await project.control("hooks", send_email=True)
    await project.control("settings", hook_timeout=0.5, hook_backoff=0.01)
    return project


def says(status: int, body: Any = None, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        if body is None:
            return web.Response(status=status, headers=headers)
        return web.json_response(body, status=status, headers=headers)

    return answer


def opened(project: Project, callback: Callback) -> Any:
    """The event of a database webhook, its signature checked."""
    return Webhook(SECRET).verify(callback.body, project.world.sign_callback(callback, now()))


async def sign_up(project: Project) -> tuple[int, str, str]:
    return await project.refused("POST", "signup", email=ADA, password=PASSWORD)


async def test_the_hook_is_asked_to_send_the_mail(hooked: Project) -> None:
    user = await hooked.ok("POST", f"signup?redirect_to={hooked.hub}/in", email=ADA, password=PASSWORD)
    ((headers, body),) = hooked.got
    told: Any = Webhook(SECRET).verify(body, {name.lower(): value for name, value in headers.items()})
    data = told["email_data"]
    assert (told["user"]["id"], told["user"]["email"]) == (user["id"], ADA)
    assert (data["email_action_type"], data["redirect_to"]) == ("signup", f"{hooked.hub}/in")
    assert data["token_hash"] == hash_token(ADA, data["token"])
    assert {"site_url", "token_new", "token_hash_new"} <= set(data)
    assert hooked.world.mailbox == []
    await hooked.ok("POST", "verify", type="signup", token_hash=data["token_hash"])


async def test_the_hook_sends_recoveries_too(hooked: Project) -> None:
    await hooked.register()
    await hooked.ok("POST", "recover", email=ADA)
    data = json.loads(hooked.got[0][1])["email_data"]
    assert data["email_action_type"] == "recovery"
    await hooked.ok("POST", "verify", type="recovery", email=ADA, token=data["token"])


@pytest.mark.parametrize("answer", [says(204), says(200, {}), says(202, {})])
async def test_a_hook_that_has_done_its_work(hooked: Project, answer: Answer) -> None:
    hooked.answer = answer
    await hooked.ok("POST", "signup", email=ADA, password=PASSWORD)


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (says(500), (500, "unexpected_failure", "Unexpected status code returned from hook: 500")),
        (says(201, {}), (500, "unexpected_failure", "Unexpected status code returned from hook: 201")),
        (says(302, Location="/"), (500, "unexpected_failure", "Unexpected status code returned from hook: 302")),
        (says(400), (500, "unexpected_failure", "Invalid payload sent to hook")),
        (says(401), (500, "unexpected_failure", "Hook requires authorization token")),
        (says(503), (500, "unexpected_failure", "Service currently unavailable due to hook")),
        (says(200, {"error": {"http_code": 403, "message": "Not here"}}), (403, "unknown", "Not here")),
        (says(200, {"error": {"message": "Broken"}}), (500, "unexpected_failure", "Broken")),
    ],
)
async def test_a_hook_that_fails_fails_the_call(hooked: Project, answer: Answer, wanted: object) -> None:
    hooked.answer = answer
    assert await sign_up(hooked) == wanted
    assert len(hooked.got) == 1
    assert await hooked.look("users") == []


async def test_a_hook_must_speak_json(hooked: Project) -> None:
    async def plain(_: web.Request) -> web.StreamResponse:
        return web.Response(text="ok")

    hooked.answer = plain
    assert (await sign_up(hooked))[:2] == (400, "hook_payload_invalid_content_type")


async def test_a_busy_hook_is_asked_again(hooked: Project) -> None:
    hooked.answer = says(429, **{"Retry-After": "1"})
    assert (await sign_up(hooked))[2] == "Service currently unavailable due to hook"
    assert len(hooked.got) == 3
    assert len({headers["webhook-id"] for headers, _ in hooked.got}) == 3


async def test_a_silent_hook_is_waited_for_so_long(hooked: Project) -> None:
    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(5)
        return web.Response(status=204)

    hooked.answer = silent
    found = await sign_up(hooked)
    assert found == (422, "hook_timeout", "Failed to reach hook within maximum time of 0.500000 seconds")
    hooked.answer = says(204)
    await hooked.ok("POST", "signup", email=ADA, password=PASSWORD)


async def test_a_hook_that_breaks_off_is_tried_three_times(hooked: Project) -> None:
    async def gone(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    hooked.answer = gone
    assert (await sign_up(hooked))[:2] == (422, "hook_timeout_after_retry")
    assert len(hooked.got) == 3


async def test_a_mail_that_could_not_go_counts_for_nothing(hooked: Project) -> None:
    await hooked.register()
    hooked.answer = says(500)
    assert (await hooked.refused("POST", "recover", email=ADA))[0] == 500
    hooked.answer = says(204)
    await hooked.ok("POST", "recover", email=ADA)


async def test_rows_are_told_as_the_table_has_them(project: Project) -> None:
    await project.control("hooks", database=True)
    user = await project.ok("POST", "signup", email=ADA, password=PASSWORD)
    (callback,) = project.sent
    assert callback.url == f"{project.hub}/webhooks/supabase"
    event = opened(project, callback)
    assert (event["type"], event["table"], event["schema"], event["old_record"]) == ("INSERT", "users", "auth", None)
    row = event["record"]
    assert (row["id"], row["email"], row["raw_user_meta_data"]) == (user["id"], ADA, {})
    assert row["encrypted_password"].startswith("$2a$10$")
    assert row["confirmation_token"] == project.mark


async def test_a_life_is_told_in_order(project: Project) -> None:
    await project.control("hooks", database=True)
    user = await project.ok("POST", "signup", email=ADA, password=PASSWORD)
    await project.ok("POST", "verify", type="signup", token_hash=project.mark)
    await project.admin("DELETE", f"/{user['id']}")
    events = [opened(project, one) for one in project.sent]
    assert [one["type"] for one in events] == ["INSERT", "UPDATE", "DELETE"]
    assert events[1]["old_record"] == events[0]["record"]
    assert events[1]["record"]["email_confirmed_at"]
    assert (events[2]["record"], events[2]["old_record"]) == (None, events[1]["record"])
    assert len({project.world.sign_callback(one, now())["webhook-id"] for one in project.sent}) == 3


async def test_what_was_not_changed_is_not_told(project: Project) -> None:
    await project.register()
    await project.control("hooks", database=True)
    await project.refused("POST", "token?grant_type=password", email=ADA, password="wrong-one")
    granted = await project.sign_in()
    await project.refresh(granted["refresh_token"])
    await project.ok("GET", "user", bearer=granted["access_token"])
    (callback,) = project.sent  # the time of the sign-in
    event = opened(project, callback)
    assert (event["type"], event["old_record"]["last_sign_in_at"]) == ("UPDATE", None)


async def test_without_hooks_nothing_is_told(project: Project) -> None:
    await project.register()
    await project.sign_in()
    assert (project.sent, project.got) == ([], [])
