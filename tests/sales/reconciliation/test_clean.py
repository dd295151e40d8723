"""A clean day, and who may run when."""

import asyncio

import pytest

from hub.core.errors import Conflict
from tests.sales.reconciliation.conftest import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_clean_day_has_no_breaks(world: World):
    """One confirmed, one declined, one held and given up."""
    await world.confirmed()
    await world.hub.pay(await world.booked(), "pm_card_chargeDeclined")
    given_up = await world.booked()
    await world.hub.intent(given_up)
    await world.hub.good("DELETE", f"/api/bookings/{given_up['id']}")
    await world.quiet()
    report = await world.run()
    assert (report.is_clean, report.new, report.mended) == (True, {}, {})
    assert report.looked_at["intents"] == 3
    sums = report.sums["stripe"]["USD" if "USD" in report.sums["stripe"] else "EUR"]
    assert sums["balance"] == sums["books"] > 0


async def test_two_at_once_one_wins_and_the_other_says_so(world: World):
    first, second = await asyncio.gather(world.run(), world.run(), return_exceptions=True)
    (refused,) = [one for one in (first, second) if isinstance(one, BaseException)]
    assert isinstance(refused, Conflict)
    assert refused.code == "already_running"
    assert (await world.run()).is_clean


@pytest.mark.parametrize("minutes", [2, 20])
async def test_a_run_whose_process_has_died_holds_nobody_up(world: World, minutes: int):
    await world.sql(
        "insert into reconciliations (id, since, started_at, lease_until) "
        "select gen_random_uuid(), now(), now(), now() - make_interval(mins => $1) returning id", minutes
    )  # fmt: skip
    assert (await world.run()).is_clean
