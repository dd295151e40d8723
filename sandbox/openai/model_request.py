"""What is asked of a model, read from either endpoint's body."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.control_input import IGNORED_HEADER
from sandbox.openai import strict_schema
from sandbox.openai.errors import make_invalid_request, make_missing_param, make_wrong_type, make_wrong_value
from sandbox.openai.params import RequestParams

IMAGE_PLACEHOLDER = "\u25a3" * 1020
"""Stands for an image in a text: 255 tokens."""
REASONING_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_ROLES = ("developer", "system", "user", "assistant")
_TEXTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}
_IMAGES = ("input_image", "image_url")


@dataclass(frozen=True, slots=True)
class Message:
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """`kind` is text, json_object or json_schema; `raw` is as it was sent."""

    kind: str = "text"
    name: str = ""
    schema: dict[str, Any] | None = None
    strict_schema: bool = False
    raw: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """`max_tokens` in tokens, reasoning included. `prefill` is the beginning of the answer, as the caller has it."""

    model: str
    messages: tuple[Message, ...]
    format: OutputFormat
    max_tokens: int | None = None
    reasoning_tokens: int = 0
    prefill: str = ""

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.messages]

    @property
    def user_texts(self) -> list[str]:
        """What the caller wrote, the assistant's turns left out."""
        return [one.text for one in self.messages if one.role != "assistant"]


def read_messages(items: list[Any], param: str, kinds: tuple[str, ...]) -> tuple[Message, ...]:
    """`kinds` are the types of content parts that this endpoint takes. Raises Refused."""
    found = []
    for at, item in enumerate(items):
        where = f"{param}[{at}]"
        if not isinstance(item, dict):
            raise make_wrong_type(where, "an object", item)
        if item.get("type", "message") == "reasoning":
            continue
        found.append(_message(RequestParams(item, where), kinds))
    if not found:
        raise make_invalid_request(f"Invalid '{param}': empty array. Expected an array with minimum length 1.", param,
                      "empty_array")  # fmt: skip
    return tuple(found)


def _message(item: RequestParams, kinds: tuple[str, ...]) -> Message:
    item.read_choice("type", ("message", "reasoning"))
    role = item.read_choice("role", _ROLES)
    if role is None:
        raise make_missing_param(item.param_path("role"))
    content = item.raw.get("content")
    if isinstance(content, str):
        return Message(role, content)
    parts = item.read_list("content")
    if parts is None:
        raise make_missing_param(item.param_path("content"))
    return Message(
        role, "\n".join(_part(one, f"{item.param_path('content')}[{at}]", kinds) for at, one in enumerate(parts))
    )


def _part(part: Any, where: str, kinds: tuple[str, ...]) -> str:
    if not isinstance(part, dict):
        raise make_wrong_type(where, "an object", part)
    params = RequestParams(part, where)
    kind = params.require_text("type")
    if kind not in kinds:
        raise make_wrong_value(f"{where}.type", kind, kinds)
    return IMAGE_PLACEHOLDER if kind in _IMAGES else params.require_text(_TEXTS[kind])


def read_format(found: RequestParams | None, param: str, *, nested: bool) -> OutputFormat:
    """`nested` as chat completions have it, with the schema in `json_schema`. Raises Refused."""
    if found is None:
        return OutputFormat()
    kind = found.read_choice("type", ("text", "json_object", "json_schema"))
    if kind is None:
        raise make_missing_param(found.param_path("type"))
    if kind != "json_schema":
        return OutputFormat(kind, raw=found.raw)
    inner = found.read_group("json_schema") if nested else found
    if inner is None:
        raise make_missing_param(found.param_path("json_schema"))
    name, is_strict, schema = inner.require_text("name"), inner.read_flag("strict"), inner.raw.get("schema")
    if schema is None:
        raise make_missing_param(inner.param_path("schema"))
    strict_schema.check_schema(name, schema, param, strict=is_strict)
    return OutputFormat(kind, name, schema, is_strict, found.raw)


def check_supported(params: RequestParams, refused: Mapping[str, Callable[[Any], bool]]) -> None:
    """Refuses openly what the sandbox does not play, by parameter. Raises Refused."""
    for name, asks_for_it in refused.items():
        if asks_for_it(params.raw.get(name)):
            raise make_invalid_request(f"'{name}' is not served by the sandbox.", name, "unsupported_parameter")


def build_ignored_header(params: RequestParams, names: Collection[str]) -> dict[str, str]:
    """The header that tells which of `names` were sent: the models heed them, the sandbox's do not."""
    sent = [name for name in names if params.raw.get(name) is not None]
    return {IGNORED_HEADER: ", ".join(sent)} if sent else {}


def requires_tool_call(choice: Any) -> bool:
    """Whether a `tool_choice` (or the older `function_call`) demands a call; the sandbox's models call no tools."""
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        mode = choice.get("mode") or (choice.get("allowed_tools") or {}).get("mode")
        return bool(mode == "required")
    return choice not in (None, "none", "auto")


def check_tools(params: RequestParams, choice: str) -> None:
    """A choice needs tools to choose from, and every tool a type. Raises Refused."""
    tools = params.read_list("tools")
    if params.raw.get(choice) is not None and not tools:
        raise make_invalid_request(f"'{choice}' is only allowed when 'tools' are specified.", choice)
    for at, tool in enumerate(tools or []):
        if not isinstance(tool, dict):
            raise make_wrong_type(f"tools[{at}]", "an object", tool)
        RequestParams(tool, f"tools[{at}]").require_text("type")


def mentions_json(messages: tuple[Message, ...]) -> bool:
    """The API's own guard: a model held to JSON that was not told so writes blanks without end."""
    return any("json" in one.text.lower() for one in messages)


def estimate_reasoning_tokens(effort: str | None) -> int:
    return {"low": 64, "medium": 128, "high": 256, "xhigh": 512, "max": 1024}.get(effort or "", 0)
