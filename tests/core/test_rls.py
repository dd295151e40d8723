"""A forgotten WHERE leaks nothing: what two travellers see of each other's rows."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from hub.core.db import Database

ADA, BEN, EVE = UUID(int=0xADA), UUID(int=0xBEB), UUID(int=0xE7E)
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def rows_of(who: UUID) -> list[tuple[str, dict[str, Any]]]:
    """One row of everything that belongs to a traveller. A new readable table belongs in here."""
    times = {"created_at": NOW, "updated_at": NOW}
    owner = {"customer_id": who}
    money = {"amount": 29900, "currency": "USD"}
    return [
        ("customers", {"id": who, "email": f"{who}@example.com", "name": "A", "created_at": NOW}),
        ("sessions", {"id": who, **owner, "created_at": NOW, "last_seen_at": NOW, "expires_at": NOW}),
        ("devices", {"id": who, **owner, "hash": who.bytes, "created_at": NOW, "last_seen_at": NOW}),
        (
            "bookings",
            {"id": who, "reference": str(who)[-6:], **owner, **money, "offer_id": "o", "supplier": "kiwi"}
            | {"itinerary": {}, "sandbox": True, "contact_email": "a@example.com", **times, "expires_at": NOW},
        ),
        (
            "booking_travelers",
            {"booking_id": who, "position": 1, "title": "ms", "gender": "f", "given_name": "A", "family_name": "B"}
            | {"born_on": date(1990, 1, 1), "nationality": "GB"},
        ),
        ("payments", {"id": who, "booking_id": who, **owner, "provider": "stripe", **money, **times}),
        (
            "transactions",
            {"id": who, "payment_id": who, "booking_id": who, **owner, "kind": "authorise", **money, "at": NOW}
            | {"provider": "stripe", "actor": "system"},
        ),
        (
            "invoices",
            {"id": who, "number": str(who), "kind": "invoice", "sandbox": False, **owner, "booking_id": who, **money}
            | {"payment_id": who, "document": {}, "issued_on": NOW, "issued_at": NOW, "keep_until": NOW},
        ),
        ("refunds", {"id": who, "payment_id": who, **money, "reason": "cancelled", **times}),
        (
            "messages",
            {"id": who, "fact": str(who), **owner, "channel": "email", "template": "t", "recipient": "r", **times},
        ),
        ("audit_logs", {"at": NOW, "actor": "system", "action": "a", **owner}),
        (
            "addresses",
            {"id": who, **owner, "kind": "home", "name": "A", "line1": "1 High Street", "city": "Leeds"}
            | {"country": "GB", **times},
        ),
        ("preferences", {**owner, "updated_at": NOW}),
        (
            "loyalty_entries",
            {**owner, "booking_id": who, "payment_id": who, "points": 1, "minor_per_point": 110}
            | {"reason": "earned", "at": NOW},
        ),
        (
            "trip_plans",
            {"id": who, **owner, "destination": "Lisbon", "place": "lisbon", "words": "lisbon", "starts_on": NOW}
            | {"ends_on": NOW, "request": {}, "visibility": "public", **times},
        ),
        (
            "plan_versions",
            {"plan_id": who, "version": 1, "document": {}, "reason": "made", "by": "built-in", "created_at": NOW},
        ),
        (
            "plan_makings",
            {"plan_id": who, "reason": "made", "outcome": "made", "prompt": {}, "started_at": NOW, "ended_at": NOW},
        ),
        (
            "plan_attachments",
            {"id": who, "plan_id": who, "name": "a.pdf", "content_type": "application/pdf", "size": 1}
            | {"sha256": "0" * 64, "key": str(who), "created_at": NOW},
        ),
        ("customer_stats", owner),
        ("customer_spend", {**owner, "currency": "USD"}),
    ]


TABLES = [table for table, _ in rows_of(ADA)]


@pytest.fixture
async def two(db: Database) -> Database:
    """Ada and Ben have each one row in every table that travellers can read."""
    async with db.transaction() as tx:
        for table, row in [*rows_of(ADA), *rows_of(BEN)]:
            places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
            await tx.execute(f"insert into {table} ({', '.join(row)}) values ({places})", *row.values())
    return db


async def seen_by(db: Database, subject: UUID | None) -> dict[str, int]:
    async with db.transaction(subject) as tx:
        return {table: await tx.fetchval(f"select count(*) from {table}") for table in TABLES}


async def test_a_traveller_sees_only_what_is_theirs(two: Database):
    assert await seen_by(two, ADA) == dict.fromkeys(TABLES, 1)
    async with two.transaction(ADA) as tx:
        assert await tx.fetchval("select id from bookings") == ADA


async def test_somebody_without_rows_sees_none(two: Database):
    assert await seen_by(two, EVE) == dict.fromkeys(TABLES, 0)


async def test_the_hub_sees_all(two: Database):
    assert await seen_by(two, None) == dict.fromkeys(TABLES, 2)


async def test_every_readable_table_is_looked_at_here(db: Database):
    query = """
        select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
            and has_any_column_privilege('authenticated', oid, 'select')
    """
    async with db.connection() as connection:
        assert {row["relname"] for row in await connection.fetch(query)} == set(TABLES)


@pytest.mark.parametrize("statement", ["update customers set name = 'X'", "delete from customers", "table credentials"])
async def test_a_traveller_cannot_write_nor_read_what_is_the_hubs(two: Database, statement: str):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with two.transaction(ADA) as tx:
            await tx.execute(statement)


async def test_nothing_of_a_traveller_stays_on_the_connection(dsn: str):
    db = await Database.open_pool(dsn, pool_size=1)
    state = "select current_user, coalesce(current_setting('request.jwt.claims', true), '') as claims"
    async with db.transaction() as tx:
        before = await tx.fetchrow(state)
    async with db.transaction(ADA) as tx:
        assert await tx.fetchval("select auth.uid()") == ADA
    async with db.transaction() as tx:
        assert await tx.fetchrow(state) == before
        assert await tx.fetchval("select auth.uid()") is None
    await db.close()


async def who(tx) -> str:
    return await tx.fetchval("select current_user")


async def test_as_hub_writes_and_gives_the_role_back(two: Database):
    async with two.transaction(ADA) as tx:
        async with tx.as_hub():
            await tx.execute("update customers set name = 'New' where id = $1", ADA)
            assert await tx.fetchval("select count(*) from customers") == 2
        assert await who(tx) == "authenticated"
        assert await tx.fetchval("select name from customers") == "New"


async def test_as_hub_inside_as_hub_stays_the_hub(two: Database):
    async with two.transaction(ADA) as tx, tx.as_hub():
        async with tx.as_hub():
            pass
        assert await who(tx) != "authenticated"


async def test_as_hub_gives_the_role_back_when_its_block_raises(two: Database):
    async with two.transaction(ADA) as tx:
        with pytest.raises(KeyError):
            async with tx.as_hub():
                raise KeyError("x")
        assert await who(tx) == "authenticated"


async def test_as_hub_does_not_hide_the_error_that_ended_the_transaction(two: Database):
    with pytest.raises(asyncpg.UniqueViolationError):
        async with two.transaction(ADA) as tx, tx.as_hub():
            await tx.execute("update bookings set reference = 'same'")


async def test_after_a_savepoint_the_traveller_is_the_traveller_again(two: Database):
    async with two.transaction(ADA) as tx:
        with pytest.raises(asyncpg.UniqueViolationError):
            async with tx.open_savepoint(), tx.as_hub():
                await tx.execute("update bookings set reference = 'same'")
        assert await who(tx) == "authenticated"
        async with tx.as_hub():
            assert await who(tx) != "authenticated"


async def test_for_the_hub_itself_as_hub_changes_nothing(two: Database):
    async with two.transaction() as tx:
        before = await who(tx)
        async with tx.as_hub():
            assert await who(tx) == before
