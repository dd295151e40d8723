"""What the endpoints on OpenAI's wire answer, as types for the OpenAPI document.

Fields beside the documented ones come from the provider that answered and are passed on as they are.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Finish = Literal["stop", "length", "content_filter", "tool_calls"]

_ANSWER: dict[str, JsonValue] = {
    "id": "chatcmpl-01934e1f7c557d0e9a536f2b8f0f9d11",
    "object": "chat.completion",
    "created": 1810459800,
    "model": "gpt-5-mini",
    "choices": [{
        "index": 0,
        "message": {"role": "assistant", "content": "Lisbon in May.", "refusal": None},
        "logprobs": None,
        "finish_reason": "stop",
    }],
    "usage": {
        "prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17, "prompt_tokens_details": {"cached_tokens": 0},
    },
}  # fmt: skip


class _Passed(BaseModel):
    """Part of an answer that a provider may have extended."""

    model_config = ConfigDict(extra="allow")


class CalledFunction(_Passed):
    name: str = Field(examples=["book_flight"])
    arguments: str = Field(description="JSON as text, as the model wrote it", examples=["{}"])


class ToolCall(_Passed):
    id: str = Field(examples=["call_1"])
    type: str = Field(examples=["function"])
    function: CalledFunction


class FunctionPart(_Passed):
    name: str | None = None
    arguments: str | None = None


class ToolCallPart(_Passed):
    """A piece of a tool call. The pieces of one call share an `index`; `arguments` are joined in order."""

    index: int | None = Field(default=None, ge=0)
    id: str | None = None
    type: str | None = None
    function: FunctionPart | None = None


class TokenAlternative(_Passed):
    token: str
    logprob: float
    bytes: list[Annotated[int, Field(ge=0, le=255)]] | None = None


class TokenLogprob(TokenAlternative):
    top_logprobs: list[TokenAlternative] = Field(default=[])


class Logprobs(_Passed):
    content: list[TokenLogprob] | None = None
    refusal: list[TokenLogprob] | None = None


class PromptTokens(BaseModel):
    cached_tokens: int = Field(ge=0)


class TokenUsage(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    total_tokens: int = Field(ge=0)
    prompt_tokens_details: PromptTokens


class AssistantMessage(BaseModel):
    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    tool_calls: list[ToolCall] | None = Field(default=None, description="absent where the model called no tool")


class ChatChoice(BaseModel):
    index: Literal[0]
    message: AssistantMessage
    logprobs: Logprobs | None
    finish_reason: Finish


class ChatCompletion(BaseModel):
    """A whole answer. `created` is in seconds since the epoch, `model` is the one that answered."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ANSWER]})

    id: str = Field(examples=["chatcmpl-01934e1f7c557d0e9a536f2b8f0f9d11"])
    object: Literal["chat.completion"]
    created: int
    model: str = Field(examples=["gpt-5-mini"])
    choices: list[ChatChoice] = Field(min_length=1, max_length=1)
    usage: TokenUsage


class ChatDelta(_Passed):
    role: Literal["assistant"] | None = None
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallPart] | None = None


class ChunkChoice(BaseModel):
    index: Literal[0]
    delta: ChatDelta
    logprobs: Logprobs | None
    finish_reason: Finish | None


class ChatChunk(BaseModel):
    """A piece of a streamed answer. With `stream_options.include_usage` the last one has `usage` and no choice."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice] = Field(max_length=1)
    usage: TokenUsage | None = Field(default=None, description="absent unless it was asked for; null before the end")


class OpenAIFailure(BaseModel):
    """`param` names the field at fault, `code` the reason: a code of the hub, or the provider's."""

    message: str = Field(examples=["There is no such model."])
    type: str = Field(examples=["invalid_request_error"])
    param: str | None = Field(examples=["model"])
    code: str | None = Field(examples=["model_not_found"])


class OpenAIError(BaseModel):
    """An error as OpenAI tells it."""

    error: OpenAIFailure


ChatEvent = ChatChunk | OpenAIError
"""The `data:` of an event, before the last one, `[DONE]`. An error ends the stream without it."""


class ModelOut(BaseModel):
    id: str = Field(examples=["gpt-5-mini"])
    object: Literal["model"]
    created: Literal[0]
    owned_by: Literal["travel-hub"]


class ModelList(BaseModel):
    object: Literal["list"]
    data: list[ModelOut]
