"""JSON pointers for validation errors: the place in what the client sent, not the path through our types.

pydantic's location of an error also names the member of a union that was tried (`/steps/0/FlightIn/origin`). The
walk over the core schema knows which parts are such names and leaves them out.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PointerPart = str | int
_Schema = Mapping[str, Any]

_INNER = {
    "model": "schema",
    "dataclass": "schema",
    "default": "schema",
    "nullable": "schema",
    "function-before": "schema",
    "function-after": "schema",
    "function-wrap": "schema",
    "custom-error": "schema",
    "definitions": "schema",
    "json": "schema",
    "json-or-python": "json_schema",
    "lax-or-strict": "strict_schema",
}
_KEY = "[key]"


@dataclass(frozen=True, slots=True)
class ErrorPlace:
    """`parts` of the pointer; `field_names` are the fields of the object that holds the last part."""

    parts: tuple[PointerPart, ...]
    field_names: tuple[str, ...] = ()


def locate_error(schema: _Schema, location: tuple[PointerPart, ...]) -> ErrorPlace:
    """The place that `location` (pydantic's `loc`) means. A location that does not fit the schema is kept as it is."""
    definitions = {definition["ref"]: definition for definition in schema.get("definitions", ())}
    return next(_walk(schema, location, (), (), definitions), ErrorPlace(location))


def to_wire_name(name: str) -> str:
    """The name of a field as clients know it: `from` for the attribute `from_`, which Python could not name `from`."""
    return name.removesuffix("_")


def suggest_name(name: str, names: tuple[str, ...]) -> str | None:
    """The most similar of `field_names`, for `did you mean`; None when none is similar."""
    folded = {_fold(known): known for known in reversed(names)}
    close = difflib.get_close_matches(_fold(name)[:100], folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def _fold(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _walk(
    schema: _Schema,
    rest: tuple[PointerPart, ...],
    done: tuple[PointerPart, ...],
    names: tuple[str, ...],
    refs: Mapping[str, _Schema],
) -> Iterator[ErrorPlace]:
    """Every way in which the rest of a location can be read from here, the first is the best."""
    schema = _unwrap(schema, refs)
    if not rest or rest == (_KEY,):
        yield ErrorPlace(done, names)
        return
    part, after = rest[0], rest[1:]
    kind = schema["type"]
    if kind in {"union", "tagged-union"}:
        for choice in _choices(schema, part):
            yield from _walk(choice, after, done, names, refs)
    elif kind in {"model-fields", "dataclass-args", "typed-dict"}:
        yield from _walk_field(schema, rest, done, refs)
    elif kind == "dict" and "values_schema" in schema:
        yield from _walk(schema["values_schema"], after, (*done, part), (), refs)
    elif isinstance(part, int):
        for item in _items(schema):
            yield from _walk(item, after, (*done, part), (), refs)


def _walk_field(
    schema: _Schema, rest: tuple[PointerPart, ...], done: tuple[PointerPart, ...], refs: Mapping[str, _Schema]
) -> Iterator[ErrorPlace]:
    fields, part = _fields(schema), rest[0]
    names = tuple(map(to_wire_name, fields))
    if part in fields:
        name = str(part)
        yield from _walk(fields[name]["schema"], rest[1:], (*done, to_wire_name(name)), names, refs)
    elif len(rest) == 1:  # an unknown field
        yield ErrorPlace((*done, part), names)


def _unwrap(schema: _Schema, refs: Mapping[str, _Schema]) -> _Schema:
    while True:
        kind = schema["type"]
        if kind == "definition-ref":
            schema = refs[schema["schema_ref"]]
        elif kind == "chain":
            schema = schema["steps"][0]
        elif kind in _INNER:
            schema = schema[_INNER[kind]]
        else:
            return schema


def _fields(schema: _Schema) -> dict[str, _Schema]:
    fields = schema["fields"]
    return {field["name"]: field for field in fields} if isinstance(fields, list) else dict(fields)


def _choices(schema: _Schema, tag: PointerPart) -> list[_Schema]:
    """The members of a union that a location can mean by `tag`; only a tagged union names them reliably."""
    choices = schema["choices"]
    if isinstance(choices, Mapping):
        return [choice for value, choice in choices.items() if str(getattr(value, "value", value)) == str(tag)]
    members = [choice[0] if isinstance(choice, tuple) else choice for choice in choices]
    return sorted(members, key=lambda member: getattr(member.get("cls"), "__name__", member["type"]) != tag)


def _items(schema: _Schema) -> list[_Schema]:
    items = schema.get("items_schema", ())
    return list(items) if isinstance(items, list | tuple) else [items]
