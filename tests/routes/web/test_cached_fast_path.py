"""The short way: what it answers is what the normal way answers, and it answers nothing else."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from hub.core.clock import IdGenerator
from hub.core.compression import compress_body, compute_weak_etag
from hub.core.metrics import HttpMetrics, new_registry, render_metrics
from hub.core.rate_limit import MemoryRateLimiter, RateLimit
from hub.supply.flights import SearchResponse
from routes.web.access import AccessGate
from routes.web.api import ApiRouter
from routes.web.cached_fast_path import CachedFastPath
from routes.web.endpoint_api import ApiModel, Reply, get
from routes.web.middleware import EdgeMiddleware, RequestDrain
from tests.routes.web.toy import Clock
from tests.support.logs import logging_to_memory

PATH = "/search?q=1"
BODY = b'{"kept":' + b'"%s"}' % (b"again and " * 200)
DIFFERENT = {"date", "x-request-id", "ratelimit-remaining", "ratelimit-reset"}


class Question(ApiModel):
    q: int = 0


class Kept:
    """A search whose answers are kept by hand."""

    def __init__(self):
        self.hot = {PATH: BODY}
        self.normal = 0

    def find(self, address, encoding):
        body = self.hot.get(address)
        return (
            None if body is None else SearchResponse(compress_body(body, encoding), compute_weak_etag(body), encoding)
        )

    @get("/search")
    async def search(self, query: Question) -> Reply:
        self.normal += 1
        return Reply(BODY)


class Remote:
    """A limiter that has to be waited for."""

    def __init__(self, clock):
        self.inner = MemoryRateLimiter(clock)
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def check(self, key, rate):
        self.asked.set()
        await self.go.wait()
        return self.inner.check_now(key, rate)


class Hub:
    def __init__(self, *, limit=100, remote=False, **edge):
        self.clock, self.drain, self.registry, self.kept = Clock(), RequestDrain(), new_registry(), Kept()
        self.limiter = Remote(self.clock) if remote else MemoryRateLimiter(self.clock)
        metrics = HttpMetrics(self.registry)
        self.edge = EdgeMiddleware(self.clock, IdGenerator(self.clock), metrics, self.drain, **edge)
        rates = {"default": RateLimit(limit)}
        self.gate = AccessGate(None, self.clock, rate_limiter=self.limiter, rate_limits=rates, metrics=metrics)

    @property
    def counted(self):
        return render_metrics(self.registry)[0].decode()

    async def __aenter__(self):
        app, api = web.Application(), ApiRouter()
        api.add_endpoints(self.kept)
        api.install_routes(app, self.gate)
        self.edge.install_middleware(app)
        server = TestServer(app)
        await server.start_server()
        CachedFastPath(self.edge, self.gate, "/search", self.kept.find).install_handler(server.runner)
        self.client = TestClient(server)
        return self

    async def __aexit__(self, *_):
        await self.client.close()


@pytest.mark.parametrize("edge", [{}, {"production": True, "origins": ("https://app.example",)}])
@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd, gzip"])
async def test_the_answer_is_that_of_the_normal_way_to_the_last_header(edge, encoding):
    async with Hub(**edge) as hub:
        accept = {"Accept-Encoding": encoding}
        hot = await hub.client.get(PATH, headers=accept)
        assert hub.kept.normal == 0
        hub.kept.hot.clear()
        normal = await hub.client.get(PATH, headers=accept)
        assert hot.headers.get("Content-Encoding", "identity") == encoding.partition(",")[0]
        assert hub.kept.normal == 1
        assert (hot.status, await hot.read()) == (normal.status, await normal.read())
        assert set(hot.headers) == set(normal.headers)
        said, wanted = ({k: v for k, v in one.headers.items() if k.lower() not in DIFFERENT} for one in (hot, normal))
        assert said == wanted
        assert (hot.headers["RateLimit-Remaining"], normal.headers["RateLimit-Remaining"]) == ("99", "98")


async def test_a_client_that_has_the_answer_gets_none():
    async with Hub() as hub:
        etag = (await hub.client.get(PATH)).headers["ETag"]
        again = await hub.client.get(PATH, headers={"If-None-Match": etag})
        assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", etag)
        changed = await hub.client.get(PATH, headers={"If-None-Match": 'W/"another"'})
        assert changed.status == 200


async def test_a_sane_request_id_comes_back_and_any_other_is_replaced():
    async with Hub() as hub:
        for given, same in [("abc-1", True), ("a b<script>", False), ("", False)]:
            answer = await hub.client.get(PATH, headers={"X-Request-Id": given})
            assert (answer.headers["X-Request-Id"] == given) is same
        assert hub.kept.normal == 0


async def test_the_limit_holds_for_both_ways_together():
    async with Hub(limit=3) as hub:
        statuses = [(await hub.client.get(path)).status for path in (PATH, "/search", PATH, PATH, "/search")]
        assert statuses == [200, 200, 200, 429, 429]
        refused = await hub.client.get(PATH)
        assert (refused.content_type, refused.headers["Retry-After"]) == ("application/problem+json", "20")
        hub.clock.forward(20)
        assert (await hub.client.get(PATH)).status == 200


async def test_behind_a_proxy_it_is_the_client_who_is_counted():
    async with Hub(limit=1, trusted_proxies=1) as hub:
        for ip, wanted in [("5.5.5.5", 200), ("6.6.6.6", 200), ("5.5.5.5", 429)]:
            assert (await hub.client.get(PATH, headers={"X-Forwarded-For": ip})).status == wanted


async def test_it_is_counted_and_logged_like_any_request():
    with logging_to_memory() as lines:
        async with Hub() as hub:
            answer = await hub.client.get(PATH)
            assert 'hub_http_request_seconds_count{method="GET",route="/search",status="200"} 1.0' in hub.counted
            assert "hub_http_requests_in_flight 0.0" in hub.counted
    (line,) = lines.events
    assert (line["event"], line["route"], line["status"]) == ("request.answered", "/search", 200)
    assert line["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    "unusual",
    [{"Origin": "https://app.example"}, {"Range": "bytes=0-1"}, {"Connection": "close"}, {"Expect": "100-continue"}],
)
async def test_what_is_unusual_goes_the_normal_way(unusual):
    async with Hub(origins=("https://app.example",)) as hub:
        answer = await hub.client.get(PATH, headers=unusual)
        assert (answer.status, hub.kept.normal) == (200, 1)
        assert answer.headers.get("Access-Control-Allow-Origin") == unusual.get("Origin")


async def test_other_methods_bodies_and_addresses_go_the_normal_way():
    async with Hub() as hub:
        assert (await hub.client.head(PATH)).status == 200
        assert (await hub.client.post(PATH)).status == 405
        assert (await hub.client.get(PATH, data=b"x")).status == 200
        assert (await hub.client.get("/search?q=2")).status == 200
        assert hub.kept.normal == 3


async def test_while_it_shuts_down_the_normal_way_closes_the_connection():
    async with Hub() as hub:
        hub.drain.start_draining()
        answer = await hub.client.get(PATH)
        assert (answer.headers["Connection"], hub.kept.normal) == ("close", 1)


async def test_a_connection_serves_one_after_the_other_also_when_they_come_at_once():
    async with Hub() as hub:
        server = hub.client.server
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(f"GET {PATH} HTTP/1.1\r\nHost: hub\r\n\r\n".encode() * 5)
        for _ in range(5):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert await reader.readexactly(len(BODY)) == BODY
        writer.write(f"GET {PATH} HTTP/1.0\r\nHost: hub\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.0 200")
        writer.close()


async def test_while_the_limiter_is_asked_the_request_is_in_flight():
    async with Hub(remote=True, limit=1) as hub:
        answer = asyncio.create_task(hub.client.get(PATH))
        await hub.limiter.asked.wait()
        assert hub.drain.in_flight_count == 1
        hub.limiter.go.set()
        assert ((await answer).status, hub.drain.in_flight_count) == (200, 0)
        assert (await hub.client.get(PATH)).status == 429
