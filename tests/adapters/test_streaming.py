"""An answer read while it is written: when it comes, how long it may take, and who hangs up."""

import asyncio
import gzip
import random
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from adapters.transport import ProviderCall, StreamedResponse, Transport, TransportMetrics
from hub.core.clock import SystemClock
from hub.core.errors import ProviderError, ProviderPermanent, ProviderTimeout, ProviderTransient
from hub.resilience.breaker import BreakerState
from hub.resilience.deadline import enforce_deadline
from tests.adapters.raw_line import CLOSE, HANG, RESET, SSE, RawLine, chunked, raw_line

LIMITS = {"first": 2.0, "idle": 2.0, "total": 5.0}
HALF = [*chunked(b"one")[:-1]]


@pytest.fixture
def records() -> list[Any]:
    return []


@pytest.fixture
async def transport(records: list[Any]) -> AsyncIterator[Transport]:
    async with Transport.open_with_session(
        clock=SystemClock(), chance=random.Random(1), record=records.append
    ) as opened:
        yield opened


def ask(line: RawLine, **more: Any) -> ProviderCall:
    given = {"provider": "openai", "operation": "responses.create", "method": "POST", "url": line.url, "body": b"{}"}
    return ProviderCall(**given | {"is_read": True} | more)


async def read(streamed: StreamedResponse) -> list[bytes]:
    pieces = []
    async for piece in streamed:
        streamed.mark_progress()
        pieces.append(piece)
    return pieces


async def fails(transport: Transport, line: RawLine, **limits: float) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        async with transport.stream_call(ask(line), **LIMITS | limits) as streamed:
            await read(streamed)
    assert transport.get_stream_slots("openai").active_calls == 0
    return caught.value


async def test_pieces_arrive_as_they_are_sent(transport: Transport):
    sent, seen = chunked(b"one", b"two"), asyncio.Event()
    async with raw_line(*sent[:2], seen, *sent[2:]) as line, transport.stream_call(ask(line), **LIMITS) as streamed:
        assert (await anext(streamed), streamed.status) == (b"one", 200)
        seen.set()
        assert b"".join(await read(streamed)) == b"two"


async def test_a_refusal_is_read_whole(transport: Transport, records: list[Any]):
    head = (
        b"HTTP/1.1 429 No\r\nRetry-After-Ms: 1500\r\nRetry-After: 2\r\nX-Request-Id: req_1\r\nContent-Length: 4\r\n\r\n"
    )
    async with raw_line(head, b"bu", 0.01, b"sy") as line, transport.stream_call(ask(line), **LIMITS) as streamed:
        answer = streamed.error_response
    assert answer is not None
    assert (answer.status, answer.body, answer.retry_after) == (429, b"busy", 1.5)
    assert [(one.outcome, one.status, one.provider_request_id) for one in records] == [("rate_limited", 429, "req_1")]


@pytest.mark.parametrize("advice", ["soon", "nan", ""])
async def test_advice_without_sense_is_none(transport: Transport, advice: str):
    head = f"HTTP/1.1 429 No\r\nRetry-After-Ms: {advice}\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n".encode()
    async with raw_line(head) as line, transport.stream_call(ask(line), **LIMITS) as streamed:
        assert streamed.error_response is not None
        assert streamed.error_response.retry_after == 2


@pytest.mark.parametrize(
    ("steps", "limits", "code"),
    [
        ([HANG], {"first": 0.1}, "first_token_timeout"),
        ([SSE, HANG], {"first": 0.1}, "first_token_timeout"),
        ([*HALF, HANG], {"first": 5.0, "idle": 0.1}, "stream_stalled"),
        ([*HALF, HANG], {"first": 0.3, "idle": 0.6}, "stream_stalled"),
        ([*HALF, 0.1, *HALF[1:], HANG], {"idle": 0.2}, "stream_stalled"),
        ([*HALF, 0.02, b"no chunk\r\n", HANG], {"idle": 0.1}, "stream_stalled"),  # aiohttp does not tell of it
        ([HANG], {"total": 0.1}, "total_timeout"),
        ([*HALF, HANG], {"total": 0.1}, "total_timeout"),
    ],
)
async def test_each_limit_has_its_name(transport: Transport, records: list[Any], steps: Any, limits: Any, code: str):
    async with raw_line(*steps) as line:
        start = monotonic()
        error = await fails(transport, line, **limits)
        assert (type(error), error.code) == (ProviderTimeout, code)
        assert monotonic() - start < 1.5
        await asyncio.wait_for(line.left.wait(), 1)
    assert [one.outcome for one in records] == ["timeout"]


async def test_what_does_not_count_keeps_no_stream_alive(transport: Transport):
    """A stuck server's comments: bytes enough, and nothing said."""
    sent = chunked(*[b": wait\n\n"] * 20)
    async with raw_line(SSE, *(part for one in sent[1:] for part in (one, 0.02))) as line:
        with pytest.raises(ProviderTimeout) as stopped:
            async with transport.stream_call(ask(line), first=0.1, idle=5, total=5) as streamed:
                async for _ in streamed:
                    pass
    assert stopped.value.code == "first_token_timeout"


async def test_pauses_shorter_than_idle_may_add_up(transport: Transport):
    sent = chunked(*[b"x"] * 8)
    steps = [part for one in sent[1:] for part in (one, 0.1)]
    limits = {"first": 0.5, "idle": 0.5, "total": 5.0}
    async with raw_line(SSE, *steps) as line, transport.stream_call(ask(line), **limits) as streamed:
        assert b"".join(await read(streamed)) == b"x" * 8


async def test_the_readers_own_time_is_not_the_providers(transport: Transport):
    limits = {"first": 0.3, "idle": 0.3, "total": 5.0}
    async with (
        raw_line(*HALF, 0.55, *chunked(b"two")[1:]) as line,
        transport.stream_call(ask(line), **limits) as streamed,
    ):
        await anext(streamed)
        streamed.mark_progress()
        await asyncio.sleep(0.5)
        assert b"".join(await read(streamed)) == b"two"


async def test_and_a_reader_that_was_away_finds_the_limit_in_force(transport: Transport):
    limits = {"first": 0.1, "idle": 0.1, "total": 5.0}
    async with raw_line(*HALF, HANG) as line, transport.stream_call(ask(line), **limits) as streamed:
        await anext(streamed)
        streamed.mark_progress()
        await asyncio.sleep(0.25)
        start = monotonic()
        with pytest.raises(ProviderTimeout) as stalled:
            await anext(streamed)
    assert stalled.value.code == "stream_stalled"
    assert 0.08 < monotonic() - start < 1.5


async def test_the_requests_deadline_holds(transport: Transport):
    async with raw_line(*HALF, HANG) as line:
        with pytest.raises(ProviderTimeout) as late:
            async with enforce_deadline(transport.clock, 0.1), transport.stream_call(ask(line), **LIMITS) as streamed:
                await read(streamed)
        assert late.value.code == "total_timeout"
        with pytest.raises(ProviderTimeout):
            async with enforce_deadline(transport.clock, 0), transport.stream_call(ask(line), **LIMITS):
                pytest.fail("there was no time to ask")
        assert len(line.requests) == 1


@pytest.mark.parametrize(
    ("steps", "code", "outcome"),
    [
        ([RESET], "provider_unavailable", "broken"),
        ([CLOSE], "provider_unavailable", "broken"),
        ([b"\x00 no HTTP\r\n\r\n", CLOSE], "provider_unavailable", "broken"),
        ([*HALF, 0.02, RESET], "stream_cut", "broken"),
        ([*HALF, CLOSE], "stream_cut", "broken"),
        ([SSE.replace(b"Content", b"Content-Encoding: gzip\r\nContent"), *HALF[1:], HANG], "stream_cut", "broken"),
    ],
)
async def test_a_broken_line_is_told(transport: Transport, records: list[Any], steps: Any, code: str, outcome: str):
    async with raw_line(*steps) as line:
        error = await fails(transport, line)
    assert (type(error), error.code, [one.outcome for one in records]) == (ProviderTransient, code, [outcome])


async def test_nobody_there_is_unreachable(transport: Transport, records: list[Any]):
    error = await fails(transport, RawLine(url="http://127.0.0.1:1"))
    assert (type(error), [one.outcome for one in records]) == (ProviderTransient, ["unreachable"])


async def test_an_address_that_is_none_is_permanent(transport: Transport, records: list[Any]):
    assert type(await fails(transport, RawLine(url="htp://nowhere"))) is ProviderPermanent
    assert [one.outcome for one in records] == ["unreachable"]


async def test_leaving_hangs_up_at_once(transport: Transport, records: list[Any]):
    async with raw_line(*HALF, HANG) as line:
        async with transport.stream_call(ask(line), **LIMITS) as streamed:
            await anext(streamed)
        await asyncio.wait_for(line.left.wait(), 1)
    assert [one.outcome for one in records] == ["cancelled"]
    assert transport.get_stream_slots("openai").active_calls == 0


@pytest.mark.parametrize("steps", [[HANG], [*HALF, HANG]])
async def test_a_cancelled_reader_hangs_up(transport: Transport, records: list[Any], steps: Any):
    async with raw_line(*steps) as line:
        task = asyncio.create_task(fails(transport, line))
        while not line.requests:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.wait_for(line.left.wait(), 1)
    assert ([one.outcome for one in records], transport.get_stream_slots("openai").active_calls) == (["cancelled"], 0)


async def test_a_line_read_to_its_end_is_used_again(transport: Transport, records: list[Any]):
    async with raw_line(*chunked(b"one")) as line:
        for _ in range(3):
            async with transport.stream_call(ask(line), **LIMITS) as streamed:
                await read(streamed)
    assert (line.connections, [one.outcome for one in records]) == (1, ["answered"] * 3)


async def test_who_has_heard_enough_waits_a_moment_for_the_end(transport: Transport, records: list[Any]):
    sent = chunked(b"all of it")
    async with raw_line(*sent[:-1], 0.01, sent[-1]) as line:
        for _ in range(2):
            async with transport.stream_call(ask(line), **LIMITS) as streamed:
                await anext(streamed)
                await streamed.drain_body()
    assert (line.connections, [one.outcome for one in records]) == (1, ["answered"] * 2)


async def test_and_not_longer(transport: Transport, records: list[Any]):
    async with raw_line(*HALF, HANG) as line:
        start = monotonic()
        async with transport.stream_call(ask(line), **LIMITS) as streamed:
            await anext(streamed)
            await streamed.drain_body()
        assert monotonic() - start < 1.5
        await asyncio.wait_for(line.left.wait(), 1)
    assert [one.outcome for one in records] == ["answered"]


async def test_compressed_pieces_are_unpacked(transport: Transport):
    head = SSE.replace(b"Content", b"Content-Encoding: gzip\r\nContent", 1)
    sent = chunked(gzip.compress(b"data: 1\n\n"))[1:]
    async with raw_line(head, *sent) as line, transport.stream_call(ask(line), **LIMITS) as streamed:
        assert b"".join(await read(streamed)) == b"data: 1\n\n"
    assert b"Accept-Encoding: identity" in line.requests[0]


async def test_a_stream_without_end_is_cut_off(transport: Transport):
    transport.max_body = 1000
    async with raw_line(*chunked(*[b"x" * 400] * 4)) as line:
        assert type(await fails(transport, line)) is ProviderPermanent


async def test_streams_have_places_of_their_own(records: list[Any]):
    registry = CollectorRegistry()
    options: Any = {"clock": SystemClock(), "chance": random.Random(1), "metrics": TransportMetrics(registry)}
    async with (
        Transport.open_with_session(**options, max_streams=1) as transport,
        raw_line(*HALF, HANG) as line,
        transport.stream_call(ask(line), **LIMITS),
    ):
        assert transport.get_guard("openai").bulkhead.active_calls == 0
        with pytest.raises(ProviderTransient) as busy:
            await transport.stream_call(ask(line), **LIMITS).__aenter__()
    assert (busy.value.code, len(line.requests)) == ("provider_busy", 1)
    text = generate_latest(registry).decode()
    assert 'hub_provider_not_asked_total{provider="openai",reason="provider_busy"} 1.0' in text
    assert 'outcome="cancelled"' in text


async def test_failed_streams_open_no_breaker(transport: Transport):
    async with raw_line(RESET) as line:
        for _ in range(15):
            await fails(transport, line)
    assert (len(line.requests), transport.get_guard("openai").breaker.state) == (15, BreakerState.CLOSED)


async def test_what_the_reader_finds_wrong_is_recorded(transport: Transport, records: list[Any]):
    async with raw_line(*chunked(b"garbage")) as line, transport.stream_call(ask(line), **LIMITS) as streamed:
        await read(streamed)
        streamed.failure = ProviderTransient("openai", "unreadable")
    assert [one.outcome for one in records] == ["broken"]


async def test_secrets_stay_out_of_errors(transport: Transport):
    async with raw_line(RESET) as line:
        call = ask(line, headers={"Authorization": "canary"}, body=b"canary")
        with pytest.raises(ProviderError) as lost:
            async with transport.stream_call(call, **LIMITS):
                pass
    assert "canary" not in f"{lost.value!r} {lost.value.__cause__!r} {lost.value.extra}"
