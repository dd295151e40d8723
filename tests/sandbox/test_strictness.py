"""The sandbox is as strict as the vendors, and what it does not play it refuses openly."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.sandbox.paypal_account import ORDERS, WHOLE, Merchant, open_merchant
from tests.sandbox.shell import KEY, MAIL, Shell, open_shell, until

STRIPE = {"Authorization": "Bearer sk_test_sandbox"}
BEARER = {"Authorization": "Bearer sk-sandbox"}
SERVICE = "MG" + "0" * 32
TOOL = {"type": "function", "function": {"name": "book", "parameters": {"type": "object"}}}
HELLO = {"model": "gpt-sandbox", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    async with open_shell() as one:
        yield one


@pytest.fixture
async def merchant() -> AsyncIterator[Merchant]:
    async with open_merchant() as one:
        yield one


async def text(shell: Shell, path: str = "Messages.json", **form: str) -> tuple[int, Any]:
    """Status and body of a call of Twilio's API."""
    sid, token = shell.config.twilio_account_sid, shell.config.twilio_auth_token
    basic = base64.b64encode(f"{sid}:{token}".encode()).decode()
    data = {"To": "+447700900123", "Body": "Hi"} | form if path == "Messages.json" else form
    url, headers = f"/twilio/2010-04-01/Accounts/{sid}/{path}", {"Authorization": f"Basic {basic}"}
    status, body, _ = await shell.call("POST", url, data=data, headers=headers)
    return status, body


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "book"}}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tools": [{}]}, "tools[0].type"),
        ({"functions": [TOOL["function"]], "function_call": {"name": "book"}}, "function_call"),
        ({"logprobs": True}, "logprobs"),
        ({"stop": ["\n"]}, "stop"),
        ({"modalities": ["text", "audio"], "audio": {"voice": "ash"}}, "audio"),
    ],
)
async def test_openai_refuses_what_its_models_do_not_play(shell: Shell, more: dict[str, Any], param: str) -> None:
    status, body, _ = await shell.call("POST", "/openai/v1/chat/completions", json=HELLO | more, headers=BEARER)
    assert (status, body["error"]["param"]) == (400, param)


@pytest.mark.parametrize("choice", ["none", "auto"])
async def test_openai_may_answer_in_words_where_no_tool_is_demanded(shell: Shell, choice: str) -> None:
    body = HELLO | {"tools": [TOOL], "tool_choice": choice}
    status, found, _ = await shell.call("POST", "/openai/v1/chat/completions", json=body, headers=BEARER)
    assert (status, found["choices"][0]["finish_reason"]) == (200, "stop")


async def test_openai_knows_its_keys(shell: Shell) -> None:
    status, body, _ = await shell.call("GET", "/openai/v1/models", headers={"Authorization": "Bearer sk-proj-mine"})
    assert (status, body["error"]["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize("key", ["sk_test_mine", "pk_test_mine", "rk_test_mine", "sk_live_sandbox"])
async def test_stripe_knows_its_keys(shell: Shell, key: str) -> None:
    for path in ("customers", "payment_intents/pi_1"):
        headers = {"Authorization": f"Bearer {key}"}
        status, body, _ = await shell.call("GET", f"/stripe/v1/{path}", headers=headers)
        assert (status, body["error"]["type"]) == (401, "invalid_request_error")
        assert body["error"]["message"].startswith("Invalid API Key provided: ")


async def test_resend_knows_its_keys(shell: Shell) -> None:
    headers = {"Authorization": "Bearer re_mine"}
    status, body, _ = await shell.call("POST", "/resend/emails", json=MAIL, headers=headers)
    assert (status, body) == (403, {"statusCode": 403, "name": "invalid_api_key", "message": "API key is invalid"})
    assert await shell.control("GET", "mailbox") == []


async def test_a_messaging_service_accepts_before_it_queues(shell: Shell) -> None:
    _, plain = await text(shell, From="+447700900000")
    _, accepted = await text(shell, MessagingServiceSid=SERVICE)
    assert (plain["status"], accepted["status"], accepted["from"]) == ("queued", "accepted", None)


async def test_media_have_ids_of_their_own_kind(shell: Shell) -> None:
    _, message = await text(shell, From="+447700900000", MediaUrl="https://example.com/map.png")
    assert (message["sid"][:2], message["num_media"]) == ("MM", "1")


async def test_a_scheduled_text_waits_for_its_time(shell: Shell) -> None:
    start = datetime.now(UTC)
    at = (start + timedelta(minutes=20)).isoformat()
    shell.world.now = lambda: start
    _, message = await text(shell, MessagingServiceSid=SERVICE, ScheduleType="fixed", SendAt=at)
    (shown,) = await shell.control("GET", "messages")
    assert (message["status"], shown["status"], message["date_sent"]) == ("scheduled", "scheduled", None)
    (timer,) = shell.world.timers.values()
    shell.world.run_action(timer.emulator, timer.action, *timer.arguments)
    await until(lambda: shell.world.messages[0]["status"] == "delivered")


async def test_a_scheduled_text_is_canceled(shell: Shell) -> None:
    at = (datetime.now(UTC) + timedelta(minutes=20)).isoformat()
    _, message = await text(shell, MessagingServiceSid=SERVICE, ScheduleType="fixed", SendAt=at)
    path = f"Messages/{message['sid']}.json"
    assert (await text(shell, path, Status="canceled"))[1]["status"] == "canceled"
    status, body = await text(shell, path, Status="canceled")
    assert (status, body["code"]) == (400, 30409)
    (timer,) = shell.world.timers.values()
    shell.world.run_action(timer.emulator, timer.action, *timer.arguments)
    assert shell.world.messages[0]["status"] == "canceled"


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"From": "+447700900000", "ScheduleType": "fixed", "SendAt": "2030-01-01T00:00:00Z"}, 35118),
        ({"MessagingServiceSid": SERVICE, "SendAt": "2030-01-01T00:00:00Z"}, 35111),
        ({"MessagingServiceSid": SERVICE, "ScheduleType": "fixed", "SendAt": "tomorrow"}, 35114),
        ({"MessagingServiceSid": SERVICE, "ScheduleType": "fixed", "SendAt": "2020-01-01T00:00:00Z"}, 35114),
        ({"From": "+447700900000", "ValidityPeriod": "60"}, 20001),
    ],
)
async def test_a_schedule_has_to_make_sense(shell: Shell, form: dict[str, str], code: int) -> None:
    status, body = await text(shell, **form)
    assert (status, body["code"]) == (400, code)


async def test_a_permissive_batch_sends_what_is_right(shell: Shell) -> None:
    batch = [MAIL, MAIL | {"to": "nobody"}, MAIL | {"subject": "Second"}]
    strict, _, _ = await shell.call("POST", "/resend/emails/batch", json=batch, headers=KEY)
    headers = KEY | {"x-batch-validation": "permissive"}
    status, body, _ = await shell.call("POST", "/resend/emails/batch", json=batch, headers=headers)
    assert (strict, status, len(body["data"]), [one["index"] for one in body["errors"]]) == (422, 200, 2, [1])
    assert [mail["subject"] for mail in await shell.control("GET", "mailbox")] == ["Hello", "Second"]


@pytest.mark.parametrize("field", ["to", "cc", "bcc", "reply_to", "from"])
@pytest.mark.parametrize("address", ["ada@münchen.example", "jürgen@example.com", "Ada <ada@東京.example>"])
async def test_mail_addresses_are_ascii(shell: Shell, field: str, address: str) -> None:
    status, body, _ = await shell.mail(**{field: address})
    assert (status, body["name"]) == (422, "validation_error")
    assert (await shell.mail(to="Jürgen <ada@xn--mnchen-3ya.example>"))[0] == 200


async def test_stripe_says_that_it_does_not_search(shell: Shell) -> None:
    for kind in ("charges", "customers", "payment_intents"):
        url, headers = f"/stripe/v1/{kind}/search?query=x", {"Authorization": "Bearer sk_test_sandbox"}
        status, body, _ = await shell.call("GET", url, headers=headers)
        assert (status, body["error"]["param"]) == (400, "query")


async def test_money_that_stripe_would_move_elsewhere_is_refused_openly(shell: Shell) -> None:
    for form in ({"confirmation_token": "ctoken_1"}, {"application_fee_amount": "5"}):
        data = {"amount": "1000", "currency": "eur"} | form
        status, body, _ = await shell.call("POST", "/stripe/v1/payment_intents", data=data, headers=STRIPE)
        assert (status, [body["error"]["param"]]) == (400, list(form))


async def test_what_is_left_aside_is_named_in_the_answer_and_in_the_list_of_calls(shell: Shell) -> None:
    data = {"amount": "1000", "currency": "eur", "payment_method_configuration": "pmc_1"}
    _, _, stripe = await shell.call("POST", "/stripe/v1/payment_intents", data=data, headers=STRIPE)
    _, _, openai = await shell.call("POST", "/openai/v1/chat/completions", json=HELLO | {"seed": 7}, headers=BEARER)
    assert (stripe["Sandbox-Ignored"], openai["Sandbox-Ignored"]) == ("payment_method_configuration", "seed")
    ignored = [call["ignored"] for call in await shell.control("GET", "calls")]
    assert ignored == [["payment_method_configuration"], ["seed"]]


async def test_line_items_come_in_pages(shell: Shell) -> None:
    data = {"mode": "payment", "success_url": "https://shop.example/thanks"}
    for place in range(3):
        item = f"line_items[{place}]"
        price = f"{item}[price_data]"
        data |= {f"{item}[quantity]": "1", f"{price}[currency]": "eur", f"{price}[unit_amount]": "500"}
        data[f"{price}[product_data][name]"] = str(place)
    _, session, _ = await shell.call("POST", "/stripe/v1/checkout/sessions", data=data, headers=STRIPE)
    url = f"/stripe/v1/checkout/sessions/{session['id']}/line_items?limit=2"
    _, first, _ = await shell.call("GET", url, headers=STRIPE)
    _, second, _ = await shell.call("GET", f"{url}&starting_after={first['data'][-1]['id']}", headers=STRIPE)
    assert [item["description"] for item in first["data"] + second["data"]] == ["0", "1", "2"]
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert (await shell.call("GET", f"{url}&starting_after=li_nobody", headers=STRIPE))[0] == 400


@pytest.mark.parametrize("parameter", ["ContentSid", "ContentVariables", "ShortenUrls"])
async def test_twilio_refuses_what_it_does_not_render(shell: Shell, parameter: str) -> None:
    status, body = await text(shell, From="+447700900000", **{parameter: "x"})
    assert (status, body["code"], parameter in body["message"]) == (400, 20001, True)


async def test_custom_headers_of_a_mail_are_in_the_mailbox(shell: Shell) -> None:
    assert (await shell.mail(headers=KEY))[0] == 200
    body = MAIL | {"headers": {"List-Unsubscribe": "<https://hub.test/u>"}}
    await shell.call("POST", "/resend/emails", json=body, headers=KEY)
    kept = [mail["headers"] for mail in await shell.control("GET", "mailbox")]
    assert kept == [{}, {"List-Unsubscribe": "<https://hub.test/u>"}]


async def test_supabase_says_that_it_does_not_play_pkce(shell: Shell) -> None:
    body = {"email": "ada@example.com", "password": "correct horse battery", "code_challenge": "x" * 43}
    headers = {"apikey": shell.config.supabase_anon_key}
    status, found, _ = await shell.call("POST", "/supabase/auth/v1/signup", json=body, headers=headers)
    assert (status, "PKCE" in found["msg"]) == (400, True)


def euros(value: str) -> dict[str, str]:
    return {"currency_code": "EUR", "value": value}


ITEM = {"name": "Ticket", "quantity": "2", "unit_amount": euros("4.00")}


@pytest.mark.parametrize(
    ("unit", "issue"),
    [
        ({"amount": euros("10.00") | {"breakdown": {"item_total": euros("9.00")}}}, "AMOUNT_MISMATCH"),
        ({"amount": euros("8.00") | {"breakdown": {"item_total": {"currency_code": "USD", "value": "8.00"}}}},
         "CURRENCY_MISMATCH"),
        ({"amount": euros("8.00"), "items": [ITEM]}, "ITEM_TOTAL_REQUIRED"),
        ({"amount": euros("9.00") | {"breakdown": {"item_total": euros("9.00")}}, "items": [ITEM]},
         "ITEM_TOTAL_MISMATCH"),
        ({"amount": euros("8.00") | {"breakdown": {"item_total": euros("8.00")}},
          "items": [ITEM | {"tax": euros("1.00")}]}, "TAX_TOTAL_REQUIRED"),
    ],
)  # fmt: skip
async def test_paypal_adds_up_the_parts(merchant: Merchant, unit: dict[str, Any], issue: str) -> None:
    body = {"intent": "CAPTURE", "purchase_units": [unit]}
    assert await merchant.issue("POST", ORDERS, body) == (422, issue)


async def test_paypal_shows_parts_that_add_up(merchant: Merchant) -> None:
    parts = {"item_total": euros("8.00"), "shipping": euros("3.00"), "discount": euros("1.00")}
    amount = euros("10.00") | {"breakdown": parts}
    body = {"intent": "CAPTURE", "purchase_units": [{"amount": amount, "items": [ITEM]}]}
    order = await merchant.good("POST", ORDERS, body, **WHOLE)
    assert order["purchase_units"][0]["amount"] == amount
    assert order["purchase_units"][0]["items"] == [ITEM]


ADDRESS = {"address_line_1": "1 High Street", "admin_area_2": "London", "postal_code": "N1 1AA", "country_code": "GB"}


async def test_paypal_keeps_where_a_unit_is_sent_to(merchant: Merchant) -> None:
    shipping = {"type": "SHIPPING", "name": {"full_name": "Ada Lovelace"}, "address": ADDRESS}
    unit = {"amount": euros("10.00"), "shipping": shipping}
    order = await merchant.good("POST", ORDERS, {"intent": "CAPTURE", "purchase_units": [unit]}, **WHOLE)
    assert order["purchase_units"][0]["shipping"] == shipping


@pytest.mark.parametrize(
    ("unit", "status", "issue"),
    [
        ({"shipping": {"address": {"postal_code": "N1 1AA"}}}, 400, "MISSING_REQUIRED_PARAMETER"),
        ({"shipping": {"address": {"country_code": "uk"}}}, 400, "INVALID_PARAMETER_SYNTAX"),
        ({"shipping": {"options": [{"id": "1"}]}}, 422, "NOT_PLAYED_BY_THE_SANDBOX"),
        ({"payee": {"email_address": "somebody@example.com"}}, 422, "NOT_PLAYED_BY_THE_SANDBOX"),
        ({"payment_instruction": {"disbursement_mode": "DELAYED"}}, 422, "NOT_PLAYED_BY_THE_SANDBOX"),
    ],
)
async def test_paypal_refuses_what_it_does_not_play(
    merchant: Merchant, unit: dict[str, Any], status: int, issue: str
) -> None:
    body = {"intent": "CAPTURE", "purchase_units": [{"amount": euros("10.00")} | unit]}
    assert await merchant.issue("POST", ORDERS, body) == (status, issue)
