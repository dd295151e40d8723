"""What other servers say, on the raw line: half characters, missing ends, errors in odd places."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest

from hub.core.errors import ProviderError, ProviderPermanent, ProviderTimeout, ProviderTransient
from hub.planning.completions.errors import ContentFiltered, ContextTooLong
from hub.planning.completions.model import AnswerEnd, TextDelta, TokenUsage
from tests.adapters.openai_models import CANARY, HELLO, Asker, asker
from tests.adapters.raw_line import CLOSE, HANG, SSE, RawLine, Step, chunked, raw_line


@pytest.fixture
async def line() -> AsyncIterator[RawLine]:
    async with raw_line() as opened:
        yield opened


@pytest.fixture
async def ask(line: RawLine) -> AsyncIterator[Asker]:
    async with asker(f"{line.url}/v1") as made:
        yield made


def data(document: Any) -> bytes:
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"


def says(content: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    delta = {"content": content} if content is not None else {}
    choice = {"index": 0, "delta": delta | more.pop("delta", {}), "finish_reason": finish} | more.pop("choice", {})
    return data({"object": "chat.completion.chunk", "model": "m-1", "choices": [choice]} | more)


def counts(into: int = 10, out: int = 2, **more: Any) -> dict[str, Any]:
    return {"usage": {"prompt_tokens": into, "completion_tokens": out} | more}


def bill(**more: Any) -> bytes:
    return data({"model": "m-1", "choices": []} | counts(**more))


DONE = b"data: [DONE]\n\n"
WELL = [says("Hel"), says("lo"), says(finish="stop"), bill(), DONE]


def body(document: Any, status: str = "200 OK") -> list[Step]:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    return [head.encode(), text]


async def fails(ask: Asker, line: RawLine, *steps: Step, **route: Any) -> Exception:
    line.steps = steps
    with pytest.raises(Exception) as caught:  # noqa: PT011
        await ask.said(ask.route(**route))
    error = caught.value
    assert CANARY not in f"{error!r} {error.__cause__!r} {getattr(error, 'extra', '')}"
    return error


async def test_a_plain_answer(ask: Asker, line: RawLine):
    line.steps = chunked(*WELL)
    assert await ask.said(ask.route("asked")) == ("Hello", AnswerEnd("stop", TokenUsage(10, 2), "m-1"))


@pytest.mark.parametrize("size", [1, 7, 100])
async def test_pieces_may_be_cut_anywhere(ask: Asker, line: RawLine, size: int):
    whole = b"\xef\xbb\xbf: hello\r\n\r\n" + b"".join(
        [says("東京 "), b"event: ping\n\n", says("🗼"), says(finish="stop"), bill(), DONE]
    )
    whole = whole.removeprefix(b"\xef\xbb\xbf").replace(b"\n\n", b"\r\n\r\n")
    line.steps = chunked(*(whole[start : start + size] for start in range(0, len(whole), size)))
    assert (await ask.said(ask.route()))[0] == "東京 🗼"


async def test_tokens_arrive_when_they_are_said(ask: Asker, line: RawLine):
    sent = chunked(*WELL)
    line.steps = [*sent[:2], seen := asyncio.Event(), *sent[2:]]
    stream = ask.models.stream_answer(ask.route(), HELLO)
    assert await anext(stream) == TextDelta("Hel")
    seen.set()
    assert [one.text async for one in stream if isinstance(one, TextDelta)] == ["lo"]


@pytest.mark.parametrize(
    "bad",
    [
        b"data: {not json}\n\n",
        b'data: {"choices": [{"index": 0, "delta": {"content": "\xff"}}]}\n\n',
        b"data: 7\n\n",
        b"data: {}\n\n",
        data({"choices": {}}),
        data({"choices": ["text"]}),
        data({"choices": [{"index": 0, "delta": {"content": 7}}]}),
        data({"choices": [{"index": 1, "delta": {"content": "two"}}]}),
        b"data: " + b"[" * 100_000 + b"\n\n",
    ],
)
async def test_one_bad_event_spoils_the_answer(ask: Asker, line: RawLine, bad: bytes):
    error = await fails(ask, line, *chunked(WELL[0], bad, *WELL[1:]))
    assert (type(error), error.code) == (ProviderTransient, "stream_malformed")


async def test_what_is_no_text_is_passed_on_as_it_came(ask: Asker, line: RawLine):
    call = {"index": 0, "id": "call_1", "function": {"name": "f", "arguments": "{"}}
    sent = [
        says(delta={"role": "assistant", "content": ""}),
        says(delta={"tool_calls": [call]}),
        says(finish="tool_calls"),
    ]
    line.steps = chunked(*sent, bill(), DONE)
    role_is_nothing, *rest = [one async for one in ask.models.stream_answer(ask.route(), HELLO)]
    assert isinstance(role_is_nothing, TextDelta)
    assert role_is_nothing.raw is not None
    assert role_is_nothing.raw["choices"][0]["delta"]["tool_calls"] == [call]
    assert rest == [AnswerEnd("tool_calls", TokenUsage(10, 2), "m-1")]


async def test_who_thinks_aloud_is_alive(ask: Asker, line: RawLine):
    thoughts = [part for _ in range(5) for part in (says(delta={"reasoning_content": "hm"}), 0.3)]
    sent: list[Any] = [*thoughts, *WELL]
    line.steps = [SSE, *(chunked(one)[1] if isinstance(one, bytes) else one for one in sent), b"0\r\n\r\n"]
    assert (await ask.said(ask.route(first=1.0, idle=1.0)))[0] == "Hello"


async def test_comments_are_no_answer(ask: Asker, line: RawLine):
    comments = [part for _ in range(20) for part in (b"15\r\n: OPENROUTER WORKING\n\r\n", 0.02)]
    error = await fails(ask, line, SSE, *comments, first=0.15)
    assert (type(error), error.code) == (ProviderTimeout, "first_token_timeout")


@pytest.mark.parametrize(
    ("end", "usage"),
    [
        ([says(finish="stop"), DONE], None),
        ([says(finish="stop", **counts())], TokenUsage(10, 2)),
        ([says(finish="stop"), bill()], TokenUsage(10, 2)),
        ([says(finish="stop")], None),
        (
            [says(finish="stop", **counts(cached=1, prompt_tokens_details={"cached_tokens": 4})), DONE],
            TokenUsage(10, 2, 4),
        ),
        ([says(finish="stop", **counts(prompt_cache_hit_tokens=3))], TokenUsage(10, 2, 3)),
        ([says(finish="stop", **counts(out=-1)), DONE], None),
        ([says(finish="stop", usage=[]), DONE], None),
    ],
)
async def test_an_answer_ends_with_its_reason(ask: Asker, line: RawLine, end: list[bytes], usage: TokenUsage | None):
    """Whether or not the count, [DONE] or the end of the line ever comes."""
    line.steps = [*chunked(WELL[0], *end)[:-1], HANG]
    start = monotonic()
    assert await ask.said(ask.route()) == ("Hel", AnswerEnd("stop", usage, "m-1"))
    assert monotonic() - start < 2


async def test_a_count_that_comes_a_moment_later_is_waited_for(ask: Asker, line: RawLine):
    """And then the end of the line too, so that it can be used again."""
    sent = chunked(WELL[0], says(finish="stop"), bill() + DONE)
    line.steps = [*sent[:3], 0.05, sent[3], 0.01, sent[4]]
    for _ in range(2):
        assert (await ask.said(ask.route()))[1].usage == TokenUsage(10, 2)
    assert line.connections == 1


async def test_the_last_event_may_lack_its_line_end(ask: Asker, line: RawLine):
    line.steps = chunked(WELL[0], says(finish="stop").rstrip())
    assert (await ask.said(ask.route()))[1].reason == "stop"


@pytest.mark.parametrize("sent", [[], [WELL[0]], [WELL[0], DONE], [WELL[0], says("lo")[:-20]]])
async def test_an_answer_without_its_reason_is_cut(ask: Asker, line: RawLine, sent: list[bytes]):
    error = await fails(ask, line, *chunked(*sent))
    assert (type(error), error.code, ask.records[0].outcome) == (ProviderTransient, "stream_cut", "broken")


async def test_a_line_that_breaks_after_the_end_breaks_nothing(ask: Asker, line: RawLine):
    line.steps = [*chunked(WELL[0], says(finish="stop"))[:-1], CLOSE]
    assert (await ask.said(ask.route()))[1].reason == "stop"


@pytest.mark.parametrize(
    ("told", "ours"),
    [
        ("model_length", "length"),
        ("eos_token", "stop"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
    ],
)
async def test_other_words_for_an_end(ask: Asker, line: RawLine, told: str, ours: str):
    line.steps = chunked(WELL[0], says(finish=told), DONE)
    assert (await ask.said(ask.route()))[1].reason == ours


async def test_an_unknown_end_is_no_answer(ask: Asker, line: RawLine):
    error = await fails(ask, line, *chunked(WELL[0], says(finish="tired")))
    assert (type(error), error.code) == (ProviderTransient, "stream_failed")


@pytest.mark.parametrize(
    ("told", "kind", "code"),
    [
        ({"code": "server_error", "message": CANARY}, ProviderTransient, "server_error"),
        ({"type": "overloaded_error", "message": CANARY}, ProviderTransient, "overloaded_error"),
        ({"code": 502, "message": CANARY}, ProviderTransient, None),
        ({"code": 402, "message": CANARY}, ProviderPermanent, None),
        ({"code": "insufficient_quota"}, ProviderPermanent, "insufficient_quota"),
        ({"code": CANARY}, ProviderTransient, None),
        (CANARY, ProviderTransient, None),
    ],
)
@pytest.mark.parametrize("streamed", [True, False])
async def test_an_error_instead_of_a_token(
    ask: Asker, line: RawLine, told: Any, kind: type[ProviderError], code: str | None, *, streamed: bool
):
    steps = chunked(WELL[0], data({"error": told})) if streamed else body({"error": told})
    error = await fails(ask, line, *steps)
    assert (type(error), error.provider_code) == (kind, code)


async def test_too_much_and_too_bad_are_told_midway(ask: Asker, line: RawLine):
    for told, kind in (("context_length_exceeded", ContextTooLong), ("content_filter", ContentFiltered)):
        assert type(await fails(ask, line, *chunked(data({"error": {"code": told}})))) is kind


VLLM = f"This model's maximum context length is 4096 tokens, and you said {CANARY}"


@pytest.mark.parametrize(
    "told",
    [
        {"error": {"code": "context_length_exceeded"}},
        {"error": {"code": 400, "type": "exceed_context_size_error"}},
        {"error": {"code": 400, "type": "BadRequestError", "message": VLLM}},
        {"object": "error", "code": 400, "type": "BadRequestError", "message": VLLM},
    ],
)
async def test_too_long_a_question_in_other_words(ask: Asker, line: RawLine, told: Any):
    assert type(await fails(ask, line, *body(told, "400 Bad Request"))) is ContextTooLong


@pytest.mark.parametrize(
    ("told", "note"),
    [
        ({"code": "invalid_prompt", "message": CANARY}, "invalid_prompt"),
        (
            {
                "code": "content_filter",
                "innererror": {"content_filter_result": {"violence": {"filtered": True}, "hate": {"filtered": False}}},
            },
            "violence",
        ),
        ({"code": 403, "metadata": {"reasons": ["self-harm", CANARY]}}, "self-harm"),
    ],
)
async def test_why_a_question_was_filtered(ask: Asker, line: RawLine, told: Any, note: str):
    error = await fails(ask, line, *body({"error": told}, "403 Forbidden"))
    assert isinstance(error, ContentFiltered)
    assert error.note == note


@pytest.mark.parametrize("text", [b"<html>canary</html>", b"", b"[]", b'{"error": null}', b'{"detail": "canary"}'])
@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "500 Oh", "529 Overloaded", "307 Elsewhere"])
async def test_a_refusal_in_no_words_is_known_by_its_status(ask: Asker, line: RawLine, text: bytes, status: str):
    error = await fails(ask, line, *body(text, status))
    assert type(error) is (ProviderPermanent if status.startswith("4") else ProviderTransient)


async def test_a_server_that_does_not_stream_is_read_all_the_same(ask: Asker, line: RawLine):
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
    line.steps = body({"model": "m-1", "choices": [choice]} | counts())
    assert await ask.said(ask.route()) == ("Hello", AnswerEnd("stop", TokenUsage(10, 2), "m-1"))


async def test_a_whole_answer_keeps_what_is_no_text(ask: Asker, line: RawLine):
    message = {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1"}]}
    document = {"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    line.steps = body(document)
    delta, finished = await ask.models.fetch_answer(ask.route(), HELLO)
    assert (delta, finished.reason) == (TextDelta("", document), "tool_calls")


@pytest.mark.parametrize("document", [b"{", {}, {"choices": []}, [], {"output": []}])
@pytest.mark.parametrize("wire", ["chat", "responses"])
async def test_a_whole_answer_that_is_none(ask: Asker, line: RawLine, document: Any, wire: str):
    line.steps = body(document)
    with pytest.raises(ProviderTransient):
        await ask.models.fetch_answer(ask.route(wire=wire), HELLO)


async def test_one_retry_learns_the_newer_name_of_the_bound(ask: Asker, line: RawLine):
    """A newer model of OpenAI's, behind somebody's own address."""
    told = {"code": "unsupported_parameter", "param": "max_tokens", "message": "Use 'max_completion_tokens' instead."}
    line.steps = body({"error": told}, "400 Bad Request")
    with pytest.raises(ProviderPermanent):
        await ask.said(ask.route())
    assert [b"max_tokens" in one for one in line.requests] == [True, False]
    line.steps = chunked(*WELL)
    await ask.said(ask.route())
    await ask.said(ask.route("another"))
    assert [b"max_completion_tokens" in one for one in line.requests] == [False, True, True, False]


async def test_nothing_comes_from_the_environment(ask: Asker, line: RawLine, monkeypatch: pytest.MonkeyPatch):
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "leaked")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: leaked\nX-More: leaked")
    line.steps = chunked(*WELL)
    await ask.said(ask.route())
    await ask.said(ask.route(api_key=""))
    assert b"leaked" not in b"".join(line.requests)
    assert b"Bearer sk-sandbox-canary" in line.requests[0]


async def test_an_address_that_is_none_is_permanent(ask: Asker):
    for url in ("nowhere", "htp://nowhere/v1", "http://"):
        with pytest.raises(ProviderPermanent):
            await ask.said(ask.route(base_url=url))


async def test_clients_of_the_sdk_are_few(ask: Asker, line: RawLine):
    line.steps = chunked(*WELL)
    for number in range(70):
        ask.models._client(ask.route(api_key=f"sk-{number}"))
    await ask.said(ask.route())
    assert len(ask.models._clients) == 64


async def test_closing_in_the_middle_of_a_piece(ask: Asker, line: RawLine):
    line.steps = [*chunked(b"".join([WELL[0], WELL[1]]))[:-1], HANG]
    stream = ask.models.stream_answer(ask.route(), HELLO)
    assert await anext(stream) == TextDelta("Hel")
    await stream.aclose()
    await asyncio.wait_for(line.left.wait(), 1)
    assert [one.outcome for one in ask.records] == ["cancelled"]


def event(kind: str, **more: Any) -> bytes:
    return b"event: " + kind.encode() + b"\n" + data({"type": kind} | more)


def response(text: str, status: str = "completed", **more: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text}] if text else []
    output = [{"type": "reasoning", "summary": []}, {"type": "message", "content": content}]
    return {"model": "m-1", "status": status, "output": output} | more


async def test_what_a_response_left_out_is_said_at_its_end(ask: Asker, line: RawLine):
    used = {"input_tokens": 9, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 2}}
    sent = [
        event("response.created", response={"model": "m-1"}),
        event("response.output_text.delta", delta="Hel"),
        event("response.something_new", more=1),
        event("response.completed", response=response("Hello", usage=used)),
    ]
    line.steps = chunked(*sent)
    assert await ask.said(ask.route(wire="responses")) == ("Hello", AnswerEnd("stop", TokenUsage(9, 3, 2), "m-1"))


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (event("response.completed", response=response("Help")), "stream_malformed"),
        (event("response.completed", response=response("Hello", status="sleeping")), "stream_failed"),
        (event("response.incomplete", response=response("Hel", status="incomplete")), "stream_failed"),
        (event("response.cancelled", response=response("Hel", status="cancelled")), "stream_failed"),
        (event("response.failed", response={"error": {"code": "server_error"}}), "stream_failed"),
        (event("error", code="server_error", message=CANARY), "stream_failed"),
        (event("error", error={"code": "server_error", "message": CANARY}), "stream_failed"),
        (data({"error": {"message": CANARY}}), "stream_failed"),
        (data({"delta": "lo"}), "stream_malformed"),
        (event("response.output_text.delta", delta=["lo"]), "stream_malformed"),
        (DONE, "stream_cut"),
    ],
)
async def test_how_a_response_can_end_badly(ask: Asker, line: RawLine, last: bytes, code: str):
    error = await fails(ask, line, *chunked(event("response.output_text.delta", delta="Hel!"), last), wire="responses")
    assert (type(error), error.code) == (ProviderTransient, code)


async def test_a_response_that_is_refused_midway(ask: Asker, line: RawLine):
    for told, kind in (("context_length_exceeded", ContextTooLong), ("invalid_prompt", ContentFiltered)):
        last = event("response.failed", response={"status": "failed", "error": {"code": told, "message": CANARY}})
        assert type(await fails(ask, line, *chunked(last), wire="responses")) is kind


async def test_a_tight_bound_goes_over_the_wire_that_knows_it(ask: Asker, line: RawLine):
    """A response must be allowed 16 tokens."""
    line.steps = chunked(*WELL)
    await ask.said(ask.route(wire="responses"), replace(HELLO, max_output_tokens=5))
    assert line.requests[0].startswith(b"POST /v1/chat/completions")
