"""An account's end: the person is nowhere any more, the books still add up, and nobody else has lost anything."""

from typing import Any
from uuid import UUID

import pytest

from hub.core.context import bind_context
from hub.core.db import Database
from hub.core.errors import Conflict, NotFound
from hub.people.privacy import PrivacyService
from tests.people.privacy.people import ADA, BEN, dump, insert, rows_of

GONE = ["credentials", "devices", "refresh_tokens", "one_time_tokens", "second_factors", "recovery_codes"]
GONE += ["registrations", "addresses", "preferences", "idempotency_keys", "suppressions"]


NOBODYS = set(
    "customer_stats customer_spend invoice_series loyalty_entries loyalty_rates flight_searches provider_calls "
    "schedules schema_migrations pgqueuer pgqueuer_log pgqueuer_schedules pgqueuer_statistics signing_keys "
    "sign_in_failures staff staff_sessions postings transaction_audit_logs disputes breaks reconciliations ai_spending "
    "ai_budgets discarded_files row_failures mail_limits staff_second_factors "
    "staff_recovery_codes proxy_sightings".split()
)
"""Tables without travellers' data: ids, sums and keyed hashes at most."""


async def count_of(db: Database, table: str) -> int:
    async with db.transaction() as tx:
        found: int = await tx.fetchval(f"select count(*) from {table}")
        return found


async def test_nothing_of_the_person_is_left_in_any_table(privacy: PrivacyService, two: Database):
    with bind_context(actor=f"customer:{ADA.id}", ip=ADA.ip, user_agent=f"{ADA.mark}'s browser"):
        await privacy.erase_account(ADA.caller)
    for table, text in (await dump(two)).items():
        # The payment provider's own number goes when it has forgotten the person too.
        found = text.replace(f"cus_{ADA.mark}0123", "") if table == "customers" else text
        assert [canary for canary in ADA.canaries if canary.lower() in found.lower()] == [], table


async def test_every_table_is_looked_at_here(db: Database):
    """A new table has a row for each person in people.py, or a place in NOBODYS."""
    async with db.connection() as connection:
        names = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
    assert {row["tablename"] for row in names} == {table for table, _ in rows_of(ADA)} | NOBODYS


async def test_what_the_books_need_is_kept(privacy: PrivacyService, two: Database):
    await privacy.erase_account(ADA.caller)
    async with two.transaction() as tx:
        row = await tx.fetchrow(
            "select b.reference, b.status, b.amount, b.currency, b.confirmed_at is not null as confirmed, p.captured, "
            "p.intent_id, r.amount as refund, c.name, c.erased_at is not null as erased from bookings b "
            "join payments p on p.booking_id = b.id join refunds r on r.payment_id = p.id "
            "join customers c on c.id = b.customer_id where c.id = $1",
            ADA.id,
        )
    paid = 29900 + ADA.number
    wanted = (f"R{ADA.number:05}", "confirmed", paid, "GBP", True, paid, f"pi_{ADA.number:012}", 100, "Erased", True)
    assert tuple(row or ()) == wanted


async def test_a_real_invoice_keeps_its_buyer_as_the_law_asks(privacy: PrivacyService, two: Database):
    real = {"id": UUID(int=1), "number": "CN-2026-000001", "kind": "credit_note", "sandbox": False, "refunded": 100}
    row = next(row for table, row in rows_of(ADA) if table == "invoices")
    await insert(two, ("invoices", row | real | {"amount": 100, "invoice_id": ADA.id}))
    await privacy.erase_account(ADA.caller)
    async with two.transaction() as tx:
        rows = await tx.fetch("select sandbox, buyer from invoices where customer_id = $1", ADA.id)
    assert {row["sandbox"]: row["buyer"] for row in rows} == {True: None, False: {"name": ADA.mark}}


async def test_nobody_else_has_lost_anything(privacy: PrivacyService, db: Database):
    await insert(db, *rows_of(BEN))
    before = await dump(db)
    await insert(db, *rows_of(ADA))
    await privacy.erase_account(ADA.caller)
    after = await dump(db)
    for table, text in before.items():
        assert set(text.splitlines()) <= set(after[table].splitlines()), table


async def test_what_opens_the_account_is_deleted(privacy: PrivacyService, two: Database):
    await privacy.erase_account(ADA.caller)
    assert {table: await count_of(two, table) for table in GONE} == dict.fromkeys(GONE, 1)
    async with two.transaction(ADA.id) as tx:
        row = await tx.fetchrow("select ended_because, ip from sessions")
    assert tuple(row or ()) == ("erased", None)


async def test_it_is_written_down_with_counts_only(privacy: PrivacyService, two: Database):
    await privacy.erase_account(ADA.caller)
    async with two.transaction() as tx:
        row = await tx.fetchrow("select data, ip from audit_logs where action = 'customer.erased'")
    assert row is not None
    assert row["data"]["rows"]["booking_travelers"] == 1
    assert all(isinstance(count, int) for count in row["data"]["rows"].values())


async def test_what_staff_did_keeps_where_they_did_it_from(privacy: PrivacyService, two: Database):
    await privacy.erase_account(ADA.caller)
    async with two.transaction(ADA.id) as tx:
        assert await tx.fetchval("select ip from audit_logs where actor = 'staff:1'") == "198.51.100.7"


async def test_the_address_is_free_again(privacy: PrivacyService, two: Database):
    await privacy.erase_account(ADA.caller)
    async with two.transaction() as tx:
        assert await tx.fetchval("select count(*) from customers where lower(email) = lower($1)", ADA.email) == 0


async def test_an_address_that_somebody_else_uses_stays_suppressed(privacy: PrivacyService, two: Database):
    async with two.transaction() as tx:
        await tx.execute("update bookings set contact_email = $2 where customer_id = $1", ADA.id, BEN.email)
    await privacy.erase_account(ADA.caller)
    async with two.transaction() as tx:
        assert await tx.fetchval("select address from suppressions") == BEN.email.lower()


async def test_a_letter_that_has_not_gone_out_is_not_sent(privacy: PrivacyService, two: Database):
    async with two.transaction() as tx:
        await tx.execute("update messages set status = 'queued'")
    await privacy.erase_account(ADA.caller)
    async with two.transaction() as tx:
        rows = await tx.fetch("select customer_id, status from messages")
    assert {row["customer_id"]: row["status"] for row in rows} == {ADA.id: "suppressed", BEN.id: "queued"}


async def test_who_is_erased_cannot_be_erased_again(privacy: PrivacyService, two: Database):
    await privacy.erase_account(ADA.caller)
    with pytest.raises(NotFound):
        await privacy.erase_account(ADA.caller)


@pytest.mark.parametrize(
    ("status", "more"),
    [
        ("pending", {}),
        ("ordering", {}),
        ("order_unknown", {}),
        ("ordered", {}),
        ("confirmed", {"itinerary": {"slices": [{"arrives_at": "2026-05-01T13:30:00+01:00"}]}}),
        ("confirmed", {"itinerary": {}}),
        ("cancelled", {}),
        ("failed", {}),
    ],
)
async def test_an_open_booking_stands_in_the_way_and_is_named(
    privacy: PrivacyService, db: Database, status: str, more: dict[str, Any]
):
    """Also one that has ended while its money has not come back."""
    await insert(db, *rows_of(ADA, status=status, **more))
    before = await dump(db)
    with pytest.raises(Conflict, match=f"R{ADA.number:05}") as refused:
        await privacy.erase_account(ADA.caller)
    assert (refused.value.code, refused.value.extra["references"]) == ("open_bookings", [f"R{ADA.number:05}"])
    assert await dump(db) == before


@pytest.mark.parametrize(
    ("status", "payment", "is_open"),
    [
        ("expired", "released", False),
        ("failed", "failed", False),
        ("cancelled", "refunded", False),
        ("cancelled", "partially_refunded", True),
        ("expired", "processing", True),
        ("failed", "authorised", True),
        ("confirmed", "partially_refunded", False),
    ],
)
async def test_money_is_open_until_it_is_settled_or_released(
    privacy: PrivacyService, two: Database, status: str, payment: str, *, is_open: bool
):
    async with two.transaction() as tx:
        await tx.execute("update bookings set status = $2 where customer_id = $1", ADA.id, status)
        await tx.execute("update payments set status = $2 where customer_id = $1", ADA.id, payment)
    if is_open:
        with pytest.raises(Conflict):
            await privacy.erase_account(ADA.caller)
    else:
        await privacy.erase_account(ADA.caller)


async def test_a_refund_on_its_way_is_waited_for(privacy: PrivacyService, two: Database):
    async with two.transaction() as tx:
        await tx.execute("update refunds set status = 'pending'")
    with pytest.raises(Conflict):
        await privacy.erase_account(ADA.caller)


async def test_an_account_without_bookings_can_end(privacy: PrivacyService, db: Database):
    await insert(db, *rows_of(ADA)[:1])
    await privacy.erase_account(ADA.caller)
    assert "erased.invalid" in (await dump(db))["customers"]
