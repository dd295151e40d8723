"""A transport that answers from the air: for warming an SDK up without a network."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from multidict import CIMultiDict, CIMultiDictProxy

from adapters.transport import ProviderCall, ProviderResponse, StreamedResponse, StreamLimits, StreamTimer


class OfflineTransport:
    """Answers every call with the same document."""

    def __init__(self, document: Any) -> None:
        self._body = json.dumps(document).encode()
        self._headers = CIMultiDictProxy(CIMultiDict({"Content-Type": "application/json"}))

    async def send_call(self, call: ProviderCall) -> ProviderResponse:
        return ProviderResponse(call, 200, self._headers, self._body)

    @asynccontextmanager
    async def stream_call(
        self, call: ProviderCall, *, first: float, idle: float, total: float
    ) -> AsyncIterator[StreamedResponse]:
        loop = asyncio.get_running_loop()
        reader = StreamReader(BaseProtocol(loop), len(self._body), loop=loop)
        reader.feed_data(self._body)
        reader.feed_eof()
        watch = StreamTimer(call, StreamLimits(first, idle, total), loop.time())
        yield StreamedResponse(call, 200, self._headers, reader, watch=watch, max_body=len(self._body))
