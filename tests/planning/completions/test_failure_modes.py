"""The sixteen ways in which a language model fails, through the whole hub, and what the asker sees of each.

The emulator has a model for each fault. A name's part behind the colon gives it a memory of its own.
"""

import time
from typing import Any
from uuid import uuid4

import openai
import pytest

from tests.planning.completions.world import Desk, told
from tests.support.running import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = "gpt-sandbox"


def fault(name: str) -> str:
    return f"fault-{name}:{uuid4().hex[:8]}"


async def both(desk: Desk, model: str, *fallbacks: str, **more: Any) -> list[Any]:
    """Asked for whole, and as a stream: the same model answers, with the same words."""
    whole = await desk.ask(model, *fallbacks, **more)
    streamed = await desk.stream(model, *fallbacks, **more)
    assert whole.choices[0].finish_reason == streamed.finish == "stop"
    assert (whole.choices[0].message.content, whole.model) == (streamed.text, streamed.model)
    return whole.hub_attempts


async def tried(desk: Desk, model: str) -> int:
    return len(await desk.calls(model))


async def settled_last(desk: Desk) -> dict[str, Any] | None:
    """The bill follows the last word."""
    row = (await desk.spending())[-1]
    return row if row["status"] == "settled" else None


# 429.


async def test_01_a_429_with_retry_after_that_is_short_is_waited_for(desk: Desk):
    model = fault("rate-limited-with-retry-after")
    began = time.monotonic()
    found = await desk.ask(model, GOOD)
    assert found.model == model
    assert found.hub_attempts == [f"{model} rate_limited", f"{model} answered"]
    assert time.monotonic() - began >= 0.9


async def test_01_a_429_with_retry_after_that_is_long_fails_over_and_the_model_is_left_alone(desk: Desk):
    model = fault("answers-later")
    await desk.fault(model, "rate-limited-with-retry-after", seconds=30)
    for _ in range(3):
        found = await desk.ask(model, GOOD)
        assert found.model == GOOD
    assert await tried(desk, model) == 1, "no tight loop"
    assert found.hub_attempts[0] == f"{model} resting"


async def test_02_a_429_without_advice_is_asked_again_a_few_times_and_then_the_next(desk: Desk):
    model = fault("rate-limited")
    found = await desk.ask(model, GOOD)
    assert found.hub_attempts == [*[f"{model} rate_limited"] * 3, f"{GOOD} answered"]
    assert await tried(desk, model) == 3


# 5xx and lines that break.


async def test_03_a_500_once_is_asked_again_of_the_same_model(desk: Desk):
    model = fault("error-once")
    found = await desk.ask(model, GOOD)
    assert (found.model, await tried(desk, model)) == (model, 2)


async def test_04_a_503_for_ever_fails_over_inside_the_budget_of_time(desk: Desk):
    model, began = fault("unavailable"), time.monotonic()
    assert await both(desk, model, GOOD) == [f"{model} failed", f"{GOOD} answered"]
    assert time.monotonic() - began < 2


async def test_05_a_reset_before_the_headers_is_asked_again_or_fails_over(desk: Desk):
    model = fault("reset")
    assert (await both(desk, model, GOOD))[-1] == f"{GOOD} answered"
    assert 2 <= await tried(desk, model) <= 4


# Silence.


async def test_06_no_answer_at_all_fails_over_after_the_first_time_out(desk: Desk):
    model, began = fault("silent"), time.monotonic()
    assert await both(desk, model, GOOD) == [f"{model} timeout", f"{GOOD} answered"]
    assert await tried(desk, model) == 2, "once for each question: a silent route is not asked twice"
    assert time.monotonic() - began < 2.5


async def test_07_a_slow_first_token_fails_over(desk: Desk):
    model = fault("slow-first-token")
    assert await both(desk, model, GOOD) == [f"{model} timeout", f"{GOOD} answered"]


# Streams that go wrong in the middle.


@pytest.mark.parametrize("name", ["cut", "cut-politely", "stall", "malformed-chunk", "malformed-delta", "failed"])
async def test_08_to_10_what_goes_wrong_in_the_middle_is_a_whole_answer_of_the_fallback(desk: Desk, name: str):
    """Cut, stalled, malformed: who asked for a whole answer never sees half of one."""
    whole, good = await desk.ask(fault(name), GOOD), await desk.ask(GOOD)
    assert whole.choices[0].message.content == good.choices[0].message.content
    assert (whole.model, whole.choices[0].finish_reason) == (GOOD, "stop")


@pytest.mark.parametrize("name", ["cut", "cut-politely", "stall", "malformed-delta", "failed"])
async def test_08_to_10_a_stream_that_goes_wrong_in_the_middle_ends_in_a_clear_error(desk: Desk, name: str):
    """What was sent cannot be taken back: no second beginning is put behind it, and nobody says it is done."""
    model = fault(name)
    before = await tried(desk, GOOD)
    with pytest.raises(openai.APIError) as caught:
        await desk.stream(model, GOOD)
    assert caught.value.code == "stream_broken"
    assert await tried(desk, GOOD) == before, "nobody else was asked"
    row = await until(lambda: settled_last(desk))
    assert (row["model"], row["estimated"]) == (model, True)
    assert row["output_tokens"] > 0


async def test_08_a_stream_that_is_cut_with_nobody_else_is_no_success(desk: Desk):
    with pytest.raises(openai.APIStatusError) as caught:
        await desk.ask(fault("cut"))
    assert told(caught.value)["code"] == "ai_unavailable"


async def test_11_a_missing_done_is_no_reason_to_wait(desk: Desk):
    began = time.monotonic()
    model = fault("no-done")
    assert await both(desk, model) == [f"{model} answered"]
    assert time.monotonic() - began < 1.5


# Refusals.


async def test_12_a_question_that_is_too_long_is_not_asked_again_of_the_same_model(desk: Desk):
    model = fault("context-length")
    assert await both(desk, model, GOOD) == [f"{model} refused:context_length", f"{GOOD} answered"]
    assert await tried(desk, model) == 2


async def test_12_a_question_that_is_too_long_for_all_is_told_so(desk: Desk):
    with pytest.raises(openai.BadRequestError) as caught:
        await desk.ask(fault("context-length"), fault("context-length"))
    assert told(caught.value)["code"] == "context_length_exceeded"


async def test_13_a_content_filter_is_passed_on_and_nobody_else_is_asked(desk: Desk):
    model, before = fault("content-filter"), await tried(desk, GOOD)
    whole = await desk.ask(model, GOOD)
    streamed = await desk.stream(model, GOOD)
    assert whole.choices[0].finish_reason == streamed.finish == "content_filter"
    assert (await tried(desk, model), await tried(desk, GOOD)) == (2, before)


async def test_14_a_fallback_that_rejects_the_prefill_is_passed_over(desk: Desk):
    prefilled = [{"role": "user", "content": "Where to?"}, {"role": "assistant", "content": "To the"}]
    down, picky = fault("unavailable"), fault("rejects-prefill")
    found = await desk.ask(down, picky, GOOD, messages=prefilled)
    assert found.model == GOOD
    assert [one.split()[0] for one in found.hub_attempts] == [down, picky, GOOD]


async def test_14_a_restart_in_the_middle_of_a_plan_asks_the_fallback_from_the_beginning(desk: Desk):
    model = fault("cut")
    await desk.ask(model, GOOD)
    first, last = (await desk.calls(model))[-1], (await desk.calls(GOOD))[-1]
    assert last["request"]["messages"] == first["request"]["messages"], "no broken text is fed back"


# In the long run.


async def test_15_a_dead_primary_is_left_alone_and_asked_again_soon_after_its_recovery(desk: Desk):
    """The rest is ten seconds, here made to have passed: see also test_chain.py, where the clock is moved."""
    model = f"{GOOD}-flaps"
    await desk.fault(model, "unavailable")
    for _ in range(6):
        assert (await desk.ask(model, GOOD)).model == GOOD
    assert await tried(desk, model) == 4, "after a few failures it is not asked any more"
    found = await desk.ask(model, GOOD)
    assert found.hub_attempts[0] == f"{model} breaker_open"


async def test_15_all_breakers_open_fail_fast_and_say_when_to_come_back(desk: Desk):
    model = f"{GOOD}-dead"
    await desk.fault(model, "unavailable")
    for _ in range(3):
        with pytest.raises(openai.APIStatusError):
            await desk.ask(model)
    asked = await tried(desk, model)
    with pytest.raises(openai.APIStatusError) as caught:
        await desk.ask(model)
    assert await tried(desk, model) == asked
    assert (caught.value.status_code, told(caught.value)["code"]) == (503, "ai_unavailable")
    assert 1 <= int(caught.value.response.headers["Retry-After"]) <= 10


async def test_16_the_model_that_answered_is_named_and_billed_and_failed_attempts_are_not(desk: Desk):
    bad, odd = fault("unavailable"), fault("bills-odd")
    found = await desk.ask(bad, odd)
    (call,) = await desk.calls(odd)
    usage = found.usage
    assert found.model == odd
    assert (usage.prompt_tokens, usage.completion_tokens) == (
        call["usage"]["input_tokens"], call["usage"]["output_tokens"],
    )  # fmt: skip
    row = await until(lambda: settled_last(desk))
    price = desk.hub.made.completions.catalog.resolve_routes([odd])[0].price
    assert row["cost"] == -(
        -(usage.prompt_tokens * price.input_per_1k + usage.completion_tokens * price.output_per_1k) // 1000
    )
    assert (row["model"], row["input_tokens"], row["estimated"]) == (odd, usage.prompt_tokens, False)


async def test_16_an_answer_without_usage_is_counted_by_the_hub(desk: Desk):
    found = await desk.ask(fault("omits-usage"))
    assert found.usage.completion_tokens > 0
    assert (await until(lambda: settled_last(desk)))["estimated"]


# Withheld until they are whole.

FAULTS = (
    "rate-limited-with-retry-after", "rate-limited", "error-once", "unavailable", "reset", "silent",
    "slow-first-token", "cut", "cut-politely", "stall", "malformed-chunk", "malformed-delta", "failed", "no-done",
    "context-length", "content-filter", "refuses", "rejects-prefill", "flapping", "quota", "bills-odd",
    "omits-usage",
)  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
async def test_a_withheld_stream_ends_in_a_full_answer_whatever_fails(desk: Desk, name: str):
    good = await desk.stream(GOOD)
    streamed = await desk.stream(fault(name), GOOD, rescue="whole")
    assert (streamed.text, streamed.finish) == (good.text, "stop")
    assert len({chunk.model for chunk in streamed.chunks}) == 1, "one model's answer, not the pieces of two"


async def test_a_withheld_stream_that_nobody_can_answer_is_an_error_with_a_status(desk: Desk):
    with pytest.raises(openai.APIStatusError) as caught:
        await desk.stream(fault("cut"), fault("malformed-delta"), rescue="whole")
    assert (caught.value.status_code, told(caught.value)["code"]) == (503, "ai_unavailable")


async def test_a_withheld_stream_that_every_model_filters_says_so(desk: Desk):
    streamed = await desk.stream(fault("content-filter"), fault("content-filter"), rescue="whole")
    assert streamed.finish == "content_filter"


# And whatever happens: settled, nothing left reserved.


async def test_nothing_stays_reserved(desk: Desk):
    async def nothing() -> bool:
        return await desk.reserved() == 0

    await until(nothing)
