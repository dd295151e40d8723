"""Orders that cannot be looked up: of another account of the supplier, or not on record any more."""

from typing import Any

from hub.sales.bookings.repository import SQL
from tests.support.running import Running, soon, until


async def change(running: Running, query: str, *args: Any) -> None:
    async with running.db.transaction() as tx:
        await tx.execute(query, *args)


async def value(running: Running, query: str, *args: Any) -> Any:
    async with running.db.transaction() as tx:
        return await tx.fetchval(query, *args)


async def looks(running: Running) -> int:
    """How often the supplier has been asked for an order."""
    return len([call for call in await running.control("GET", "calls") if "/manage/bookings/" in call["path"]])


async def unknown_order(running: Running) -> dict[str, Any]:
    """A booking whose order was confirmed while the answer was lost, and which the supplier cannot be asked for."""
    await running.register()
    booking = await running.book()
    await running.fault("kiwi", "reset", path="/v2/booking/confirm_payment", times=1, after_effect=True)
    await running.fault("kiwi", "status", status=503, path="/manage/bookings/*", times=1000)
    await running.pay(booking)
    await until(lambda: value(running, "select true from bookings where status = 'order_unknown'"), 60)
    return booking


async def hurried(running: Running, query: str) -> bool:
    """Whether the query has a row; jobs that wait are due at once."""
    await change(running, "update pgqueuer set execute_after = now() where execute_after > now()")
    return bool(await value(running, query))


async def test_an_order_of_another_account_is_for_people_and_goes_on_in_its_own(running: Running):
    booking = await unknown_order(running)
    assert await value(running, "select account from supplier_orders") == "unknown/test"
    await change(running, "update supplier_orders set account = 'other/live'")
    await until(lambda: value(running, "select not exists (select from pgqueuer where status = 'picked')"), 30)
    await running.control("DELETE", "faults")
    before = await looks(running)
    matter = "select true from attention where kind = 'order_unknown' and detail ->> 'reason' = 'account_changed'"
    await until(lambda: hurried(running, matter), 60)
    await change(running, "update bookings set updated_at = now() - interval '1 minute'")
    await change(running, "delete from pgqueuer where entrypoint = 'booking.fulfil'")
    now = running.made.bookings.clock.now()
    assert (await looks(running), await value(running, SQL.stranded, now, now)) == (before, None)
    assert (await running.booking(booking))["status"] == "order_unknown"
    await change(running, "update supplier_orders set account = 'unknown/test', updated_at = now() - interval '1 hour'")
    await change(running, "update bookings set updated_at = now() - interval '1 hour'")
    await running.made.bookings.resume_stalled_bookings()
    assert (await running.settled(booking))["status"] == "confirmed"
    assert await value(running, "select count(*) from attention where resolved_at is null") == 0


async def test_news_and_references_of_another_accounts_orders_are_left_alone(running: Running):
    await running.register()
    booking = await running.book()
    await running.pay(booking)
    await running.settled(booking)
    await until(lambda: value(running, "select true from bookings where airline_references <> '[]'"))
    await change(running, "update supplier_orders set account = 'other/live'")
    await change(
        running, "update bookings set airline_references = '[]', confirmed_at = now() - interval '130 seconds'"
    )
    [order] = await running.orders()
    before = await looks(running)
    await running.made.tickets.read_missing_references()
    await running.control("POST", f"kiwi/bookings/{order['id']}/status", {"status": "cancelled"})
    heard = "select true from webhook_events where provider = 'kiwi' and payload ->> 'status' = 'cancelled'"
    await until(lambda: value(running, heard + " and status <> 'received'"))
    assert (await looks(running), (await running.booking(booking))["status"]) == (before, "confirmed")


async def test_two_accounts_of_a_supplier_may_give_the_same_number(running: Running):
    await running.register()
    first = await running.book()
    await change(running, "update supplier_orders set account = 'other/live', order_id = '7'")
    await running.book(await running.offer(departure_date=soon(60).isoformat()))
    await change(
        running,
        "update supplier_orders set account = 'unknown/test', order_id = '7' where booking_id <> $1",
        first["id"],
    )
    assert await value(running, "select count(*) from supplier_orders where order_id = '7'") == 2


async def test_a_paid_booking_without_an_order_on_record_is_retried_ever_later_and_reviewed(running: Running):
    await running.register()
    booking = await running.book()
    await running.fault("kiwi", "status", status=503, path="/v2/booking/check_flights", times=1000)
    await running.pay(booking)
    await until(lambda: value(running, "select true from bookings where payment_status = 'authorised'"))
    await change(running, "delete from supplier_orders")
    await until(lambda: hurried(running, "select true from row_failures where failures >= 5"), 60)
    await running.made.review_queue.sweep_failed_rows()
    subject = f"bookings.fulfil:{booking['id']}"
    assert await value(running, "select subject from attention where kind = 'row_failed'") == subject
    wait = "select max(extract(epoch from execute_after - now())) from pgqueuer where entrypoint = 'booking.fulfil'"
    await until(lambda: value(running, f"select ({wait}) > 200"), 20)
