"""Fills any JSON schema, the same way each time: `seed` is what the choice depends on."""

import hashlib
import math
import re
from collections.abc import Iterator
from typing import Any

from sandbox.openai.pattern_example import build_matching_text
from sandbox.openai.strict_schema import resolve_reference

MAX_DEPTH = 12
"""Levels after which nothing optional is filled, so that a schema of itself comes to an end."""
_FORMATS = {
    "date": "2030-05-01",
    "date-time": "2030-05-01T09:00:00Z",
    "time": "09:00:00Z",
    "duration": "PT1H",
    "email": "traveller@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "6f1c1d4e-7f0e-4b8f-9d5e-2f6a3c1b0a99",
    "uri": "https://example.com/",
}
_WORDS = ("calm", "bright", "early", "green", "quiet", "golden", "gentle", "open")

Schema = dict[str, Any]


def build_example(schema: Any, root: Schema, seed: str, name: str = "value", depth: int = 0) -> Any:
    """A value that the schema allows. `root` is where references are looked up."""
    if not isinstance(schema, dict):
        return None
    schema = expand_schema(schema, root)
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    if schema.get("enum"):
        return schema["enum"][draw_number(f"{seed}/{name}", len(schema["enum"]))]
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            rest = {key: value for key, value in schema.items() if key != word}
            return build_example(
                rest | expand_schema(_simplest(schema[word], root, depth), root), root, seed, name, depth
            )
    kind = find_kind(schema)
    if kind == "object":
        return _object(schema, root, seed, name, depth)
    return _array(schema, root, seed, name, depth) if kind == "array" else _simple(kind, schema, seed, name)


def expand_schema(schema: Schema, root: Schema) -> Schema:
    """With what it refers to and what it is all of."""
    for _ in range(100):
        if "$ref" not in schema:
            break
        found = resolve_reference(schema["$ref"], root)
        schema = (found if isinstance(found, dict) else {}) | {k: v for k, v in schema.items() if k != "$ref"}
    if not isinstance(schema.get("allOf"), list):
        return schema
    merged = {key: value for key, value in schema.items() if key != "allOf"}
    for one in schema["allOf"]:
        merged = _merge(merged, expand_schema(one, root))
    return merged


def _merge(one: Schema, other: Schema) -> Schema:
    both = one | other
    both["properties"] = one.get("properties", {}) | other.get("properties", {})
    both["required"] = [*one.get("required", []), *other.get("required", [])]
    return both


def draw_number(text: str, sides: int) -> int:
    """A number below `sides` that the text decides."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:6]) % sides


def find_kind(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind)


def _simplest(options: list[Schema], root: Schema, depth: int) -> Schema:
    """The first that is something; in the deep, nothing if that is allowed."""
    found = [one for one in options if expand_schema(one, root).get("type") != "null"]
    if depth >= MAX_DEPTH and len(found) < len(options):
        return {"type": "null"}
    return (found or options)[0]


def _object(schema: Schema, root: Schema, seed: str, name: str, depth: int) -> dict[str, Any]:
    wanted: dict[str, Any] = schema.get("properties", {})
    if depth >= MAX_DEPTH:
        wanted = {key: value for key, value in wanted.items() if key in schema.get("required", [])}
    return {key: build_example(one, root, f"{seed}/{name}", key, depth + 1) for key, one in wanted.items()}


def _array(schema: Schema, root: Schema, seed: str, name: str, depth: int) -> list[Any]:
    least = schema.get("minItems", 0)
    count = max(least, 0 if depth >= MAX_DEPTH else min(2, schema.get("maxItems", 2)))
    if "items" not in schema and "prefixItems" not in schema:
        return [f"{name} {n + 1}" for n in range(count)]
    inner = [*schema.get("prefixItems", []), *[schema.get("items", {})] * count]
    return [
        build_example(one, root, f"{seed}/{n}", name, depth + 1) for n, one in enumerate(inner[: max(count, least)])
    ]


def _string(schema: Schema, seed: str, name: str) -> str:
    if "pattern" in schema:
        return build_matching_text(schema["pattern"])
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    words = f"{_WORDS[draw_number(f'{seed}/{name}', len(_WORDS))]} {re.sub(r'[_-]+', ' ', name)}".capitalize()
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    padded: str = words + "." * max(0, least - len(words))
    return padded[:most]


def _number(schema: Schema, seed: str, name: str) -> float:
    """The first multiple within the bounds."""
    step = schema.get("multipleOf") or 1
    least = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf))
    most = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf))
    if least == -math.inf:
        return _below(schema, most, step) if most != math.inf else float(step * (1 + draw_number(f"{seed}/{name}", 9)))
    found: float = math.ceil(least / step) * step
    if found == schema.get("exclusiveMinimum"):
        found += step
    if found > most or found == schema.get("exclusiveMaximum"):
        return float(least + most) / 2
    return found


def _below(schema: Schema, most: float, step: float) -> float:
    found = math.floor(most / step) * step
    return found - step if found == schema.get("exclusiveMaximum") else found


def _simple(kind: str, schema: Schema, seed: str, name: str) -> Any:
    match kind:
        case "integer":
            return math.floor(_number(schema, seed, name))
        case "number":
            return _number(schema, seed, name)
        case "boolean":
            return draw_number(f"{seed}/{name}", 2) == 1
        case "null":
            return None
        case _:
            return _string(schema, seed, name)


def list_property_names(schema: Any, root: Schema) -> Iterator[str]:
    """Of the properties of an object, its alternatives included."""
    if not isinstance(schema, dict):
        return
    schema = expand_schema(schema, root)
    yield from schema.get("properties", {})
    for word in ("anyOf", "oneOf"):
        for one in schema.get(word) or []:
            yield from list_property_names(one, root)
