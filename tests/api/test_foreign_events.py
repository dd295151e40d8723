"""Events that are not ours: acknowledged, ignored and counted; no job is held over them."""

import json
from typing import Any

import pytest

from tests.api.test_webhooks import event, kept, post, signed
from tests.sales.payments.test_lost_at_the_provider import stripe
from tests.support.running import Running, until

INTENT = {"object": {"id": "pi_of_somebody_else", "object": "payment_intent"}}
THIN = {
    "id": "evt_thin",
    "object": "v2.core.event",
    "type": "v1.billing.meter.error_report_triggered",
    "created": "2026-11-29T12:00:00.000Z",
    "livemode": False,
    "related_object": {"id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1"},
}


async def counted(running: Running, reason: str) -> float:
    name = f'hub_webhook_events_ignored_total{{provider="stripe",reason="{reason}"}} '
    _, text = await running.call("GET", "/metrics")
    return next((float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name)), 0.0)


@pytest.mark.parametrize(
    ("reason", "body"),
    [
        ("thin_event", json.dumps(THIN).encode()),
        ("connected_account", event(type="payment_intent.succeeded", account="acct_1Connected", data=INTENT)),
        ("other_mode", event(type="payment_intent.succeeded", livemode=True, data=INTENT)),
        ("unknown_intent", event(type="payment_intent.succeeded", livemode=False, data=INTENT)),
        ("of_no_interest", event(type="payout.paid")),
    ],
)
async def test_it_is_acknowledged_ignored_and_counted(running: Running, reason: str, body: bytes):
    assert (await post(running, "stripe", body, signed(body)))[0] == 202
    (row,) = await until(lambda: processed(running))
    assert row["status"] == "ignored"
    assert await counted(running, reason) == 1
    async with running.db.transaction() as tx:
        assert await tx.fetchval("select count(*) from pgqueuer where status = 'failed'") == 0


async def processed(running: Running) -> list[Any]:
    rows = await kept(running)
    return rows if rows and all(row["status"] != "received" for row in rows) else []


async def test_an_intent_made_outside_the_hub_is_ignored(running: Running):
    made = await stripe(
        running, "POST", "payment_intents", amount=900, currency="eur", confirm="true",
        payment_method="pm_card_visa", return_url="http://127.0.0.1:9/",
    )  # fmt: skip
    assert made["status"] == "succeeded"
    rows = await until(lambda: processed(running))
    assert {row["status"] for row in rows} == {"ignored"}
    assert await counted(running, "unmarked_intent") >= 1
