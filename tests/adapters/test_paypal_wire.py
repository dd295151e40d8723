from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.paypal import wire
from adapters.paypal.currencies import CHARGE_LIMITS
from hub.core.errors import ProviderPermanent
from hub.core.money import CURRENCIES, Money
from hub.sales.bookings import PaymentStatus
from hub.sales.payments import IntentRequest

PAYMENT = UUID("018f2b5e-0000-7000-8000-000000000001")
EUR = {"currency_code": "EUR", "value": "10.00"}


@given(st.integers(1, 10**12), st.sampled_from(sorted(CURRENCIES)))
def test_an_amount_comes_back_as_it_went(amount: int, currency: str):
    money = Money(amount, currency)
    try:
        sent = wire.to_wire_amount(money)
    except ProviderPermanent:
        assert currency in {"HUF", "TWD"} or currency not in CHARGE_LIMITS
        return
    assert wire.from_wire_amount(sent) == money


@pytest.mark.parametrize(
    ("money", "value"),
    [
        (Money(1099, "EUR"), "10.99"),
        (Money(5, "USD"), "0.05"),
        (Money(500, "JPY"), "500"),
        (Money(50000, "HUF"), "500"),
        (Money(50000, "TWD"), "500"),
    ],
)
def test_paypal_writes_decimals_and_for_some_none(money: Money, value: str):
    assert wire.to_wire_amount(money)["value"] == value


@pytest.mark.parametrize("money", [Money(50001, "HUF"), Money(150, "TWD"), Money(1000, "KWD"), Money(10000, "CLF")])
def test_what_paypal_cannot_charge_is_refused_and_not_rounded(money: Money):
    with pytest.raises(ProviderPermanent, match="exactly") as refused:
        wire.to_wire_amount(money)
    assert refused.value.provider_code == "amount_not_supported"


@pytest.mark.parametrize(
    "wrong",
    [None, "10.00", {}, {"value": "10.00"}, {"value": 10, "currency_code": "EUR"},
     {"value": "ten", "currency_code": "EUR"}, {"value": "10.001", "currency_code": "EUR"},
     {"value": "1.5", "currency_code": "JPY"}, {"value": "NaN", "currency_code": "EUR"},
     {"value": "Infinity", "currency_code": "EUR"}, {"value": "1", "currency_code": "eur"},
     {"value": "1", "currency_code": ["EUR"]}],
)  # fmt: skip
def test_what_is_no_amount_is_never_guessed(wrong: Any):
    with pytest.raises(ValueError, match=r"."):
        wire.from_wire_amount(wrong)


def test_an_order_is_asked_for_with_the_payments_name_on_it():
    request = IntentRequest(PAYMENT, uuid4(), Money(1000, "EUR"), "B" * 200)
    body = wire.build_order_body(
        request, return_url="https://h/{booking_id}", cancel_url="https://h/{payment_id}", brand=""
    )
    unit, context = body["purchase_units"][0], body["payment_source"]["paypal"]["experience_context"]
    assert (body["intent"], unit["custom_id"], unit["invoice_id"]) == ("AUTHORIZE", str(PAYMENT), str(PAYMENT))
    assert (unit["amount"], len(unit["description"]), "brand_name" in context) == (EUR, 127, False)
    assert context["return_url"] == f"https://h/{request.booking_id}"
    assert context["cancel_url"] == f"https://h/{PAYMENT}"


def order(status: str = "COMPLETED", custom_id: str = str(PAYMENT), **payments: Any) -> dict[str, Any]:
    unit = {"amount": EUR, "custom_id": custom_id, "payments": payments}
    return {"id": "ORDER1", "status": status, "purchase_units": [unit]}


def thing(status: str, value: str = "10.00", **more: Any) -> dict[str, Any]:
    return {"id": "THING1", "status": status, "amount": EUR | {"value": value}, **more}


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (order("CREATED"), PaymentStatus.UNPAID),
        (order("PAYER_ACTION_REQUIRED"), PaymentStatus.UNPAID),
        (order("APPROVED"), PaymentStatus.PROCESSING),
        (order("VOIDED"), PaymentStatus.RELEASED),
        (order("SAVED"), PaymentStatus.PROCESSING),
        (order("A_STATUS_OF_TOMORROW"), PaymentStatus.PROCESSING),
        (order("APPROVED", custom_id=f"cancelled:{PAYMENT}"), PaymentStatus.RELEASED),
        (order(authorizations=[thing("CREATED")]), PaymentStatus.AUTHORIZED),
        (order(authorizations=[thing("PENDING")]), PaymentStatus.PROCESSING),
        (order(authorizations=[thing("DENIED")]), PaymentStatus.FAILED),
        (order(authorizations=[thing("VOIDED")]), PaymentStatus.RELEASED),
        (order(authorizations=[thing("EXPIRED")]), PaymentStatus.RELEASED),
        (order(authorizations=[thing("TOMORROW")]), PaymentStatus.PROCESSING),
        (order(authorizations=[thing("VOIDED"), thing("CREATED")]), PaymentStatus.AUTHORIZED),
        (order(authorizations=[thing("CAPTURED")], captures=[thing("COMPLETED")]), PaymentStatus.PAID),
        (order(authorizations=[thing("CAPTURED")], captures=[thing("PENDING")]), PaymentStatus.PROCESSING),
        (order(authorizations=[thing("CAPTURED")], captures=[thing("TOMORROW")]), PaymentStatus.PROCESSING),
        (order(authorizations=[thing("CAPTURED")], captures=[thing("DECLINED")]), PaymentStatus.FAILED),
        (order(authorizations=[thing("CREATED")], captures=[thing("DECLINED")]), PaymentStatus.AUTHORIZED),
        (order(captures=[thing("COMPLETED")]), PaymentStatus.PAID),
        (order(captures=[thing("FAILED")]), PaymentStatus.FAILED),
    ],
)
def test_a_status_is_ours_and_an_unknown_one_is_pending(found: dict[str, Any], status: PaymentStatus):
    intent = wire.to_intent(found)
    assert (intent.status, intent.payment_id, intent.amount) == (status, PAYMENT, Money(1000, "EUR"))


def test_refunds_are_counted_of_what_was_taken():
    ours = uuid4()
    refunds = [
        thing("COMPLETED", "3.00", custom_id=f"refund:{ours}"),
        thing("PENDING", "2.00", custom_id=str(PAYMENT)),
        thing("FAILED", "1.00"),
    ]
    intent = wire.to_intent(order(captures=[thing("PARTIALLY_REFUNDED")], refunds=refunds))
    assert (intent.status, intent.captured, intent.refunded) == (PaymentStatus.PARTIALLY_REFUNDED, 1000, 500)
    found = [(one.amount, one.status, one.refund_id) for one in intent.refunds or ()]
    assert found == [(300, "succeeded", ours), (200, "pending", None), (100, "failed", None)]


def test_a_refund_that_is_not_shown_is_counted_and_not_made_up():
    intent = wire.to_intent(order(captures=[thing("REFUNDED")]))
    assert (intent.status, intent.refunded, intent.refunds) == (PaymentStatus.REFUNDED, 1000, None)


def test_the_money_of_a_lost_dispute_goes_once():
    lost = wire.to_dispute({
        "dispute_id": "PP-1", "status": "RESOLVED", "dispute_amount": EUR, "reason": "UNAUTHORISED",
        "dispute_outcome": {"outcome_code": "RESOLVED_BUYER_FAVOUR"},
    })  # fmt: skip
    intent = wire.to_intent(order(captures=[thing("REFUNDED")], refunds=[thing("COMPLETED")]), (lost,))
    assert (intent.status, intent.refunded, intent.refunds) == (PaymentStatus.PAID, 0, ())
    assert (intent.disputes[0].status, intent.disputes[0].amount) == ("lost", Money(1000, "EUR"))


@pytest.mark.parametrize(
    ("status", "outcome", "ours"),
    [
        ("OPEN", None, "open"),
        ("UNDER_REVIEW", "NONE", "open"),
        ("RESOLVED", "RESOLVED_SELLER_FAVOUR", "won"),
        ("RESOLVED", "RESOLVED_WITH_PAYOUT", "won"),
        ("RESOLVED", "ACCEPTED", "lost"),
        ("RESOLVED", "OF_TOMORROW", "open"),
        ("RESOLVED", None, "open"),
    ],
)
def test_a_dispute_is_open_until_it_is_decided(status: str, outcome: str | None, ours: str):
    found = wire.to_dispute({
        "dispute_id": "PP-1", "status": status, "dispute_amount": EUR, "reason": "free text of\nsomebody",
        "dispute_outcome": {"outcome_code": outcome}, "seller_response_due_date": "2026-12-01T00:00:00Z",
    })  # fmt: skip
    assert (found.status, found.reason, found.due_by) == (ours, None, datetime(2026, 12, 1, tzinfo=UTC))


def test_what_paypal_keeps_is_told_in_the_currency_of_the_account():
    parts = {"paypal_fee": {"currency_code": "EUR", "value": "0.73"}}
    there = parts | {"paypal_fee_in_receivable_currency": {"currency_code": "USD", "value": "0.80"}}
    for breakdown, fee in ((parts, Money(73, "EUR")), (there, Money(80, "USD"))):
        assert wire.to_intent(order(captures=[thing("COMPLETED", seller_receivable_breakdown=breakdown)])).fee == fee


@pytest.mark.parametrize(
    "wrong",
    [{}, {"id": "O1"}, {"id": "O1", "purchase_units": []}, {"id": "O1", "purchase_units": [None]},
     {"id": "../x", "purchase_units": [{"amount": EUR}]}, {"id": "O1", "purchase_units": [{"amount": "10"}]}],
)  # fmt: skip
def test_an_order_that_makes_no_sense_is_no_intent(wrong: dict[str, Any]):
    with pytest.raises(ValueError, match=r"."):
        wire.to_intent(wrong)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({"id": JSON, "status": JSON, "purchase_units": JSON, "links": JSON}))
def test_no_document_breaks_the_reading_in_another_way(document: dict[str, Any]):
    try:
        wire.to_intent(document)
    except (ValueError, TypeError, AttributeError):
        return
    assert document["purchase_units"]
