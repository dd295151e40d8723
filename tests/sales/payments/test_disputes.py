"""Disputes in rounds: an inquiry, a chargeback, a decision, and the decision after that."""

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


async def confirmed(running: Running) -> tuple[int, str]:
    """A booking paid at Stripe: its price in minor units, and its intent."""
    await running.register()
    booking = await running.book()
    intent = await running.pay(booking)
    await running.settled(booking)
    return booking["total"]["amount"], intent["payment_intent_id"]


async def become(running: Running, status: str, disputed: int) -> None:
    """The only dispute, and what the banks have of the payment."""

    async def there() -> bool:
        async with running.db.transaction() as tx:
            row = await tx.fetchrow(
                "select d.status, p.disputed from disputes d join payments p on p.id = d.payment_id"
            )
            return row is not None and tuple(row) == (status, disputed)

    await until(there)
    async with running.db.transaction() as tx:
        assert await find_imbalances(tx) == []


async def matters(running: Running) -> list[str]:
    found, _ = await running.made.review_queue.list_items(open_only=True, page=1, page_size=10)
    return [matter.kind for matter in found]


async def test_an_inquiry_becomes_a_chargeback_that_is_won_and_then_lost(running: Running):
    price, intent = await confirmed(running)
    body = {"payment_intent": intent, "inquiry": True}
    dispute = await running.control("POST", "stripe/disputes", body)
    path = f"stripe/disputes/{dispute['id']}"
    await become(running, "inquiry", 0)
    assert await matters(running) == ["dispute_inquiry"]
    await running.control("POST", f"{path}/escalate")
    await become(running, "open", price)
    assert await matters(running) == ["dispute"]
    await running.control("POST", f"{path}/close", {"status": "won"})
    await become(running, "won", 0)
    await running.control("POST", f"{path}/reopen")
    await become(running, "open", price)
    await running.control("POST", f"{path}/close", {"status": "lost"})
    await become(running, "lost", price)


async def test_an_inquiry_that_comes_to_nothing_leaves_nothing_to_do(running: Running):
    _, intent = await confirmed(running)
    dispute = await running.control("POST", "stripe/disputes", {"payment_intent": intent, "inquiry": True})
    await become(running, "inquiry", 0)
    await running.control("POST", f"stripe/disputes/{dispute['id']}/close", {})
    await become(running, "won", 0)
    assert await matters(running) == []


async def test_a_booking_under_inquiry_can_be_refunded(running: Running):
    price, intent = await confirmed(running)
    await running.control("POST", "stripe/disputes", {"payment_intent": intent, "inquiry": True})
    await become(running, "inquiry", 0)
    (booking,) = (await running.good("GET", "/api/bookings"))["items"]
    await running.good("DELETE", f"/api/bookings/{booking['id']}")
    assert (await running.settled(booking))["payment_status"] == "refunded"
    await become(running, "won", 0)
    async with running.db.transaction() as tx:
        assert await tx.fetchval("select refunded from payments") == price


async def test_a_second_dispute_after_one_that_was_won(running: Running):
    price, intent = await confirmed(running)
    first = await running.control("POST", "stripe/disputes", {"payment_intent": intent})
    await running.control("POST", f"stripe/disputes/{first['id']}/close", {"status": "won"})
    await become(running, "won", 0)
    await running.control("POST", "stripe/disputes", {"payment_intent": intent, "reason": "product_not_received"})

    async def both() -> bool:
        async with running.db.transaction() as tx:
            rows = await tx.fetch("select status, booked from disputes order by created_at")
            return [tuple(row) for row in rows] == [("won", 0), ("open", price)]

    await until(both)


async def fee_known(running: Running) -> bool:
    """The provider tells its fee some time after the capture; until then it is news."""
    async with running.db.transaction() as tx:
        if await tx.fetchval("select fee is not null from payments"):
            return True
    await running.made.payments.reconciliation.run()
    return False


async def test_a_dispute_is_kept_in_its_own_currency(running: Running):
    price, intent = await confirmed(running)
    body = {"payment_intent": intent, "amount": 123_400, "currency": "jpy"}
    await running.control("POST", "stripe/disputes", body)
    await become(running, "open", price)
    async with running.db.transaction() as tx:
        assert tuple(await tx.fetchrow("select amount, currency from disputes")) == (123_400, "JPY")
    await until(lambda: fee_known(running))
    report = await running.made.payments.reconciliation.run()
    assert (report.open, report.mended.get("payments_settled")) == ({}, None)


@pytest.mark.parametrize("has_events", [True, False])
async def test_rounds_of_which_no_news_came_are_repaired_by_the_reconciliation(running: Running, has_events: bool):
    """From the events that were not delivered; where they cannot be read, by the payment as it stands."""
    price, intent = await confirmed(running)
    await until(lambda: fee_known(running))
    dispute = await running.control("POST", "stripe/disputes", {"payment_intent": intent})
    await running.control("POST", f"stripe/disputes/{dispute['id']}/close", {"status": "won"})
    await become(running, "won", 0)
    await running.control("POST", "callbacks/drop", {"provider": "stripe"})
    await running.control("POST", f"stripe/disputes/{dispute['id']}/reopen")
    await running.control("POST", f"stripe/disputes/{dispute['id']}/close", {"status": "lost"})
    if not has_events:
        await running.fault("stripe", "status", status=503, path="/v1/events", times=1000)
    await running.made.payments.reconciliation.run()
    await become(running, "lost", price)


async def test_a_claim_at_paypal_is_lost_and_won_on_appeal(hub: Running):
    await hub.register()
    booking = await hub.book()
    price = booking["total"]["amount"]
    body = {"booking_id": booking["id"], "provider": "paypal"}
    order = (await hub.good("POST", "/api/payments/create-payment-intent", body))["payment_intent_id"]
    await hub.control("POST", "paypal/approve", {"order": order})
    await hub.settled(booking)
    dispute = await hub.control("POST", "paypal/disputes", {"order": order, "inquiry": True})
    path = f"paypal/disputes/{dispute['id']}"
    await become(hub, "open", price)
    await hub.control("POST", f"{path}/escalate", {})
    await hub.control("POST", f"{path}/resolve", {"outcome": "RESOLVED_BUYER_FAVOUR"})
    await become(hub, "lost", price)
    await hub.control("POST", f"{path}/appeal", {})
    await become(hub, "open", price)
    await hub.control("POST", f"{path}/resolve", {"outcome": "RESOLVED_SELLER_FAVOUR"})
    await become(hub, "won", 0)
    async with hub.db.transaction() as tx:
        assert await tx.fetchval("select count(*) from refunds") == 0


async def test_a_claim_at_paypal_in_another_currency_is_kept_in_it(hub: Running):
    await hub.register()
    booking = await hub.book()
    body: dict[str, Any] = {"booking_id": booking["id"], "provider": "paypal"}
    order = (await hub.good("POST", "/api/payments/create-payment-intent", body))["payment_intent_id"]
    await hub.control("POST", "paypal/approve", {"order": order})
    await hub.settled(booking)
    yen = {"currency_code": "JPY", "value": "9000"}
    dispute = await hub.control("POST", "paypal/disputes", {"order": order, "amount": yen})
    await become(hub, "open", booking["total"]["amount"])
    await hub.control("POST", f"paypal/disputes/{dispute['id']}/resolve", {"outcome": "RESOLVED_BUYER_FAVOUR"})
    await become(hub, "lost", booking["total"]["amount"])
    async with hub.db.transaction() as tx:
        assert tuple(await tx.fetchrow("select amount, currency from disputes")) == (9000, "JPY")
