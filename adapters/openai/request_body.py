"""A question in the words of either wire."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from hub.planning.completions import ChatMessage, CompletionRequest, Route, WireFormat

MIN_OUTPUT_TOKENS = 16
"""Tokens that `max_output_tokens` of a response must allow."""
_SAME = ("temperature", "top_p", "metadata", "service_tier", "user", "safety_identifier", "prompt_cache_key")
"""Parameters of the chat wire that a response takes by the same name."""
_NAMED = {"reasoning_effort": ("reasoning", "effort"), "verbosity": ("text", "verbosity")}
_OURS = frozenset({"stream", "model", "messages", "max_tokens", "max_completion_tokens", "store"})
_PARTS = frozenset({"text", "image_url"})


def is_openai(base_url: str) -> bool:
    """Whether OpenAI itself, or Azure with its models, answers there."""
    host = urlsplit(base_url).hostname or ""
    return host == "api.openai.com" or host.endswith((".api.openai.com", ".openai.azure.com"))


def choose_wire(route: Route, question: CompletionRequest) -> WireFormat:
    """The question's, else the route's; but what only the chat wire can say is said there.

    Every server that knows responses knows chat completions too.
    """
    if question.wire is not None:
        return question.wire
    return route.wire if route.wire == "chat" or _fits_responses(question) else "chat"


def _fits_responses(question: CompletionRequest) -> bool:
    known = all(name in _SAME or name in _NAMED or name in _OURS for name in question.parameters)
    return (
        known and question.max_output_tokens >= MIN_OUTPUT_TOKENS and all(_is_plain(one) for one in question.messages)
    )


def _is_plain(message: ChatMessage) -> bool:
    if message.role == "tool" or message.extra_fields or message.content is None:
        return False
    known = {"text"} if message.role == "assistant" else _PARTS
    return isinstance(message.content, str) or all(one.get("type") in known for one in message.content)


def build_chat_body(route: Route, question: CompletionRequest, *, stream: bool, limit: str) -> dict[str, Any]:
    """For POST /chat/completions. `limit` is the name that the server has for the bound of the answer."""
    body = {name: value for name, value in question.parameters.items() if name not in _OURS}
    body |= {"model": route.model, limit: question.max_output_tokens, "stream": stream}
    knows_developer = is_openai(route.base_url)
    body["messages"] = [_chat_message(one, knows_developer=knows_developer) for one in question.messages]
    body.pop("stream_options", None)
    if stream:
        body["stream_options"] = {**_mapping(question.parameters.get("stream_options")), "include_usage": True}
    if question.schema is not None:
        schema = {"name": question.schema.name, "schema": dict(question.schema.document), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _chat_message(message: ChatMessage, *, knows_developer: bool) -> dict[str, Any]:
    """`developer` is OpenAI's new word for `system`, which other servers' templates do not know."""
    role = "system" if message.role == "developer" and not knows_developer else message.role
    content = message.content
    if content is not None and not isinstance(content, str):
        return {**message.extra_fields, "role": role, "content": [dict(part) for part in content]}
    return {**message.extra_fields, "role": role, "content": content}


def build_responses_body(route: Route, question: CompletionRequest, *, stream: bool) -> dict[str, Any]:
    """For POST /responses; nothing is kept there (`store`)."""
    instructions, rest = _instructions(question.messages)
    body: dict[str, Any] = {
        "model": route.model,
        "input": [_item(one) for one in rest],
        "max_output_tokens": question.max_output_tokens,
        "store": False,
        "stream": stream,
    }
    if instructions:
        body["instructions"] = instructions
    for name, value in question.parameters.items():
        if name in _NAMED:
            group, inner = _NAMED[name]
            body[group] = {**body.get(group, {}), inner: value}
        elif name not in _OURS:
            body[name] = value
    if question.schema is not None:
        schema = {"name": question.schema.name, "schema": dict(question.schema.document), "strict": True}
        body["text"] = {**body.get("text", {}), "format": {"type": "json_schema", **schema}}
    return body


def _instructions(messages: tuple[ChatMessage, ...]) -> tuple[str, list[ChatMessage]]:
    """The rules at the beginning, and what follows them; something has to follow."""
    count = 0
    for one in messages[:-1]:
        if one.role not in {"system", "developer"} or not isinstance(one.content, str):
            break
        count += 1
    return "\n\n".join(str(one.content) for one in messages[:count]), list(messages[count:])


def _item(message: ChatMessage) -> dict[str, Any]:
    content = message.content
    if content is None or isinstance(content, str):
        return {"role": message.role, "content": content or ""}
    if message.role == "assistant":  # parts of an earlier answer would need the ids they had
        return {"role": "assistant", "content": "".join(str(part.get("text") or "") for part in content)}
    return {"role": message.role, "content": [_part(one) for one in content]}


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    match part.get("type"):
        case "text":
            return {"type": "input_text", "text": part.get("text")}
        case "image_url":
            image = _mapping(part.get("image_url"))
            return {"type": "input_image", "image_url": image.get("url"), "detail": image.get("detail", "auto")}
        case _:
            return dict(part)
