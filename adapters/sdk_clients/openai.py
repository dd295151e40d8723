"""The OpenAI SDK's HTTP transport."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx2
from multidict import CIMultiDictProxy
from openai import AsyncOpenAI

from adapters.sdk_clients.exchange import get_stream_limits, open_stream_for_sdk, send_for_sdk
from adapters.sdk_clients.offline_transport import OfflineTransport
from adapters.sdk_clients.operations import name_operation
from adapters.sdk_clients.problems import is_quota_exhausted
from adapters.transport import ProviderCall, ProviderResponse, StreamedResponse, StreamLimits, StreamSender

_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
"""Headers of the hop: aiohttp makes its own, and offers the encodings that it can undo."""
_UNDONE = frozenset({"content-length", "transfer-encoding", "content-encoding"})
"""Headers of an answer that no longer fit its body, which is decompressed."""
_STREAMS = b'"stream":true'
"""As the SDK writes it; within a text the quotes would be escaped."""
DEFAULT_LIMITS = StreamLimits(first=20.0, idle=15.0, total=120.0)


class OpenAITransport(httpx2.AsyncBaseTransport):
    """`AsyncOpenAI(http_client=httpx2.AsyncClient(transport=OpenAITransport(transport)), max_retries=0)`.

    A generation changes nothing but the bill, so every POST counts as a read: it may be repeated, and one that was
    not answered is transient. What is asked for with `stream=True`, or inside `translate(limits=...)`, is asked once
    and arrives while it is written; closing it hangs up.
    """

    def __init__(self, transport: StreamSender, limits: StreamLimits = DEFAULT_LIMITS) -> None:
        self._transport = transport
        self._limits = limits

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        call = ProviderCall(
            provider="openai",
            operation=name_operation(request.method, request.url.path),
            method=request.method,
            url=str(request.url),
            headers={name: value for name, value in request.headers.items() if name.lower() not in _OURS},
            body=body or None,
            is_read=request.method in {"GET", "POST"},
            is_final=is_quota_exhausted,
        )
        limits = get_stream_limits()
        if limits is None and request.method == "POST" and _STREAMS in body:
            limits = self._limits
        if limits is None:
            return _whole(await send_for_sdk(self._transport, call), request)
        streamed, stack = await open_stream_for_sdk(self._transport, call, limits)
        if streamed.error_response is not None:
            await stack.aclose()
            return _whole(streamed.error_response, request)
        pieces = _Pieces(streamed, stack)
        return httpx2.Response(streamed.status, headers=_headers(streamed.headers), stream=pieces, request=request)


class _Pieces(httpx2.AsyncByteStream):
    """For the SDK's own reader, which has no word for what counts: every piece does."""

    def __init__(self, streamed: StreamedResponse, stack: AsyncExitStack) -> None:
        self._streamed = streamed
        self._stack = stack

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._streamed:
            self._streamed.mark_progress()
            yield piece

    async def aclose(self) -> None:
        await self._stack.aclose()


def _whole(answer: ProviderResponse, request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(answer.status, headers=_headers(answer.headers), content=answer.body, request=request)


def _headers(headers: CIMultiDictProxy[str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers.items() if name.lower() not in _UNDONE]


async def warm_up() -> None:
    """The types of a response are built when the first one is parsed, and those of a request when it is made."""
    document = {"id": "resp_0", "object": "response", "created_at": 0, "model": "", "status": "completed", "output": []}
    async with httpx2.AsyncClient(transport=OpenAITransport(OfflineTransport(document))) as http:
        client = AsyncOpenAI(api_key="sk-0", base_url="http://localhost/v1", http_client=http, max_retries=0)
        await client.responses.create(model="", input="")
        async with client.responses.with_streaming_response.create(model="", input="", stream=True) as streamed:
            await streamed.read()
        asked = client.chat.completions.with_streaming_response.create(model="", messages=[], stream=True)
        async with asked as streamed:
            await streamed.read()
