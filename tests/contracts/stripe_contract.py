"""Stripe's description of its API, applied to what went over the wire.

The file describes an older version of the API than the SDK pins, and the SDK wins: a name that only the SDK knows may
be there, a name that it no longer knows may be missing. A name that neither knows is a fault.
"""

import json
import re
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from tests.contracts import stripe_sdk
from tests.contracts.recording import Exchange
from tests.contracts.specs import Breach, Operations

_PARTS = re.compile(r"[^\[\]]+")


class StripeContract:
    """Raises RuleViolation. `samples` are Stripe's own objects of today, by kind."""

    def __init__(self, spec: dict[str, Any], samples: dict[str, Any]) -> None:
        self.samples = samples
        self._operations = Operations(spec["paths"])
        self._components = _nullable(spec["components"])
        schemas = spec["components"]["schemas"].items()
        self._listed = {kind: frozenset(schema.get("properties", ())) for kind, schema in schemas}

    def check_request(self, one: Exchange, params: type | None = None) -> Any:
        """The parameters, typed. `params` is the SDK's own type for them, for names newer than the file."""
        schema = self._request_schema(self._operations.of(one), one.method)
        given = self._typed(decode(one.fields), schema)
        self._refuse(_named(one), schema, given, frozenset(getattr(params, "__annotations__", ())))
        return given

    def check_answer(self, one: Exchange) -> Any:
        """What was said: the object, or the error, that is described for this status."""
        answers = self._operations.of(one)["responses"]
        chosen = answers.get(str(one.status), answers["default"])
        body = json.loads(one.answer)
        self._check(_named(one), chosen["content"]["application/json"]["schema"], body)
        return body

    def check_object(self, body: dict[str, Any], *, newest: bool = True) -> None:
        """Any object that says what it is, an event among them. `newest`: of the very version that the SDK pins."""
        self._check(body["object"], {"$ref": f"#/components/schemas/{body['object']}"}, body, newest=newest)

    def missing(self, body: dict[str, Any]) -> set[str]:
        """What Stripe's sample of the same kind has and this has not; names of names joined by dots."""
        return set(_missing(self.samples[body["object"]], body))

    def _check(self, what: str, schema: dict[str, Any], body: Any, *, newest: bool = True) -> None:
        self._refuse(what, _nullable(schema), body, frozenset())
        if strangers := stripe_sdk.strangers(body, self._listed):
            raise Breach(f"{what}: neither Stripe's file nor its SDK knows {', '.join(strangers)}")
        if absent := stripe_sdk.absent(body) if newest else []:
            raise Breach(f"{what}: the SDK counts on {', '.join(absent)}")

    def _refuse(self, what: str, schema: dict[str, Any], body: Any, known: frozenset[str]) -> None:
        validator = Draft202012Validator(schema | {"components": self._components})
        faults = [_told(error) for error in validator.iter_errors(body) if not _outdated(error, known)]
        if faults:
            raise Breach(f"{what}: " + "; ".join(faults))

    def _request_schema(self, operation: dict[str, Any], method: str) -> Any:
        if method == "POST":
            return operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
        query = [one for one in operation.get("parameters", ()) if one["in"] == "query"]
        names = {one["name"]: one["schema"] for one in query}
        return {"type": "object", "properties": names, "additionalProperties": False}

    def _typed(self, value: Any, schema: dict[str, Any]) -> Any:
        """A form has strings only: each becomes what the schema says it is, if it can."""
        for option in schema.get("anyOf", ()):
            found = self._typed(value, option)
            if Draft202012Validator(option).is_valid(found):
                return found
        match value, schema.get("type"):
            case dict(), "array":
                return [self._typed(inner, schema["items"]) for inner in value.values()]
            case dict(), "object":
                more = schema.get("additionalProperties") or {}
                inner = schema.get("properties", {})
                return {name: self._typed(one, inner.get(name, more)) for name, one in value.items()}
            case str(), "integer" if re.fullmatch(r"-?\d+", value):
                return int(value)
            case "true" | "false", "boolean":
                return value == "true"
        return value


def decode(fields: list[tuple[str, str]]) -> dict[str, Any]:
    """`a[b][0]=c` as {"a": {"b": {"0": "c"}}}."""
    tree: dict[str, Any] = {}
    for name, value in fields:
        *way, last = _PARTS.findall(name)
        node = tree
        for step in way:
            node = node.setdefault(step, {})
        node[last] = value
    return tree


def _nullable(schema: Any) -> Any:
    """OpenAPI 3.0's `nullable` in JSON Schema's words."""
    if isinstance(schema, list):
        return [_nullable(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _nullable(one) for name, one in schema.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def _missing(sample: dict[str, Any], body: dict[str, Any], at: str = "") -> list[str]:
    found = []
    for name, value in sample.items():
        if name not in body:
            found.append(at + name)
        elif isinstance(value, dict) and isinstance(body[name], dict) and name != "metadata":
            found += _missing(value, body[name], f"{at}{name}.")
    return found


def _outdated(error: ValidationError, known: frozenset[str]) -> bool:
    """What the newer SDK excuses: a parameter that it knows, or a property that it has dropped."""
    schema: Any = error.schema
    given: Any = error.instance
    if error.validator == "additionalProperties":
        return not error.absolute_path and set(given) - set(schema.get("properties", ())) <= known
    if error.validator == "required":
        kept = stripe_sdk.known_names(str(given.get("object")))
        return bool(kept) and kept.isdisjoint(set(schema["required"]) - set(given))
    return False


def _told(error: ValidationError) -> str:
    return f"{error.json_path}: {error.message[:300]}"


def _named(one: Exchange) -> str:
    return f"{one.method} {one.path} -> {one.status}"
