"""Webhook intake: acknowledged once it is durable, against a bare insert at the same concurrency."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import stripe

from adapters.sandbox.world import SandboxConfig
from bench.hub import Served, load, percentile
from hub.core.embedded import Embedded

CONNECTIONS = 16
SECONDS = 4.0
Row = tuple[str, str, str, str, str]


async def durable(hub: Served) -> list[Row]:
    mine = await load(hub.port, _deliveries(), connections=CONNECTIONS, seconds=SECONDS)
    base = await _bare(hub.folder / "data")
    rate, plain = len(mine) / SECONDS, len(base) / SECONDS
    p50, p99 = (f"{percentile(mine, part):.1f}" for part in (0.5, 0.99))
    q50, q99 = (f"{percentile(base, part):.1f}" for part in (0.5, 0.99))
    return [
        ("webhooks kept, per second", f"{rate:.0f}", f"{plain:.0f}", f"{rate / plain:.2f}", ""),
        ("webhooks kept, ms p50 / p99", f"{p50} / {p99}", f"{q50} / {q99}", "", ""),
    ]


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


async def _bare(data: Path) -> list[float]:
    """The least that keeps an event: one insert into a table with the same unique key."""
    server = await Embedded.start(data)
    pool = await asyncpg.create_pool(server.dsn, min_size=10, max_size=10)
    await pool.execute(
        "create table if not exists bench_events (id bigint generated always as identity primary key, "
        "event_id text unique, raw bytea, received_at timestamptz default now())"
    )
    latencies: list[float] = []
    end = time.perf_counter() + SECONDS
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
