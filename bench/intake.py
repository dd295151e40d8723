"""Webhook intake: acknowledged once it is durable, against a bare insert at the same concurrency."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import stripe

from bench.hub import Served, load, percentile
from hub.core.embedded_postgres import EmbeddedPostgres
from sandbox.state import SandboxConfig

CONNECTIONS = 16
SECONDS, ROUNDS = 6.0, 4
WARM_UP = 1.0
LEFT = "select exists (select from webhook_events where status = 'received')"
Row = tuple[str, str, str, str, str]


async def measured(folder: Path) -> list[Row]:
    """The intake alone, which is what an insert can be held against; and while all of it is worked on by the way."""
    alone: list[float] = []
    base: list[float] = []
    async with Served(folder, without=("worker",)) as hub:
        await load(hub.port, _deliveries(), connections=CONNECTIONS, seconds=WARM_UP)
        for _ in range(ROUNDS):  # in turn, so that what disturbs one disturbs the other
            alone += await load(hub.port, _deliveries(), connections=CONNECTIONS, seconds=SECONDS / ROUNDS)
            base += await _bare(hub.folder / "data", SECONDS / ROUNDS)
    async with Served(folder) as hub:
        await _worked_off(folder / "data")
        working = await load(hub.port, _deliveries(), connections=CONNECTIONS, seconds=SECONDS)
    return [
        _row("webhooks kept, per second", alone, base, "at least 0.5"),
        _row("the same while they are worked on", working, base, ""),
        ("webhooks kept, ms p50 / p99", _tail(alone), _tail(base), "", ""),
    ]


def _row(what: str, mine: list[float], base: list[float], aim: str) -> Row:
    rate, plain = len(mine) / SECONDS, len(base) / SECONDS
    return (what, f"{rate:.0f}", f"{plain:.0f}", f"{rate / plain:.2f}", aim)


def _tail(latencies: list[float]) -> str:
    return f"{percentile(latencies, 0.5):.1f} / {percentile(latencies, 0.99):.1f}"


async def _worked_off(data: Path) -> None:
    """Until nothing is left of what the hub has kept without a worker."""
    server = await EmbeddedPostgres.start(data)
    connection = await asyncpg.connect(server.dsn)
    while await connection.fetchval(LEFT):  # noqa: ASYNC110 (it happens in another process)
        await asyncio.sleep(0.1)
    await connection.close()
    await server.stop()


def _event(number: int) -> bytes:
    """Of a type that nobody works on: it is kept, and ignored."""
    body = {"id": f"evt_bench_{time.time_ns()}_{number}", "object": "event", "type": "payout.paid"}
    return json.dumps(
        body | {"created": int(time.time()), "data": {"object": {"id": "po_1", "object": "payout"}}}
    ).encode()


def _deliveries() -> Iterator[bytes]:
    secret = SandboxConfig(callback_base="").stripe_webhook_secret
    for number in itertools.count():
        body = _event(number)
        signature = stripe.WebhookSignature.generate_signature_header(body.decode(), secret)
        head = (
            "POST /webhooks/stripe HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
            f"Stripe-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


async def _bare(data: Path, seconds: float) -> list[float]:
    """The least that keeps an event: one insert into a table with the same unique key."""
    server = await EmbeddedPostgres.start(data)
    pool = await asyncpg.create_pool(server.dsn, min_size=10, max_size=10)
    await pool.execute(
        "create table if not exists bench_events (id bigint generated always as identity primary key, "
        "event_id text unique, raw bytea, received_at timestamptz default now())"
    )
    latencies: list[float] = []
    end = time.perf_counter() + seconds
    numbers = itertools.count()

    async def one() -> None:
        while time.perf_counter() < end:
            number, started = next(numbers), time.perf_counter()
            body = _event(number)
            await pool.execute("insert into bench_events (event_id, raw) values ($1, $2)", f"{started}:{number}", body)
            latencies.append(time.perf_counter() - started)

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    await pool.execute("drop table bench_events")
    await pool.close()
    await server.stop()
    return latencies
