"""Responses, read."""

from collections.abc import Mapping
from typing import Any

from adapters.openai.error_mapping import find_error, make_cut_error, make_malformed_error, map_stream_error
from adapters.openai.response_reader import DONE_MARKER, as_mapping, parse_event, read_text, read_usage
from hub.planning.completions import AnswerEnd, FinishReason, TextDelta, TokenUsage

_REASONS: Mapping[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}


class ResponsesReader:
    """See Reader. Kinds of events that are not known are passed over: the text is compared with the whole at the end.

    `model` is the one asked for, until the server names its own.
    """

    def __init__(self, model: str) -> None:
        self.has_ended = False
        self.is_done = False
        self.progress = 0
        self._model = model
        self._reason: FinishReason | None = None
        self._said: list[str] = []
        self._refusal: list[str] = []
        self._usage: TokenUsage | None = None

    def read_event(self, data: bytes) -> list[TextDelta]:
        if data.strip() == DONE_MARKER:
            if not self.has_ended:
                raise make_cut_error()
            return []
        event = parse_event(data)
        kind = event.get("type")
        if kind == "error" or (kind is None and event.get("error")):
            raise map_stream_error(event.get("error") or event)
        if not isinstance(kind, str):
            raise make_malformed_error("an event has no type")
        self.progress += kind.endswith(".delta")
        match kind:
            case "response.output_text.delta":
                return self._say(read_text(event.get("delta"), "a delta"))
            case "response.refusal.delta":
                self._refusal.append(read_text(event.get("delta"), "a refusal"))
            case "response.created" | "response.in_progress":
                self._named(as_mapping(event.get("response")))
            case "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled":
                return self._closed(as_mapping(event.get("response")))
        return []

    def read_whole(self, document: Any) -> TextDelta:
        found = as_mapping(document)
        if not isinstance(found.get("output"), list) and not found.get("error"):
            raise make_malformed_error("a response has no output")
        self._closed(found)
        return TextDelta("".join(self._said))

    def build_finished(self) -> AnswerEnd:
        if self._reason is None:
            raise make_cut_error()
        refusal = "".join(self._refusal)
        reason: FinishReason = "refusal" if refusal and self._reason == "stop" else self._reason
        return AnswerEnd(reason, self._usage, self._model, refusal or None)

    def _say(self, said: str) -> list[TextDelta]:
        if not said:
            return []
        self._said.append(said)
        return [TextDelta(said)]

    def _named(self, response: Mapping[str, Any]) -> None:
        self._model = read_text(response.get("model"), "a model's name") or self._model

    def _closed(self, response: Mapping[str, Any]) -> list[TextDelta]:
        """The end, with all of it once more: what the stream has left out is said, what it had otherwise is wrong."""
        if error := find_error(response) or response.get("error"):
            raise map_stream_error(error)
        self._reason = _reason(response)
        self._named(response)
        self._usage = read_usage(response.get("usage"), into="input", out="output")
        said, refusal = _output(response)
        streamed = "".join(self._said)
        if said and not said.startswith(streamed):
            raise make_malformed_error("the whole is not the sum of its parts")
        self._refusal = [refusal] if refusal else self._refusal
        self.has_ended = self.is_done = True
        return self._say(said[len(streamed) :])


def _reason(response: Mapping[str, Any]) -> FinishReason:
    match response.get("status"):
        case "completed":
            return "stop"
        case "incomplete":
            reason = _REASONS.get(str(as_mapping(response.get("incomplete_details")).get("reason")))
            if reason is not None:
                return reason
    raise map_stream_error(None, "an end that is not known")


def _output(response: Mapping[str, Any]) -> tuple[str, str]:
    """All text, and all refusals."""
    items = response.get("output")
    parts = [
        as_mapping(part)
        for item in (items if isinstance(items, list) else [])
        if as_mapping(item).get("type") == "message"
        for part in (as_mapping(item).get("content") or [])
    ]
    said = "".join(read_text(one.get("text"), "a part") for one in parts if one.get("type") == "output_text")
    refusal = "".join(read_text(one.get("refusal"), "a refusal") for one in parts if one.get("type") == "refusal")
    return said, refusal
