"""What is issued, when, and that it stays as it is."""

import dataclasses
from datetime import date, timedelta
from decimal import Decimal

import asyncpg
import pytest

from hub.core.jobs import JobQueue
from hub.sales.documents import Tax
from hub.sales.payments.jobs import IssueCreditNote, IssueInvoice
from tests.sales.documents.shop import ADA, NOW, SELLER, Shop, insert, paid
from tests.support.jobs import queued, until, working


async def test_the_invoice_holds_all_that_it_says(shop: Shop):
    payment = await paid(shop.db)
    await shop.issue(payment)
    (paper,) = await shop.papers()
    document = paper["document"]
    assert document["lines"][0]["text"] == "Flights London (LHR) to New York (JFK) and back"
    assert document["lines"][0]["details"][1] == (
        "19 Mar 2027 · British Airways BA 176 · New York (JFK) 18:30 \N{EN DASH} London (LHR) 06:25 (+1)"
    )
    assert document["totals"] == {"GBP": {"net": 109_242, "tax": 20_756, "gross": 129_998}}
    assert document["payment"]["paid_on"] == "2027-03-01"
    assert document["seller"]["tax_id"] == "DE123456789"
    assert paper["buyer"]["city"] == "London"
    assert paper["keep_until"] == date(2037, 12, 31)


async def test_no_more_of_the_person_is_kept_than_the_law_asks(shop: Shop):
    await shop.issue(await paid(shop.db))
    (paper,) = await shop.papers()
    assert set(paper["buyer"]) == {"name", "line1", "city", "postcode", "country"}
    assert "Lovelace" not in str(paper["document"])
    assert "@example.com" not in str(paper)


async def test_what_is_paid_but_not_taken_has_no_invoice(shop: Shop):
    await shop.issue(await paid(shop.db, captured=0, status="authorised"))
    assert await shop.papers() == []


async def test_each_step_of_a_refund_has_a_credit_note_and_they_add_up(shop: Shop):
    payment = await paid(shop.db)
    await shop.issue(payment)
    for step in (33_333, 33_334, 99_999, 129_998):
        await shop.refund(payment, step)
        await shop.refund(payment, step)
    invoice, *notes = sorted(await shop.papers(), key=lambda one: one["refunded"] or 0)
    assert [one["amount"] for one in notes] == [33_333, 1, 66_665, 29_999]
    assert {one["document"]["refers_to"]["number"] for one in notes} == {invoice["number"]}
    sums = [one["document"]["totals"]["GBP"] for one in notes]
    assert {part: sum(one[part] for one in sums) for part in sums[0]} == invoice["document"]["totals"]["GBP"]


async def test_a_refund_that_is_heard_of_first_brings_its_invoice(shop: Shop):
    payment = await paid(shop.db)
    await shop.refund(payment, 500)
    await shop.issue(payment)
    assert sorted(one["number"] for one in await shop.papers()) == ["2027-000001", "CN-2027-000001"]


async def test_an_earlier_step_that_comes_late_is_in_the_later_one_already(shop: Shop):
    payment = await paid(shop.db)
    await shop.refund(payment, 700)
    await shop.refund(payment, 200)
    assert [one["amount"] for one in await shop.papers() if one["kind"] == "credit_note"] == [700]


async def test_a_credit_note_has_the_tax_of_its_invoice(shop: Shop):
    payment = await paid(shop.db, amount=11_900)
    await shop.issue(payment)
    shop.seller = dataclasses.replace(SELLER, tax=Tax("GST", Decimal(7)))
    await shop.refund(payment, 11_900)
    note = next(one for one in await shop.papers() if one["kind"] == "credit_note")
    assert note["document"]["taxes"] == [{"name": "VAT", "rate": "19", "net": 10_000, "tax": 1_900}]


@pytest.mark.parametrize(
    "change",
    [
        "update invoices set document = '{}'",
        "update invoices set amount = amount + 1",
        "update invoices set buyer = null",
        "delete from invoices",
    ],
)
async def test_what_has_been_issued_does_not_change(shop: Shop, change: str):
    await shop.issue(await paid(shop.db))
    with pytest.raises(asyncpg.RestrictViolationError):
        async with shop.db.transaction() as tx:
            await tx.execute(change)


async def test_an_erased_buyer_stays_on_the_invoice_until_the_law_lets_them_go(shop: Shop):
    """The invoice of ten years ago is beyond its time, today's is not."""
    for years in (0, 15):
        shop.clock.at = NOW - timedelta(days=366 * years)
        await shop.issue(await paid(shop.db))
    async with shop.db.transaction() as tx:
        await tx.execute("update customers set erased_at = $2, name = 'Erased' where id = $1", ADA, NOW)
    await shop.invoices.enqueue_missing_invoices()
    assert [one["buyer"] and one["buyer"]["name"] for one in await shop.papers()] == [None, "Ada Lovelace"]


async def test_who_has_been_erased_is_on_no_new_invoice(shop: Shop):
    payment = await paid(shop.db)
    async with shop.db.transaction() as tx:
        await tx.execute("update customers set erased_at = $2, name = 'Erased' where id = $1", ADA, NOW)
    await shop.issue(payment)
    assert [one["buyer"] for one in await shop.papers()] == [None]


async def test_money_without_its_paper_is_found(shop: Shop):
    """A refund that has no note, a capture that has no invoice; what has both, or is older than the papers, rests."""
    done, refunded, taken = [await paid(shop.db) for _ in range(3)]
    await paid(shop.db, updated_at=NOW - timedelta(days=30))
    await shop.issue(done)
    await shop.issue(refunded)
    async with shop.db.transaction() as tx:
        await tx.execute("update payments set refunded = 100 where id = $1", refunded)
    await shop.invoices.enqueue_missing_invoices()
    keys = {one["dedupe_key"] for one in await queued(shop.db)}
    assert keys == {f"payment:{taken}:invoice", f"payment:{refunded}:credit:100"}


async def test_what_the_ledger_asks_for_is_done_by_the_worker(shop: Shop, dsn: str):
    payment = await paid(shop.db, refunded=500, status="partially_refunded")
    async with shop.db.transaction() as tx:
        await JobQueue().enqueue(tx, IssueCreditNote(payment_id=payment, refunded=500))
        await JobQueue().enqueue(tx, IssueInvoice(payment_id=payment))

    async def both() -> bool:
        return len(await shop.papers()) == 2

    async with working(shop.db, dsn, shop.invoices):
        await until(both)
    assert sorted(one["amount"] for one in await shop.papers()) == [500, 129_998]


async def test_credit_that_did_not_arrive_is_taken_back_and_can_be_given_again(shop: Shop):
    """Each series goes on without a gap, and what stands is what has arrived."""
    payment = await paid(shop.db)
    await shop.refund(payment, 700)
    for arrived in (0, 700):
        async with shop.db.transaction() as tx:
            await tx.execute("update payments set refunded = $2 where id = $1", payment, arrived)
        for _ in range(2):
            await shop.invoices.issue_credit_note(IssueCreditNote(payment_id=payment, refunded=arrived))
    papers = [(one["number"], one["amount"]) for one in await shop.papers() if one["kind"] != "invoice"]
    assert sorted(papers) == [("CN-2027-000001", 700), ("CN-2027-000002", 700), ("RV-2027-000001", 700)]
    (back,) = [one for one in await shop.papers() if one["kind"] == "reversal"]
    (first,) = [one for one in await shop.papers() if one["number"] == "CN-2027-000001"]
    assert back["document"]["totals"] == first["document"]["totals"]
    assert (back["document"]["credit_notes"], back["invoice_id"]) == (["CN-2027-000001"], first["invoice_id"])


async def test_a_refund_on_its_way_has_no_credit_note_until_it_has_arrived(shop: Shop):
    payment = await paid(shop.db)
    refund = {"id": payment, "payment_id": payment, "amount": 300, "currency": "GBP", "reason": "goodwill"}
    times = {"created_at": NOW, "updated_at": NOW}
    await insert(shop.db, ("refunds", refund | times | {"status": "pending", "provider_refund_id": "re_1"}))
    for status, notes in (("pending", []), ("succeeded", [300])):
        async with shop.db.transaction() as tx:
            await tx.execute("update refunds set status = $1", status)
        await shop.refund(payment, 300)
        assert [one["amount"] for one in await shop.papers() if one["kind"] == "credit_note"] == notes
