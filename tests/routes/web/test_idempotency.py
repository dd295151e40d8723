import asyncio

import pytest

from hub.core.errors import Conflict, ProviderTransient, Unavailable
from hub.core.idempotency import IdempotencyKeys
from tests.routes.web.toy import Toy, bearer

ORDER = {"people": [], "amount": 5}


@pytest.fixture
def toy(db):
    made = Toy()
    made.remember(db)
    return made


def keyed(key: str = "key-1", who: str = "ada") -> dict[str, str]:
    return bearer(who, **{"Idempotency-Key": key})


async def test_the_same_request_gets_the_same_answer(toy):
    async with toy as client:
        first = await client.post("/orders", json=ORDER, headers=keyed())
        second = await client.post("/orders", json=ORDER, headers=keyed())
        assert (second.status, await second.read()) == (201, await first.read())
        assert second.headers["Idempotency-Replayed"] == "true"
        assert second.content_type == "application/json"
        assert second.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert toy.routes.made == 1


async def test_another_body_under_the_key_is_refused(toy):
    async with toy as client:
        await client.post("/orders", json=ORDER, headers=keyed())
        other = await client.post("/orders", json={**ORDER, "amount": 6}, headers=keyed())
        assert (other.status, (await other.json())["code"]) == (422, "idempotency_key_reused")
    assert toy.routes.made == 1


async def test_twice_at_once_is_done_once(toy):
    toy.routes.hold = asyncio.Event()
    async with toy as client:
        first = asyncio.create_task(client.post("/orders", json=ORDER, headers=keyed()))
        await toy.routes.entered.wait()
        second = await client.post("/orders", json=ORDER, headers=keyed())
        assert (second.status, second.headers["Retry-After"]) == (409, "1")
        toy.routes.hold.set()
        assert (await first).status == 201
    assert toy.routes.made == 1


async def test_callers_do_not_share_keys(toy):
    async with toy as client:
        mine = await client.post("/orders", json=ORDER, headers=keyed(who="ada"))
        yours = await client.post("/orders", json=ORDER, headers=keyed(who="bob"))
        assert (await mine.json())["owner"] != (await yours.json())["owner"]


@pytest.mark.parametrize(
    ("failure", "status"),
    [(RuntimeError(), 500), (ProviderTransient("kiwi"), 503), (Unavailable(), 503), (Conflict(), 409)],
)
async def test_a_failed_request_frees_its_key(toy, failure, status):
    toy.routes.fail = [failure]
    async with toy as client:
        assert (await client.post("/orders", json=ORDER, headers=keyed())).status == status
        again = await client.post("/orders", json=ORDER, headers=keyed())
        assert (again.status, "Idempotency-Replayed" in again.headers) == (201, False)


async def test_a_refused_body_can_be_corrected_under_the_same_key(toy):
    async with toy as client:
        assert (await client.post("/orders", json={}, headers=keyed())).status == 422
        assert (await client.post("/orders", json=ORDER, headers=keyed())).status == 201


async def test_a_cancelled_request_frees_its_key(toy, db):
    toy.routes.fail = [asyncio.CancelledError()]
    async with toy as client:
        with pytest.raises(Exception):  # noqa: B017, PT011 (the connection just ends)
            await client.post("/orders", json=ORDER, headers=keyed())
        assert (await client.post("/orders", json=ORDER, headers=keyed())).status == 201


async def test_a_refusal_that_is_returned_frees_its_key_too(toy):
    toy.routes.refuse = True
    async with toy as client:
        assert (await client.post("/orders", json=ORDER, headers=keyed())).status == 409
        toy.routes.refuse = False
        assert (await client.post("/orders", json=ORDER, headers=keyed())).status == 201


async def test_what_was_done_is_answered_also_when_the_answer_cannot_be_kept(toy, monkeypatch):
    async def away(*_):
        raise Unavailable

    monkeypatch.setattr(IdempotencyKeys, "store_response", away)
    async with toy as client:
        assert (await client.post("/orders", json=ORDER, headers=keyed())).status == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "kéy"])
async def test_a_key_that_cannot_be_used(toy, key):
    async with toy as client:
        answer = await client.post("/orders", json=ORDER, headers=keyed(key))
        assert (answer.status, (await answer.json())["code"]) == (400, "bad_idempotency_key")


async def test_without_a_key_nothing_is_remembered(toy):
    async with toy as client:
        for _ in range(2):
            await client.post("/orders", json=ORDER, headers=bearer("ada"))
    assert toy.routes.made == 2
