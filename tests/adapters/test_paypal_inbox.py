"""A source whose check takes a while is kept by the inbox like any other."""

import asyncio

import pytest

from hub.core.clock import SystemClock
from hub.core.db import Database
from hub.core.errors import Unauthenticated
from hub.core.inbox import Inbox, RawWebhook
from hub.core.jobs import JobQueue
from tests.adapters.paypal_shop import open_shop


async def test_a_webhook_of_paypal_is_kept_once_and_a_forged_one_never(db: Database) -> None:
    inbox = Inbox(db, JobQueue(), SystemClock())
    async with open_shop() as shop:
        await shop.approve((await shop.start()).id)
        (came,) = await shop.shell.webhooks(1)
        raw = RawWebhook(came.headers, came.body, came.url)
        forged = RawWebhook({**came.headers, "PAYPAL-TRANSMISSION-ID": "another"}, came.body, came.url)
        with pytest.raises(Unauthenticated):
            await inbox.receive_webhook(shop.webhooks, forged)
        found = await asyncio.gather(*(inbox.receive_webhook(shop.webhooks, raw) for _ in range(4)))
        assert sorted(found) == [False, False, False, True]
        assert [row["type"] for row in await inbox.list_events()] == ["CHECKOUT.ORDER.APPROVED"]
    await inbox.close()
