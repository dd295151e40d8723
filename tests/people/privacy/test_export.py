"""What somebody is given of themselves: everything, and nothing of anybody else."""

import io
import json
import re
import zipfile
from datetime import datetime

import pytest

from hub.core.db import Database
from hub.core.errors import NotFound
from hub.people.privacy import PrivacyService
from hub.people.privacy.export import EXPORT_QUERIES
from tests.people.privacy.people import ADA, BEN

READABLE = """
    select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
        and has_any_column_privilege('authenticated', oid, 'select')
"""
NOT_TOLD = {
    "devices.hash": "a secret",
    "bookings.idempotency_key": "the frontend's own, for a day",
    "messages.fact": "made of the ids that are told",
    "messages.token_id": "names a secret",
    "messages.airline_references": "told with the booking",
    "messages.rendered": "a sealed copy of what is told, while the message is on its way",
    "bookings.new_amount": "an offer that was open for minutes",
    "payments.checked_at": "when the hub last compared it with the provider",
    "payments.attempt": "a part of the hub's own idempotency keys",
    "payments.fee": "what the provider takes from the hub",
    "payments.fee_currency": "the same",
    "refunds.requested_by": "names a member of staff",
    "transactions.actor": "the same",
    "trip_plans.share_token": "a secret",
    "trip_plans.place": "made of the destination",
    "trip_plans.words": "made of the title and the destination",
    "trip_plans.cache_key": "a hash of the request",
    "trip_plans.fingerprint": "the same",
    "trip_plans.idempotency_key": "the frontend's own",
    "trip_plans.lease": "who works on it, for seconds",
    "trip_plans.lease_until": "the same",
    "plan_attachments.key": "where the file lies",
    "customers.payment_account": "the hub's own account at the payment provider",
    "customers.payment_customer_losses": "part of the keys of the hub's requests",
    "payments.account": "the hub's own account at the payment provider",
}
OWNER = "customer_id"


def table_of(query: str) -> str:
    return re.findall(r"\sfrom (\w+)", query)[0]


async def test_every_table_that_travellers_can_read_is_in_it(db: Database):
    """Whoever lets travellers read a new table adds a line to KINDS."""
    async with db.connection() as connection:
        readable = {row["relname"] for row in await connection.fetch(READABLE)}
    assert {table_of(query) for _, query in EXPORT_QUERIES} == readable


@pytest.mark.parametrize(("kind", "query"), EXPORT_QUERIES)
async def test_every_column_is_told_or_left_out_for_a_reason(db: Database, kind: str, query: str):
    table = table_of(query)
    async with db.connection() as connection:
        rows = await connection.fetch(
            "select column_name from information_schema.columns where table_schema = 'public' and table_name = $1",
            table,
        )
    missing = {row["column_name"] for row in rows if not re.search(rf"\b{row['column_name']}\b", query)}
    assert {one for one in missing if f"{table}.{one}" not in NOT_TOLD} <= {OWNER}, kind


async def test_ada_gets_all_that_is_hers_and_nothing_of_ben(privacy: PrivacyService, two: Database):
    export = await privacy.export_data(ADA.caller)
    text = export.to_json().decode()
    assert [kind for kind, rows in export.rows_by_kind.items() if not rows] == []
    for mark in (ADA.mark, ADA.phone, ADA.ip, str(ADA.id)):
        assert mark in text
    for mark in (BEN.mark, BEN.phone, BEN.ip, str(BEN.id)):
        assert mark not in text


async def test_no_secret_is_in_it(privacy: PrivacyService, two: Database):
    text = (await privacy.export_data(ADA.caller)).to_json().decode()
    assert f"hash-{ADA.mark}" not in text
    assert not re.search(r'"(hash|sealed|password_hash|offer|placed)"', text)


async def test_money_has_its_currency_and_times_their_zone(privacy: PrivacyService, two: Database):
    data = json.loads((await privacy.export_data(ADA.caller)).to_json())["data"]
    assert data["bookings"][0]["total"] == {"amount": 29900 + ADA.number, "currency": "GBP"}
    assert data["payments"][0]["captured"] == {"amount": 29900 + ADA.number, "currency": "GBP"}
    assert datetime.fromisoformat(data["profile"][0]["created_at"]).tzinfo is not None
    assert data["travelers"][0]["booking_reference"] == data["bookings"][0]["reference"]


async def test_what_staff_did_is_told_and_their_address_is_not(privacy: PrivacyService, two: Database):
    acts = (await privacy.export_data(ADA.caller)).rows_by_kind["activity"]
    assert [(act["action"], act["by"], act["ip"]) for act in acts] == [
        ("session.started", "visitor", ADA.ip),
        ("account.unlocked", "staff", None),
    ]


async def test_the_archive_has_a_file_for_each_kind_and_says_so(privacy: PrivacyService, two: Database):
    export = await privacy.export_data(ADA.caller)
    with zipfile.ZipFile(io.BytesIO(export.to_zip())) as archive:
        assert archive.testzip() is None
        index = json.loads(archive.read("index.json"))
        assert {one["file"] for one in index["files"]} | {"index.json"} == set(archive.namelist())
        for one in index["files"]:
            assert len(json.loads(archive.read(one["file"]))) == one["entries"]
    assert export.to_zip() == export.to_zip()


async def test_it_is_written_down_without_what_it_held(privacy: PrivacyService, two: Database):
    await privacy.export_data(ADA.caller)
    async with two.transaction(ADA.id) as tx:
        row = await tx.fetchrow("select data from audit_logs where action = 'customer.exported'")
    assert row is not None
    assert row["data"]["entries"]["bookings"] == 1
    assert ADA.mark not in str(row["data"])


async def test_after_an_erasure_there_is_nothing_to_export(privacy: PrivacyService, two: Database):
    await privacy.erase_account(ADA.caller)
    with pytest.raises(NotFound):
        await privacy.export_data(ADA.caller)


async def test_somebody_unknown_has_nothing_to_export(privacy: PrivacyService, db: Database):
    with pytest.raises(NotFound):
        await privacy.export_data(ADA.caller)
