"""The cache of several nodes over a real Redis."""

import asyncio
import random
import shutil
import socket

import pytest

from hub.core.cache import Cache, LoadResult
from hub.core.clock import SystemClock
from hub.core.errors import ProviderTransient

pytestmark = pytest.mark.redis


class Redis:
    """A server of our own that can go away and come back."""

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process = None

    async def start(self):
        self._process = await asyncio.create_subprocess_exec(
            "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--loglevel", "warning",
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(5):
            while not await self._listens():
                await asyncio.sleep(0.01)

    async def stop(self):
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

    async def _listens(self):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True


class RestlessClock(SystemClock):
    """The system's, and can be moved on."""

    def __init__(self):
        self.ahead = 0.0

    def monotonic(self):
        return super().monotonic() + self.ahead


class Source:
    def __init__(self, name=b"answer", ttl=60.0, wait=0.0):
        self.name, self.ttl, self.wait, self.asked, self.error = name, ttl, wait, 0, None

    async def __call__(self):
        self.asked += 1
        await asyncio.sleep(self.wait)
        if self.error is not None:
            raise self.error
        return LoadResult(self.name, self.ttl, stale_while_revalidate=60)


@pytest.fixture
async def redis():
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    server = Redis()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def node(redis):
    made = []

    def make(clock=None):
        made.append(Cache(clock or SystemClock(), random.Random(1), redis_url=redis.url))
        return made[-1]

    yield make
    for cache in made:
        await cache.close()


async def test_what_one_node_has_loaded_the_others_find(node):
    source, value = Source(), bytes(range(256)) * 100
    source.name = value
    await node().get_or_load("k", source)
    found = await node().get_or_load("k", source)
    assert (found.value, found.state, source.asked) == (value, "fresh", 1)


async def test_nodes_that_ask_at_once_load_once(node):
    source = Source(wait=0.2)
    answers = await asyncio.gather(*(one.get_or_load("k", source) for one in (node(), node(), node())))
    assert {one.value for one in answers} == {b"answer"}
    assert source.asked == 1


async def test_when_the_loading_node_fails_another_one_tries(node):
    bad, good = Source(wait=0.2), Source()
    bad.error = ProviderTransient("kiwi")
    failing = asyncio.create_task(node().get_or_load("k", bad))
    await asyncio.sleep(0.1)
    answer = await node().get_or_load("k", good)
    with pytest.raises(ProviderTransient):
        await failing
    assert answer.value == b"answer"


async def test_a_stale_answer_gives_way_to_what_another_node_has_refreshed(node):
    first, second, old = node(), node(), Source(b"old", ttl=0.01)
    await first.get_or_load("k", old)
    await asyncio.sleep(0.02)
    await second.get_or_load("k", Source(b"new"))
    await asyncio.sleep(0.05)
    assert (await first.get_or_load("k", old)).value == b"new"


async def test_an_invalidation_reaches_the_other_nodes(node):
    source = Source()
    first = node()
    await first.get_or_load("k", source, tags=("t",))
    await first.invalidate_tags("t")
    await node().get_or_load("k", source, tags=("t",))
    assert source.asked == 2


async def test_without_redis_the_answers_come_all_the_same_and_later_it_is_used_again(node, redis):
    clock, source = RestlessClock(), Source()
    cache = node(clock)
    await redis.stop()
    assert (await cache.get_or_load("a", source)).state == "miss"
    assert (await cache.get_or_load("a", source)).state == "fresh"
    await redis.start()
    clock.ahead = 10
    await cache.get_or_load("b", source)
    assert (await node().get_or_load("b", source)).state == "fresh"


async def test_what_somebody_else_has_put_there_is_a_miss(node, redis):
    import redis.asyncio as client

    other = client.from_url(redis.url)
    await other.set("hub:k", b"not ours")
    await other.aclose()
    source = Source()
    assert (await node().get_or_load("k", source)).state == "miss"
