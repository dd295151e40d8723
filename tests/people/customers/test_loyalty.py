"""Points, stats and spend follow the payments, whatever comes in which order and how often."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.core import migrations
from hub.core.db import Database
from hub.core.money import Money
from hub.people.customers import CurrencyTotal, Customers, CustomerStats
from hub.people.identity import Caller
from tests.people.customers.people import ADA, BEN, NOW, insert_customer, insert_payment

RATES = {"EUR": 100, "JPY": 160}
CURRENCIES = ["EUR", "JPY", "ISK"]
"""The last one earns nothing."""

sums = st.integers(0, 2000).flatmap(lambda captured: st.tuples(st.just(captured), st.integers(0, captured)))
steps = st.lists(st.tuples(st.integers(0, 3), sums), max_size=12)
"""Which payment comes to which sums captured and refunded; number 3 means all at once."""


async def write(tx: Any, payments: list[UUID], captured: int, refunded: int) -> None:
    await tx.execute(
        "update payments set captured = $2, refunded = $3 where id = any ($1)", payments, captured, refunded
    )


async def paid(customers: Customers, payment: UUID, captured: int, refunded: int = 0) -> None:
    async with customers.db.transaction() as tx:
        await write(tx, [payment], captured, refunded)


async def payment_of(customers: Customers, who: Caller, currency: str = "EUR") -> UUID:
    async with customers.db.transaction() as tx:
        return await insert_payment(tx, who.id, currency)


async def points(customers: Customers, who: Caller = ADA) -> int:
    return (await customers.get_stats(who)).points


def recomputed(rows: list[asyncpg.Record]) -> tuple[Any, ...]:
    """From the payments alone: points, bookings paid, bookings refunded, spend."""
    points = sum((row["captured"] - row["refunded"]) // RATES.get(row["currency"], 10**18) for row in rows)
    taken = [row for row in rows if row["captured"]]
    spend = {one: [0, 0] for one in CURRENCIES}
    for row in rows:
        spend[row["currency"]][0] += row["captured"]
        spend[row["currency"]][1] += row["refunded"]
    return points, len(taken), sum(row["refunded"] == row["captured"] for row in taken), spend


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps)
async def test_whatever_the_payments_go_through_the_numbers_are_theirs(customers: Customers, steps):
    who = Caller(uuid4())
    async with customers.db.transaction() as tx:
        await insert_customer(tx, who.id)
        payments = [await insert_payment(tx, who.id, currency) for currency in CURRENCIES]
        for which, (captured, refunded) in steps:
            await write(tx, [payments[which]] if which < len(payments) else payments, captured, refunded)
        rows = await tx.fetch("select * from payments where customer_id = $1", who.id)
        held = await tx.fetchval("select coalesce(sum(points), 0) from loyalty_entries where customer_id = $1", who.id)
    found = await customers.get_stats(who)
    spend = {one: [0, 0] for one in CURRENCIES}
    spend |= {one.paid.currency: [one.paid.amount, one.refunded.amount] for one in found.spend}
    assert (found.points, found.bookings_paid, found.bookings_refunded, spend) == recomputed(rows)
    assert held == found.points


async def test_what_is_paid_earns_and_what_goes_back_returns(customers: Customers):
    payment = await payment_of(customers, ADA)
    for captured, refunded in ((29950, 0), (29950, 10000), (29950, 29950)):
        await paid(customers, payment, captured, refunded)
    entries, total = await customers.list_loyalty_entries(ADA, page=1, page_size=2)
    assert [(one.points, one.reason) for one in entries] == [(-199, "returned"), (-100, "returned")]
    assert (total, (await customers.list_loyalty_entries(ADA, page=2, page_size=2))[0][0].points) == (3, 299)
    assert await customers.get_stats(ADA) == CustomerStats(
        0, 1, 1, NOW, (CurrencyTotal(Money(29950, "EUR"), Money(29950, "EUR")),)
    )


async def test_the_same_sums_again_change_nothing(customers: Customers):
    payment = await payment_of(customers, ADA)
    await paid(customers, payment, 29950)
    before = await customers.get_stats(ADA), await customers.list_loyalty_entries(ADA, page=1, page_size=9)
    await paid(customers, payment, 29950)
    assert (await customers.get_stats(ADA), await customers.list_loyalty_entries(ADA, page=1, page_size=9)) == before


async def test_what_is_rolled_back_earns_nothing(customers: Customers):
    payment = await payment_of(customers, ADA)
    with pytest.raises(KeyError):
        async with customers.db.transaction() as tx:
            await write(tx, [payment], 29950, 0)
            raise KeyError("x")
    assert await customers.get_stats(ADA) == CustomerStats()


async def test_a_payment_that_arrives_captured_counts(customers: Customers):
    async with customers.db.transaction() as tx:
        await insert_payment(tx, ADA.id, "EUR", captured=5000, refunded=1000)
    assert await points(customers) == 40


async def test_payments_at_the_same_time_are_all_counted(customers: Customers):
    payments = [await payment_of(customers, ADA) for _ in range(8)]
    await asyncio.gather(*(paid(customers, one, 1000) for one in payments))
    found = await customers.get_stats(ADA)
    assert (found.points, found.bookings_paid, found.spend[0].paid.amount) == (80, 8, 8000)


async def test_a_new_rate_is_for_new_payments(customers: Customers):
    old, new = await payment_of(customers, ADA), await payment_of(customers, ADA)
    await paid(customers, old, 10_000)
    async with customers.db.transaction() as tx:
        await tx.execute("update loyalty_rates set minor_per_point = 50 where currency = 'EUR'")
    await paid(customers, old, 10_000, 5_000)
    assert await points(customers) == 50
    await paid(customers, new, 10_000)
    assert await points(customers) == 250


async def test_points_are_their_owners_alone(customers: Customers):
    await paid(customers, await payment_of(customers, BEN), 10_000)
    assert await customers.get_stats(ADA) == CustomerStats()
    assert (await customers.list_loyalty_entries(ADA, page=1, page_size=9))[1] == 0


@pytest.mark.parametrize(
    "statement",
    ["table loyalty_rates", "update customer_stats set points = 10", "delete from loyalty_entries"],
)
async def test_a_traveller_neither_reads_the_rates_nor_writes_points(customers: Customers, statement: str):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with customers.db.transaction(ADA.id) as tx:
            await tx.execute(statement)


async def test_payments_from_before_are_counted(empty: str, monkeypatch: pytest.MonkeyPatch):
    every = migrations.list_migrations()
    monkeypatch.setattr(migrations, "list_migrations", lambda: [one for one in every if one.version < 18])
    await migrations.apply_migrations(empty)
    db = await Database.open_pool(empty, pool_size=1)
    async with db.transaction() as tx:
        await insert_customer(tx, ADA.id)
        for currency, captured, refunded in (("EUR", 5000, 1000), ("ISK", 700, 700), ("EUR", 999, 0), ("EUR", 0, 0)):
            await insert_payment(tx, ADA.id, currency, captured, refunded)
        payments = await tx.fetch("select * from payments")
    monkeypatch.undo()
    await migrations.apply_migrations(empty)
    async with db.transaction() as tx:
        row = await tx.fetchrow("select points, bookings_paid, bookings_refunded from customer_stats")
        spend = {one["currency"]: [one["paid"], one["refunded"]] for one in await tx.fetch("table customer_spend")}
    await db.close()
    assert (*row, spend | {"JPY": [0, 0]}) == recomputed(payments)
