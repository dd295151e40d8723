"""The sandbox's state over a restart: kept by every emulator, whole after a kill at any moment, empty after a reset."""

import asyncio
import base64
import os
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.codec import StateCodec
from sandbox.oidc.state import create_key
from sandbox.state import SandboxConfig
from sandbox.storage import FILE_NAME, StateStorage, StorageInUse
from sandbox.tables import TablesByKind, TrackedLog, TrackedTable
from tests.sandbox.shell import KEY, MAIL, Shell, open_shell, until
from tests.sandbox.test_oidc import CLIENT, signed_in, token
from tests.sandbox.test_strictness import text

STRIPE = {"Authorization": "Bearer sk_test_sandbox"}
ANON = {"apikey": "sb_publishable_sandbox"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda it: st.lists(it, max_size=4) | st.dictionaries(st.text(max_size=9), it, max_size=4),
    max_leaves=8,
)


@dataclass
class Place:
    key: tuple[str, int]
    parts: tuple[tuple[str, ...], ...] = ()
    refusal: tuple[int, str] | None = None


@dataclass
class Part:
    tables: TablesByKind[Any] = field(default_factory=TablesByKind)
    numbers: TrackedTable[int, Any] = field(default_factory=TrackedTable)
    log: TrackedLog[Any] = field(default_factory=TrackedLog)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    since: datetime | None = None


@asynccontextmanager
async def kept(folder: Path, **config: Any) -> AsyncIterator[Shell]:
    async with open_shell(storage=folder / FILE_NAME, **config) as shell:
        yield shell


async def stripe(shell: Shell, method: str, path: str, **form: str) -> Any:
    status, found, _ = await shell.call(method, f"/stripe/v1/{path}", data=form or None, headers=STRIPE)
    assert status == 200, found
    return found


async def pay(shell: Shell, card: str = "pm_card_visa", **form: str) -> Any:
    facts = {"amount": "5000", "currency": "eur", "payment_method": card, "confirm": "true"}
    return await stripe(shell, "POST", "payment_intents", **facts, **{"payment_method_types[]": "card"}, **form)


async def test_payments_mails_and_accounts_outlive_the_sandbox(tmp_path: Path) -> None:
    async with kept(tmp_path, callback_base="http://127.0.0.1:9") as shell:
        intent = await pay(shell)
        await shell.mail(headers={"Idempotency-Key": "once"})
        user = {"email": "ada@example.com", "password": "correct horse"}
        await shell.call("POST", "/supabase/auth/v1/signup", json=user, headers=ANON)
        await shell.fault("status", provider="kiwi", times=3)
        before = [await shell.control("GET", name) for name in ("mailbox", "faults", "supabase/users")]
    async with kept(tmp_path, callback_base="http://127.0.0.1:9") as shell:
        assert [await shell.control("GET", name) for name in ("mailbox", "faults", "supabase/users")] == before
        assert (await stripe(shell, "GET", f"payment_intents/{intent['id']}"))["status"] == "succeeded"
        refund = await stripe(shell, "POST", "refunds", payment_intent=intent["id"])
        assert (refund["status"], refund["amount"]) == ("succeeded", 5000)
        await shell.mail(headers={"Idempotency-Key": "once"})
        assert len(await shell.control("GET", "mailbox")) == 2, "the key still names the first mail"


async def test_a_webhook_that_was_not_delivered_is_delivered_by_the_next_sandbox(tmp_path: Path) -> None:
    async with kept(tmp_path) as shell:
        await shell.control("POST", "callbacks/hold", provider="resend")
        await shell.mail()
    async with kept(tmp_path) as shell:
        assert await shell.control("POST", "callbacks/release") == {"released": 2}
        labels = [webhook.headers["svix-id"] for webhook in await shell.webhooks(2)]
        assert len(set(labels)) == 2
        await until(lambda: _all_done(shell))
    async with kept(tmp_path) as shell:
        await asyncio.sleep(0.1)
        assert shell.hub.got == []


async def test_what_was_due_happens_after_the_restart(tmp_path: Path) -> None:
    async with kept(tmp_path) as shell:
        intent = await pay(shell, "pm_card_pendingRefund")
        shell.world.providers["stripe"].settling = 0.4
        refund = await stripe(shell, "POST", "refunds", payment_intent=intent["id"])
        assert refund["status"] == "pending"
    async with kept(tmp_path) as shell:
        await until(lambda: _has_status(shell, f"refunds/{refund['id']}", "succeeded"))


def test_tuples_and_times_and_keys_are_what_they_were() -> None:
    codec, key = StateCodec([Place]), create_key("ES256")
    place = Place(("a", 1), (("b",), ("c", "d")), (422, "x"))
    assert codec.decode_value(
        codec.encode_value({"place": place, "at": datetime(2026, 3, 2, tzinfo=UTC), "raw": b"\xff"})
    ) == {
        "place": place,
        "at": datetime(2026, 3, 2, tzinfo=UTC),
        "raw": b"\xff",
    }
    assert codec.decode_value(codec.encode_value(key.private_key)).public_key() == key.private_key.public_key()
    with pytest.raises(TypeError, match="SandboxConfig"):
        codec.encode_value(SandboxConfig("http://hub.test"))


async def test_what_a_model_has_said_and_who_is_signed_in_is_remembered(tmp_path: Path) -> None:
    bearer = {"Authorization": "Bearer sk-sandbox"}
    ask = {"model": "gpt-sandbox", "input": "A city?"}
    async with kept(tmp_path) as shell:
        _, first, _ = await shell.call("POST", "/openai/v1/responses", json=ask, headers=bearer)
        tokens = await signed_in(shell)
        await text(shell, From="+447700900000")
    async with kept(tmp_path) as shell:
        more = ask | {"previous_response_id": first["id"]}
        status, _, _ = await shell.call("POST", "/openai/v1/responses", json=more, headers=bearer)
        assert status == 200
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert (await token(shell, **form | CLIENT))[0] == 200
        assert [one["status"] for one in await shell.control("GET", "messages")] == ["delivered"]


async def test_a_paypal_request_that_was_refused_is_remembered_as_refused(tmp_path: Path) -> None:
    body = {"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "EUR", "value": "10.00"}}]}
    async with kept(tmp_path) as shell:
        headers = await _paypal_token(shell) | {"PayPal-Request-Id": "once"}
        _, order, _ = await shell.call("POST", "/paypal/v2/checkout/orders", json=body, headers=headers)
        path, again = f"/paypal/v2/checkout/orders/{order['id']}/capture", headers | {"PayPal-Request-Id": "two"}
        first = (await shell.call("POST", path, json={}, headers=again))[:2]
    async with kept(tmp_path) as shell:
        status, found, _ = await shell.call("POST", path, json={}, headers=again)
        assert (status, found["details"][0]["issue"]) == (first[0], first[1]["details"][0]["issue"])
        _, same, _ = await shell.call("POST", "/paypal/v2/checkout/orders", json=body, headers=headers)
        assert same["id"] == order["id"]


async def test_an_order_and_its_parts_stay_the_same_objects(tmp_path: Path) -> None:
    """PayPal shows a capture inside its order as well; after a restart a refund has to be seen in both."""
    async with kept(tmp_path) as shell:
        bearer = await _paypal_token(shell)
        unit = {"amount": {"currency_code": "EUR", "value": "10.00"}}
        body = {"intent": "CAPTURE", "purchase_units": [unit]}
        _, order, _ = await shell.call("POST", "/paypal/v2/checkout/orders", json=body, headers=bearer)
        await shell.control("POST", "paypal/approve", order=order["id"])
        url = f"/paypal/v2/checkout/orders/{order['id']}"
        _, paid, _ = await shell.call("POST", f"{url}/capture", json={}, headers=bearer)
        (capture,) = paid["purchase_units"][0]["payments"]["captures"]
    async with kept(tmp_path) as shell:
        path = f"/paypal/v2/payments/captures/{capture['id']}/refund"
        assert (await shell.call("POST", path, json={}, headers=bearer))[0] == 201
        _, shown, _ = await shell.call("GET", url, headers=bearer)
        assert shown["purchase_units"][0]["payments"]["captures"][0]["status"] == "REFUNDED"


async def test_addresses_follow_a_sandbox_that_has_moved(tmp_path: Path) -> None:
    async with kept(tmp_path, public_base="http://127.0.0.1:1111") as shell:
        intent = await pay(shell, "pm_card_threeDSecure2Required", return_url="http://shop.test/")
    async with kept(tmp_path, public_base="http://127.0.0.1:2222") as shell:
        moved = await stripe(shell, "GET", f"payment_intents/{intent['id']}")
        assert moved["next_action"]["redirect_to_url"]["url"].startswith("http://127.0.0.1:2222/stripe/3ds/")


async def test_a_reset_is_kept_as_well(tmp_path: Path) -> None:
    async with kept(tmp_path) as shell:
        await pay(shell)
        await shell.mail()
        await shell.control("POST", "reset")
    async with kept(tmp_path) as shell:
        assert await shell.control("GET", "mailbox") == []
        assert (await stripe(shell, "GET", "payment_intents"))["data"] == []


async def test_two_sandboxes_do_not_share_a_file(tmp_path: Path) -> None:
    async with kept(tmp_path):
        with pytest.raises(StorageInUse, match="HUB_DATA_DIR"):
            StateStorage.open_file(tmp_path / FILE_NAME, StateCodec())


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"\xff" * 5000])
async def test_a_file_that_cannot_be_read_is_set_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    async with kept(tmp_path) as shell:
        await shell.mail()
    assert (tmp_path / f"{FILE_NAME}.unreadable").read_bytes() == content
    async with kept(tmp_path) as shell:
        assert len(await shell.control("GET", "mailbox")) == 1


async def test_an_entry_that_cannot_be_read_costs_no_other(tmp_path: Path) -> None:
    async with kept(tmp_path) as shell:
        first, second = await pay(shell), await pay(shell)
    with sqlite3.connect(tmp_path / FILE_NAME) as file:
        file.execute("update entries set value = '{' where key = ?", (first["id"],))
    file.close()
    async with kept(tmp_path) as shell:
        found = (await stripe(shell, "GET", "payment_intents"))["data"]
        assert [intent["id"] for intent in found] == [second["id"]]


async def test_a_full_disk_costs_nothing_once_there_is_room_again(tmp_path: Path) -> None:
    async with kept(tmp_path) as shell:
        storage = shell.world._storage
        assert storage is not None
        (pages,) = storage.connection.execute("pragma page_count").fetchone()
        storage.connection.execute(f"pragma max_page_count={pages}").close()
        mails = [(await shell.mail(html="x" * 100_000))[0] for _ in range(2)]
        storage.connection.execute("pragma max_page_count=1000000").close()
        assert mails == [200, 200]
        await shell.mail()
    async with kept(tmp_path) as shell:
        assert len(await shell.control("GET", "mailbox")) == 3


async def test_every_answered_write_outlives_a_kill_at_any_moment(tmp_path: Path) -> None:
    """Whatever the process was doing: what it has answered is there, and the state can be loaded."""
    answered: list[str] = []
    for nth in range(2):
        async with _process(tmp_path) as (base, process), aiohttp.ClientSession() as session:
            writers = [asyncio.create_task(_send_mails(session, base, answered)) for _ in range(4)]
            await _grown(answered, len(answered) + 5 + 20 * nth)
            os.kill(process.pid, signal.SIGKILL)
            await asyncio.gather(*writers)
    async with kept(tmp_path) as shell:
        mailbox = await shell.control("GET", "mailbox")
    assert set(answered) <= {mail["id"] for mail in mailbox}


@given(
    JSON, st.dictionaries(st.integers(0, 10**9), st.binary()), st.lists(JSON), st.sets(st.tuples(st.text(), st.text()))
)
def test_what_is_saved_is_loaded(value: Any, numbers: dict[int, bytes], items: list[Any], pairs: set[Any]) -> None:
    part, codec = Part(since=datetime.now(UTC)), StateCodec([Part])
    storage = StateStorage.open_file(None, codec)
    part.tables["things"]["a"] = value
    part.numbers.update(numbers)
    part.pairs = pairs
    for item in items:
        part.log.append(item)
    storage.save_changes({"part": part})
    loaded = Part()
    storage.load_fields("part", loaded)
    storage.close()
    assert loaded == part
    assert loaded.log.appended_count == part.log.appended_count


@given(st.integers(0, 2**32))
def test_small_saves_add_up_to_a_whole_one(seed: int) -> None:
    """Changes in place, removals and cuts, each saved by the entries it has touched, leave nothing behind."""
    chance, part = Random(seed), Part()
    storage = StateStorage.open_file(None, StateCodec([Part]))
    for nth in range(40):
        key = f"k{chance.randrange(6)}"
        match chance.randrange(4):
            case 0:
                part.tables["things"][key] = {"n": [nth]}
            case 1 if key in part.tables["things"]:
                part.tables["things"][key]["n"].append(nth)
            case 2:
                part.tables["things"].pop(key, None)
            case _:
                part.log.append({"n": nth})
                del part.log[: -chance.randrange(1, 9)]
        storage.save_changes({"part": part})
    loaded = Part()
    storage.load_fields("part", loaded)
    storage.close()
    assert (loaded.tables["things"], loaded.log) == (part.tables["things"], part.log)


async def test_keeping_the_state_is_cheap(tmp_path: Path) -> None:
    """With a thousand payments in the books a save after a read or a mail is well below a millisecond."""
    async with kept(tmp_path) as shell:
        shell.world.providers.clear()
        for _ in range(5):
            await pay(shell)
        account = shell.world.providers["stripe"]
        (intent, *_) = account.tables["payment_intent"].values()
        for nth in range(1000):
            account.tables["payment_intent"][f"pi_{nth}"] = intent | {"id": f"pi_{nth}"}
        shell.world.save_changes(thorough=True)
        laps = []
        for nth in range(200):
            account.tables["payment_intent"][f"pi_{nth}"]["amount"] += 1
            started = time.perf_counter()
            shell.world.save_changes()
            laps.append(time.perf_counter() - started)
    assert sorted(laps)[100] < 0.002, f"{sorted(laps)[100] * 1e6:.0f} us"


async def _grown(answered: list[str], size: int) -> None:
    await until(lambda: len(answered) >= size, 20.0)


async def _send_mails(session: aiohttp.ClientSession, base: str, answered: list[str]) -> None:
    """One after the other, until nobody answers."""
    while True:
        try:
            async with session.post(f"{base}/resend/emails", json=MAIL, headers=KEY) as answer:
                answered.append((await answer.json())["id"])
        except aiohttp.ClientError:
            return


@asynccontextmanager
async def _process(folder: Path) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A sandbox in a process of its own."""
    code = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from sandbox.app import start_sandbox\n"
        "from sandbox.state import SandboxConfig\n"
        "async def main():\n"
        "    config = SandboxConfig('http://127.0.0.1:9', storage=Path(sys.argv[1]))\n"
        "    runner = await start_sandbox(config, '127.0.0.1', 0)\n"
        "    print(runner.addresses[0][1], flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    command = (sys.executable, "-c", code, str(folder / FILE_NAME))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _all_done(shell: Shell) -> bool:
    return all(delivery["done"] for delivery in await shell.control("GET", "callbacks"))


async def _has_status(shell: Shell, path: str, status: str) -> bool:
    return bool((await stripe(shell, "GET", path))["status"] == status)


async def _paypal_token(shell: Shell) -> dict[str, str]:
    config: SandboxConfig = shell.config
    secret = base64.b64encode(f"{config.paypal_client_id}:{config.paypal_client_secret}".encode()).decode()
    form, headers = {"grant_type": "client_credentials"}, {"Authorization": f"Basic {secret}"}
    _, found, _ = await shell.call("POST", "/paypal/v1/oauth2/token", data=form, headers=headers)
    return {"Authorization": f"Bearer {found['access_token']}"}
