"""What has been found by chance, each as the smallest story that showed it."""

import pytest

from hub.torture.campaign import Player
from hub.torture.plan import Event
from tests.torture.stories import book, fault, pay, story


def test_a_hold_that_lapses_before_the_order_ends_the_booking(torture: Player):
    silent = fault("kiwi", "GET", "/v2/booking/check_flights", "status", status=503, times=50)
    report = story(torture, silent, book(), pay(2), Event("expire", 10.0, {"who": 0}))
    assert (report.breaches, report.ends) == ([], ["expired/released"])


def test_a_hold_that_lapses_after_the_order_has_an_owner(torture: Player):
    silent = fault("stripe", "POST", "/v1/payment_intents/*/capture", "status", status=503, times=40)
    report = story(torture, silent, book(), pay(2), Event("expire", 20.0, {"who": 0}))
    assert (report.breaches, report.ends) == ([], ["ordered/released/attention"])


def test_a_text_that_may_have_gone_is_looked_for_until_somebody_answers(torture: Player):
    path = "/2010-04-01/*/Messages.json"
    lost = fault("twilio", "POST", path, "garbage", after_effect=True)
    report = story(torture, fault("twilio", "GET", path, "garbage"), lost, book(), pay(2))
    assert (report.breaches, report.ends) == ([], ["confirmed/paid"])


@pytest.mark.parametrize("card", ["pm_card_refundFail", "pm_card_visa"])
def test_what_a_bank_does_not_take_back_is_for_a_person_and_not_asked_for_again_and_again(torture: Player, card: str):
    dispute = (Event("dispute", 60.0, {"who": 0}),) if card == "pm_card_visa" else ()
    report = story(torture, book(), pay(2, card), *dispute, Event("cancel", 90.0, {"who": 0}))
    assert (report.breaches, report.ends) == ([], ["cancelled/paid/attention"])


def test_money_given_back_in_the_dashboard_before_the_hub_knew_that_it_was_taken_confirms_all_the_same(torture: Player):
    deaf = Event("mute", None, {"provider": "stripe"})
    lost = fault("stripe", "POST", "/v1/payment_intents/*/capture", "timeout", after_effect=True, times=2)
    report = story(torture, deaf, lost, book(), pay(2), Event("look", 3.0, {"who": 0}), given_back())
    assert (report.breaches, report.ends) == ([], ["confirmed/refunded/attention"])


def given_back() -> Event:
    return Event("refund", 20.0, {"who": 0, "share": 1.0})


def test_a_capture_that_comes_too_late_for_a_cancelled_order_leaves_no_job_behind(torture: Player):
    script = Event("script", 0.0, {"ticketing": "technical_issue"})
    lost = fault("stripe", "POST", "/v1/payment_intents/*/capture", "reset")
    report = story(torture, script, lost, book(), pay(1.4))
    assert report.breaches == []
    assert report.ends in (["cancelled/released"], ["cancelled/refunded"])


def test_a_refund_that_cannot_be_carried_out_yet_is_not_asked_for_all_the_time(torture: Player):
    """The release looked, found the money still taken, and asked for itself once more, without a pause."""
    silent = fault("stripe", "POST", "/v1/refunds", "status", status=503, times=12)
    report = story(torture, silent, book(), pay(2), Event("cancel", 30.0, {"who": 0}))
    assert (report.breaches, report.ends) == ([], ["cancelled/refunded/attention"])
