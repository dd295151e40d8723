"""Captures that somebody makes in the provider's dashboard: less than the amount pays for nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.sales.payments.ledger import find_imbalances
from hub.settings import PayPalSettings
from tests.support.running import Running, hub_running, settings_for, until


@pytest.fixture
async def hub(dsn: str, tmp_path: Path) -> AsyncIterator[Running]:
    """With PayPal beside Stripe."""
    async with hub_running(settings_for(dsn, tmp_path, paypal=PayPalSettings(mode="sandbox"))) as found:
        yield found


async def held_at_stripe(running: Running) -> tuple[dict[str, Any], str]:
    """A booking whose money is held, and whose supplier does not answer yet; the intent."""
    await running.register()
    booking = await running.book()
    await running.fault("kiwi", "status", status=503, path="/v2/booking/check_flights", times=1000)
    intent = await running.pay(booking)
    await until(lambda: has_payment(running, booking, "authorised"))
    return booking, intent["payment_intent_id"]


async def held_at_paypal(hub: Running) -> tuple[dict[str, Any], str]:
    await hub.register()
    booking = await hub.book()
    await hub.fault("kiwi", "status", status=503, path="/v2/booking/check_flights", times=1000)
    body = {"booking_id": booking["id"], "provider": "paypal"}
    order = (await hub.good("POST", "/api/payments/create-payment-intent", body))["payment_intent_id"]
    await hub.control("POST", "paypal/approve", {"order": order})
    await until(lambda: has_payment(hub, booking, "authorised"))
    return booking, order


async def has_payment(running: Running, booking: dict[str, Any], status: str) -> bool:
    return (await running.booking(booking))["payment_status"] == status


async def matters(running: Running) -> list[str]:
    found, _ = await running.made.review_queue.list_items(open_only=True, page=1, page_size=10)
    return [matter.kind for matter in found]


async def end_unpaid(running: Running) -> None:
    """The time to pay is over."""
    async with running.db.transaction() as tx:
        await tx.execute("update bookings set expires_at = now() - interval '1 second'")
    await running.made.bookings.expire_unpaid_bookings()


async def assert_balanced(running: Running) -> None:
    async with running.db.transaction() as tx:
        assert await find_imbalances(tx) == []


@pytest.mark.parametrize("share", [0.3, 0.7])
async def test_a_part_captured_at_stripe_orders_nothing_and_goes_back(running: Running, share: float):
    booking, intent = await held_at_stripe(running)
    part = round(booking["total"]["amount"] * share)
    await running.control("POST", "stripe/captures", {"payment_intent": intent, "amount": part})
    await until(lambda: has_payment(running, booking, "partially_captured"))
    await running.control("DELETE", "faults")
    await running.made.bookings.resume_stalled_bookings()
    assert (await matters(running), await running.orders(), await running.mails("Refund")) == (
        ["capture_mismatch"], [], [],
    )  # fmt: skip
    assert (await running.booking(booking))["status"] == "pending"
    await end_unpaid(running)
    done = await running.settled(booking)
    (payment,) = (await running.good("GET", f"/api/payments/booking/{booking['id']}"))["payments"]
    assert (done["status"], payment["captured"]["amount"], payment["refunded"]["amount"]) == ("expired", part, part)
    await assert_balanced(running)


async def test_a_part_captured_at_stripe_after_ticketing_is_for_people_and_no_refund(running: Running):
    await running.register()
    booking = await running.book()
    await running.fault("stripe", "status", path="/v1/payment_intents/*/capture", status=503, times=1000)
    intent = (await running.pay(booking))["payment_intent_id"]

    async def ordered() -> bool:
        return (await running.booking(booking))["status"] == "ordered"

    await until(ordered)
    await running.control("POST", "stripe/captures", {"payment_intent": intent, "amount": 2000})
    await until(lambda: has_payment(running, booking, "partially_captured"))
    await running.control("DELETE", "faults")
    await running.made.bookings.resume_stalled_bookings()
    assert (await matters(running), await running.mails("Refund"), await running.mails("is confirmed")) == (
        ["capture_mismatch"], [], [],
    )  # fmt: skip
    assert await ordered()
    await assert_balanced(running)


async def test_a_part_captured_at_paypal_orders_nothing_and_the_rest_is_voided(hub: Running):
    booking, order = await held_at_paypal(hub)
    part = {"currency_code": booking["total"]["currency"], "value": "20.00"}
    await hub.control("POST", "paypal/captures", {"order": order, "amount": part})
    await until(lambda: has_payment(hub, booking, "partially_captured"))
    await hub.control("DELETE", "faults")
    await hub.made.bookings.resume_stalled_bookings()
    assert (await matters(hub), await hub.orders()) == (["capture_mismatch"], [])
    await hub.good("DELETE", f"/api/bookings/{booking['id']}")
    assert (await hub.settled(booking))["payment_status"] == "refunded"
    ((unit,),) = (found["purchase_units"] for found in await hub.control("GET", "paypal/orders"))
    payments = unit["payments"]
    assert ([made["status"] for made in payments["authorizations"]], payments["refunds"][0]["amount"]) == (
        ["VOIDED"], part,
    )  # fmt: skip
    await assert_balanced(hub)


async def test_once_the_rest_is_captured_the_booking_goes_on(hub: Running):
    booking, order = await held_at_paypal(hub)
    part = {"currency_code": booking["total"]["currency"], "value": "20.00"}
    await hub.control("POST", "paypal/captures", {"order": order, "amount": part})
    await until(lambda: has_payment(hub, booking, "partially_captured"))
    await hub.control("DELETE", "faults")
    await hub.control("POST", "paypal/captures", {"order": order})
    assert (await hub.settled(booking))["status"] == "confirmed"
    assert await matters(hub) == []
    await assert_balanced(hub)


async def test_a_part_that_was_captured_has_no_receipt_and_no_invoice(running: Running):
    booking, intent = await held_at_stripe(running)
    await running.control("POST", "stripe/captures", {"payment_intent": intent, "amount": 2000})
    await until(lambda: has_payment(running, booking, "partially_captured"))
    await running.made.documents.invoices.enqueue_missing_invoices()
    async with running.db.transaction() as tx:
        papers = "select count(*) from pgqueuer where entrypoint in ('payment.captured', 'invoice.issue')"
        assert await tx.fetchval(papers) == 0
        assert await tx.fetchval("select count(*) from invoices") == 0


async def test_a_payment_of_two_captures_at_paypal_comes_back_in_two_refunds(hub: Running):
    booking, order = await held_at_paypal(hub)
    price = booking["total"]["amount"]
    part = {"currency_code": booking["total"]["currency"], "value": "20.00"}
    await hub.control("POST", "paypal/captures", {"order": order, "amount": part})
    await until(lambda: has_payment(hub, booking, "partially_captured"))
    await hub.control("POST", "paypal/captures", {"order": order})
    await until(lambda: has_payment(hub, booking, "paid"))
    await hub.good("DELETE", f"/api/bookings/{booking['id']}")
    assert (await hub.settled(booking))["payment_status"] == "refunded"
    async with hub.db.transaction() as tx:
        rows = await tx.fetch("select amount, status from refunds order by amount")
    assert [tuple(row) for row in rows] == [(2000, "succeeded"), (price - 2000, "succeeded")]
    assert await matters(hub) == []
    await assert_balanced(hub)
