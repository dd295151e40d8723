"""What both wires' readers share."""

from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from adapters.openai.error_mapping import malformed
from hub.planning.completions.model import Delta, Finished, Usage

DONE = b"[DONE]"


class Reader(Protocol):
    """Of one answer, streamed or whole. All of its methods raise what the server tells instead of an answer.

    `ending`: the answer has its end, only the count of its tokens may follow. `done`: nothing follows that matters.
    `alive`: how much has come that counts, which is more than text: a model that thinks aloud is alive.
    """

    ending: bool
    done: bool
    alive: int

    def read(self, data: bytes) -> list[Delta]:
        """One event of a stream."""
        ...

    def whole(self, document: Any) -> Delta:
        """All of it at once; then it is done."""
        ...

    def finished(self) -> Finished:
        """Once it is `ending`; before that it raises ProviderTransient `stream_cut`."""
        ...


def document(data: bytes) -> dict[str, Any]:
    """Raises ProviderTransient `stream_malformed`."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise malformed("an event is no JSON") from None
    if not isinstance(found, dict):
        raise malformed("an event is no object")
    return found


def is_whole(data: bytes) -> bool:
    """Whether it was cut short, as far as can be seen."""
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return data.strip() == DONE
    return True


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def text(value: Any, what: str) -> str:
    """None is no text. Raises ProviderTransient `stream_malformed` for anything that is none at all."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise malformed(f"{what} is no text")
    return value


def usage(told: Any, *, into: str, out: str) -> Usage | None:
    """`into` and `out` are the wire's names; a count that makes no sense was not told."""
    found = mapping(told)
    taken, made = _count(found.get(f"{into}_tokens")), _count(found.get(f"{out}_tokens"))
    if taken is None or made is None:
        return None
    cached = _count(mapping(found.get(f"{into}_tokens_details")).get("cached_tokens"))
    if cached is None:
        cached = _count(found.get("prompt_cache_hit_tokens"))  # DeepSeek
    return Usage(taken, made, min(cached or 0, taken))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
