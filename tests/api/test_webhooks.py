"""The one door for all webhooks: what is kept, what is refused, and that nothing hostile is our fault."""

import io
import json
import time
from typing import Any

import pytest
import stripe

from adapters.stripe import StripeWebhooks
from hub.core.clock import SystemClock
from hub.core.errors import Unauthenticated
from hub.core.inbox import RawWebhook
from sandbox.state import SandboxConfig
from tests.support.running import Running, hub_running, settings_for, until

SECRET = SandboxConfig(callback_base="").stripe_webhook_secret


def event(**more: Any) -> bytes:
    body = {
        "id": "evt_1",
        "object": "event",
        "type": "payout.paid",
        "created": int(time.time()),
        "data": {"object": {}},
    }
    return json.dumps(body | more).encode()


def signed(body: bytes, *, secret: str = SECRET, at: int | None = None) -> dict[str, str]:
    header = stripe.WebhookSignature.generate_signature_header(body.decode("utf-8", "surrogateescape"), secret, at)
    return {"Stripe-Signature": header, "Content-Type": "application/json"}


async def post(running: Running, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
    async with running.session.post(f"{running.url}/webhooks/{path}", data=body, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def kept(running: Running) -> list[Any]:
    async with running.db.transaction() as tx:
        return await tx.fetch("select * from webhook_events order by id")


async def test_an_event_is_kept_before_it_is_acknowledged(running: Running):
    body = event()
    status, answer = await post(running, "stripe", body, signed(body))
    assert (status, answer) == (202, {"received": True, "duplicate": False})
    (row,) = await kept(running)
    assert (bytes(row["raw"]), row["event_id"], row["type"]) == (body, "evt_1", "payout.paid")


async def test_the_same_event_twice_is_one(running: Running):
    body = event()
    await post(running, "stripe", body, signed(body))
    status, answer = await post(running, "stripe", body, signed(body))
    assert (status, answer["duplicate"]) == (202, True)
    (row,) = await kept(running)
    assert row["deliveries"] == 2


async def test_an_event_that_nobody_works_on_is_kept_and_ignored(running: Running):
    body = event()
    await post(running, "stripe", body, signed(body))

    async def ignored() -> bool:
        return [row["status"] for row in await kept(running)] == ["ignored"]

    await until(ignored)


@pytest.mark.parametrize("path", ["nobody", "resend/x/y", "openai"])
async def test_there_is_no_door_for_who_is_not_known(running: Running, path: str):
    assert (await post(running, path, b"{}", {}))[0] == 404


@pytest.mark.parametrize(
    "header",
    ["", "t=1,v1=abc", "t=,v1=", "nonsense", "t=9999999999999999999999,v1=00", "v1=" + "f" * 64, "t=é,v1=é"],
)
async def test_a_signature_that_is_none_is_a_problem(running: Running, header: str):
    status, problem = await post(running, "stripe", event(), {"Stripe-Signature": header})
    assert (status, problem["code"]) == (401, "bad_signature")
    assert await kept(running) == []


@pytest.mark.parametrize("offset", [-3600, 3600])
async def test_old_and_future_signatures_are_refused(running: Running, offset: int):
    body = event()
    status, _ = await post(running, "stripe", body, signed(body, at=int(time.time()) + offset))
    assert status == 401


async def test_a_body_changed_on_its_way_is_refused(running: Running):
    body = event()
    assert (await post(running, "stripe", body + b" ", signed(body)))[0] == 401


async def test_a_body_that_is_too_large_is_refused(running: Running):
    status, problem = await post(
        running, "stripe", io.BytesIO(b"x" * (1024 * 1024 + 1)), {"Stripe-Signature": "t=1,v1=0"}
    )
    assert (status, problem["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"text"',
        b'{"id": 1}',
        b"[" * 20000,
        b"\xff\xfe",
        b'{"id": "e", "type": "t", "created": "x"}',
    ],
)
async def test_what_is_signed_and_cannot_be_read_is_a_bad_request(running: Running, body: bytes):
    import hashlib
    import hmac

    stamp = int(time.time())
    mark = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    status, _ = await post(running, "stripe", body, {"Stripe-Signature": f"t={stamp},v1={mark}"})
    assert status in {400, 401}


async def test_a_nul_in_an_event_is_kept_in_its_bytes(running: Running):
    body = event(data={"object": {"note": "a\x00b"}})
    assert (await post(running, "stripe", body, signed(body)))[0] == 202
    (row,) = await kept(running)
    assert bytes(row["raw"]) == body
    assert row["payload"]["data"]["object"]["note"] == "ab"


def test_two_secrets_are_good_while_one_is_being_rotated():
    webhooks = StripeWebhooks(["whsec_new", "whsec_old"], SystemClock().now)
    for secret in ("whsec_new", "whsec_old"):
        body = event()
        assert webhooks.verify_webhook(RawWebhook(signed(body, secret=secret), body, "")).event_id == "evt_1"
    body = event()
    with pytest.raises(Unauthenticated):
        webhooks.verify_webhook(RawWebhook(signed(body, secret="whsec_other"), body, ""))


async def test_a_stored_event_can_be_replayed_though_its_signature_is_old(running: Running):
    body = event()
    await post(running, "stripe", body, signed(body))
    (row,) = await kept(running)
    async with running.db.transaction() as tx:
        await tx.execute(
            "update webhook_events set received_at = received_at - interval '3 days', status = 'processed'"
        )
    await running.made.inbox.replay_event(row["id"])

    async def again() -> bool:
        return [one["status"] for one in await kept(running)] == ["ignored"]

    await until(again)


async def test_a_provider_without_a_secret_has_no_door(dsn: str, tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_live_of_nobody")
    monkeypatch.setenv("STRIPE_PUBLISHABLE_KEY", "pk_live_of_nobody")
    async with hub_running(settings_for(dsn, tmp_path)) as running:
        assert (await post(running, "stripe", event(), signed(event())))[0] == 404


async def test_kiwi_is_known_by_its_address(running: Running):
    token = SandboxConfig(callback_base="").kiwi_webhook_token
    good = b'{"booking_id": 7, "status": "confirmed"}'
    assert (await post(running, f"kiwi/{token}", good, {}))[0] == 202
    assert (await post(running, "kiwi/guess", good, {}))[0] == 401
    assert (await post(running, "kiwi", good, {}))[0] == 401
