"""The shell of the sandbox: the call log, its errors, the port, and how webhooks are delivered."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from sandbox.app import start_sandbox
from sandbox.state import Callback, Emulator, SandboxConfig, SandboxState
from sandbox.webhook_delivery import WebhookDeliverer
from tests.sandbox.shell import KEY, Shell, open_shell, until


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    async with open_shell() as opened:
        yield opened


async def test_every_call_is_noted_without_its_body_or_its_key(shell: Shell) -> None:
    await shell.mail(headers={"Idempotency-Key": "k1"})
    await shell.call("GET", "/resend/domains", headers=KEY)
    first, second = await shell.control("GET", "calls")
    assert {name: first[name] for name in ("n", "provider", "method", "path", "idempotency_key", "status")} == {
        "n": 1, "provider": "resend", "method": "POST", "path": "/resend/emails", "idempotency_key": "k1",
        "status": 200,
    }  # fmt: skip
    assert second["n"] == 2
    assert first["duration_ms"] >= 0
    assert "re_sandbox" not in json.dumps([first, second])
    assert "ada@example.com" not in json.dumps([first, second])


async def test_the_call_log_can_be_asked_for_one_provider(shell: Shell) -> None:
    await shell.call("GET", "/resend/domains", headers=KEY)
    await shell.call("GET", "/twilio/2010-04-01/Accounts/AC1.json")
    _, found, _ = await shell.call("GET", "/_/calls?provider=twilio")
    assert [(one["provider"], one["status"]) for one in found] == [("twilio", 401)]


async def test_the_call_log_is_bounded(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.app.MAX_CALLS", 3)
    for _ in range(5):
        await shell.call("GET", "/resend/domains", headers=KEY)
    assert [one["n"] for one in await shell.control("GET", "calls")] == [3, 4, 5]


async def test_pages_and_preflights_are_no_calls(shell: Shell) -> None:
    await shell.call("GET", "/stripe/3ds/pi_none")
    await shell.call("OPTIONS", "/stripe/v1/payment_intents")
    await shell.call("GET", "/_/health")
    assert await shell.control("GET", "calls") == []


@pytest.mark.parametrize(
    ("path", "status", "name"),
    [("/resend/nothing", 404, "name"), ("/twilio/nothing", 404, "more_info"), ("/_/nothing", 404, "error")],
)
async def test_what_is_not_there_is_told_as_json(shell: Shell, path: str, status: int, name: str) -> None:
    found, body, _ = await shell.call("GET", path)
    assert found == status
    assert name in body


async def test_a_wrong_method_names_the_right_ones(shell: Shell) -> None:
    status, body, headers = await shell.call("DELETE", "/resend/domains")
    assert (status, body["name"], headers["Allow"]) == (405, "method_not_allowed", "GET,HEAD")


async def test_a_fault_of_the_sandbox_itself_is_told_and_logged(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sandbox.resend._json", lambda _: 1 / 0)
    status, body, _ = await shell.mail()
    assert (status, body["name"]) == (500, "application_error")
    assert "ZeroDivisionError" in caplog.text


async def test_a_taken_port_is_named() -> None:
    config = SandboxConfig(callback_base="http://127.0.0.1:9")
    runner = await start_sandbox(config, "127.0.0.1", 0)
    port = runner.addresses[0][1]
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"):
        await start_sandbox(config, "127.0.0.1", port)
    await runner.cleanup()


async def test_a_sandbox_that_is_started_again_gives_no_id_twice() -> None:
    """A hub that keeps its database met the intents and events of the sandbox before, and took the new for the old."""
    idents = []
    for _ in range(2):
        async with open_shell(seed=7) as shell:
            idents += [(await shell.mail())[1]["id"]]
            await shell.control("POST", "reset")
            idents += [(await shell.mail())[1]["id"]]
    assert len(set(idents)) == 4


async def test_a_webhook_is_repeated_until_it_is_taken(shell: Shell) -> None:
    shell.hub.answers = [500, 307, 204, 204]
    await shell.mail(to="suppressed@example.com")
    await shell.webhooks(3)
    await until(lambda: _delivered(shell, 1))
    (seen,) = await shell.control("GET", "callbacks")
    assert (seen["provider"], seen["label"], seen["path"]) == ("resend", "email.suppressed", "/webhooks/resend")
    assert (seen["attempts"], seen["status"], seen["done"]) == (3, 204, True)
    assert len({one.headers["svix-id"] for one in shell.hub.got}) == 1


async def test_a_webhook_outlives_a_hub_that_is_down() -> None:
    taken: list[str] = []
    deliverer = WebhookDeliverer(_world(taken), 0, (0.05, 0.1, 0.2, 0.4))
    async with _hub_that_is_down() as (url, start):
        await deliverer.start()
        deliverer.send_callback(Callback("kiwi", f"{url}/webhooks/kiwi", b"{}", "x"))
        await until(lambda: deliverer.deliveries[1].attempts >= 1)
        assert deliverer.deliveries[1].status is None
        await start()
        await until(lambda: deliverer.deliveries[1].is_delivered)
        await deliverer.stop()
    assert taken == ["x"]


async def test_held_webhooks_wait_and_come_in_any_order(shell: Shell) -> None:
    await shell.control("POST", "callbacks/hold", provider="resend")
    await shell.mail()
    assert [one["held"] for one in await shell.control("GET", "callbacks")] == [True, True]
    await asyncio.sleep(0.05)
    assert shell.hub.got == []
    assert await shell.control("POST", "callbacks/release", provider="resend", backwards=True) == {"released": 2}
    got = await shell.webhooks(2)
    assert [json.loads(one.body)["type"] for one in got] == ["email.delivered", "email.sent"]


async def test_holding_catches_what_is_already_on_its_way() -> None:
    async with open_shell(callback_delay=0.1) as shell:
        await shell.mail()
        await shell.control("POST", "callbacks/hold")
        await until(lambda: _all(shell, "held"))
        assert shell.hub.got == []


async def test_lost_webhooks_never_come_but_by_hand(shell: Shell) -> None:
    await shell.control("POST", "callbacks/drop", provider="resend")
    await shell.mail(to="suppressed@example.com")
    await asyncio.sleep(0.05)
    assert [one["lost"] for one in await shell.control("GET", "callbacks")] == [True]
    await shell.control("POST", "callbacks/1/resend")
    assert len(await shell.webhooks(1)) == 1
    await shell.control("POST", "callbacks/keep", provider="resend")
    await shell.mail(to="suppressed@example.com")
    assert len(await shell.webhooks(2)) == 2


async def test_a_webhook_can_be_doubled(shell: Shell) -> None:
    await shell.mail(to="suppressed@example.com")
    await shell.webhooks(1)
    assert await shell.control("POST", "callbacks/1/resend") == {"resent": 1}
    first, second = await shell.webhooks(2)
    assert (first.body, first.headers["svix-id"]) == (second.body, second.headers["svix-id"])


async def test_no_more_than_some_attempts_are_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    most, now = 0, 0

    async def send(_: Callback) -> int:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1
        return 204

    deliverer = WebhookDeliverer(_world(), 0, ())
    monkeypatch.setattr(WebhookDeliverer, "_send", lambda _, callback: send(callback))
    for _ in range(100):
        deliverer.send_callback(Callback("kiwi", "http://hub.test/", b"", "x"))
    await until(lambda: all(one.is_delivered for one in deliverer.list_deliveries()))
    assert most == 32


async def test_a_reset_begins_again(shell: Shell) -> None:
    first = (await shell.mail(headers={"Idempotency-Key": "k"}))[1]["id"]
    await shell.fault("status", times=5)
    await shell.control("POST", "callbacks/hold")
    await shell.control("POST", "reset")
    for name in ("calls", "faults", "mailbox", "messages", "callbacks"):
        assert await shell.control("GET", name) == []
    assert (await shell.mail(headers={"Idempotency-Key": "k"}))[1]["id"] != first, "the key is forgotten"
    assert [one["held"] for one in await shell.control("GET", "callbacks")] == [False, False]


async def test_leaving_ends_what_is_still_being_delivered() -> None:
    deliverer = WebhookDeliverer(_world(), 60, ())
    await deliverer.start()
    deliverer.send_callback(Callback("kiwi", "http://hub.test/", b"", "x"))
    async with asyncio.timeout(1):
        await deliverer.stop()
    assert not deliverer.deliveries[1].is_delivered


def _world(acknowledged: list[str] | None = None) -> SandboxState:
    """Without emulators, but for one that notes the labels of what is acknowledged."""
    world = SandboxState(SandboxConfig("http://hub.test"), lambda _: None)
    note = [] if acknowledged is None else acknowledged
    world.register_emulator(
        Emulator("kiwi", dict, acknowledge_callback=lambda _, callback: note.append(callback.label))
    )
    return world


async def _delivered(shell: Shell, count: int) -> bool:
    return [one["done"] for one in await shell.control("GET", "callbacks")].count(True) == count


async def _all(shell: Shell, what: str) -> bool:
    return all(one[what] for one in await shell.control("GET", "callbacks"))


@asynccontextmanager
async def _hub_that_is_down() -> AsyncIterator[tuple[str, Callable[[], Awaitable[None]]]]:
    """An address where nothing listens, and how to make something listen there."""

    async def take(_: web.Request) -> web.Response:
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/webhooks/kiwi", take)
    port = unused_port()
    server = TestServer(app, port=port)
    yield f"http://127.0.0.1:{port}", server.start_server
    await server.close()
