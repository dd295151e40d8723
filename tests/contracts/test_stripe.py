"""Stripe: what the adapter sends and what the sandbox says, each against Stripe's own description."""

import json
from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import Any
from uuid import UUID

import pytest
import stripe
from stripe import params

from hub.core.errors import ProviderPermanent
from hub.core.money import Money
from hub.sales.payments import Intent, IntentRequest
from sandbox.stripe.state import API_VERSION
from tests.contracts.recording import Exchange, Rig
from tests.contracts.specs import Breach
from tests.contracts.stripe_contract import StripeContract

SECRET = {"Authorization": "Bearer sk_test_sandbox"}
ONE, TWO = UUID(int=1), UUID(int=2)


async def create(rig: Rig) -> Intent:
    customer = await rig.gateway.ensure_customer(ONE, "ada@example.com", "Ada Lovelace", key="customer")
    return await rig.gateway.create_intent(
        IntentRequest(ONE, TWO, Money(29999, "EUR"), "London to Barcelona", customer), "create"
    )


async def confirm(rig: Rig, intent: Intent, card: str = "pm_card_visa") -> Exchange:
    """What the browser does, which is not the adapter's business."""
    form = {"payment_method": card, "return_url": "http://localhost/back"}
    return await rig.ask("POST", f"/stripe/v1/payment_intents/{intent.id}/confirm", data=form, headers=SECRET)


async def held(rig: Rig, card: str = "pm_card_visa") -> Intent:
    intent = await create(rig)
    await confirm(rig, intent, card)
    return intent


async def list_intents(rig: Rig) -> None:
    await rig.gateway.check_access()


async def create_customer(rig: Rig) -> None:
    await rig.gateway.ensure_customer(ONE, "ada@example.com", "Ada Lovelace", key="customer")


async def create_without_customer(rig: Rig) -> None:
    await rig.gateway.create_intent(IntentRequest(ONE, TWO, Money(5000, "JPY"), "Tokyo to Osaka"), "create")


async def create_intent(rig: Rig) -> None:
    await create(rig)


async def read_before(rig: Rig) -> None:
    await rig.gateway.read_intent((await create(rig)).id)


async def read_held(rig: Rig) -> None:
    await rig.gateway.read_intent((await held(rig)).id)


async def read_asked(rig: Rig) -> None:
    await rig.gateway.read_intent((await held(rig, "pm_card_threeDSecure2Required")).id)


async def read_declined(rig: Rig) -> None:
    await rig.gateway.read_intent((await held(rig, "pm_card_chargeDeclinedInsufficientFunds")).id)


async def capture(rig: Rig) -> None:
    await rig.gateway.capture_intent((await held(rig)).id, "capture")


async def cancel(rig: Rig) -> None:
    await rig.gateway.cancel_intent((await held(rig)).id, "cancel")


async def refund(rig: Rig) -> None:
    intent = await held(rig)
    await rig.gateway.capture_intent(intent.id, "capture")
    await rig.gateway.refund_intent(intent.id, Money(9999, "EUR"), UUID(int=7), "refund")


Scenario = Callable[[Rig], Awaitable[None]]
SCENARIOS: list[tuple[Scenario, Any]] = [
    (list_intents, params.PaymentIntentListParams),
    (create_customer, params.CustomerCreateParams),
    (create_without_customer, params.PaymentIntentCreateParams),
    (create_intent, params.PaymentIntentCreateParams),
    (read_before, params.PaymentIntentRetrieveParams),
    (read_held, params.PaymentIntentRetrieveParams),
    (read_asked, params.PaymentIntentRetrieveParams),
    (read_declined, params.PaymentIntentRetrieveParams),
    (capture, params.PaymentIntentCaptureParams),
    (cancel, params.PaymentIntentCancelParams),
    (refund, params.RefundCreateParams),
]
NAMES = [scenario.__name__ for scenario, _ in SCENARIOS]


@pytest.mark.parametrize(("scenario", "known"), SCENARIOS, ids=NAMES)
async def test_the_adapter_sends_and_the_sandbox_says_what_stripe_describes(
    rig: Rig, stripe_contract: StripeContract, scenario: Scenario, known: type
) -> None:
    await scenario(rig)
    stripe_contract.check_request(rig.last, known)
    body = stripe_contract.check_answer(rig.last)
    assert rig.last.status == 200
    if body["object"] != "list":
        assert not stripe_contract.missing(body)


async def test_every_call_carries_version_key_and_idempotency(rig: Rig) -> None:
    await refund(rig)
    assert stripe.api_version == API_VERSION
    for one in rig.recording.exchanges:
        if one.headers.get("User-Agent", "").startswith("Stripe/"):
            assert one.headers["Stripe-Version"] == stripe.api_version
            assert one.headers["Authorization"] == "Bearer sk_test_sandbox"
            assert 1 <= len(one.headers["Idempotency-Key"]) <= 255


async def test_a_customer_is_forgotten_as_stripe_describes_it(rig: Rig, stripe_contract: StripeContract) -> None:
    customer = await rig.gateway.ensure_customer(ONE, "ada@example.com", "Ada Lovelace", key="customer")
    await rig.gateway.forget_customer(customer, "forget")
    stripe_contract.check_request(rig.last)
    assert stripe_contract.check_answer(rig.last) == {"id": customer, "object": "customer", "deleted": True}
    (told,) = [raw for raw in await rig.webhooks("stripe", "customer.deleted") if b"customer.deleted" in raw.body]
    stripe_contract.check_object(rig.sources["stripe"].verify_webhook(told).payload["data"]["object"])


async def test_who_is_forgotten_may_be_forgotten_again(rig: Rig) -> None:
    customer = await rig.gateway.ensure_customer(ONE, "ada@example.com", "Ada Lovelace", key="customer")
    await rig.gateway.forget_customer(customer, "forget")
    await rig.gateway.forget_customer(customer, "forget")
    assert rig.last.status == 404
    await rig.gateway.forget_customer("cus_of_nobody", "forget another")


async def test_a_refusal_to_forget_is_no_success(rig: Rig) -> None:
    await rig.control("faults", {"provider": "stripe", "kind": "status", "status": 401})
    with pytest.raises(ProviderPermanent):
        await rig.gateway.forget_customer("cus_1", "forget")


WRONG: list[tuple[str, str, dict[str, str]]] = [
    ("GET", "payment_intents", {"limit": "many"}),
    ("GET", "payment_intents", {"colour": "red"}),
    ("GET", "payment_intents/{id}", {"expand": "latest_charge"}),
    ("POST", "customers", {"metadata": "text"}),
    ("POST", "customers", {"mail": "ada@example.com"}),
    ("POST", "payment_intents", {"amount": "100"}),
    ("POST", "payment_intents", {"amount": "1.5", "currency": "eur"}),
    ("POST", "payment_intents", {"amount": "100", "currency": "eur", "capture_method": "later"}),
    ("POST", "payment_intents", {"amount": "100", "currency": "eur", "automatic_payment_methods[enabled]": "yes"}),
    ("POST", "payment_intents/{id}/confirm", {"setup_future_usage": "never"}),
    ("POST", "payment_intents/{id}/capture", {"amount_to_capture": "all"}),
    ("POST", "payment_intents/{id}/cancel", {"cancellation_reason": "whim"}),
    ("POST", "refunds", {"payment_intent": "{id}", "amount": "half"}),
    ("POST", "refunds", {"payment_intent": "{id}", "reason": "whim"}),
]


@pytest.mark.parametrize(("method", "path", "form"), WRONG)
async def test_what_stripe_does_not_describe_is_refused_by_contract_and_sandbox(
    rig: Rig, stripe_contract: StripeContract, method: str, path: str, form: dict[str, str]
) -> None:
    intent = await create(rig)
    form = {name: value.replace("{id}", intent.id) for name, value in form.items()}
    given: dict[str, Any] = {"data": form} if method == "POST" else {"params": form}
    one = await rig.ask(method, f"/stripe/v1/{path.replace('{id}', intent.id)}", headers=SECRET, **given)
    with pytest.raises(Breach):
        stripe_contract.check_request(one)
    stripe_contract.check_answer(one)
    assert one.status == 400


def test_a_name_that_only_the_newer_sdk_knows_is_no_fault(stripe_contract: StripeContract) -> None:
    one = Exchange("stripe", "POST", "/v1/payment_intents/pi_1/cancel", "", {}, b"brand_new=1")
    with pytest.raises(Breach, match="brand_new"):
        stripe_contract.check_request(one)
    stripe_contract.check_request(one, type("Params", (), {"__annotations__": {"brand_new": str}}))


def breaks(*path: str) -> Callable[[Any, Any], Any]:
    """A change of an answer at one place."""

    def change(body: Any, value: Any) -> Any:
        *way, last = path
        changed = inner = deepcopy(body)
        for step in way:
            inner = inner[step]
        inner.pop(last, None)
        if value is not None:
            inner[last] = value
        return changed

    return change


@pytest.mark.parametrize(
    ("change", "value"),
    [
        (breaks("id"), None),
        (breaks("amount"), "29999"),
        (breaks("status"), "lost"),
        (breaks("livemode"), "no"),
        (breaks("colour"), "red"),
        (breaks("next_action"), {"redirect": 1}),
        (breaks("latest_charge", "captured"), "yes"),
        (breaks("latest_charge", "outcome", "colour"), "red"),
        (breaks("latest_charge", "payment_method_details", "card", "colour"), "red"),
        (breaks("latest_charge", "billing_details"), None),
        (breaks("latest_charge", "outcome", "type"), None),
    ],
)
async def test_an_answer_that_stripe_does_not_describe_is_noticed(
    rig: Rig, stripe_contract: StripeContract, change: Callable[[Any, Any], Any], value: Any
) -> None:
    await rig.gateway.read_intent((await held(rig)).id)
    body = stripe_contract.check_answer(rig.last)
    with pytest.raises(Breach):
        stripe_contract.check_object(change(body, value))


@pytest.mark.parametrize("kind", ["payment_intent", "charge", "refund", "dispute", "event", "payment_method"])
def test_stripes_own_samples_pass(stripe_contract: StripeContract, kind: str) -> None:
    stripe_contract.check_object(stripe_contract.samples[kind], newest=False)


async def test_refusals_are_worded_as_stripe_words_them(rig: Rig, stripe_contract: StripeContract) -> None:
    declined = await confirm(rig, await create(rig), "pm_card_chargeDeclined")
    error = stripe_contract.check_answer(declined)["error"]
    assert (declined.status, error["type"], error["payment_intent"]["object"]) == (402, "card_error", "payment_intent")
    with pytest.raises(ProviderPermanent):
        await rig.gateway.read_intent("pi_of_nobody")
    assert (rig.last.status, stripe_contract.check_answer(rig.last)["error"]["code"]) == (404, "resource_missing")
    unknown = await rig.ask("GET", "/stripe/v1/payment_intents", headers={"Authorization": "Bearer nobody"})
    assert (unknown.status, set(stripe_contract.check_answer(unknown))) == (401, {"error"})
    with pytest.raises(ProviderPermanent):
        await rig.gateway.capture_intent((await create(rig)).id, "too early")
    assert stripe_contract.check_answer(rig.last)["error"]["code"] == "payment_intent_unexpected_state"


@pytest.mark.parametrize(
    "change", [breaks("error", "type"), breaks("error", "payment_intent", "amount"), breaks("error", "colour")]
)
async def test_a_refusal_that_stripe_does_not_describe_is_noticed(
    rig: Rig, stripe_contract: StripeContract, change: Callable[[Any, Any], Any]
) -> None:
    one = await confirm(rig, await create(rig), "pm_card_chargeDeclined")
    broken = json.dumps(change(json.loads(one.answer), "no such thing")).encode()
    with pytest.raises(Breach):
        stripe_contract.check_answer(Exchange("stripe", one.method, one.path, "", {}, b"", one.status, {}, broken))


EVENTS = {
    "pm_card_visa": "charge.captured",
    "pm_card_chargeDeclined": "payment_intent.payment_failed",
    "pm_card_threeDSecure2Required": "payment_intent.requires_action",
    "pm_card_createDispute": "charge.dispute.funds_withdrawn",
    "pm_card_refundFail": "refund.failed",
}


@pytest.mark.parametrize("card", EVENTS)
async def test_events_are_as_stripe_describes_them_and_the_adapter_takes_them(
    rig: Rig, stripe_contract: StripeContract, card: str
) -> None:
    intent = await held(rig, card)
    if (await rig.gateway.read_intent(intent.id)).status == "authorised":
        await rig.gateway.capture_intent(intent.id, "capture")
        await rig.gateway.refund_intent(intent.id, Money(9999, "EUR"), UUID(int=7), "refund")
    for raw in await rig.webhooks("stripe", EVENTS[card]):
        event = rig.sources["stripe"].verify_webhook(raw)
        stripe_contract.check_object(event.payload)
        stripe_contract.check_object(event.payload["data"]["object"])
        assert stripe_contract.missing(event.payload["data"]["object"]) <= {"refunds"}
        with pytest.raises(Breach):
            stripe_contract.check_object(event.payload | {"created": "now"})


async def test_more_refunds_than_a_charge_shows_are_all_read(rig: Rig) -> None:
    intent = await held(rig)
    await rig.gateway.capture_intent(intent.id, "capture")
    for number in range(12):
        await rig.gateway.refund_intent(intent.id, Money(100, "EUR"), UUID(int=number + 10), f"refund {number}")
    seen = await rig.gateway.read_intent(intent.id)
    assert seen.refunds is not None
    assert {refund.refund_id for refund in seen.refunds} == {UUID(int=number + 10) for number in range(12)}
    assert seen.refunded == 1200


async def test_the_account_is_read_once_as_stripe_describes_it(rig: Rig, stripe_contract: StripeContract) -> None:
    assert await rig.gateway.get_account() == "acct_1SandboxHub00001/test"
    stripe_contract.check_answer(rig.last)
    asked = len(rig.recording.exchanges)
    await rig.gateway.get_account()
    assert len(rig.recording.exchanges) == asked
