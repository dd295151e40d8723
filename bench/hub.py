"""A hub in a process of its own, as `make run` starts it."""

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import psutil

WAIT = 30.0
ROOT = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """`async with Served(folder) as hub:` is ready when the block begins. `ready_after` in seconds.

    `watched` also measures how long its loop is held up. `apart` are its other parts that run in processes of their
    own, `sandbox` and `worker`: they outlive a hub that is killed. `without` are those that do not run at all, `more`
    are settings.
    """

    def __init__(
        self,
        folder: Path,
        *,
        watched: bool = False,
        apart: Sequence[str] = (),
        without: Sequence[str] = (),
        **more: str,
    ) -> None:
        self.folder = folder
        self.port, self.sandbox_port, self._watch_port = free_port(), free_port(), free_port()
        self.ready_after = 0.0
        self._command = ["bench.watched", str(self._watch_port)] if watched else ["hub", "serve"]
        self._command += [f"--no-{part}" for part in (*apart, *without)]
        self._more = more
        self._apart = apart
        self._parts: list[asyncio.subprocess.Process] = []
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        if "sandbox" in self._apart:
            await self._answers(self.sandbox_port, b"/_/health", time.perf_counter() + WAIT)
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in (self._process, *self._parts):
            if process is not None:
                process.terminate()
                await asyncio.wait_for(process.wait(), 30)

    async def start(self) -> None:
        """Until it is ready; again, over the same data, after kill()."""
        started = time.perf_counter()
        self._process = await self._spawn(*self._command)
        if not self._parts:
            self._parts = [await self._spawn("hub", part) for part in self._apart]
        await self._answers(self.port, b"/readyz", started + WAIT)
        self.ready_after = time.perf_counter() - started

    async def _spawn(self, *command: str) -> asyncio.subprocess.Process:
        env = os.environ | {
            "PYTHONPATH": str(ROOT),
            "HUB_PORT": str(self.port),
            "HUB_SANDBOX_PORT": str(self.sandbox_port),
            "HUB_DATA_DIR": str(self.folder / "data"),
            "HUB_RATE_LIMIT": "100000000",
            "HUB_LOG_LEVEL": "warning",
            **self._more,
        }
        with (self.folder / "hub.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", *command, env=env, cwd=self.folder, stdout=log, stderr=log
            )

    async def kill(self) -> None:
        """As a power cut ends it."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def _answers(self, port: int, path: bytes, end: float) -> None:
        while time.perf_counter() < end:
            try:
                status, _ = await Connection.once(port, b"GET " + path + b" HTTP/1.1\r\nHost: hub\r\n\r\n")
            except OSError:
                status = 0
            if status == 200:
                return
            await asyncio.sleep(0.02)
        raise TimeoutError(f"the hub is not ready after {WAIT} s, see {self.folder / 'hub.log'}")

    async def gaps(self) -> tuple[float, float]:
        """The worst gap of a watched hub's loop since the last time, and the 99th percentile, in seconds."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._watch_port)
        found = json.loads(await reader.read())
        writer.close()
        return found["worst"], found["p99"]

    def resident_mb(self) -> float:
        assert self._process is not None
        return float(psutil.Process(self._process.pid).memory_info().rss) / 1e6


class Connection:
    """A keep-alive connection that does as little as a client can: what is measured is the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**22))

    @classmethod
    async def once(cls, port: int, request: bytes) -> tuple[int, bytes]:
        connection = await cls.to(port)
        try:
            return await connection.ask(request)
        finally:
            connection.close()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        return int(head[9:12]), await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


async def load(port: int, requests: Any, *, connections: int, seconds: float) -> list[float]:
    """Every connection asks one thing after the other for so long. The latencies, in seconds."""
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def one() -> None:
        connection = await Connection.to(port)
        while time.perf_counter() < end:
            started = time.perf_counter()
            status, body = await connection.ask(next(requests))
            latencies.append(time.perf_counter() - started)
            assert status < 300, (status, body[:300])
        connection.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return latencies


def percentile(values: list[float], part: float) -> float:
    """In milliseconds."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] * 1000
