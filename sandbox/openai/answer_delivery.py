"""From a question to its answer on the wire: what the model says, with troubles, pace, and the bill."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from aiohttp import web

from sandbox import faults
from sandbox.openai import tokens
from sandbox.openai.answer_generator import generate_answer
from sandbox.openai.errors import make_server_error
from sandbox.openai.model_faults import ModelFault, find_fault, make_too_long, raise_refusal
from sandbox.openai.model_request import ModelRequest
from sandbox.openai.models import SandboxModel
from sandbox.openai.state import Record
from sandbox.openai.stream_steps import ResetStep, SendStep, StreamStep, WaitStep, apply_fault
from sandbox.openai.tokens import TokenUsage
from sandbox.openai.wire import OpenAICall

_GLANCE = 0.01
"""Seconds between two looks at whether the client is still there."""


Finish = Literal["stop", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class AnswerDraft:
    """What a model says. `billed_usage` is what is billed in the end; `reported_usage` what the answer tells of it."""

    pieces: tuple[str, ...]
    finish: Finish
    is_refusal: bool
    billed_usage: TokenUsage
    reported_usage: TokenUsage | None

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """How an endpoint writes an answer: whole, as a stream, and as a failure, whole and within a stream.

    `store_outcome` is told in the end whether all was said.
    """

    build_document: Callable[[], Record]
    build_steps: Callable[[], list[StreamStep]]
    build_failed: Callable[[], Record | None]
    build_failure: Callable[[int], bytes]
    store_outcome: Callable[[bool], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class ModelTurn:
    """One call that got as far as a model."""

    call: OpenAICall
    model: SandboxModel
    request: ModelRequest
    fault: ModelFault | None
    draft: AnswerDraft


def open_turn(call: OpenAICall, model: SandboxModel, ask: ModelRequest, request: Record, *, param: str) -> ModelTurn:
    """Notes the call, and refuses it where the model's day is that bad. Raises Refused. `param`: the messages'."""
    account = call.account
    trouble = find_fault(account, model.full_name, model.name, model.fault_name)
    call.record = account.record_call(
        endpoint="responses" if param == "input" else "chat.completions",
        model=model.full_name,
        stream=bool(request.get("stream")),
        fault=trouble and trouble.kind,
        request=request,
    )
    if trouble is not None:
        raise_refusal(trouble, model.full_name, prefilled=bool(ask.prefill), param=param)
    draft = _draft(ask, model, trouble, account.piece_tokens)
    if draft.billed_usage.input + (ask.max_tokens or 0) > model.context_window:
        raise make_too_long(param)
    return ModelTurn(call, model, ask, trouble, draft)


def _draft(ask: ModelRequest, model: SandboxModel, trouble: ModelFault | None, size: int) -> AnswerDraft:
    said = generate_answer(ask, model.behavior, refuses=trouble is not None and trouble.kind == "refuses")
    text, finish = _ended(ask, said.text.removeprefix(ask.prefill), trouble, size)
    usage = TokenUsage(
        tokens.count_input_tokens(ask.texts, ask.format.schema),
        tokens.count_tokens(text) + ask.reasoning_tokens,
        ask.reasoning_tokens,
    )
    if trouble is not None and trouble.kind == "bills-odd":
        usage = TokenUsage(usage.input + 117, usage.output * 2 + 64, usage.reasoning + 64, usage.input // 2)
    reported = None if trouble is not None and trouble.kind == "omits-usage" else usage
    return AnswerDraft(tuple(tokens.split_text(text, size)), finish, said.is_refusal, usage, reported)


def _ended(ask: ModelRequest, text: str, trouble: ModelFault | None, size: int) -> tuple[str, Finish]:
    """As far as it gets, and why it goes no further."""
    finish: Finish = "stop"
    if trouble is not None and trouble.kind in {"content-filter", "truncates"}:
        text = tokens.cut_text(text, trouble.after_chunks * size)
        finish = "content_filter" if trouble.kind == "content-filter" else "length"
    room = None if ask.max_tokens is None else max(0, ask.max_tokens - ask.reasoning_tokens)
    if room is not None and tokens.count_tokens(text) > room:
        return tokens.cut_text(text, room), "length"
    return text, finish


async def send_answer(turn: ModelTurn, form: AnswerFormat, *, stream: bool) -> web.StreamResponse:
    """Raises Refused."""
    try:
        if turn.fault is not None and turn.fault.kind in {"silent", "reset"}:
            return await _unanswered(turn, turn.fault)
        return await (_streamed(turn, form) if stream else _whole(turn, form))
    except asyncio.CancelledError:  # where the server tells of a client that has left in this way
        _note(turn)["client_left"] = True
        raise
    finally:
        form.store_outcome(bool(_note(turn)["completed"]))


async def _unanswered(turn: ModelTurn, trouble: ModelFault) -> web.Response:
    if trouble.kind == "silent":
        await _wait(turn, trouble.seconds)
    faults.reset_connection(turn.call.request)
    return web.Response()


async def _streamed(turn: ModelTurn, form: AnswerFormat) -> web.StreamResponse:
    line = web.StreamResponse(headers=turn.call.headers | {"Cache-Control": "no-cache", "openai-processing-ms": "1"})
    line.content_type, line.charset = "text/event-stream", "utf-8"
    note, sent = _note(turn), ""
    note["status"] = 200
    try:
        await line.prepare(turn.call.request)
        for step in apply_fault(form.build_steps(), turn.fault, form.build_failure):
            if not await _play(turn, line, step):
                break
            if isinstance(step, SendStep):
                sent += step.text
                _tell(turn, sent, ended=step.kind in {"tail", "done"})
    except ConnectionError:
        note["client_left"] = True
    return line


async def _play(turn: ModelTurn, line: web.StreamResponse, step: StreamStep) -> bool:
    """Whether the stream goes on. Raises ConnectionError when the client has left."""
    match step:
        case SendStep():
            if step.text and not await _wait(turn, turn.call.account.delay_ms / 1000):
                return False
            await line.write(step.data)
            return True
        case WaitStep():
            return await _wait(turn, step.seconds)
        case ResetStep():
            faults.reset_connection(turn.call.request)
            return False


async def _whole(turn: ModelTurn, form: AnswerFormat) -> web.StreamResponse:
    """One JSON document, once all its pieces are there."""
    kind = turn.fault and turn.fault.kind
    if kind == "failed":
        failed = form.build_failed()
        if failed is None:
            raise make_server_error()
        _note(turn)["status"] = 200
        return web.json_response(failed)
    seconds = turn.call.account.delay_ms / 1000 * len(turn.draft.pieces)
    if kind == "slow-first-token" and turn.fault is not None:
        seconds += turn.fault.seconds or 0
    if not await _wait(turn, seconds):
        return web.Response()
    body = json.dumps(form.build_document(), separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    return await _spoilt(turn, body, kind or "")


async def _spoilt(turn: ModelTurn, body: bytes, kind: str) -> web.StreamResponse:
    _note(turn)["status"] = 200
    if kind in {"cut", "cut-politely", "stall"}:
        return await _half(turn, body, kind)
    _tell(turn, turn.draft.text, ended=True)
    if kind in {"malformed-chunk", "malformed-delta"}:
        body = body[: len(body) // 2]
    return web.Response(body=body, content_type="application/json")


async def _half(turn: ModelTurn, body: bytes, kind: str) -> web.StreamResponse:
    """Announced as the whole."""
    line = web.StreamResponse(headers=turn.call.headers)
    line.content_type, line.content_length = "application/json", len(body)
    await line.prepare(turn.call.request)
    await line.write(body[: len(body) // 2])
    _tell(turn, turn.draft.text, ended=False)
    await _wait(turn, None if kind == "stall" else 0.05)
    faults.reset_connection(turn.call.request)
    return line


def _tell(turn: ModelTurn, text: str, *, ended: bool) -> None:
    """What has been said so far, and what it costs."""
    note, usage = _note(turn), turn.draft.billed_usage
    if not ended:
        usage = replace(usage, output=tokens.count_tokens(text) + usage.reasoning)
    note |= {
        "answered": text,
        "completed": ended,
        "finish": turn.draft.finish if ended else None,
        "billed": {"input_tokens": usage.input, "output_tokens": usage.output},
        "usage": turn.draft.reported_usage.to_response_usage() if ended and turn.draft.reported_usage else None,
    }


def _note(turn: ModelTurn) -> Record:
    if turn.call.record is None:  # pragma: no cover (opened with it)
        raise RuntimeError("a turn without its note")
    return turn.call.record


async def _wait(turn: ModelTurn, seconds: float | None) -> bool:
    """Whether the client is still there afterwards."""
    request, loop = turn.call.request, asyncio.get_running_loop()
    end = loop.time() + (faults.MAX_SECONDS if seconds is None else seconds)
    while faults.is_client_connected(request) and (left := end - loop.time()) > 0:  # noqa: ASYNC110
        await asyncio.sleep(min(left, _GLANCE))
    if seconds == 0:
        await asyncio.sleep(0)
    here = faults.is_client_connected(request)
    if not here:
        _note(turn)["client_left"] = True
    return here
