"""A whole life of an account, over everything that is real: hub, worker, sandbox, webhooks."""

from typing import Any

from hub.people.privacy import EraseTraces
from tests.people.privacy.people import dump
from tests.support.running import Running, until

PASSWORD = {"password": "correct horse battery"}
BROWSER = {"User-Agent": "Lovelace-Browser/1.0"}


async def travelled(running: Running) -> dict[str, Any]:
    """A journey paid for and cancelled, with its letters out and its webhooks worked on."""
    booking = await running.book(**BROWSER, **{"Idempotency-Key": "a-key-of-mine"})
    await running.pay(booking)
    await running.settled(booking)
    await running.good("DELETE", f"/api/bookings/{booking['id']}", **BROWSER)
    await running.settled(booking)
    await until(lambda: running.mails("cancelled"))
    await quiet(running)
    return booking


async def quiet(running: Running) -> None:
    """Every event is worked on and every job that is due is done."""

    async def nothing_waits() -> bool:
        async with running.db.transaction() as tx:
            return bool(
                await tx.fetchval(
                    "select not exists (select 1 from webhook_events where status = 'received') and not exists "
                    "(select 1 from pgqueuer where status in ('queued', 'picked') and execute_after <= now())"
                )
            )

    await until(nothing_waits)


async def payer(running: Running) -> str:
    async with running.db.transaction() as tx:
        return str(await tx.fetchval("select payment_customer_id from customers where payment_customer_id is not null"))


async def customer_at_stripe(running: Running, known_as: str) -> dict[str, Any]:
    url, headers = f"{running.sandbox}/stripe/v1/customers/{known_as}", {"Authorization": "Bearer sk_test_sandbox"}
    async with running.session.get(url, headers=headers) as answer:
        return dict(await answer.json())


async def test_an_account_that_ends_leaves_nobody_behind(running: Running):
    email = await running.register("ada.lovelace@example.com")
    me = await running.good("GET", "/api/auth/me")
    await running.good("PUT", "/api/user/preferences", {"meal": "Lovelace's"})
    booking = await travelled(running)
    exported = (await running.good("GET", "/api/user/export"))["data"]
    assert (exported["profile"][0]["email"], exported["bookings"][0]["id"]) == (email, booking["id"])
    known_as = await payer(running)

    await running.good("DELETE", f"/api/customers/{me['customer_id']}", PASSWORD, **BROWSER)
    assert (await running.call("GET", "/api/user/export"))[0] == 401
    assert (await running.call("POST", "/api/auth/login", {"email": email, **PASSWORD}))[0] == 401

    async def stripe_has_forgotten() -> bool:
        return (await customer_at_stripe(running, known_as)).get("deleted") is True

    await until(stripe_has_forgotten)
    await quiet(running)
    work = EraseTraces(customer_id=me["customer_id"], payment_customer_id=known_as)
    await running.made.privacy.erase_traces(work)
    for table, text in (await dump(running.db)).items():
        found = [one for one in ("lovelace", "ada@", "447700900123", "1990-12-10") if one in text.lower()]
        assert found == [], table
    assert booking["reference"] in (await dump(running.db))["bookings"]


async def test_an_account_with_a_journey_ahead_stays(running: Running):
    await running.register()
    booking = await running.book()
    status, problem = await running.call("DELETE", "/api/user", PASSWORD)
    assert (status, problem["code"]) == (409, "open_bookings")
    assert booking["reference"] in problem["detail"]
    status, problem = await running.call("DELETE", "/api/user", {"password": "not mine"})
    assert (status, problem["code"]) == (403, "wrong_password")
