from collections.abc import AsyncIterator
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe_account import Account, open_account


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    async with open_account() as opened:
        yield opened


async def paid(account: Account, card: str = "pm_card_visa") -> Any:
    return await account.intent(capture_method="automatic", payment_method=card)


async def test_money_goes_back_in_parts(account: Account) -> None:
    intent, client = await paid(account), account.client()
    await client.refunds.create_async({"payment_intent": intent.id, "amount": 99, "reason": "requested_by_customer"})
    rest = await client.refunds.create_async({"charge": intent.latest_charge, "metadata": {"a": "b"}})
    charge = await client.charges.retrieve_async(intent.latest_charge, {"expand": ["refunds"]})
    assert (rest.amount, rest.status, charge.refunded, len(charge.refunds.data)) == (1000, "succeeded", True, 2)
    assert account.kinds[-2:] == ["refund.created", "charge.refunded"]


async def test_no_more_goes_back_than_came(account: Account) -> None:
    intent, refunds = await paid(account), account.client().refunds
    with pytest.raises(stripe.InvalidRequestError, match="is greater than charge amount"):
        await refunds.create_async({"payment_intent": intent.id, "amount": 1100})
    await refunds.create_async({"payment_intent": intent.id, "amount": 99})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount on charge"):
        await refunds.create_async({"payment_intent": intent.id, "amount": 1001})
    await refunds.create_async({"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await refunds.create_async({"payment_intent": intent.id})
    assert refused.value.code == "charge_already_refunded"


async def test_a_hold_has_nothing_to_give_back(account: Account) -> None:
    held = await account.intent()
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge to refund"):
        await account.client().refunds.create_async({"payment_intent": held.id})


async def test_a_refund_may_take_its_time(account: Account) -> None:
    intent = await paid(account, "pm_card_pendingRefund")
    refund = await account.client().refunds.create_async({"payment_intent": intent.id})
    assert refund.status == "pending"
    assert (await account.until("refund.updated"))["data"]["object"]["status"] == "succeeded"


async def test_a_refund_may_come_back(account: Account) -> None:
    intent = await paid(account, "pm_card_refundFail")
    await account.client().refunds.create_async({"payment_intent": intent.id})
    failed = (await account.until("refund.failed"))["data"]["object"]
    charge = await account.client().charges.retrieve_async(intent.latest_charge)
    assert (failed["status"], charge.amount_refunded, charge.refunded) == ("failed", 0, False)


async def test_somebody_refunds_in_the_dashboard(account: Account) -> None:
    intent = await paid(account)
    status, made, _ = await account.fetch(
        "POST", "/_/stripe/refunds", json={"payment_intent": intent.id, "amount": 100}
    )
    assert (status, made["amount"], account.kinds[-1]) == (200, 100, "charge.refunded")
    assert [one.id for one in (await account.client().refunds.list_async({"payment_intent": intent.id})).data] == [
        made["id"]
    ]


async def test_a_card_disputes_by_itself(account: Account) -> None:
    intent = await paid(account, "pm_card_createDispute")
    dispute = (await account.until("charge.dispute.created"))["data"]["object"]
    assert (dispute["payment_intent"], dispute["amount"], dispute["reason"]) == (intent.id, 1099, "fraudulent")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await account.client().refunds.create_async({"payment_intent": intent.id})
    assert refused.value.code == "charge_disputed"


@pytest.mark.parametrize(
    ("outcome", "last"), [("won", "charge.dispute.funds_reinstated"), ("lost", "charge.dispute.closed")]
)
async def test_a_dispute_is_decided(account: Account, outcome: str, last: str) -> None:
    intent = await paid(account)
    _, opened, _ = await account.fetch("POST", "/_/stripe/disputes", json={"payment_intent": intent.id})
    await account.fetch("POST", f"/_/stripe/disputes/{opened['id']}/close", json={"status": outcome})
    dispute = await account.client().disputes.retrieve_async(opened["id"])
    assert (dispute.status, account.kinds[-1]) == (outcome, last)


async def test_evidence_wins_a_dispute(account: Account) -> None:
    intent = await paid(account)
    _, opened, _ = await account.fetch("POST", "/_/stripe/disputes", json={"payment_intent": intent.id})
    sent = await account.client().disputes.update_async(
        opened["id"], {"evidence": {"uncategorized_text": "winning_evidence"}}
    )
    assert sent.status == "under_review"
    assert (await account.until("charge.dispute.closed"))["data"]["object"]["status"] == "won"


async def test_an_inquiry_moves_no_money_until_it_is_escalated(account: Account) -> None:
    await paid(account, "pm_card_createDisputeInquiry")
    inquiry = (await account.until("charge.dispute.created"))["data"]["object"]
    assert (inquiry["status"], inquiry["balance_transactions"]) == ("warning_needs_response", [])
    assert "charge.dispute.funds_withdrawn" not in account.kinds
    await account.client().disputes.update_async(
        inquiry["id"], {"evidence": {"uncategorized_text": "escalate_inquiry_evidence"}}
    )
    await account.until("charge.dispute.funds_withdrawn")
    chargeback = await account.client().disputes.retrieve_async(inquiry["id"])
    assert (chargeback.status, [line.amount for line in chargeback.balance_transactions]) == ("needs_response", [-1099])


async def test_a_refunded_inquiry_is_closed(account: Account) -> None:
    intent = await paid(account)
    body = {"payment_intent": intent.id, "inquiry": True}
    await account.fetch("POST", "/_/stripe/disputes", json=body)
    await account.client().refunds.create_async({"payment_intent": intent.id})
    assert (await account.until("charge.dispute.closed"))["data"]["object"]["status"] == "warning_closed"


async def test_a_decided_dispute_goes_into_another_round(account: Account) -> None:
    intent = await paid(account)
    _, opened, _ = await account.fetch("POST", "/_/stripe/disputes", json={"payment_intent": intent.id})
    path = f"/_/stripe/disputes/{opened['id']}"
    for step, body in (("close", {"status": "won"}), ("reopen", {}), ("close", {"status": "lost"})):
        assert (await account.fetch("POST", f"{path}/{step}", json=body))[0] == 200
    dispute = await account.client().disputes.retrieve_async(opened["id"])
    assert (dispute.status, [line.amount for line in dispute.balance_transactions]) == ("lost", [-1099, 1099, -1099])


async def test_a_dispute_may_be_in_the_currency_of_the_bank(account: Account) -> None:
    intent = await paid(account)
    body = {"payment_intent": intent.id, "amount": 1234, "currency": "usd"}
    _, dispute, _ = await account.fetch("POST", "/_/stripe/disputes", json=body)
    (line,) = dispute["balance_transactions"]
    assert (dispute["amount"], dispute["currency"], line["amount"], line["currency"]) == (1234, "usd", -1099, "eur")


async def test_a_part_captured_in_the_dashboard_releases_the_rest(account: Account) -> None:
    intent = await account.intent()
    body = {"payment_intent": intent.id, "amount": 400}
    assert (await account.fetch("POST", "/_/stripe/captures", json=body))[0] == 200
    found = await account.client().payment_intents.retrieve_async(intent.id, {"expand": ["latest_charge.refunds"]})
    (released,) = found.latest_charge.refunds.data
    assert (found.status, found.amount_received, found.latest_charge.amount_refunded) == ("succeeded", 400, 699)
    assert (released.amount, released.balance_transaction, account.kinds[-1]) == (699, None, "charge.refunded")


async def test_the_balance_adds_up(account: Account) -> None:
    intent = await paid(account)
    await account.client().refunds.create_async({"payment_intent": intent.id, "amount": 99})
    entries = (await account.client().balance_transactions.list_async()).data
    assert [(one.type, one.amount, one.fee, one.net) for one in entries] == [
        ("refund", -99, 0, -99),
        ("charge", 1099, 62, 1037),
    ]
