"""Chat completions, read."""

from collections.abc import Mapping
from typing import Any

from adapters.openai.error_mapping import cut, inner, malformed, told_midway
from adapters.openai.response_reader import DONE, document, mapping, text, usage
from hub.planning.completions.model import Delta, Finish, Finished, Usage

_REASONS: Mapping[str, Finish] = {
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
        self.ending = False
        self.done = False
        self.alive = 0
        self._model = model
        self._reason: Finish | None = None
        self._refusal: list[str] = []
        self._usage: Usage | None = None

    def read(self, data: bytes) -> list[Delta]:
        if data.strip() == DONE:
            if not self.ending:
                raise cut()
            self.done = True
            return []
        chunk = document(data)
        choice = self._choice(chunk, "chat.completion.chunk")
        found = [] if choice is None else self._said(chunk, choice, mapping(choice.get("delta")))
        self.done = self.ending and self._usage is not None
        return found

    def whole(self, document: Any) -> Delta:
        completion = mapping(document)
        choice = self._choice(completion, "chat.completion")
        if choice is None:
            raise malformed("a completion has no choice")
        found = self._said(completion, choice, mapping(choice.get("message")))
        self.done = True
        return found[0] if found else Delta("")

    def finished(self) -> Finished:
        if self._reason is None:
            raise cut()
        refusal = "".join(self._refusal)
        reason: Finish = "refusal" if refusal and self._reason == "stop" else self._reason
        return Finished(reason, self._usage, self._model, refusal or None)

    def _choice(self, found: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
        """The only choice, if there is one: the last chunk and Azure's first have none."""
        if error := inner(found) or found.get("error"):
            raise told_midway(error)
        choices = found.get("choices")
        if not isinstance(choices, list):
            raise malformed(f"a {kind} has no choices")
        self._model = text(found.get("model"), "a model's name") or self._model
        self._usage = usage(found.get("usage"), into="prompt", out="completion") or self._usage
        if not choices:
            return None
        if len(choices) > 1 or not isinstance(choices[0], dict) or choices[0].get("index") not in {0, None}:
            raise malformed("more than one choice")
        return mapping(choices[0])

    def _said(self, found: Mapping[str, Any], choice: Mapping[str, Any], delta: Mapping[str, Any]) -> list[Delta]:
        said = text(delta.get("content"), "the content")
        refusal = text(delta.get("refusal"), "the refusal")
        more = choice.get("logprobs") is not None or any(
            value not in (None, "", []) for name, value in delta.items() if name not in _PLAIN
        )
        self._refusal += [refusal] if refusal else []
        self.alive += bool(said or refusal or more)
        self._ends(choice)
        return [Delta(said, found if more else None)] if said or more else []

    def _ends(self, choice: Mapping[str, Any]) -> None:
        told = choice.get("finish_reason")
        if not told:
            return
        reason = _REASONS.get(str(told))
        if reason is None:
            raise told_midway(choice.get("error"), "an end that is not known")
        if reason == "content_filter":
            self._refusal += [_categories(choice)]
        self._reason, self.ending = reason, True


def _categories(choice: Mapping[str, Any]) -> str:
    """What Azure objects to."""
    results = mapping(choice.get("content_filter_results"))
    return ", ".join(str(name) for name, one in results.items() if mapping(one).get("filtered") is True)
