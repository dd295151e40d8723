"""Amounts that a payment provider cannot charge: decided when the offer is shown, refused with a 4xx otherwise."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.core.charge_limits import ChargeLimit
from hub.people.identity import Role
from hub.settings import PayPalSettings
from tests.support.running import Running, hub_running, settings_for, soon, until

PASSWORD = "correct horse battery"
INTENT = "/api/payments/create-payment-intent"


@pytest.fixture
async def hub(dsn: str, tmp_path: Path) -> AsyncIterator[Running]:
    """With both payment providers."""
    async with hub_running(settings_for(dsn, tmp_path, paypal=PayPalSettings(mode="sandbox"))) as found:
        await found.register()
        yield found


async def jobs_and_payments(hub: Running, booking: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The jobs that are held, and the statuses of the booking's payments."""
    async with hub.db.connection() as tx:
        held = await tx.fetch("select entrypoint from pgqueuer where status not in ('queued', 'picked')")
        payments = await tx.fetch("select status from payments where booking_id::text = $1", booking["id"])
    return [row["entrypoint"] for row in held], [row["status"] for row in payments]


@pytest.mark.parametrize("currency", ["KWD", "BHD", "JOD"])
async def test_a_currency_with_three_decimals_is_shown_as_it_is_charged_and_paid(hub: Running, currency: str):
    offer = await hub.offer(currency=currency)
    assert (offer["total"]["amount"] % 10, offer["payment_providers"]) == (0, ["stripe"])
    booking = await hub.book(offer)
    await hub.pay(booking)
    done = await hub.settled(booking)
    assert (done["status"], done["total"]) == ("confirmed", offer["total"])


@pytest.mark.parametrize("currency", ["HUF", "TWD"])
async def test_a_currency_without_decimals_at_paypal_is_paid_with_paypal(hub: Running, currency: str):
    offer = await hub.offer(currency=currency)
    assert (offer["total"]["amount"] % 100, offer["payment_providers"]) == (0, ["paypal", "stripe"])
    booking = await hub.book(offer)
    order = await hub.good("POST", INTENT, {"booking_id": booking["id"], "provider": "paypal"})
    await hub.control("POST", "paypal/approve", {"order": order["payment_intent_id"]})
    assert (await hub.settled(booking))["status"] == "confirmed"


async def test_a_provider_that_lacks_the_currency_is_refused_with_a_pointer_and_another_one_pays(hub: Running):
    booking = await hub.book(await hub.offer(currency="KWD"))
    status, problem = await hub.call("POST", INTENT, {"booking_id": booking["id"], "provider": "paypal"})
    assert (status, problem["code"], problem["errors"][0]["pointer"]) == (422, "amount_not_supported", "/provider")
    assert "stripe" in problem["detail"]
    assert await jobs_and_payments(hub, booking) == ([], [])
    await hub.pay(booking)
    assert (await hub.settled(booking))["status"] == "confirmed"


async def test_an_offer_above_the_maximum_of_its_currency_is_left_out(running: Running):
    query = {"origin": "LHR", "destination": "SYD", "departure_date": soon().isoformat()}
    party = {"currency": "VND", "adults": 9, "cabin": "first"}
    found = await running.good("POST", "/api/flights/search", query | party)
    assert found["pricing"]["left_out"]["amount_too_large"] > 0
    assert all(offer["total"]["amount"] <= 99_999_999 for offer in found["offers"])


@pytest.mark.parametrize("path", [INTENT, "/api/payments/checkout-session"])
async def test_an_amount_that_only_the_provider_refuses_is_a_4xx_and_leaves_no_held_job(running: Running, path: str):
    """The hub's table may be out of date: the provider's refusal of the amount means the same."""
    await running.register()
    booking = await running.book()
    async with running.db.transaction() as tx:
        await tx.execute("update bookings set amount = 100000000 where id::text = $1", booking["id"])
    assert running.made.payments is not None
    stripe: Any = running.made.payments.checkout.gateways.by_name["stripe"]
    stripe.charge_limits = {**stripe.charge_limits, "EUR": ChargeLimit(50, 10**12)}
    status, problem = await running.call("POST", path, {"booking_id": booking["id"]})
    assert (status, problem["code"]) == (422, "amount_not_supported")
    await running.good("DELETE", f"/api/bookings/{booking['id']}")
    await until(lambda: released(running, booking))
    assert await jobs_and_payments(running, booking) == ([], ["failed"])


async def test_a_payment_that_was_never_created_is_ended_when_the_booking_is(running: Running):
    """A row from before the provider refused: its release creates nothing and holds no job."""
    await running.register()
    booking = await running.book()
    async with running.db.transaction() as tx:
        await tx.execute(
            "insert into payments (id, booking_id, customer_id, provider, amount, currency, created_at, updated_at) "
            "select gen_random_uuid(), id, customer_id, 'stripe', 12345, 'KWD', now(), now() from bookings "
            "where id::text = $1",
            booking["id"],
        )
    await running.good("DELETE", f"/api/bookings/{booking['id']}")
    await until(lambda: released(running, booking))
    assert await jobs_and_payments(running, booking) == ([], ["failed"])


async def released(hub: Running, booking: dict[str, Any]) -> bool:
    """No job of the booking is left to do."""
    async with hub.db.connection() as tx:
        waiting = await tx.fetchval("select count(*) from pgqueuer where entrypoint = 'payment.release'")
    return waiting == 0 and (await jobs_and_payments(hub, booking))[1] == ["failed"]


async def test_a_refund_finer_than_the_provider_counts_is_refused(running: Running):
    await running.register()
    booking = await running.book(await running.offer(currency="KWD"))
    await running.pay(booking)
    await running.settled(booking)
    await running.made.identity.staff.members.add_member("ann@example.com", "Ann", {Role.ACCOUNTANT}, PASSWORD)
    signed = await running.good("POST", "/api/v1/auth/login", {"email": "ann@example.com", "password": PASSWORD})
    running.token = signed["token"]
    body = {"booking_id": booking["id"], "amount": 1001, "currency": "KWD", "reason": "a goodwill"}
    status, problem = await running.call("POST", "/api/payments/refund", body)
    assert (status, problem["errors"][0]["pointer"]) == (422, "/amount")
    assert problem["errors"][0]["code"] == "amount_not_supported"
