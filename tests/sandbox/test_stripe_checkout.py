from collections.abc import AsyncIterator
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe_account import Account, open_account

TOUR = {"price_data": {"currency": "eur", "unit_amount": 2500, "product_data": {"name": "Tour <b>"}}, "quantity": 2}


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    async with open_account() as opened:
        yield opened


async def opened(account: Account, **more: Any) -> Any:
    facts = {"mode": "payment", "line_items": [TOUR], "success_url": "http://shop.test/ok?s={CHECKOUT_SESSION_ID}"}
    return await account.client().checkout.sessions.create_async({**facts, **more})


async def test_a_session_is_paid_on_its_page(account: Account) -> None:
    session = await opened(account, payment_intent_data={"metadata": {"booking_id": "b1"}})
    _, text, _ = await account.fetch("GET", session.url)
    assert "€50.00" in text
    assert "Tour &lt;b&gt;" in text

    _, _, headers = await account.fetch("POST", session.url, data={"payment_method": "pm_card_visa"})

    assert headers["Location"] == f"http://shop.test/ok?s={session.id}"
    done = await account.client().checkout.sessions.retrieve_async(
        session.id, {"expand": ["payment_intent", "line_items"]}
    )
    assert (done.status, done.payment_status, done.amount_total) == ("complete", "paid", 5000)
    assert done.payment_intent.metadata["booking_id"] == "b1"
    assert done.line_items.data[0].quantity == 2
    assert account.kinds[-1] == "checkout.session.completed"


async def test_a_session_can_hold_the_money(account: Account) -> None:
    session = await opened(account, payment_intent_data={"capture_method": "manual"})
    await account.fetch("POST", session.url, data={"payment_method": "pm_card_visa"})
    done = await account.client().checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
    assert (done.payment_status, done.payment_intent.status) == ("unpaid", "requires_capture")


async def test_a_declined_card_leaves_the_page_open(account: Account) -> None:
    session = await opened(account)
    status, text, _ = await account.fetch("POST", session.url, data={"payment_method": "pm_card_visa_chargeDeclined"})
    assert (status, "Your card was declined." in text) == (402, True)
    await account.fetch("POST", session.url, data={"payment_method": "pm_card_visa"})
    done = await account.client().checkout.sessions.retrieve_async(session.id)
    assert done.status == "complete"
    assert account.kinds.count("payment_intent.created") == 1


@pytest.mark.parametrize(("outcome", "status"), [("complete", "complete"), ("fail", "open")])
async def test_the_bank_is_asked_on_the_way(account: Account, outcome: str, status: str) -> None:
    session = await opened(account)
    _, _, asked = await account.fetch("POST", session.url, data={"payment_method": "pm_card_threeDSecure2Required"})
    _, _, back = await account.fetch("POST", asked["Location"], data={"outcome": outcome})
    await account.fetch("GET", back["Location"])
    assert (await account.client().checkout.sessions.retrieve_async(session.id)).status == status


async def test_a_session_expires_once(account: Account) -> None:
    session = await opened(account)
    gone = await account.client().checkout.sessions.expire_async(session.id)
    assert (gone.status, gone.url, account.kinds) == ("expired", None, ["checkout.session.expired"])
    with pytest.raises(stripe.InvalidRequestError, match="can be expired"):
        await account.client().checkout.sessions.expire_async(session.id)
    assert "This session is expired" in (await account.fetch("GET", session.url))[1]


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"line_items": []}, "line_items"),
        ({"success_url": "ftp://shop.test"}, "success_url"),
        ({"mode": "subscription"}, "mode"),
        ({"line_items": [{**TOUR, "quantity": 0}]}, "line_items[0][quantity]"),
        ({"payment_intent_data": {"moon": "1"}}, "payment_intent_data[moon]"),
    ],
)
async def test_a_session_is_refused(account: Account, more: dict[str, Any], param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await opened(account, **more)
    assert refused.value.param == param


async def test_a_link_opens_sessions_until_one_is_complete(account: Account) -> None:
    client = account.client()
    once = {"completed_sessions": {"limit": 1}}
    link = await client.payment_links.create_async({"line_items": [TOUR], "restrictions": once, "metadata": {"k": "v"}})
    pages = [(await account.fetch("GET", link.url))[2]["Location"] for _ in range(2)]
    await account.fetch("POST", pages[0], data={"payment_method": "pm_card_visa"})
    listed = await client.checkout.sessions.list_async({"payment_link": link.id})
    assert [(one.status, one.metadata["k"]) for one in listed.data] == [("open", "v"), ("complete", "v")]
    assert "no longer active" in (await account.fetch("GET", link.url))[1]
    assert (await account.fetch("POST", pages[1], data={"payment_method": "pm_card_visa"}))[0] == 400


async def test_the_intent_of_an_open_session_is_not_canceled_by_itself(account: Account) -> None:
    session = await opened(account)
    await account.fetch("POST", session.url, data={"payment_method": "pm_card_visa_chargeDeclined"})
    found = await account.client().checkout.sessions.retrieve_async(session.id)
    with pytest.raises(stripe.InvalidRequestError, match="Expire the Checkout Session"):
        await account.client().payment_intents.cancel_async(found.payment_intent)
