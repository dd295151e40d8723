"""The door itself, with a provider of the test's own: what it reads, what it hands on, what it refuses."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from hub.core.clock import IdGenerator, SystemClock
from hub.core.db import Database
from hub.core.errors import BadRequest, Unauthenticated
from hub.core.inbox import Inbox, RawWebhook, VerifiedWebhook
from hub.core.jobs import JobQueue
from hub.core.metrics import HttpMetrics, new_registry
from routes.web.middleware import EdgeMiddleware, RequestDrain
from routes.webhooks import receiver
from routes.webhooks.receiver import MAX_BODY_BYTES, WebhookRoutes
from routes.webhooks.signature_failures import SignatureFailureLimiter


@dataclass
class Source:
    """Trusts whoever knows its address; its events name themselves."""

    name: str = "bank"
    is_configured: bool = True
    seen: list[RawWebhook] = field(default_factory=list)

    def verify_webhook(self, raw: RawWebhook) -> VerifiedWebhook:
        self.seen.append(raw)
        if raw.path_token == "wrong":
            raise Unauthenticated("The address is not known.", code="bad_signature")
        try:
            payload = json.loads(raw.body)
            return VerifiedWebhook(payload["id"], "paid", payload)
        except (ValueError, RecursionError, TypeError, KeyError) as error:
            raise BadRequest("The body cannot be read.") from error


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
async def client(db: Database, source: Source) -> AsyncIterator[TestClient[Any, Any]]:
    clock = SystemClock()
    app = web.Application()
    EdgeMiddleware(clock, IdGenerator(clock), HttpMetrics(new_registry()), RequestDrain()).install_middleware(app)
    sources = {"bank": source, "silent": Source("silent", is_configured=False)}
    WebhookRoutes(
        Inbox(db, JobQueue(), clock), sources, "https://hub.example", SignatureFailureLimiter(clock)
    ).install_routes(app)
    async with TestClient(TestServer(app)) as found:
        yield found


async def post(client: TestClient[Any, Any], path: str, body: Any, **headers: str) -> tuple[int, Any]:
    async with client.post(URL(f"/webhooks/{path}", encoded=True), data=body, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def in_pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65536):
        yield b" " * 65536
    yield b" " * (size % 65536)


async def test_the_source_gets_the_bytes_and_the_public_address(client: TestClient[Any, Any], source: Source):
    body = b'{"id":  "evt_1", "note": "\xc3\xa9"}'
    answer = await post(client, "bank/secret?a=%2F&b=c", body, Host="evil.example", **{"X-Forwarded-Host": "evil"})
    assert answer == (202, {"received": True, "duplicate": False})
    (raw,) = source.seen
    assert (raw.body, raw.path_token) == (body, "secret")
    assert raw.url == "https://hub.example/webhooks/bank/secret?a=%2F&b=c"


@pytest.mark.parametrize("path", ["silent", "nobody", "silent/secret", "%00", "..%2f"])
async def test_no_secret_no_door(client: TestClient[Any, Any], source: Source, path: str):
    status, problem = await post(client, path, b"{}")
    assert (status, problem["status"], source.seen) == (404, 404, [])


async def test_a_bad_signature_is_a_problem_and_leaves_nothing(client: TestClient[Any, Any], db: Database):
    status, problem = await post(client, "bank/wrong", b'{"id": "evt_1"}')
    assert (status, problem["code"]) == (401, "bad_signature")
    async with db.transaction() as tx:
        assert await tx.fetchval("select count(*) from webhook_events") == 0


async def test_the_largest_body_is_taken_in_pieces_and_a_larger_one_is_not(
    client: TestClient[Any, Any], source: Source
):
    assert (await post(client, "bank", in_pieces(MAX_BODY_BYTES)))[0] == 400
    assert len(source.seen[0].body) == MAX_BODY_BYTES
    assert (await post(client, "bank", in_pieces(MAX_BODY_BYTES + 1)))[0] == 413
    assert len(source.seen) == 1


async def test_a_body_that_does_not_arrive_is_not_waited_for(
    client: TestClient[Any, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(receiver, "BODY_TIMEOUT", 0.1)
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"POST /webhooks/bank HTTP/1.1\r\nHost: hub\r\nContent-Length: 10\r\n\r\n{")
    head = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    assert b" 400 " in head


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"id":' * 5_000 + b"1" + b"}" * 5_000,
        b'{"id": "evt", "n": ' + b"9" * 4000 + b"}",
        b'{"id": "evt", "n": ' + b"9" * 100_000 + b"}",
        b'{"id": "evt", "deep": ' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"id": "\\u0000"}',
        b'{"id": ""}',
    ],
    ids=lambda body: repr(body[:12]),
)
async def test_what_cannot_be_read_or_kept_is_a_bad_request(client: TestClient[Any, Any], body: bytes):
    status, problem = await post(client, "bank", body)
    assert (status, problem["status"]) == (400, 400)


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": "\\ud800", "b": "\\udfff"}',
        b'{"id": "a\\u0000b", "\\u0000": "\\u0000"}',
        b'{"id": "c", "n": NaN, "m": -Infinity, "e": 1e999}',
        b'{"id": "' + b"x" * 5000 + b'"}',
        b'{"id": "d", "' + b"k" * 50_000 + b'": null}',
    ],
    ids=lambda body: repr(body[:12]),
)
async def test_what_is_odd_and_readable_is_kept_in_its_bytes(client: TestClient[Any, Any], db: Database, body: bytes):
    assert (await post(client, "bank", body))[0] == 202
    async with db.transaction() as tx:
        assert bytes(await tx.fetchval("select raw from webhook_events")) == body


async def test_a_form_is_read_from_its_bytes(client: TestClient[Any, Any], source: Source):
    """aiohttp's own reading of a form would have eaten the bytes that are signed."""
    await post(client, "bank", {"MessageSid": "SM1", "To": "+44 7700"})
    assert source.seen[0].body == b"MessageSid=SM1&To=%2B44+7700"


async def test_a_database_that_is_away_is_said_to_be_so(client: TestClient[Any, Any], db: Database):
    """The provider sends it again; a 2xx would have lost it."""
    await db.close()
    status, problem = await post(client, "bank", b'{"id": "evt_1"}')
    assert (status, problem["code"]) == (503, "unavailable")


async def test_an_address_that_sends_only_unsigned_webhooks_is_refused_before_it_is_read(
    client: TestClient[Any, Any], source: Source
):
    answers = [(await post(client, "bank/wrong", b"{}"))[0] for _ in range(20)]
    assert answers == [401] * 10 + [429] * 10
    assert len(source.seen) == 11


async def test_a_provider_behind_the_same_address_is_never_shut_out(client: TestClient[Any, Any]):
    assert (await post(client, "bank/secret", b'{"id": "evt_1"}'))[0] == 202
    for _ in range(20):
        await post(client, "bank/wrong", b"{}")
    assert (await post(client, "bank/wrong", b"{}"))[0] == 429
    assert (await post(client, "bank/secret", b'{"id": "evt_2"}'))[0] == 202
