"""After an erasure: the providers forget too, and so does what was still on its way."""

from typing import Any

import pytest

from hub.core.db import Database
from hub.core.errors import ProviderTransient
from hub.people.privacy import EraseTraces, ForgetCustomer, PrivacyService
from tests.people.privacy.people import ADA, BEN, NOW, Gateway, Keeper, Person, dump, insert, rows_of
from tests.support.jobs import until, working

PAYER = f"cus_{ADA.mark}0123"


def event_of(who: Person, number: int, **more: Any) -> tuple[str, dict[str, Any]]:
    row = {"provider": "stripe", "event_id": f"evt_{who.mark}{number}"[:9] + str(number), "type": "customer.deleted"}
    told = {"data": {"object": {"id": f"cus_{who.mark}0123", "email": who.email}}}
    kept = {"payload": told, "raw": who.mark.encode(), "received_at": NOW, "status": "ignored"}
    return "webhook_events", row | kept | more


async def forgotten(db: Database) -> list[str]:
    """The providers that have forgotten Ada, as it is written down."""
    async with db.transaction() as tx:
        rows = await tx.fetch(
            "select data ->> 'provider' as name from audit_logs "
            "where customer_id = $1 and action = 'customer.forgotten' order by 1",
            ADA.id,
        )
    return [row["name"] for row in rows]


async def jobs(db: Database) -> dict[str, int]:
    async with db.transaction() as tx:
        rows = await tx.fetch("select entrypoint, count(*) as n from pgqueuer where status = 'queued' group by 1")
    return {row["entrypoint"]: row["n"] for row in rows}


async def test_both_providers_forget_the_person(
    privacy: PrivacyService, two: Database, gateway: Gateway, keeper: Keeper
):
    await privacy.erase_account(ADA.caller)
    assert await jobs(two) == {"customer.forget": 1}
    await privacy.forget_at_providers(ForgetCustomer(customer_id=ADA.id))
    assert gateway.forgotten == [(PAYER, f"customer:{ADA.id}:forget")]
    assert [(one.id, one.email) for one in keeper.deleted] == [(ADA.id, f"erased-{ADA.id}@erased.invalid")]
    assert await forgotten(two) == ["stripe", "supabase"]
    found = await dump(two)
    assert [table for table, text in found.items() if ADA.mark.lower() in text.lower()] == ["pgqueuer"]


async def test_a_job_that_runs_twice_is_told_once(
    privacy: PrivacyService, two: Database, gateway: Gateway, keeper: Keeper
):
    await privacy.erase_account(ADA.caller)
    for _ in range(2):
        await privacy.forget_at_providers(ForgetCustomer(customer_id=ADA.id))
    assert (len(gateway.forgotten), len(keeper.deleted)) == (1, 1)
    assert await forgotten(two) == ["stripe", "supabase"]


async def test_one_provider_that_is_down_holds_up_only_itself(privacy: PrivacyService, two: Database, gateway: Gateway):
    gateway.down = 1
    await privacy.erase_account(ADA.caller)
    with pytest.raises(ProviderTransient):
        await privacy.forget_at_providers(ForgetCustomer(customer_id=ADA.id))
    assert await forgotten(two) == ["supabase"]
    await privacy.forget_at_providers(ForgetCustomer(customer_id=ADA.id))
    assert await forgotten(two) == ["stripe", "supabase"]


async def test_who_is_not_erased_is_not_forgotten(
    privacy: PrivacyService, two: Database, gateway: Gateway, keeper: Keeper
):
    before = await dump(two)
    await privacy.forget_at_providers(ForgetCustomer(customer_id=BEN.id))
    await privacy.erase_traces(EraseTraces(customer_id=BEN.id))
    assert (gateway.forgotten, keeper.deleted, await dump(two)) == ([], [], before)


async def test_an_event_that_speaks_of_the_person_is_emptied(privacy: PrivacyService, two: Database):
    """A provider says whom it has deleted, and says it after the erasure."""
    await privacy.erase_account(ADA.caller)
    await insert(two, event_of(ADA, 1), event_of(BEN, 2))
    await privacy.erase_traces(EraseTraces(customer_id=ADA.id, payment_customer_id=PAYER))
    async with two.transaction() as tx:
        rows = await tx.fetch("select type, payload, raw from webhook_events order by id desc limit 2")
    assert [(row["type"], row["payload"] == {}, row["raw"] == b"") for row in rows] == [
        ("customer.deleted", False, False),
        ("customer.deleted", True, True),
    ]


async def test_an_event_still_to_be_worked_on_is_left_until_it_is(privacy: PrivacyService, two: Database):
    await privacy.erase_account(ADA.caller)
    await insert(two, event_of(ADA, 1, status="received"))
    work = EraseTraces(customer_id=ADA.id, payment_customer_id=PAYER)
    await privacy.erase_traces(work)
    assert ADA.mark in (await dump(two))["webhook_events"]
    async with two.transaction() as tx:
        await tx.execute("update webhook_events set status = 'processed'")
    await privacy.erase_traces(work)
    assert ADA.email not in (await dump(two))["webhook_events"]


async def test_every_page_of_the_events_is_looked_through(
    privacy: PrivacyService, two: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hub.people.privacy.service.EVENTS_PER_PAGE", 2)
    await privacy.erase_account(ADA.caller)
    await insert(two, *(event_of(ADA, number) for number in range(7)))
    await privacy.erase_traces(EraseTraces(customer_id=ADA.id, payment_customer_id=PAYER))
    assert ADA.email not in (await dump(two))["webhook_events"]


async def test_what_a_request_in_flight_wrote_is_found_afterwards(privacy: PrivacyService, two: Database):
    await privacy.erase_account(ADA.caller)
    act = {"at": NOW, "actor": f"customer:{ADA.id}", "action": "booking.changed", "customer_id": ADA.id, "ip": ADA.ip}
    await insert(two, ("audit_logs", act))
    await privacy.erase_traces(EraseTraces(customer_id=ADA.id))
    assert ADA.ip not in (await dump(two))["audit_logs"]


async def test_what_an_old_access_token_still_wrote_is_found_afterwards(privacy: PrivacyService, two: Database):
    """Tokens are checked without the database: one lives on for some minutes after its session has ended."""
    await privacy.erase_account(ADA.caller)
    await insert(two, *(row for row in rows_of(ADA) if row[0] in {"addresses", "preferences"}))
    async with two.transaction() as tx:
        await tx.execute("update customers set name = $2, phone = $3 where id = $1", ADA.id, ADA.mark, ADA.phone)
        erased_at = await tx.fetchval("select erased_at from customers where id = $1", ADA.id)
    await privacy.erase_traces(EraseTraces(customer_id=ADA.id, payment_customer_id=PAYER))
    found = await dump(two)
    assert [table for table in ("addresses", "preferences") if ADA.mark in found[table]] == []
    async with two.transaction() as tx:
        row = await tx.fetchrow("select name, phone, erased_at from customers where id = $1", ADA.id)
    assert tuple(row or ()) == ("Erased", None, erased_at)


async def test_a_lost_job_comes_back(privacy: PrivacyService, two: Database):
    await privacy.erase_account(ADA.caller)
    async with two.transaction() as tx:
        await tx.execute("delete from pgqueuer")
    await privacy.sweep_unforgotten()
    assert await jobs(two) == {"customer.forget": 1}
    await privacy.forget_at_providers(ForgetCustomer(customer_id=ADA.id))
    async with two.transaction() as tx:
        await tx.execute("delete from pgqueuer")
    await privacy.sweep_unforgotten()
    assert await jobs(two) == {}


async def test_the_worker_tries_a_provider_again(privacy: PrivacyService, two: Database, dsn: str, gateway: Gateway):
    gateway.down = 1
    async with working(two, dsn, privacy):
        await privacy.erase_account(ADA.caller)
        await until(lambda: gateway.forgotten)
    assert gateway.forgotten == [(PAYER, f"customer:{ADA.id}:forget")]
