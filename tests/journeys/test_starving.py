"""Eight hundred silent connections against a hub that may open 512 files."""

import asyncio
import contextlib
import os
import resource
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.support.running import free_port, until

DESCRIPTORS = 512


@pytest.mark.slow
async def test_silent_connections_do_not_starve_the_hub(dsn: str, tmp_path: Path):
    port = free_port()
    environment = {
        **os.environ, "DATABASE_URL": dsn, "HUB_PORT": str(port), "HUB_SANDBOX_PORT": str(free_port()),
        "HUB_DATA_DIR": str(tmp_path), "HUB_LOG_LEVEL": "error",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", "serve", cwd=tmp_path, env=environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS)),
    )  # fmt: skip
    try:
        await until(lambda: _healthy(port), 60)
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(800)]
        assert await _healthy(port, "/readyz")
        for _, writer in silent:
            writer.close()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def _healthy(port: int, path: str = "/healthz") -> bool:
    timeout = aiohttp.ClientTimeout(total=10)
    try:
        url = f"http://127.0.0.1:{port}{path}"
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
