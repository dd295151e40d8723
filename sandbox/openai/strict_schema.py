"""What a schema must be like before the API takes it for structured output with `strict`."""

import re
from collections.abc import Iterator
from typing import Any

from sandbox.openai.errors import OpenAIApiError, make_invalid_request

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FORBIDDEN = (
    "allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "default", "minLength",
    "maxLength", "patternProperties", "propertyNames", "minProperties", "maxProperties", "unevaluatedProperties",
    "unevaluatedItems", "contains", "minContains", "maxContains", "uniqueItems", "prefixItems",
)  # fmt: skip
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
MAX_DEPTH = 10
"""Levels of nesting."""
MAX_PROPERTIES = 5000
"""Properties of all objects together."""

SchemaPath = tuple[str, ...]


def check_schema(name: str, schema: Any, param: str, *, strict: bool) -> None:
    """Raises Refused as the API does: `param` is `text.format` or `response_format.json_schema`."""
    if not _NAME.fullmatch(name):
        raise make_invalid_request(
            f"Invalid '{param}.name': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'.",
            f"{param}.name",
            "invalid_value",
        )
    if not isinstance(schema, dict):
        raise _bad(name, (), "schema must be a JSON Schema of 'type: \"object\"', got another type", param)
    if schema.get("type") != "object":
        found = f"'type: \"{schema.get('type')}\"'" if "type" in schema else "'type: \"None\"'"
        raise _bad(name, (), f"schema must be a JSON Schema of 'type: \"object\"', got {found}.", param)
    if strict:
        _strict(name, schema, param)


def _strict(name: str, schema: dict[str, Any], param: str) -> None:
    properties = 0
    for context, part, depth in _walk(schema, (), 1):
        why = _trouble(part, schema)
        if depth > MAX_DEPTH:
            why = f"nesting depth exceeds {MAX_DEPTH}."
        if why:
            raise _bad(name, context, why, param)
        properties += len(part.get("properties", {}))
    if properties > MAX_PROPERTIES:
        raise _bad(name, (), f"has more than {MAX_PROPERTIES} properties.", param)


def _trouble(part: dict[str, Any], root: dict[str, Any]) -> str | None:
    """What is wrong with one object of the schema, its children aside."""
    for word in _FORBIDDEN:
        if word in part:
            return f"'{word}' is not permitted."
    if "$ref" in part:
        return _ref_trouble(part, root)
    if _is_object(part):
        return _object_trouble(part)
    return _value_trouble(part)


def _value_trouble(part: dict[str, Any]) -> str | None:
    if part.get("format", "date") not in _FORMATS:
        return f"'format' {part['format']!r} is not supported."
    if part.get("type") == "array" and "items" not in part:
        return "array schema missing items."
    if not ({"type", "anyOf", "enum", "const"} & part.keys()):
        return "schema must have a 'type' key."
    return None


def _ref_trouble(part: dict[str, Any], root: dict[str, Any]) -> str | None:
    others = sorted(part.keys() - {"$ref"})
    if others:
        return f"$ref cannot have keywords {{{', '.join(repr(one) for one in others)}}}."
    try:
        found = resolve_reference(part["$ref"], root)
    except (KeyError, TypeError):
        found = None
    return None if isinstance(found, dict) else f"reference to component '{part['$ref']}' which was not found."


def _object_trouble(part: dict[str, Any]) -> str | None:
    if part.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    names = part.get("properties", {}).keys()
    required = part.get("required")
    missed = [one for one in names if not isinstance(required, list) or one not in required]
    if missed:
        return (
            "'required' is required to be supplied and to be an array including every key in properties. "
            f"Missing '{missed[0]}'."
        )
    extra = [one for one in required or [] if one not in names]
    return f"'required' has the extra key '{extra[0]}'." if extra else None


def _is_object(part: dict[str, Any]) -> bool:
    kind = part.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind)


def _walk(part: Any, context: SchemaPath, depth: int) -> Iterator[tuple[SchemaPath, dict[str, Any], int]]:
    """Each schema within the schema, with its way from the root and the depth of its object."""
    if not isinstance(part, dict) or depth > MAX_DEPTH + 1:
        return
    yield context, part, depth
    for word in ("properties", "$defs", "definitions"):
        inner = part.get(word)
        below = depth + 1 if word == "properties" else 1
        for name, one in (inner if isinstance(inner, dict) else {}).items():
            yield from _walk(one, (*context, word, name), below)
    yield from _walk(part.get("items"), (*context, "items"), depth)
    for at, one in enumerate(part.get("anyOf") or []):
        yield from _walk(one, (*context, "anyOf", str(at)), depth)


def resolve_reference(ref: str, root: dict[str, Any]) -> Any:
    """What `#/…` points to. Raises KeyError or TypeError when there is nothing."""
    found: Any = root
    for step in ref.removeprefix("#").split("/")[1:]:
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return found


def _bad(name: str, context: SchemaPath, why: str, param: str) -> OpenAIApiError:
    shown = f"({', '.join(repr(one) for one in context)}{',' if len(context) == 1 else ''})"
    message = f"Invalid schema for response_format '{name}': In context={shown}, {why}"
    where = "text.format.schema" if param == "text.format" else "response_format"
    return make_invalid_request(message, where, "invalid_json_schema" if param == "text.format" else None)
