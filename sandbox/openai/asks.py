"""What is asked of a model, read from either endpoint's body."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.openai import strict
from sandbox.openai.errors import invalid, missing, wrong_type, wrong_value
from sandbox.openai.params import Params
from sandbox.wire import IGNORED

IMAGE = "\u25a3" * 1020
"""Stands for an image in a text: 255 tokens."""
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_ROLES = ("developer", "system", "user", "assistant")
_TEXTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}
_IMAGES = ("input_image", "image_url")


@dataclass(frozen=True, slots=True)
class Message:
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Format:
    """`kind` is text, json_object or json_schema; `raw` is as it was sent."""

    kind: str = "text"
    name: str = ""
    schema: dict[str, Any] | None = None
    strict: bool = False
    raw: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """`most` in tokens, reasoning included. `prefill` is the beginning of the answer, as the caller has it."""

    model: str
    messages: tuple[Message, ...]
    format: Format
    most: int | None = None
    reasoning: int = 0
    prefill: str = ""

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.messages]

    @property
    def given(self) -> list[str]:
        """What the caller wrote, the assistant's turns left out."""
        return [one.text for one in self.messages if one.role != "assistant"]


def read_messages(items: list[Any], param: str, kinds: tuple[str, ...]) -> tuple[Message, ...]:
    """`kinds` are the types of content parts that this endpoint takes. Raises Refused."""
    found = []
    for at, item in enumerate(items):
        where = f"{param}[{at}]"
        if not isinstance(item, dict):
            raise wrong_type(where, "an object", item)
        if item.get("type", "message") == "reasoning":
            continue
        found.append(_message(Params(item, where), kinds))
    if not found:
        raise invalid(f"Invalid '{param}': empty array. Expected an array with minimum length 1.", param,
                      "empty_array")  # fmt: skip
    return tuple(found)


def _message(item: Params, kinds: tuple[str, ...]) -> Message:
    item.choice("type", ("message", "reasoning"))
    role = item.choice("role", _ROLES)
    if role is None:
        raise missing(item.path("role"))
    content = item.raw.get("content")
    if isinstance(content, str):
        return Message(role, content)
    parts = item.listed("content")
    if parts is None:
        raise missing(item.path("content"))
    return Message(role, "\n".join(_part(one, f"{item.path('content')}[{at}]", kinds) for at, one in enumerate(parts)))


def _part(part: Any, where: str, kinds: tuple[str, ...]) -> str:
    if not isinstance(part, dict):
        raise wrong_type(where, "an object", part)
    params = Params(part, where)
    kind = params.need("type")
    if kind not in kinds:
        raise wrong_value(f"{where}.type", kind, kinds)
    return IMAGE if kind in _IMAGES else params.need(_TEXTS[kind])


def read_format(found: Params | None, param: str, *, nested: bool) -> Format:
    """`nested` as chat completions have it, with the schema in `json_schema`. Raises Refused."""
    if found is None:
        return Format()
    kind = found.choice("type", ("text", "json_object", "json_schema"))
    if kind is None:
        raise missing(found.path("type"))
    if kind != "json_schema":
        return Format(kind, raw=found.raw)
    inner = found.group("json_schema") if nested else found
    if inner is None:
        raise missing(found.path("json_schema"))
    name, is_strict, schema = inner.need("name"), inner.flag("strict"), inner.raw.get("schema")
    if schema is None:
        raise missing(inner.path("schema"))
    strict.check(name, schema, param, strict=is_strict)
    return Format(kind, name, schema, is_strict, found.raw)


def check_played(params: Params, refused: Mapping[str, Callable[[Any], bool]]) -> None:
    """Refuses openly what the sandbox does not play, by parameter. Raises Refused."""
    for name, asks_for_it in refused.items():
        if asks_for_it(params.raw.get(name)):
            raise invalid(f"'{name}' is not served by the sandbox.", name, "unsupported_parameter")


def ignored(params: Params, names: Collection[str]) -> dict[str, str]:
    """The header that tells which of `names` were sent: the models heed them, the sandbox's do not."""
    sent = [name for name in names if params.raw.get(name) is not None]
    return {IGNORED: ", ".join(sent)} if sent else {}


def forces_a_tool(choice: Any) -> bool:
    """Whether a `tool_choice` (or the older `function_call`) demands a call; the sandbox's models call no tools."""
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        mode = choice.get("mode") or (choice.get("allowed_tools") or {}).get("mode")
        return bool(mode == "required")
    return choice not in (None, "none", "auto")


def check_tools(params: Params, choice: str) -> None:
    """A choice needs tools to choose from, and every tool a type. Raises Refused."""
    tools = params.listed("tools")
    if params.raw.get(choice) is not None and not tools:
        raise invalid(f"'{choice}' is only allowed when 'tools' are specified.", choice)
    for at, tool in enumerate(tools or []):
        if not isinstance(tool, dict):
            raise wrong_type(f"tools[{at}]", "an object", tool)
        Params(tool, f"tools[{at}]").need("type")


def mentions_json(messages: tuple[Message, ...]) -> bool:
    """The API's own guard: a model held to JSON that was not told so writes blanks without end."""
    return any("json" in one.text.lower() for one in messages)


def reasoning_tokens(effort: str | None) -> int:
    return {"low": 64, "medium": 128, "high": 256, "xhigh": 512, "max": 1024}.get(effort or "", 0)
