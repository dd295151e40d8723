"""One payment whose row refuses every change: the sweep, the reconciliation and its page go on without it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from hub.oversight.review_queue import FAILURES_BEFORE_REVIEW
from tests.sales.reconciliation.conftest import World
from tests.support.running import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

POISON = """
create function poison() returns trigger language plpgsql as $$
begin
    if new.id = '{payment}' and new.status is distinct from old.status then
        raise check_violation using constraint = 'payments_check';
    end if;
    return new;
end $$;
create trigger poison before update on payments for each row execute function poison()
"""
CURE = "drop trigger if exists poison on payments; drop function if exists poison"
DUE = "update row_failures set retry_at = now() - interval '1 hour'"


@pytest_asyncio.fixture(loop_scope="module")
async def two(world: World) -> AsyncIterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Two bookings, paid without any webhook; the payment of the first is poisoned."""
    await world.deaf()
    bookings = [await world.booked(), await world.booked()]
    paid = [await world.hub.pay(booking) for booking in bookings]
    poisoned, sound = (
        booking | {"payment": one["payment_id"]} for booking, one in zip(bookings, paid, strict=True)
    )  # fmt: skip
    await execute(world, POISON.format(payment=poisoned["payment"]))
    yield poisoned, sound
    await execute(world, CURE)
    await execute(world, "delete from row_failures")


async def execute(world: World, query: str) -> None:
    async with world.hub.db.transaction() as tx:
        await tx.execute(query)


async def sweep(world: World) -> None:
    assert world.hub.made.payments is not None
    await execute(world, "update payments set updated_at = now() - interval '1 hour' where status = 'unpaid'")
    await execute(world, DUE)
    await world.hub.made.payments.settlement.settle_open_payments()


async def test_the_sweep_settles_the_others_and_asks_a_person_about_it(world: World, two: Any):
    poisoned, sound = two
    for _ in range(FAILURES_BEFORE_REVIEW):
        await sweep(world)
    await world.hub.settled(sound)
    failure = await world.sql("select error from row_failures where sweep = 'payments.settle'")
    assert failure == "CheckViolationError payments_check"
    await world.hub.made.review_queue.sweep_failed_rows()
    assert await world.sql("select booking_id::text from attention where kind = 'row_failed'") == poisoned["id"]

    await execute(world, CURE)
    await sweep(world)
    await world.hub.settled(poisoned)
    await world.hub.made.review_queue.sweep_failed_rows()
    assert await world.sql("select count(*) from attention where resolved_at is null and kind = 'row_failed'") == 0


async def test_the_reconciliation_notes_it_and_compares_the_others(world: World, two: Any):
    poisoned, sound = two
    report = await world.run()
    (note,) = report.notes
    assert (note.part, note.provider, note.code) == ("accounts", "stripe", "row_failed")
    assert note.text == f"{poisoned['payment']}: CheckViolationError payments_check"
    assert report.mended["payments_settled"] == 1
    await world.hub.settled(sound)
    await execute(world, CURE)
    assert not (await world.run()).notes
    await world.hub.settled(poisoned)


async def test_a_mistake_of_ours_in_one_part_leaves_the_others_their_turn(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """Here the account cannot be compared at all: no 500, and the orders are looked at."""
    booking = await world.confirmed()
    monkeypatch.setattr(type(world.reconciliation.payment_accounts), "_listed", None)
    report = await world.run()
    assert [(note.part, note.provider, note.code) for note in report.notes] == [
        ("accounts", "stripe", "internal_error")
    ]
    assert report.looked_at["orders"] == 1, booking


async def test_a_traveler_sees_the_payment_as_it_is_on_record(world: World, two: Any):
    poisoned, _ = two
    (payment,) = (await world.hub.good("GET", f"/api/payments/booking/{poisoned['id']}"))["payments"]
    assert payment["status"] == "unpaid"


async def test_an_order_that_cannot_be_read_is_noted_and_the_next_is_compared(world: World):
    first, second = await world.confirmed(), await world.confirmed()
    await world.sql("update supplier_orders set placed = '{\"what\": 1}' where booking_id = $1", first["id"])
    report = await world.run()
    assert [(note.part, note.code) for note in report.notes] == [("orders", "row_failed")]
    assert report.looked_at["orders"] == 1, second
    await until(lambda: world.sql("select count(*) from row_failures where sweep = 'reconcile.orders'"))
    await execute(world, "delete from row_failures")
