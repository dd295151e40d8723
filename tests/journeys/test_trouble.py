"""What a bad day does to the journey: providers that fail, webhooks that come late, twice or never."""

import asyncio
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from hub.core.errors import ProviderError
from hub.core.jobs import Retry
from hub.outreach.messaging.model import Message
from hub.outreach.messaging.unsendable import Unsendable
from hub.sales.bookings import FulfillBooking
from tests.support.running import Running, until


async def money_is_back(running: Running, booking: dict) -> None:
    (intent,) = [
        one
        for one in await running.control("GET", "stripe/intents")
        if one["metadata"].get("booking_id") == booking["id"]
    ]
    assert intent["status"] == "canceled" or intent["amount_refunded"] == intent["amount_received"]


async def confirmed_orders(running: Running) -> int:
    return sum(one["confirmed"] for one in await running.orders())


async def status_is(running: Running, booking: dict[str, Any], status: str) -> bool:
    return (await running.booking(booking))["status"] == status


async def risen(running: Running) -> dict[str, Any]:
    """A booking whose price has risen after it was paid for."""
    await running.register()
    booking = await running.book()
    await running.control("POST", "kiwi/next", {"price_change": {"factor": 1.2}})
    await running.pay(booking)

    async def asked() -> dict[str, Any] | None:
        now = await running.booking(booking)
        return now if now["status"] == "awaiting_consent" else None

    found = await until(asked)
    await until(lambda: running.mails("has risen"))
    return found


async def test_a_price_that_has_risen_is_paid_anew_when_the_traveller_agrees(running: Running):
    booking = await risen(running)
    assert booking["new_total"]["amount"] > booking["total"]["amount"]
    path = f"/api/bookings/{booking['id']}/accept-price"
    price = {name: booking["new_total"][name] for name in ("amount", "currency")}
    status, problem = await running.call("POST", path, price | {"amount": booking["total"]["amount"]})
    assert (status, problem["code"]) == (409, "amount_mismatch")
    agreed = await running.good("POST", path, price)
    assert (agreed["status"], agreed["total"], agreed["new_total"]) == ("pending", booking["new_total"], None)
    assert (await running.call("POST", path, price))[1]["code"] == "no_new_price"
    await running.pay(booking)
    done = await running.settled(booking)
    assert (done["status"], done["payment_status"], await confirmed_orders(running)) == ("confirmed", "paid", 1)

    async def old_hold_is_back() -> bool:
        found = await running.good("GET", f"/api/payments/booking/{booking['id']}")
        return sorted(one["status"] for one in found["payments"]) == ["paid", "released"]

    await until(old_hold_is_back)


async def test_a_question_that_has_been_answered_is_not_asked_by_a_letter_that_was_late(running: Running):
    booking = await risen(running)
    price = {name: booking["new_total"][name] for name in ("amount", "currency")}
    await running.good("POST", f"/api/bookings/{booking['id']}/accept-price", price)
    async with running.db.transaction() as tx:
        row = await tx.fetchrow("select * from messages where template = 'booking_price_changed'")
        with pytest.raises(Unsendable, match="price_answered"):
            await running.made.message_sender.contexts.build_context(tx, Message.from_row(row))


async def test_a_price_that_has_risen_ends_with_the_money_released_when_the_traveller_declines(running: Running):
    booking = await risen(running)
    await running.good("DELETE", f"/api/bookings/{booking['id']}")
    done = await running.settled(booking)
    assert (done["status"], done["payment_status"], await confirmed_orders(running)) == ("cancelled", "released", 0)


async def test_a_price_that_has_risen_ends_with_the_money_released_when_nobody_answers(running: Running):
    booking = await risen(running)
    async with running.db.transaction() as tx:
        await tx.execute("update bookings set expires_at = now() - interval '1 second'")
    price = {name: booking["new_total"][name] for name in ("amount", "currency")}
    status, problem = await running.call("POST", f"/api/bookings/{booking['id']}/accept-price", price)
    assert (status, problem["code"]) == (410, "booking_expired")
    await running.made.bookings.expire_unpaid_bookings()
    done = await running.settled(booking)
    assert (done["status"], done["failure"], done["payment_status"]) == ("failed", "price_changed", "released")
    await until(lambda: running.mails("could not be completed"))


async def test_sold_out_ends_with_the_money_released(running: Running):
    await running.register()
    booking = await running.book()
    await running.control("POST", "kiwi/next", {"flights_invalid": True})
    await running.pay(booking)
    done = await running.settled(booking)
    assert (done["failure"], done["payment_status"]) == ("sold_out", "released")


async def test_an_order_whose_answer_is_lost_is_never_ticketed_and_the_money_goes_back(running: Running):
    await running.register()
    booking = await running.book()
    await running.fault("kiwi", "reset", path="/v2/booking/save_booking", times=1, after_effect=True)
    await running.pay(booking)
    done = await running.settled(booking)
    assert (done["status"], done["payment_status"]) == ("failed", "released")
    assert await confirmed_orders(running) == 0


async def test_a_confirmation_whose_answer_is_lost_is_found_out_and_the_booking_confirmed_once(running: Running):
    await running.register()
    booking = await running.book()
    await running.fault("kiwi", "reset", path="/v2/booking/confirm_payment", times=1, after_effect=True)
    await running.pay(booking)
    done = await running.settled(booking)
    assert (done["status"], done["payment_status"]) == ("confirmed", "paid")
    assert await confirmed_orders(running) == 1


async def test_a_capture_whose_answer_is_lost_is_one_capture(running: Running):
    await running.register()
    booking = await running.book()
    await running.fault("stripe", "reset", path="/v1/payment_intents/*/capture", times=1, after_effect=True)
    await running.pay(booking)
    assert (await running.settled(booking))["payment_status"] == "paid"


async def test_kiwi_away_for_a_moment_after_the_payment_only_delays(running: Running):
    await running.register()
    booking = await running.book()
    await running.fault("kiwi", "status", status=503, path="/v2/booking/check_flights", times=6)
    await running.pay(booking)
    assert (await running.settled(booking, within=40))["status"] == "confirmed"


async def test_webhooks_ten_times_backwards_and_at_once_are_one_confirmation(running: Running):
    await running.register()
    booking = await running.book()
    await running.pay(booking)
    await running.settled(booking)
    deliveries = [one for one in await running.control("GET", "callbacks") if one["provider"] == "stripe"]
    again = [one["n"] for one in reversed(deliveries) for _ in range(10)]
    await asyncio.gather(*(running.control("POST", f"callbacks/{n}/resend") for n in again))

    async def all_taken() -> bool:
        async with running.db.transaction() as tx:
            count = await tx.fetchval("select sum(deliveries) from webhook_events where provider = 'stripe'")
            return count >= 11 * len(deliveries)

    await until(all_taken)
    await asyncio.sleep(1)
    assert await confirmed_orders(running) == 1
    assert len(await running.mails("is confirmed")) == 1
    assert len(await running.control("GET", "messages")) == 1


async def test_webhooks_that_never_come_are_made_up_for_when_the_browser_comes_back(running: Running):
    await running.control("POST", "callbacks/drop", {"provider": "stripe"})
    await running.register()
    booking = await running.book()
    await running.pay(booking)
    await running.good("GET", f"/api/payments/booking/{booking['id']}")
    assert (await running.settled(booking))["status"] == "confirmed"


async def test_webhooks_that_never_come_are_made_up_for_by_the_sweep(running: Running):
    await running.control("POST", "callbacks/drop", {"provider": "stripe"})
    await running.register()
    booking = await running.book()
    await running.pay(booking)
    async with running.db.transaction() as tx:
        await tx.execute("update payments set updated_at = updated_at - interval '5 minutes'")
    await running.made.payments.settlement.settle_open_payments()
    assert (await running.settled(booking))["status"] == "confirmed"


async def test_webhooks_in_the_wrong_order_change_nothing(running: Running):
    await running.control("POST", "callbacks/hold", {"provider": "stripe"})
    await running.register()
    booking = await running.book()
    await running.pay(booking)
    await running.control("POST", "callbacks/release", {"provider": "stripe", "backwards": True})
    assert (await running.settled(booking))["status"] == "confirmed"


@pytest.mark.parametrize("card", ["pm_card_visa_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds"])
async def test_a_declined_card_leaves_a_booking_that_another_card_can_pay(running: Running, card: str):
    await running.register()
    booking = await running.book()
    assert (await running.pay(booking, card))["http"] == 402
    assert (await running.pay(booking))["http"] == 200
    assert (await running.settled(booking))["status"] == "confirmed"


async def test_a_bank_that_wants_to_see_the_traveller_is_waited_for(running: Running):
    await running.register()
    booking = await running.book()
    paid = await running.pay(booking, "pm_card_threeDSecure2Required")
    assert paid["answer"]["status"] == "requires_action"

    async def asked() -> bool:
        return (await running.booking(booking))["payment_status"] == "requires_action"

    await until(asked)
    page = paid["answer"]["next_action"]["redirect_to_url"]["url"]
    async with running.session.post(page, data={"outcome": "complete"}, allow_redirects=False) as answer:
        assert answer.status == 303
    assert (await running.settled(booking))["status"] == "confirmed"


async def test_paid_after_it_was_cancelled_is_released_by_itself(running: Running):
    await running.register()
    booking = await running.book()
    intent = await running.intent(booking)
    await running.control("POST", "callbacks/hold", {"provider": "stripe"})
    await running.pay(booking)
    async with running.db.transaction() as tx:
        await tx.execute("update bookings set status = 'expired' where id = $1", booking["id"])
    await running.control("POST", "callbacks/release", {"provider": "stripe"})

    async def released() -> bool:
        found = await running.control("GET", "stripe/intents")
        return [one["status"] for one in found if one["id"] == intent["payment_intent_id"]] == ["canceled"]

    await until(released)
    assert await confirmed_orders(running) == 0


async def test_cancelling_a_confirmed_booking_refunds_it_once(running: Running):
    await running.register()
    booking = await running.book()
    await running.pay(booking)
    await running.settled(booking)
    first, second = await asyncio.gather(*(running.good("DELETE", f"/api/bookings/{booking['id']}") for _ in range(2)))
    assert (first["status"], second["status"]) == ("cancelled", "cancelled")
    done = await running.settled(booking)
    assert done["payment_status"] == "refunded"
    payments = await running.good("GET", f"/api/payments/booking/{booking['id']}")
    assert payments["payments"][0]["refunded"]["amount"] == booking["total"]["amount"]
    await until(lambda: running.mails("Refund for booking"))
    assert len(await running.mails("is confirmed")) == 1


async def test_mail_that_cannot_go_out_now_goes_out_later_and_once(running: Running):
    await running.register()
    booking = await running.book()
    await running.fault("resend", "status", status=503, times=6)
    await running.fault("resend", "reset", times=1, after_effect=True)
    await running.pay(booking)
    await running.settled(booking)
    await until(lambda: running.mails("is confirmed"), 40)
    await asyncio.sleep(2)
    assert len(await running.mails("is confirmed")) == 1


async def test_a_text_whose_answer_is_lost_is_looked_for_and_not_sent_again(running: Running):
    await running.register()
    booking = await running.book()
    await running.fault("twilio", "reset", times=1, after_effect=True, method="POST")
    await running.pay(booking)
    await running.settled(booking)

    async def known() -> bool:
        async with running.db.transaction() as tx:
            return await tx.fetchval("select status in ('sent', 'delivered') from messages where channel = 'sms'")

    await until(known, 40)
    assert len(await running.control("GET", "messages")) == 1


async def test_an_order_that_nobody_can_tell_of_for_a_day_is_for_people_and_looked_up_all_the_same(running: Running):
    await running.register()
    booking = await running.book()
    await running.fault("kiwi", "reset", path="/v2/booking/confirm_payment", times=1, after_effect=True)
    await running.fault("kiwi", "status", path="/manage/bookings/*", times=1000, status=503)
    await running.pay(booking)
    await until(lambda: status_is(running, booking, "order_unknown"))
    async with running.db.transaction() as tx:
        await tx.execute("update supplier_orders set unknown_since = unknown_since - interval '25 hours'")
    with suppress(ProviderError, Retry):
        await running.made.fulfillment.fulfill_booking(FulfillBooking(booking_id=UUID(booking["id"])))
    (matter,), _ = await running.made.review_queue.list_items(open_only=True, page=1, page_size=10)
    assert (matter.kind, str(matter.booking_id)) == ("order_unknown", booking["id"])
    await running.control("DELETE", "faults")
    assert (await running.settled(booking))["status"] == "confirmed"
    assert (await running.made.review_queue.list_items(open_only=True, page=1, page_size=10))[0] == []
