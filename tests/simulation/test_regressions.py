"""What has been found by chance, each as the smallest story that showed it."""

from dataclasses import replace

import pytest

from simulation.campaign import PlanPlayer
from simulation.run_plan import PlannedEvent
from tests.simulation.stories import book, fault, pay, story


def silent(at: float) -> PlannedEvent:
    """From then on the supplier does not say whether the flights are still there."""
    return replace(fault("kiwi", "GET", "/v2/booking/check_flights", "status", status=503, times=50), at=at)


def test_a_hold_that_lapses_before_the_order_ends_the_booking(torture: PlanPlayer):
    report = story(torture, book(), silent(1.5), pay(2), PlannedEvent("expire", 10.0, {"who": 0}))
    assert (report.violations, report.outcomes) == ([], ["expired/released"])


def test_a_hold_that_lapses_after_the_order_has_an_owner(torture: PlanPlayer):
    silent = fault("stripe", "POST", "/v1/payment_intents/*/capture", "status", status=503, times=40)
    report = story(torture, silent, book(), pay(2), PlannedEvent("expire", 20.0, {"who": 0}))
    assert (report.violations, report.outcomes) == ([], ["ordered/released/attention"])


def test_a_text_that_may_have_gone_is_looked_for_until_somebody_answers(torture: PlanPlayer):
    path = "/2010-04-01/*/Messages.json"
    lost = fault("twilio", "POST", path, "garbage", after_effect=True)
    report = story(torture, fault("twilio", "GET", path, "garbage"), lost, book(), pay(2))
    assert (report.violations, report.outcomes) == ([], ["confirmed/paid"])


@pytest.mark.parametrize("card", ["pm_card_refundFail", "pm_card_visa"])
def test_what_a_bank_does_not_take_back_is_for_a_person_and_not_asked_for_again_and_again(
    torture: PlanPlayer, card: str
):
    dispute = (PlannedEvent("dispute", 60.0, {"who": 0}),) if card == "pm_card_visa" else ()
    report = story(torture, book(), pay(2, card), *dispute, PlannedEvent("cancel", 90.0, {"who": 0}))
    assert (report.violations, report.outcomes) == ([], ["cancelled/paid/attention"])


def test_money_given_back_in_the_dashboard_before_the_hub_knew_that_it_was_taken_confirms_all_the_same(
    torture: PlanPlayer,
):
    deaf = PlannedEvent("mute", None, {"provider": "stripe"})
    lost = fault("stripe", "POST", "/v1/payment_intents/*/capture", "timeout", after_effect=True, times=2)
    report = story(torture, deaf, lost, book(), pay(2), PlannedEvent("look", 3.0, {"who": 0}), given_back())
    assert (report.violations, report.outcomes) == ([], ["confirmed/refunded/attention"])


def given_back() -> PlannedEvent:
    return PlannedEvent("refund", 20.0, {"who": 0, "share": 1.0})


def test_a_capture_that_comes_too_late_for_a_cancelled_order_leaves_no_job_behind(torture: PlanPlayer):
    script = PlannedEvent("script", 0.0, {"ticketing": "technical_issue"})
    lost = fault("stripe", "POST", "/v1/payment_intents/*/capture", "reset")
    report = story(torture, script, lost, book(), pay(1.4))
    assert report.violations == []
    assert report.outcomes in (["cancelled/released"], ["cancelled/refunded"])


def test_a_refund_that_cannot_be_carried_out_yet_is_not_asked_for_all_the_time(torture: PlanPlayer):
    """The release looked, found the money still taken, and asked for itself once more, without a pause."""
    silent = fault("stripe", "POST", "/v1/refunds", "status", status=503, times=12)
    report = story(torture, silent, book(), pay(2), PlannedEvent("cancel", 30.0, {"who": 0}))
    assert (report.violations, report.outcomes) == ([], ["cancelled/refunded/attention"])


def part(at: float, share: float) -> PlannedEvent:
    """Somebody takes a part of the hold in the dashboard."""
    return PlannedEvent("capture", at, {"who": 0, "share": share})


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_a_part_captured_before_the_order_is_given_back_and_nothing_is_ordered(torture: PlanPlayer, share: float):
    report = story(torture, book(), silent(1.5), pay(2), part(10.0, share))
    assert (report.violations, report.outcomes) == ([], ["expired/refunded/attention"])


def test_a_part_captured_after_the_order_confirms_nothing(torture: PlanPlayer):
    silent = fault("stripe", "POST", "/v1/payment_intents/*/capture", "status", status=503, times=40)
    report = story(torture, silent, book(), pay(2), part(20.0, 0.3))
    assert (report.violations, report.outcomes) == ([], ["ordered/partially_captured/attention"])


@pytest.mark.parametrize("deaf", [(), (PlannedEvent("mute", None, {"provider": "stripe"}),)], ids=["heard", "deaf"])
def test_the_books_follow_a_dispute_through_its_rounds(torture: PlanPlayer, deaf: tuple[PlannedEvent, ...]):
    who = {"who": 0}
    rounds = (
        PlannedEvent("dispute", 100.0, who | {"inquiry": True}), PlannedEvent("escalate", 200.0, who),
        PlannedEvent("decide", 900.0, who | {"outcome": "won"}), PlannedEvent("reopen", 2000.0, who),
        PlannedEvent("decide", 9000.0, who | {"outcome": "lost"}),
    )  # fmt: skip
    report = story(torture, *deaf, book(), pay(2), *rounds)
    assert (report.violations, report.outcomes) == ([], ["confirmed/paid/attention"])


def at_paypal(at: float, funding: str = "good") -> PlannedEvent:
    return PlannedEvent("pay", at, {"who": 0, "provider": "paypal", "funding": funding})


def test_a_booking_is_paid_at_paypal(torture: PlanPlayer):
    report = story(torture, book(), at_paypal(2))
    assert (report.violations, report.outcomes) == ([], ["confirmed/paid"])


def test_a_decline_at_paypal_is_followed_by_another_attempt(torture: PlanPlayer):
    report = story(torture, book(), at_paypal(2, "declined"), at_paypal(60))
    assert (report.violations, report.outcomes) == ([], ["confirmed/paid"])


def test_a_part_captured_at_paypal_is_given_back_and_the_rest_let_go(torture: PlanPlayer):
    report = story(torture, book(), silent(1.5), at_paypal(2), part(10.0, 0.3))
    assert (report.violations, report.outcomes) == ([], ["expired/refunded/attention"])


def test_a_claim_at_paypal_goes_through_its_rounds(torture: PlanPlayer):
    who = {"who": 0}
    rounds = (
        PlannedEvent("dispute", 100.0, who), PlannedEvent("decide", 900.0, who | {"outcome": "lost"}),
        PlannedEvent("reopen", 2000.0, who), PlannedEvent("decide", 9000.0, who | {"outcome": "won"}),
    )  # fmt: skip
    report = story(torture, book(), at_paypal(2), *rounds)
    assert (report.violations, report.outcomes) == ([], ["confirmed/paid/attention"])


def test_a_customer_deleted_between_two_payments_is_created_anew(torture: PlanPlayer):
    risen = PlannedEvent("script", 0.0, {"price_change": {"factor": 1.2}})
    deleted = PlannedEvent("lose_customer", 20.0, {"who": 0})
    agreed = PlannedEvent("accept", 60.0, {"who": 0, "after": 1.0})
    report = story(torture, risen, book(), pay(2), deleted, agreed)
    assert (report.violations, report.outcomes) == ([], ["confirmed/paid"])


def test_a_poisoned_row_holds_up_nobody(torture: PlanPlayer):
    """Another's payment cannot be settled, and no webhook comes: the sweep has to settle this one all the same."""
    deaf = PlannedEvent("mute", None, {"provider": "stripe"})
    report = story(torture, deaf, book(), pay(2), PlannedEvent("poison", 3.0, {"who": 0}))
    assert (report.violations, report.outcomes) == ([], ["confirmed/paid"])


@pytest.mark.parametrize("at", [1.02, 2.0, 2.006, 2.05, 2.3, 20.0])
def test_the_sandbox_goes_on_after_a_restart(torture: PlanPlayer, at: float) -> None:
    """Whatever it was doing: the calls underway are never answered, and everything else is as it was."""
    report = story(torture, book(), pay(2), PlannedEvent("restart", at), PlannedEvent("restart", at + 0.3))
    assert (report.violations, report.outcomes) == ([], ["confirmed/paid"])
