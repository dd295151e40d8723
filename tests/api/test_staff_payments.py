"""Staff and the money: movements, partial refunds that never exceed what was taken, matters for people."""

import asyncio
import csv
import io
from typing import Any

import pytest

from hub.people.identity import Role
from hub.sales.payments.ledger import find_imbalances
from tests.support.running import Running, until

PASSWORD = "correct horse battery"


@pytest.fixture
async def paid(running: Running) -> dict[str, Any]:
    """A confirmed booking; whoever calls from here on is the accountant."""
    await running.register()
    booking = await running.book()
    await running.pay(booking)
    done = await running.settled(booking)
    await running.made.identity.staff.members.add_member("ann@example.com", "Ann", {Role.ACCOUNTANT}, PASSWORD)
    signed = await running.good("POST", "/api/v1/auth/login", {"email": "ann@example.com", "password": PASSWORD})
    running.token = signed["token"]
    return done


async def refunds(running: Running, booking: dict[str, Any]) -> list[dict[str, Any]]:
    async with running.db.connection() as tx:
        payment = await tx.fetchval("select id from payments where booking_id::text = $1", booking["id"])
    found = await running.good("GET", f"/api/payments/refunds?payment_id={payment}")
    return [one for one in found if one["status"] == "succeeded"]


async def test_every_movement_is_listed_with_the_balances_after_it(running: Running, paid: dict[str, Any]):
    price = paid["total"]["amount"]
    found = await running.good("GET", f"/api/payments/transactions?booking_id={paid['id']}")
    kinds = [one["kind"] for one in found["items"] if one["kind"] != "fee"]
    assert kinds == ["capture", "authorise"]
    taken = next(one for one in found["items"] if one["kind"] == "capture")
    assert taken["balances"]["taken"] == price
    whole = await running.good("GET", f"/api/payments/transactions/{taken['id']}")
    assert [one["became"] for one in whole["changes"]][-1] == "paid"


async def test_movements_as_csv_hold_no_formulas(running: Running, paid: dict[str, Any]):
    text = await running.good("GET", "/api/payments/transactions?format=csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["reference"] for row in rows} == {paid["reference"]}
    assert not any(cell[:1] in "=+-@" for row in rows for cell in row.values() if cell)


async def test_a_part_goes_back_and_the_books_balance(running: Running, paid: dict[str, Any]):
    body = {"booking_id": paid["id"], "amount": 100, "currency": paid["total"]["currency"], "reason": "a goodwill"}
    made = await running.good("POST", "/api/payments/refund", body, **{"Idempotency-Key": "one"})
    again = await running.good("POST", "/api/payments/refund", body, **{"Idempotency-Key": "one"})
    assert (made["id"], made["status"]) == (again["id"], "pending")
    found = await until(lambda: refunds(running, paid))
    assert [one["total"]["amount"] for one in found] == [100]
    async with running.db.transaction() as tx:
        assert await find_imbalances(tx) == []


async def test_twenty_at_once_never_give_back_more_than_was_taken(running: Running, paid: dict[str, Any]):
    price, currency = paid["total"]["amount"], paid["total"]["currency"]
    body = {"booking_id": paid["id"], "amount": price // 7, "currency": currency, "reason": "all at once"}
    answers = await asyncio.gather(
        *(running.call("POST", "/api/payments/refund", body, **{"Idempotency-Key": f"{one}"}) for one in range(20))
    )
    assert sorted(status for status, _ in answers) == [201] * 7 + [409] * 13

    async def all_back() -> bool:
        return len(await refunds(running, paid)) == 7

    await until(all_back)
    async with running.db.transaction() as tx:
        assert await find_imbalances(tx) == []


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"amount": 10**9, "currency": "EUR"}, 409, "refund_exceeds_captured"),
        ({"amount": 5, "currency": "KWD"}, 422, "currency_mismatch"),
        ({"amount": 5}, 422, "missing"),
        ({"booking_id": None}, 422, "missing"),
        ({"reason": "x"}, 422, "string_too_short"),
    ],
)
async def test_a_refund_that_cannot_be_is_refused(
    running: Running, paid: dict[str, Any], more: dict[str, Any], status: int, code: str
):
    if more.get("currency") == "EUR":
        more = more | {"currency": paid["total"]["currency"]}
    body = {"booking_id": paid["id"], "reason": "a goodwill"} | more
    found, problem = await running.call("POST", "/api/payments/refund", body)
    said = problem["errors"][0]["code"] if problem.get("errors") else problem["code"]
    assert (found, said) == (status, code)


async def test_travellers_neither_see_nor_move_the_money(running: Running):
    await running.register()
    for method, path in (
        ("GET", "/api/payments/transactions"),
        ("POST", "/api/payments/refund"),
        ("GET", "/api/v1/attention"),
    ):
        assert (await running.call(method, path, {} if method == "POST" else None))[0] == 403


async def test_a_dispute_is_a_matter_until_somebody_has_decided(running: Running):
    await running.register()
    booking = await running.book()
    await running.pay(booking, "pm_card_createDispute")
    await running.settled(booking)
    await running.made.identity.staff.members.add_member("ann@example.com", "Ann", {Role.ADMIN}, PASSWORD)
    signed = await running.good("POST", "/api/v1/auth/login", {"email": "ann@example.com", "password": PASSWORD})
    running.token = signed["token"]

    async def matters() -> list[dict[str, Any]]:
        found = await running.good("GET", "/api/v1/attention")
        return [one for one in found["items"] if one["kind"] == "dispute"]

    matter = (await until(matters))[0]
    assert matter["booking_id"] == booking["id"]
    await running.good("POST", f"/api/v1/attention/{matter['id']}/resolve", {"note": "evidence is sent"})
    assert await matters() == []
