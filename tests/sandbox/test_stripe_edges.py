"""Where two flows meet: a page left open, money on its way, and input that nobody sends in good faith."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe_account import Account, open_account

IBAN = "DE89370400440532013000"


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    async with open_account() as opened:
        yield opened


async def session_at_the_bank(account: Account) -> tuple[Any, str]:
    """A checkout session whose customer stands at the bank's page; and that page."""
    price = {"currency": "eur", "unit_amount": 2500, "product_data": {"name": "Tour"}}
    facts = {
        "mode": "payment",
        "success_url": "http://shop.test/ok",
        "line_items": [{"quantity": 1, "price_data": price}],
    }
    session = await account.client().checkout.sessions.create_async(facts)
    _, _, headers = await account.fetch("POST", session.url, data={"payment_method": "pm_card_threeDSecure2Required"})
    return session, headers["Location"]


async def test_a_session_completes_though_its_customer_never_comes_back(account: Account) -> None:
    session, bank = await session_at_the_bank(account)
    await account.fetch("POST", bank, data={"outcome": "complete"})
    done = await account.client().checkout.sessions.retrieve_async(session.id)
    assert (done.status, done.payment_status) == ("complete", "paid")
    assert account.kinds[-1] == "checkout.session.completed"


async def test_a_session_is_charged_once_however_often_its_page_is_sent(account: Account) -> None:
    session, bank = await session_at_the_bank(account)
    await account.fetch("POST", bank, data={"outcome": "complete"})
    await account.fetch("POST", session.url, data={"payment_method": "pm_card_visa"})
    charges = await account.client().charges.list_async()
    assert [one.amount for one in charges.data] == [2500]


async def test_a_session_whose_intent_was_confirmed_elsewhere_is_paid_and_stays_so(account: Account) -> None:
    session, _ = await session_at_the_bank(account)
    client = account.client()
    [intent] = (await client.payment_intents.list_async()).data
    await client.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    await account.fetch("POST", session.url, data={"payment_method": "pm_card_visa"})
    assert len((await client.charges.list_async()).data) == 1
    with pytest.raises(stripe.InvalidRequestError, match="status of `complete`"):
        await client.checkout.sessions.expire_async(session.id)


async def test_an_expired_session_cannot_be_paid_at_the_bank(account: Account) -> None:
    session, bank = await session_at_the_bank(account)
    await account.client().checkout.sessions.expire_async(session.id)
    await account.fetch("POST", bank, data={"outcome": "complete"})
    [intent] = (await account.client().payment_intents.list_async()).data
    assert intent.status == "canceled"
    assert (await account.client().charges.list_async()).data == []


async def test_a_hold_is_not_refunded_by_its_charge(account: Account) -> None:
    """It would be released, and then captured all the same."""
    held = await account.intent()
    with pytest.raises(stripe.InvalidRequestError, match="has not been captured") as refused:
        await account.client().refunds.create_async({"charge": held.latest_charge})
    assert refused.value.code == "charge_not_refundable"
    taken = await account.client().payment_intents.capture_async(held.id, {"expand": ["latest_charge"]})
    assert (taken.amount_received, taken.latest_charge.amount_refunded) == (1099, 0)


async def test_a_debit_called_off_leaves_no_charge_on_its_way(account: Account) -> None:
    debit = {"type": "sepa_debit", "sepa_debit": {"iban": IBAN}, "billing_details": {"name": "A", "email": "a@b.test"}}
    facts = {"amount": 1099, "currency": "eur", "payment_method_types": ["sepa_debit"], "confirm": True}
    client = account.client()
    intent = await client.payment_intents.create_async({**facts, "payment_method_data": debit})
    await client.payment_intents.cancel_async(intent.id)
    await asyncio.sleep(3 * account.state.settling)
    left = await client.payment_intents.retrieve_async(intent.id, {"expand": ["latest_charge"]})
    assert (left.status, left.latest_charge.status, left.amount_received) == ("canceled", "failed", 0)


@pytest.mark.parametrize("depth", [11, 3000])
async def test_a_form_nested_without_end_is_refused(account: Account, depth: int) -> None:
    status, body, _ = await account.fetch("POST", "/stripe/v1/customers", data=b"metadata" + b"[a]" * depth + b"=1")
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("number", ["inf", "nan", "many"])
async def test_the_pace_is_a_finite_number(account: Account, number: str) -> None:
    status, body, _ = await account.fetch("POST", "/_/stripe/pace", json={"settling": number})
    assert (status, body["error"]["param"]) == (400, "settling")
    assert account.state.settling < 1


async def test_four_refunds_at_once_never_give_back_more_than_was_taken(account: Account) -> None:
    intent = await account.intent(capture_method="automatic")
    asked = [account.client().refunds.create_async({"payment_intent": intent.id, "amount": 400}) for _ in range(4)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["InvalidRequestError"] * 2 + ["Refund"] * 2
    charge = await account.client().charges.retrieve_async(intent.latest_charge)
    assert charge.amount_refunded == 800
