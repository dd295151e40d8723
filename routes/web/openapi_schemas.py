"""JSON Schemas of the models as clients need them: unique names, no attribute names of Python, no filler."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from routes.web.openapi_parts import MAX_TEXT_LENGTH, SCHEMA_REF

_PREFIX = SCHEMA_REF.format(model="")
_GENERIC = re.compile(r"([A-Za-z0-9]+)_([A-Za-z0-9]+)_")
"""pydantic's name of `Page[BookingOut]`, which becomes `BookingPage`."""


def tidy_schemas(
    schemas: dict[str, Any], roots: list[dict[str, Any]], requests: list[dict[str, Any]]
) -> dict[str, Any]:
    """The shared schemas under their public names, changed in place like `roots`, the schemas that refer to them.

    `requests` are those of the roots that clients send: only there an unknown property is an error, while an answer
    may gain properties. Raises ValueError for two schemas of one name.
    """
    names = build_public_names(schemas)
    for root in (*roots, *schemas.values()):
        _rename(root, names)
    named = {names[name]: schema for name, schema in schemas.items()}
    sent = find_reachable_schemas(requests, named)
    for name, schema in named.items():
        schema["title"] = name
        _clean(schema, sent=name in sent)
    asked = {id(root) for root in requests}
    for root in roots:
        _clean(root, sent=id(root) in asked)
    return named


def build_public_names(schemas: Iterable[str]) -> dict[str, str]:
    """Pydantic's names without module paths: of two `Kind` one is `PlanKind`, after the noun that it belongs to."""
    names = {name: _public_name(name) for name in schemas}
    taken = list(names.values())
    if twice := sorted({name for name in taken if taken.count(name) > 1}):
        raise ValueError(f"two schemas of one name: {', '.join(twice)}")
    return names


def _public_name(name: str) -> str:
    *path, last = name.split("__")
    if generic := _GENERIC.fullmatch(last):
        last = generic[2].removesuffix("Out") + generic[1]
    noun = path[1].removesuffix("_views").removesuffix("s") if len(path) > 1 else ""
    prefix = "".join(word.title() for word in noun.split("_"))
    return prefix + re.sub(r"[^A-Za-z0-9]", "", last)


def _rename(node: Any, names: dict[str, str]) -> None:
    """References, those of discriminators included."""
    if isinstance(node, list):
        for inner in node:
            _rename(inner, names)
    elif isinstance(node, dict):
        for key, inner in node.items():
            if isinstance(inner, str) and inner.startswith(_PREFIX):
                node[key] = _PREFIX + names.get(inner[len(_PREFIX) :], inner[len(_PREFIX) :])
            else:
                _rename(inner, names)


def find_reachable_schemas(roots: Iterable[Any], schemas: Mapping[str, Any]) -> set[str]:
    """The names of the schemas that `roots` refer to, directly or through others."""
    found: set[str] = set()
    stack: list[Any] = list(roots)
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            name = str(node.get("$ref", "")).removeprefix(_PREFIX)
            if name in schemas and name not in found:
                found.add(name)
                stack.append(schemas[name])
            stack.extend(node.values())
    return found


def _clean(node: Any, *, sent: bool) -> None:
    if isinstance(node, list):
        for inner in node:
            _clean(inner, sent=sent)
    elif isinstance(node, dict):
        _clean_schema(node, sent=sent)
        for key, inner in node.items():
            if key not in {"examples", "default", "enum"}:
                _clean(inner, sent=sent)


def _clean_schema(schema: dict[str, Any], *, sent: bool) -> None:
    if schema.get("maxLength") == MAX_TEXT_LENGTH:
        del schema["maxLength"]
    if schema.get("propertyNames") in ({}, {"maxLength": MAX_TEXT_LENGTH}):
        del schema["propertyNames"]
    if not sent and schema.get("additionalProperties") is False:
        del schema["additionalProperties"]
    if schema.get("type") == "integer":
        _bound(schema)
    properties = schema.get("properties")
    if isinstance(properties, dict):
        schema["properties"] = {name.removesuffix("_"): _untitled(inner) for name, inner in properties.items()}
        if "required" in schema:
            schema["required"] = [name.removesuffix("_") for name in schema["required"]]


def _untitled(schema: Any) -> Any:
    """A property says its name already; a title that repeats it only gives generated types odd names."""
    if isinstance(schema, dict) and isinstance(schema.get("title"), str):
        return {key: value for key, value in schema.items() if key != "title"}
    return schema


def _bound(schema: dict[str, Any]) -> None:
    """A whole number has 64 bits, here as in the database; schemas that say less say so."""
    schema.setdefault("format", "int64")
    if "minimum" not in schema and "exclusiveMinimum" not in schema:
        schema["minimum"] = -(1 << 63)
    if "maximum" not in schema and "exclusiveMaximum" not in schema:
        schema["maximum"] = (1 << 63) - 1
