"""What stands still, what the books say, who may close what, and providers that are away."""

import pytest

from hub.core.context import bind_context
from hub.core.errors import NotFound
from hub.sales.reconciliation import BreakKind
from tests.sales.reconciliation.conftest import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (
            "update payments set status = 'processing', captured = 0, created_at = now() - interval '2 days'",
            BreakKind.STUCK,
        ),
        (
            "update bookings set status = 'failed', updated_at = now() - interval '2 hours'",
            BreakKind.MONEY_WITHOUT_BOOKING,
        ),
        ("update postings set amount = 2 * amount", BreakKind.LEDGER),
    ],
)
async def test_what_stands_still_is_found_and_gone_when_it_moves(world: World, make: str, kind: BreakKind):
    await world.confirmed()
    await world.hub.fault("stripe", "status", status=401)
    await world.sql(f"{make} returning 1")
    report = await world.run()
    assert kind in report.open
    undo = {
        BreakKind.STUCK: "update payments set status = 'paid', captured = amount",
        BreakKind.MONEY_WITHOUT_BOOKING: "update bookings set status = 'confirmed'",
        BreakKind.LEDGER: "update postings set amount = amount / 2",
    }
    await world.sql(f"{undo[kind]} returning 1")
    assert (await world.run()).closed[kind] >= 1


async def test_a_hold_that_is_about_to_run_out_is_taken_when_asked(world: World):
    """The capture was forgotten: the supplier has the order, and the money is still held."""
    booking = await world.booked()
    await world.hub.pay(booking)
    await world.hub.settled(booking)
    await world.quiet()
    await world.sql(
        "with p as (update payments set status = 'authorised', captured = 0), "
        "t as (delete from transactions where kind in ('capture', 'fee') returning id) "
        "update transactions set at = at - interval '6 days' where kind = 'authorise' returning id"
    )
    await world.hub.fault("stripe", "status", status=401)
    assert BreakKind.HOLD_EXPIRING in (await world.run()).open


async def test_a_refund_that_nobody_carries_out_is_carried_out_when_asked(world: World):
    booking = await world.confirmed()
    await world.sql(
        "insert into refunds (id, payment_id, amount, currency, reason, created_at, updated_at) "
        "select gen_random_uuid(), id, 100, currency, 'lost', now() - interval '2 hours', now() + interval '1 day' "
        "from payments returning id"
    )
    report = await world.run(repair=True)
    assert (report.open, report.mended) == ({BreakKind.REFUND_STUCK: 1}, {BreakKind.REFUND_STUCK: 1})
    await world.quiet()
    assert (await world.run()).closed == {BreakKind.REFUND_STUCK: 1}
    assert (await world.payment(booking))["refunded"] == 100


async def test_what_a_person_has_accepted_comes_back_only_over_other_facts(world: World):
    await world.confirmed()
    await world.sql("update payments set fee = fee + 7 returning id")
    await world.run()
    found = (await world.breaks())[BreakKind.FEE]
    with bind_context(actor="staff:ann"):
        closed = await world.reconciliation.breaks.close_break(found.id, "Stripe has told us why.")
    assert (closed.closed_because, closed.closed_by) == ("accepted", "staff:ann")
    assert (await world.run()).is_clean
    await world.sql("update payments set fee = fee + 1 returning id")
    assert (await world.run()).open == {BreakKind.FEE: 1}
    with pytest.raises(NotFound):
        await world.reconciliation.breaks.close_break(found.id, "again")


async def test_a_provider_that_is_away_ends_its_own_part_and_closes_nothing(world: World):
    booking = await world.confirmed()
    await world.sql("update payments set fee = fee + 7 returning id")
    await world.hub.good("DELETE", f"/api/bookings/{booking['id']}")
    await world.quiet()
    await world.run()
    await world.sql("update payments set fee = fee - 7 returning id")
    await world.hub.fault("stripe", "status", status=401)
    report = await world.run()
    assert {(one.part, one.provider) for one in report.notes} == {("events", "stripe"), ("accounts", "stripe")}
    assert set(report.open) == {BreakKind.FEE, BreakKind.TICKET_WITHOUT_BOOKING}
    assert report.looked_at["orders"] == 1


async def test_by_the_clock_it_goes_on_where_the_last_whole_run_was(world: World):
    await world.reconciliation.run_scheduled()
    first = await world.reconciliation.get_last_run()
    await world.reconciliation.run_scheduled()
    assert (await world.reconciliation.get_last_run()) == first, "it was only a moment ago"
    await world.sql("update reconciliations set started_at = started_at - interval '1 hour' returning 1")
    await world.reconciliation.run_scheduled()
    second = await world.reconciliation.get_last_run()
    assert second is not None
    assert first is not None
    assert second.id != first.id
    assert 70 * 60 < (second.started_at - second.since).total_seconds() < 80 * 60
