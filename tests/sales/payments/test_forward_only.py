from hypothesis import given
from hypothesis import strategies as st

from hub.sales.bookings import PaymentStatus
from hub.sales.payments.payment_state import can_transition

OPEN = {PaymentStatus.UNPAID, PaymentStatus.REQUIRES_ACTION, PaymentStatus.PROCESSING, PaymentStatus.UNKNOWN}
HELD_OR_TAKEN = [
    PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED, PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED,
    PaymentStatus.REFUNDED,
]  # fmt: skip


@given(st.lists(st.sampled_from(list(PaymentStatus)), max_size=30))
def test_no_order_of_messages_takes_a_payment_back(heard: list[PaymentStatus]):
    """Whatever comes late or twice: what has been held stays held, what has been taken stays taken."""
    status, furthest = PaymentStatus.UNPAID, -1
    for one in heard:
        if can_transition(status, one):
            status = one
        place = HELD_OR_TAKEN.index(status) if status in HELD_OR_TAKEN else furthest
        assert place >= furthest
        furthest = max(furthest, place)


@given(st.sampled_from(sorted(OPEN)), st.sampled_from(sorted(OPEN)))
def test_before_the_money_is_held_all_is_possible(was: PaymentStatus, to: PaymentStatus):
    assert can_transition(was, to)


@given(st.sampled_from(list(PaymentStatus)))
def test_what_has_ended_has_ended(to: PaymentStatus):
    assert not can_transition(PaymentStatus.RELEASED, to)
    assert not can_transition(PaymentStatus.FAILED, to)
