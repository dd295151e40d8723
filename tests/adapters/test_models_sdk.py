"""The SDK as anybody may use it, over the one transport: its streams are live, and closing them hangs up."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest

from adapters.sdk_clients import OpenAITransport, translate_sdk_errors, warm_up_sdk
from adapters.transport import StreamLimits, Transport
from hub.core.clock import SystemClock
from hub.core.errors import ProviderPermanent, ProviderTimeout, ProviderTransient
from tests.adapters.raw_line import CLOSE, HANG, RawLine, chunked, raw_line
from tests.sandbox.shell import open_shell

ASKED: Any = {"model": "m", "messages": [{"role": "user", "content": 'say "stream":true'}]}
CHUNK = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{}}]}\n\n'
)


@pytest.fixture
def records() -> list[Any]:
    return []


@pytest.fixture
async def line() -> AsyncIterator[RawLine]:
    async with raw_line() as opened:
        yield opened


@pytest.fixture
async def http(records: list[Any]) -> AsyncIterator[httpx2.AsyncClient]:
    async with (
        Transport.open_with_session(clock=SystemClock(), chance=random.Random(1), record=records.append) as transport,
        httpx2.AsyncClient(transport=OpenAITransport(transport, StreamLimits(1, 1, 5))) as opened,
    ):
        yield opened


def client(http: httpx2.AsyncClient, url: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key="sk-sandbox", base_url=f"{url}/v1", http_client=http, max_retries=0)


async def test_events_arrive_live(http: httpx2.AsyncClient, line: RawLine, records: list[Any]):
    sent = chunked(CHUNK, CHUNK, b"data: [DONE]\n\n")
    line.steps = [*sent[:2], seen := asyncio.Event(), *sent[2:]]
    stream = await client(http, line.url).chat.completions.create(**ASKED, stream=True)
    assert (await anext(stream)).id == "c"
    seen.set()
    assert [one.id async for one in stream] == ["c"]
    assert [(one.operation, one.outcome) for one in records] == [("chat.completions.create", "answered")]


async def test_closing_hangs_up(http: httpx2.AsyncClient, line: RawLine, records: list[Any]):
    line.steps = [*chunked(CHUNK)[:-1], HANG]
    async with await client(http, line.url).chat.completions.create(**ASKED, stream=True) as stream:
        await anext(stream)
    await asyncio.wait_for(line.left.wait(), 1)
    assert [one.outcome for one in records] == ["cancelled"]


async def test_its_own_reader_meets_the_same_trouble(http: httpx2.AsyncClient, line: RawLine, records: list[Any]):
    """Ours pass through the SDK: no word of its own hides what happened."""
    for steps, kind in (([*chunked(CHUNK)[:-1], CLOSE], ProviderTransient), ([HANG], ProviderTimeout)):
        line.steps = steps
        with pytest.raises(kind):
            async for _ in await client(http, line.url).chat.completions.create(**ASKED, stream=True):
                pass
    assert [one.outcome for one in records] == ["broken", "timeout"]


async def test_a_refused_stream_is_translated(http: httpx2.AsyncClient, line: RawLine):
    line.steps = [b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n{}"]
    with pytest.raises(ProviderPermanent) as refused, translate_sdk_errors("openai"):
        await client(http, line.url).chat.completions.create(**ASKED, stream=True)
    assert refused.value.provider_status == 404


async def test_only_what_asks_for_a_stream_is_one(http: httpx2.AsyncClient, line: RawLine, records: list[Any]):
    """The words within a message ask for nothing: such a call is sent with retries."""
    line.steps = [CLOSE]
    with pytest.raises(ProviderTransient):
        await client(http, line.url).chat.completions.create(**ASKED)
    assert len(records) > 1


async def test_typed_responses_of_the_sandbox(http: httpx2.AsyncClient):
    async with open_shell() as shell:
        asked = client(http, f"{shell.base}/openai").responses.create(model="gpt-sandbox", input="Hello", stream=True)
        kinds = [event.type async for event in await asked]
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert "response.output_text.delta" in kinds


async def test_warming_plays_both_ways():
    await warm_up_sdk("openai")
