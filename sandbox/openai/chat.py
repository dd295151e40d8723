"""`/v1/chat/completions`, whole and streamed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.openai import asks
from sandbox.openai.asks import Ask
from sandbox.openai.errors import invalid, missing, server_error
from sandbox.openai.models import find
from sandbox.openai.params import Params
from sandbox.openai.serving import Form, Turn, answer, open_turn
from sandbox.openai.state import Record
from sandbox.openai.steps import Send, Step, event
from sandbox.openai.wire import Call

KNOWN = frozenset(
    "audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages "
    "metadata modalities model moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key "
    "prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier "
    "stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity "
    "web_search_options".split()
)
_PARTS = ("text", "refusal", "image_url")
UNPLAYED: dict[str, Callable[[Any], bool]] = {
    "audio": bool,
    "function_call": asks.forces_a_tool,
    "logit_bias": bool,
    "logprobs": bool,
    "modalities": lambda it: it not in (None, ["text"]),
    "moderation": bool,
    "stop": bool,
    "store": bool,
    "tool_choice": asks.forces_a_tool,
    "top_logprobs": bool,
    "web_search_options": lambda it: it is not None,
}

IGNORED = tuple(
    "frequency_penalty functions metadata parallel_tool_calls prediction presence_penalty prompt_cache_key "
    "prompt_cache_options prompt_cache_retention safety_identifier seed service_tier temperature tools top_p user "
    "verbosity".split()
)


async def create(call: Call) -> web.StreamResponse:
    params = await call.params()
    for name in params.raw:
        if name not in KNOWN:
            raise invalid(f"Unrecognized request argument supplied: {name[:100]}", None)
    asks.check_played(params, UNPLAYED)
    asks.check_tools(params, "tool_choice")
    call.headers |= asks.ignored(params, IGNORED)
    model, ask = find(call.account, params.need("model"), 404), _ask(params)
    stream, usage = params.flag("stream"), _wants_usage(params)
    turn = open_turn(call, model, ask, params.raw, param="messages")
    paper = Paper(call.account.new_id("chatcmpl-")[:38], turn, usage)
    return await answer(turn, Form(paper.whole, paper.steps, lambda: None, paper.failure), stream=stream)


def _ask(params: Params) -> Ask:
    """Raises Refused."""
    listed = params.listed("messages")
    if listed is None:
        raise missing("messages")
    messages = asks.read_messages(listed, "messages", _PARTS)
    found = asks.read_format(params.group("response_format"), "response_format.json_schema", nested=True)
    if found.kind == "json_object" and not asks.mentions_json(messages):
        message = (
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        )
        raise invalid(message, "messages")
    if (params.integer("n", 1) or 1) > 1:
        raise invalid("The sandbox makes one choice: 'n' must be 1.", "n", "unsupported_value")
    _bounds(params)
    prefill = messages[-1].text if messages[-1].role == "assistant" else ""
    tokens, most = asks.reasoning_tokens(params.choice("reasoning_effort", asks.EFFORTS)), _most(params)
    return Ask(params.need("model"), messages, found, most, min(tokens, most or tokens), prefill)


def _bounds(params: Params) -> None:
    params.number("temperature", 2)
    params.number("top_p", 1)
    params.metadata()


def _most(params: Params) -> int | None:
    old, new = params.integer("max_tokens", 1), params.integer("max_completion_tokens", 1)
    if old is not None and new is not None:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise invalid(message, "max_tokens", "invalid_parameter_combination")
    return new if old is None else old


def _wants_usage(params: Params) -> bool:
    options = params.group("stream_options")
    if options is None:
        return False
    if not params.flag("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise invalid(message, "stream_options")
    options.only({"include_usage", "include_obfuscation"})
    return options.flag("include_usage")


@dataclass(frozen=True, slots=True)
class Paper:
    """One completion, whole or in chunks."""

    id: str
    turn: Turn
    wants_usage: bool

    def whole(self) -> Record:
        draft = self.turn.draft
        content, refusal = (None, draft.text) if draft.refusal else (draft.text, None)
        message: Record = {"role": "assistant", "content": content, "refusal": refusal, "annotations": []}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": draft.finish}
        found = self._head("chat.completion") | {"choices": [choice]}
        return found | ({"usage": draft.reported.of_chat()} if draft.reported else {})

    def steps(self) -> list[Step]:
        draft, name = self.turn.draft, "refusal" if self.turn.draft.refusal else "content"
        first: Record = {"role": "assistant", "content": None if draft.refusal else "", "refusal": None}
        found: list[Step] = [
            Send(self._chunk(first), "open"),
            *(Send(self._chunk({name: one}), "delta", one) for one in draft.pieces),
            Send(self._chunk({}, draft.finish), "tail"),
        ]
        if self.wants_usage and draft.reported:
            last = self._head("chat.completion.chunk") | {"choices": [], "usage": draft.reported.of_chat()}
            found.append(Send(event(last), "tail"))
        return [*found, Send(event("[DONE]"), "done")]

    def failure(self, count: int) -> bytes:
        """As the API tells of an error when the stream has begun."""
        return event({"error": server_error().error})

    def _chunk(self, delta: Record, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        more: Record = {"usage": None} if self.wants_usage else {}
        return event(self._head("chat.completion.chunk") | {"choices": [choice]} | more)

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": int(self.turn.call.account.seconds()),
            "model": self.turn.model.full,
            "service_tier": "default",
            "system_fingerprint": "fp_sandbox",
        }
