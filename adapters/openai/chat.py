"""Chat completions, read."""

from collections.abc import Mapping
from typing import Any

from adapters.openai.error_mapping import find_error, make_cut_error, make_malformed_error, map_stream_error
from adapters.openai.response_reader import DONE_MARKER, as_mapping, parse_event, read_text, read_usage
from hub.planning.completions import AnswerEnd, FinishReason, TextDelta, TokenUsage

_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    # Words of other servers that were seen: Mistral's, Anthropic's, TGI's.
    "model_length": "length",
    "max_tokens": "length",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos_token": "stop",
}
_PLAIN = frozenset({"role", "content", "refusal"})


class ChatReader:
    """See Reader. `model` is the one asked for, until the server names its own."""

    def __init__(self, model: str) -> None:
        self.has_ended = False
        self.is_done = False
        self.progress = 0
        self._model = model
        self._reason: FinishReason | None = None
        self._refusal: list[str] = []
        self._usage: TokenUsage | None = None

    def read_event(self, data: bytes) -> list[TextDelta]:
        if data.strip() == DONE_MARKER:
            if not self.has_ended:
                raise make_cut_error()
            self.is_done = True
            return []
        chunk = parse_event(data)
        choice = self._choice(chunk, "chat.completion.chunk")
        found = [] if choice is None else self._said(chunk, choice, as_mapping(choice.get("delta")))
        self.is_done = self.has_ended and self._usage is not None
        return found

    def read_whole(self, document: Any) -> TextDelta:
        completion = as_mapping(document)
        choice = self._choice(completion, "chat.completion")
        if choice is None:
            raise make_malformed_error("a completion has no choice")
        found = self._said(completion, choice, as_mapping(choice.get("message")))
        self.is_done = True
        return found[0] if found else TextDelta("")

    def build_finished(self) -> AnswerEnd:
        if self._reason is None:
            raise make_cut_error()
        refusal = "".join(self._refusal)
        reason: FinishReason = "refusal" if refusal and self._reason == "stop" else self._reason
        return AnswerEnd(reason, self._usage, self._model, refusal or None)

    def _choice(self, found: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
        """The only choice, if there is one: the last chunk and Azure's first have none."""
        if error := find_error(found) or found.get("error"):
            raise map_stream_error(error)
        choices = found.get("choices")
        if not isinstance(choices, list):
            raise make_malformed_error(f"a {kind} has no choices")
        self._model = read_text(found.get("model"), "a model's name") or self._model
        self._usage = read_usage(found.get("usage"), into="prompt", out="completion") or self._usage
        if not choices:
            return None
        if len(choices) > 1 or not isinstance(choices[0], dict) or choices[0].get("index") not in {0, None}:
            raise make_malformed_error("more than one choice")
        return as_mapping(choices[0])

    def _said(self, found: Mapping[str, Any], choice: Mapping[str, Any], delta: Mapping[str, Any]) -> list[TextDelta]:
        said = read_text(delta.get("content"), "the content")
        refusal = read_text(delta.get("refusal"), "the refusal")
        more = choice.get("logprobs") is not None or any(
            value not in (None, "", []) for name, value in delta.items() if name not in _PLAIN
        )
        self._refusal += [refusal] if refusal else []
        self.progress += bool(said or refusal or more)
        self._ends(choice)
        return [TextDelta(said, found if more else None)] if said or more else []

    def _ends(self, choice: Mapping[str, Any]) -> None:
        told = choice.get("finish_reason")
        if not told:
            return
        reason = _REASONS.get(str(told))
        if reason is None:
            raise map_stream_error(choice.get("error"), "an end that is not known")
        if reason == "content_filter":
            self._refusal += [_categories(choice)]
        self._reason, self.has_ended = reason, True


def _categories(choice: Mapping[str, Any]) -> str:
    """What Azure objects to."""
    results = as_mapping(choice.get("content_filter_results"))
    return ", ".join(str(name) for name, one in results.items() if as_mapping(one).get("filtered") is True)
