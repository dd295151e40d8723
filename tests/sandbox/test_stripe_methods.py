from collections.abc import AsyncIterator
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe_account import PUBLISHABLE, Account, open_account, refusal

CARD = {"number": "4242 4242 4242 4242", "exp_month": 12, "exp_year": 34, "cvc": "123"}


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    async with open_account() as opened:
        yield opened


async def test_a_card_is_kept_for_a_customer(account: Account) -> None:
    client = account.client()
    customer = await client.customers.create_async({})
    made = await client.payment_methods.create_async({"type": "card", "card": CARD, "billing_details": {"name": "A"}})
    await client.payment_methods.attach_async(made.id, {"customer": customer.id})
    kept = (await client.payment_methods.list_async({"customer": customer.id})).data
    assert [(one.id, one.card.last4, one.card.exp_year, one.billing_details.name) for one in kept] == [
        (made.id, "4242", 2034, "A")
    ]
    await client.payment_methods.detach_async(made.id)
    assert (await client.payment_methods.list_async({"customer": customer.id})).data == []


async def test_anothers_card_does_not_pay(account: Account) -> None:
    client = account.client()
    customer = await client.customers.create_async({})
    made = await client.payment_methods.attach_async("pm_card_visa", {"customer": customer.id})
    with pytest.raises(stripe.InvalidRequestError, match="does not belong"):
        await account.intent(payment_method=made.id)
    assert (await account.intent(payment_method=made.id, customer=customer.id)).status == "requires_capture"


async def test_a_card_set_up_once_pays_without_its_owner(account: Account) -> None:
    customer = await account.client().customers.create_async({})
    first = await account.intent(
        customer=customer.id,
        payment_method="pm_card_authenticationRequiredOnSetup",
        setup_future_usage="off_session",
        return_url="http://shop.test/",
    )
    await account.fetch("POST", first.next_action.redirect_to_url.url, data={"outcome": "complete"})
    later = await account.intent(customer=customer.id, payment_method=first.payment_method, off_session=True)
    assert later.status == "requires_capture"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"number": "4242424242424241"}, "incorrect_number"),
        ({"exp_year": 2020}, "invalid_expiry_year"),
        ({"cvc": "1"}, "invalid_cvc"),
    ],
)
async def test_a_mistyped_card_is_refused(account: Account, change: dict[str, Any], code: str) -> None:
    with pytest.raises(stripe.CardError) as refused:
        await account.client(PUBLISHABLE).payment_methods.create_async({"type": "card", "card": {**CARD, **change}})
    assert (refusal(refused).code, refusal(refused).http_status) == (code, 402)


async def test_a_real_card_is_no_test_card(account: Account) -> None:
    data = {"type": "card", "card": {**CARD, "number": "4111111111111111"}}
    with pytest.raises(stripe.CardError) as declined:
        await account.intent(payment_method="", payment_method_data=data)
    assert refusal(declined).error.decline_code == "test_mode_live_card"


async def test_a_debit_cannot_hold_money(account: Account) -> None:
    debit = {"type": "sepa_debit", "sepa_debit": {"iban": "DE89370400440532013000"}}
    kinds = {"automatic_payment_methods": "", "payment_method_types": ["sepa_debit"]}
    with pytest.raises(stripe.InvalidRequestError, match="does not support manual capture"):
        await account.intent(payment_method="", payment_method_data=debit, **kinds)
    assert account.kinds == []


async def test_confirming_by_hand_comes_back_for_the_charge(account: Account) -> None:
    facts = {"confirmation_method": "manual", "return_url": "http://shop.test/"}
    intent = await account.intent(payment_method="pm_card_threeDSecureRequired", **facts)
    await account.fetch("POST", intent.next_action.redirect_to_url.url, data={"outcome": "complete"})
    intents = account.client().payment_intents
    assert (await intents.retrieve_async(intent.id)).status == "requires_confirmation"
    assert (await intents.confirm_async(intent.id)).status == "requires_capture"


async def test_a_redirect_needs_a_way_back(account: Account) -> None:
    made = await account.client().payment_intents.create_async({"amount": 500, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await account.client().payment_intents.confirm_async(made.id, {"payment_method": "pm_card_visa"})
    assert refusal(refused).param == "return_url"


async def test_a_blocked_card_never_reaches_the_bank(account: Account) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await account.intent(payment_method="pm_card_radarBlock")
    charge = await account.client().charges.retrieve_async(refusal(declined).error.charge)
    assert (charge.outcome.type, charge.outcome.network_status) == ("blocked", "not_sent_to_network")
