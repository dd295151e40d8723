from collections.abc import AsyncIterator
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe_account import PUBLISHABLE, Account, open_account, refusal

DECLINES = {
    "pm_card_visa_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_visa_chargeDeclinedLostCard": ("card_declined", "lost_card"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", None),
    "pm_card_chargeDeclinedIncorrectCvc": ("incorrect_cvc", None),
    "pm_card_chargeDeclinedProcessingError": ("processing_error", None),
    "pm_card_chargeCustomerFail": ("card_declined", "generic_decline"),
}


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    async with open_account() as opened:
        yield opened


async def test_a_hold_is_captured(account: Account) -> None:
    held = await account.intent(metadata={"booking_id": "b1"})
    assert (held.status, held.amount_capturable, held.amount_received) == ("requires_capture", 1099, 0)

    paid = await account.client().payment_intents.capture_async(
        held.id, {"expand": ["latest_charge.balance_transaction"]}
    )

    assert (paid.status, paid.amount_capturable, paid.amount_received) == ("succeeded", 0, 1099)
    assert paid.latest_charge.balance_transaction.fee == 62
    assert account.kinds == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
    ]


async def test_a_part_is_captured_and_the_rest_let_go(account: Account) -> None:
    held = await account.intent()
    paid = await account.client().payment_intents.capture_async(
        held.id, {"amount_to_capture": 1000, "expand": ["latest_charge"]}
    )
    assert (paid.amount_received, paid.latest_charge.amount_refunded) == (1000, 99)


async def test_no_more_than_the_hold_is_captured(account: Account) -> None:
    held = await account.intent()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await account.client().payment_intents.capture_async(held.id, {"amount_to_capture": 1100})
    assert (refused.value.code, refused.value.param) == ("amount_too_large", "amount_to_capture")


@pytest.mark.parametrize("card", DECLINES)
async def test_a_card_declines(account: Account, card: str) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await account.intent(payment_method=card)
    error = refusal(declined).error
    intent = await account.client().payment_intents.retrieve_async(error.payment_intent.id)
    assert (error.code, getattr(error, "decline_code", None)) == DECLINES[card]
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    assert intent.last_payment_error.code == error.code
    assert account.kinds[-2:] == ["charge.failed", "payment_intent.payment_failed"]


async def test_another_card_pays_after_a_decline(account: Account) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await account.intent(payment_method="pm_card_visa_chargeDeclined")
    client = account.client()
    intent_id = refusal(declined).error.payment_intent.id
    paid = await client.payment_intents.confirm_async(intent_id, {"payment_method": "pm_card_mastercard"})
    assert (paid.status, paid.last_payment_error) == ("requires_capture", None)


async def asked(account: Account, **more: object) -> Any:
    return await account.intent(
        payment_method="pm_card_threeDSecure2Required", return_url="http://shop.test/back?b=1", **more
    )


async def test_the_bank_asks_and_the_customer_answers(account: Account) -> None:
    intent = await asked(account)
    url = intent.next_action.redirect_to_url.url
    assert intent.status == "requires_action"
    assert "Complete authentication" in (await account.fetch("GET", url))[1]

    status, _, headers = await account.fetch("POST", url, data={"outcome": "complete"})

    assert status == 303
    assert headers["Location"].startswith(f"http://shop.test/back?b=1&payment_intent={intent.id}&")
    assert headers["Location"].endswith("redirect_status=succeeded")
    held = await account.client().payment_intents.retrieve_async(intent.id, {"expand": ["latest_charge"]})
    assert held.status == "requires_capture"
    assert held.latest_charge.payment_method_details.card.three_d_secure.result == "authenticated"


async def test_the_customer_fails_the_bank(account: Account) -> None:
    intent = await asked(account)
    _, _, headers = await account.fetch("POST", intent.next_action.redirect_to_url.url, data={"outcome": "fail"})
    after = await account.client().payment_intents.retrieve_async(intent.id)
    assert headers["Location"].endswith("redirect_status=failed")
    assert after.status == "requires_payment_method"
    assert after.last_payment_error.code == "payment_intent_authentication_failure"
    assert account.kinds[-1] == "payment_intent.payment_failed"


async def test_a_second_answer_changes_nothing(account: Account) -> None:
    url = (await asked(account)).next_action.redirect_to_url.url
    await account.fetch("POST", url, data={"outcome": "complete"})
    before = list(account.kinds)
    await account.fetch("POST", url, data={"outcome": "fail"})
    assert account.kinds == before


async def test_a_card_may_decline_after_the_bank_said_yes(account: Account) -> None:
    intent = await account.intent(
        payment_method="pm_card_authenticationRequiredChargeDeclinedInsufficientFunds", return_url="http://shop.test/"
    )
    await account.fetch("POST", intent.next_action.redirect_to_url.url, data={"outcome": "complete"})
    after = await account.client().payment_intents.retrieve_async(intent.id)
    assert after.last_payment_error.decline_code == "insufficient_funds"


async def test_nobody_is_there_to_be_asked(account: Account) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await account.intent(payment_method="pm_card_authenticationRequired", off_session=True)
    assert refusal(declined).error.decline_code == "authentication_required"


async def test_the_browser_confirms_with_the_client_secret(account: Account) -> None:
    made = await account.client().payment_intents.create_async(
        {"amount": 500, "currency": "usd", "metadata": {"a": "b"}}
    )
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2034, "cvc": "123"}
    paid = await account.client(PUBLISHABLE).payment_intents.confirm_async(
        made.id, {"client_secret": made.client_secret, "payment_method_data": {"type": "card", "card": card}}
    )
    assert paid.status == "succeeded"
    assert "metadata" not in paid.to_dict()


async def test_a_browser_without_the_secret_sees_nothing(account: Account) -> None:
    made = await account.client().payment_intents.create_async({"amount": 500, "currency": "usd"})
    browser = account.client(PUBLISHABLE).payment_intents
    with pytest.raises(stripe.InvalidRequestError):
        await browser.retrieve_async(made.id, {"client_secret": f"{made.id}_secret_guess"})
    with pytest.raises(stripe.AuthenticationError) as refused:
        await browser.capture_async(made.id)
    assert refusal(refused).error.code == "secret_key_required"


async def test_a_hold_is_released(account: Account) -> None:
    held = await account.intent()
    gone = await account.client().payment_intents.cancel_async(
        held.id, {"cancellation_reason": "abandoned", "expand": ["latest_charge"]}
    )
    assert (gone.status, gone.amount_capturable, gone.latest_charge.refunded) == ("canceled", 0, True)
    assert account.kinds[-1] == "payment_intent.canceled"


@pytest.mark.parametrize("verb", ["capture", "cancel", "confirm"])
async def test_what_is_paid_stays_paid(account: Account, verb: str) -> None:
    paid = await account.intent(capture_method="automatic")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await getattr(account.client().payment_intents, f"{verb}_async")(paid.id)
    assert refused.value.code == "payment_intent_unexpected_state"
    assert refusal(refused).error.payment_intent.status == "succeeded"


async def test_a_bank_debit_takes_its_time(account: Account) -> None:
    debit = {"type": "sepa_debit", "sepa_debit": {"iban": "AT611904300234573201"}}
    facts = {"payment_method_types": ["sepa_debit"], "automatic_payment_methods": "", "payment_method": ""}
    intent = await account.intent(capture_method="automatic", payment_method_data=debit, **facts)
    assert intent.status == "processing"
    done = await account.until("payment_intent.succeeded")
    assert done["data"]["object"]["amount_received"] == 1099


async def test_a_bank_debit_comes_back(account: Account) -> None:
    debit = {"type": "sepa_debit", "sepa_debit": {"iban": "AT861904300235473202"}}
    facts = {"payment_method_types": ["sepa_debit"], "automatic_payment_methods": "", "payment_method": ""}
    await account.intent(capture_method="automatic", payment_method_data=debit, **facts)
    failed = await account.until("payment_intent.payment_failed")
    assert failed["data"]["object"]["status"] == "requires_payment_method"


async def test_the_balance_follows_an_automatic_capture(account: Account) -> None:
    paid = await account.intent(capture_method="automatic_async")
    assert paid.status == "succeeded"
    assert (await account.until("charge.updated"))["data"]["previous_attributes"] == {"balance_transaction": None}


async def test_a_hold_runs_out(account: Account) -> None:
    held = await account.intent()
    await account.fetch("POST", "/_/stripe/expire", json={"payment_intent": held.id})
    after = await account.client().payment_intents.retrieve_async(held.id)
    assert (after.status, after.cancellation_reason) == ("canceled", "automatic")


async def test_an_amount_is_changed_before_it_is_paid_only(account: Account) -> None:
    intents = account.client().payment_intents
    made = await intents.create_async({"amount": 500, "currency": "usd", "metadata": {"a": "1", "b": "2"}})
    changed = await intents.update_async(made.id, {"amount": 700, "metadata": {"a": ""}})
    assert (changed.amount, changed.metadata.to_dict()) == (700, {"b": "2"})
    held = await account.intent()
    with pytest.raises(stripe.InvalidRequestError, match="could not be updated because it has a status"):
        await intents.update_async(held.id, {"amount": 700})
