"""Responses, read."""

from collections.abc import Mapping
from typing import Any

from adapters.openai.error_mapping import cut, inner, malformed, told_midway
from adapters.openai.response_reader import DONE, document, mapping, text, usage
from hub.planning.completions.model import Delta, Finish, Finished, Usage

_REASONS: Mapping[str, Finish] = {"max_output_tokens": "length", "content_filter": "content_filter"}


class ResponsesReader:
    """See Reader. Kinds of events that are not known are passed over: the text is compared with the whole at the end.

    `model` is the one asked for, until the server names its own.
    """

    def __init__(self, model: str) -> None:
        self.ending = False
        self.done = False
        self.alive = 0
        self._model = model
        self._reason: Finish | None = None
        self._said: list[str] = []
        self._refusal: list[str] = []
        self._usage: Usage | None = None

    def read(self, data: bytes) -> list[Delta]:
        if data.strip() == DONE:
            if not self.ending:
                raise cut()
            return []
        event = document(data)
        kind = event.get("type")
        if kind == "error" or (kind is None and event.get("error")):
            raise told_midway(event.get("error") or event)
        if not isinstance(kind, str):
            raise malformed("an event has no type")
        self.alive += kind.endswith(".delta")
        match kind:
            case "response.output_text.delta":
                return self._say(text(event.get("delta"), "a delta"))
            case "response.refusal.delta":
                self._refusal.append(text(event.get("delta"), "a refusal"))
            case "response.created" | "response.in_progress":
                self._named(mapping(event.get("response")))
            case "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled":
                return self._closed(mapping(event.get("response")))
        return []

    def whole(self, document: Any) -> Delta:
        found = mapping(document)
        if not isinstance(found.get("output"), list) and not found.get("error"):
            raise malformed("a response has no output")
        self._closed(found)
        return Delta("".join(self._said))

    def finished(self) -> Finished:
        if self._reason is None:
            raise cut()
        refusal = "".join(self._refusal)
        reason: Finish = "refusal" if refusal and self._reason == "stop" else self._reason
        return Finished(reason, self._usage, self._model, refusal or None)

    def _say(self, said: str) -> list[Delta]:
        if not said:
            return []
        self._said.append(said)
        return [Delta(said)]

    def _named(self, response: Mapping[str, Any]) -> None:
        self._model = text(response.get("model"), "a model's name") or self._model

    def _closed(self, response: Mapping[str, Any]) -> list[Delta]:
        """The end, with all of it once more: what the stream has left out is said, what it had otherwise is wrong."""
        if error := inner(response) or response.get("error"):
            raise told_midway(error)
        self._reason = _reason(response)
        self._named(response)
        self._usage = usage(response.get("usage"), into="input", out="output")
        said, refusal = _output(response)
        streamed = "".join(self._said)
        if said and not said.startswith(streamed):
            raise malformed("the whole is not the sum of its parts")
        self._refusal = [refusal] if refusal else self._refusal
        self.ending = self.done = True
        return self._say(said[len(streamed) :])


def _reason(response: Mapping[str, Any]) -> Finish:
    match response.get("status"):
        case "completed":
            return "stop"
        case "incomplete":
            reason = _REASONS.get(str(mapping(response.get("incomplete_details")).get("reason")))
            if reason is not None:
                return reason
    raise told_midway(None, "an end that is not known")


def _output(response: Mapping[str, Any]) -> tuple[str, str]:
    """All text, and all refusals."""
    items = response.get("output")
    parts = [
        mapping(part)
        for item in (items if isinstance(items, list) else [])
        if mapping(item).get("type") == "message"
        for part in (mapping(item).get("content") or [])
    ]
    said = "".join(text(one.get("text"), "a part") for one in parts if one.get("type") == "output_text")
    refusal = "".join(text(one.get("refusal"), "a refusal") for one in parts if one.get("type") == "refusal")
    return said, refusal
