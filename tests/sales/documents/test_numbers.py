"""The numbers of a year follow each other: none is missing, none is there twice, whatever fails beside them."""

import asyncio
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hub.sales.documents import Seller
from hub.sales.documents.model import format_invoice_number
from tests.sales.documents.shop import NOW, Shop, paid


class Crash(Exception):
    pass


class Failing:
    """An audit that fails for some bookings, after their number has been taken."""

    def __init__(self, doomed: set[Any]) -> None:
        self.doomed = doomed

    async def record_action(self, tx: Any, action: str, **facts: Any) -> None:
        await asyncio.sleep(0)
        if facts["booking_id"] in self.doomed:
            raise Crash


def in_a_row(count: int) -> list[str]:
    return [f"2027-{number:06}" for number in range(1, count + 1)]


@pytest.mark.parametrize("seed", range(3))
async def test_thirty_at_once_leave_no_gap_and_no_double(shop: Shop, seed: int):
    """Some of them are rolled back with their number in hand; asked again, they get the next ones."""
    payments = [await paid(shop.db) for _ in range(30)]
    doomed = set(random.Random(seed).sample(payments, 5 + 5 * seed))
    shop.audit = Failing(doomed)
    done = await asyncio.gather(*(shop.issue(one) for one in payments), return_exceptions=True)
    assert [isinstance(one, Crash) for one in done] == [one in doomed for one in payments]
    assert sorted(one["number"] for one in await shop.papers()) == in_a_row(30 - len(doomed))
    shop.audit = None
    await asyncio.gather(*(shop.issue(one) for one in payments))
    assert sorted(one["number"] for one in await shop.papers()) == in_a_row(30)


async def test_the_same_payment_asked_for_many_times_at_once_has_one_invoice(shop: Shop):
    payment = await paid(shop.db)
    await asyncio.gather(*(shop.issue(payment) for _ in range(10)))
    assert [one["number"] for one in await shop.papers()] == ["2027-000001"]


async def test_refunds_and_invoices_at_once_do_not_stand_in_each_others_way(shop: Shop):
    payments = [await paid(shop.db) for _ in range(10)]
    async with asyncio.timeout(10):
        await asyncio.gather(*(act for one in payments for act in (shop.refund(one, 500), shop.issue(one))))
    papers = await shop.papers()
    assert sorted(one["number"] for one in papers if one["kind"] == "invoice") == in_a_row(10)
    assert sorted(one["number"] for one in papers if one["kind"] == "credit_note") == [f"CN-{n}" for n in in_a_row(10)]


async def test_a_year_begins_where_the_seller_is(shop: Shop):
    shop.seller = Seller("Sydney Travel", time_zone=ZoneInfo("Australia/Sydney"))
    for at in (datetime(2027, 12, 31, 12, tzinfo=UTC), datetime(2027, 12, 31, 14, tzinfo=UTC)):
        shop.clock.at = at
        await shop.issue(await paid(shop.db))
    assert [(one["number"], one["issued_on"]) for one in await shop.papers()] == [
        ("2027-000001", date(2027, 12, 31)),
        ("2028-000001", date(2028, 1, 1)),
    ]


async def test_a_clock_that_runs_behind_takes_no_number_back_in_time(shop: Shop):
    for at in (NOW, NOW - timedelta(days=2)):
        shop.clock.at = at
        await shop.issue(await paid(shop.db))
    papers = sorted(await shop.papers(), key=lambda one: one["number"])
    assert [one["issued_on"] for one in papers] == [NOW.date(), NOW.date()]


async def test_test_data_takes_no_number_from_the_books(shop: Shop):
    await shop.issue(await paid(shop.db, sandbox=True))
    await shop.issue(await paid(shop.db))
    shop.sandboxed = frozenset({"stripe"})
    await shop.issue(await paid(shop.db))
    assert {one["number"] for one in await shop.papers()} == {"TEST-2027-000001", "2027-000001", "TEST-2027-000002"}


def test_a_number_grows_beyond_its_digits():
    assert format_invoice_number("credit_note", 2027, 1_234_567, sandbox=True) == "TEST-CN-2027-1234567"
