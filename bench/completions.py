"""The chain of language models: what it adds to a direct call, to the first piece of an answer and to its end.

The sandbox's models run in a process of their own, as real ones do, and answer at a pace.
"""

import asyncio
import json
import re
import time
from pathlib import Path

from bench.hub import Connection, Served, percentile

KEY = "bench-" + "k" * 40
PACE = {"delay_ms": 25, "piece_tokens": 4}
ROUNDS, SECONDS = 3, 2.0
FIRST, DONE = re.compile(rb'"content":"[^"]'), b"data: [DONE]"
"""The first piece of an answer, and its end."""

Row = tuple[str, str, str, str, str]
Timed = tuple[list[float], list[float]]
"""Seconds to the first piece, and to the end."""


async def measured(folder: Path) -> list[Row]:
    more = {"HUB_SERVICE_KEYS": KEY, "OPENAI_GLOBAL_BUDGET": "100000"}
    async with Served(folder, apart=("sandbox",), **more) as hub:
        await Connection.once(hub.sandbox_port, _post("/_/openai/pace", "", PACE))
        return await _added(hub, hub.sandbox_port)


async def _added(hub: Served, sandbox: int) -> list[Row]:
    rows = []
    for many in (1, 16):
        ours: Timed = ([], [])
        theirs: Timed = ([], [])
        for _ in range(ROUNDS):  # in turn, so that what disturbs one disturbs the other
            await _load(hub.port, "/api/ai/chat/completions", many, ours)
            await _load(sandbox, "/openai/v1/chat/completions", many, theirs)
        for name, mine, base, aim in zip(("first piece", "end"), ours, theirs, (3, 15), strict=True):
            half, tail = (percentile(mine, part) - percentile(base, part) for part in (0.5, 0.99))
            what = f"completion, {name}, {many} at once, p99 ms"
            shown = (f"{percentile(mine, 0.99):.1f}", f"{percentile(base, 0.99):.1f}")
            rows.append((what, *shown, f"+{tail:.1f} (p50 +{half:.1f})", f"adds at most {aim}"))
    return rows


async def _load(port: int, path: str, many: int, found: Timed) -> None:
    request = _post(
        path, KEY, {"model": "gpt-sandbox", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    )
    end = time.perf_counter() + SECONDS

    async def one(number: int) -> None:
        await asyncio.sleep(number * 0.017)  # people do not ask in step
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            first, whole = await _timed(reader, writer, request)
            found[0].append(first)
            found[1].append(whole)
        writer.close()

    await asyncio.gather(*(one(number) for number in range(many)))


async def _timed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[float, float]:
    began, first, seen = time.perf_counter(), 0.0, b""
    writer.write(request)
    while True:
        data = await reader.read(65536)
        assert data, seen[-500:]
        seen += data
        if not first and FIRST.search(seen):
            first = time.perf_counter() - began
        if seen.endswith(b"\r\n0\r\n\r\n"):
            assert DONE in seen, seen[-500:]
            return first, time.perf_counter() - began


def _post(path: str, key: str, body: dict[str, object]) -> bytes:
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data
