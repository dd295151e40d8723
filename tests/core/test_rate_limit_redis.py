"""The limit that several nodes share, over a real Redis."""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

import pytest
import redis.asyncio

from hub.core.clock import SystemClock
from hub.core.rate_limit import RateLimit, RedisRateLimiter

pytestmark = pytest.mark.redis


@pytest.fixture
async def server():
    """A Redis of our own on a socket file: the process, and its address."""
    if shutil.which("redis-server") is None and not os.environ.get("HUB_TEST_REQUIRE_ALL"):
        pytest.skip("redis-server is not installed")
    place = Path(tempfile.mkdtemp(prefix="redis-"))  # tmp_path is too long a name for a socket
    path = place / "redis.sock"
    command = ("redis-server", "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(place))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    async with asyncio.timeout(5):
        while not await _listens(path):
            await asyncio.sleep(0.01)
    yield process, f"unix://{path}"
    if process.returncode is None:
        process.kill()
        await process.wait()
    shutil.rmtree(place)


async def _listens(path: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:  # its file is there a moment before anybody listens
        return False
    writer.close()
    return True


@pytest.fixture
async def nodes(server):
    """Two nodes' limiters over it."""
    clients = [redis.asyncio.from_url(server[1]) for _ in range(2)]
    yield [RedisRateLimiter(one, SystemClock(), timeout=2) for one in clients]
    for one in clients:
        await one.aclose()


async def test_two_nodes_share_one_allowance(nodes):
    rate = RateLimit(60, burst=3)
    seen = [await nodes[number % 2].check("a", rate) for number in range(4)]
    assert [one.allowed for one in seen] == [True, True, True, False]
    assert [one.remaining for one in seen] == [2, 1, 0, 0]
    assert 0.5 < seen[3].retry_after <= 1.0


async def test_it_refills(nodes):
    rate = RateLimit(600, burst=1)
    first, second = await nodes[0].check("a", rate), await nodes[0].check("a", rate)
    await asyncio.sleep(0.12)
    third = await nodes[1].check("a", rate)
    assert [first.allowed, second.allowed, third.allowed] == [True, False, True]


async def test_keys_are_forgotten_when_they_are_full_again(nodes, server):
    await nodes[0].check("a", RateLimit(10, period=10))
    async with redis.asyncio.from_url(server[1]) as client:
        assert 0 < await client.pttl("hub:rate:a") <= 1001


async def test_when_redis_dies_each_node_goes_on_alone(nodes, server):
    rate = RateLimit(60, burst=1)
    assert (await nodes[0].check("a", rate)).allowed
    server[0].kill()
    await server[0].wait()
    assert [(await nodes[0].check("a", rate)).allowed for _ in range(2)] == [True, False]
