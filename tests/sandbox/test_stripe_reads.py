"""Reading and small changes: what a dashboard, a sweep or an operator does, over the official SDK."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe_account import Account, open_account


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    async with open_account() as opened:
        yield opened


async def test_events_are_read_page_by_page(account: Account) -> None:
    await account.intent(capture_method="automatic")
    client = account.client()
    first = await client.events.list_async({"limit": 1})
    found = [one.id async for one in first.auto_paging_iter()]
    assert len(found) == len(set(found)) == len(account.sent)
    before = await client.events.list_async({"ending_before": found[-1], "limit": 2})
    assert [one.id for one in before.data] == found[-3:-1]
    exact = await client.events.list_async({"created": first.data[0].created + 60})
    assert exact.data == []


@pytest.mark.parametrize(
    "wanted", [{"type": "a", "types": ["b"]}, {"types": [f"t{n}" for n in range(21)]}, {"starting_after": "evt_no"}]
)
async def test_events_are_not_listed_by_a_senseless_wish(account: Account, wanted: dict[str, Any]) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await account.client().events.list_async(wanted)


async def test_one_event_is_read_again(account: Account) -> None:
    await account.client().customers.create_async({"email": "a@b.test"})
    event = await account.client().events.retrieve_async(account.sent[0].label)
    assert (event.type, event.data.object.email, event.pending_webhooks) == ("customer.created", "a@b.test", 1)


async def test_a_charge_takes_a_note(account: Account) -> None:
    intent = await account.intent()
    changes = {"description": "seat 1A", "metadata": {"seat": "1A"}}
    charge = await account.client().charges.update_async(intent.latest_charge, changes)
    assert (charge.description, charge.metadata["seat"]) == ("seat 1A", "1A")
    listed = await account.client().charges.list_async({"payment_intent": intent.id})
    assert [one.description for one in listed.data] == ["seat 1A"]


async def test_the_balance_is_read_entry_by_entry(account: Account) -> None:
    intent = await account.intent(capture_method="automatic")
    await account.client().refunds.create_async({"payment_intent": intent.id, "amount": 99})
    listed = await account.client().balance_transactions.list_async()
    refund, charge = listed.data
    assert (refund.type, refund.amount, refund.net) == ("refund", -99, -99)
    assert (charge.fee, charge.net) == (62, 1099 - 62)
    assert (await account.client().balance_transactions.retrieve_async(charge.id)).source == intent.latest_charge


async def test_a_refund_takes_a_note_and_is_not_called_back(account: Account) -> None:
    intent = await account.intent(capture_method="automatic")
    client = account.client()
    refund = await client.refunds.create_async({"charge": intent.latest_charge, "reason": "duplicate"})
    noted = await client.refunds.update_async(refund.id, {"metadata": {"why": "twice"}})
    assert (noted.reason, noted.metadata["why"], account.kinds[-1]) == ("duplicate", "twice", "charge.refund.updated")
    assert [one.id for one in (await client.refunds.list_async({"payment_intent": intent.id})).data] == [refund.id]
    with pytest.raises(stripe.InvalidRequestError, match="cannot be canceled"):
        await client.refunds.cancel_async(refund.id)


async def test_a_dispute_is_given_up(account: Account) -> None:
    intent = await account.intent(capture_method="automatic")
    await account.fetch("POST", "/_/stripe/disputes", json={"payment_intent": intent.id, "reason": "duplicate"})
    [dispute] = (await account.client().disputes.list_async({"payment_intent": intent.id})).data
    lost = await account.client().disputes.close_async(dispute.id)
    assert (lost.status, lost.reason, account.kinds[-1]) == ("lost", "duplicate", "charge.dispute.closed")
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        await account.client().disputes.update_async(dispute.id, {"metadata": {"late": "yes"}})


async def test_a_customer_lives_somewhere(account: Account) -> None:
    home = {"line1": "1 Quay", "city": "Hue", "country": "VN"}
    facts = {"name": "An", "address": home, "shipping": {"name": "An", "address": home}, "metadata": {"k": "v"}}
    customer = await account.client().customers.create_async(facts)
    assert (customer.address.city, customer.shipping.address.line1) == ("Hue", "1 Quay")
    changed = await account.client().customers.update_async(customer.id, {"metadata": {"k": ""}, "name": "Anh"})
    assert (changed.name, changed.metadata.to_dict()) == ("Anh", {})


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"mode": "subscription"}, "mode"),
        ({"line_items": []}, "line_items"),
        ({"success_url": "javascript:alert(1)"}, "success_url"),
        ({"expires_at": 5}, "expires_at"),
        ({"payment_method_types": ["giropay"]}, "payment_method_types"),
        ({"line_items": [{"quantity": 1}]}, "line_items[0][price_data]"),
    ],
)
async def test_a_session_that_cannot_be_paid_is_refused(account: Account, changes: dict[str, Any], param: str) -> None:
    price = {"currency": "eur", "unit_amount": 2500, "product_data": {"name": "Tour"}}
    facts = {
        "mode": "payment",
        "success_url": "http://shop.test/ok",
        "line_items": [{"quantity": 1, "price_data": price}],
    }
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await account.client().checkout.sessions.create_async({**facts, **changes})
    assert refused.value.param == param
