"""Each bad day of a model, as the wire has it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from sandbox.openai.model_faults import FAULT_DEFAULTS
from tests.sandbox.openai_lab import HELLO, Lab, open_lab, said
from tests.sandbox.shell import until

PATHS = ("responses", "chat/completions")
LAST = {"responses": "response.completed", "chat/completions": "[DONE]"}


@pytest.fixture(params=PATHS)
async def path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with open_lab() as opened:
        yield opened


async def ask(lab: Lab, path: str, model: str, **more: Any) -> tuple[int, Any, Any]:
    return await (lab.respond if path == "responses" else lab.chat)(model, **more)


def later(lab: Lab, seconds: float) -> None:
    was = lab.shell.world.now
    lab.shell.world.now = lambda: was() + timedelta(seconds=seconds)


async def whole_text(lab: Lab, path: str) -> str:
    return said(await lab.stream(path, "gpt-sandbox"))


async def test_rate_limited_with_retry_after_until_the_time_has_come(lab: Lab, path: str) -> None:
    model = "fault-rate-limited-with-retry-after"
    status, found, headers = await ask(lab, path, model)
    assert (status, found["error"]["code"], headers["Retry-After"]) == (429, "rate_limit_exceeded", "1")
    assert 0 < int(headers["retry-after-ms"]) <= 1000
    assert (await ask(lab, path, model))[0] == 429
    later(lab, 1)
    assert (await ask(lab, path, model))[0] == 200


async def test_rate_limited_without_a_word_of_when(lab: Lab, path: str) -> None:
    answers = [await ask(lab, path, "fault-rate-limited") for _ in range(3)]
    assert [status for status, _, _ in answers] == [429] * 3
    assert not any("Retry-After" in headers or "retry-after-ms" in headers for _, _, headers in answers)


async def test_an_error_once_for_each_key(lab: Lab, path: str) -> None:
    models = ["fault-error-once:a", "fault-error-once:a", "fault-error-once:b", "fault-error-once:a"]
    answers = [await ask(lab, path, one) for one in models]
    assert [status for status, _, _ in answers] == [500, 200, 500, 200]
    assert answers[0][1]["error"]["type"] == "server_error"


async def test_unavailable_for_ever(lab: Lab, path: str) -> None:
    assert [(await ask(lab, path, "fault-unavailable"))[0] for _ in range(3)] == [503] * 3


@pytest.mark.parametrize("stream", [True, False])
async def test_a_reset_before_any_word(lab: Lab, path: str, stream: bool) -> None:
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask(lab, path, "fault-reset", stream=stream)
    assert (await lab.last())["status"] is None


async def test_silence(lab: Lab, path: str) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await ask(lab, path, "fault-silent")
    await until(lambda: left(lab))
    assert (await lab.last())["billed"] == {"input_tokens": 0, "output_tokens": 0}


async def left(lab: Lab) -> bool:
    return bool((await lab.last())["client_left"])


async def test_a_slow_first_token_behind_a_quick_beginning(lab: Lab) -> None:
    with pytest.raises(TimeoutError):
        await lab.stream("responses", "fault-slow-first-token", seconds=0.2)
    assert [json.loads(one)["type"] for one in lab.got] == ["response.created", "response.in_progress"]
    with pytest.raises(TimeoutError):
        await lab.stream("chat/completions", "fault-slow-first-token", seconds=0.2)
    assert lab.got == []


async def test_a_slow_first_token_comes_in_the_end(lab: Lab, path: str) -> None:
    await lab.fault("gpt-sandbox", "slow-first-token", seconds=0.2, times=2)
    started = time.perf_counter()
    found = await lab.stream(path, "gpt-sandbox")
    await ask(lab, path, "gpt-sandbox")
    assert time.perf_counter() - started >= 0.4
    assert LAST[path] in found[-1]


async def test_a_stream_that_is_cut(lab: Lab, path: str) -> None:
    text = await whole_text(lab, path)
    with pytest.raises(aiohttp.ClientError):
        await lab.stream(path, "fault-cut")
    assert said(lab.got) == text[:48]
    with pytest.raises(aiohttp.ClientError):
        await ask(lab, path, "fault-cut")


async def test_a_stream_that_ends_politely_in_the_middle(lab: Lab, path: str) -> None:
    text = await whole_text(lab, path)
    found = await lab.stream(path, "fault-cut-politely")
    assert said(found) == text[:48]
    assert LAST[path] not in found[-1]


async def test_a_stream_that_stalls(lab: Lab, path: str) -> None:
    text = await whole_text(lab, path)
    with pytest.raises(TimeoutError):
        await lab.stream(path, "fault-stall", seconds=0.2)
    assert said(lab.got) == text[:48]
    await until(lambda: left(lab))


async def test_a_chunk_that_cannot_be_read_between_good_ones(lab: Lab, path: str) -> None:
    text = await whole_text(lab, path)
    found = await lab.stream(path, "fault-malformed-chunk")
    assert [n for n, one in enumerate(found) if not one.endswith(("}", "[DONE]"))] == [7 if path == "responses" else 4]
    assert said(found) == text


async def test_a_chunk_that_loses_its_text(lab: Lab, path: str) -> None:
    text = await whole_text(lab, path)
    found = await lab.stream(path, "fault-malformed-delta")
    assert said(found) == text[:48] + text[64:]


@pytest.mark.parametrize("fault", ["malformed-chunk", "malformed-delta"])
async def test_a_whole_answer_that_cannot_be_read(lab: Lab, path: str, fault: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        await ask(lab, path, f"fault-{fault}")


async def test_all_is_said_but_the_line_stays_open(lab: Lab, path: str) -> None:
    text = await whole_text(lab, path)
    with pytest.raises(TimeoutError):
        await lab.stream(path, "fault-no-done", seconds=0.2)
    assert said(lab.got) == text
    assert "[DONE]" not in lab.got
    last = json.loads(lab.got[-1])
    assert last.get("type") == "response.completed" or last["choices"][0]["finish_reason"] == "stop"
    assert (await lab.last())["completed"]


async def test_an_error_in_the_midst_of_a_stream(lab: Lab, path: str) -> None:
    found = await lab.stream(path, "fault-failed")
    last = json.loads(found[-1])
    assert last.get("response", last)["error"].get("type", "server_error") == "server_error"
    status, document, _ = await ask(lab, path, "fault-failed")
    assert (status, document.get("status")) == ((200, "failed") if path == "responses" else (500, None))


async def test_too_much_context(lab: Lab, path: str) -> None:
    status, found, _ = await ask(lab, path, "fault-context-length")
    assert (status, found["error"]["code"]) == (400, "context_length_exceeded")


async def test_a_filter_stops_the_answer(lab: Lab, path: str) -> None:
    found = await lab.stream(path, "fault-content-filter")
    assert said(found) == (await whole_text(lab, path))[:48]
    assert (await lab.last())["finish"] == "stop"
    assert (await lab.calls())[-2]["finish"] == "content_filter"


async def test_credit_that_is_used_up(lab: Lab, path: str) -> None:
    status, found, _ = await ask(lab, path, "fault-quota")
    assert (status, found["error"]["type"]) == (429, "insufficient_quota")


async def test_a_prefill_is_rejected(lab: Lab, path: str) -> None:
    begun = {"input" if path == "responses" else "messages": [*HELLO, {"role": "assistant", "content": "We"}]}
    status, found, _ = await ask(lab, path, "fault-rejects-prefill", **begun)
    assert (status, found["error"]["type"]) == (400, "invalid_request_error")
    assert "prefill" in found["error"]["message"]
    assert (await ask(lab, path, "fault-rejects-prefill"))[0] == 200


async def test_a_model_that_comes_and_goes(lab: Lab, path: str) -> None:
    found = []
    for _ in range(5):
        found.append((await ask(lab, path, "fault-flapping:x"))[0])
        later(lab, 2.5)
    assert found == [503, 503, 200, 200, 503]


async def test_a_bill_that_nobody_expected(lab: Lab, path: str) -> None:
    _, usual, _ = await ask(lab, path, "gpt-sandbox")
    _, odd, _ = await ask(lab, path, "fault-bills-odd")
    _, none, _ = await ask(lab, path, "fault-omits-usage")
    assert odd["usage"]["total_tokens"] > usual["usage"]["total_tokens"] + 117
    assert none.get("usage") is None
    assert (await lab.calls())[-1]["billed"] == (await lab.calls())[-3]["billed"]


async def test_a_stream_that_keeps_quiet_about_its_usage(lab: Lab) -> None:
    found = await lab.stream("chat/completions", "fault-omits-usage", stream_options={"include_usage": True})
    assert all(json.loads(one)["usage"] is None for one in found[:-1])
    last = json.loads((await lab.stream("responses", "fault-omits-usage"))[-1])
    assert (last["type"], last["response"]["usage"]) == ("response.completed", None)


@pytest.mark.parametrize("fault", sorted(FAULT_DEFAULTS))
async def test_an_answer_of_nothing_survives_each_fault(lab: Lab, fault: str) -> None:
    """With a prefill that is the whole answer there is no piece to strike after."""
    await lab.fault("gpt-sandbox", fault, seconds=0)
    _, whole, _ = await lab.chat("gpt-sandbox-mini")
    full = [*HELLO, {"role": "assistant", "content": whole["choices"][0]["message"]["content"]}]
    try:
        async with asyncio.timeout(0.3):
            await lab.chat("gpt-sandbox", messages=full, stream=True)
    except (aiohttp.ClientError, TimeoutError):
        pass
    assert (await lab.last())["model"] == "gpt-sandbox"
