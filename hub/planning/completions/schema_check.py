"""Whether a text is the JSON document that was asked for. Nothing is repaired: it fits, or it does not."""

import json
from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 64
_KINDS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,), "null": (type(None),),
    "integer": (int,), "number": (int, float),
}  # fmt: skip


def matches_schema(text: str, schema: Mapping[str, Any]) -> bool:
    """Complete JSON with the types, required keys and choices of the schema. Bounds and formats are the reader's."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return _fits(value, schema, schema, MAX_DEPTH)


def _fits(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> bool:
    if depth == 0:
        return False
    if "$ref" in schema:
        return _fits(value, _found(schema["$ref"], root), root, depth - 1)
    for several in ("anyOf", "oneOf"):
        if several in schema and not any(_fits(value, one, root, depth - 1) for one in schema[several]):
            return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    return _is_kind(value, schema.get("type")) and _inside(value, schema, root, depth - 1)


def _is_kind(value: Any, kind: str | list[str] | None) -> bool:
    if kind is None:
        return True
    if isinstance(kind, list):
        return any(_is_kind(value, one) for one in kind)
    if isinstance(value, bool) and kind != "boolean":
        return False
    return isinstance(value, _KINDS.get(kind, (object,))) or (
        kind == "integer" and isinstance(value, float) and value.is_integer()
    )


def _inside(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> bool:
    if isinstance(value, dict):
        known: Mapping[str, Any] = schema.get("properties", {})
        if any(name not in value for name in schema.get("required", ())):
            return False
        if schema.get("additionalProperties") is False and not value.keys() <= known.keys():
            return False
        return all(_fits(value[name], known[name], root, depth) for name in value.keys() & known.keys())
    if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        return all(_fits(one, schema["items"], root, depth) for one in value)
    return True


def _found(ref: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Within the document (`#/$defs/Day`). What is not there asks for nothing."""
    place: Any = root
    for part in ref.removeprefix("#").strip("/").split("/"):
        place = place.get(part, {}) if isinstance(place, Mapping) and part else place
    return place if isinstance(place, Mapping) else {}
