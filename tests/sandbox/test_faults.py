"""Trouble on demand, as the client on the other end of the wire sees it."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sandbox.faults import KINDS, PROVIDERS, build_error_body
from tests.sandbox.shell import KEY, MAIL, Shell, open_shell, until

BAD: dict[str, list[Any]] = {
    "provider": [None, "nobody", 1, ["kiwi"]],
    "kind": [None, "weather", 3],
    "path": [3, ["/x"]],
    "method": ["FETCH", 1],
    "status": [99, 600, "503", True, 5.5],
    "code": [[1]],
    "retry_after": [-1, "1\r\nX: y", True, []],
    "times": [0, -1, 1.5, "2", True],
    "probability": [-0.1, 1.1, "often", True],
    "delay": [-1, 121, "long"],
    "after_effect": ["yes", 1],
    "colour": ["red"],
}
SHAPES = {
    "storage": ("/storage/travel-hub/x", {"error": "An injected fault.", "status": 503}),
    "kiwi": ("/kiwi/v2/search", {"status": "Service Unavailable", "error": "An injected fault."}),
    "stripe": ("/stripe/v1/events", {"error": {"type": "api_error", "message": "An injected fault."}}),
    "resend": ("/resend/domains", {"statusCode": 503, "name": "application_error", "message": "An injected fault."}),
    "twilio": (
        "/twilio/2010-04-01/Accounts/AC1.json",
        {"code": 20503, "message": "An injected fault.", "more_info": "https://www.twilio.com/docs/errors/20503",
         "status": 503},
    ),
    "oidc": ("/oidc/jwks", {"error": "server_error", "error_description": "An injected fault."}),
    "turnstile": ("/turnstile/v0/siteverify", {"success": False, "error-codes": ["internal-error"]}),
    "hcaptcha": ("/hcaptcha/siteverify", {"success": False, "error-codes": ["internal-error"]}),
    "supabase": (
        "/supabase/auth/v1/health",
        {"code": 503, "error_code": "unexpected_failure", "msg": "An injected fault."},
    ),
    "paypal": (
        "/paypal/v2/checkout/orders/1",
        {"name": "SERVICE_UNAVAILABLE", "message": "An injected fault.", "debug_id": "f0000000000ff", "details": [],
         "links": []},
    ),
    "openai": (
        "/openai/v1/models",
        {"error": {"message": "An injected fault.", "type": "server_error", "param": None, "code": None}},
    ),
}  # fmt: skip


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    async with open_shell() as opened:
        yield opened


async def ask(shell: Shell) -> int:
    return (await shell.call("GET", "/resend/domains", headers=KEY))[0]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_status_comes_in_the_providers_own_words(shell: Shell, provider: str) -> None:
    await shell.fault("status", provider)
    path, wanted = SHAPES[provider]
    status, body, headers = await shell.call("GET", path)
    assert (status, body) == (503, wanted)
    assert "Retry-After" not in headers


@pytest.mark.parametrize(
    ("provider", "status", "place", "wanted"),
    [
        ("stripe", 402, ("error", "code"), "card_declined"),
        ("stripe", 429, ("error", "code"), "rate_limit"),
        ("resend", 429, ("name",), "rate_limit_exceeded"),
        ("twilio", 401, ("code",), 20003),
        ("twilio", 429, ("code",), 20429),
        ("kiwi", 599, ("status",), "Error"),
    ],
)
def test_error_codes_are_the_providers_own(provider: str, status: int, place: tuple[str, ...], wanted: Any) -> None:
    found: Any = build_error_body(provider, status, "x")
    for name in place:
        found = found[name]
    assert found == wanted


@pytest.mark.parametrize("retry_after", [7, 0.5, "Wed, 21 Oct 2026 07:28:00 GMT", "soon"])
async def test_retry_after_is_passed_on(shell: Shell, retry_after: Any) -> None:
    await shell.fault("status", status=429, retry_after=retry_after, code="daily_quota_exceeded")
    status, body, headers = await shell.call("GET", "/resend/domains", headers=KEY)
    assert (status, body["name"], headers["Retry-After"]) == (429, "daily_quota_exceeded", str(retry_after))


async def test_a_fault_strikes_as_often_as_told(shell: Shell) -> None:
    await shell.fault("status", status=500, times=2)
    assert [await ask(shell) for _ in range(3)] == [500, 500, 200]
    assert await shell.control("GET", "faults") == []


async def test_faults_queue_behind_each_other(shell: Shell) -> None:
    await shell.fault("status", status=500, times=1)
    await shell.fault("status", status=503, times=1)
    assert [await ask(shell) for _ in range(3)] == [500, 503, 200]


async def test_a_fault_may_strike_by_chance(shell: Shell) -> None:
    await shell.fault("status", status=500, probability=0.5)
    found = [await ask(shell) for _ in range(40)]
    assert 5 < found.count(500) < 35
    (fault,) = await shell.control("GET", "faults")
    assert fault["used"] == found.count(500)


@pytest.mark.parametrize("path", ["/domains", "/resend/dom", "/do*s", "*main*", ""])
async def test_a_path_is_a_beginning_or_a_pattern(shell: Shell, path: str) -> None:
    await shell.fault("status", status=500, path=path)
    assert await ask(shell) == 500


async def test_a_fault_leaves_other_paths_methods_and_providers_alone(shell: Shell) -> None:
    await shell.fault("status", status=500, path="/emails")
    await shell.fault("status", status=500, method="post")
    await shell.fault("status", "twilio", status=500)
    assert await ask(shell) == 200


async def test_clearing_ends_all_trouble(shell: Shell) -> None:
    await shell.fault("status")
    assert await shell.control("DELETE", "faults") == {"cleared": True}
    assert await ask(shell) == 200


async def test_a_timeout_lasts_until_the_client_leaves(shell: Shell) -> None:
    await shell.fault("timeout", times=1)
    with pytest.raises(TimeoutError):
        await shell.call("GET", "/resend/domains", headers=KEY, timeout=aiohttp.ClientTimeout(total=0.1))
    await until(lambda: shell.world.calls[0]["duration_ms"] is not None)
    (call,) = await shell.control("GET", "calls")
    assert (call["status"], call["fault"]) == (None, "timeout")
    assert shell.world.mailbox == []


async def test_a_timeout_ends_by_itself_at_last(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.faults.MAX_SECONDS", 0.1)
    await shell.fault("timeout", delay=0)
    with pytest.raises(aiohttp.ClientError):
        await ask(shell)


async def test_the_effect_may_happen_before_the_silence(shell: Shell) -> None:
    await shell.fault("timeout", times=1, after_effect=True)
    brief = aiohttp.ClientTimeout(total=0.2)
    headers = KEY | {"Idempotency-Key": "k1"}
    with pytest.raises(TimeoutError):
        await shell.call("POST", "/resend/emails", json=MAIL, headers=headers, timeout=brief)
    status, again, _ = await shell.mail(headers={"Idempotency-Key": "k1"})
    assert (status, [one["id"] for one in shell.world.mailbox]) == (200, [again["id"]])


@pytest.mark.parametrize("after", [True, False])
async def test_a_reset_is_a_real_one(shell: Shell, after: bool) -> None:
    await shell.fault("reset", times=1, after_effect=after)
    with pytest.raises(aiohttp.ClientOSError) as raised:
        await shell.mail()
    assert isinstance(raised.value.__cause__ or raised.value, ConnectionResetError) or raised.value.errno == 104
    assert len(shell.world.mailbox) == int(after)
    assert shell.world.calls[0]["status"] is None


async def test_slow_goes_on_after_the_delay(shell: Shell) -> None:
    await shell.fault("slow", delay=0.2)
    started = time.perf_counter()
    sending = asyncio.create_task(shell.mail())
    await asyncio.sleep(0.05)
    assert shell.world.mailbox == []
    assert (await sending)[0] == 200
    assert time.perf_counter() - started >= 0.2


async def test_slow_after_the_effect_holds_back_only_the_answer(shell: Shell) -> None:
    await shell.fault("slow", delay=0.2, after_effect=True)
    sending = asyncio.create_task(shell.mail())
    await until(lambda: len(shell.world.mailbox) == 1)
    assert not sending.done()
    assert (await sending)[0] == 200


async def test_garbage_says_200_and_cannot_be_read(shell: Shell) -> None:
    await shell.fault("garbage", after_effect=True)
    async with shell.session.post(f"{shell.base}/resend/emails", json=MAIL, headers=KEY) as answer:
        assert (answer.status, answer.content_type) == (200, "application/json")
        with pytest.raises(ValueError, match="utf-8"):
            await answer.json()
    assert len(shell.world.mailbox) == 1


async def test_a_cut_sends_half_of_the_truth(shell: Shell) -> None:
    await shell.fault("cut")
    with pytest.raises(aiohttp.ClientPayloadError):
        await shell.mail()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(shell.base.rpartition(":")[2]))
    writer.write(b"GET /resend/domains HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer re_sandbox\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await reader.readexactly(int(head.lower().split("content-length: ")[1].split("\r\n")[0]))
    writer.close()
    assert len(shell.world.mailbox) == 1


async def test_an_effect_that_is_refused_is_spoilt_as_well(shell: Shell) -> None:
    await shell.fault("status", status=503, after_effect=True)
    status, _, _ = await shell.call("GET", "/resend/nothing", headers=KEY)
    assert status == 503


@pytest.mark.parametrize(("field", "value"), [(name, one) for name, values in BAD.items() for one in values])
async def test_a_wrong_definition_names_its_field(shell: Shell, field: str, value: Any) -> None:
    given = {"provider": "kiwi", "kind": "status"} | {field: value}
    status, body, _ = await shell.call("POST", "/_/faults", json=given)
    assert (status, body["field"]) == (422, field)
    assert shell.world.faults == []


@pytest.mark.parametrize("body", ["[]", "3", '"x"', "{", "[" * 5000])
async def test_a_definition_is_an_object(shell: Shell, body: str) -> None:
    json_type = {"Content-Type": "application/json"}
    status, found, _ = await shell.call("POST", "/_/faults", data=body, headers=json_type)
    assert (status, found["field"]) == (422, "")


async def test_a_definition_may_come_from_curl_or_from_a_form(shell: Shell) -> None:
    for text in ('{"provider": "resend", "kind": "slow", "delay": 0.5}', "provider=resend&kind=slow&delay=0.5&times="):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        status, fault, _ = await shell.call("POST", "/_/faults", data=text, headers=form)
        assert (status, fault["delay"], fault["times"]) == (201, 0.5, None)


@pytest.mark.parametrize("kind", KINDS)
async def test_no_kind_of_trouble_is_trouble_for_the_sandbox(
    shell: Shell, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    await shell.fault(kind, delay=0, times=1, after_effect=True)
    try:
        async with asyncio.timeout(0.2):
            await ask(shell)
    except (aiohttp.ClientError, TimeoutError, web.HTTPException, ValueError):
        pass
    assert await ask(shell) == 200
    assert caplog.records == []
