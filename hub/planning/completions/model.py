"""What is asked of a language model, and what comes back, whoever serves it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

FinishReason = Literal["stop", "length", "content_filter", "refusal", "tool_calls"]
"""Why a model stopped. Only `stop` (and `tool_calls`, where tools were offered) is a whole answer."""

WireFormat = Literal["responses", "chat"]
"""The two ways that OpenAI-compatible servers are asked: POST /responses and POST /chat/completions."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """`content` is text, or a list of content parts of the chat wire that is passed on as it is."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | tuple[Mapping[str, Any], ...] | None = field(repr=False)
    extra_fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Further fields of the chat wire: name, tool_calls, tool_call_id."""


@dataclass(frozen=True, slots=True)
class OutputSchema:
    """The JSON schema (strict: every property required, no others) that the answer has to fit."""

    name: str
    document: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """`max_output_tokens` bounds the bill. `parameters` are of the chat wire and passed on (temperature, tools…)."""

    messages: tuple[ChatMessage, ...]
    max_output_tokens: int
    schema: OutputSchema | None = None
    wire: WireFormat | None = None
    """The wire to use; None is the route's own."""
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    failover_on_filter: bool = False
    """Whether the next model is asked when a content filter or a refusal ends an answer."""


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """In tokens, as the provider counts them. `estimated` when it did not say and the hub counted."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """Micro-units (millionths of the major unit) per thousand tokens: 0.25 USD per million input tokens is 250."""

    input_per_1k: int
    output_per_1k: int
    currency: str = "USD"

    def calculate_cost(self, usage: TokenUsage) -> int:
        """In micro-units (a millionth of the major unit), rounded up: a budget never forgives a fraction."""
        return -(-(usage.input_tokens * self.input_per_1k + usage.output_tokens * self.output_per_1k) // 1000)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a model is reached. Times in seconds: `first` until the first token, `idle` between two, `total`."""

    model: str
    base_url: str
    api_key: str = field(repr=False)
    wire: WireFormat
    price: TokenPrice
    first: float = 10.0
    idle: float = 15.0
    total: float = 120.0


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Some more text. `raw` is the chat wire's chunk where it carries what is no text (tool calls, logprobs)."""

    text: str
    raw: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AnswerEnd:
    """The model's own end of its answer. `model` as the server names it. `usage` None: it did not say."""

    reason: FinishReason
    usage: TokenUsage | None
    model: str
    note: str | None = None
    """What the provider says about a refusal or a filter, for the caller."""


class ModelClient(Protocol):
    """Asks one model once: no second try, no other model. Closing the iterator hangs up on the server.

    Raises ProviderTransient (asking again or elsewhere may help; `retry_after` in seconds), ProviderTimeout (silent
    too long), ContextTooLong, ProviderPermanent (this model will not answer this). Ends always with a Finished; a
    stream that ends without one raises ProviderTransient `stream_cut`.
    """

    def stream_answer(self, route: Route, question: CompletionRequest) -> AsyncIterator[TextDelta | AnswerEnd]: ...

    async def fetch_answer(self, route: Route, question: CompletionRequest) -> tuple[TextDelta, AnswerEnd]:
        """The answer in one piece, not streamed (one JSON document)."""
        ...
