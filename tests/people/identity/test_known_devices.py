"""Devices: how one is known again, and how many are."""

import asyncio
from uuid import uuid4

import pytest

from hub.core.clock import IdGenerator
from hub.core.context import bind_context
from hub.core.db import Database
from hub.people.identity.known_devices import MAX_DEVICES, KnownDevices
from tests.people.identity.hand import HandClock, somebody


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def devices(clock: HandClock) -> KnownDevices:
    return KnownDevices(clock, IdGenerator(clock))


async def test_a_device_is_known_by_the_secret_that_it_was_given(db: Database, devices: KnownDevices):
    ada = await somebody(db)
    async with db.transaction() as tx:
        assert await devices.find_device(tx, ada, None) is None
        device, secret, is_new = await devices.remember_device(tx, ada, None)
        assert is_new
        assert await devices.find_device(tx, ada, secret) == device
        assert await devices.remember_device(tx, ada, secret) == (device, secret, False)
        assert await devices.count_devices(tx, ada) == 1


async def test_where_it_was_last_is_kept_and_its_secret_is_not(db: Database, devices: KnownDevices, clock: HandClock):
    ada = await somebody(db)
    async with db.transaction() as tx:
        with bind_context(ip="192.0.2.1", user_agent="first"):
            _, secret, _ = await devices.remember_device(tx, ada, None)
        clock.move(hours=1)
        with bind_context(ip="192.0.2.2", user_agent="second"):
            await devices.remember_device(tx, ada, secret)
        row = await tx.fetchrow("select * from devices")
    assert (row["ip"], row["user_agent"], row["last_seen_at"]) == ("192.0.2.2", "second", clock.now())
    assert secret.encode() not in row["hash"]
    assert bytes.fromhex(secret) != row["hash"]


@pytest.mark.parametrize("planted", ["", "made-up", "é\ud800", "x" * 10_000])
async def test_a_secret_that_is_not_ours_is_replaced(db: Database, devices: KnownDevices, planted: str):
    """Else whoever plants one in a browser would be known as soon as its owner signs in."""
    ada = await somebody(db)
    async with db.transaction() as tx:
        assert await devices.find_device(tx, ada, planted) is None
        _, secret, is_new = await devices.remember_device(tx, ada, planted)
        assert is_new
        assert secret != planted
        assert await devices.find_device(tx, ada, planted) is None


async def test_a_device_is_known_to_its_owner_alone(db: Database, devices: KnownDevices):
    ada, ben = await somebody(db), await somebody(db, "ben@example.com")
    async with db.transaction() as tx:
        _, secret, _ = await devices.remember_device(tx, ada, None)
        assert await devices.find_device(tx, ben, secret) is None
        assert await devices.find_device(tx, uuid4(), secret) is None
        _, bens, is_new = await devices.remember_device(tx, ben, secret)
        assert is_new
        assert bens != secret
        assert await devices.find_device(tx, ada, secret)


async def test_the_twenty_that_were_seen_last_are_remembered(db: Database, devices: KnownDevices, clock: HandClock):
    ada, ben = await somebody(db), await somebody(db, "ben@example.com")
    async with db.transaction() as tx:
        await devices.remember_device(tx, ben, None)
        secrets = []
        for _ in range(MAX_DEVICES):
            clock.move(minutes=1)
            secrets.append((await devices.remember_device(tx, ada, None))[1])
        clock.move(minutes=1)
        await devices.remember_device(tx, ada, secrets[0])
        _, latest, _ = await devices.remember_device(tx, ada, None)
        known = [await devices.find_device(tx, ada, one) is not None for one in (*secrets, latest)]
        assert known == [True, False, *[True] * (MAX_DEVICES - 1)]
        assert (await devices.count_devices(tx, ada), await devices.count_devices(tx, ben)) == (MAX_DEVICES, 1)


async def test_the_device_that_is_here_now_is_kept_whatever_other_clocks_said(
    db: Database, devices: KnownDevices, clock: HandClock
):
    ada = await somebody(db)
    async with db.transaction() as tx:
        for _ in range(MAX_DEVICES):
            await devices.remember_device(tx, ada, None)
        clock.move(minutes=-5)
        _, latest, _ = await devices.remember_device(tx, ada, None)
        assert await devices.find_device(tx, ada, latest)


async def test_sign_ins_at_once_remember_all_their_devices(db: Database, devices: KnownDevices):
    ada = await somebody(db)

    async def one() -> str:
        async with db.transaction() as tx:
            return (await devices.remember_device(tx, ada, None))[1]

    secrets = await asyncio.gather(*(one() for _ in range(10)))
    async with db.transaction() as tx:
        assert all([await devices.find_device(tx, ada, secret) for secret in secrets])


async def test_it_works_within_the_travellers_own_transaction(db: Database, devices: KnownDevices):
    ada = await somebody(db)
    async with db.transaction(ada) as tx:
        device, secret, _ = await devices.remember_device(tx, ada, None)
        assert await devices.find_device(tx, ada, secret) == device
        assert await tx.fetchval("select current_user") == "authenticated"
