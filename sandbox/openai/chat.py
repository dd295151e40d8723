"""`/v1/chat/completions`, whole and streamed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.openai import model_request
from sandbox.openai.answer_delivery import AnswerFormat, ModelTurn, open_turn, send_answer
from sandbox.openai.errors import make_invalid_request, make_missing_param, make_server_error
from sandbox.openai.model_request import ModelRequest
from sandbox.openai.models import find_model
from sandbox.openai.params import RequestParams
from sandbox.openai.state import Record
from sandbox.openai.stream_steps import SendStep, StreamStep, format_event
from sandbox.openai.wire import OpenAICall

KNOWN_PARAMS = frozenset(
    "audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages "
    "metadata modalities model moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key "
    "prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier "
    "stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity "
    "web_search_options".split()
)
_PARTS = ("text", "refusal", "image_url")
UNSUPPORTED_PARAMS: dict[str, Callable[[Any], bool]] = {
    "audio": bool,
    "function_call": model_request.requires_tool_call,
    "logit_bias": bool,
    "logprobs": bool,
    "modalities": lambda it: it not in (None, ["text"]),
    "moderation": bool,
    "stop": bool,
    "store": bool,
    "tool_choice": model_request.requires_tool_call,
    "top_logprobs": bool,
    "web_search_options": lambda it: it is not None,
}

IGNORED_PARAMS = tuple(
    "frequency_penalty functions metadata parallel_tool_calls prediction presence_penalty prompt_cache_key "
    "prompt_cache_options prompt_cache_retention safety_identifier seed service_tier temperature tools top_p user "
    "verbosity".split()
)


async def create_completion(call: OpenAICall) -> web.StreamResponse:
    params = await call.read_params()
    for name in params.raw:
        if name not in KNOWN_PARAMS:
            raise make_invalid_request(f"Unrecognized request argument supplied: {name[:100]}", None)
    model_request.check_supported(params, UNSUPPORTED_PARAMS)
    model_request.check_tools(params, "tool_choice")
    call.headers |= model_request.build_ignored_header(params, IGNORED_PARAMS)
    model, ask = find_model(call.account, params.require_text("model"), 404), _ask(params)
    stream, usage = params.read_flag("stream"), _wants_usage(params)
    turn = open_turn(call, model, ask, params.raw, param="messages")
    paper = ChatDocument(call.account.new_id("chatcmpl-")[:38], turn, usage)
    return await send_answer(
        turn, AnswerFormat(paper.build_document, paper.build_steps, lambda: None, paper.build_failure), stream=stream
    )


def _ask(params: RequestParams) -> ModelRequest:
    """Raises Refused."""
    listed = params.read_list("messages")
    if listed is None:
        raise make_missing_param("messages")
    messages = model_request.read_messages(listed, "messages", _PARTS)
    found = model_request.read_format(params.read_group("response_format"), "response_format.json_schema", nested=True)
    if found.kind == "json_object" and not model_request.mentions_json(messages):
        message = (
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        )
        raise make_invalid_request(message, "messages")
    if (params.read_integer("n", 1) or 1) > 1:
        raise make_invalid_request("The sandbox makes one choice: 'n' must be 1.", "n", "unsupported_value")
    _bounds(params)
    prefill = messages[-1].text if messages[-1].role == "assistant" else ""
    tokens, most = (
        model_request.estimate_reasoning_tokens(
            params.read_choice("reasoning_effort", model_request.REASONING_EFFORTS)
        ),
        _most(params),
    )
    return ModelRequest(params.require_text("model"), messages, found, most, min(tokens, most or tokens), prefill)


def _bounds(params: RequestParams) -> None:
    params.read_number("temperature", 2)
    params.read_number("top_p", 1)
    params.read_metadata()


def _most(params: RequestParams) -> int | None:
    old, new = params.read_integer("max_tokens", 1), params.read_integer("max_completion_tokens", 1)
    if old is not None and new is not None:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise make_invalid_request(message, "max_tokens", "invalid_parameter_combination")
    return new if old is None else old


def _wants_usage(params: RequestParams) -> bool:
    options = params.read_group("stream_options")
    if options is None:
        return False
    if not params.read_flag("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise make_invalid_request(message, "stream_options")
    options.reject_unknown({"include_usage", "include_obfuscation"})
    return options.read_flag("include_usage")


@dataclass(frozen=True, slots=True)
class ChatDocument:
    """One completion, whole or in chunks."""

    id: str
    turn: ModelTurn
    includes_usage: bool

    def build_document(self) -> Record:
        draft = self.turn.draft
        content, refusal = (None, draft.text) if draft.is_refusal else (draft.text, None)
        message: Record = {"role": "assistant", "content": content, "refusal": refusal, "annotations": []}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": draft.finish}
        found = self._head("chat.completion") | {"choices": [choice]}
        return found | ({"usage": draft.reported_usage.to_chat_usage()} if draft.reported_usage else {})

    def build_steps(self) -> list[StreamStep]:
        draft, name = self.turn.draft, "refusal" if self.turn.draft.is_refusal else "content"
        first: Record = {"role": "assistant", "content": None if draft.is_refusal else "", "refusal": None}
        found: list[StreamStep] = [
            SendStep(self._chunk(first), "open"),
            *(SendStep(self._chunk({name: one}), "delta", one) for one in draft.pieces),
            SendStep(self._chunk({}, draft.finish), "tail"),
        ]
        if self.includes_usage and draft.reported_usage:
            last = self._head("chat.completion.chunk") | {"choices": [], "usage": draft.reported_usage.to_chat_usage()}
            found.append(SendStep(format_event(last), "tail"))
        return [*found, SendStep(format_event("[DONE]"), "done")]

    def build_failure(self, count: int) -> bytes:
        """As the API tells of an error when the stream has begun."""
        return format_event({"error": make_server_error().error})

    def _chunk(self, delta: Record, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        more: Record = {"usage": None} if self.includes_usage else {}
        return format_event(self._head("chat.completion.chunk") | {"choices": [choice]} | more)

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": int(self.turn.call.account.get_seconds()),
            "model": self.turn.model.full_name,
            "service_tier": "default",
            "system_fingerprint": "fp_sandbox",
        }
