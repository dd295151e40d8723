"""Twilio's emulator, over the official SDK and against Twilio's own description."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_schema_validator import OAS30Validator
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from sandbox.phone_numbers import count_segments, look_up_number
from sandbox.state import SandboxConfig
from tests.sandbox.shell import Shell, Webhook, open_shell, until, vendor

# The SDK's own client uses what aiohttp means to remove one day; the hub's does not.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

SID, TOKEN = SandboxConfig("").twilio_account_sid, SandboxConfig("").twilio_auth_token
FROM, TO = "+15005550006", "+447700900123"
CALLBACK = "/webhooks/twilio?trip=1"


@dataclass
class Desk:
    shell: Shell
    http: AsyncTwilioHttpClient

    def client(self, sid: str = SID, token: str = TOKEN, account: str | None = None) -> Any:
        found = Client(sid, token, account, http_client=self.http)
        found.api.base_url = found.lookups.base_url = f"{self.shell.base}/twilio"
        return found

    async def send(self, to: str = TO, sender: str = FROM, body: str = "Hi", **more: Any) -> Any:
        return await self.client().messages.create_async(to=to, from_=sender, body=body, **more)

    async def refused(self, **more: Any) -> tuple[int, int]:
        with pytest.raises(TwilioRestException) as raised:
            await self.send(**more)
        assert raised.value.code is not None
        return raised.value.status, raised.value.code

    async def statuses(self, count: int) -> list[str]:
        return [form(one)["MessageStatus"] for one in await self.shell.webhooks(count)]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_shell() as shell, AsyncTwilioHttpClient() as http:
        yield Desk(shell, http)


def form(webhook: Webhook) -> dict[str, str]:
    return dict(parse_qsl(webhook.body.decode(), keep_blank_values=True))


@pytest.mark.parametrize(("prefix", "channel"), [("", "sms"), ("whatsapp:", "whatsapp")])
async def test_a_text_is_listed(desk: Desk, prefix: str, channel: str) -> None:
    sent = await desk.send(f"{prefix}{TO}", f"{prefix}{FROM}")
    (shown,) = await desk.shell.control("GET", "messages")
    assert datetime.fromisoformat(shown.pop("time")).tzinfo
    assert shown == {
        "sid": sent.sid, "channel": channel, "to": f"{prefix}{TO}", "from": f"{prefix}{FROM}", "body": "Hi",
        "status": "delivered", "error_code": None,
    }  # fmt: skip


async def test_a_text_begins_queued_and_ends_delivered(desk: Desk) -> None:
    sent = await desk.send()
    found = await desk.client().messages(sent.sid).fetch_async()
    assert (sent.status, sent.date_sent, found.status, found.error_code) == ("queued", None, "delivered", None)
    assert found.date_sent.tzinfo
    with pytest.raises(TwilioRestException) as raised:
        await desk.client().messages("SM" + "0" * 32).fetch_async()
    assert (raised.value.status, raised.value.code) == (404, 20404)


async def test_the_account_is_a_harmless_read(desk: Desk) -> None:
    found = await desk.client().api.accounts(SID).fetch_async()
    assert (found.sid, found.status) == (SID, "active")
    config = desk.shell.config
    key = desk.client(config.twilio_api_key_sid, config.twilio_api_key_secret, SID)
    assert (await key.api.accounts(SID).fetch_async()).sid == SID


@pytest.mark.parametrize(
    ("sid", "token", "path", "wanted"),
    [
        (SID, "wrong", SID, (401, 20003)),
        ("AC" + "0" * 32, TOKEN, SID, (401, 20003)),
        ("SK1", "", SID, (401, 20003)),
        ("SK" + "0" * 32, "any secret", SID, (401, 20003)),
        (SID, TOKEN, "AC" + "0" * 32, (404, 20404)),
    ],
)
async def test_credentials_are_checked(desk: Desk, sid: str, token: str, path: str, wanted: tuple[int, int]) -> None:
    basic = base64.b64encode(f"{sid}:{token}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    status, body, _ = await desk.shell.call("GET", f"/twilio/2010-04-01/Accounts/{path}.json", headers=headers)
    assert (status, body["code"], body["status"]) == (*wanted, status)
    assert body["more_info"].endswith(f"/{wanted[1]}")


@pytest.mark.parametrize("authorization", ["", "Basic", "Basic %%%", "Basic /w==", "Bearer abc"])
async def test_no_credentials_are_no_trouble(desk: Desk, authorization: str) -> None:
    headers = {"Authorization": authorization}
    status, body, _ = await desk.shell.call("GET", f"/twilio/2010-04-01/Accounts/{SID}.json", headers=headers)
    assert (status, body["code"]) == (401, 20003)


@pytest.mark.parametrize(
    ("to", "code"),
    [("+15005550001", 21211), ("+15005550002", 21612), ("+15005550003", 21408), ("+15005550004", 21610),
     ("+15005550009", 21614), ("hello", 21211), ("+1", 21211), ("whatsapp:07700", 21211)],
)  # fmt: skip
async def test_a_recipient_is_refused(desk: Desk, to: str, code: int) -> None:
    assert await desk.refused(to=to, sender="whatsapp:" * to.startswith("whatsapp") + FROM) == (400, code)
    assert desk.shell.world.messages == []


@pytest.mark.parametrize(
    ("sender", "code"),
    [("+15005550001", 21212), ("+15005550007", 21606), ("+15005550008", 21611), ("Far too long a name", 21212),
     (f"whatsapp:{FROM}", 21910), ("whatsapp:Hub", 21212)],
)  # fmt: skip
async def test_a_sender_is_refused(desk: Desk, sender: str, code: int) -> None:
    assert await desk.refused(sender=sender) == (400, code)


@pytest.mark.parametrize(
    ("given_form", "code"),
    [({"to": ""}, 21604), ({"sender": ""}, 21603), ({"body": ""}, 21602), ({"body": "x" * 1601}, 21617),
     ({"messaging_service_sid": "MG1"}, 21701)],
)  # fmt: skip
async def test_what_is_missing_or_too_long_is_refused(desk: Desk, given_form: dict[str, str], code: int) -> None:
    assert await desk.refused(**given_form) == (400, code)


async def test_a_template_is_refused_openly_and_a_picture_needs_no_body(desk: Desk) -> None:
    assert await desk.refused(body="", content_sid="HX" + "0" * 32, content_variables="{}") == (400, 20001)
    picture = await desk.send(body="", media_url=["https://example.com/a.png", "https://example.com/b.png"])
    assert picture.num_media == "2"


async def test_a_messaging_service_finds_a_sender(desk: Desk) -> None:
    service = "MG" + "0" * 32
    sent = await desk.client().messages.create_async(to=TO, body="Hi", messaging_service_sid=service)
    found = await desk.client().messages(sent.sid).fetch_async()
    assert (sent.from_, found.from_, found.messaging_service_sid) == (None, FROM, service)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [("x" * 160, 1), ("x" * 161, 2), ("€" * 80, 1), ("€" * 81, 2), ("ế" * 70, 1), ("ế" * 71, 2), ("🛫" * 36, 2)],
)
def test_a_long_text_has_several_parts(body: str, wanted: int) -> None:
    assert count_segments(body) == wanted


async def test_the_list_is_filtered(desk: Desk) -> None:
    await desk.send()
    other = await desk.send("+4915112345678", "Hub")
    for query in ({"to": "+4915112345678"}, {"from_": "Hub"}):
        assert [one.sid for one in await desk.client().messages.list_async(**query)] == [other.sid]


async def test_the_list_is_filtered_by_when_it_was_sent(desk: Desk) -> None:
    noon = datetime(2026, 5, 5, 12, tzinfo=UTC)
    for days in (0, 1, 2):
        desk.shell.world.now = lambda days=days: noon + timedelta(days=days)  # type: ignore[misc]
        await desk.send(body=str(days))

    async def found(**query: Any) -> list[str]:
        return [one.body for one in await desk.client().messages.list_async(**query)]

    assert await found(date_sent_after=noon + timedelta(hours=1)) == ["2", "1"]
    assert await found(date_sent_before=noon + timedelta(days=1)) == ["1", "0"]
    assert await found(date_sent=noon) == ["0"]
    assert await by_day(desk, "DateSent=2026-05-06") == ["1"]
    assert await by_day(desk, "DateSent>=2026-05-06") == ["2", "1"]
    assert await by_day(desk, "DateSent<=2026-05-06") == ["1", "0"]


async def by_day(desk: Desk, query: str) -> list[str]:
    basic = base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
    path = f"/twilio/2010-04-01/Accounts/{SID}/Messages.json?{query}"
    _, found, _ = await desk.shell.call("GET", path, headers={"Authorization": f"Basic {basic}"})
    return [one["body"] for one in found["messages"]]


async def test_the_list_has_pages(desk: Desk) -> None:
    for number in range(5):
        await desk.send(body=str(number))
    await desk.send("+4915112345678", body="other")
    found = await desk.client().messages.list_async(to=TO, page_size=2)
    assert [one.body for one in found] == ["4", "3", "2", "1", "0"]
    page = await desk.client().messages.page_async(to=TO, page_size=2)
    assert len([call for call in desk.shell.world.calls if call["method"] == "GET"]) == 4
    assert page.next_page_url.endswith("To=%2B447700900123&PageSize=2&Page=1")


@pytest.mark.parametrize("query", ["PageSize=x", "PageSize=0", "Page=-1", "DateSent=today", "DateSent=9999-12-31"])
async def test_a_wrong_query_is_refused(desk: Desk, query: str) -> None:
    basic = base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
    path = f"/twilio/2010-04-01/Accounts/{SID}/Messages.json?{query}"
    status, body, _ = await desk.shell.call("GET", path, headers={"Authorization": f"Basic {basic}"})
    assert (status, body["code"]) == (400, 20001)


async def test_each_status_is_called_back_and_signed(desk: Desk) -> None:
    sent = await desk.send(status_callback=desk.shell.hub.base + CALLBACK)
    assert sorted(await desk.statuses(2)) == ["delivered", "sent"]
    for webhook in desk.shell.hub.got:
        fields = form(webhook)
        assert (fields["MessageSid"], fields["AccountSid"], fields["To"]) == (sent.sid, SID, TO)
        assert webhook.url.endswith(CALLBACK)
        signature = webhook.headers["X-Twilio-Signature"]
        assert RequestValidator(TOKEN).validate(webhook.url, fields, signature)
        assert not RequestValidator(TOKEN).validate(webhook.url, fields | {"To": FROM}, signature)


async def test_statuses_can_come_out_of_order(desk: Desk) -> None:
    await desk.shell.control("POST", "callbacks/hold", provider="twilio")
    await desk.send(status_callback=desk.shell.hub.base + CALLBACK)
    await desk.shell.control("POST", "callbacks/release", provider="twilio", backwards=True)
    assert await desk.statuses(2) == ["delivered", "sent"]


async def test_without_an_address_nothing_is_called_back(desk: Desk) -> None:
    await desk.send()
    assert await desk.shell.control("GET", "callbacks") == []


async def test_an_address_that_is_none_is_tried_and_noted(desk: Desk) -> None:
    await desk.send(status_callback="nonsense")

    async def tried() -> bool:
        return all(one["attempts"] for one in await desk.shell.control("GET", "callbacks"))

    await until(tried)
    assert [one["status"] for one in await desk.shell.control("GET", "callbacks")] == [None, None]


@pytest.mark.parametrize(
    ("status", "code", "statuses"),
    [("undelivered", 30003, ["sent", "undelivered"]), ("failed", 30008, ["failed"]), ("sent", None, ["sent"]),
     ("read", None, ["delivered", "read", "sent"])],
)  # fmt: skip
async def test_a_text_may_be_told_how_to_end(desk: Desk, status: str, code: int | None, statuses: list[str]) -> None:
    await desk.shell.control("POST", "twilio/next", status=status)
    sent = await desk.send(status_callback=desk.shell.hub.base + CALLBACK)
    assert sorted(await desk.statuses(len(statuses))) == statuses
    found = await desk.client().messages(sent.sid).fetch_async()
    assert (found.status, found.error_code) == (status, code)
    assert [form(one).get("ErrorCode") for one in desk.shell.hub.got].count(str(code)) == int(code is not None)


async def test_an_outcome_is_for_one_number_and_so_many_times(desk: Desk) -> None:
    await desk.shell.control("POST", "twilio/next", status="undelivered", error_code=63016, to=TO, times=2)
    for to in (TO, "+4915112345678", TO, TO):
        await desk.send(to)
    ends = [(one["status"], one["error_code"]) for one in await desk.shell.control("GET", "messages")]
    assert ends == [("undelivered", 63016), ("delivered", None), ("undelivered", 63016), ("delivered", None)]
    assert await desk.shell.control("GET", "twilio/next") == []


@pytest.mark.parametrize(
    ("field", "value"), [("status", "lost"), ("error_code", "x"), ("times", 0), ("nothing", 1), ("to", 5)]
)
async def test_a_wrong_outcome_names_its_field(desk: Desk, field: str, value: Any) -> None:
    status, body, _ = await desk.shell.call("POST", "/_/twilio/next", json={"status": "failed"} | {field: value})
    assert (status, body["field"]) == (422, field)


async def test_a_number_is_looked_up(desk: Desk) -> None:
    found = await desk.client().lookups.v2.phone_numbers("+14159929960").fetch_async()
    assert (found.valid, found.country_code, found.calling_country_code) == (True, "US", "1")
    assert found.national_format == "(415) 992-9960"


@pytest.mark.parametrize(
    ("number", "problem"),
    [("+141599299600", "TOO_LONG"), ("+1415", "TOO_SHORT"), ("+99912345678", "INVALID_COUNTRY_CODE"),
     ("+44abc", "NOT_A_NUMBER"), ("+15005550001", "INVALID_BUT_POSSIBLE"), ("+447700900123", None)],
)  # fmt: skip
def test_a_number_may_be_none(number: str, problem: str | None) -> None:
    found = look_up_number(number, None)
    assert (found["valid"], found["validation_errors"]) == (problem is None, [problem] if problem else [])


@given(st.text(max_size=30), st.none() | st.text(max_size=3))
def test_any_text_can_be_looked_up(number: str, country: str | None) -> None:
    found = look_up_number(number, country)
    assert found["valid"] == (not found["validation_errors"])


def test_a_national_number_needs_its_country() -> None:
    assert look_up_number("07700 900123", "GB")["phone_number"] == "+447700900123"
    assert look_up_number("(415) 992-9960", None)["country_code"] == "US"


async def test_answers_are_as_twilio_describes_them(desk: Desk) -> None:
    spec = vendor("twilio_api_v2010.json")
    await desk.shell.control("POST", "twilio/next", status="undelivered")
    await desk.send()
    basic = base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
    path, headers = f"/twilio/2010-04-01/Accounts/{SID}", {"Authorization": f"Basic {basic}"}
    _, account, _ = await desk.shell.call("GET", f"{path}.json", headers=headers)
    _, listed, _ = await desk.shell.call("GET", f"{path}/Messages.json", headers=headers)
    data = {"To": TO, "From": FROM, "Body": "Hi"}
    _, sent, _ = await desk.shell.call("POST", f"{path}/Messages.json", data=data, headers=headers)
    check(spec, "api.v2010.account", account)
    for message in (sent, *listed["messages"]):
        check(spec, "api.v2010.account.message", message)
    with pytest.raises(AssertionError):
        check(spec, "api.v2010.account.message", sent | {"status": "lost"})


def check(spec: dict[str, Any], name: str, body: Any) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": spec["components"]}
    assert not [error.message for error in OAS30Validator(schema).iter_errors(body)]
    assert set(body) == set(spec["components"]["schemas"][name]["properties"]) - {"auth_token"}


async def test_many_texts_at_once_are_each_their_own(desk: Desk) -> None:
    sent = await asyncio.gather(*(desk.send(body=str(number)) for number in range(20)))
    assert len({one.sid for one in sent}) == 20
