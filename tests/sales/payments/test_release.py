"""A hold that the provider does not let go: tried again ever later, and a review item."""

from typing import Any

from tests.support.running import Running, until


async def value(running: Running, query: str) -> Any:
    async with running.db.transaction() as tx:
        return await tx.fetchval(query)


async def hurried(running: Running, query: str) -> bool:
    """Whether the query has a row; jobs that wait are due at once."""
    async with running.db.transaction() as tx:
        await tx.execute("update pgqueuer set execute_after = now() where execute_after > now()")
    return bool(await value(running, query))


async def test_a_cancel_that_is_always_refused_is_retried_ever_later_and_reviewed(running: Running):
    await running.register()
    booking = await running.book()
    await running.fault("kiwi", "status", status=503, path="/v2/booking/check_flights", times=1000)
    await running.pay(booking)
    await until(lambda: value(running, "select true from bookings where payment_status = 'authorised'"))
    await running.fault("stripe", "status", status=400, path="/v1/payment_intents/*/cancel", times=1000)
    await running.good("DELETE", f"/api/bookings/{booking['id']}")
    failing = "from row_failures where sweep = 'payments.release'"
    await until(lambda: hurried(running, f"select true {failing} and failures >= 5"), 60)
    await running.made.review_queue.sweep_failed_rows()
    assert await value(running, "select detail ->> 'sweep' from attention where kind = 'row_failed'") == (
        "payments.release"
    )
    wait = "select max(extract(epoch from execute_after - now())) from pgqueuer where entrypoint = 'payment.release'"
    await until(lambda: value(running, f"select ({wait}) > 200"), 20)
    await running.control("DELETE", "faults")
    await until(lambda: hurried(running, "select true from payments where status = 'released'"), 30)
    assert await value(running, f"select count(*) {failing}") == 0
