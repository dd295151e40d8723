"""What the airline does after the sale reaches the traveller."""

from tests.support.running import Running, until


async def confirmed(running: Running) -> tuple[dict, dict]:
    await running.register()
    booking = await running.book()
    await running.pay(booking)
    await running.settled(booking)
    (order,) = await running.orders()
    return booking, order


async def test_a_flight_that_the_airline_cancels_is_refunded_and_told(running: Running):
    booking, order = await confirmed(running)
    await running.control("POST", f"kiwi/bookings/{order['id']}/status", {"status": "cancelled"})

    async def refunded() -> bool:
        now = await running.booking(booking)
        return (now["status"], now["failure"], now["payment_status"]) == ("cancelled", "supplier_cancelled", "refunded")

    await until(refunded)
    (mail,) = await until(lambda: running.mails("is cancelled"))
    assert "The airline has cancelled" in mail["text"]


async def test_a_changed_schedule_is_told_once(running: Running):
    booking, order = await confirmed(running)
    await running.control("POST", f"kiwi/bookings/{order['id']}/status", {"status": "delayed"})
    (mail,) = await until(lambda: running.mails("has changed your booking"))
    assert [one["content_type"] for one in mail["attachments"]] == ["text/calendar; method=CANCEL"]
    (delivery,) = [one for one in await running.control("GET", "callbacks") if "delayed" in one["label"]]
    await running.control("POST", f"callbacks/{delivery['n']}/resend")
    assert (await running.booking(booking))["status"] == "confirmed"
    assert len(await running.mails("has changed your booking")) == 1


async def test_a_callback_that_lies_changes_nothing(running: Running):
    booking, order = await confirmed(running)
    token = running.made.webhook_sources["kiwi"]._token
    body = {"booking_id": order["id"], "status": "cancelled"}
    async with running.session.post(f"{running.url}/webhooks/kiwi/{token}", json=body) as answer:
        assert answer.status == 202

    async def worked_on() -> bool:
        async with running.db.transaction() as tx:
            return not await tx.fetchval("select count(*) from webhook_events where status = 'received'")

    await until(worked_on)
    assert (await running.booking(booking))["status"] == "confirmed"


async def test_a_callback_for_an_order_that_its_supplier_does_not_know_is_for_people(running: Running):
    booking, order = await confirmed(running)
    await running.fault("kiwi", "status", status=404, path="/manage/bookings/*", times=100)
    await running.control("POST", f"kiwi/bookings/{order['id']}/status", {"status": "delayed"})

    async def reviewed() -> bool:
        async with running.db.transaction() as tx:
            held = await tx.fetchval("select count(*) from pgqueuer where status = 'failed'")
            assert held == 0
            return await tx.fetchval("select true from attention where kind = 'order_unknown'")

    await until(reviewed)
    assert (await running.booking(booking))["status"] == "confirmed"
