"""`/v1/responses`: made, streamed, read again and deleted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.openai import model_request
from sandbox.openai.answer_delivery import AnswerFormat, ModelTurn, open_turn, send_answer
from sandbox.openai.errors import OpenAIApiError, make_invalid_request, make_missing_param, make_wrong_type
from sandbox.openai.model_request import Message, ModelRequest
from sandbox.openai.models import find_model
from sandbox.openai.params import RequestParams
from sandbox.openai.state import Record
from sandbox.openai.stream_steps import SendStep, StreamStep, format_event
from sandbox.openai.wire import OpenAICall

MIN_OUTPUT_TOKENS = 16
"""Tokens that `max_output_tokens` must allow."""
KNOWN_PARAMS = frozenset(
    "background context_management conversation include input instructions max_output_tokens max_tool_calls metadata "
    "model moderation parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_options "
    "prompt_cache_retention reasoning safety_identifier service_tier store stream stream_options temperature text "
    "tool_choice tools top_logprobs top_p truncation user".split()
)
UNSUPPORTED_PARAMS: dict[str, Callable[[Any], bool]] = {
    "background": bool,
    "context_management": bool,
    "conversation": bool,
    "include": bool,
    "moderation": bool,
    "prompt": bool,
    "tool_choice": model_request.requires_tool_call,
    "top_logprobs": bool,
    "truncation": lambda it: it not in (None, "disabled"),
}
IGNORED_PARAMS = tuple(
    "max_tool_calls parallel_tool_calls prompt_cache_key prompt_cache_options prompt_cache_retention "
    "safety_identifier service_tier temperature tools top_p user".split()
)
_PARTS = ("input_text", "output_text", "refusal", "input_image")


async def create_response(call: OpenAICall) -> web.StreamResponse:
    params = await call.read_params()
    params.reject_unknown(KNOWN_PARAMS)
    model_request.check_supported(params, UNSUPPORTED_PARAMS)
    model_request.check_tools(params, "tool_choice")
    call.headers |= model_request.build_ignored_header(params, IGNORED_PARAMS)
    model = find_model(call.account, params.require_text("model"), 400)
    ask, stream, base = _ask(call, params), params.read_flag("stream"), _base(params)
    turn = open_turn(call, model, ask, params.raw, param="input")
    paper = ResponseDocument(
        call.account.new_id("resp_"), call.account.new_id("msg_"), call.account.new_id("rs_"), base, turn
    )
    paper.store_document(paper.build_started())
    return await send_answer(
        turn,
        AnswerFormat(
            paper.build_document, paper.build_steps, paper.build_failed, paper.build_failure, paper.store_outcome
        ),
        stream=stream,
    )


async def show_response(call: OpenAICall) -> Record:
    document: Record = _stored(call)["document"]
    return document


async def delete_response(call: OpenAICall) -> Record:
    _stored(call)
    del call.account.responses[call.id]
    return {"id": call.id, "object": "response", "deleted": True}


async def cancel_response(call: OpenAICall) -> Record:
    """Only one in the background can be cancelled, and there are none here."""
    _stored(call)
    raise make_invalid_request("Cannot cancel a synchronous response.", None)


def _stored(call: OpenAICall) -> Record:
    found = call.account.responses.get(call.id)
    if found is None:
        raise OpenAIApiError(404, f"Response with id '{call.id[:100]}' not found.")
    return found


def _ask(call: OpenAICall, params: RequestParams) -> ModelRequest:
    """Raises Refused."""
    text = params.read_group("text")
    if text is not None:
        text.reject_unknown({"format", "verbosity"})
        text.read_choice("verbosity", ("low", "medium", "high"))
    found = model_request.read_format(text.read_group("format") if text else None, "text.format", nested=False)
    messages = _earlier(call, params) + _instructions(params) + _input(params)
    if found.kind == "json_object" and not model_request.mentions_json(messages):
        message = (
            "Response input messages must contain the word 'json' in some form to use 'text.format' of type "
            "'json_object'."
        )
        raise make_invalid_request(message, "input")
    reasoning = params.read_group("reasoning")
    effort = reasoning.read_choice("effort", model_request.REASONING_EFFORTS) if reasoning else None
    most, tokens = (
        params.read_integer("max_output_tokens", MIN_OUTPUT_TOKENS),
        model_request.estimate_reasoning_tokens(effort),
    )
    prefill = messages[-1].text if messages[-1].role == "assistant" else ""
    return ModelRequest(params.require_text("model"), messages, found, most, min(tokens, most or tokens), prefill)


def _input(params: RequestParams) -> tuple[Message, ...]:
    given = params.raw.get("input")
    match given:
        case None:
            raise make_missing_param("input")
        case str():
            return (Message("user", given),)
        case list():
            return model_request.read_messages(given, "input", _PARTS)
        case _:
            raise make_wrong_type("input", "one of an array of objects or string", given)


def _instructions(params: RequestParams) -> tuple[Message, ...]:
    text = params.read_text("instructions")
    return (Message("developer", text),) if text else ()


def _earlier(call: OpenAICall, params: RequestParams) -> tuple[Message, ...]:
    """What was said before, without the instructions of then."""
    ident = params.read_text("previous_response_id")
    if ident is None:
        return ()
    found = call.account.responses.get(ident)
    if found is None:
        message = f"Previous response with id '{ident[:100]}' not found."
        raise make_invalid_request(message, "previous_response_id", "previous_response_not_found")
    return tuple(found["messages"])


def _base(params: RequestParams) -> Record:
    """What an answer repeats of its question."""
    reasoning, text = params.read_group("reasoning"), params.read_group("text")
    effort = reasoning.read_text("effort") if reasoning else None
    form = text.raw.get("format") if text else None
    temperature, top_p = params.read_number("temperature", 2), params.read_number("top_p", 1)
    raw = params.raw
    return {
        "background": False,
        "instructions": raw.get("instructions"),
        "max_output_tokens": raw.get("max_output_tokens"),
        "max_tool_calls": raw.get("max_tool_calls"),
        "metadata": params.read_metadata() or {},
        "parallel_tool_calls": params.read_flag("parallel_tool_calls", usual=True),
        "previous_response_id": raw.get("previous_response_id"),
        "prompt_cache_key": params.read_text("prompt_cache_key"),
        "reasoning": {"effort": effort, "summary": None},
        "safety_identifier": params.read_text("safety_identifier"),
        "service_tier": "default",
        "store": params.read_flag("store", usual=True),
        "temperature": 1.0 if temperature is None else temperature,
        "text": {"format": _shown(form), "verbosity": (text.read_text("verbosity") if text else None) or "medium"},
        "tool_choice": raw.get("tool_choice") or "auto",
        "tools": params.read_list("tools") or [],
        "top_logprobs": params.read_integer("top_logprobs", 0) or 0,
        "top_p": 1.0 if top_p is None else top_p,
        "truncation": params.read_choice("truncation", ("auto", "disabled")) or "disabled",
    } | ({"user": user} if (user := params.read_text("user")) else {})


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
class ResponseDocument:
    """One response as a document, in each of its states."""

    id: str
    message_id: str
    reasoning_id: str
    echoed_fields: Record
    turn: ModelTurn

    def store_document(self, document: Record) -> None:
        if not self.echoed_fields["store"]:
            return
        turn = self.turn
        said = (Message("assistant", turn.draft.text),)
        self.turn.call.account.store_response(
            document, tuple(m for m in turn.request.messages if m.role != "developer") + said
        )

    def build_started(self) -> Record:
        return self._document("in_progress", [])

    def build_document(self) -> Record:
        draft = self.turn.draft
        reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
        reason = reasons.get(draft.finish)
        status = "incomplete" if reason else "completed"
        document = self._document(status, self._output(status))
        document["incomplete_details"] = {"reason": reason} if reason else None
        document["usage"] = draft.reported_usage.to_response_usage() if draft.reported_usage else None
        if status == "completed":
            document["completed_at"] = document["created_at"]
        return document

    def build_failed(self) -> Record:
        document = self._document("failed", [])
        message = "The server had an error processing your request. Sorry about that!"
        document["error"] = {"code": "server_error", "message": message}
        return document

    def store_outcome(self, completed: bool) -> None:
        self.store_document(self.build_document() if completed else self.build_failed())

    def build_failure(self, count: int) -> bytes:
        return _event("response.failed", count, response=self.build_failed())

    def build_steps(self) -> list[StreamStep]:
        """The events in the API's order."""
        drafts = [
            ("head", "", "response.created", {"response": self.build_started()}),
            ("head", "", "response.in_progress", {"response": self.build_started()}),
            *self._reasoning_events(),
            *self._message_events(),
        ]
        final = self.build_document()
        drafts.append(("tail", "", f"response.{final['status']}", {"response": final}))
        return [SendStep(_event(name, n, **data), kind, text) for n, (kind, text, name, data) in enumerate(drafts)]

    def _reasoning_events(self) -> list[Any]:
        if not self.turn.request.reasoning_tokens:
            return []
        item = {"output_index": 0, "item": self._reasoning()}
        return [("open", "", "response.output_item.added", item), ("open", "", "response.output_item.done", item)]

    def _message_events(self) -> list[Any]:
        draft, kind = self.turn.draft, "refusal" if self.turn.draft.is_refusal else "output_text"
        at = {"output_index": 1 if self.turn.request.reasoning_tokens else 0}
        if not self._output("completed")[at["output_index"] :]:
            return []
        place = at | {"item_id": self.message_id, "content_index": 0}
        logprobs: Record = {} if draft.is_refusal else {"logprobs": []}
        text, part = "refusal" if draft.is_refusal else "text", self._part(draft.text)
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
        draft, ask = self.turn.draft, self.turn.request
        found = [self._reasoning()] if ask.reasoning_tokens else []
        if draft.text or not ask.reasoning_tokens:
            found.append(self._message(status, [self._part(draft.text)]))
        return found

    def _message(self, status: str, content: list[Record]) -> Record:
        return {"id": self.message_id, "type": "message", "status": status, "role": "assistant", "content": content}

    def _part(self, text: str) -> Record:
        if self.turn.draft.is_refusal:
            return {"type": "refusal", "refusal": text}
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}

    def _reasoning(self) -> Record:
        return {"id": self.reasoning_id, "type": "reasoning", "summary": []}

    def _document(self, status: str, output: list[Record]) -> Record:
        return {
            "id": self.id,
            "object": "response",
            "created_at": int(self.turn.call.account.get_seconds()),
            "status": status,
            "completed_at": None,
            "error": None,
            "incomplete_details": None,
            "model": self.turn.model.full_name,
            "output": output,
            "usage": None,
        } | self.echoed_fields


def _event(name: str, number: int, **data: Any) -> bytes:
    return format_event({"type": name, "sequence_number": number} | data, name)
