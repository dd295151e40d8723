"""OpenAI's chat wire as the hub speaks it: questions in, completions and chunks out, errors in its envelope."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hub.core.errors import FieldError, HubError, InvalidRequest, TooManyRequests, Unauthenticated
from hub.planning.completions import (
    BudgetExceeded,
    ChatMessage,
    Completion,
    CompletionRequest,
    ContentFiltered,
    ModelAttempt,
    NoModelAvailable,
    OutputSchema,
    RequestRejected,
    TextDelta,
    TokenUsage,
)

DEFAULT_MAX_TOKENS = 4096
"""Tokens that an answer may have whose asker says nothing."""
ATTEMPTS_HEADER = "X-Hub-Attempts"
MODEL_NOT_FOUND = "model_not_found"
DONE = b"data: [DONE]\n\n"
HEARTBEAT = b": still here\n\n"

ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]


class _Open(BaseModel):
    """Text is taken as it is, and what is not known is passed on."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True, allow_inf_nan=False)


class MessageIn(_Open):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None


class StreamOptions(_Open):
    include_usage: bool | None = None


class JsonSchemaIn(_Open):
    name: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")] = Field(
        examples=["answer"]
    )
    document: dict[str, Any] | None = Field(default=None, alias="schema")
    strict: bool | None = None


class ResponseFormat(_Open):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaIn | None = None


class ChatIn(_Open):
    """As OpenAI has it; `fallbacks` are models to be asked when `model` does not answer."""

    model: ModelName | Literal[""] | None = Field(default=None, description="or `default`: the chain that is set up")
    fallbacks: list[ModelName] | None = Field(default=None, max_length=8)
    rescue: Literal["whole"] | None = Field(
        default=None,
        description="`whole` withholds a stream until the answer is complete, so that one that is cut, stalls, breaks "
        "or is filtered is answered whole by the next model",
    )
    messages: list[MessageIn] = Field(min_length=1, max_length=2000)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    response_format: ResponseFormat | None = None
    n: int | None = Field(default=None, description="1")
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    tools: list[dict[str, Any]] | None = None

    @property
    def model_names(self) -> list[str]:
        return [self.model or "default", *(self.fallbacks or ())]

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage is True

    def to_completion_request(self) -> CompletionRequest:
        """Raises InvalidRequest."""
        if self.n not in {None, 1}:
            raise _wrong("/n", "only one answer is given")
        given = self.model_dump(exclude_unset=True, exclude_none=True, by_alias=True)
        schema = _schema(self.response_format)
        ours = _OURS | ({"response_format"} if schema is not None else set())
        return CompletionRequest(
            messages=tuple(_message(one) for one in given["messages"]),
            max_output_tokens=self.max_completion_tokens or self.max_tokens or DEFAULT_MAX_TOKENS,
            schema=schema,
            wire="chat",
            failover_on_filter=self.rescue is not None,
            parameters={name: value for name, value in given.items() if name not in ours},
        )


_OURS = frozenset({
    "model", "fallbacks", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n",
    "rescue",
})  # fmt: skip


def _schema(wanted: ResponseFormat | None) -> OutputSchema | None:
    """Only a strict one binds the chain: of any other the asker wants what there is."""
    if wanted is None or wanted.type != "json_schema":
        return None
    if wanted.json_schema is None or (wanted.json_schema.strict and wanted.json_schema.document is None):
        raise _wrong("/response_format/json_schema", "Field required")
    if not wanted.json_schema.strict or wanted.json_schema.document is None:
        return None
    return OutputSchema(wanted.json_schema.name, wanted.json_schema.document)


def _message(given: dict[str, Any]) -> ChatMessage:
    content = given.pop("content", None)
    role = given.pop("role")
    return ChatMessage(role, tuple(content) if isinstance(content, list) else content, given)


def _wrong(pointer: str, message: str) -> InvalidRequest:
    return InvalidRequest(errors=(FieldError(pointer, "invalid_value", message),))


# Answers.


@dataclass(slots=True)
class ChatCompletionEncoder:
    """One answer under one name, as chunks or whole. `created` in seconds since the epoch."""

    id: str
    created: int
    wants_usage: bool = False
    model: str = ""
    _calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    _logprobs: list[Any] = field(default_factory=list)

    def encode_start(self, model: str) -> bytes:
        self.model = model
        return self._chunk({"role": "assistant", "content": ""})

    def encode_delta(self, delta: TextDelta) -> bytes:
        if delta.raw is None:
            return self._chunk({"content": delta.text})
        choice = _choice(delta.raw)
        return self._chunk(dict(choice.get("delta") or {}), logprobs=choice.get("logprobs"))

    def encode_end(self, answer: Completion) -> bytes:
        last = {"refusal": answer.note} if answer.reason == "refusal" and answer.note else {}
        end = self._chunk(last, reason=_finish(answer))
        return end + (self._last(answer.usage) if self.wants_usage else b"") + DONE

    def build_completion(self, answer: Completion) -> dict[str, Any]:
        """What was seen by `collect_delta` is part of it."""
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
        if answer.reason == "refusal":
            message |= {"content": None, "refusal": answer.note or answer.text}
        elif not self._calls:
            message["content"] = answer.text
        if self._calls:
            message["tool_calls"] = [self._calls[index] for index in sorted(self._calls)]
        logprobs = {"content": self._logprobs, "refusal": None} if self._logprobs else None
        choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": _finish(answer)}
        return self._head("chat.completion", answer.model) | {"choices": [choice], "usage": usage_to_json(answer.usage)}

    def collect_delta(self, delta: TextDelta) -> None:
        """For `build_completion`: what is no text."""
        choice = _choice(delta.raw) if delta.raw is not None else {}
        self._logprobs += (choice.get("logprobs") or {}).get("content") or []
        for part in (choice.get("delta") or {}).get("tool_calls") or []:
            self._add_call(part)

    def discard_deltas(self) -> None:
        self._calls.clear()
        self._logprobs.clear()

    def _add_call(self, part: Mapping[str, Any]) -> None:
        """Name and id come whole and once, the arguments in pieces."""
        index = part.get("index")
        call = self._calls.setdefault(
            index if isinstance(index, int) else len(self._calls),
            {"id": "", "type": "function", "function": {"name": "", "arguments": ""}},
        )
        told = part.get("function") or {}
        call["id"], call["type"] = part.get("id") or call["id"], part.get("type") or call["type"]
        call["function"]["name"] = told.get("name") or call["function"]["name"]
        call["function"]["arguments"] += told.get("arguments") or ""

    def _head(self, kind: str, model: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": model}

    def _chunk(self, delta: dict[str, Any], *, reason: str | None = None, logprobs: Any = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        chunk = self._head("chat.completion.chunk", self.model) | {"choices": [choice]}
        return encode_event(chunk | {"usage": None} if self.wants_usage else chunk)

    def _last(self, usage: TokenUsage) -> bytes:
        chunk = self._head("chat.completion.chunk", self.model)
        return encode_event(chunk | {"choices": [], "usage": usage_to_json(usage)})


def encode_event(data: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\n\n"


def usage_to_json(usage: TokenUsage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def build_attempts_header(attempts: Sequence[ModelAttempt]) -> dict[str, str]:
    """`model;outcome;ms`, in order."""
    return {ATTEMPTS_HEADER: ", ".join(f"{one.model};{one.outcome};{one.ms}" for one in attempts)} if attempts else {}


def _finish(answer: Completion) -> str:
    return "stop" if answer.reason == "refusal" else answer.reason


def _choice(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = raw.get("choices") or [{}]
    return choices[0] if isinstance(choices[0], Mapping) else {}


# Errors.


def error_to_status(error: Exception) -> int:
    """OpenAI has one status for whatever is wrong with a question."""
    if isinstance(error, NoModelAvailable) and error.unknown_model is not None:
        return 404
    if isinstance(error, InvalidRequest) or (isinstance(error, NoModelAvailable) and error.rejection is not None):
        return 400
    if isinstance(error, HubError):
        return error.status
    return 504 if isinstance(error, TimeoutError) else 500


def error_to_body(error: Exception) -> dict[str, Any]:
    """`{"error": {message, type, param, code}}`."""
    known = error if isinstance(error, HubError) else HubError()
    status, first = error_to_status(error), known.errors[0] if known.errors else None
    message = f"{first.message} ({_param(first.pointer)})" if first else known.detail
    if isinstance(error, ContentFiltered) and error.note:
        message = f"{ContentFiltered.__doc__.splitlines()[0] if ContentFiltered.__doc__ else ''} ({error.note})"
    code: str | None = known.code if not isinstance(error, TimeoutError) else "deadline_exceeded"
    param = _param(first.pointer) if first else None
    if isinstance(error, NoModelAvailable) and error.unknown_model is not None:
        message, code = _no_such_model(error.unknown_model), MODEL_NOT_FOUND
    elif isinstance(error, NoModelAvailable) and error.rejection is not None:
        code = error.rejection.provider_code
        param = error.rejection.param if isinstance(error.rejection, RequestRejected) else None
    elif isinstance(error, Unauthenticated):
        code = "invalid_api_key"
    return build_error_body(message, _type(error, status), code, param)


def build_error_body(message: str, kind: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    """OpenAI's error object."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def build_unknown_model_body(name: str) -> dict[str, Any]:
    """The body of a 404 for a model that is not on offer."""
    return build_error_body(_no_such_model(name), "invalid_request_error", MODEL_NOT_FOUND)


def build_unrouted_body(status: int, method: str, path: str) -> dict[str, Any]:
    """The body for an address that does not exist (404) or does not take the method (405)."""
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        message = f"Not allowed to {method} on {path}. (HINT: Perhaps you meant to use a different HTTP method?)"
        return build_error_body(message, "invalid_request_error", "method_not_supported")
    message = f"Unknown request URL: {method} {path}. Please check the URL for typos."
    return build_error_body(message, "invalid_request_error", "unknown_url")


def _no_such_model(name: str) -> str:
    return f"The model `{name}` does not exist or you do not have access to it."


def error_to_headers(error: Exception) -> dict[str, str]:
    """That an SDK does not ask again where it is of no use, and what was tried."""
    headers = build_attempts_header(error.attempts) if isinstance(error, NoModelAvailable) else {}
    if isinstance(error, BudgetExceeded):
        headers["X-Should-Retry"] = "false"
    if isinstance(error, HubError) and error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return headers


def _type(error: Exception, status: int) -> str:
    if isinstance(error, BudgetExceeded):
        return "insufficient_quota"
    if isinstance(error, TooManyRequests):
        return "requests"
    return "server_error" if status >= 500 else "invalid_request_error"  # noqa: PLR2004


def _param(pointer: str) -> str:
    """`/messages/0/role` is `messages[0].role`."""
    parts = pointer.strip("/").split("/")
    return "".join(f"[{one}]" if one.isdigit() else f".{one}" for one in parts).lstrip(".")
