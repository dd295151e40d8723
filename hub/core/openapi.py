"""From endpoints to an OpenAPI 3.1 document, by way of the very models that validate. Pure: no HTTP in here."""

import inspect
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

_REF = "#/components/schemas/{model}"

PROBLEMS: dict[int, str] = {
    400: "The request could not be read.",
    401: "Sign in first.",
    403: "You may not do this.",
    404: "There is no such thing here.",
    408: "The body took too long to arrive.",
    409: "This cannot be done in the present state.",
    410: "This has expired.",
    413: "The body is too large.",
    415: "The body has to be application/json.",
    422: "Some fields are not valid.",
    429: "Too many requests; try again later.",
    500: "Something went wrong on our side.",
    502: "A provider could not do what was asked.",
    503: "Briefly not available; try again later.",
    504: "It took too long.",
}

_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "An error (RFC 9457). `code` is stable and meant for programs, `detail` for people.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "provider": {"type": "string", "description": "which provider was in trouble"},
        "errors": {"type": "array", "items": {"$ref": _REF.format(model="FieldError")}},
        "booking_id": {"type": "string", "description": "with `duplicate_booking`: the booking that stands already"},
        "booking_reference": {"type": "string", "description": "with `duplicate_booking`: its reference"},
        "confirmation": {
            "type": "string",
            "description": "with `refund_repeated`: send it as `confirmation` to give the same amount back once more",
        },
    },
    "examples": [
        {
            "type": "urn:travel-hub:problem:invalid",
            "title": "Invalid request",
            "status": 422,
            "detail": "Some fields are not valid.",
            "code": "invalid",
            "request_id": "0193a1b2c3d4",
            "errors": [{"pointer": "/contact/email", "code": "missing", "message": "Field required"}],
        }
    ],
}
_ENVELOPE: dict[str, Any] = {
    "description": "An error as OpenAI tells it.",
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {name: {"type": ["string", "null"]} for name in ("message", "type", "param", "code")},
        }
    },
}
_FIELD_ERROR: dict[str, Any] = {
    "title": "FieldError",
    "description": "`pointer` is a JSON pointer into the body, or `/query/name`, `/path/name`, `/header/name`.",
    "type": "object",
    "required": ["pointer", "code", "message"],
    "properties": {
        **{name: {"type": "string"} for name in ("pointer", "code", "message")},
        "suggestion": {"type": "string", "description": "the name that was probably meant"},
        "choices": {
            "type": "array",
            "description": "values that would be right, each with what describes it",
            "items": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    },
}
_SHARED = {"Problem": _PROBLEM, "FieldError": _FIELD_ERROR}
_HEADERS: dict[str, Any] = {
    "RequestId": {"description": "The request's id, also in the logs.", "schema": {"type": "string"}},
    "RetryAfter": {"description": "Seconds to wait before asking again.", "schema": {"type": "integer"}},
    "IdempotencyReplayed": {
        "description": "`true` when this is the stored answer of an earlier request.",
        "schema": {"type": "string", "const": "true"},
    },
}
_PARAMETERS: dict[str, Any] = {
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "An id of yours for this request, used in the logs; one is made where there is none, or "
        "one that is no 1 to 64 letters, digits, dots, dashes and underscores.",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Within 24 hours the same key with the same body gets the stored answer, and nothing is done "
        "twice. Another body under the key is 422; while the first is being handled it is 409. "
        "Refused and failed requests free the key.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
        "example": "3f0d2b1e-7c55-4d0e-9a53-6f2b8f0f9d11",
    },
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the document says of one endpoint. `reply_type` None is an answer without a body."""

    method: str
    path: str
    name: str
    doc: str = ""
    status: int = 200
    access: Literal["open", "optional", "signed_in"] = "open"
    idempotent: bool = False
    tags: tuple[str, ...] = ()
    body: TypeAdapter[Any] | None = None
    body_required: bool = True
    query: TypeAdapter[Any] | None = None
    path_parameters: dict[str, TypeAdapter[Any]] = field(default_factory=dict)
    reply: TypeAdapter[Any] | None = None
    reply_type: str | None = "application/json"
    also_as: tuple[str, ...] = ()
    """Other content types that the same answer comes in."""
    envelope: bool = False
    """Its errors come in OpenAI's envelope; those of the edge, such as a body too large, stay problems."""


def document(*, title: str, version: str, endpoints: Iterable[Endpoint], description: str = "") -> dict[str, Any]:
    """The OpenAPI document. Raises ValueError when two endpoints have the same name."""
    listed = list(endpoints)
    names = [one.name for one in listed]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two endpoints of one name: {', '.join(sorted(twice))}")
    schema_of, schemas = _schemas(listed)
    paths: dict[str, Any] = {}
    for one in sorted(listed, key=lambda one: one.path):
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schema_of, schemas)
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, **({"description": description} if description else {})},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in sorted({tag for one in listed for tag in one.tags})],
        "paths": paths,
        "components": _components(schemas),
    }
    _bound_integers(made)
    return made


def _bound_integers(node: Any) -> None:
    """A whole number has 64 bits, here as in the database; schemas that say less say so."""
    if isinstance(node, list):
        for inner in node:
            _bound_integers(inner)
    elif isinstance(node, dict):
        if node.get("type") == "integer":
            node.setdefault("format", "int64")
            if "minimum" not in node and "exclusiveMinimum" not in node:
                node["minimum"] = -(1 << 63)
            if "maximum" not in node and "exclusiveMaximum" not in node:
                node["maximum"] = (1 << 63) - 1
        for inner in node.values():
            _bound_integers(inner)


SchemaOf = Callable[[Endpoint, str], dict[str, Any]]


def _schemas(endpoints: list[Endpoint]) -> tuple[SchemaOf, dict[str, Any]]:
    """One naming for all models: a model that reads otherwise than it writes gets two names."""
    wanted: list[tuple[str, Any, TypeAdapter[Any]]] = [
        (f"{one.name}.{role}", "serialization" if role == "reply" else "validation", adapter)
        for one in endpoints
        for role in ("body", "query", "reply")
        if (adapter := getattr(one, role)) is not None
    ]
    made, shared = TypeAdapter.json_schemas(wanted, by_alias=False, ref_template=_REF)
    found = {name: schema for (name, _), schema in made.items()}
    return (lambda one, role: dict(found[f"{one.name}.{role}"])), shared.get("$defs", {})


def _components(schemas: dict[str, Any]) -> dict[str, Any]:
    return {
        "schemas": dict(sorted({**schemas, **deepcopy(_SHARED)}.items())),
        "responses": {f"Problem{status}": _problem(status, text) for status, text in PROBLEMS.items()},
        "headers": deepcopy(_HEADERS),
        "parameters": deepcopy(_PARAMETERS),
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "description": "The `token` that a sign-in gives."}
        },
    }


def _problem(status: int, text: str) -> dict[str, Any]:
    headers = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if status in {409, 429, 503}:
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    schema = {"$ref": _REF.format(model="Problem")}
    return {"description": text, "headers": headers, "content": {"application/problem+json": {"schema": schema}}}


def _failure(one: Endpoint, status: int) -> dict[str, Any]:
    if not one.envelope:
        return {"$ref": f"#/components/responses/Problem{status}"}
    found = _problem(status, PROBLEMS[status])
    found["content"]["application/json"] = {"schema": deepcopy(_ENVELOPE)}
    return found


def _operation(one: Endpoint, schema_of: SchemaOf, schemas: dict[str, Any]) -> dict[str, Any]:
    summary, _, rest = inspect.cleandoc(one.doc).partition("\n")
    shown: dict[str, Any] = {"operationId": one.name, "summary": summary.strip()}
    if rest.strip():
        shown["description"] = rest.strip()
    shown["tags"] = list(one.tags)
    shown["parameters"] = _parameters(one, schema_of, schemas)
    if one.body is not None:
        content = {"application/json": {"schema": schema_of(one, "body")}}
        shown["requestBody"] = {"required": one.body_required, "content": content}
    shown["responses"] = {str(one.status): _success(one, schema_of)} | {
        str(status): _failure(one, status) for status in _may_fail_with(one)
    }
    if one.access != "open":
        shown["security"] = [{"bearer": []}, {}] if one.access == "optional" else [{"bearer": []}]
    return shown


def _parameters(one: Endpoint, schema_of: SchemaOf, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": adapter.json_schema(by_alias=False)}
        for name, adapter in one.path_parameters.items()
    ]
    if one.query is not None:
        schema = schema_of(one, "query")
        model = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        required = model.get("required", ())
        found += [_query(name, inner, name in required) for name, inner in model.get("properties", {}).items()]
    if one.idempotent:
        found.append({"$ref": "#/components/parameters/IdempotencyKey"})
    return [*found, {"$ref": "#/components/parameters/RequestId"}]


def _query(name: str, schema: dict[str, Any], required: bool) -> dict[str, Any]:
    """A query has no null: an optional parameter is left out instead."""
    inner = dict(schema)
    options = [one for one in inner.pop("anyOf", ()) if one.get("type") != "null"]
    inner |= options[0] if len(options) == 1 else ({"anyOf": options} if options else {})
    if inner.get("default", 0) is None:
        del inner["default"]
    inner.pop("title", None)
    about = {"description": inner.pop("description")} if "description" in inner else {}
    return {"name": name, "in": "query", "required": required, **about, "schema": inner}


def _success(one: Endpoint, schema_of: SchemaOf) -> dict[str, Any]:
    headers = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if one.idempotent:
        headers["Idempotency-Replayed"] = {"$ref": "#/components/headers/IdempotencyReplayed"}
    answer: dict[str, Any] = {"description": "Done.", "headers": headers}
    if one.reply_type is not None:
        schema = schema_of(one, "reply") if one.reply is not None else {}
        answer["content"] = {one.reply_type: {"schema": schema}} | {kind: {} for kind in one.also_as}
    return answer


def _may_fail_with(one: Endpoint) -> list[int]:
    found = {400, 404, 410, 429, 500, 502, 503, 504}
    if one.access == "signed_in":
        found |= {401, 403}
    if one.body is not None:
        found |= {408, 413, 415, 422}
    if one.query is not None:
        found |= {422}
    if one.method != "GET":
        found |= {401, 409, 422}  # 401 also from a sign-in that fails
    return sorted(found)
