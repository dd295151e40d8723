"""The session underneath: connections come back, cookies and secrets stay away."""

import asyncio
import gzip
import traceback
from time import monotonic
from uuid import uuid4

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from adapters.transport import Transport, TransportMetrics
from hub.core import context
from hub.core.clock import SystemClock
from hub.core.errors import OutcomeUnknown, ProviderError


def held(transport):
    """Connections that are in somebody's hands."""
    return sum(len(connections) for connections in transport.session.connector._acquired_per_host.values())


@pytest.mark.parametrize("fault", ["never_answers", "stalls_in_the_body"])
async def test_a_cancelled_caller_gives_its_connection_back(transport, provider, read, fault, records):
    provider.will(getattr(provider, fault))
    calls = [asyncio.create_task(transport.send_call(read())) for _ in range(5)]
    await provider.was_asked(5)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert held(transport) == 0
    assert transport.get_guard("kiwi").bulkhead.active_calls == 0
    assert [record.outcome for record in records] == ["cancelled"] * 5


@pytest.mark.parametrize("fault", ["resets", "speaks_garbage", "cuts_the_body", "never_answers", "stalls_in_the_body"])
async def test_no_fault_keeps_a_connection(transport, provider, write, fault):
    provider.will(getattr(provider, fault))
    for _ in range(3):
        with pytest.raises(ProviderError):
            await transport.send_call(write(timeout=0.1))
    assert held(transport) == 0


async def test_connections_are_used_again(transport, provider, read):
    provider.will(provider.says())
    for _ in range(5):
        await transport.send_call(read())
    assert len(set(provider.peers)) == 1


async def test_a_write_on_a_connection_that_died_meanwhile_is_unknown(transport, provider, write):
    """A server that closes an idle connection just as we write: it may, or may not, have read the request."""
    provider.will(provider.says(), provider.resets)
    await transport.send_call(write())
    with pytest.raises(OutcomeUnknown):
        await transport.send_call(write())


async def test_a_session_without_our_tracing_takes_everything_for_sent(provider, write, records):
    """Not knowing is the safe side: a refused connection may then not be called harmless."""
    async with aiohttp.ClientSession() as session:
        transport = Transport(session, clock=SystemClock(), chance=None)
        with pytest.raises(OutcomeUnknown):
            await transport.send_call(write(url="http://127.0.0.1:1/"))


async def test_cookies_are_not_kept(transport, provider, read):
    provider.will(provider.says(Set_Cookie="session=1"))
    named = provider.url.replace("127.0.0.1", "localhost")  # aiohttp keeps no cookies of a bare address anyway
    await transport.send_call(read(url=named))
    await transport.send_call(read(url=named))
    assert "Cookie" not in provider.seen[1].headers


async def test_a_redirect_does_not_carry_credentials_away(transport, provider, read):
    provider.will(provider.says(307, Location=f"{provider.url}/elsewhere"))
    await transport.send_call(read(headers={"apikey": "secret"}))
    assert len(provider.seen) == 1


async def test_gzip_is_undone(transport, provider, read):
    provider.will(provider.says(body=gzip.compress(b'{"a": 1}'), Content_Encoding="gzip"))
    assert (await transport.send_call(read())).json() == {"a": 1}


async def test_a_small_bomb_is_not_unpacked(transport, provider, read):
    provider.will(provider.says(body=gzip.compress(b"0" * 5_000_000), Content_Encoding="gzip"))
    transport.max_body = 1_000_000
    with pytest.raises(ProviderError):
        await transport.send_call(read())


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1,", b"NaN", b"[" * 100_000, b"\xff"])
async def test_what_is_not_json_is_a_value_error(transport, provider, read, body):
    provider.will(provider.says(body=body))
    answer = await transport.send_call(read())
    with pytest.raises(ValueError):  # noqa: PT011 (of any kind)
        answer.json()


async def test_each_attempt_is_recorded_with_what_it_is_about(transport, provider, write, records):
    provider.will(provider.says(503), provider.says(402, Request_Id="req_9"))
    booking = uuid4()
    with context.bind_context(booking_id=booking, request_id="r1"):
        await transport.send_call(write(idempotency_key="k", params={"email": "canary@example.com"}))
    first, second = records
    assert (first.status, first.outcome, second.status, second.outcome) == (503, "failed", 402, "refused")
    assert (second.booking_id, second.request_id, second.provider_request_id) == (booking, "r1", "req_9")
    assert (second.operation, second.idempotency_key, second.method) == ("save_booking", "k", "POST")
    assert "canary" not in repr(records)


@pytest.mark.parametrize("fault", ["resets", "never_answers", "cuts_the_body"])
async def test_a_lost_write_is_recorded_as_unknown(transport, provider, write, records, fault):
    provider.will(getattr(provider, fault))
    with pytest.raises(OutcomeUnknown):
        await transport.send_call(write(timeout=0.1))
    assert [record.outcome for record in records] == ["unknown"]


@pytest.mark.parametrize("fault", ["resets", "speaks_garbage", "cuts_the_body", "never_answers"])
async def test_neither_call_nor_error_shows_a_secret(transport, provider, write, fault):
    """aiohttp's own exceptions show the request with all its headers."""
    provider.will(getattr(provider, fault))
    secret = "c4n4ry"
    call = write(url=f"{provider.url}/?key={secret}", headers={"apikey": secret}, body=secret.encode(), timeout=0.1)
    with pytest.raises(OutcomeUnknown) as lost:
        await transport.send_call(call)
    assert secret not in repr(call) + repr(lost.value) + "".join(traceback.format_exception(lost.value))


async def test_metrics_count_attempts_retries_and_refusals(provider, read):
    registry = CollectorRegistry()
    provider.will(provider.says(503), provider.says(200))
    async with Transport.open_with_session(
        clock=SystemClock(), chance=_Low(), metrics=TransportMetrics(registry)
    ) as transport:
        await transport.send_call(read())
    text = generate_latest(registry).decode()
    assert 'hub_provider_attempt_seconds_count{operation="search",outcome="failed",provider="kiwi"} 1.0' in text
    assert 'hub_provider_retries_total{provider="kiwi"} 1.0' in text


class _Low:
    def uniform(self, a, _):
        return a


async def test_the_transport_adds_little(transport, provider, read, records):
    """A coarse guard against an accident, not a benchmark."""
    provider.will(provider.says())
    start = monotonic()
    for _ in range(20):
        await transport.send_call(read())
    assert monotonic() - start < 1
    assert len(records) == 20
