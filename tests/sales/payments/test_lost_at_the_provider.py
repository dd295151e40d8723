"""What the provider does not know any more: deleted, of another account or mode, or of a sandbox that began anew."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.running import Running, soon, until

SECRET = {"Authorization": "Bearer sk_test_sandbox"}


async def stripe(hub: Running, method: str, path: str, **form: Any) -> Any:
    """Stripe's own interface, with the secret key: what somebody does outside the hub."""
    async with hub.session.request(method, f"{hub.sandbox}/stripe/v1/{path}", headers=SECRET, data=form) as answer:
        return await answer.json()


def later(days: int) -> str:
    """Another journey than the first, which the same travelers cannot book twice."""
    return (soon() + timedelta(days=days)).isoformat()


async def value(hub: Running, query: str, *args: Any) -> Any:
    async with hub.db.transaction() as tx:
        return await tx.fetchval(query, *args)


async def change(hub: Running, query: str, *args: Any) -> None:
    async with hub.db.transaction() as tx:
        await tx.execute(query, *args)


async def page(hub: Running, booking: dict[str, Any]) -> dict[str, Any]:
    return await hub.good("POST", "/api/payments/checkout-session", {"booking_id": booking["id"]})


@pytest.fixture
async def hub(running: Running) -> Running:
    await running.register()
    return running


@pytest.mark.parametrize("ask", [Running.intent, page])
async def test_a_customer_that_was_deleted_at_stripe_is_created_anew(hub: Running, ask: Any):
    await hub.intent(await hub.book())
    deleted = await value(hub, "select payment_customer_id from customers where payment_customer_id is not null")
    for losses in (1, 2):
        before = await value(hub, "select payment_customer_id from customers where payment_customer_id is not null")
        await stripe(hub, "DELETE", f"customers/{before}")
        await ask(hub, await hub.book(await hub.offer(departure_date=later(losses))))
        assert await value(hub, "select max(payment_customer_losses) from customers") == losses
    kept = await value(hub, "select payment_customer_id from customers where payment_customer_id is not null")
    assert kept not in {deleted, before}
    assert "deleted" not in await stripe(hub, "GET", f"customers/{kept}")


async def test_a_customer_of_another_account_is_not_used_in_this_one(hub: Running):
    """Stripe is not even asked for it: an id of another account is no loss of this one's."""
    await hub.intent(await hub.book())
    other = "payment_customer_id = 'cus_of_another_account', payment_account = 'acct_other/test'"
    await change(hub, f"update customers set {other} where payment_account is not null")
    await hub.intent(await hub.book(await hub.offer(departure_date=later(1))))
    async with hub.db.transaction() as tx:
        row = await tx.fetchrow("select * from customers where payment_account is not null")
    assert (row["payment_account"], row["payment_customer_losses"]) == ("acct_1SandboxHub00001/test", 0)
    assert row["payment_customer_id"] != "cus_of_another_account"


async def test_an_intent_that_stripe_does_not_know_gives_way_to_a_new_payment(hub: Running):
    booking = await hub.book()
    lost = await hub.intent(booking)
    await change(hub, "update payments set intent_id = 'pi_of_a_sandbox_that_began_anew'")
    paid = await hub.pay(booking)
    assert paid["payment_id"] != lost["payment_id"]
    assert (await hub.settled(booking))["status"] == "confirmed"
    assert await value(hub, "select status from payments where id = $1", lost["payment_id"]) == "released"


async def test_a_payment_of_another_account_gives_way_to_a_new_one(hub: Running):
    booking = await hub.book()
    other = await hub.intent(booking)
    await change(hub, "update payments set account = 'acct_other/live'")
    assert (await hub.pay(booking))["payment_id"] != other["payment_id"]
    assert (await hub.settled(booking))["status"] == "confirmed"
    assert await value(hub, "select count(*) from payments where account = 'acct_1SandboxHub00001/test'") == 1


async def test_a_page_that_stripe_does_not_know_gives_way_to_a_new_one(hub: Running):
    booking = await hub.book()
    lost = await page(hub, booking)
    await change(hub, "update payment_pages set page_id = 'cs_test_of_a_sandbox_that_began_anew'")
    assert (await page(hub, booking))["url"] != lost["url"]


async def test_held_money_that_stripe_does_not_know_is_for_people(hub: Running):
    """The ticket is ordered; the hold cannot be captured, and no job is tried over and over."""
    booking = await hub.book()
    await hub.fault("stripe", "status", status=503, path="/v1/payment_intents/*/capture", times=100)
    await hub.pay(booking)
    await until(lambda: value(hub, "select true from bookings where status = 'ordered'"))
    await change(hub, "update payments set intent_id = 'pi_of_another_account'")
    await until(
        lambda: value(hub, "select not exists (select from pgqueuer where status = 'picked')")
    )  # with the old id
    await hub.control("DELETE", "faults")

    async def noticed() -> bool:
        await change(hub, "update pgqueuer set execute_after = now() where execute_after > now()")
        return bool(await value(hub, "select true from attention where kind = 'hold_lost'"))

    await until(noticed, 30)


async def test_payments_of_another_account_are_no_breaks(hub: Running):
    booking = await hub.book()
    await hub.pay(booking)
    await hub.settled(booking)
    await until(lambda: value(hub, "select true from payments where fee is not null"))
    await change(hub, "update payments set account = 'acct_other/test', intent_id = 'pi_of_another_account'")
    await hub.control("POST", "reset")
    assert hub.made.payments is not None
    report = await hub.made.payments.reconciliation.run()
    assert ("intent_missing" in report.open, report.notes) == (False, [])


async def test_two_accounts_may_give_the_same_ids(hub: Running):
    first, second = await hub.book(), await hub.book(await hub.offer(departure_date=later(1)))
    await hub.intent(first)
    await change(hub, "update payments set account = 'acct_other/test'")
    await hub.intent(second)
    intent = await value(hub, "select intent_id from payments where account = 'acct_1SandboxHub00001/test'")
    await change(hub, "update payments set intent_id = $1", intent)


async def test_an_order_that_the_supplier_does_not_know_is_for_people(hub: Running):
    """Whether it was confirmed nobody can tell: no job is tried over and over, and the money stays held."""
    await hub.fault("kiwi", "timeout", path="/v2/booking/confirm_payment", after_effect=True)
    await hub.fault("kiwi", "status", status=503, path="/manage/bookings/*", times=100)
    booking = await hub.book()
    await hub.pay(booking)
    await until(lambda: value(hub, "select true from bookings where status = 'order_unknown'"), 60)
    await change(hub, 'update supplier_orders set placed = placed || \'{"order_id": "999999999"}\'')
    await hub.control("DELETE", "faults")
    await change(hub, "update pgqueuer set execute_after = now()")
    await until(lambda: value(hub, "select true from attention where kind = 'order_unknown'"), 60)
    assert await value(hub, "select count(*) from pgqueuer where status = 'failed'") == 0
