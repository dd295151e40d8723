import asyncio
import gzip
import json
import re

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request
from yarl import URL

from hub.core.clock import SystemClock
from hub.core.rate_limit import MemoryRateLimiter, RateLimit
from routes.web.middleware import RequestDrain, find_client_ip
from tests.routes.web.toy import Clock, Toy, bearer
from tests.support.logs import logging_to_memory


@pytest.fixture
def logged():
    with logging_to_memory() as lines:
        yield lines


async def test_every_answer_has_an_id_and_keeps_a_sane_one():
    async with Toy() as client:
        assert re.fullmatch("[0-9a-f]{24}", (await client.get("/nowhere")).headers["X-Request-Id"])
        given = await client.get("/who", headers={"X-Request-Id": "abc-1.2_3"})
        assert given.headers["X-Request-Id"] == "abc-1.2_3"
        refused = await client.get("/who", headers={"X-Request-Id": "a b<script>"})
        assert refused.headers["X-Request-Id"] != "a b<script>"


@pytest.mark.parametrize(
    ("kind", "status", "code", "retry_after"),
    [
        ("provider", 503, "provider_unavailable", "4"),
        ("database", 503, "unavailable", "1"),
        ("conflict", 409, "not_now", None),
        ("slow", 504, "deadline_exceeded", None),
        ("bug", 500, "internal_error", None),
        ("postgres", 500, "internal_error", None),
    ],
)
async def test_whatever_goes_wrong_is_a_problem(kind, status, code, retry_after):
    async with Toy(clock=SystemClock()) as client:
        answer = await client.get(f"/boom/{kind}")
        said = await answer.json()
        assert (answer.status, answer.content_type, said["code"]) == (status, "application/problem+json", code)
        assert answer.headers.get("Retry-After") == retry_after
        assert said["request_id"] == answer.headers["X-Request-Id"]
        assert "canary" not in await answer.text()
        assert said.get("provider") == ("kiwi" if kind == "provider" else None)


async def test_a_crash_is_logged_once_with_its_traceback_and_without_personal_data(logged):
    async with Toy() as client:
        await client.get("/boom/bug?q=canary-query")
    crashed = [line for line in logged.events if line["event"] == "request.crashed"]
    assert len(crashed) == 1
    assert "RuntimeError" in crashed[0]["exception"]
    assert "ada@example.com" not in json.dumps(logged.events)
    assert "canary-query" not in json.dumps(logged.events)


async def test_the_access_log_has_the_template_and_no_query(logged):
    async with Toy() as client:
        answer = await client.get("/boom/conflict?q=canary")
    (line,) = logged.events
    assert (line["event"], line["method"], line["status"]) == ("request.answered", "GET", 409)
    assert line["route"] == "/boom/{kind}"
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert "canary" not in json.dumps(line)


async def test_redirects_stay_redirects():
    async with Toy() as client:
        answer = await client.get("/boom/redirect", allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (302, "/elsewhere")


async def test_methods_an_address_does_not_take():
    async with Toy() as client:
        answer = await client.put("/orders")
        assert (answer.status, (await answer.json())["code"]) == (405, "method_not_allowed")
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
        assert (await client.head("/who")).status == 200
        options = await client.options("/orders")
        assert (options.status, options.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")
        assert (await client.options("/nowhere")).status == 404


async def test_security_headers():
    async with Toy(edge={"production": True}) as client:
        data, page = await client.get("/who"), await client.get("/page")
        assert data.headers["X-Content-Type-Options"] == "nosniff"
        assert data.headers["Strict-Transport-Security"].startswith("max-age=31536000")
        assert data.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        assert "Server" not in data.headers


async def test_a_browser_is_let_in_from_the_listed_origins_only():
    async with Toy(edge={"origins": ("https://app.example",)}) as client:
        ask = {"Access-Control-Request-Method": "POST"}
        good = await client.options("/orders", headers={"Origin": "https://app.example", **ask})
        assert good.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert good.headers["Access-Control-Allow-Credentials"] == "true"
        assert "Idempotency-Key" in good.headers["Access-Control-Allow-Headers"]
        assert "Last-Event-ID" in good.headers["Access-Control-Allow-Headers"], "a stream of another origin is resumed"
        assert "POST" in good.headers["Access-Control-Allow-Methods"]
        evil = await client.options("/orders", headers={"Origin": "https://evil.example", **ask})
        assert "Access-Control-Allow-Origin" not in evil.headers
        plain = await client.get("/nowhere", headers={"Origin": "https://app.example"})
        assert (plain.headers["Access-Control-Allow-Origin"], plain.headers["Vary"]) == (
            "https://app.example",
            "Accept-Encoding, Origin",
        )


@pytest.mark.parametrize("zipped", [False, True])
async def test_a_body_over_the_limit_is_413_also_when_it_is_packed(zipped):
    async with Toy() as client:
        body = gzip.compress(b"x" * 5000) if zipped else b"x" * 101
        assert (len(body) < 100) == zipped
        headers = {"Content-Encoding": "gzip"} if zipped else {}
        answer = await client.post("/raw", data=body, headers=headers)
        assert (answer.status, (await answer.json())["code"]) == (413, "too_large")


async def test_a_body_without_length_is_cut_off_at_the_limit():
    async def endless():
        for _ in range(1000):
            yield b"x" * 1000

    async with Toy() as client:
        try:
            answer = await client.post("/raw", data=endless())
        except aiohttp.ClientConnectionError:
            return  # the hub had stopped listening before all was sent
        assert answer.status == 413


async def test_too_many_requests_are_told_when_to_come_back():
    clock = Clock()
    gate = {
        "rate_limiter": MemoryRateLimiter(clock),
        "rate_limits": {"default": RateLimit(60), "auth": RateLimit(6, burst=2)},
    }
    async with Toy(clock=clock, gate=gate) as client:
        seen = [await client.post("/login", json={"given_name": "A"}) for _ in range(3)]
        assert [one.status for one in seen] == [200, 200, 429]
        assert [one.headers["RateLimit-Remaining"] for one in seen] == ["1", "0", "0"]
        assert (seen[2].headers["Retry-After"], seen[2].headers["RateLimit-Limit"]) == ("10", "2")
        assert (await client.get("/who")).status == 200
        clock.forward(10)
        assert (await client.post("/login", json={"given_name": "A"})).status == 200


async def test_callers_are_counted_apart_and_wrong_tokens_by_address():
    clock = Clock()
    gate = {"rate_limiter": MemoryRateLimiter(clock), "rate_limits": {"default": RateLimit(60, burst=2)}}
    async with Toy(clock=clock, gate=gate) as client:
        for token, wanted in [("ada", 200), ("ada", 200), ("ada", 429), ("bob", 200)]:
            assert (await client.get("/orders", headers=bearer(token))).status == wanted
        wrong = [(await client.delete("/orders/1", headers=bearer("guess"))).status for _ in range(3)]
        assert wrong == [401, 401, 429]


async def test_where_the_time_went():
    async with Toy() as client:
        assert (await client.get("/orders")).headers["Server-Timing"] == "total;dur=0.0, db;dur=12.3"


@pytest.mark.parametrize(
    ("hops", "trusted", "seen"),
    [
        ("6.6.6.6", 0, "1.2.3.4"),
        ("6.6.6.6, 5.5.5.5", 1, "5.5.5.5"),
        ("6.6.6.6, 5.5.5.5, 10.0.0.1", 2, "5.5.5.5"),
        ("5.5.5.5", 3, "5.5.5.5"),
        ("nonsense", 1, "1.2.3.4"),
        ("[2001:db8::1]", 1, "2001:db8::1"),
        (None, 1, "1.2.3.4"),
    ],
)
def test_only_trusted_hops_say_who_the_client_is(hops, trusted, seen):
    request = make_mocked_request("GET", "/", headers={"X-Forwarded-For": hops} if hops else {})
    assert find_client_ip(request.clone(remote="1.2.3.4"), trusted) == seen


async def test_requests_are_counted_by_template():
    toy = Toy()
    async with toy as client:
        await client.get("/orders/00000000-0000-0000-0000-000000000001")
        await client.request("PROPFIND", "/x")
        text = await (await client.get("/metrics")).text()
    assert 'method="GET",route="/orders/{order_id}",status="200"' in text
    assert 'method="OTHER",route="(no route)",status="404"' in text


async def test_draining_finishes_what_is_in_flight_and_closes_connections():
    toy = Toy()
    toy.routes.hold = asyncio.Event()
    async with toy as client:
        order = {"people": [], "amount": 1}
        running = asyncio.create_task(client.post("/orders", json=order, headers=bearer("ada")))
        await toy.routes.entered.wait()
        toy.drain.start_draining()
        assert await toy.drain.wait_until_idle(0.01) is False
        toy.routes.hold.set()
        assert await toy.drain.wait_until_idle(1) is True
        answer = await running
        assert (answer.status, answer.headers["Connection"]) == (201, "close")


async def test_an_idle_hub_has_nothing_to_drain():
    assert await RequestDrain().wait_until_idle(0.01) is True


HOSTILE = [
    b"\x00",
    b"\xff\xfe{}",
    b"[" * 5000,
    b'{"people":' * 300,
    b'{"people": [], "people": null}',
    b'{"people": [{"given_name": "\\u0000"}]}',
    b'{"people": [{"given_name": "\\ud83d"}]}',
    b'{"people": [], "amount": 1' + b"0" * 5000 + b"}",
    b'{"people": [], "amount": -9223372036854775809}',
    b'{"people": [], "notes": 1e400}',
    b'{"people": {"0": {}}, "amount": [[]]}',
    b'{"people": [{"given_name": "A", "born_on": "9999999-01-01"}]}',
    b'"people"',
    b"\xef\xbb\xbf{}",
]


@pytest.mark.parametrize("kind", ["application/json", 'application/json;charset="', "multipart/form-data", ""])
async def test_no_hostile_body_is_a_crash(kind):
    async with Toy() as client:
        for raw in HOSTILE:
            for path in ("/orders", "/login", "/maybe", "/orders?q=\x00&kinds=%ff%fe"):
                answer = await client.post(path, data=raw, headers={**bearer("ada"), "Content-Type": kind})
                assert 400 <= answer.status < 500, (path, raw[:40])
                assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    "target",
    [
        "/orders?max_stops=99999999999999999999",
        "/orders?max_stops=1e5",
        "/orders?q=%00%ff%ed%a0%80",
        "/orders?kinds=" + "," * 5000,
        "/orders?" + "q=1&" * 500,
        "/orders/%2e%2e%2f",
        "/orders/" + "9" * 4000,
        "/docs/..%2f..%2f..%2fetc%2fpasswd",
        "/x%0d%0aSet-Cookie:x",
    ],
)
async def test_no_hostile_address_is_a_crash(target):
    async with Toy() as client:
        for method in ("GET", "HEAD", "DELETE", "OPTIONS"):
            answer = await client.request(method, URL(target, encoded=True), headers=bearer("staff"))
            assert answer.status < 500
            assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("origin", ["http://localhost:5173", "http://127.0.0.1:4200", "https://app.localhost"])
async def test_in_development_any_origin_of_this_machine_may_call_and_in_production_none(origin):
    async with Toy(edge={"origins": ("https://app.example",)}) as client:
        answer = await client.get("/who", headers={"Origin": origin})
        assert answer.headers["Access-Control-Allow-Origin"] == origin
    async with Toy(edge={"origins": ("https://app.example",), "production": True}) as client:
        answer = await client.get("/who", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("origin", ["http://localhost.evil.example", "http://localhost:5173.evil.example", "null"])
async def test_an_origin_that_only_looks_local_is_refused_and_logged_once(logged, origin):
    async with Toy(edge={"own_origin": "http://127.0.0.1:1"}) as client:
        for sender in (origin, origin, "http://127.0.0.1:1"):
            answer = await client.get("/who", headers={"Origin": sender})
            assert answer.headers.get("Access-Control-Allow-Origin") in {None, "http://127.0.0.1:1"}
    refused = [line["origin"] for line in logged.events if line["event"] == "cors.origin_refused"]
    assert refused == [origin]


@pytest.mark.parametrize("header", ["Authorization", "Idempotency-Key", "X-Request-Id", "X-Forwarded-For", "Origin"])
@pytest.mark.parametrize("value", ["", " ", "Bearer", "Bearer  ", "\xff" * 50, "a" * 4000, "[::", ",,,", "%00"])
async def test_no_hostile_header_is_a_crash(header, value):
    async with Toy(edge={"trusted_proxies": 2, "origins": ("https://x.example",)}) as client:
        headers = {**bearer("ada"), header: value}
        assert (await client.post("/orders", json={"people": []}, headers=headers)).status in {201, 400, 401}
