"""From a question to its answer on the wire: what the model says, with troubles, pace, and the bill."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from aiohttp import web

from sandbox import faults
from sandbox.openai import tokens
from sandbox.openai.asks import Ask
from sandbox.openai.brain import think
from sandbox.openai.errors import server_error
from sandbox.openai.models import Model
from sandbox.openai.state import Record
from sandbox.openai.steps import Cut, Send, Step, Wait, disturb
from sandbox.openai.tokens import Usage
from sandbox.openai.troubles import Trouble, refuse, too_long, trouble_for
from sandbox.openai.wire import Call

_GLANCE = 0.01
"""Seconds between two looks at whether the client is still there."""


Finish = Literal["stop", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a model says. `usage` is what is billed in the end; `reported` what the answer tells of it."""

    pieces: tuple[str, ...]
    finish: Finish
    refusal: bool
    usage: Usage
    reported: Usage | None

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Form:
    """How an endpoint writes an answer: whole, as a stream, and as a failure, whole and within a stream.

    `settle` is told in the end whether all was said.
    """

    whole: Callable[[], Record]
    steps: Callable[[], list[Step]]
    failed: Callable[[], Record | None]
    failure: Callable[[int], bytes]
    settle: Callable[[bool], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Turn:
    """One call that got as far as a model."""

    call: Call
    model: Model
    ask: Ask
    trouble: Trouble | None
    draft: Draft


def open_turn(call: Call, model: Model, ask: Ask, request: Record, *, param: str) -> Turn:
    """Notes the call, and refuses it where the model's day is that bad. Raises Refused. `param`: the messages'."""
    account = call.account
    trouble = trouble_for(account, model.full, model.name, model.fault)
    call.note = account.note(
        endpoint="responses" if param == "input" else "chat.completions",
        model=model.full,
        stream=bool(request.get("stream")),
        fault=trouble and trouble.kind,
        request=request,
    )
    if trouble is not None:
        refuse(trouble, model.full, prefilled=bool(ask.prefill), param=param)
    draft = _draft(ask, model, trouble, account.piece_tokens)
    if draft.usage.input + (ask.most or 0) > model.window:
        raise too_long(param)
    return Turn(call, model, ask, trouble, draft)


def _draft(ask: Ask, model: Model, trouble: Trouble | None, size: int) -> Draft:
    said = think(ask, model.brain, refuses=trouble is not None and trouble.kind == "refuses")
    text, finish = _ended(ask, said.text.removeprefix(ask.prefill), trouble, size)
    usage = Usage(
        tokens.count_input(ask.texts, ask.format.schema), tokens.count(text) + ask.reasoning, ask.reasoning
    )  # fmt: skip
    if trouble is not None and trouble.kind == "bills-odd":
        usage = Usage(usage.input + 117, usage.output * 2 + 64, usage.reasoning + 64, usage.input // 2)
    reported = None if trouble is not None and trouble.kind == "omits-usage" else usage
    return Draft(tuple(tokens.pieces(text, size)), finish, said.refusal, usage, reported)


def _ended(ask: Ask, text: str, trouble: Trouble | None, size: int) -> tuple[str, Finish]:
    """As far as it gets, and why it goes no further."""
    finish: Finish = "stop"
    if trouble is not None and trouble.kind in {"content-filter", "truncates"}:
        text = tokens.cut(text, trouble.after_chunks * size)
        finish = "content_filter" if trouble.kind == "content-filter" else "length"
    room = None if ask.most is None else max(0, ask.most - ask.reasoning)
    if room is not None and tokens.count(text) > room:
        return tokens.cut(text, room), "length"
    return text, finish


async def answer(turn: Turn, form: Form, *, stream: bool) -> web.StreamResponse:
    """Raises Refused."""
    try:
        if turn.trouble is not None and turn.trouble.kind in {"silent", "reset"}:
            return await _unanswered(turn, turn.trouble)
        return await (_streamed(turn, form) if stream else _whole(turn, form))
    except asyncio.CancelledError:  # where the server tells of a client that has left in this way
        _note(turn)["client_left"] = True
        raise
    finally:
        form.settle(bool(_note(turn)["completed"]))


async def _unanswered(turn: Turn, trouble: Trouble) -> web.Response:
    if trouble.kind == "silent":
        await _wait(turn, trouble.seconds)
    faults.reset(turn.call.request)
    return web.Response()


async def _streamed(turn: Turn, form: Form) -> web.StreamResponse:
    line = web.StreamResponse(headers=turn.call.headers | {"Cache-Control": "no-cache", "openai-processing-ms": "1"})
    line.content_type, line.charset = "text/event-stream", "utf-8"
    note, sent = _note(turn), ""
    note["status"] = 200
    try:
        await line.prepare(turn.call.request)
        for step in disturb(form.steps(), turn.trouble, form.failure):
            if not await _play(turn, line, step):
                break
            if isinstance(step, Send):
                sent += step.text
                _tell(turn, sent, ended=step.kind in {"tail", "done"})
    except ConnectionError:
        note["client_left"] = True
    return line


async def _play(turn: Turn, line: web.StreamResponse, step: Step) -> bool:
    """Whether the stream goes on. Raises ConnectionError when the client has left."""
    match step:
        case Send():
            if step.text and not await _wait(turn, turn.call.account.delay_ms / 1000):
                return False
            await line.write(step.data)
            return True
        case Wait():
            return await _wait(turn, step.seconds)
        case Cut():
            faults.reset(turn.call.request)
            return False


async def _whole(turn: Turn, form: Form) -> web.StreamResponse:
    """One JSON document, once all its pieces are there."""
    kind = turn.trouble and turn.trouble.kind
    if kind == "failed":
        failed = form.failed()
        if failed is None:
            raise server_error()
        _note(turn)["status"] = 200
        return web.json_response(failed)
    seconds = turn.call.account.delay_ms / 1000 * len(turn.draft.pieces)
    if kind == "slow-first-token" and turn.trouble is not None:
        seconds += turn.trouble.seconds or 0
    if not await _wait(turn, seconds):
        return web.Response()
    body = json.dumps(form.whole(), separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    return await _spoilt(turn, body, kind or "")


async def _spoilt(turn: Turn, body: bytes, kind: str) -> web.StreamResponse:
    _note(turn)["status"] = 200
    if kind in {"cut", "cut-politely", "stall"}:
        return await _half(turn, body, kind)
    _tell(turn, turn.draft.text, ended=True)
    if kind in {"malformed-chunk", "malformed-delta"}:
        body = body[: len(body) // 2]
    return web.Response(body=body, content_type="application/json")


async def _half(turn: Turn, body: bytes, kind: str) -> web.StreamResponse:
    """Announced as the whole."""
    line = web.StreamResponse(headers=turn.call.headers)
    line.content_type, line.content_length = "application/json", len(body)
    await line.prepare(turn.call.request)
    await line.write(body[: len(body) // 2])
    _tell(turn, turn.draft.text, ended=False)
    await _wait(turn, None if kind == "stall" else 0.05)
    faults.reset(turn.call.request)
    return line


def _tell(turn: Turn, text: str, *, ended: bool) -> None:
    """What has been said so far, and what it costs."""
    note, usage = _note(turn), turn.draft.usage
    if not ended:
        usage = replace(usage, output=tokens.count(text) + usage.reasoning)
    note |= {
        "answered": text,
        "completed": ended,
        "finish": turn.draft.finish if ended else None,
        "billed": {"input_tokens": usage.input, "output_tokens": usage.output},
        "usage": turn.draft.reported.of_response() if ended and turn.draft.reported else None,
    }


def _note(turn: Turn) -> Record:
    if turn.call.note is None:  # pragma: no cover (opened with it)
        raise RuntimeError("a turn without its note")
    return turn.call.note


async def _wait(turn: Turn, seconds: float | None) -> bool:
    """Whether the client is still there afterwards."""
    request, loop = turn.call.request, asyncio.get_running_loop()
    end = loop.time() + (faults.LONGEST if seconds is None else seconds)
    while faults.is_there(request) and (left := end - loop.time()) > 0:  # noqa: ASYNC110
        await asyncio.sleep(min(left, _GLANCE))
    if seconds == 0:
        await asyncio.sleep(0)
    here = faults.is_there(request)
    if not here:
        _note(turn)["client_left"] = True
    return here
