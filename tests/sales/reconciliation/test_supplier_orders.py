"""Tickets without bookings, bookings without tickets, prices that differ, orders that nobody knows."""

from typing import Any

import pytest

from hub.core.money import Money
from hub.sales.reconciliation import BreakKind
from hub.sales.reconciliation.supplier_orders import find_order_differences
from hub.supply.flights import OrderState
from tests.sales.reconciliation.conftest import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_ticket_without_a_booking_is_proposed_to_be_cancelled(world: World):
    """Suppliers cannot be told to cancel, so after the traveller's cancellation somebody has to."""
    booking = await world.confirmed()
    await world.hub.good("DELETE", f"/api/bookings/{booking['id']}")
    await world.quiet()
    assert (await world.run()).open == {BreakKind.TICKET_WITHOUT_BOOKING: 1}
    found = (await world.breaks())[BreakKind.TICKET_WITHOUT_BOOKING]
    assert (str(found.booking_id), found.proposal) == (booking["id"], "Cancel the order with the supplier.")
    await world.deaf("kiwi")
    (order,) = await world.hub.orders()
    await world.hub.control("POST", f"kiwi/bookings/{order['id']}/status", {"status": "cancelled"})
    assert (await world.run()).closed == {BreakKind.TICKET_WITHOUT_BOOKING: 1}


async def test_a_booking_without_a_ticket_is_ended_when_asked(world: World):
    """The airline has cancelled, and its callback was lost."""
    booking = await world.confirmed()
    await world.deaf("kiwi")
    (order,) = await world.hub.orders()
    await world.hub.control("POST", f"kiwi/bookings/{order['id']}/status", {"status": "cancelled"})
    assert (await world.run()).open == {BreakKind.BOOKING_WITHOUT_TICKET: 1}
    assert (await world.hub.booking(booking))["status"] == "confirmed"
    await world.run(repair=True)
    assert (await world.hub.settled(booking))["payment_status"] == "refunded"
    await world.quiet()
    report = await world.run()
    assert (report.closed, report.is_clean) == ({BreakKind.BOOKING_WITHOUT_TICKET: 1}, True)


async def test_an_order_is_asked_for_again_only_when_something_has_changed(world: World):
    await world.confirmed()
    looked = [(await world.reconciliation.run()).looked_at.get("orders", 0)]
    await world.sql("update reconciliations set started_at = started_at - interval '1 hour' returning 1")
    before = len([one for one in await world.hub.control("GET", "calls") if "manage" in one["path"]])
    await world.reconciliation.run_scheduled()
    after = len([one for one in await world.hub.control("GET", "calls") if "manage" in one["path"]])
    assert (looked, after - before) == ([1], 0)
    await world.sql("update supplier_orders set checked_at = checked_at - interval '2 days' returning 1")
    await world.sql("update reconciliations set started_at = started_at - interval '1 hour' returning 1")
    await world.reconciliation.run_scheduled()
    assert (await world.reconciliation.get_last_run()).report["looked_at"]["orders"] == 1


async def test_orders_of_another_account_are_not_compared(world: World):
    """Their numbers may be those of other orders in this account."""
    booking = await world.confirmed()
    (order,) = await world.hub.orders()
    await world.deaf("kiwi")
    await world.hub.control("POST", f"kiwi/bookings/{order['id']}/status", {"status": "cancelled"})
    await world.sql(
        "update supplier_orders set account = 'other/live' where booking_id = $1 returning 1", booking["id"]
    )
    report = await world.run()
    assert (report.open, report.looked_at.get("orders", 0)) == ({}, 0)
    await world.sql("update supplier_orders set account = null where booking_id = $1 returning 1", booking["id"])
    assert (await world.run()).open == {BreakKind.BOOKING_WITHOUT_TICKET: 1}


ROW: dict[str, Any] = {
    "booking_id": None, "supplier": "kiwi", "order_id": "7", "reference": "ABC", "amount": 20_000, "currency": "EUR",
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "state", "kinds"),
    [
        ("confirmed", OrderState("confirmed"), []),
        ("confirmed", OrderState("confirmed", total=Money(20_050, "EUR")), []),
        ("confirmed", OrderState("confirmed", total=Money(20_300, "EUR")), [BreakKind.PRICE]),
        ("confirmed", OrderState("confirmed", total=Money(30_000, "USD")), []),
        ("confirmed", OrderState("placed"), [BreakKind.BOOKING_WITHOUT_TICKET]),
        ("ordered", OrderState("refused"), [BreakKind.BOOKING_WITHOUT_TICKET]),
        ("confirmed", OrderState("unknown"), [BreakKind.ORDER_UNCLEAR]),
        ("confirmed", None, [BreakKind.ORDER_MISSING]),
        ("failed", OrderState("confirmed"), [BreakKind.TICKET_WITHOUT_BOOKING]),
        ("expired", OrderState("placed"), []),
        ("cancelled", OrderState("cancelled"), []),
        ("cancelled", None, []),
    ],
)
async def test_each_pair_of_states(status: str, state: OrderState | None, kinds: list[BreakKind]):
    assert [one.kind for one in find_order_differences(ROW | {"status": status}, state)] == kinds
