"""Two hundred webhooks a second: how soon each is safe, how soon it has its effect, and what a killed hub loses."""

import asyncio
import itertools
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import asyncpg
import stripe

from bench.hub import Connection, Served, percentile
from hub.cli.demo import DemoClient
from hub.core.embedded_postgres import EmbeddedPostgres
from sandbox.state import SandboxConfig

RATE = 200
SECONDS = 8.0
BOOKINGS = 12
CONNECTIONS = 24
PATIENCE = 30.0
SETTINGS = {"HUB_AUTH_RATE_LIMIT": "100000000", "AUTH_VERIFY_EMAIL": "later"}
Row = tuple[str, str, str, str, str]
EFFECTS = """
select extract(epoch from processed_at - received_at)::float8 from webhook_events
where event_id like 'evt_pace_%' and status = 'processed'
"""
KEPT = "select event_id, status from webhook_events where event_id = any($1)"


@dataclass(slots=True)
class Sent:
    """What was delivered: `acknowledged` has the ids that were answered with 2xx; latencies in seconds."""

    acknowledged: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)


async def measured(folder: Path) -> list[Row]:
    """Hub, worker and sandbox in processes of their own, as docker-compose.yml runs them."""
    async with Served(folder, apart=("sandbox", "worker"), **SETTINGS) as hub:
        rows = await _paced(hub)
    async with Served(folder, apart=("sandbox",), **SETTINGS) as hub:
        return [*rows, await _killed(hub)]


async def _paced(hub: Served) -> list[Row]:
    """News of bookings that are paid: each event has the intent read at the provider, and the payment settled."""
    intents = await _paid_bookings(hub)
    sent = await _deliver(hub.port, intents, SECONDS)
    effects = await _effects(hub, len(sent.acknowledged))
    p50, p99 = (f"{percentile(sent.latencies, part):.1f}" for part in (0.5, 0.99))
    e50, e95 = (f"{percentile(effects, part):.1f}" for part in (0.5, 0.95))
    return [
        (f"at {RATE}/s: webhook kept, ms p50 / p99", f"{p50} / {p99}", "", "", "p99 at most 10"),
        (f"at {RATE}/s: effect after receipt, ms p50 / p95", f"{e50} / {e95}", "", "", "p95 at most 50"),
    ]


async def _killed(hub: Served) -> Row:
    """kill -9 while they arrive; then everything that was acknowledged has to be there, and to be worked on."""
    intents = await _paid_bookings(hub)
    delivering = asyncio.create_task(_deliver(hub.port, intents, SECONDS))
    await asyncio.sleep(SECONDS / 4)
    await hub.kill()
    sent = await delivering
    await hub.start()
    missing, waiting = await _fate(hub, sent.acknowledged)
    total = len(sent.acknowledged)
    return (f"kill -9 at {RATE}/s: of {total} kept, lost / not worked on", f"{missing} / {waiting}", "", "", "0 / 0")


async def _paid_bookings(hub: Served) -> list[str]:
    base, sandbox = f"http://127.0.0.1:{hub.port}", f"http://127.0.0.1:{hub.sandbox_port}"
    async with aiohttp.ClientSession() as session:
        journey = DemoClient(session, base, sandbox, quiet=True)
        await journey.register_account()
        offer = await journey.search_flights("LON", "BCN")
        bookings = [await journey.book_flight(offer) for _ in range(BOOKINGS)]
        intents = [await journey.pay_booking(one, "pm_card_visa") for one in bookings]
        for one in bookings:
            await journey.wait_for_booking(one["id"])
    await asyncio.sleep(2)  # the letters of the bookings are on their way
    return intents


async def _deliver(port: int, intents: list[str], seconds: float) -> Sent:
    """At a steady pace whatever the answers take: a slow answer does not slow down the next event."""
    sent, numbers, started = Sent(), itertools.count(), time.perf_counter()
    total = int(RATE * seconds)

    async def one() -> None:
        connection = await Connection.to(port)
        try:
            while (number := next(numbers)) < total:
                due = started + number / RATE
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                event_id, request = _delivery(number, intents[number % len(intents)])
                began = time.perf_counter()
                status, _ = await connection.ask(request)
                if status < 300:
                    sent.acknowledged.append(event_id)
                    sent.latencies.append(time.perf_counter() - began)
        except (OSError, asyncio.IncompleteReadError):
            return  # the hub is gone
        finally:
            connection.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return sent


def _delivery(number: int, intent: str) -> tuple[str, bytes]:
    event_id = f"evt_pace_{time.time_ns()}_{number}"
    document = {
        "id": event_id, "object": "event", "type": "payment_intent.succeeded", "created": int(time.time()),
        "data": {"object": {"id": intent, "object": "payment_intent"}},
    }  # fmt: skip
    body = json.dumps(document)
    secret = SandboxConfig(callback_base="").stripe_webhook_secret
    head = (
        "POST /webhooks/stripe HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
        f"Stripe-Signature: {stripe.WebhookSignature.generate_signature_header(body, secret)}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return event_id, (head + body).encode()


async def _effects(hub: Served, expected: int) -> list[float]:
    server = await EmbeddedPostgres.start(hub.folder / "data")
    connection = await asyncpg.connect(server.dsn)
    end, found = time.perf_counter() + PATIENCE, []
    while len(found) < expected and time.perf_counter() < end:
        found = [row[0] for row in await connection.fetch(EFFECTS)]
        await asyncio.sleep(0.1)
    await connection.close()
    await server.stop()
    assert len(found) >= expected, f"{expected - len(found)} of {expected} events have had no effect"
    return found


async def _fate(hub: Served, ids: list[str]) -> tuple[int, int]:
    """How many of them are not there, and how many are not worked on."""
    server = await EmbeddedPostgres.start(hub.folder / "data")
    connection = await asyncpg.connect(server.dsn)
    end, waiting, rows = time.perf_counter() + PATIENCE, 1, []
    while waiting and time.perf_counter() < end:
        rows = await connection.fetch(KEPT, ids)
        waiting = sum(row["status"] == "received" for row in rows)
        await asyncio.sleep(0.2)
    await connection.close()
    await server.stop()
    return len(set(ids)) - len(rows), waiting
