"""Paying on the provider's page: sessions and links, their ends, and what stands still being asked for again."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.people.identity import Role
from hub.sales.payments.ledger import find_imbalances
from hub.sales.payments.return_urls import ReturnUrlPolicy, parse_origin
from sandbox.state import SandboxConfig
from sandbox.stripe.webhook_signature import build_header
from tests.support.running import Running, until

PASSWORD = "correct horse battery"
DECLINED = "pm_card_visa_chargeDeclined"
DEBIT, BAD_DEBIT = "DE89370400440532013000", "AT861904300235473202"
ASKED = "pm_card_threeDSecure2Required"


async def opened(running: Running, booking: dict[str, Any], **more: Any) -> dict[str, Any]:
    return await running.good("POST", "/api/payments/checkout-session", {"booking_id": booking["id"], **more})


async def booked(running: Running) -> dict[str, Any]:
    await running.register()
    return await running.book()


async def in_euros(running: Running) -> dict[str, Any]:
    await running.register()
    return await running.book(await running.offer(currency="EUR"))


async def on_page(running: Running, url: str, card: str = "pm_card_visa", **more: Any) -> tuple[int, str]:
    """What the browser does on the page; where it is sent then."""
    form = {"payment_method": card} | more
    async with running.session.post(url, data=form, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", "")


async def follow(running: Running, link: str) -> str:
    """The page that a link opens; empty when it leads nowhere any more."""
    async with running.session.get(link, allow_redirects=False) as answer:
        return answer.headers.get("Location", "")


async def payments(running: Running, booking: dict[str, Any]) -> list[dict[str, Any]]:
    found = await running.good("GET", f"/api/payments/booking/{booking['id']}")
    return list(found["payments"])


async def reached(running: Running, booking: dict[str, Any], *statuses: str) -> None:
    async def there() -> bool:
        return sorted(one["status"] for one in await payments(running, booking)) == sorted(statuses)

    await until(there)


async def in_order(running: Running) -> None:
    async with running.db.transaction() as tx:
        assert await find_imbalances(tx) == []


async def as_staff(running: Running, role: Role = Role.ACCOUNTANT) -> None:
    await running.made.identity.staff.members.add_member("ann@example.com", "Ann", {role}, PASSWORD)
    signed = await running.good("POST", "/api/v1/auth/login", {"email": "ann@example.com", "password": PASSWORD})
    running.token = signed["token"]


async def events(running: Running) -> list[str]:
    async with running.db.connection() as tx:
        rows = await tx.fetch("select type from webhook_events where type like 'checkout.%' and status = 'processed'")
    return [row["type"] for row in rows]


async def test_a_booking_is_paid_on_the_page_held_first_and_confirmed(running: Running):
    booking = await booked(running)
    page = await opened(running, booking)
    assert (page["amount"], page["currency"]) == (booking["total"]["amount"], booking["total"]["currency"])
    assert page["expires_at"] == booking["expires_at"]
    _, back = await on_page(running, page["url"])
    assert back == f"{running.url}/account/done?what=paid&booking={booking['id']}"
    assert (await running.settled(booking))["status"] == "confirmed"
    intent = (await running.control("GET", "stripe/intents"))[0]
    assert (intent["metadata"]["payment_id"], intent["status"]) == (page["payment_id"], "succeeded")
    assert intent["payment_method_options"]["card"]["capture_method"] == "manual"
    assert (await payments(running, booking))[0]["payment_intent_id"] == intent["id"]
    await in_order(running)


async def test_asked_again_it_is_the_same_page_and_other_addresses_are_another(running: Running):
    booking = await booked(running)
    first, again = await opened(running, booking), await opened(running, booking)
    other = await opened(running, booking, success_url="http://localhost:3000/thanks?s={CHECKOUT_SESSION_ID}")
    assert (first["id"] == again["id"], first["id"] == other["id"]) == (True, False)
    await reached(running, booking, "released", "unpaid")
    assert (await on_page(running, first["url"]))[1] == ""
    assert (await on_page(running, other["url"]))[1] == f"http://localhost:3000/thanks?s={other['id']}"
    assert (await running.settled(booking))["status"] == "confirmed"


async def test_a_card_is_declined_and_another_pays_on_the_same_page(running: Running):
    booking = await booked(running)
    page = await opened(running, booking)
    assert (await on_page(running, page["url"], DECLINED))[0] == 402
    assert (await opened(running, booking))["id"] == page["id"]
    _, bank = await on_page(running, page["url"], ASKED)
    await on_page(running, bank, outcome="complete")
    assert (await running.settled(booking))["status"] == "confirmed"
    assert len(await payments(running, booking)) == 1


async def test_an_expired_page_makes_room_for_another(running: Running):
    booking = await booked(running)
    page = await opened(running, booking)
    await on_page(running, page["url"], DECLINED)
    await expired(running, page["id"])
    assert await until(lambda: events(running)) == ["checkout.session.expired"]
    await reached(running, booking, "released")
    second = await opened(running, booking)
    assert second["id"] != page["id"]
    await on_page(running, second["url"])
    assert (await running.settled(booking))["status"] == "confirmed"


async def expired(running: Running, session: str) -> None:
    """As somebody does in the dashboard."""
    url, send = (
        f"{running.sandbox}/stripe/v1/checkout/sessions/{session}/expire",
        {"Authorization": "Bearer sk_test_sandbox"},
    )
    async with running.session.post(url, headers=send) as answer:
        assert answer.status == 200, await answer.text()


@pytest.mark.parametrize(("iban", "how"), [(DEBIT, "succeeded"), (BAD_DEBIT, "failed")])
async def test_a_debit_is_on_its_way_until_the_bank_has_answered(running: Running, iban: str, how: str):
    booking = await in_euros(running)
    await running.control("POST", "stripe/pace", {"settling": 0.5})
    page = await opened(running, booking)
    await on_page(running, page["url"], iban)
    await reached(running, booking, "processing")
    status, problem = await running.call("POST", "/api/payments/checkout-session", {"booking_id": booking["id"]})
    assert (status, problem["code"]) == (409, "payment_in_progress")

    async def told() -> bool:
        return f"checkout.session.async_payment_{how}" in await events(running)

    await until(told)
    if how == "succeeded":
        assert (await running.settled(booking))["status"] == "confirmed"
        return
    await reached(running, booking, "unpaid")
    await on_page(running, (await opened(running, booking))["url"])
    assert (await running.settled(booking))["status"] == "confirmed"
    await reached(running, booking, "paid", "released")


async def test_a_page_closes_with_its_booking(running: Running):
    booking = await booked(running)
    page = await opened(running, booking)
    await running.good("DELETE", f"/api/bookings/{booking['id']}")
    await reached(running, booking, "released")
    assert (await on_page(running, page["url"]))[1] == ""
    await in_order(running)


async def test_a_page_that_was_paid_without_our_hearing_of_it_is_seen_before_another_way_is_opened(running: Running):
    booking = await booked(running)
    page = await opened(running, booking)
    await running.control("POST", "callbacks/drop", {"provider": "stripe"})
    await on_page(running, page["url"])
    intent = await running.intent(booking)
    assert intent["payment_id"] == page["payment_id"]
    assert (await running.settled(booking))["status"] == "confirmed"
    assert len(await payments(running, booking)) == 1


async def test_page_and_intent_take_turns_and_the_money_of_one_is_kept(running: Running):
    booking = await booked(running)
    await running.intent(booking)
    page = await opened(running, booking)
    await running.pay(booking)
    assert (await running.settled(booking))["status"] == "confirmed"
    assert (await on_page(running, page["url"]))[1] == ""
    await reached(running, booking, "paid", "released", "released")
    await in_order(running)


async def test_two_who_ask_at_once_get_one_page(running: Running):
    booking = await booked(running)
    one, two = await both(running, booking)
    assert one["id"] == two["id"]


async def both(running: Running, booking: dict[str, Any]) -> list[dict[str, Any]]:
    return list(await asyncio.gather(opened(running, booking), opened(running, booking)))


async def test_nobody_opens_the_page_of_anothers_booking(running: Running):
    booking = await booked(running)
    await running.register()
    body = {"booking_id": booking["id"]}
    status, problem = await running.call("POST", "/api/payments/checkout-session", body)
    assert (status, problem["code"]) == (404, "booking_not_found")
    assert (await running.call("POST", "/api/payments/payment-link", body))[0] == 403


@pytest.mark.parametrize("name", ["success_url", "cancel_url"])
async def test_the_page_leads_nowhere_but_to_ours(running: Running, name: str):
    booking = await booked(running)
    body = {"booking_id": booking["id"], name: "https://evil.example/thanks"}
    status, problem = await running.call("POST", "/api/payments/checkout-session", body)
    assert (status, problem["errors"][0]["code"], problem["errors"][0]["pointer"]) == (
        422, "foreign_address", f"/{name}",
    )  # fmt: skip


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.evil.example/", "https://shop.example@evil.example/", "//shop.example/",
        "https://evil.example\\@shop.example/", "javascript://shop.example/%0aalert(1)", "http://shop.example/",
        "https://shop.example:8443/", "https://shop.example\t.evil.example/", "https://[shop.example/", "",
    ],
)  # fmt: skip
def test_an_address_that_browsers_read_otherwise_is_not_ours(url: str):
    assert parse_origin(url) != parse_origin("https://shop.example/back?x=1#y")
    assert parse_origin("https://SHOP.example:443/") == ("https", "shop.example", 443)


def test_the_booking_is_named_where_the_frontend_wants_it():
    found = ReturnUrlPolicy("https://hub.example/account", ["https://shop.example"]).choose_return_urls(
        "https://shop.example/{booking_id}", None
    )
    assert found.success == "https://shop.example/{booking_id}"
    assert found.cancel.startswith("https://hub.example/account/done?what=not_paid")


# Links.


async def linked(running: Running, booking: dict[str, Any]) -> dict[str, Any]:
    traveller = running.token
    await as_staff(running)
    made = await running.good("POST", "/api/payments/payment-link", {"booking_id": booking["id"]})
    again = await running.good("POST", "/api/payments/payment-link", {"booking_id": booking["id"]})
    assert made == again
    running.token = traveller
    return made


async def test_a_link_pays_its_booking_once(running: Running):
    booking = await booked(running)
    link = await linked(running, booking)
    first, second = await follow(running, link["url"]), await follow(running, link["url"])
    assert (await on_page(running, first, DECLINED))[0] == 402
    await on_page(running, second)
    assert (await running.settled(booking))["status"] == "confirmed"
    assert await follow(running, link["url"]) == ""
    assert (await on_page(running, first))[1] == ""
    await reached(running, booking, "paid")
    await in_order(running)


async def test_a_link_survives_a_session_that_expires_and_closes_with_the_booking(running: Running):
    booking = await booked(running)
    link = await linked(running, booking)
    gone = await follow(running, link["url"])
    await on_page(running, gone, DECLINED)
    await expired(running, gone.rsplit("/", 1)[1])
    await until(lambda: events(running))
    assert [one["status"] for one in await payments(running, booking)] == ["unpaid"]
    still = await follow(running, link["url"])
    await running.good("DELETE", f"/api/bookings/{booking['id']}")
    await reached(running, booking, "released")
    assert (await follow(running, link["url"]), (await on_page(running, still))[1]) == ("", "")


async def test_a_link_to_nothing_is_refused(running: Running):
    await as_staff(running)
    body = {"booking_id": "00000000-0000-0000-0000-000000000001"}
    status, problem = await running.call("POST", "/api/payments/payment-link", body)
    assert (status, problem["code"]) == (404, "booking_not_found")


# Asking again.


async def retry(running: Running, booking: dict[str, Any]) -> tuple[int, Any]:
    async with running.db.connection() as tx:
        payment = await tx.fetchval("select id from payments where booking_id::text = $1", booking["id"])
    return await running.call("POST", f"/api/payments/{payment}/retry")


async def test_what_has_ended_has_nothing_to_retry(running: Running):
    booking = await booked(running)
    await running.pay(booking)
    await running.settled(booking)
    await as_staff(running)
    assert [(await retry(running, booking))[1]["code"] for _ in range(2)] == ["nothing_to_retry"] * 2
    nobody = "/api/payments/00000000-0000-0000-0000-000000000001/retry"
    assert (await running.call("POST", nobody))[0] == 404


async def test_a_payment_of_which_no_news_came_is_looked_up_and_goes_on(running: Running):
    booking = await booked(running)
    await running.control("POST", "callbacks/drop", {"provider": "stripe"})
    await running.pay(booking)
    traveller = running.token
    await as_staff(running)
    status, found = await retry(running, booking)
    assert (status, found["done"], found["payment"]["status"]) == (200, ["read", "fulfil"], "authorised")
    running.token = traveller
    assert (await running.settled(booking))["status"] == "confirmed"


async def test_a_capture_whose_job_is_lost_is_asked_for_again(running: Running):
    booking = await booked(running)
    await running.fault("stripe", "status", path="/v1/payment_intents/*/capture", status=400, times=100)
    await running.pay(booking)

    async def lost() -> bool:
        async with running.db.transaction() as tx:
            waits = "delete from pgqueuer where entrypoint = 'payment.capture' and status <> 'picked' returning id"
            return await tx.fetchval(waits) is not None

    await until(lost)
    await running.control("DELETE", "faults")
    traveller = running.token
    await as_staff(running)
    status, found = await retry(running, booking)
    assert (status, found["done"]) == (200, ["capture"])
    running.token = traveller
    assert (await running.settled(booking))["status"] == "confirmed"


async def test_money_that_a_cancelled_booking_still_has_goes_back(running: Running):
    """Its refund failed at the bank: staff asks again, and another refund is made."""
    booking = await booked(running)
    await running.control("POST", "stripe/pace", {"settling": 0.1})
    await running.pay(booking, "pm_card_refundFail")
    await running.settled(booking)
    await running.good("DELETE", f"/api/bookings/{booking['id']}")

    async def failed() -> bool:
        async with running.db.connection() as tx:
            return bool(await tx.fetchval("select count(*) from refunds where status = 'failed'"))

    await until(failed)
    await as_staff(running)
    status, found = await retry(running, booking)
    assert (status, found["done"]) == (200, ["release"])

    async def again() -> bool:
        async with running.db.connection() as tx:
            return await tx.fetchval("select count(*) from refunds where reason = 'retried'") == 1

    await until(again)


# Papers.


async def test_a_refund_that_fails_takes_its_credit_note_back(running: Running):
    booking = await booked(running)
    await running.control("POST", "stripe/pace", {"settling": 5})
    await running.pay(booking, "pm_card_refundFail")
    await running.settled(booking)
    await running.good("DELETE", f"/api/bookings/{booking['id']}")

    async def taken_back() -> list[dict[str, Any]]:
        found = (await running.good("GET", "/api/payments/invoices"))["items"]
        return found if "reversal" in {one["kind"] for one in found} else []

    papers = await until(taken_back)
    assert sorted(one["kind"] for one in papers) == ["credit_note", "invoice", "reversal"]
    assert {one["total"]["amount"] for one in papers} == {booking["total"]["amount"]}
    numbers = {one["kind"]: one["number"].removeprefix("TEST-") for one in papers}
    path = f"/api/payments/invoices/TEST-{numbers['reversal']}.pdf"
    send = {"Authorization": f"Bearer {running.token}"}
    async with running.session.get(running.url + path, headers=send) as answer:
        pdf = await answer.read()
    assert (numbers["reversal"][:3], pdf[:5]) == ("RV-", b"%PDF-")
    await in_order(running)


# Aliases.


@pytest.mark.parametrize("path", ["/api/payment/webhook", "/api/payments/process-webhook"])
async def test_stripe_may_still_call_where_it_used_to(running: Running, path: str):
    body = b'{"id":"evt_1","type":"payout.paid","created":1,"data":{"object":{}}}'
    send = {"Stripe-Signature": build_header(body, SandboxConfig("").stripe_webhook_secret, datetime.now(UTC))}
    async with running.session.post(running.url + path, data=body, headers=send) as answer:
        assert (answer.status, (await answer.json())["duplicate"]) == (202, False)
    async with running.session.post(running.url + path, data=body, headers={"Stripe-Signature": "no"}) as answer:
        assert answer.status == 401
