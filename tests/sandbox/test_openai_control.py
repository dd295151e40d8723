"""Faults by control call, the calls with their bills, and the pace."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.sandbox.openai_lab import BEARER, HELLO, Lab, open_lab
from tests.sandbox.shell import until


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with open_lab() as opened:
        yield opened


async def test_a_fault_strikes_its_model_as_often_as_told(lab: Lab) -> None:
    await lab.fault("gpt-sandbox", "unavailable", times=2)
    models = ("gpt-sandbox-mini", "gpt-sandbox", "gpt-sandbox:key", "gpt-sandbox")
    assert [(await lab.chat(one))[0] for one in models] == [200, 503, 503, 200]
    assert await lab.shell.control("GET", "openai/faults") == []


async def test_a_fault_for_one_key_alone_or_for_all(lab: Lab) -> None:
    await lab.fault("gpt-sandbox:a", "unavailable")
    assert [(await lab.chat(one))[0] for one in ("gpt-sandbox:a", "gpt-sandbox:b", "gpt-sandbox")] == [503, 200, 200]
    await lab.fault("*", "error-once")
    assert [(await lab.respond(one))[0] for one in ("gpt-sandbox", "gpt-sandbox")] == [500, 200]


async def test_retry_after_is_what_was_told(lab: Lab) -> None:
    await lab.fault("gpt-sandbox", "rate-limited-with-retry-after", seconds=7.5, times=1)
    status, _, headers = await lab.chat()
    assert (status, headers["Retry-After"], headers["retry-after-ms"]) == (429, "8", "7500")


async def test_a_fault_makes_its_model(lab: Lab) -> None:
    assert (await lab.chat("primary"))[0] == 404
    await lab.fault("primary", "unavailable", times=1)
    assert (await lab.chat("primary"))[0] == 503


async def test_clear_ends_faults_and_forgets(lab: Lab) -> None:
    await lab.fault("gpt-sandbox", "unavailable")
    assert (await lab.chat("fault-error-once"))[0] == 500
    await lab.shell.control("POST", "openai/clear", calls=True)
    assert await lab.calls() == []
    assert [(await lab.chat(one))[0] for one in ("gpt-sandbox", "fault-error-once")] == [200, 500]


async def test_a_reset_forgets_everything(lab: Lab) -> None:
    await lab.fault("gpt-sandbox", "unavailable")
    await lab.chat()
    await lab.shell.control("POST", "reset")
    assert await lab.calls() == await lab.shell.control("GET", "openai/faults") == []


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("fault", {"fault": "cut"}, "model"),
        ("fault", {"model": "m", "fault": "weather"}, "fault"),
        ("fault", {"model": "m", "fault": "cut", "times": 0}, "times"),
        ("fault", {"model": "m", "fault": "cut", "after_chunks": -1}, "after_chunks"),
        ("fault", {"model": "m", "fault": "stall", "seconds": "long"}, "seconds"),
        ("fault", {"model": "m", "fault": "cut", "colour": "red"}, "colour"),
        ("pace", {"delay_ms": -1}, "delay_ms"),
        ("pace", {"piece_tokens": 0}, "piece_tokens"),
        ("clear", {"all": True}, "all"),
    ],
)
async def test_a_wish_that_makes_no_sense(lab: Lab, path: str, body: dict[str, Any], field: str) -> None:
    status, found, _ = await lab.shell.call("POST", f"/_/openai/{path}", json=body)
    assert (status, found["field"]) == (422, field)


async def test_a_call_is_noted_with_its_bill(lab: Lab) -> None:
    _, found, _ = await lab.respond(metadata={"plan": "1"})
    await lab.chat("fault-unavailable")
    good, bad = await lab.calls()
    assert (good["endpoint"], good["model"], good["stream"], good["status"]) == ("responses", "gpt-sandbox", False, 200)
    assert good["answered"] == found["output"][0]["content"][0]["text"]
    assert good["usage"] == found["usage"]
    assert good["billed"] == {name: found["usage"][name] for name in ("input_tokens", "output_tokens")}
    assert (good["completed"], good["client_left"], good["finish"]) == (True, False, "stop")
    assert good["request"]["metadata"] == {"plan": "1"}
    assert (bad["status"], bad["fault"], bad["billed"]["input_tokens"]) == (503, "unavailable", 0)


@pytest.mark.parametrize("path", ["responses", "chat/completions"])
async def test_who_leaves_early_pays_for_what_was_said(lab: Lab, path: str) -> None:
    await lab.shell.control("POST", "openai/pace", delay_ms=40)
    body = {"model": "gpt-sandbox", "stream": True, ("input" if path == "responses" else "messages"): HELLO}
    async with lab.session.post(lab.url(path), json=body, headers=BEARER) as answer:
        async for line in answer.content:
            if b'delta":"' in line or (b'"content":"' in line and b'"content":""' not in line):
                break
        answer.close()

    async def left() -> bool:
        return bool((await lab.last())["client_left"])

    await until(left)
    call = await lab.last()
    assert (call["completed"], call["usage"], call["finish"]) == (False, None, None)
    assert 0 < call["billed"]["output_tokens"] == -(-len(call["answered"]) // 4) < 20
    assert call["billed"]["input_tokens"] > 0


async def test_who_leaves_a_whole_answer_early_is_seen_to(lab: Lab) -> None:
    await lab.shell.control("POST", "openai/pace", delay_ms=1000)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await lab.chat()

    async def left() -> bool:
        return bool((await lab.last())["client_left"])

    await until(left)


async def test_the_pace_is_kept(lab: Lab) -> None:
    await lab.shell.control("POST", "openai/pace", delay_ms=20, piece_tokens=10)
    started = time.perf_counter()
    found = await lab.stream("chat/completions", "gpt-sandbox")
    assert time.perf_counter() - started >= 0.02 * (len(found) - 3)


async def test_a_general_fault_speaks_as_openai_does(lab: Lab) -> None:
    await lab.shell.fault("status", "openai", status=429, retry_after=3, times=1)
    status, found, headers = await lab.chat()
    assert (status, found["error"]["type"], headers["Retry-After"]) == (429, "requests", "3")
    await lab.shell.fault("cut", "openai", times=2)
    with pytest.raises(aiohttp.ClientError):
        await lab.chat()
    assert (await lab.stream("chat/completions", "gpt-sandbox"))[-1] == "[DONE]"
