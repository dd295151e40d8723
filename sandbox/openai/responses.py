"""`/v1/responses`: made, streamed, read again and deleted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.openai import asks
from sandbox.openai.asks import Ask, Message
from sandbox.openai.errors import Refused, invalid, missing, wrong_type
from sandbox.openai.models import find
from sandbox.openai.params import Params
from sandbox.openai.serving import Form, Turn, answer, open_turn
from sandbox.openai.state import Record
from sandbox.openai.steps import Send, Step, event
from sandbox.openai.wire import Call

LEAST = 16
"""Tokens that `max_output_tokens` must allow."""
KNOWN = frozenset(
    "background context_management conversation include input instructions max_output_tokens max_tool_calls metadata "
    "model moderation parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_options "
    "prompt_cache_retention reasoning safety_identifier service_tier store stream stream_options temperature text "
    "tool_choice tools top_logprobs top_p truncation user".split()
)
UNPLAYED: dict[str, Callable[[Any], bool]] = {
    "background": bool,
    "context_management": bool,
    "conversation": bool,
    "include": bool,
    "moderation": bool,
    "prompt": bool,
    "tool_choice": asks.forces_a_tool,
    "top_logprobs": bool,
    "truncation": lambda it: it not in (None, "disabled"),
}
IGNORED = tuple(
    "max_tool_calls parallel_tool_calls prompt_cache_key prompt_cache_options prompt_cache_retention "
    "safety_identifier service_tier temperature tools top_p user".split()
)
_PARTS = ("input_text", "output_text", "refusal", "input_image")


async def create(call: Call) -> web.StreamResponse:
    params = await call.params()
    params.only(KNOWN)
    asks.check_played(params, UNPLAYED)
    asks.check_tools(params, "tool_choice")
    call.headers |= asks.ignored(params, IGNORED)
    model = find(call.account, params.need("model"), 400)
    ask, stream, base = _ask(call, params), params.flag("stream"), _base(params)
    turn = open_turn(call, model, ask, params.raw, param="input")
    paper = Paper(call.account.new_id("resp_"), call.account.new_id("msg_"), call.account.new_id("rs_"), base, turn)
    paper.keep(paper.begun())
    return await answer(turn, Form(paper.whole, paper.steps, paper.failed, paper.failure, paper.settle), stream=stream)


async def show(call: Call) -> Record:
    document: Record = _stored(call)["document"]
    return document


async def delete(call: Call) -> Record:
    _stored(call)
    del call.account.responses[call.id]
    return {"id": call.id, "object": "response", "deleted": True}


async def cancel(call: Call) -> Record:
    """Only one in the background can be cancelled, and there are none here."""
    _stored(call)
    raise invalid("Cannot cancel a synchronous response.", None)


def _stored(call: Call) -> Record:
    found = call.account.responses.get(call.id)
    if found is None:
        raise Refused(404, f"Response with id '{call.id[:100]}' not found.")
    return found


def _ask(call: Call, params: Params) -> Ask:
    """Raises Refused."""
    text = params.group("text")
    if text is not None:
        text.only({"format", "verbosity"})
        text.choice("verbosity", ("low", "medium", "high"))
    found = asks.read_format(text.group("format") if text else None, "text.format", nested=False)
    messages = _earlier(call, params) + _instructions(params) + _input(params)
    if found.kind == "json_object" and not asks.mentions_json(messages):
        message = (
            "Response input messages must contain the word 'json' in some form to use 'text.format' of type "
            "'json_object'."
        )
        raise invalid(message, "input")
    reasoning = params.group("reasoning")
    effort = reasoning.choice("effort", asks.EFFORTS) if reasoning else None
    most, tokens = params.integer("max_output_tokens", LEAST), asks.reasoning_tokens(effort)
    prefill = messages[-1].text if messages[-1].role == "assistant" else ""
    return Ask(params.need("model"), messages, found, most, min(tokens, most or tokens), prefill)


def _input(params: Params) -> tuple[Message, ...]:
    given = params.raw.get("input")
    match given:
        case None:
            raise missing("input")
        case str():
            return (Message("user", given),)
        case list():
            return asks.read_messages(given, "input", _PARTS)
        case _:
            raise wrong_type("input", "one of an array of objects or string", given)


def _instructions(params: Params) -> tuple[Message, ...]:
    text = params.text("instructions")
    return (Message("developer", text),) if text else ()


def _earlier(call: Call, params: Params) -> tuple[Message, ...]:
    """What was said before, without the instructions of then."""
    ident = params.text("previous_response_id")
    if ident is None:
        return ()
    found = call.account.responses.get(ident)
    if found is None:
        message = f"Previous response with id '{ident[:100]}' not found."
        raise invalid(message, "previous_response_id", "previous_response_not_found")
    return tuple(found["messages"])


def _base(params: Params) -> Record:
    """What an answer repeats of its question."""
    reasoning, text = params.group("reasoning"), params.group("text")
    effort = reasoning.text("effort") if reasoning else None
    form = text.raw.get("format") if text else None
    temperature, top_p = params.number("temperature", 2), params.number("top_p", 1)
    raw = params.raw
    return {
        "background": False,
        "instructions": raw.get("instructions"),
        "max_output_tokens": raw.get("max_output_tokens"),
        "max_tool_calls": raw.get("max_tool_calls"),
        "metadata": params.metadata() or {},
        "parallel_tool_calls": params.flag("parallel_tool_calls", usual=True),
        "previous_response_id": raw.get("previous_response_id"),
        "prompt_cache_key": params.text("prompt_cache_key"),
        "reasoning": {"effort": effort, "summary": None},
        "safety_identifier": params.text("safety_identifier"),
        "service_tier": "default",
        "store": params.flag("store", usual=True),
        "temperature": 1.0 if temperature is None else temperature,
        "text": {"format": _shown(form), "verbosity": (text.text("verbosity") if text else None) or "medium"},
        "tool_choice": raw.get("tool_choice") or "auto",
        "tools": params.listed("tools") or [],
        "top_logprobs": params.integer("top_logprobs", 0) or 0,
        "top_p": 1.0 if top_p is None else top_p,
        "truncation": params.choice("truncation", ("auto", "disabled")) or "disabled",
    } | ({"user": user} if (user := params.text("user")) else {})


def _shown(form: Any) -> Record:
    if form is None:
        return {"type": "text"}
    if form["type"] != "json_schema":
        return {"type": form["type"]}
    told = {"description": form["description"]} if form.get("description") else {}
    return {
        "type": "json_schema",
        "name": form["name"],
        "schema": form["schema"],
        "strict": bool(form.get("strict")),
    } | told


@dataclass(frozen=True, slots=True)
class Paper:
    """One response as a document, in each of its states."""

    id: str
    message_id: str
    reasoning_id: str
    base: Record
    turn: Turn

    def keep(self, document: Record) -> None:
        if not self.base["store"]:
            return
        turn = self.turn
        said = (Message("assistant", turn.draft.text),)
        self.turn.call.account.keep(document, tuple(m for m in turn.ask.messages if m.role != "developer") + said)

    def begun(self) -> Record:
        return self._document("in_progress", [])

    def whole(self) -> Record:
        draft = self.turn.draft
        reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
        reason = reasons.get(draft.finish)
        status = "incomplete" if reason else "completed"
        document = self._document(status, self._output(status))
        document["incomplete_details"] = {"reason": reason} if reason else None
        document["usage"] = draft.reported.of_response() if draft.reported else None
        if status == "completed":
            document["completed_at"] = document["created_at"]
        return document

    def failed(self) -> Record:
        document = self._document("failed", [])
        message = "The server had an error processing your request. Sorry about that!"
        document["error"] = {"code": "server_error", "message": message}
        return document

    def settle(self, completed: bool) -> None:
        self.keep(self.whole() if completed else self.failed())

    def failure(self, count: int) -> bytes:
        return _event("response.failed", count, response=self.failed())

    def steps(self) -> list[Step]:
        """The events in the API's order."""
        drafts = [
            ("head", "", "response.created", {"response": self.begun()}),
            ("head", "", "response.in_progress", {"response": self.begun()}),
            *self._reasoning_events(),
            *self._message_events(),
        ]
        final = self.whole()
        drafts.append(("tail", "", f"response.{final['status']}", {"response": final}))
        return [Send(_event(name, n, **data), kind, text) for n, (kind, text, name, data) in enumerate(drafts)]

    def _reasoning_events(self) -> list[Any]:
        if not self.turn.ask.reasoning:
            return []
        item = {"output_index": 0, "item": self._reasoning()}
        return [("open", "", "response.output_item.added", item), ("open", "", "response.output_item.done", item)]

    def _message_events(self) -> list[Any]:
        draft, kind = self.turn.draft, "refusal" if self.turn.draft.refusal else "output_text"
        at = {"output_index": 1 if self.turn.ask.reasoning else 0}
        if not self._output("completed")[at["output_index"] :]:
            return []
        place = at | {"item_id": self.message_id, "content_index": 0}
        logprobs: Record = {} if draft.refusal else {"logprobs": []}
        text, part = "refusal" if draft.refusal else "text", self._part(draft.text)
        state = "incomplete" if draft.finish != "stop" else "completed"
        return [
            ("open", "", "response.output_item.added", at | {"item": self._message("in_progress", [])}),
            ("open", "", "response.content_part.added", place | {"part": self._part("")}),
            *(("delta", one, f"response.{kind}.delta", place | {"delta": one} | logprobs) for one in draft.pieces),
            ("tail", "", f"response.{kind}.done", place | {text: draft.text} | logprobs),
            ("tail", "", "response.content_part.done", place | {"part": part}),
            ("tail", "", "response.output_item.done", at | {"item": self._message(state, [part])}),
        ]

    def _output(self, status: str) -> list[Record]:
        """A model that has spent all its tokens on reasoning has said nothing."""
        draft, ask = self.turn.draft, self.turn.ask
        found = [self._reasoning()] if ask.reasoning else []
        if draft.text or not ask.reasoning:
            found.append(self._message(status, [self._part(draft.text)]))
        return found

    def _message(self, status: str, content: list[Record]) -> Record:
        return {"id": self.message_id, "type": "message", "status": status, "role": "assistant", "content": content}

    def _part(self, text: str) -> Record:
        if self.turn.draft.refusal:
            return {"type": "refusal", "refusal": text}
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}

    def _reasoning(self) -> Record:
        return {"id": self.reasoning_id, "type": "reasoning", "summary": []}

    def _document(self, status: str, output: list[Record]) -> Record:
        return {
            "id": self.id,
            "object": "response",
            "created_at": int(self.turn.call.account.seconds()),
            "status": status,
            "completed_at": None,
            "error": None,
            "incomplete_details": None,
            "model": self.turn.model.full,
            "output": output,
            "usage": None,
        } | self.base


def _event(name: str, number: int, **data: Any) -> bytes:
    return event({"type": name, "sequence_number": number} | data, name)
