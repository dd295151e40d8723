"""Keeping a webhook does not ring for the workers; one ring afterwards does, for all that came together."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest

from hub.core.clock import SystemClock
from hub.core.db import Database
from hub.core.inbox import Inbox, RawWebhook, VerifiedWebhook
from hub.core.jobs import JobQueue
from tests.support.logs import logging_to_memory


class Source:
    name = "stripe"
    is_configured = True

    def verify_webhook(self, raw: RawWebhook) -> VerifiedWebhook:
        return VerifiedWebhook(raw.body.decode(), "made.up", {}, datetime(2027, 1, 1, tzinfo=UTC))


@pytest.fixture
def inbox(db: Database) -> Inbox:
    return Inbox(db, JobQueue(), SystemClock())


@pytest.fixture
async def rings(dsn: str):
    heard: asyncio.Queue[str] = asyncio.Queue()
    listener = await asyncpg.connect(dsn)
    await listener.add_listener("ch_pgqueuer", lambda *said: heard.put_nowait(said[-1]))
    yield heard
    await listener.close()


async def receive(inbox: Inbox, *names: str) -> list[bool]:
    raws = [RawWebhook({}, name.encode(), "") for name in names]
    return await asyncio.gather(*(inbox.receive_webhook(Source(), raw) for raw in raws))


async def test_what_comes_together_rings_far_less_often_than_once_each(inbox, rings, db):
    assert all(await receive(inbox, *(f"evt_{n}" for n in range(20))))
    assert "table_changed_event" in await asyncio.wait_for(rings.get(), 5)
    await asyncio.sleep(0.1)
    assert rings.qsize() < 10
    async with db.connection() as connection:
        assert await connection.fetchval("select count(*) from pgqueuer where entrypoint = 'webhook.process'") == 20


async def test_every_later_event_rings_again_and_a_known_one_does_not(inbox, rings):
    for name in ("evt_1", "evt_2"):
        await receive(inbox, name)
        await asyncio.wait_for(rings.get(), 5)
    assert await receive(inbox, "evt_1") == [False]
    await asyncio.sleep(0.1)
    assert rings.empty()


async def test_the_quiet_ends_with_its_transaction(inbox, db, rings):
    await receive(inbox, "evt_1")
    await asyncio.wait_for(rings.get(), 5)
    async with db.connection() as connection:
        assert await connection.fetchval("select current_setting('hub.quiet', true)") != "on"
        await connection.execute("delete from pgqueuer")
    await asyncio.wait_for(rings.get(), 5)


async def test_a_ring_that_fails_is_told_in_the_log_and_the_next_event_rings_again(inbox, rings, monkeypatch):
    with logging_to_memory(level="info", json=True) as lines, monkeypatch.context() as broken:
        await receive(inbox, "evt_1")
        broken.setattr(inbox._db, "connection", lambda: 1 / 0)
        await asyncio.sleep(0.1)
        assert [(one["event"], one["error"]) for one in lines.events] == [("inbox.ring_failed", "ZeroDivisionError")]
    await receive(inbox, "evt_2")
    assert "table_changed_event" in await asyncio.wait_for(rings.get(), 5)


async def test_closing_ends_a_ring_that_has_not_gone_out(inbox, rings):
    await receive(inbox, "evt_1")
    await inbox.close()
    await asyncio.sleep(0.1)
    assert rings.empty()
    assert not inbox._rings
