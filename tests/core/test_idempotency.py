import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from hub.core.clock import IdGenerator
from hub.core.errors import BadRequest, Conflict, InvalidRequest
from hub.core.idempotency import (
    CLAIM_LEASE,
    KEY_LIFETIME,
    IdempotencyKeys,
    KeyClaim,
    StoredResponse,
    fingerprint_request,
    validate_key,
)

MARK = fingerprint_request("/orders", b"{}")
DONE = StoredResponse(201, {"Content-Type": "application/json"}, b'{"id":1}')


class Clock:
    at = datetime(2027, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def forward(self, time: timedelta) -> None:
        self.at += time


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def keys(db, clock):
    return IdempotencyKeys(db, clock, IdGenerator(clock))


async def claimed(keys, mark=MARK, caller="ada", route="POST /orders"):
    return await keys.claim_key(caller, route, "k", mark)


async def test_an_answer_is_kept_byte_for_byte(keys):
    await keys.store_response(await claimed(keys), DONE)
    assert await claimed(keys) == DONE


async def test_in_flight_is_a_conflict_that_passes(keys):
    await claimed(keys)
    with pytest.raises(Conflict) as caught:
        await claimed(keys)
    assert caught.value.retry_after == 1


async def test_of_many_at_once_one_goes_on(keys):
    found = await asyncio.gather(*(claimed(keys) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, KeyClaim) for one in found) == 1
    assert sum(isinstance(one, Conflict) for one in found) == 4


@pytest.mark.parametrize("done", [True, False])
async def test_another_request_under_the_key_is_refused_at_any_time(keys, clock, done):
    claim = await claimed(keys)
    if done:
        await keys.store_response(claim, DONE)
    else:
        clock.forward(CLAIM_LEASE)
    with pytest.raises(InvalidRequest):
        await claimed(keys, mark=fingerprint_request("/orders", b"{1}"))


async def test_a_key_left_by_a_dead_process_is_taken_over_after_its_lease(keys, clock):
    await claimed(keys)
    clock.forward(CLAIM_LEASE)
    assert isinstance(await claimed(keys), KeyClaim)


async def test_who_lost_his_key_can_neither_answer_nor_free_it(keys, clock):
    slow = await claimed(keys)
    clock.forward(CLAIM_LEASE)
    quick = await claimed(keys)
    await keys.release_key(slow)
    await keys.store_response(slow, StoredResponse(200, {}, b"late"))
    await keys.store_response(quick, DONE)
    assert await claimed(keys) == DONE


async def test_a_released_key_is_free(keys):
    await keys.release_key(await claimed(keys))
    assert isinstance(await claimed(keys, mark=fingerprint_request("/orders", b"other")), KeyClaim)


async def test_callers_and_routes_have_keys_of_their_own(keys):
    for caller, route in [("ada", "POST /a"), ("bob", "POST /a"), ("ada", "POST /b")]:
        assert isinstance(await claimed(keys, caller=caller, route=route), KeyClaim)


async def test_keys_live_a_day_and_are_swept_then(keys, clock, db):
    await keys.store_response(await claimed(keys), DONE)
    clock.forward(KEY_LIFETIME - timedelta(seconds=1))
    async with db.transaction() as tx:
        assert await keys.delete_expired_keys(tx) == 0
    clock.forward(timedelta(seconds=1))
    assert isinstance(await claimed(keys), KeyClaim)
    clock.forward(KEY_LIFETIME)
    async with db.transaction() as tx:
        assert await keys.delete_expired_keys(tx) == 1


async def test_travellers_cannot_read_the_table(keys, db):
    from uuid import uuid4

    await claimed(keys)
    with pytest.raises(Exception, match="permission denied"):
        async with db.transaction(uuid4()) as tx:
            await tx.fetch("select * from idempotency_keys")


def test_the_path_and_the_body_make_the_fingerprint():
    seen = {fingerprint_request(path, body) for path in ("/a", "/b") for body in (b"", b"x")}
    assert len(seen) == 4


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "é"])
def test_keys_are_printable_ascii(key):
    with pytest.raises(BadRequest):
        validate_key(key)
