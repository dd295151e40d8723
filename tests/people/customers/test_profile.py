import asyncio

import pytest

from hub.core.db import Database
from hub.core.errors import NotFound
from hub.people.customers import Customers, Preferences
from hub.people.identity import Caller
from tests.people.customers.people import ADA, BEN, audited


async def test_what_is_not_given_stays_as_it_is(customers: Customers):
    await customers.change_profile(ADA, name="Ada Lovelace", phone="+447700900123")
    changed = await customers.change_profile(ADA, name="Ada King")
    assert (changed.name, changed.phone) == ("Ada King", "+447700900123")
    assert (await customers.change_profile(ADA, phone=None)).phone is None
    assert await customers.get_profile(ADA) == await customers.change_profile(ADA)


async def test_the_audit_names_the_fields_and_not_what_is_in_them(customers: Customers):
    await customers.change_profile(ADA, name="Ada", phone="+447700900123")
    await customers.change_profile(ADA, name="Ada", phone="+447700900123")
    assert await audited(customers.db, ADA) == [("customer.changed", {"fields": ["phone"]})]


async def test_somebody_elses_profile_does_not_move(customers: Customers):
    before = await customers.get_profile(BEN)
    await customers.change_profile(ADA, name="Eve")
    assert await customers.get_profile(BEN) == before


async def erase(db: Database, who: Caller) -> None:
    async with db.transaction() as tx:
        await tx.execute("update customers set erased_at = now() where id = $1", who.id)


async def test_an_erased_traveller_is_not_there_and_can_change_nothing(customers: Customers):
    await erase(customers.db, ADA)
    for attempt in (
        customers.get_profile(ADA),
        customers.change_profile(ADA, name="Eve"),
        customers.change_preferences(ADA, seat="aisle"),
    ):
        with pytest.raises(NotFound):
            await attempt
    async with customers.db.transaction() as tx:
        assert (await customers.find_customer(tx, ADA.id)).erased_at is not None


async def test_in_each_account_of_the_payment_provider_the_first_customer_is_kept(customers: Customers):
    async with customers.db.transaction() as tx:
        assert await customers.store_payment_customer(tx, ADA.id, "cus_1", "acct_1/test") == "cus_1"
        assert await customers.store_payment_customer(tx, ADA.id, "cus_2", "acct_1/test") == "cus_1"
        assert await customers.store_payment_customer(tx, ADA.id, "cus_3", "acct_1/live") == "cus_3"
        await customers.drop_payment_customer(tx, ADA.id, "cus_2")
        assert (await customers.find_customer(tx, ADA.id)).payment_customer_id == "cus_3"
        await customers.drop_payment_customer(tx, ADA.id, "cus_3")
        assert await customers.store_payment_customer(tx, ADA.id, "cus_4", "acct_1/live") == "cus_4"


async def test_before_anything_was_said_there_are_defaults(customers: Customers):
    assert await customers.get_preferences(ADA) == Preferences()


async def test_preferences_are_changed_one_by_one(customers: Customers):
    await customers.change_preferences(ADA, seat="aisle", language="en-GB", extra={"theme": {"dark": True}})
    await customers.change_preferences(ADA, seat=None, currency="EUR")
    found = await customers.get_preferences(ADA)
    assert (found.seat, found.language, found.currency, found.cabin) == (None, "en-GB", "EUR", None)
    assert found.extra == {"theme": {"dark": True}}
    assert await customers.get_preferences(BEN) == Preferences()


async def test_two_changes_at_once_are_both_kept(customers: Customers):
    await asyncio.gather(
        customers.change_preferences(ADA, seat="aisle"),
        customers.change_preferences(ADA, meal="VGML"),
        customers.change_preferences(ADA, home_airport="LHR"),
    )
    found = await customers.get_preferences(ADA)
    assert (found.seat, found.meal, found.home_airport) == ("aisle", "VGML", "LHR")


async def test_a_consent_can_be_proved_later(customers: Customers):
    await customers.change_preferences(ADA, newsletter=True, meal="VGML")
    await customers.change_preferences(ADA, newsletter=True)
    await customers.change_preferences(ADA, newsletter=False)
    assert await audited(customers.db, ADA) == [
        ("preferences.changed", {"fields": ["meal", "newsletter"], "newsletter": True}),
        ("preferences.changed", {"fields": ["newsletter"], "newsletter": False}),
    ]
