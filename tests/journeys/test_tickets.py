"""The airlines' references, also when the supplier's callback never comes."""

from datetime import timedelta
from typing import Any

from icalendar import Calendar

from hub.sales.bookings import ReferencesIssued
from tests.support.running import Running, until


async def test_references_that_no_callback_has_told_are_read(running: Running):
    await running.register()
    booking = await running.book()
    await running.pay(booking)
    await running.settled(booking)

    async def issued() -> bool:
        return bool((await running.orders())[0]["pnrs"])

    await until(issued)
    await until(lambda: told(running, booking))
    tickets = running.made.tickets
    for age, is_read in ((timedelta(minutes=3), False), (timedelta(minutes=4, seconds=10), True)):
        async with running.db.transaction() as tx:
            await tx.execute(
                "update bookings set airline_references = '[]', supplier_reference = null, confirmed_at = $1",
                tickets.clock.now() - age,
            )
        await tickets.read_missing_references()
        references = (await running.booking(booking))["airline_references"]
        assert bool(references) is is_read, "after 1, 2, 4, 8 minutes, not at every round"
    [order] = await running.orders()
    assert [one["reference"] for one in references] == order["pnrs"]
    assert (await running.booking(booking))["supplier_reference"] == order["pnr"]


async def told(running: Running, booking: dict) -> bool:
    return bool((await running.booking(booking))["airline_references"])


async def test_one_order_that_cannot_be_read_does_not_stop_the_others(running: Running):
    await running.register()
    bookings = [await running.book(offer) for offer in (await offers(running))[:2]]
    for booking in bookings:
        await running.pay(booking)
        await running.settled(booking)
        await until(lambda booking=booking: told(running, booking))
    async with running.db.transaction() as tx:
        await tx.execute("update bookings set airline_references = '[]', confirmed_at = now() - interval '130 seconds'")
        await tx.execute(
            "update supplier_orders set placed = jsonb_set(placed, '{order_id}', '\"1\"') where booking_id = $1::uuid",
            bookings[0]["id"],
        )
    await running.made.tickets.read_missing_references()
    assert [await told(running, booking) for booking in bookings] == [False, True]


async def offers(running: Running) -> list[dict]:
    found = await running.offer()
    assert found
    search = {"origin": "LHR", "destination": "BCN", "departure_date": found["slices"][0]["departs_at"][:10]}
    return (await running.good("POST", "/api/flights/search", search))["offers"]


async def test_references_that_come_after_the_confirmation_are_told_once(running: Running):
    await running.register()
    booking = await running.book()
    await running.control("POST", "kiwi/next", {"ticketing": "never"})
    await running.pay(booking)
    await running.settled(booking)
    [confirmation] = await until(lambda: running.mails("is confirmed"))
    assert "reference follows" in confirmation["text"]
    before = await event(running, booking)
    [order] = await running.orders()
    for _ in range(2):
        await running.control("POST", f"kiwi/bookings/{order['id']}/status", {"status": "confirmed"})
        await until(lambda: told(running, booking))
    [mail] = await until(lambda: running.mails("Airline reference"))
    [order] = await running.orders()
    assert all(reference in mail["subject"] and reference in mail["text"] for reference in order["pnrs"])
    assert mail["attachments"][0]["content_type"] == "text/calendar; method=PUBLISH"
    after = await event(running, booking)
    assert (before["UID"], before["SEQUENCE"] < after["SEQUENCE"]) == (after["UID"], True)
    assert order["pnrs"][0] in after["DESCRIPTION"]
    async with running.db.transaction() as tx:  # as if nothing were known of what the messages state
        await tx.execute("update messages set airline_references = null")
    await running.made.booking_messages.queue_airline_references(ReferencesIssued(booking_id=booking["id"]))
    await until(lambda: quiet(running))
    assert len(await running.mails("Airline reference")) == 1
    story = await running.good("GET", f"/api/bookings/{booking['id']}/story")
    assert [one["title"] for one in story["chapters"]].count("booking.references_issued") == 1


async def test_references_that_the_confirmation_states_are_not_told_again(running: Running):
    await running.register()
    booking = await running.book()
    await running.fault("resend", "status", status=503, times=2)
    await running.pay(booking)
    await until(lambda: told(running, booking))
    [mail] = await until(lambda: running.mails("is confirmed"))
    follows = "reference follows" in mail["text"]
    told_later = await until(lambda: running.mails("Airline reference")) if follows else []
    async with running.db.transaction() as tx:
        await tx.execute("update bookings set airline_references = '[]', confirmed_at = now() - interval '130 seconds'")
    await running.made.tickets.read_missing_references()
    await until(lambda: quiet(running))
    assert await running.mails("Airline reference") == told_later
    async with running.db.transaction() as tx:
        await tx.execute("delete from messages where template = 'booking_references'")
        stated = [one["reference"] for one in (await running.booking(booking))["airline_references"]]
        confirmation = "update messages set airline_references = $1 where template = 'booking_confirmation'"
        await tx.execute(confirmation, stated)
    await running.made.booking_messages.queue_airline_references(ReferencesIssued(booking_id=booking["id"]))
    async with running.db.transaction() as tx:
        assert not await tx.fetchval("select count(*) from messages where template = 'booking_references'")


async def quiet(running: Running) -> bool:
    """Nothing waits to be done."""
    async with running.db.transaction() as tx:
        jobs = await tx.fetchval("select count(*) from pgqueuer where status in ('queued', 'picked')")
        return not jobs and not await tx.fetchval("select count(*) from webhook_events where status = 'received'")


async def event(running: Running, booking: dict) -> Any:
    """The first flight in the calendar file."""
    ics = await running.good("GET", f"/api/bookings/{booking['id']}/calendar.ics")
    return Calendar.from_ical(ics).walk("VEVENT")[0]
