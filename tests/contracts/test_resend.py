"""Resend: what the adapter sends and what the sandbox says, each against Resend's own OpenAPI file."""

import json
from dataclasses import replace
from typing import Any

import pytest

from hub.core.errors import ProviderPermanent
from hub.outreach.messaging import Attachment, EmailMessage
from tests.contracts.openapi import OpenAPIContract
from tests.contracts.recording import Rig
from tests.contracts.specs import Breach

KEY = {"Authorization": "Bearer re_sandbox"}
MAIL = {"from": "Hub <hub@example.com>", "to": ["ada@example.com"], "subject": "Hello", "html": "<p>Hi</p>"}
TICKET = Attachment("ticket.ics", "text/calendar", b"BEGIN:VCALENDAR")
PLAIN = EmailMessage("ada@example.com", "Hello", "<p>Hi</p>", "Hi")


@pytest.mark.parametrize("email", [PLAIN, replace(PLAIN, attachments=(TICKET,))], ids=["plain", "attachment"])
async def test_a_mail_goes_out_as_resend_describes_it(
    rig: Rig, resend_contract: OpenAPIContract, email: EmailMessage
) -> None:
    ident = await rig.mailer.send_email(email, "booking:1:confirmation:email")
    resend_contract.check_request(rig.last)
    assert resend_contract.check_answer(rig.last)["id"] == ident
    assert rig.last.headers["Idempotency-Key"] == "booking:1:confirmation:email"
    assert rig.last.headers["Authorization"] == "Bearer re_sandbox"


async def test_the_harmless_read_is_as_resend_describes_it(rig: Rig, resend_contract: OpenAPIContract) -> None:
    await rig.mailer.check_access()
    resend_contract.check_request(rig.last)
    assert resend_contract.check_answer(rig.last)["object"] == "list"


async def test_what_was_sent_can_be_read_as_resend_describes_it(rig: Rig, resend_contract: OpenAPIContract) -> None:
    ident = await rig.mailer.send_email(PLAIN, "one")
    one = await rig.ask("GET", f"/resend/emails/{ident}", headers=KEY)
    resend_contract.check_request(one)
    assert resend_contract.check_answer(one)["subject"] == "Hello"


@pytest.mark.parametrize(
    "wrong",
    [{"from": None}, {"to": None}, {"to": {"email": "ada@example.com"}}, {"subject": 7}, {"html": ["<p>"]},
     {"attachments": "ticket.ics"}, {"tags": {"kind": "ticket"}}],
)  # fmt: skip
async def test_a_wrong_mail_is_refused_by_contract_and_sandbox(
    rig: Rig, resend_contract: OpenAPIContract, wrong: dict[str, Any]
) -> None:
    mail = {name: value for name, value in (MAIL | wrong).items() if value is not None}
    one = await rig.ask("POST", "/resend/emails", json=mail, headers=KEY)
    with pytest.raises(Breach):
        resend_contract.check_request(one)
    assert one.status == 422


@pytest.mark.parametrize(("method", "path"), [("POST", "emails"), ("GET", "domains"), ("GET", "emails/1")])
async def test_a_call_without_a_key_is_refused_by_contract_and_sandbox(
    rig: Rig, resend_contract: OpenAPIContract, method: str, path: str
) -> None:
    one = await rig.ask(method, f"/resend/{path}", json=MAIL if method == "POST" else None)
    with pytest.raises(Breach, match="Security"):
        resend_contract.check_request(one)
    assert one.status == 401


async def test_a_name_that_resend_does_not_list_is_noticed(rig: Rig, resend_contract: OpenAPIContract) -> None:
    one = await rig.ask("POST", "/resend/emails", json=MAIL | {"colour": "red"}, headers=KEY)
    with pytest.raises(Breach, match="colour"):
        resend_contract.check_request(one)


@pytest.mark.parametrize(
    ("path", "change"),
    [("domains", {"data": {}}), ("domains", {"object": 1}), ("emails/{id}", {"to": 1}), ("emails", {"id": 1})],
)
async def test_an_answer_that_resend_does_not_describe_is_noticed(
    rig: Rig, resend_contract: OpenAPIContract, path: str, change: dict[str, Any]
) -> None:
    ident = await rig.mailer.send_email(PLAIN, "one")
    sent = rig.last
    one = sent if path == "emails" else await rig.ask("GET", f"/resend/{path.replace('{id}', ident)}", headers=KEY)
    broken = json.dumps(resend_contract.check_answer(one) | change).encode()
    with pytest.raises(Breach):
        resend_contract.check_answer(replace(one, answer=broken))


async def test_a_refusal_comes_out_with_its_name(rig: Rig) -> None:
    with pytest.raises(ProviderPermanent) as caught:
        await rig.mailer.send_email(replace(PLAIN, to="nobody"), "one")
    assert (caught.value.provider_status, caught.value.provider_code) == (422, "validation_error")
    assert set(json.loads(rig.last.answer)) == {"statusCode", "name", "message"}


FATES = {"ada": "delivered", "bounced": "bounced", "complained": "complained", "suppressed": "suppressed"}


@pytest.mark.parametrize("who", [*FATES, "failed"])
async def test_reports_are_as_resend_describes_them_and_the_adapter_takes_them(
    rig: Rig, resend_contract: OpenAPIContract, who: str
) -> None:
    ident = await rig.mailer.send_email(replace(PLAIN, to=f"{who}@example.com"), "one")
    for raw in await rig.webhooks("resend", f"email.{FATES.get(who, who)}"):
        resend_contract.check_webhook(raw.body, raw.headers["Content-Type"])
        event = rig.sources["resend"].verify_webhook(raw)
        delivery = rig.mailer.parse_delivery_report(event.payload)
        assert delivery is not None
        assert delivery.provider_message_id == ident
        with pytest.raises(Breach):
            resend_contract.check_webhook(json.dumps(event.payload | {"data": {}}).encode(), "application/json")
