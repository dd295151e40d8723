"""Bookings paid with PayPal under trouble, each as a short story."""

import pytest

from simulation.campaign import PlanPlayer
from simulation.run_plan import PlannedEvent
from tests.simulation.stories import book, fault, pay, story

HOUR = 3600.0


def by_paypal(at: float = 2.0, funding: str = "good", after: float = 5.0) -> PlannedEvent:
    return PlannedEvent("pay", at, {"who": 0, "provider": "paypal", "funding": funding, "after": after})


def test_a_booking_is_paid_with_paypal(torture: PlanPlayer):
    report = story(torture, book(), by_paypal(), PlannedEvent("look", 8.0, {"who": 0}))
    assert (report.violations, report.outcomes) == ([], ["confirmed/paid"])


def test_another_card_at_paypal_pays_after_a_decline(torture: PlanPlayer):
    report = story(torture, book(), by_paypal(funding="declined"), by_paypal(60.0))
    assert (report.violations, report.outcomes) == ([], ["confirmed/paid"])


def test_an_abandoned_order_that_paypal_has_forgotten_is_nobodys_matter(torture: PlanPlayer):
    """The reconciliation took each of them for a missing intent, and asked a person."""
    report = story(torture, book(), by_paypal(after=4 * HOUR))
    assert (report.violations, report.outcomes) == ([], ["expired/released"])


def test_a_refund_in_paypals_dashboard_is_noticed_without_its_webhook(torture: PlanPlayer):
    """PayPal's account cannot be listed, and a payment that had not changed here was never read again."""
    deaf = PlannedEvent("mute", None, {"provider": "paypal"})
    report = story(torture, deaf, book(), by_paypal(), PlannedEvent("refund", 2 * HOUR, {"who": 0, "share": 0.4}))
    assert (report.violations, report.outcomes) == ([], ["confirmed/partially_refunded"])


# PayPal tells nobody that a hold has lapsed, and shows it as before: it was ordered, and nothing was captured.


def test_a_hold_at_paypal_that_lapses_before_the_order_ends_the_booking(torture: PlanPlayer):
    silent = fault("kiwi", "GET", "/v2/booking/check_flights", "status", status=503, times=50)
    report = story(torture, silent, book(), by_paypal(after=1.0), PlannedEvent("expire", 10.0, {"who": 0}))
    assert (report.violations, report.outcomes) == ([], ["expired/released"])


def test_a_hold_at_paypal_that_lapses_after_the_order_has_an_owner(torture: PlanPlayer):
    path = "/v2/payments/authorizations/*/capture"
    silent = fault("paypal", "POST", path, "status", status=503, times=40)
    report = story(torture, silent, book(), by_paypal(after=1.0), PlannedEvent("expire", 20.0, {"who": 0}))
    assert (report.violations, report.outcomes) == ([], ["ordered/released/attention"])


def test_a_lost_answer_to_a_refund_gives_the_money_back_once(torture: PlanPlayer):
    lost = fault("paypal", "POST", "/v2/payments/captures/*/refund", "reset", after_effect=True, times=4)
    report = story(torture, lost, book(), by_paypal(), PlannedEvent("cancel", 90.0, {"who": 0}))
    assert report.violations == []
    assert report.outcomes[0].startswith("cancelled/refunded")


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_a_dispute_at_paypal_is_on_record_as_it_was_decided(torture: PlanPlayer, outcome: str):
    disputed = PlannedEvent("dispute", 90.0, {"who": 0}), PlannedEvent("decide", 200.0, {"who": 0, "outcome": outcome})
    report = story(torture, book(), by_paypal(), *disputed)
    assert report.violations == []


def test_a_card_after_paypal_and_paypal_after_a_card_take_the_money_once(torture: PlanPlayer):
    for attempts in ((by_paypal(after=30.0), pay(20.0)), (pay(2.0, "pm_card_visa_chargeDeclined"), by_paypal(at=9.0))):
        report = story(torture, book(), *attempts)
        assert report.violations == []
        assert report.outcomes[0].startswith("confirmed/paid")
