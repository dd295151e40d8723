"""Twilio: what the adapter sends and what the sandbox says, each against Twilio's own OpenAPI files."""

import json
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twilio.rest import Client

from adapters.sdk_clients import TwilioHTTP
from hub.core.errors import ProviderPermanent
from hub.outreach.messaging import TextMessage
from sandbox.state import SandboxConfig
from tests.contracts.openapi import OpenAPIContract
from tests.contracts.recording import Exchange, Rig
from tests.contracts.specs import Breach, vendor_file

KNOWN = SandboxConfig(callback_base="")
SID, TOKEN = KNOWN.twilio_account_sid, KNOWN.twilio_auth_token
AUTH = {"Authorization": "Basic " + b64encode(f"{SID}:{TOKEN}".encode()).decode()}
MESSAGES = f"/twilio/2010-04-01/Accounts/{SID}/Messages.json"
SMS = TextMessage("+447700900123", "Your booking is confirmed: ABC123")
FORM = {"To": "+447700900123", "From": "+15005550006", "Body": "Hi"}


@pytest.mark.parametrize("text", [SMS, replace(SMS, channel="whatsapp"), replace(SMS, body="Hà Nội ✈ 100 %")])
async def test_a_text_goes_out_as_twilio_describes_it(
    rig: Rig, twilio_contract: OpenAPIContract, text: TextMessage
) -> None:
    sid = await rig.texter.send_text(text)
    twilio_contract.check_request(rig.last)
    assert dict(rig.last.fields)["Body"] == text.body
    assert twilio_contract.check_answer(rig.last)["sid"] == sid
    assert rig.last.headers["Authorization"] == AUTH["Authorization"]


async def test_a_text_is_looked_for_as_twilio_describes_it(rig: Rig, twilio_contract: OpenAPIContract) -> None:
    sid = await rig.texter.send_text(SMS)
    assert await rig.texter.find_text(SMS, datetime.now(UTC) - timedelta(seconds=5)) == sid
    twilio_contract.check_request(rig.last)
    assert {"To", "DateSent>"} <= {name for name, _ in rig.last.fields}
    assert len(twilio_contract.check_answer(rig.last)["messages"]) == 1


async def test_the_harmless_read_is_as_twilio_describes_it(rig: Rig, twilio_contract: OpenAPIContract) -> None:
    await rig.texter.check_access()
    twilio_contract.check_request(rig.last)
    assert twilio_contract.check_answer(rig.last)["sid"] == SID


@pytest.mark.parametrize("status", ["sent", "delivered", "read", "undelivered", "failed"])
async def test_a_message_can_be_read_at_every_end(rig: Rig, twilio_contract: OpenAPIContract, status: str) -> None:
    await rig.control("twilio/next", {"status": status})
    sid = await rig.texter.send_text(SMS)
    one = await rig.ask("GET", MESSAGES.replace("Messages.json", f"Messages/{sid}.json"), headers=AUTH)
    twilio_contract.check_request(one)
    assert twilio_contract.check_answer(one)["status"] == status


def said(rig: Rig) -> Any:
    return json.loads(rig.last.answer)


async def look_up(rig: Rig, number: str) -> Exchange:
    """The hub looks nothing up yet: the SDK over the hub's own transport."""
    client = Client(SID, TOKEN, http_client=TwilioHTTP(rig.transport))
    client.lookups.base_url = f"{rig.sandbox}/twilio"
    await client.lookups.v2.phone_numbers(number).fetch_async()
    return rig.last


def without_nulls(one: Exchange) -> Exchange:
    """Packages that were not asked for are null in Twilio's examples, which its schema does not allow for."""
    packages = vendor_file("twilio_lookups_v2.json")["paths"]["/v2/PhoneNumbers/{PhoneNumber}"]["get"]
    sample = packages["responses"]["200"]["content"]["application/json"]["examples"]["fetch"]["value"]
    kept = {name: value for name, value in json.loads(one.answer).items() if (value, sample[name]) != (None, None)}
    return replace(one, answer=json.dumps(kept).encode())


@pytest.mark.parametrize(("number", "valid"), [("+447700900123", True), ("+44", False)])
async def test_a_number_is_looked_up_as_twilio_describes_it(
    rig: Rig, lookups_contract: OpenAPIContract, number: str, valid: bool
) -> None:
    one = await look_up(rig, number)
    lookups_contract.check_request(one)
    assert lookups_contract.check_answer(without_nulls(one))["valid"] is valid
    with pytest.raises(Breach):
        broken = json.dumps(said(rig) | {"valid": "yes"}).encode()
        lookups_contract.check_answer(without_nulls(replace(one, answer=broken)))
    with pytest.raises(Breach, match="Colour"):
        lookups_contract.check_request(replace(one, query="Colour=red"))


@pytest.mark.parametrize("form", [{"To": None}, {"MessagingServiceSid": "MG1"}])
async def test_a_wrong_text_is_refused_by_contract_and_sandbox(
    rig: Rig, twilio_contract: OpenAPIContract, form: dict[str, str | None]
) -> None:
    given = {name: value for name, value in (FORM | form).items() if value is not None}
    one = await rig.ask("POST", MESSAGES, data=given, headers=AUTH)
    with pytest.raises(Breach):
        twilio_contract.check_request(one)
    assert one.status == 400


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        (MESSAGES, {"DateSent>": "yesterday"}, 400),
        (f"/twilio/2010-04-01/Accounts/{SID}/Messages/SM1.json", {}, 404),
        ("/twilio/2010-04-01/Accounts/AC1.json", {}, 404),
    ],
)
async def test_a_wrong_read_is_refused_by_contract_and_sandbox(
    rig: Rig, twilio_contract: OpenAPIContract, path: str, query: dict[str, str], status: int
) -> None:
    one = await rig.ask("GET", path, params=query, headers=AUTH)
    with pytest.raises(Breach):
        twilio_contract.check_request(one)
    assert one.status == status


async def test_a_call_without_credentials_is_refused_by_contract_and_sandbox(
    rig: Rig, twilio_contract: OpenAPIContract
) -> None:
    one = await rig.ask("POST", MESSAGES, data=FORM)
    with pytest.raises(Breach, match="Security"):
        twilio_contract.check_request(one)
    assert one.status == 401


async def test_a_name_that_twilio_does_not_list_is_noticed(rig: Rig, twilio_contract: OpenAPIContract) -> None:
    one = await rig.ask("POST", MESSAGES, data=FORM | {"Colour": "red"}, headers=AUTH)
    with pytest.raises(Breach, match="Colour"):
        twilio_contract.check_request(one)


@pytest.mark.parametrize(
    "change", [{"status": "lost"}, {"sid": "1"}, {"num_segments": 1}, {"direction": "sideways"}, {"error_code": "3"}]
)
async def test_an_answer_that_twilio_does_not_describe_is_noticed(
    rig: Rig, twilio_contract: OpenAPIContract, change: dict[str, Any]
) -> None:
    await rig.texter.send_text(SMS)
    sent = replace(rig.last, answer=json.dumps(said(rig) | change).encode())
    with pytest.raises(Breach):
        twilio_contract.check_answer(sent)
    await rig.texter.find_text(SMS, datetime.now(UTC))
    page = said(rig)
    listed = replace(rig.last, answer=json.dumps(page | {"messages": [page["messages"][0] | change]}).encode())
    with pytest.raises(Breach):
        twilio_contract.check_answer(listed)


@pytest.mark.parametrize(("to", "code"), [("+15005550001", "21211"), ("+15005550004", "21610")])
async def test_a_refusal_comes_out_with_its_code(rig: Rig, to: str, code: str) -> None:
    with pytest.raises(ProviderPermanent) as caught:
        await rig.texter.send_text(replace(SMS, to=to))
    assert (caught.value.provider_status, caught.value.provider_code) == (400, code)
    assert set(said(rig)) == {"code", "message", "more_info", "status"}


@pytest.mark.parametrize("status", ["delivered", "undelivered", "failed"])
async def test_callbacks_are_taken_by_the_adapter(rig: Rig, status: str) -> None:
    await rig.control("twilio/next", {"status": status})
    sid = await rig.texter.send_text(SMS)
    raw = (await rig.webhooks("twilio", f"MessageStatus={status}"))[-1]
    delivery = rig.texter.parse_delivery_report(rig.sources["twilio"].verify_webhook(raw).payload)
    assert delivery is not None
    assert delivery.provider_message_id == sid
