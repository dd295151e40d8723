import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import stripe

from tests.sandbox.stripe_account import SECRET, Account, open_account


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    async with open_account() as opened:
        yield opened


async def test_a_webhook_is_signed_as_the_sdk_expects(account: Account) -> None:
    held = await account.intent()
    callback = account.sent[-1]
    client = stripe.StripeClient(SECRET)
    secret = account.world.config.stripe_webhook_secret
    signature = account.world.sign_callback(callback, account.now())["Stripe-Signature"]
    event = client.construct_event(callback.body, signature, secret)
    assert (event.type, event.data.object.id) == ("payment_intent.amount_capturable_updated", held.id)
    assert (callback.url, callback.label) == ("http://hub.test/webhooks/stripe", event.id)
    assert callback.body.startswith(b'{\n  "id": "evt_')
    with pytest.raises(stripe.SignatureVerificationError):
        client.construct_event(callback.body, signature, "whsec_other")


async def test_an_event_shows_the_object_as_it_was(account: Account) -> None:
    held = await account.intent()
    await account.client().payment_intents.cancel_async(held.id)
    listed = (await account.client().events.list_async({"type": "payment_intent.created"})).data
    assert [one.data.object.status for one in listed] == ["requires_confirmation"]


async def test_an_event_names_its_cause(account: Account) -> None:
    made = await account.client().customers.create_async({}, {"idempotency_key": "k1"})
    event = json.loads(account.sent[0].body)
    assert event["request"] == {"id": made.last_response.request_id, "idempotency_key": "k1"}


async def test_events_are_listed_by_type_and_time(account: Account) -> None:
    events = account.client().events
    await account.intent()
    assert [one.type for one in (await events.list_async({"types": ["charge.*"]})).data] == ["charge.succeeded"]
    now = int(account.now().timestamp())
    assert (await events.list_async({"created": {"gte": now + 60}})).data == []
    newest = (await events.list_async({"limit": 1})).data[0]
    older = (await events.list_async({"starting_after": newest.id})).data
    assert [one.type for one in older] == ["charge.succeeded", "payment_intent.created"]


async def test_what_was_not_taken_can_be_asked_for(account: Account) -> None:
    await account.intent()
    account.world.acknowledge_callback(account.sent[0])
    events = account.client().events
    missed = (await events.list_async({"delivery_success": False})).data
    taken = (await events.list_async({"delivery_success": True})).data
    assert [(one.type, one.pending_webhooks) for one in taken] == [("payment_intent.created", 0)]
    assert [one.id for one in missed] == [one.label for one in account.sent[:0:-1]]


async def test_an_event_is_sent_again(account: Account) -> None:
    await account.client().customers.create_async({})
    first = account.sent[0]
    await account.fetch("POST", f"/_/stripe/events/{first.label}/resend")
    assert [one.body for one in account.sent] == [first.body, first.body]


async def test_tests_look_in(account: Account) -> None:
    held = await account.intent()
    _, found, _ = await account.fetch("GET", "/_/stripe/intents")
    assert [(one["id"], one["status"]) for one in found] == [(held.id, "requires_capture")]


async def test_a_reset_account_is_empty_and_stays_so(account: Account) -> None:
    await account.intent(capture_method="automatic_async")
    account.world.reset_state()
    account.sent.clear()
    assert (await account.client().payment_intents.list_async()).data == []
    await asyncio.sleep(0.06)
    assert account.kinds == []
