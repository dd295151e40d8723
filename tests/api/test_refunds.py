"""What travelers are told of refunds, and a refund that is asked for twice."""

import asyncio
from typing import Any

import pytest

from hub.people.identity import Role
from tests.support.running import Running, until

PASSWORD = "correct horse battery"
REFUND = "/api/payments/refund"


async def paid(running: Running, card: str = "pm_card_visa") -> dict[str, Any]:
    """A confirmed booking; whoever calls from here on is the accountant."""
    await running.register()
    booking = await running.book()
    await running.pay(booking, card)
    done = await running.settled(booking)
    await running.made.identity.staff.members.add_member("ann@example.com", "Ann", {Role.ACCOUNTANT}, PASSWORD)
    signed = await running.good("POST", "/api/v1/auth/login", {"email": "ann@example.com", "password": PASSWORD})
    running.token = signed["token"]
    return done


def part(booking: dict[str, Any], amount: int, **more: Any) -> dict[str, Any]:
    return {"booking_id": booking["id"], "amount": amount, "currency": "EUR", "reason": "a goodwill"} | more


async def subjects(running: Running, count: int) -> list[str]:
    """Of the messages about refunds, once there are that many."""

    async def sent() -> list[str] | None:
        mails = [one["subject"] for one in await running.mails("Refund for booking")]
        return mails if len(mails) >= count else None

    return await until(sent)


async def test_each_refund_is_told_with_its_own_amount(running: Running):
    booking = await paid(running)
    await running.good("POST", REFUND, part(booking, 500))
    await subjects(running, 1)
    await running.good("POST", REFUND, part(booking, 300))
    mails = await subjects(running, 2)
    assert [subject.rpartition(": ")[2] for subject in mails] == ["5.00 EUR", "3.00 EUR"]
    (latest,) = [one for one in await running.mails("Refund") if "3.00 EUR" in one["subject"]]
    assert f"In all, 8.00 EUR of {booking['total']['display']} has been refunded" in " ".join(latest["text"].split())


async def test_two_refunds_made_at_the_provider_are_two_messages(running: Running):
    booking = await paid(running)
    payment = await payment_of(running, booking)
    for amount in (500, 500):
        await running.control("POST", "stripe/refunds", {"payment_intent": payment["intent_id"], "amount": amount})
    assert [one.rpartition(": ")[2] for one in await subjects(running, 2)] == ["5.00 EUR", "5.00 EUR"]


async def payment_of(running: Running, booking: dict[str, Any]) -> Any:
    async with running.db.connection() as tx:
        return await tx.fetchrow("select * from payments where booking_id::text = $1", booking["id"])


async def test_a_refund_that_fails_later_and_one_given_again_are_both_told(running: Running):
    booking = await paid(running, "pm_card_refundFail")
    await running.good("POST", REFUND, part(booking, 500, reason="the first"))
    first = await subjects(running, 2)
    assert "has not arrived: 5.00 EUR" in first[1]
    await running.good("POST", REFUND, part(booking, 500, reason="once more"))
    assert len(await subjects(running, 4)) == 4
    failed, _ = await running.mails("has not arrived")
    assert "The money is still yours" in failed["text"]


async def test_a_repeated_part_without_a_key_asks_for_confirmation(running: Running):
    booking = await paid(running)
    await running.good("POST", REFUND, part(booking, 500))
    status, problem = await running.call("POST", REFUND, part(booking, 500))
    assert (status, problem["code"]) == (409, "refund_repeated")
    confirmed = part(booking, 500, confirmation=problem["confirmation"])
    assert (await running.call("POST", REFUND, confirmed))[0] == 201
    assert (await running.call("POST", REFUND, confirmed))[0] == 409, "a confirmation is good once"
    assert (await running.call("POST", REFUND, part(booking, 500, confirmation="made up")))[0] == 409
    assert (await running.call("POST", REFUND, part(booking, 400)))[0] == 201


async def test_five_clicks_at_once_are_one_refund(running: Running):
    booking = await paid(running)
    answers = await asyncio.gather(*(running.call("POST", REFUND, part(booking, 500)) for _ in range(5)))
    assert sorted(status for status, _ in answers) == [201, 409, 409, 409, 409]
    token = next(problem["confirmation"] for status, problem in answers if status == 409)
    body = part(booking, 500, confirmation=token)
    again = await asyncio.gather(*(running.call("POST", REFUND, body) for _ in range(3)))
    assert sorted(status for status, _ in again) == [201, 409, 409]


@pytest.mark.parametrize("key", ["one", "two"])
async def test_with_a_key_of_its_own_the_same_part_is_meant(running: Running, key: str):
    booking = await paid(running)
    await running.good("POST", REFUND, part(booking, 500))
    status, _ = await running.call("POST", REFUND, part(booking, 500), **{"Idempotency-Key": key})
    assert status == 201


async def test_after_a_while_or_after_a_failure_the_same_part_is_given_without_a_question(running: Running):
    booking = await paid(running)
    first = await running.good("POST", REFUND, part(booking, 500))
    async with running.db.transaction() as tx:
        old = "update refunds set created_at = created_at - interval '11 minutes' where id::text = $1"
        await tx.execute(old, first["id"])
    assert (await running.call("POST", REFUND, part(booking, 500)))[0] == 201
