"""A transport that answers from the air: for warming an SDK up without a network."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from multidict import CIMultiDict, CIMultiDictProxy

from adapters.transport import Answer, Call, Limits, Streamed, Watch


class Canned:
    """Answers every call with the same document."""

    def __init__(self, document: Any) -> None:
        self._body = json.dumps(document).encode()
        self._headers = CIMultiDictProxy(CIMultiDict({"Content-Type": "application/json"}))

    async def send(self, call: Call) -> Answer:
        return Answer(call, 200, self._headers, self._body)

    @asynccontextmanager
    async def stream(self, call: Call, *, first: float, idle: float, total: float) -> AsyncIterator[Streamed]:
        loop = asyncio.get_running_loop()
        reader = StreamReader(BaseProtocol(loop), len(self._body), loop=loop)
        reader.feed_data(self._body)
        reader.feed_eof()
        watch = Watch(call, Limits(first, idle, total), loop.time())
        yield Streamed(call, 200, self._headers, reader, watch=watch, max_body=len(self._body))
