"""Resend's emulator, over the official SDK and against Resend's own description."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
import resend
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from resend.exceptions import (
    InvalidApiKeyError,
    MissingRequiredFieldsError,
    RateLimitError,
    ResendError,
    ValidationError,
)
from resend.http_client_async import AsyncHTTPClient

from sandbox.email_validation import ResendApiError, read_email
from tests.sandbox.shell import KEY, MAIL, Shell, Webhook, open_shell, vendor

HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


class Wire(AsyncHTTPClient):
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(  # noqa: PLR0917 (the SDK's signature)
        self, method: str, url: str, headers: Mapping[str, str], json: Any = None, files: Any = None, data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        async with self._session.request(method, url, headers=headers, json=json) as answer:
            return await answer.read(), answer.status, answer.headers


@pytest.fixture
async def shell(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shell]:
    async with open_shell() as opened:
        monkeypatch.setattr(resend, "api_key", "re_sandbox")
        monkeypatch.setattr(resend, "api_url", f"{opened.base}/resend")
        monkeypatch.setattr(resend, "default_async_http_client", Wire(opened.session))
        yield opened


async def send(key: str | None = None, **more: Any) -> Any:
    given: Any = MAIL | more
    return await resend.Emails.send_async(given, {"idempotency_key": key} if key else None)


async def refused(kind: type[ResendError] = ResendError, key: str | None = None, **more: Any) -> tuple[Any, str]:
    with pytest.raises(kind) as raised:
        await send(key, **more)
    return raised.value.code, raised.value.error_type


async def test_a_mail_is_in_the_mailbox(shell: Shell) -> None:
    sent = await send(
        text="Hi",
        tags=[{"name": "fact", "value": "booking-1"}],
        headers={"List-Unsubscribe": "<https://hub.test/u>"},
        attachments=[{"filename": "trip.ics", "content": base64.b64encode(b"BEGIN").decode()}],
    )
    (mail,) = await shell.control("GET", "mailbox")
    assert datetime.fromisoformat(mail.pop("time")).tzinfo
    assert mail == {
        "id": sent["id"], "to": ["ada@example.com"], "cc": [], "bcc": [], "reply_to": [],
        "from": "Hub <hub@example.com>", "subject": "Hello", "html": "<p>Hi</p>", "text": "Hi",
        "attachments": [{"filename": "trip.ics", "content_type": "text/calendar", "size": 5}],
        "tags": [{"name": "fact", "value": "booking-1"}], "status": "delivered",
        "headers": {"List-Unsubscribe": "<https://hub.test/u>"},
    }  # fmt: skip


async def test_a_mail_is_read_back(shell: Shell) -> None:
    sent = await send()
    found: Any = await resend.Emails.get_async(sent["id"])
    assert (found["to"], found["last_event"], found["html"]) == (["ada@example.com"], "delivered", "<p>Hi</p>")
    with pytest.raises(ResendError) as raised:
        await resend.Emails.get_async("nothing")
    assert raised.value.code == 404


async def test_the_sdk_as_it_comes_works_too(shell: Shell) -> None:
    given: Any = MAIL
    sent = await asyncio.to_thread(resend.Emails.send, given, {"idempotency_key": "k"})
    assert [one["id"] for one in shell.world.mailbox] == [sent["id"]]


async def test_a_batch_is_many_mails(shell: Shell) -> None:
    given: Any = [MAIL | {"subject": "One"}, MAIL | {"subject": "Two"}]
    sent = await resend.Batch.send_async(given, {"idempotency_key": "b1"})
    again = await resend.Batch.send_async(given, {"idempotency_key": "b1"})
    assert [one["subject"] for one in shell.world.mailbox] == ["One", "Two"]
    assert [one["id"] for one in sent["data"]] == [one["id"] for one in again["data"]]


@pytest.mark.parametrize("wrong", [{"to": "nobody"}, {"attachments": [{"filename": "x", "content": "eA=="}]}])
async def test_a_batch_with_a_wrong_mail_sends_none(shell: Shell, wrong: dict[str, Any]) -> None:
    given: Any = [MAIL, MAIL | wrong]
    with pytest.raises(ValidationError):
        await resend.Batch.send_async(given)
    assert shell.world.mailbox == []


async def test_a_batch_has_a_size(shell: Shell) -> None:
    for size in (0, 101):
        status, body, _ = await shell.call("POST", "/resend/emails/batch", json=[MAIL] * size, headers=KEY)
        assert (status, body["name"]) == (422, "validation_error")


async def test_a_key_is_checked(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await resend.Domains.list_async())["data"] == []
    monkeypatch.setattr(resend, "api_key", "wrong")
    assert await refused(InvalidApiKeyError) == (403, "invalid_api_key")
    status, body, _ = await shell.call("GET", "/resend/domains")
    assert (status, body["statusCode"], body["name"]) == (401, 401, "missing_api_key")


@pytest.mark.parametrize("field", ["from", "to", "subject"])
async def test_what_is_required_is_named(shell: Shell, field: str) -> None:
    assert await refused(MissingRequiredFieldsError, **{field: ""}) == (422, "missing_required_field")


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "ada"},
        {"to": ["ada@example.com"] * 51},
        {"to": [1]},
        {"from": "Hub <hub@example.com"},
        {"from": "hub@localhost"},
        {"cc": "x@y"},
        {"html": 3},
        {"subject": ["x"]},
        {"tags": [{"name": "a b", "value": "c"}]},
        {"attachments": "x"},
        {"scheduled_at": "tomorrow"},
        {"to": "ada@example.com\nBcc: eve@example.com"},
    ],
)
async def test_what_is_wrong_is_refused(shell: Shell, wrong: dict[str, Any]) -> None:
    assert await refused(ValidationError, **wrong) == (422, "validation_error")
    assert shell.world.mailbox == []


@pytest.mark.parametrize("wrong", [{"filename": "x"}, {"content": "eA=="}, {"filename": "x", "content": "###"}, 3])
def test_an_attachment_needs_a_name_and_a_content(wrong: Any) -> None:
    with pytest.raises(ResendApiError) as raised:
        read_email(MAIL | {"attachments": [wrong]})
    assert raised.value.name == "invalid_attachment"


@given(st.dictionaries(st.sampled_from([*MAIL, "text", "cc", "tags", "attachments", "reply_to"]), HOSTILE) | HOSTILE)
def test_nothing_that_is_sent_breaks_it(body: Any) -> None:
    for given_body in (body, MAIL | body if isinstance(body, dict) else body):
        try:
            mail = read_email(given_body)
        except ResendApiError as error:
            assert error.status == 422  # noqa: PT017 (most of them are refused, a few are not)
        else:
            assert all("@" in one for one in mail["to"])


async def test_a_body_that_is_not_json_is_refused(shell: Shell) -> None:
    status, body, _ = await shell.call("POST", "/resend/emails", data=b"{", headers=KEY)
    assert (status, body["name"]) == (400, "validation_error")


async def test_the_same_key_is_the_same_mail(shell: Shell) -> None:
    first, again = await send("k1"), await send("k1")
    assert (first["id"], len(shell.world.mailbox)) == (again["id"], 1)
    assert await refused(key="k1", subject="Other") == (409, "invalid_idempotent_request")
    assert await refused(key="k" * 257) == (400, "invalid_idempotency_key")


async def test_a_key_is_forgotten_after_a_day(shell: Shell) -> None:
    start = shell.world.now()
    first = await send("k1")
    shell.world.now = lambda: start + timedelta(hours=23, minutes=59)
    assert (await send("k1"))["id"] == first["id"]
    shell.world.now = lambda: start + timedelta(hours=24, minutes=1)
    assert (await send("k1", subject="Other"))["id"] != first["id"]


async def test_a_key_in_flight_is_a_conflict(shell: Shell) -> None:
    await shell.control("POST", "resend/limit", latency=0.15)
    first = asyncio.create_task(send("k1"))
    await asyncio.sleep(0.05)
    assert await refused(key="k1") == (409, "concurrent_idempotent_requests")
    assert (await send("k1"))["id"] == (await first)["id"] if first.done() else await first
    assert len(shell.world.mailbox) == 1


async def test_a_refused_mail_does_not_use_up_its_key(shell: Shell) -> None:
    await refused(ValidationError, key="k1", to="nobody")
    assert (await send("k1"))["id"]


async def test_the_rate_limit_is_told_and_kept(shell: Shell) -> None:
    await shell.control("POST", "resend/limit", per_second=2)
    _, _, headers = await shell.mail()
    assert [headers[f"ratelimit-{one}"] for one in ("limit", "remaining", "reset")] == ["2", "1", "1"]
    await send()
    with pytest.raises(RateLimitError) as raised:
        await send()
    assert (raised.value.code, raised.value.error_type) == (429, "rate_limit_exceeded")
    assert {name.lower(): value for name, value in raised.value.headers.items()}["retry-after"] == "1"
    assert len(shell.world.mailbox) == 2


async def test_the_quota_is_another_429(shell: Shell) -> None:
    await shell.control("POST", "resend/limit", daily_quota=1)
    await send()
    assert await refused(RateLimitError) == (429, "daily_quota_exceeded")


@pytest.mark.parametrize(
    ("field", "value"),
    [("per_second", -1), ("per_second", "2"), ("daily_quota", 1.5), ("latency", 61), ("nothing", 1)],
)
async def test_a_wrong_limit_names_its_field(shell: Shell, field: str, value: Any) -> None:
    status, body, _ = await shell.call("POST", "/_/resend/limit", json={field: value})
    assert (status, body["field"]) == (422, field)


@pytest.mark.parametrize(
    ("to", "kinds"),
    [
        ("ada@example.com", ["sent", "delivered"]),
        ("Ada <bounced+1@example.com>", ["sent", "bounced"]),
        ("complained@example.com", ["sent", "delivered", "complained"]),
        ("suppressed@example.com", ["suppressed"]),
        ("failed@example.com", ["failed"]),
    ],
)
async def test_an_address_plays_its_part(shell: Shell, to: str, kinds: list[str]) -> None:
    sent = await send(to=to, tags=[{"name": "fact", "value": "b1"}])
    events = [payload(one) for one in await shell.webhooks(len(kinds))]
    assert sorted(one["type"] for one in events) == sorted(f"email.{kind}" for kind in kinds)
    assert {one["data"]["email_id"] for one in events} == {sent["id"]}
    assert all(one["data"]["tags"] == {"fact": "b1"} for one in events)
    assert shell.world.mailbox[0]["status"] == kinds[-1]


async def test_a_webhook_is_signed_as_svix_does(shell: Shell) -> None:
    await send(to="suppressed@example.com")
    (webhook,) = await shell.webhooks(1)
    assert webhook.url.endswith("/webhooks/resend")
    assert verify(shell, webhook)["type"] == "email.suppressed"
    with pytest.raises(ValueError, match="signature"):
        verify(shell, Webhook(webhook.url, webhook.headers, webhook.body + b" "))


async def test_a_repeated_webhook_is_signed_anew_under_the_same_id(shell: Shell) -> None:
    start = shell.world.now()
    await send(to="suppressed@example.com")
    await shell.webhooks(1)
    await asyncio.sleep(1.05)
    await shell.control("POST", "callbacks/1/resend")
    first, second = await shell.webhooks(2)
    assert first.headers["svix-id"] == second.headers["svix-id"]
    assert int(second.headers["svix-timestamp"]) > int(start.timestamp())
    assert verify(shell, second) == verify(shell, first)


@pytest.mark.parametrize(
    "to", ["ada@example.com", "bounced@a.com", "complained@a.com", "suppressed@a.com", "failed@a.com"]
)
async def test_webhooks_are_as_resend_describes_them(shell: Shell, to: str) -> None:
    spec = vendor("resend.json")
    await send(to=to)
    await shell.webhooks({"ada": 2, "bounced": 2, "complained": 3}.get(to.partition("@")[0], 1))
    for one in shell.hub.got:
        event = payload(one)
        name = "Email" + event["type"].removeprefix("email.").title().replace("_", "") + "Event"
        check(spec, name, event)
        with pytest.raises(AssertionError):
            check(spec, name, event | {"data": {}})


async def test_answers_are_as_resend_describes_them(shell: Shell) -> None:
    spec = vendor("resend.json")
    _, sent, _ = await shell.mail(text=None)
    _, found, _ = await shell.call("GET", f"/resend/emails/{sent['id']}", headers=KEY)
    _, domains, _ = await shell.call("GET", "/resend/domains", headers=KEY)
    check(spec, "SendEmailResponse", sent)
    check(spec, "Email", found)
    check(spec, "ListDomainsResponse", domains)
    with pytest.raises(AssertionError):
        check(spec, "Email", found | {"last_event": "lost"})


def check(spec: dict[str, Any], name: str, body: Any) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": spec["components"]}
    assert not [error.message for error in Draft202012Validator(schema).iter_errors(body)]


def payload(webhook: Webhook) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(webhook.body)
    return found


def verify(shell: Shell, webhook: Webhook) -> Any:
    headers: Any = {name: webhook.headers[f"svix-{name}"] for name in ("id", "timestamp", "signature")}
    secret = shell.config.resend_webhook_secret
    return resend.Webhooks.verify({"payload": webhook.body.decode(), "headers": headers, "webhook_secret": secret})
