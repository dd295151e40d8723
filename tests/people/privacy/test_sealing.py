"""Passports and identity cards are sealed at rest, and open only for those who need them."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from hub.core.db import Database
from hub.core.sealing import SecretBox, UnsealError
from hub.people.privacy import PrivacyService
from hub.sales.bookings import TravelDocuments
from hub.supply.flights import Traveler
from tests.people.privacy.people import ADA, Clock
from tests.support.running import ADA as TRAVELER
from tests.support.running import Running, soon

NUMBER = "K98217364"
BOOKING = UUID(int=7)
PERSON = Traveler("ms", "f", "Ada", "Lovelace", date(1990, 12, 10), "GB", document_number=NUMBER)


@pytest.fixture
def documents(db: Database) -> TravelDocuments:
    clock: Any = Clock()
    return TravelDocuments(db, clock, SecretBox(["s" * 32]))


async def places_of(db: Database, text: str) -> list[str]:
    """The tables in which the text stands somewhere."""
    async with db.transaction() as tx:
        tables = await tx.fetch("select tablename as name from pg_tables where schemaname = 'public'")
        counts = {
            row["name"]: await tx.fetchval(f"select count(*) from {row['name']} t where t::text ilike $1", f"%{text}%")
            for row in tables
        }
    return [name for name, count in counts.items() if count]


async def test_a_passport_reaches_the_supplier_and_stands_nowhere_in_the_database(running: Running, caplog):
    await running.register()
    offer = await running.offer()
    document = {"number": NUMBER, "expires_on": (soon() + timedelta(days=1000)).isoformat()}
    body = {
        "offer_id": offer["id"],
        "travelers": [TRAVELER | {"document": document}],
        "contact": {"email": "a@example.com"},
    }
    booking = await running.good("POST", "/api/bookings", body, **{"Idempotency-Key": "k-1"})
    await running.pay(booking)
    assert (await running.settled(booking))["status"] == "confirmed"
    assert await places_of(running.db, NUMBER) == []
    assert await places_of(running.db, document["expires_on"]) == []
    assert NUMBER not in caplog.text + str(booking)
    [order] = await running.orders()
    assert order["documents"] == [NUMBER]


async def test_its_owner_still_gets_it_in_the_export(running: Running):
    await running.register()
    offer = await running.offer()
    document = {"number": NUMBER, "expires_on": (soon() + timedelta(days=1000)).isoformat()}
    body = {
        "offer_id": offer["id"],
        "travelers": [TRAVELER | {"document": document}],
        "contact": {"email": "a@example.com"},
    }
    await running.good("POST", "/api/bookings", body)
    exported = await running.good("GET", "/api/user/export")
    [traveler] = exported["data"]["travelers"]
    assert (traveler["document_number"], traveler["document_expires_on"]) == (NUMBER, document["expires_on"])
    assert "document" not in traveler


async def test_documents_that_were_stored_in_the_clear_are_sealed(
    db: Database, documents: TravelDocuments, privacy: PrivacyService, two: Database
):
    plain = f"P{ADA.mark}"
    assert "booking_travelers" in await places_of(db, plain)
    assert (await privacy.export_data(ADA.caller)).rows_by_kind["travelers"][0]["document_number"] == plain
    await documents.seal_plain_documents()
    assert "booking_travelers" not in await places_of(db, plain)
    assert (await privacy.export_data(ADA.caller)).rows_by_kind["travelers"][0]["document_number"] == plain


async def test_an_erased_document_is_not_sealed_back(
    documents: TravelDocuments, privacy: PrivacyService, two: Database
):
    async with two.transaction() as tx:
        row = await tx.fetchrow(
            "select booking_id, position, document_number, document_expires_on from booking_travelers"
        )
    await documents.seal_plain_documents()
    await privacy.erase_account(ADA.caller)
    await documents._seal_row(row)
    async with two.transaction() as tx:
        query = "select document, document_number, document_expires_on from booking_travelers where booking_id = $1"
        assert tuple(await tx.fetchrow(query, ADA.id)) == (None, None, None)


async def test_one_that_cannot_be_sealed_does_not_stop_the_others(two: Database, documents: TravelDocuments):
    class Stubborn(SecretBox):
        def seal_text(self, purpose: str, text: str) -> bytes:
            if str(ADA.id) in purpose:
                raise ValueError("no")
            return super().seal_text(purpose, text)

    clock: Any = Clock()
    await TravelDocuments(two, clock, Stubborn(["s" * 32])).seal_plain_documents()
    async with two.transaction() as tx:
        left = await tx.fetch("select booking_id from booking_travelers where document_number is not null")
    assert [row["booking_id"] for row in left] == [ADA.id]


def test_a_sealed_document_opens_only_in_its_own_place(documents: TravelDocuments):
    sealed = documents.seal_document(BOOKING, 0, PERSON)
    assert sealed is not None
    assert NUMBER.encode() not in sealed
    assert documents.seal_document(BOOKING, 0, PERSON) != sealed, "a nonce of its own each time"
    assert documents._open(BOOKING, 0, sealed) == (NUMBER, None)
    with pytest.raises(UnsealError):
        documents._open(BOOKING, 1, sealed)


def test_a_replaced_key_still_opens_and_a_lost_one_is_told(documents: TravelDocuments):
    row = {"booking_id": BOOKING, "position": 0, "document": documents.seal_document(BOOKING, 0, PERSON)}
    newer = TravelDocuments(documents.db, documents.clock, SecretBox(["n" * 32, "s" * 32]))
    assert newer.reveal_document(row)["document_number"] == NUMBER
    lost = TravelDocuments(documents.db, documents.clock, SecretBox(["x" * 32]))
    assert lost.reveal_document(row)["document_number"] == "unreadable"


def test_a_document_does_not_show_in_the_repr():
    assert NUMBER not in repr(PERSON)


async def test_a_lost_key_ends_the_booking_with_the_money_back(running: Running):
    await running.register()
    offer = await running.offer()
    person = TRAVELER | {"document": {"number": NUMBER}}
    body = {"offer_id": offer["id"], "travelers": [person], "contact": {"email": "a@example.com"}}
    booking = await running.good("POST", "/api/bookings", body)
    async with running.db.transaction() as tx:
        await tx.execute("update booking_travelers set document = '\\x00112233445566778899aabbccddeeff00112233'")
    await running.pay(booking)
    done = await running.settled(booking)
    assert (done["failure"], done["payment_status"]) == ("documents_unreadable", "released")
    assert await running.orders() == []
