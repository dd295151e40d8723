"""What one caller may cost: searches, streams, and what strangers may read of the numbers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from pydantic import SecretStr

from hub.cli.processes import serve_metrics
from hub.core.metrics import new_registry
from tests.support.running import Running, free_port, hub_running, settings_for, soon

TOKEN = "4f1d9c0b7e2a68f35c9047d1be83a62f"


@pytest.fixture
async def hub(dsn: str, tmp_path: Path) -> AsyncIterator[Running]:
    settings = settings_for(
        dsn, tmp_path, search_rate_limit=3, streams_per_caller=2, host="0.0.0.0", metrics_token=SecretStr(TOKEN)
    )
    async with hub_running(settings) as running:
        yield running


def search(days: int) -> str:
    return f"/api/flights/search?origin=LHR&destination=BCN&departure_date={soon(days)}"


async def test_distinct_searches_are_limited_and_known_answers_are_not(hub: Running):
    for days in (40, 41, 42):
        assert (await hub.call("GET", search(days)))[0] == 200
    refused, problem = await hub.call("GET", search(43))
    assert (refused, problem["code"]) == (429, "rate_limited")
    assert int(hub.headers["Retry-After"]) > 0
    body = {"origin": "LHR", "destination": "BCN", "departure_date": soon(44).isoformat()}
    assert (await hub.call("POST", "/api/flights/search", body))[0] == 429
    assert (await hub.call("GET", search(40)))[0] == 200


async def test_a_caller_has_only_so_many_streams_open(hub: Running):
    await hub.register()
    trip = {"destination": "Lisbon", "origin": "LON", "start_date": soon(30).isoformat(), "adults": 1}
    trip |= {"end_date": soon(33).isoformat(), "budget": {"amount": 300_000, "currency": "EUR"}}
    await hub.fault("kiwi", "slow", delay=20, times=50)
    send = {"Authorization": f"Bearer {hub.token}"}
    streams = [await hub.session.post(f"{hub.url}/api/plan/stream", json=trip, headers=send) for _ in range(2)]
    status, problem = await hub.call("POST", "/api/plan/stream", trip)
    assert (status, problem["code"]) == (429, "too_many_streams")
    for stream in streams:
        stream.close()

    async def opened() -> bool:
        async with hub.session.post(f"{hub.url}/api/plan/stream", json=trip, headers=send) as answer:
            return answer.status == 200

    async with asyncio.timeout(20):
        while not await opened():
            await asyncio.sleep(0.2)


async def test_metrics_need_their_token(hub: Running):
    assert (await hub.call("GET", "/metrics"))[0] == 404
    assert (await hub.call("GET", "/metrics", Authorization="Bearer wrong"))[0] == 404
    assert (await hub.call("GET", "/metrics", Authorization=f"Bearer {TOKEN}"))[0] == 200


async def test_metrics_have_a_port_of_their_own(dsn: str, tmp_path: Path):
    settings = settings_for(dsn, tmp_path, metrics_port=free_port())
    url = f"http://127.0.0.1:{settings.metrics_port}"
    async with serve_metrics(new_registry(), settings), aiohttp.ClientSession() as session:
        async with session.get(f"{url}/metrics") as answer:
            assert "process_open_fds" in await answer.text()
        async with session.get(f"{url}/readyz") as answer:
            assert answer.status == 404


async def test_strange_requests_add_no_series(hub: Running):
    async def series() -> int:
        _, text = await hub.call("GET", "/metrics", Authorization=f"Bearer {TOKEN}")
        return sum(line.startswith("hub_http") for line in text.splitlines())

    async def strange(number: int) -> None:
        await hub.call("GET", f"/nowhere/{number}")
        await hub.call("PROPFIND", f"/{number}")
        await hub.call("GET", f"/api/flights/offers/off_{number}")

    await strange(0)
    await series()
    before = await series()
    for number in range(1, 20):
        await strange(number)
    assert await series() == before
