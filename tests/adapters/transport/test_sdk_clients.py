"""The official SDKs, unchanged, over the one transport."""

import json
import traceback
from random import Random
from urllib.parse import parse_qs

import httpx2
import openai
import pytest
import resend
import stripe
import twilio.rest

from adapters.sdk_clients import OpenAITransport, ResendHTTP, StripeHTTP, TwilioHTTP, translate_sdk_errors, warm_up_sdk
from adapters.transport import Transport
from hub.core.clock import SystemClock
from hub.core.errors import BreakerOpen, OutcomeUnknown, ProviderPermanent, ProviderTransient
from hub.resilience.policy import ResiliencePolicy
from hub.resilience.retry import Backoff

CANARY = "canary@example.com"


@pytest.fixture
def pay(transport, provider):
    client = stripe.StripeClient(
        "sk_test_canary",
        http_client=StripeHTTP(transport),
        base_addresses={"api": f"{provider.url}/stripe"},
        max_network_retries=0,
    )

    async def create():
        with translate_sdk_errors("stripe") as exchange:
            await client.v1.payment_intents.create_async(
                {"amount": 100, "currency": "eur", "receipt_email": CANARY}, {"idempotency_key": "booking:1:pay"}
            )
        return exchange

    create.client = client
    return create


@pytest.fixture
def mail(transport, provider, monkeypatch):
    monkeypatch.setattr(resend, "api_key", "re_canary")
    monkeypatch.setattr(resend, "api_url", f"{provider.url}/resend")
    monkeypatch.setattr(resend, "default_async_http_client", ResendHTTP(transport))

    async def send():
        with translate_sdk_errors("resend"):
            return await resend.Emails.send_async(
                {"from": "a@example.com", "to": [CANARY], "subject": "s", "text": "t"}, {"idempotency_key": "mail:1"}
            )

    return send


@pytest.fixture
def text(transport, provider):
    client = twilio.rest.Client("AC0123", "canary", http_client=TwilioHTTP(transport))
    client.api.base_url = f"{provider.url}/twilio"

    async def send(**fields):
        with translate_sdk_errors("twilio"):
            return await client.messages.create_async(
                **{"to": "+15005550001", "from_": "+15005550006", "body": "hi"} | fields
            )

    send.client = client
    return send


@pytest.fixture
async def ask(transport, provider):
    async with httpx2.AsyncClient(transport=OpenAITransport(transport)) as http:
        client = openai.AsyncOpenAI(api_key="sk-canary", base_url=f"{provider.url}/v1", http_client=http, max_retries=0)

        async def generate():
            with translate_sdk_errors("openai"):
                return await client.chat.completions.create(model="m", messages=[{"role": "user", "content": CANARY}])

        yield generate


@pytest.fixture(params=["pay", "mail", "text", "ask"])
def sdk(request):
    return request.param, request.getfixturevalue(request.param)


async def test_stripe_sends_the_key_and_the_form(pay, provider, records):
    provider.will(provider.says(503), provider.says(body={"id": "pi_1", "object": "payment_intent"}))
    exchange = await pay()
    assert [request.headers["Idempotency-Key"] for request in provider.seen] == ["booking:1:pay"] * 2
    assert parse_qs(provider.bodies[1].decode())["amount"] == ["100"]
    assert provider.seen[0].headers["Authorization"] == "Bearer sk_test_canary"
    assert (records[1].operation, records[1].idempotency_key) == ("payment_intents.create", "booking:1:pay")
    assert exchange.response.json()["id"] == "pi_1"


async def test_stripe_keeps_its_typed_answer(pay, provider):
    provider.will(provider.says(body={"id": "pi_1", "object": "payment_intent", "amount": 100}, Request_Id="req_1"))
    intent = await pay.client.v1.payment_intents.retrieve_async("pi_1", {"expand": ["latest_charge"]})
    assert (intent.amount, intent.last_response.request_id) == (100, "req_1")
    assert provider.seen[0].query_string == "expand[0]=latest_charge"


async def test_stripe_posts_without_a_key_of_ours_get_the_sdks(pay, provider):
    provider.will(provider.resets, provider.says(body={"id": "pi_1", "object": "payment_intent"}))
    await pay.client.v1.payment_intents.capture_async("pi_1")
    keys = {request.headers["Idempotency-Key"] for request in provider.seen}
    assert (len(provider.seen), len(keys)) == (2, 1)


async def test_a_declined_card_keeps_its_codes_and_loses_its_words(pay, provider):
    error = {"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds", "message": CANARY}
    provider.will(provider.says(402, {"error": error}))
    with pytest.raises(ProviderPermanent) as refused:
        await pay()
    one = refused.value
    assert (one.provider_code, one.provider_status) == ("card_declined", 402)
    assert one.extra["decline_code"] == "insufficient_funds"
    assert len(provider.seen) == 1


async def test_resend_sends_json_under_the_key(mail, provider, records):
    provider.will(provider.says(500), provider.says(body={"id": "email_1"}))
    assert (await mail())["id"] == "email_1"
    assert [request.headers["Idempotency-Key"] for request in provider.seen] == ["mail:1"] * 2
    assert json.loads(provider.bodies[1])["to"] == [CANARY]
    assert records[0].operation == "emails.create"


async def test_twilio_sends_a_form_with_basic_authorisation(text, provider, records):
    provider.will(provider.says(201, {"sid": "SM1", "status": "queued"}))
    sent = await text(media_url=["https://a.example/1", "https://a.example/2"])
    assert sent.sid == "SM1"
    assert len(parse_qs(provider.bodies[0].decode())["MediaUrl"]) == 2
    assert provider.seen[0].path == "/twilio/2010-04-01/Accounts/AC0123/Messages.json"
    assert provider.seen[0].headers["Authorization"].startswith("Basic ")
    assert (records[0].operation, records[0].idempotency_key) == ("messages.create", None)


async def test_twilio_lists_without_what_was_not_asked_for(text, provider, records):
    provider.will(provider.says(body={"messages": []}))
    await text.client.messages.list_async(to="+15005550001", limit=5)
    assert dict(provider.seen[0].query) == {"To": "+15005550001", "PageSize": "5"}
    assert records[0].operation == "messages.list"


async def test_twilio_errors_carry_the_headers_that_the_sdk_drops(text, provider):
    provider.will(provider.says(429, {"code": 20429, "message": "slow", "status": 429}, Retry_After="7"))
    with pytest.raises(ProviderTransient) as refused:
        await text()
    assert (refused.value.provider_code, refused.value.retry_after) == ("20429", 7)


async def test_openai_reads_a_whole_answer(ask, provider, records):
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    provider.will(provider.resets, provider.says(body=body))
    answer = await ask()
    assert answer.choices[0].message.content == "hello"
    assert records[0].operation == "chat.completions.create"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"code": "x", "message": CANARY}, "name": "x", "message": CANARY, "code": 21211}),
        (401, {"error": {"message": CANARY}, "name": CANARY, "message": CANARY, "code": CANARY}),
        (404, b"<html>canary</html>"),
    ],
)
async def test_a_refusal_is_permanent_whatever_the_sdk(sdk, provider, status, body):
    provider.will(provider.says(status, body))
    with pytest.raises(ProviderPermanent) as refused:
        await sdk[1]()
    assert refused.value.provider_status == status
    assert_no_canary(refused.value)


@pytest.mark.parametrize("fault", ["resets", "cuts_the_body", "speaks_garbage"])
async def test_a_lost_write_is_unknown_whatever_the_sdk(sdk, provider, fault):
    """And a lost generation is transient: it changed nothing."""
    provider.will(getattr(provider, fault))
    with pytest.raises(ProviderTransient if sdk[0] == "ask" else OutcomeUnknown) as lost:
        await sdk[1]()
    assert_no_canary(lost.value)


async def test_a_server_error_on_a_write_is_unknown_whatever_the_sdk(sdk, provider):
    provider.will(provider.says(500, {"message": CANARY}))
    with pytest.raises(ProviderTransient if sdk[0] == "ask" else OutcomeUnknown) as lost:
        await sdk[1]()
    assert_no_canary(lost.value)


async def test_a_rate_limit_is_transient_whatever_the_sdk(sdk, provider):
    provider.will(provider.says(429, {"name": "rate_limit_exceeded"}, Retry_After="30"))
    with pytest.raises(ProviderTransient) as limited:
        await sdk[1]()
    assert limited.value.retry_after == 30


async def test_a_success_that_makes_no_sense_is_not_taken_for_one(sdk, provider):
    provider.will(provider.says(200, b"<html>canary"))
    with pytest.raises(ProviderTransient if sdk[0] == "ask" else OutcomeUnknown) as lost:
        await sdk[1]()
    assert_no_canary(lost.value)


async def test_an_open_breaker_comes_out_as_itself(provider, monkeypatch, pay):
    provider.will(provider.says(500))
    policies = {"stripe": ResiliencePolicy(breaker_min_calls=1, backoff=Backoff(initial_delay=0))}
    async with Transport.open_with_session(clock=SystemClock(), chance=Random(1), policies=policies) as transport:
        monkeypatch.setattr(pay.client._requestor._client, "_transport", transport)
        with pytest.raises(OutcomeUnknown):
            await pay()
        with pytest.raises(BreakerOpen):
            await pay()


async def test_a_wrong_argument_is_a_bug_and_not_a_providers_error(pay):
    with pytest.raises(TypeError), translate_sdk_errors("stripe"):
        await pay.client.v1.payment_intents.retrieve_async()


@pytest.mark.parametrize(
    ("name", "kind"), [("daily_quota_exceeded", ProviderTransient), ("monthly_quota_exceeded", ProviderPermanent)]
)
async def test_a_used_up_quota_is_not_asked_again(mail, provider, name, kind):
    provider.will(provider.says(429, {"statusCode": 429, "name": name, "message": "m"}))
    with pytest.raises(kind) as refused:
        await mail()
    assert (refused.value.provider_code, len(provider.seen)) == (name, 1)


async def test_openai_without_credit_is_permanent(ask, provider):
    provider.will(provider.says(429, {"error": {"code": "insufficient_quota", "type": "insufficient_quota"}}))
    with pytest.raises(ProviderPermanent):
        await ask()
    assert len(provider.seen) == 1


async def test_the_same_resend_key_for_something_else_is_permanent(mail, provider):
    provider.will(provider.says(409, {"statusCode": 409, "name": "invalid_idempotent_request", "message": "m"}))
    with pytest.raises(ProviderPermanent):
        await mail()
    assert len(provider.seen) == 1


async def test_a_stripe_key_in_use_passes(pay, provider):
    provider.will(provider.says(409, {"error": {"code": "idempotency_key_in_use"}}))
    with pytest.raises(ProviderTransient):
        await pay()


@pytest.mark.parametrize("name", ["stripe", "resend", "twilio", "openai"])
async def test_warming_needs_no_network_and_leaves_no_trace(name, provider, mail):
    before = resend.default_async_http_client, resend.api_key
    await warm_up_sdk(name)
    assert (resend.default_async_http_client, resend.api_key) == before
    assert provider.seen == []


def assert_no_canary(error):
    shown = [repr(error), error.detail, str(error.extra), str(error.provider_code), *traceback.format_exception(error)]
    assert "canary" not in " ".join(shown)
