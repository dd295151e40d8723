import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.stripe.currencies import CHARGE_LIMITS
from adapters.stripe.wire import from_wire_amount, to_intent, to_wire_amount
from hub.core.charge_limits import is_representable
from hub.core.errors import ProviderPermanent
from hub.core.money import CURRENCIES, Money
from hub.sales.bookings import PaymentStatus


@given(st.integers(1, 10**9), st.sampled_from(sorted(CURRENCIES)))
def test_an_amount_comes_back_as_it_went(amount: int, currency: str):
    money = Money(amount, currency)
    try:
        wire = to_wire_amount(money)
    except ProviderPermanent:
        assert not is_representable(CHARGE_LIMITS, money)
        return
    assert from_wire_amount(wire, currency.lower()) == money


@pytest.mark.parametrize(
    ("money", "wire"), [(Money(500, "ISK"), 50000), (Money(500, "JPY"), 500), (Money(500, "USD"), 500)]
)
def test_stripe_counts_some_currencies_its_own_way(money: Money, wire: int):
    assert to_wire_amount(money) == wire


def test_what_stripe_cannot_charge_exactly_is_refused_and_not_rounded():
    with pytest.raises(ProviderPermanent, match="exactly"):
        to_wire_amount(Money(12345, "KWD"))


def wire(**more: object) -> dict[str, object]:
    return {
        "id": "pi_1",
        "amount": 1000,
        "currency": "eur",
        "status": "succeeded",
        "metadata": {},
        "amount_received": 0,
    } | more


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("requires_payment_method", PaymentStatus.UNPAID),
        ("requires_action", PaymentStatus.REQUIRES_ACTION),
        ("requires_capture", PaymentStatus.AUTHORIZED),
        ("canceled", PaymentStatus.RELEASED),
        ("a_status_of_tomorrow", PaymentStatus.PROCESSING),
    ],
)
def test_a_status_is_ours_and_an_unknown_one_is_pending(status: str, ours: PaymentStatus):
    assert to_intent(wire(status=status)).status is ours


@pytest.mark.parametrize(
    ("refunded", "status"),
    [(0, PaymentStatus.PAID), (300, PaymentStatus.PARTIALLY_REFUNDED), (1000, PaymentStatus.REFUNDED)],
)
def test_refunds_are_counted_of_what_was_taken(refunded: int, status: PaymentStatus):
    charge = {"amount": 1000, "amount_captured": 1000, "amount_refunded": refunded}
    found = to_intent(wire(amount_received=1000, latest_charge=charge))
    assert (found.status, found.captured, found.refunded) == (status, 1000, refunded)


@pytest.mark.parametrize("captured", [300, 700])
def test_the_rest_of_a_hold_that_was_captured_in_part_is_no_refund(captured: int):
    """Stripe books it as a refund of the charge, which is on no balance."""
    released = {"id": "re_1", "amount": 1000 - captured, "status": "succeeded", "balance_transaction": None}
    made = {"id": "re_2", "amount": 100, "status": "succeeded", "balance_transaction": "txn_1"}
    charge = {"amount": 1000, "amount_captured": captured, "amount_refunded": 1100 - captured}
    whole = charge | {"refunds": {"data": [made, released]}}
    found = to_intent(wire(amount_received=captured, latest_charge=whole))
    assert (found.status, found.captured, found.refunded) == (PaymentStatus.PARTIALLY_CAPTURED, captured, 100)
    assert [refund.id for refund in found.refunds or ()] == ["re_2"]
    untold = charge | {"refunds": {"data": [made]}}
    assert to_intent(wire(amount_received=captured, latest_charge=untold)).refunds is None


def test_what_was_held_and_never_taken_is_no_refund():
    charge = {"amount": 1000, "amount_captured": 0, "amount_refunded": 1000}
    found = to_intent(wire(status="canceled", latest_charge=charge))
    assert (found.status, found.refunded) == (PaymentStatus.RELEASED, 0)
