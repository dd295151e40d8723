"""What somebody does at Stripe outside the hub, or what is lost on the way, is found and made good, or proposed."""

from uuid import uuid4

import pytest

from hub.sales.reconciliation import BreakKind
from tests.sales.reconciliation.conftest import World
from tests.support.running import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def nothing_left(world: World) -> bool:
    return (await world.run()).mended == {}


async def test_events_that_were_lost_are_fetched(world: World):
    """The payment is confirmed in the browser, no webhook comes, and the sweep is a minute away."""
    await world.deaf()
    booking = await world.booked()
    await world.hub.pay(booking)
    report = await world.run()
    assert report.mended["events_fed"] >= 1
    await world.hub.settled(booking)
    assert (await world.run()).mended.get("events_fed", 0) >= 1, "those of the capture"
    await world.quiet()
    assert "events_fed" not in (await world.run()).mended
    await until(lambda: nothing_left(world))  # the fee comes a moment after the capture
    assert await world.sql("select count(*) from webhook_events where status = 'processed'") >= 2


async def test_a_refund_in_the_dashboard_is_booked_and_the_ticket_is_a_matter_for_people(world: World):
    booking = await world.confirmed()
    await world.deaf()
    await world.stripe("POST", "refunds", payment_intent=booking["intent"])
    report = await world.run()
    payment = await world.payment(booking)
    assert (payment["status"], payment["refunded"]) == ("refunded", payment["amount"])
    assert report.open == {BreakKind.REFUNDED_WITH_TICKET: 1}
    assert "Cancel the booking" in (await world.breaks())[BreakKind.REFUNDED_WITH_TICKET].proposal
    assert await world.sql("select kind from attention where resolved_at is null") == BreakKind.REFUNDED_WITH_TICKET
    await world.hub.good("DELETE", f"/api/bookings/{booking['id']}")
    report = await world.run()
    assert report.closed == {BreakKind.REFUNDED_WITH_TICKET: 1}
    assert await world.sql("select note from attention where kind = 'refunded_with_ticket'")


async def test_a_part_given_back_in_the_dashboard_is_no_break(world: World):
    booking = await world.confirmed()
    await world.deaf()
    await world.stripe("POST", "refunds", payment_intent=booking["intent"], amount=500)
    assert (await world.run()).is_clean
    assert (await world.payment(booking))["refunded"] == 500
    assert (await world.run()).is_clean


async def test_a_dispute_is_booked_with_its_fee_and_lost_it_is_a_break(world: World):
    booking = await world.confirmed()
    await world.deaf()
    dispute = await world.hub.control("POST", "stripe/disputes", {"payment_intent": booking["intent"]})
    report = await world.run()
    assert (report.mended["fees_booked"], report.open) == (1, {})
    assert await world.sql("select disputed from payments") == (await world.payment(booking))["amount"]
    await world.hub.control("POST", f"stripe/disputes/{dispute['id']}/close", {"status": "lost"})
    await world.run()
    await world.quiet()
    report = await world.run()
    assert report.open == {BreakKind.DISPUTE_LOST_WITH_TICKET: 1}
    assert await world.sql("select count(*) from transactions where kind = 'fee'") == 2


async def test_an_intent_of_a_transaction_that_was_lost_finds_its_payment(world: World):
    """Stripe has made it, and our commit never came."""
    await world.deaf()
    booking = await world.booked()
    intent = await world.hub.intent(booking)
    await world.sql("update payments set intent_id = null returning id")
    report = await world.run()
    assert (report.mended, report.is_clean) == ({"payments_settled": 1}, True)
    assert await world.sql("select intent_id from payments") == intent["payment_intent_id"]


async def held(world: World, payment_id: str, booking_id: str, amount: int = 1234) -> str:
    """Somebody makes an intent under our mark, and money is held on it."""
    intent = await world.stripe(
        "POST", "payment_intents", amount=amount, currency="eur", confirm="true", payment_method="pm_card_visa",
        capture_method="manual", return_url="http://127.0.0.1:9/", **{
            "metadata[payment_id]": payment_id, "metadata[booking_id]": booking_id,
        },
    )  # fmt: skip
    assert intent["status"] == "requires_capture", intent
    return intent["id"]


async def test_money_under_our_mark_without_a_payment(world: World):
    stray = await held(world, str(uuid4()), str(uuid4()))
    assert (await world.run()).open == {BreakKind.STRAY_INTENT: 1}
    found = (await world.breaks())[BreakKind.STRAY_INTENT]
    assert (found.subject, found.theirs["amount"]) == (stray, "12.34 EUR")
    assert (await world.run()).new == {}
    await world.stripe("POST", f"payment_intents/{stray}/cancel")
    assert (await world.run()).closed == {BreakKind.STRAY_INTENT: 1}


async def test_what_carries_no_mark_of_ours_is_none_of_our_business(world: World):
    await world.stripe(
        "POST", "payment_intents", amount=900, currency="eur", confirm="true", payment_method="pm_card_visa",
        return_url="http://127.0.0.1:9/",
    )  # fmt: skip
    assert (await world.run()).is_clean


async def test_a_second_intent_is_let_go_when_asked(world: World):
    booking = await world.confirmed()
    second = await held(world, booking["payment"], booking["id"])
    assert (await world.run()).open == {BreakKind.SECOND_INTENT: 1}
    assert (await world.run(repair=True)).mended == {BreakKind.SECOND_INTENT: 1}
    assert (await world.stripe("GET", f"payment_intents/{second}"))["status"] == "canceled"
    report = await world.run()
    assert (report.closed, report.is_clean) == ({BreakKind.SECOND_INTENT: 1}, True)


async def test_another_sum_confirms_nothing(world: World):
    intent = (await world.hub.intent(await world.booked()))["payment_intent_id"]
    await world.deaf()
    await world.stripe("POST", f"payment_intents/{intent}", amount=777)
    assert (await world.run()).open == {BreakKind.AMOUNT: 1}
    found = (await world.breaks())[BreakKind.AMOUNT]
    assert found.theirs["amount"].startswith("7.77")
    assert (await world.run()).new == {}


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        ("update payments set fee = fee + 7", BreakKind.FEE),
        ("update payments set status = 'released'", BreakKind.STATUS),
        ("update payments set intent_id = 'pi_unknown'", BreakKind.INTENT_MISSING),
    ],
)
async def test_what_is_wrong_in_our_tables_is_a_break(world: World, spoil: str, kind: BreakKind):
    await world.confirmed()
    await world.sql(f"{spoil} returning id")
    assert kind in (await world.run()).open


REFUND_LESS = """
with row as (
    update refunds set amount = amount - {less} returning provider_refund_id
), paid as (
    update payments set refunded = refunded - {less}
), lines as (
    update postings p set amount = p.amount - sign(p.amount) * {less} from transactions t
    where t.id = p.transaction_id and t.kind = 'refund'
) select count(*) from row
"""
"""The books have given back less than Stripe has."""


async def refunded(world: World, less: int) -> dict:
    booking = await world.confirmed()
    await world.stripe("POST", "refunds", payment_intent=booking["intent"], amount=500)

    async def booked() -> bool:
        return await world.sql("select refunded from payments") == 500

    await until(booked)
    await world.quiet()
    await world.sql(REFUND_LESS.format(less=less))
    return booking


async def test_a_small_difference_is_written_off_once(world: World):
    booking = await refunded(world, 3)
    report = await world.run()
    assert (report.mended, report.open) == ({"written_off": 1}, {})
    written = "select sum(amount) from transactions where kind = 'write_off'"
    assert await world.sql(written) == 3
    assert (await world.run()).mended == {}
    assert await world.sql(written) == 3
    assert await world.sql("select closed_because from breaks where payment_id = $1", booking["payment"])


async def test_a_difference_above_the_limit_is_never_written_off(world: World):
    await refunded(world, 60)
    report = await world.run()
    assert (report.mended, set(report.open)) == ({}, {BreakKind.REFUNDED, BreakKind.BALANCE})
    sums = next(iter(report.sums["stripe"].values()))
    assert sums["books"] - sums["balance"] == 60
    assert (await world.run()).mended == {}


async def test_small_differences_do_not_add_up(world: World):
    await refunded(world, 3)
    await world.run()
    await world.sql(REFUND_LESS.format(less=3))
    report = await world.run()
    assert "written_off" not in report.mended
    assert BreakKind.REFUNDED in report.open
