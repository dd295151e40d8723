"""Many payments are compared by lists, not one by one."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from hub.core.clock import SystemClock
from hub.sales.reconciliation import ReconciliationReport
from tests.sales.reconciliation.conftest import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANY = 120
BOOKED = """
with b as (
    insert into bookings (id, reference, customer_id, status, amount, currency, offer_id, supplier, itinerary, sandbox,
                          contact_email, created_at, updated_at, expires_at)
    select one, left(one::text, 30), (select id from customers limit 1), 'confirmed', 5000, 'EUR', 'o', 'kiwi', '{}',
           true, 'a@example.com', now(), now(), now()
    from unnest($1::uuid[]) as one returning id, customer_id
)
insert into payments (id, booking_id, customer_id, provider, amount, currency, created_at, updated_at)
select id, id, customer_id, 'stripe', 5000, 'EUR', now(), now() from b
"""


async def taken(world: World, payment_id: str) -> None:
    await world.stripe(
        "POST", "payment_intents", amount=5000, currency="eur", confirm="true", payment_method="pm_card_visa",
        return_url="http://127.0.0.1:9/", **{"metadata[payment_id]": payment_id, "metadata[booking_id]": payment_id},
    )  # fmt: skip


async def compared(world: World) -> tuple[ReconciliationReport, list[str]]:
    """The accounts alone, and what Stripe was asked for them."""
    before = len(await world.hub.control("GET", "calls"))
    now = SystemClock().now()
    report = ReconciliationReport(now - timedelta(hours=1), now)
    accounts = world.reconciliation.payment_accounts
    await accounts.compare_account(accounts.gateways.get_gateway("stripe"), report.since, report)
    calls = (await world.hub.control("GET", "calls"))[before:]
    return report, [one["path"] for one in calls if one["provider"] == "stripe"]


async def test_a_hundred_payments_cost_a_handful_of_calls(world: World):
    await world.deaf()
    await world.hub.control("POST", "stripe/pace", {"thinking": 0, "settling": 0})
    ids = [str(uuid4()) for _ in range(MANY)]
    async with world.hub.db.transaction() as tx:
        await tx.execute(BOOKED, ids)
    await asyncio.gather(*(taken(world, one) for one in ids))
    first, _ = await compared(world)
    assert first.mended == {"payments_settled": MANY}
    report, asked = await compared(world)
    assert (report.mended, report.new) == ({}, {})
    assert report.sums["stripe"]["EUR"]["balance"] == report.sums["stripe"]["EUR"]["books"] == MANY * 5000
    assert len(asked) == 4, "two pages of the balance, two of intents"
