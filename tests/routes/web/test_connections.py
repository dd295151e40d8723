"""Open connections: those that are silent must not keep out those that ask for something."""

import asyncio
import contextlib
import itertools
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry

from routes.web.connections import ConnectionLimit, LimitedRunner, compute_max_connections
from tests.support.running import free_port

GET = b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n"


@dataclass
class Server:
    port: int
    registry: CollectorRegistry
    slow: asyncio.Event = field(default_factory=asyncio.Event)

    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        return reader, writer

    async def get(self, path: str = "/") -> str:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return await answer.text()

    def closed(self, reason: str) -> float:
        return self.registry.get_sample_value("hub_http_connections_closed_total", {"reason": reason}) or 0.0


@asynccontextmanager
async def serving(*, most: int = 100, header_timeout: float = 30.0, idle: float = 30.0) -> AsyncIterator[Server]:
    server = Server(free_port(), CollectorRegistry())

    async def quick(_: web.Request) -> web.Response:
        return web.Response(text="here")

    async def slow(_: web.Request) -> web.Response:
        await server.slow.wait()
        return web.Response(text="at last")

    app = web.Application()
    app.router.add_get("/", quick)
    app.router.add_get("/slow", slow)
    ids = itertools.count()
    limit = ConnectionLimit(
        max_connections=most,
        header_timeout=header_timeout,
        registry=server.registry,
        new_request_id=lambda: f"id-{next(ids)}",
    )
    runner = LimitedRunner(app, limit, shutdown_timeout=1.0, access_log=None, keepalive_timeout=idle)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", server.port).start()
    try:
        yield server
    finally:
        for writer in server.writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        await runner.cleanup()


async def ended(reader: asyncio.StreamReader) -> bool:
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(10):
            return await reader.read() == b""
    return True


async def test_a_connection_that_sends_nothing_or_half_a_head_is_closed():
    async with serving(header_timeout=0.1) as server:
        silent, half = await server.connect(), await server.connect()
        half[1].write(GET[:-4])
        assert await ended(silent[0])
        assert await ended(half[0])
        assert server.closed("no_request") == 2


async def test_a_connection_that_rests_after_its_answer_is_closed():
    async with serving(idle=0.1) as server:
        reader, writer = await server.connect()
        writer.write(GET)
        assert b"here" in await reader.readuntil(b"here")
        assert await ended(reader)


async def test_idle_connections_make_room_for_new_ones_the_longest_idle_first():
    async with serving(most=3) as server:
        idle = [await server.connect() for _ in range(3)]
        assert await server.get() == "here"
        assert await ended(idle[0][0])
        assert not idle[1][0].at_eof()
        assert server.closed("limit_idle") == 1


async def test_requests_under_way_are_never_cut_and_the_new_connection_is_refused_instead():
    async with serving(most=2) as server:
        working = [asyncio.create_task(server.get("/slow")) for _ in range(2)]
        await asyncio.sleep(0.2)
        reader, _ = await server.connect()
        assert await ended(reader)
        server.slow.set()
        assert await asyncio.gather(*working) == ["at last"] * 2
        assert server.closed("limit_refused") == 1


def test_the_number_of_connections_leaves_descriptors_for_everything_else():
    assert compute_max_connections(512) == 352
    assert compute_max_connections(100) == 64


async def test_silent_connections_do_not_starve_a_process_with_few_descriptors():
    """800 of them against 512 descriptors: who asks for something is still answered."""
    server = Server(free_port(), CollectorRegistry())
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.routes.small_server", str(server.port), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        assert await process.stdout.readline() == b"ready\n"
        for _ in range(800):
            await server.connect()
        async with asyncio.timeout(10):
            assert [await server.get() for _ in range(5)] == ["here"] * 5
    finally:
        process.kill()
        await process.wait()
        for writer in server.writers:
            writer.close()


async def test_what_cannot_be_read_gets_a_problem_that_repeats_nothing_of_it():
    async with serving() as server:
        for sent, status, code in [
            (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: hub\r\n\r\n", 414, "request_line_too_long"),
            (b"GET / HTTP/1.1\r\nHost: hub\r\nX-A: " + b"x" * 9000 + b"\r\n\r\n", 431, "request_headers_too_large"),
            (b"NONSENSE\r\n\r\n", 400, "bad_request"),
        ]:
            reader, writer = await server.connect()
            writer.write(sent)
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            problem = json.loads(body)
            assert (problem["status"], problem["code"]) == (status, code)
            assert head.split()[1] == str(status).encode()
            assert b"application/problem+json" in head
            assert b"xxxx" not in body + head
            assert problem["request_id"].encode() in head
