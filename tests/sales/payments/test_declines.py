"""A decline leaves a reason that can be read, and the next attempt is a new one."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sales.bookings import Decline
from hub.settings import PayPalSettings
from sandbox.stripe.cards import CARDS
from tests.support.running import Running, hub_running, settings_for, until

NO_FUNDS = "pm_card_chargeDeclinedInsufficientFunds"


@pytest.fixture
async def hub(dsn: str, tmp_path: Path) -> AsyncIterator[Running]:
    """With PayPal beside Stripe."""
    async with hub_running(settings_for(dsn, tmp_path, paypal=PayPalSettings(mode="sandbox"))) as found:
        yield found


async def booked(running: Running) -> dict[str, Any]:
    await running.register()
    return await running.book()


async def payments(running: Running, booking: dict[str, Any]) -> list[dict[str, Any]]:
    found = await running.good("GET", f"/api/payments/booking/{booking['id']}")
    return list(found["payments"])


async def failure(running: Running, booking: dict[str, Any]) -> dict[str, Any]:
    """The booking's, once there is one."""

    async def known() -> Any:
        return (await running.booking(booking))["last_failure"]

    return dict(await until(known))


async def test_a_declined_card_leaves_its_reason_on_booking_and_payment(running: Running):
    booking = await booked(running)
    await running.pay(booking, NO_FUNDS)
    declined = await failure(running, booking)
    assert (declined["code"], declined["decline_code"]) == ("card_declined", "insufficient_funds")
    assert declined["message"].startswith("The card has insufficient funds.")
    for _ in range(2):
        (payment,) = await payments(running, booking)
        assert (payment["last_failure"], payment["failure"]) == (declined, "insufficient_funds")
    await running.pay(booking)
    assert (await running.settled(booking))["last_failure"] is None
    assert [made["last_failure"] for made in await payments(running, booking)] == [declined]


async def test_each_decline_takes_the_place_of_the_one_before(running: Running):
    booking = await booked(running)
    await running.pay(booking, NO_FUNDS)
    await failure(running, booking)
    await running.pay(booking, "pm_card_chargeDeclinedExpiredCard")

    async def expired() -> bool:
        return (await failure(running, booking))["code"] == "expired_card"

    await until(expired)


async def test_a_card_declined_on_a_hosted_page_leaves_its_reason(running: Running):
    booking = await booked(running)
    page = await running.good("POST", "/api/payments/checkout-session", {"booking_id": booking["id"]})
    async with running.session.post(page["url"], data={"payment_method": NO_FUNDS}) as answer:
        assert answer.status == 402
    declined = await failure(running, booking)
    assert declined["decline_code"] == "insufficient_funds"
    assert (await payments(running, booking))[0]["last_failure"] == declined
    async with running.session.post(page["url"], data={"payment_method": "pm_card_visa"}, allow_redirects=False):
        assert (await running.settled(booking))["status"] == "confirmed"


async def test_whoever_pays_with_a_stolen_card_is_not_told_that_it_is_known(running: Running):
    booking = await booked(running)
    await running.pay(booking, "pm_card_visa_chargeDeclinedStolenCard")
    declined = await failure(running, booking)
    assert (declined["code"], declined["decline_code"]) == ("card_declined", "generic_decline")
    assert "stolen" not in str(await payments(running, booking))
    story = await running.good("GET", f"/api/bookings/{booking['id']}/story")
    assert "stolen" not in str(story) + str(await running.good("GET", "/api/user/activity"))
    async with running.db.transaction() as tx:  # for staff alone
        assert await tx.fetchval("select array_agg(failure) from transaction_audit_logs") == ["stolen_card"]


async def order_at_paypal(hub: Running, booking: dict[str, Any]) -> str:
    body = {"booking_id": booking["id"], "provider": "paypal"}
    return str((await hub.good("POST", "/api/payments/create-payment-intent", body))["payment_intent_id"])


async def test_after_a_decline_at_paypal_another_card_is_another_attempt(hub: Running):
    """PayPal answers the request id of the first attempt with its decline."""
    booking = await booked(hub)
    order = await order_at_paypal(hub, booking)
    await hub.control("POST", "paypal/approve", {"order": order, "funding": "declined"})
    declined = await failure(hub, booking)
    assert (declined["code"], declined["message"][:6]) == ("INSTRUMENT_DECLINED", "PayPal")
    assert (await payments(hub, booking))[0]["last_failure"] == declined
    assert await order_at_paypal(hub, booking) == order
    await hub.control("POST", "paypal/approve", {"order": order})
    assert (await hub.settled(booking))["status"] == "confirmed"


async def test_a_hold_denied_by_paypal_leaves_its_reason_and_makes_room_for_another(hub: Running):
    booking = await booked(hub)
    order = await order_at_paypal(hub, booking)
    await hub.control("POST", "paypal/approve", {"order": order, "funding": "denied"})
    declined = await failure(hub, booking)
    assert (declined["code"], declined["decline_code"]) == ("AUTHORIZATION_DENIED", "DECLINED_BY_RISK_FRAUD_FILTERS")
    assert await order_at_paypal(hub, booking) != order


async def test_an_intent_that_was_canceled_in_the_dashboard_is_not_handed_out_again(running: Running):
    booking = await booked(running)
    await running.control("POST", "callbacks/drop", {"provider": "stripe"})
    first = await running.intent(booking)
    await running.control("POST", "stripe/cancellations", {"payment_intent": first["payment_intent_id"]})
    second = await running.intent(booking)
    assert (second["payment_intent_id"] != first["payment_intent_id"], second["status"]) == (True, "unpaid")
    assert [made["status"] for made in await payments(running, booking)] == ["released", "unpaid"]


async def test_a_canceled_intent_whose_creation_is_replayed_is_not_handed_out(running: Running):
    """Stripe replays the first answer under its key, which knows nothing of the cancellation."""
    booking = await booked(running)
    await running.control("POST", "callbacks/drop", {"provider": "stripe"})
    await running.fault("stripe", "reset", method="POST", path="/v1/payment_intents", times=1000, after_effect=True)
    body = {"booking_id": booking["id"]}
    assert (await running.call("POST", "/api/payments/create-payment-intent", body))[0] == 504
    (lost,) = await running.control("GET", "stripe/intents")
    await running.control("POST", "stripe/cancellations", {"payment_intent": lost["id"]})
    await running.control("DELETE", "faults")
    assert (await running.intent(booking))["payment_intent_id"] != lost["id"]


async def test_a_refused_capture_is_tried_again_under_another_key(hub: Running):
    """PayPal replays the refusal of a capture under its request id."""
    booking = await booked(hub)
    await hub.fault("paypal", "status", status=422, path="/v2/payments/authorizations/*/capture", times=1)
    order = await order_at_paypal(hub, booking)
    await hub.control("POST", "paypal/approve", {"order": order})
    assert (await hub.settled(booking))["status"] == "confirmed"
    async with hub.db.transaction() as tx:
        assert await tx.fetchval("select attempt from payments") == 1


@pytest.mark.parametrize("card", [card for card in CARDS if card.decline], ids=lambda card: card.name)
def test_every_decline_has_words_for_the_traveler(card: Any):
    decline = Decline(card.decline.code, card.decline.decline_code).redact_for_traveler()
    assert (decline.message[0].isupper(), decline.message[-1]) == (True, ".")
    assert not any(word in decline.message for word in ("fraud", "stolen", "lost", "_"))


@given(
    st.builds(
        Decline, st.text(), st.none() | st.text(), st.none() | st.datetimes(timezones=st.just(UTC)), st.integers(0, 9),
        st.text(),
    )
)  # fmt: skip
def test_a_decline_is_read_as_it_was_stored(decline: Decline):
    assert Decline.from_json(decline.to_json()) == decline
    assert decline.is_same_attempt(Decline.from_json(decline.to_json() | {"at": datetime.now(UTC).isoformat()}))
    assert not decline.is_same_attempt(None)
