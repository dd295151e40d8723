"""The whole journey over the real wire: search, book, pay, order, confirm, mail, text."""

from tests.support.running import Running, until


async def test_a_traveller_searches_books_pays_and_is_told(running: Running):
    email = await running.register()
    booking = await running.book()
    assert (booking["status"], booking["payment_status"]) == ("pending", "unpaid")

    paid = await running.pay(booking)
    assert paid["answer"]["status"] == "requires_capture"
    done = await running.settled(booking)

    assert (done["status"], done["payment_status"]) == ("confirmed", "paid")
    assert done["supplier_reference"]
    assert [one["status"] for one in await running.orders()] != []
    assert email


async def test_each_message_goes_out_once_and_its_delivery_is_known(running: Running):
    await running.register()
    booking = await running.book()
    await running.pay(booking)
    await running.settled(booking)

    async def delivered() -> bool:
        async with running.db.transaction() as tx:
            rows = await tx.fetch("select fact, status from messages where booking_id is not null")
        return len(rows) >= 3 and all(row["status"] == "delivered" for row in rows)

    await until(delivered)
    subjects = sorted(mail["subject"].split(" ")[0] for mail in await running.mails(booking["reference"]))
    # A ticket that is issued after the confirmation went out is told in an e-mail of its own.
    assert subjects in (["Receipt", "Your"], ["Airline", "Receipt", "Your"])
    assert [one["channel"] for one in await running.control("GET", "messages")] == ["sms"]


async def test_the_booking_tells_its_story_in_causal_order(running: Running):
    await running.register()
    booking = await running.book()
    await running.pay(booking)
    await running.settled(booking)
    order = ["booking.created", "stripe payment_intents.create", "payment.authorised", "booking.ordering",
             "kiwi save_booking", "kiwi confirm_payment", "booking.ordered", "stripe payment_intents.capture",
             "payment.paid", "booking.confirmed", "message.sent"]  # fmt: skip
    story = await until(lambda: _story_with(running, booking["id"], {*order}))
    titles = [one["title"] for one in story]
    places = [titles.index(title) for title in order]
    assert places == sorted(places), titles
    assert {"state", "call", "webhook", "message"} <= {one["kind"] for one in story}


async def _story_with(running: Running, booking_id: str, titles: set[str]) -> list[dict]:
    """The story once it has them all: calls are written in batches, a moment after they were made."""
    chapters = (await running.good("GET", f"/api/bookings/{booking_id}/story"))["chapters"]
    return chapters if titles <= {one["title"] for one in chapters} else []
