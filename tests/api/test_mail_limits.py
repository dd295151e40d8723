"""Nobody is flooded with messages, and an address that nobody has confirmed gets what concerns its booking alone."""

from uuid import uuid4

from hub.core.mail_limits import MAIL_RATES, normalize_mailbox
from hub.sales.bookings import BookingEnded
from tests.support.running import Running, until


async def test_unpaid_bookings_do_not_flood_a_contact_address(running: Running):
    await running.register()
    booking, burst = await running.book(), MAIL_RATES["booking"].burst
    for number in range(burst + 3):  # as many bookings that expire: each is told under a fact of its own
        await running.made.booking_messages.queue_booking_ended(BookingEnded(booking_id=booking["id"], how="expired"))
        async with running.db.transaction() as tx:
            await tx.execute(
                "update messages set fact = $1 where fact like 'booking:%:expired:email'", f"past:{number}"
            )
    async with running.db.connection() as tx:
        rows = await tx.fetch("select status, error from messages where template = 'booking_expired'")
    assert [row["error"] for row in rows].count("mailbox_limit") == 3
    assert {row["status"] for row in rows if row["error"]} == {"suppressed"}


async def test_an_unconfirmed_address_gets_nothing_but_what_concerns_its_booking(running: Running):
    await running.register()
    booking, message = await running.book(), uuid4()
    async with running.db.transaction() as tx:
        await tx.execute(
            "insert into messages (id, fact, booking_id, channel, template, recipient, created_at, updated_at) "
            "values ($1, 'news', $2, 'email', 'plan_ready', 'stranger@example.com', now(), now() - interval '1 hour')",
            message, booking["id"],
        )  # fmt: skip
    await running.made.message_sender.sweep_unsent_messages()

    async def refused() -> bool:
        async with running.db.connection() as tx:
            row = await tx.fetchrow("select status, error from messages where id = $1", message)
        return row is not None and (row["status"], row["error"]) == ("suppressed", "address_unconfirmed")

    assert await until(refused)


def test_one_mailbox_has_one_spelling():
    assert normalize_mailbox("Ada+news@Example.com") == normalize_mailbox("ada@example.com")
    assert normalize_mailbox("a.d.a+1@gmail.com") == normalize_mailbox("ada@GMAIL.com")
    assert normalize_mailbox("a.da@example.com") != normalize_mailbox("ada@example.com")
    assert normalize_mailbox("+only@example.com") == "+only@example.com"
