"""A server that knows no HTTP: it reads a request and plays a script of bytes."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
RESET, CLOSE, HANG = "reset", "close", "hang"
Step = bytes | float | str | asyncio.Event


def chunked(*bodies: bytes) -> list[Step]:
    """An event stream in chunks, with its end."""
    return [SSE, *(b"%x\r\n%s\r\n" % (len(one), one) for one in bodies), b"0\r\n\r\n"]


@dataclass
class RawLine:
    """Plays `steps` on every request; a number is a pause in seconds, an event is waited for."""

    steps: Sequence[Step] = ()
    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """A client has hung up."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await self._request(reader):
                self.requests.append(head)
                await self._play(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.left.set()
            writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
        return head + await reader.readexactly(int(length.partition(b":")[2]))

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for step in self.steps:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            elif step == RESET:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                raise ConnectionResetError
            elif step == CLOSE:
                raise ConnectionResetError
            elif step == HANG:
                await reader.read(1)
                raise ConnectionResetError
            elif isinstance(step, asyncio.Event):
                await step.wait()
            else:
                await asyncio.sleep(float(step))


@asynccontextmanager
async def raw_line(*steps: Step) -> AsyncIterator[RawLine]:
    line = RawLine(steps)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield line
    finally:
        server.close()
