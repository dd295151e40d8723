import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from hub.core.errors import Conflict, NotFound
from hub.people.customers import Customers, NewAddress
from hub.people.customers.addresses import MAX_ADDRESSES
from tests.people.customers.people import ADA, BEN, audited

HOME = NewAddress("home", "Ada Lovelace", "12 St James's Square", "London", "GB", postcode="SW1Y 4JH")


async def defaults(customers: Customers) -> list[bool]:
    return [one.is_default for one in await customers.address_book.list_addresses(ADA)]


async def test_the_first_address_is_the_default_and_a_later_one_only_when_asked(customers: Customers):
    first = await customers.address_book.add_address(ADA, HOME)
    second = await customers.address_book.add_address(ADA, replace(HOME, kind="work"))
    assert (first.is_default, second.is_default) == (True, False)
    third = await customers.address_book.add_address(ADA, replace(HOME, is_default=True))
    assert [one.id for one in await customers.address_book.list_addresses(ADA)] == [third.id, second.id, first.id]
    assert await defaults(customers) == [True, False, False]


async def test_what_was_given_is_what_is_kept(customers: Customers):
    wanted = NewAddress("billing", "N", "L1", "C", "FR", "L2", "R", "75001", "+33123456789", is_default=True)
    await customers.address_book.add_address(ADA, wanted)
    (kept,) = await customers.address_book.list_addresses(ADA)
    assert all(getattr(kept, name) == getattr(wanted, name) for name in NewAddress.__slots__)


async def test_a_change_replaces_all_but_the_choice_of_the_default(customers: Customers):
    one = await customers.address_book.add_address(ADA, HOME)
    changed = await customers.address_book.change_address(ADA, one.id, NewAddress("work", "A", "1 Rue", "Paris", "FR"))
    assert (changed.city, changed.postcode, changed.is_default, changed.id) == ("Paris", None, True, one.id)
    assert changed.updated_at > one.updated_at


async def test_the_default_moves(customers: Customers):
    first = await customers.address_book.add_address(ADA, HOME)
    second = await customers.address_book.add_address(ADA, HOME)
    assert (await customers.address_book.set_default_address(ADA, second.id)).is_default
    assert (await customers.address_book.change_address(ADA, first.id, replace(HOME, is_default=True))).is_default
    assert await defaults(customers) == [True, False]


async def test_after_the_default_one_the_newest_of_the_others_takes_its_place(customers: Customers):
    first, _, third = [await customers.address_book.add_address(ADA, HOME) for _ in range(3)]
    await customers.address_book.remove_address(ADA, first.id)
    left = await customers.address_book.list_addresses(ADA)
    assert (left[0].id, left[0].is_default, left[1].is_default) == (third.id, True, False)


async def test_the_last_one_can_go(customers: Customers):
    one = await customers.address_book.add_address(ADA, HOME)
    await customers.address_book.remove_address(ADA, one.id)
    assert await customers.address_book.list_addresses(ADA) == ()


async def test_an_address_of_somebody_else_is_not_here(customers: Customers):
    mine, bens = (
        await customers.address_book.add_address(ADA, HOME),
        await customers.address_book.add_address(BEN, HOME),
    )
    for attempt in (
        customers.address_book.change_address(ADA, bens.id, replace(HOME, city="Paris", is_default=True)),
        customers.address_book.set_default_address(ADA, bens.id),
        customers.address_book.remove_address(ADA, bens.id),
        customers.address_book.remove_address(ADA, uuid4()),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await customers.address_book.list_addresses(ADA) == (mine,)
    assert await customers.address_book.list_addresses(BEN) == (bens,)


async def test_of_many_at_once_the_book_takes_as_many_as_it_holds(customers: Customers):
    for _ in range(MAX_ADDRESSES - 2):
        await customers.address_book.add_address(ADA, HOME)
    wanted = replace(HOME, is_default=True)
    results = await asyncio.gather(
        *(customers.address_book.add_address(ADA, wanted) for _ in range(5)), return_exceptions=True
    )
    refused = [one for one in results if isinstance(one, Conflict)]
    assert [one.code for one in refused] == ["too_many_addresses"] * 3
    assert (await defaults(customers)).count(True) == 1
    assert len(await defaults(customers)) == MAX_ADDRESSES


async def test_every_act_is_audited_without_the_address_itself(customers: Customers):
    first, second = [await customers.address_book.add_address(ADA, HOME) for _ in range(2)]
    await customers.address_book.change_address(ADA, first.id, HOME)
    await customers.address_book.set_default_address(ADA, second.id)
    await customers.address_book.remove_address(ADA, second.id)
    expected = [("added", first), ("added", second), ("changed", first), ("made_default", second), ("removed", second)]
    assert await audited(customers.db, ADA) == [
        (f"address.{act}", {"address_id": str(one.id)}) for act, one in expected
    ]
