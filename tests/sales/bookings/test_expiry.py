"""A booking is not ended as unpaid while nobody can say whether it was paid."""

from datetime import timedelta

from tests.support.running import Running


async def test_a_booking_whose_payment_cannot_be_looked_up_waits_for_the_answer(running: Running):
    await running.register()
    booking = await running.book()
    await running.intent(booking)
    async with running.db.transaction() as tx:
        await tx.execute("update bookings set expires_at = now() - interval '1 minute'")
        await tx.execute(
            "insert into row_failures (sweep, row_id, booking_id, payment_id, error, transient, first_failed_at, "
            "last_failed_at, retry_at) select 'payments.settle', id::text, booking_id, id, 'away', true, now(), now(), "
            "now() from payments"
        )
    await running.made.bookings.expire_unpaid_bookings()
    assert (await running.booking(booking))["status"] == "pending"
    async with running.db.transaction() as tx:
        await tx.execute("update bookings set expires_at = now() - $1::interval", timedelta(hours=3))
    await running.made.bookings.expire_unpaid_bookings()
    assert (await running.booking(booking))["status"] == "expired"
