"""Connections without sockets: aiohttp's client and server, with their own parsers, back to back in one loop."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import BaseConnector, ClientConnectionError, ClientRequest, ClientTimeout
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace


class SocketlessTransport(asyncio.Transport):
    """One end. What is written arrives at the other in the next turn of the loop, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__({"peername": ("127.0.0.1", 0), "sockname": ("127.0.0.1", 0)})
        self._loop = loop
        self._closing = False
        self._paused = False
        self._kept: list[bytes] = []
        self.protocol: Any = None
        self.peer: SocketlessTransport | None = None

    def connect_protocol(self, protocol: Any) -> None:
        self.protocol = protocol
        protocol.connection_made(self)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        found: asyncio.BaseProtocol = self.protocol
        return found

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing and self.peer is not None:
            self._loop.call_soon(self.peer._arrive, bytes(data))  # noqa: SLF001 (the same line's other end)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def _arrive(self, data: bytes) -> None:
        if self._closing:
            return
        if self._paused:
            self._kept.append(data)
        else:
            self.protocol.data_received(data)

    def close(self) -> None:
        self._end(None)

    def abort(self) -> None:
        self._end(ConnectionResetError("the other side has gone"))

    def _end(self, why: Exception | None) -> None:
        if self._closing:
            return
        self._closing = True
        self._loop.call_soon(self.protocol.connection_lost, None)
        if self.peer is not None:
            self._loop.call_soon(self.peer._lost, why)  # noqa: SLF001

    def _lost(self, why: Exception | None) -> None:
        if not self._closing:
            self._closing = True
            self.protocol.connection_lost(why)

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        kept, self._kept = self._kept, []
        for data in kept:
            self._arrive(data)

    def is_reading(self) -> bool:
        return not self._paused

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def can_write_eof(self) -> bool:
        return False


class SocketlessConnector(BaseConnector):
    """Every address leads to the one server. `serve` makes its protocol; None refuses the connection."""

    def __init__(self, serve: Callable[[], Any], **options: Any) -> None:
        super().__init__(**options)
        self._serve = serve

    async def _create_connection(
        self,
        req: ClientRequest,  # noqa: ARG002
        traces: list[Trace],  # noqa: ARG002
        timeout: ClientTimeout,  # noqa: ARG002, ASYNC109
    ) -> ResponseHandler:
        server = self._serve()
        if server is None:
            raise ClientConnectionError("nobody listens")
        here, there = SocketlessTransport(self._loop), SocketlessTransport(self._loop)
        here.peer, there.peer = there, here
        there.connect_protocol(server)
        client = ResponseHandler(loop=self._loop)
        here.connect_protocol(client)
        return client
