import asyncio
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from hub.core.errors import Gone, NotFound, ProviderPermanent, ProviderTimeout
from hub.core.money import Money
from hub.supply.flights import PriceCheck


@pytest.fixture
async def shown(flights, ask):
    """The first offer of a search, as the traveller saw it."""
    return (await ask(flights))["offers"][0]


async def test_an_offer_is_found_by_its_id_on_any_node(open_flights, kiwi, shown, query):
    stored = await open_flights(kiwi).find_offer(shown["id"])
    assert (stored.offer.total, stored.offer.provider_ref) == (Money(10000, "EUR"), "secret-token")
    assert stored.offer.slices == kiwi.offers[1].slices
    assert stored.query == query
    assert stored.public_json == shown
    assert stored.sandbox is False


async def test_each_id_is_its_own_offer(flights, ask):
    offers = (await ask(flights))["offers"]
    found = [(await flights.find_offer(one["id"])).offer.total.amount for one in offers]
    assert found == [10000, 12000]


UNKNOWN = "5f0c0de5" * 4


@pytest.mark.parametrize(
    "offer_id",
    ["", "off", "off_1", "off_" + "z" * 32 + "_0", f"off_{UNKNOWN}_0", f"off_{UNKNOWN}_-1", "off_{}_²", "\x00"],
)
async def test_an_id_that_is_nobodys_is_not_found(flights, offer_id):
    with pytest.raises(NotFound):
        await flights.find_offer(offer_id)


async def test_a_number_beyond_the_search_is_not_found(flights, shown):
    with pytest.raises(NotFound):
        await flights.find_offer(shown["id"].rpartition("_")[0] + "_9999")


async def test_an_expired_offer_is_gone(flights, shown, clock):
    clock.move(minutes=30)
    with pytest.raises(Gone) as gone:
        await flights.find_offer(shown["id"])
    assert (gone.value.status, gone.value.code) == (410, "offer_expired")


async def test_a_day_later_the_search_is_swept(flights, shown, clock, db):
    clock.move(hours=24, minutes=29)
    await flights.delete_old_searches()
    async with db.transaction() as tx:
        assert await tx.fetchval("select count(*) from flight_searches") == 1
        clock.move(minutes=2)
        await flights.delete_old_searches()
        assert await tx.fetchval("select count(*) from flight_searches") == 0


async def test_a_traveller_cannot_read_the_suppliers_tokens(db, shown):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.transaction(uuid4()) as tx:
            await tx.fetch("select * from flight_searches")


async def test_a_check_that_finds_the_price_unchanged(flights, kiwi, shown):
    kiwi.checks = PriceCheck(available=True, total=Money(10000, "EUR"))
    found = await flights.check_offer(shown["id"])
    assert (found.available, found.price_changed, found.total) == (True, False, Money(10000, "EUR"))


async def test_a_check_that_finds_another_price(flights, kiwi, shown, clock):
    kiwi.checks = PriceCheck(available=True, total=Money(11000, "EUR"))
    found = await flights.check_offer(shown["id"])
    assert (found.price_changed, found.total, found.stored.offer.total.amount) == (True, Money(11000, "EUR"), 10000)
    assert found.checked_at == clock.now()


async def test_a_check_that_finds_nothing_any_more(flights, kiwi, shown):
    kiwi.checks = PriceCheck(available=False, total=None)
    found = await flights.check_offer(shown["id"])
    assert (found.available, found.price_changed) == (False, False)


async def test_a_token_that_the_supplier_has_forgotten_is_gone(flights, kiwi, shown):
    kiwi.error = ProviderPermanent("kiwi", provider_code="offer_gone")
    with pytest.raises(Gone):
        await flights.check_offer(shown["id"])


async def test_another_refusal_stays_the_suppliers(flights, kiwi, shown):
    kiwi.error = ProviderPermanent("kiwi")
    with pytest.raises(ProviderPermanent):
        await flights.check_offer(shown["id"])


async def test_a_supplier_that_never_ends_checking_is_a_timeout_that_names_it(open_flights, kiwi, shown):
    kiwi.silent = True
    async with asyncio.timeout(2):
        with pytest.raises(ProviderTimeout, match="kiwi"):
            await open_flights(kiwi, supplier_timeout=0.01).check_offer(shown["id"])


async def test_an_offer_of_a_supplier_that_is_off_cannot_be_checked(open_flights, duffel, shown):
    with pytest.raises(Gone):
        await open_flights(duffel).check_offer(shown["id"])


async def test_a_search_is_kept_until_its_last_offer_ends(open_flights, kiwi, build, ask, clock):
    kiwi.offers.append(build.offer(9000, segments=(build.segment("9"),), lives=timedelta(hours=2)))
    flights = open_flights(kiwi)
    cheapest = (await ask(flights))["offers"][0]
    clock.move(minutes=119)
    assert (await flights.find_offer(cheapest["id"])).offer.total.amount == 9000
