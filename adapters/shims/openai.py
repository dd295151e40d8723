"""The OpenAI SDK's HTTP transport."""

import httpx2
from openai import AsyncOpenAI

from adapters.shims.canned import Canned
from adapters.shims.exchange import carry
from adapters.shims.operations import operation
from adapters.shims.problems import used_up
from adapters.transport import Answer, Call, Sender

_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
"""Headers of the hop: aiohttp makes its own, and offers the encodings that it can undo."""
_UNDONE = frozenset({"content-length", "transfer-encoding", "content-encoding"})
"""Headers of an answer that no longer fit its body, which is whole and decompressed."""


class OpenAITransport(httpx2.AsyncBaseTransport):
    """`AsyncOpenAI(http_client=httpx2.AsyncClient(transport=OpenAITransport(transport)), max_retries=0)`.

    A generation changes nothing but the bill, so every POST counts as a read: it may be repeated, and one that was
    not answered is transient. A stream asked for with `stream=True` is right, and arrives when it is complete.
    """

    def __init__(self, transport: Sender) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        call = Call(
            provider="openai",
            operation=operation(request.method, request.url.path),
            method=request.method,
            url=str(request.url),
            headers={name: value for name, value in request.headers.items() if name.lower() not in _OURS},
            body=body or None,
            read=request.method in {"GET", "POST"},
            final=used_up,
        )
        return _response(await carry(self._transport, call), request)


def _response(answer: Answer, request: httpx2.Request) -> httpx2.Response:
    headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in _UNDONE]
    return httpx2.Response(answer.status, headers=headers, content=answer.body, request=request)


async def warm() -> None:
    """The types of a response are built when the first one is parsed."""
    document = {"id": "resp_0", "object": "response", "created_at": 0, "model": "", "status": "completed", "output": []}
    async with httpx2.AsyncClient(transport=OpenAITransport(Canned(document))) as http:
        client = AsyncOpenAI(api_key="sk-0", base_url="http://localhost/v1", http_client=http, max_retries=0)
        await client.responses.create(model="", input="")
