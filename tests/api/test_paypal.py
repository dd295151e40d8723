"""The same journey paid with PayPal: the port is one."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.sales.payments.ledger import find_imbalances
from hub.settings import PayPalSettings
from tests.support.running import Running, hub_running, settings_for, until


@pytest.fixture
async def hub(dsn: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with hub_running(settings_for(dsn, tmp_path, paypal=PayPalSettings(mode="sandbox"))) as found:
        yield found


async def order(hub: Running, booking: dict[str, Any]) -> dict[str, Any]:
    body = {"booking_id": booking["id"], "provider": "paypal"}
    return await hub.good("POST", "/api/payments/create-payment-intent", body)


async def approved(hub: Running, booking: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = await order(hub, booking)
    await hub.control("POST", "paypal/approve", {"order": made["payment_intent_id"], **more})
    return made


async def test_a_booking_is_paid_with_paypal_and_the_books_balance(hub: Running):
    await hub.register()
    booking = await hub.book()
    made = await approved(hub, booking)
    assert (made["provider"], made["approval_url"].startswith(hub.sandbox)) == ("paypal", True)
    done = await hub.settled(booking)
    assert (done["status"], done["payment_status"]) == ("confirmed", "paid")
    async with hub.db.transaction() as tx:
        assert await find_imbalances(tx) == []


async def test_a_cancelled_booking_is_refunded_at_paypal(hub: Running):
    await hub.register()
    booking = await hub.book()
    await approved(hub, booking)
    await hub.settled(booking)
    await hub.good("DELETE", f"/api/bookings/{booking['id']}")
    assert (await hub.settled(booking))["payment_status"] == "refunded"
    async with hub.db.transaction() as tx:
        assert await find_imbalances(tx) == []


async def test_a_failed_order_lets_go_of_the_money(hub: Running):
    await hub.register()
    booking = await hub.book()
    await hub.control("POST", "kiwi/next", {"flights_invalid": True})
    await approved(hub, booking)
    done = await hub.settled(booking)
    assert (done["failure"], done["payment_status"]) == ("sold_out", "released")


async def test_another_provider_takes_the_place_of_the_first_while_nothing_is_held(hub: Running):
    await hub.register()
    booking = await hub.book()
    first = await hub.intent(booking)
    second = await order(hub, booking)
    assert (first["provider"], second["provider"]) == ("stripe", "paypal")
    await hub.control("POST", "paypal/approve", {"order": second["payment_intent_id"]})
    assert (await hub.settled(booking))["status"] == "confirmed"

    async def ended() -> bool:
        found = await hub.good("GET", f"/api/payments/booking/{booking['id']}")
        return sorted(one["status"] for one in found["payments"]) == ["paid", "released"]

    await until(ended)
    status, problem = await hub.call(
        "POST", "/api/payments/create-payment-intent", {"booking_id": booking["id"], "provider": "cash"}
    )
    assert (status, problem["errors"][0]["pointer"]) == (422, "/provider")


async def test_paypal_has_no_page_of_that_kind_and_says_where_its_own_is(hub: Running):
    await hub.register()
    booking = await hub.book()
    body = {"booking_id": booking["id"], "provider": "paypal"}
    status, problem = await hub.call("POST", "/api/payments/checkout-session", body)
    assert (status, problem["errors"][0]["code"]) == (422, "no_checkout")
    assert (await hub.good("POST", "/api/payments/checkout-session", body | {"provider": None}))["provider"] == "stripe"
