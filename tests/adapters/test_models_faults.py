"""The adapter and the sandbox's models on their good and bad days, over both wires."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from time import monotonic

import pytest

from hub.core.errors import ProviderPermanent, ProviderTimeout, ProviderTransient
from hub.planning.completions.errors import ContextTooLong
from hub.planning.completions.model import AnswerEnd, ChatMessage, CompletionRequest, TextDelta
from tests.adapters.openai_models import HELLO, PERSON, Asker, asker
from tests.sandbox.shell import Shell, open_shell, until


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    async with open_shell() as opened:
        yield opened


@pytest.fixture
async def ask(shell: Shell) -> AsyncIterator[Asker]:
    async with asker(f"{shell.base}/openai/v1") as made:
        yield made


@pytest.fixture(params=["chat", "responses"])
def wire(request: pytest.FixtureRequest) -> str:
    return request.param


async def calls(shell: Shell):
    return await shell.control("GET", "openai/calls")


async def test_an_answer_arrives_in_pieces_with_its_bill(ask: Asker, shell: Shell, wire: str):
    text, finished = await ask.said(ask.route("gpt-sandbox", wire=wire))
    call = (await calls(shell))[0]
    assert (call["answered"], call["endpoint"]) == (text, "responses" if wire == "responses" else "chat.completions")
    assert finished == AnswerEnd("stop", finished.usage, "gpt-sandbox")
    assert finished.usage is not None
    assert call["billed"] == {
        "input_tokens": finished.usage.input_tokens,
        "output_tokens": finished.usage.output_tokens,
    }


async def test_the_answer_in_one_piece_is_the_same(ask: Asker, wire: str):
    route = ask.route("gpt-sandbox", wire=wire)
    text, finished = await ask.said(route)
    delta, end = await ask.models.fetch_answer(route, HELLO)
    assert (delta.text, delta.raw, end) == (text, None, finished)


async def test_a_schema_is_answered_with_a_document(ask: Asker, wire: str):
    text, finished = await ask.said(ask.route("gpt-sandbox", wire=wire), replace(HELLO, schema=PERSON))
    assert set(json.loads(text)) == {"name", "age"}
    assert finished.reason == "stop"


async def test_an_answer_cut_at_its_bound_says_so(ask: Asker, wire: str):
    route = ask.route("fault-truncates", wire=wire)
    _, streamed = await ask.said(route, replace(HELLO, schema=PERSON))
    _, whole = await ask.models.fetch_answer(route, replace(HELLO, schema=PERSON))
    assert (streamed.reason, whole.reason) == ("length", "length")


async def test_closing_hangs_up(ask: Asker, shell: Shell, wire: str):
    await shell.control("POST", "openai/pace", delay_ms=30)
    async with aclosing(ask.models.stream_answer(ask.route("gpt-sandbox", wire=wire), HELLO)) as stream:
        async for _ in stream:
            break

    async def left() -> bool:
        return (await calls(shell))[0]["client_left"]

    await until(left, 2)
    assert (await calls(shell))[0]["completed"] is False
    assert [one.outcome for one in ask.records] == ["cancelled"]


async def test_a_cancelled_caller_hangs_up(ask: Asker, shell: Shell, wire: str):
    task = asyncio.create_task(ask.said(ask.route("fault-silent", wire=wire)))
    await until(lambda: _was_asked(shell))
    task.cancel()

    async def left() -> bool:
        return (await calls(shell))[0]["client_left"]

    await until(left, 2)
    assert ask.transport.get_stream_slots("openai").active_calls == 0


async def _was_asked(shell: Shell) -> bool:
    return bool(await calls(shell))


async def trouble(ask: Asker, model: str, wire: str, **more: float) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        await ask.said(ask.route(model, wire=wire, **more))
    assert "canary" not in f"{caught.value!r} {getattr(caught.value, 'extra', '')}"
    return caught.value


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("rate-limited-with-retry-after", (ProviderTransient, "provider_unavailable", 429)),
        ("rate-limited", (ProviderTransient, "provider_unavailable", 429)),
        ("error-once", (ProviderTransient, "provider_unavailable", 500)),
        ("unavailable", (ProviderTransient, "provider_unavailable", 503)),
        ("flapping", (ProviderTransient, "provider_unavailable", 503)),
        ("quota", (ProviderPermanent, "provider_refused", 429)),
        ("reset", (ProviderTransient, "provider_unavailable", None)),
        ("cut", (ProviderTransient, "stream_cut", None)),
        ("cut-politely", (ProviderTransient, "stream_cut", None)),
        ("malformed-chunk", (ProviderTransient, "stream_malformed", None)),
        ("malformed-delta", (ProviderTransient, "stream_malformed", None)),
        ("failed", (ProviderTransient, "stream_failed", None)),
    ],
)
async def test_a_fault_comes_out_as_what_it_is(ask: Asker, wire: str, fault: str, told: tuple[object, ...]):
    error = await trouble(ask, f"fault-{fault}", wire)
    assert (type(error), error.code, error.provider_status) == told


async def test_a_rate_limit_says_when_to_come_again(ask: Asker, wire: str):
    told = await trouble(ask, "fault-rate-limited-with-retry-after", wire)
    untold = await trouble(ask, "fault-rate-limited", wire)
    assert 0 < told.retry_after <= 1
    assert untold.retry_after is None


async def test_nothing_is_asked_twice(ask: Asker, shell: Shell, wire: str):
    for fault in ("rate-limited", "unavailable", "reset", "cut"):
        await trouble(ask, f"fault-{fault}", wire)
    assert len(await calls(shell)) == 4
    assert [one.outcome for one in ask.records] == ["rate_limited", "failed", "broken", "broken"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [("silent", "first_token_timeout"), ("slow-first-token", "first_token_timeout"), ("stall", "stream_stalled")],
)
async def test_silence_is_bounded(ask: Asker, wire: str, fault: str, code: str):
    start = monotonic()
    error = await trouble(ask, f"fault-{fault}", wire, first=0.6, idle=0.4)
    assert (type(error), error.code) == (ProviderTimeout, code)
    assert monotonic() - start < 4
    assert [one.outcome for one in ask.records] == ["timeout"]


async def test_all_of_it_is_bounded(ask: Asker, shell: Shell, wire: str):
    await shell.control("POST", "openai/pace", delay_ms=100)
    error = await trouble(ask, "gpt-sandbox", wire, total=0.4)
    assert error.code == "total_timeout"


async def test_a_missing_done_costs_a_moment(ask: Asker, wire: str):
    """And the bill is there all the same."""
    start = monotonic()
    text, finished = await ask.said(ask.route("fault-no-done", wire=wire))
    assert (bool(text), finished.reason, finished.usage is not None) == (True, "stop", True)
    assert monotonic() - start < 4


async def test_too_long_a_question_is_told_apart(ask: Asker, wire: str):
    assert type(await trouble(ask, "fault-context-length", wire)) is ContextTooLong
    with pytest.raises(ContextTooLong):
        await ask.models.fetch_answer(ask.route("fault-context-length", wire=wire), HELLO)


async def test_a_filter_and_a_refusal_are_told(ask: Asker, wire: str):
    _, filtered = await ask.said(ask.route("fault-content-filter", wire=wire))
    text, refused = await ask.said(ask.route("fault-refuses", wire=wire))
    assert filtered.reason == "content_filter"
    assert (text, refused.reason, bool(refused.note)) == ("", "refusal", True)


async def test_a_rejected_prefill_is_permanent(ask: Asker, wire: str):
    question = CompletionRequest((*HELLO.messages, ChatMessage("assistant", "Hello,")), 400)
    with pytest.raises(ProviderPermanent) as refused:
        await ask.said(ask.route("fault-rejects-prefill", wire=wire), question)
    assert refused.value.provider_status == 400
    assert (await ask.said(ask.route("gpt-sandbox", wire=wire), question))[1].reason == "stop"


async def test_what_is_billed_is_what_the_server_says(ask: Asker, shell: Shell, wire: str):
    _, odd = await ask.said(ask.route("fault-bills-odd", wire=wire))
    _, omitted = await ask.said(ask.route("fault-omits-usage", wire=wire))
    billed = (await calls(shell))[0]["billed"]
    assert odd.usage is not None
    assert (odd.usage.input_tokens, odd.usage.output_tokens) == (billed["input_tokens"], billed["output_tokens"])
    assert odd.usage.cached_tokens > 0
    assert (omitted.reason, omitted.usage) == ("stop", None)


async def test_a_bad_key_is_permanent(ask: Asker, wire: str):
    with pytest.raises(ProviderPermanent) as refused:
        await ask.said(ask.route("gpt-sandbox", wire=wire, api_key="sk-sandbox-bad-canary"))
    with pytest.raises(ProviderPermanent):
        await ask.models.check_access(ask.route(api_key="sk-sandbox-bad-canary"))
    await ask.models.check_access(ask.route())
    assert (refused.value.provider_status, "canary" in repr(refused.value)) == (401, False)


async def test_an_unknown_model_is_permanent(ask: Asker, wire: str):
    error = await trouble(ask, "nobody", wire)
    assert (type(error), error.provider_code) == (ProviderPermanent, "model_not_found")


@pytest.mark.parametrize("fault", ["unavailable", "cut", "malformed-chunk", "failed", "silent"])
async def test_an_answer_in_one_piece_fails_as_cleanly(ask: Asker, wire: str, fault: str):
    with pytest.raises(ProviderTransient):
        await ask.models.fetch_answer(ask.route(f"fault-{fault}", wire=wire, total=0.4), HELLO)


async def test_what_came_before_a_cut_was_shown(ask: Asker, wire: str):
    stream, shown = ask.models.stream_answer(ask.route("fault-cut", wire=wire), HELLO), []
    with pytest.raises(ProviderTransient):
        while True:
            shown.append(await anext(stream))
    assert len(shown) == 3
    assert all(isinstance(one, TextDelta) for one in shown)


async def test_a_connection_serves_again(ask: Asker, wire: str):
    route = ask.route("gpt-sandbox", wire=wire)
    for _ in range(4):
        await ask.said(route)
        await ask.models.fetch_answer(route, HELLO)
    assert sum(len(waiting) for waiting in ask.transport.session.connector._conns.values()) == 1
    assert [one.outcome for one in ask.records] == ["answered"] * 8
