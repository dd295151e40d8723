"""An example for every request, answer and parameter, made from its schema.

Fields that carry `examples` use them; the others get a value by name, format and limits. A test validates every
example against its schema, so a field with a pattern of its own needs `examples`.
"""

from collections.abc import Mapping
from typing import Any

_REF = "#/components/schemas/"
_FORMATS: Mapping[str, str] = {
    "uuid": "01934e1f-7c55-7d0e-9a53-6f2b8f0f9d11",
    "date": "2027-05-17",
    "date-time": "2027-05-17T09:30:00+02:00",
    "time": "09:30:00",
    "email": "ada@example.com",
    "uri": "https://travel.example/",
    "binary": "",
    "duration": "PT2H",
    "decimal": "1.5",
}
_NAMES: Mapping[str, str] = {
    "given_name": "Ada",
    "family_name": "Lovelace",
    "name": "Ada Lovelace",
    "phone": "+447700900123",
    "email": "ada@example.com",
    "currency": "EUR",
    "country": "GB",
    "nationality": "GB",
    "city": "London",
    "language": "en",
    "locale": "en-GB",
    "timezone": "Europe/London",
    "origin": "LHR",
    "destination": "BCN",
    "flight_number": "BA478",
    "carrier": "BA",
    "display": "299.99 EUR",
    "reference": "K7NQ4X",
    "password": "correct horse battery",
    "detail": "Some fields are not valid.",
}
_UNKNOWN = object()


class ExampleBuilder:
    """Makes examples for schemas that refer to `schemas`."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas

    def build_example(self, schema: Mapping[str, Any], name: str = "") -> Any:
        """A value that the schema allows; None where there is no way to one."""
        value = self._value(schema, name, ())
        return None if value is _UNKNOWN else value

    def _value(self, schema: Mapping[str, Any], name: str, path: tuple[str, ...]) -> Any:
        """`path` holds the names of the schemas on the way, so that a recursive one ends."""
        if "$ref" in schema and not schema.get("examples"):
            return self._referred(schema["$ref"].removeprefix(_REF), name, path)
        stated = _stated(schema)
        if stated is not _UNKNOWN:
            return stated
        if choices := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            return self._choice(choices, name, path)
        return self._typed(schema, name, path)

    def _referred(self, model: str, name: str, path: tuple[str, ...]) -> Any:
        if model in path:
            return _UNKNOWN
        return self._value(self._schemas[model], name, (*path, model))

    def _choice(self, choices: list[Mapping[str, Any]], name: str, path: tuple[str, ...]) -> Any:
        for choice in choices:
            if choice.get("type") != "null" and (value := self._value(choice, name, path)) is not _UNKNOWN:
                return value
        return None if any(choice.get("type") == "null" for choice in choices) else _UNKNOWN

    def _typed(self, schema: Mapping[str, Any], name: str, path: tuple[str, ...]) -> Any:
        kinds = schema.get("type")
        kind = next((kind for kind in kinds if kind != "null"), None) if isinstance(kinds, list) else kinds
        match kind:
            case "object":
                return self._object(schema, path)
            case "array":
                return self._array(schema, name, path)
            case "string":
                return _text(schema, name)
            case "integer" | "number":
                return _number(schema)
        return {"boolean": False, "null": None}.get(str(kind), {})

    def _object(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        made: dict[str, Any] = {}
        for name, inner in schema.get("properties", {}).items():
            value = self._value(inner, name, path)
            if value is not _UNKNOWN:
                made[name] = value
            elif name in schema.get("required", ()):
                return _UNKNOWN
        rest = schema.get("additionalProperties")
        if not made and isinstance(rest, Mapping) and rest:
            value = self._value(rest, "", path)
            names = schema.get("propertyNames")
            key = str(self._value(names, "", path)) if names else "name"
            return {} if value is _UNKNOWN else {key: value}
        return made

    def _array(self, schema: Mapping[str, Any], name: str, path: tuple[str, ...]) -> Any:
        if "prefixItems" in schema:
            return [self._value(inner, name, path) for inner in schema["prefixItems"]]
        value = self._value(schema.get("items", {}), name.removesuffix("s"), path)
        if value is _UNKNOWN:
            return [] if not schema.get("minItems") else _UNKNOWN
        return [value] * max(1, schema.get("minItems", 1))


def _stated(schema: Mapping[str, Any]) -> Any:
    """The value that the schema itself names."""
    if schema.get("examples"):
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    return schema["default"] if schema.get("default") not in (None, [], {}, "") else _UNKNOWN


def _text(schema: Mapping[str, Any], name: str) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    text = _NAMES.get(name) or name.replace("_", " ") or "text"
    least, most = schema.get("minLength", 0), schema.get("maxLength", 1000)
    return text.ljust(least, "x")[:most]


def _number(schema: Mapping[str, Any]) -> float:
    least: float = schema.get("minimum", schema.get("exclusiveMinimum", 0) + ("exclusiveMinimum" in schema))
    most: float = schema.get("maximum", schema.get("exclusiveMaximum", 1))
    return min(max(1, least), most)
