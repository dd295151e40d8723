"""What both wires' readers share."""

from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from adapters.openai.error_mapping import make_malformed_error
from hub.planning.completions import AnswerEnd, TextDelta, TokenUsage

DONE_MARKER = b"[DONE]"


class ResponseReader(Protocol):
    """Of one answer, streamed or whole. All of its methods raise what the server tells instead of an answer.

    `has_ended`: the answer has its end, only the count of its tokens may follow. `is_done`: nothing follows that
    matters. `progress`: how much has come that counts, which is more than text: a model that thinks aloud is alive.
    """

    has_ended: bool
    is_done: bool
    progress: int

    def read_event(self, data: bytes) -> list[TextDelta]:
        """One event of a stream."""
        ...

    def read_whole(self, document: Any) -> TextDelta:
        """All of it at once; then it is done."""
        ...

    def build_finished(self) -> AnswerEnd:
        """Once it is `has_ended`; before that it raises ProviderTransient `stream_cut`."""
        ...


def parse_event(data: bytes) -> dict[str, Any]:
    """Raises ProviderTransient `stream_malformed`."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise make_malformed_error("an event is no JSON") from None
    if not isinstance(found, dict):
        raise make_malformed_error("an event is no object")
    return found


def is_complete_event(data: bytes) -> bool:
    """Whether it was cut short, as far as can be seen."""
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return data.strip() == DONE_MARKER
    return True


def as_mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def read_text(value: Any, what: str) -> str:
    """None is no text. Raises ProviderTransient `stream_malformed` for anything that is none at all."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise make_malformed_error(f"{what} is no text")
    return value


def read_usage(told: Any, *, into: str, out: str) -> TokenUsage | None:
    """`into` and `out` are the wire's names; a count that makes no sense was not told."""
    found = as_mapping(told)
    taken, made = _count(found.get(f"{into}_tokens")), _count(found.get(f"{out}_tokens"))
    if taken is None or made is None:
        return None
    cached = _count(as_mapping(found.get(f"{into}_tokens_details")).get("cached_tokens"))
    if cached is None:
        cached = _count(found.get("prompt_cache_hit_tokens"))  # DeepSeek
    return TokenUsage(taken, made, min(cached or 0, taken))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
