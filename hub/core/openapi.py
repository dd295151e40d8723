"""From models to an OpenAPI 3.1 document: the same models that validate."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

_REF = "#/components/schemas/{model}"
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. `code` is stable; `errors` has one entry per wrong field.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": ["string", "null"]},
        "provider": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "message"],
                "properties": {
                    "pointer": {"type": "string"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
_REASONS = {
    "400": "Malformed",
    "401": "Not signed in",
    "403": "Forbidden",
    "404": "Not found",
    "409": "Conflict",
    "410": "Expired",
    "413": "Too large",
    "415": "Not JSON",
    "422": "Invalid",
    "429": "Too many requests",
    "500": "Our fault",
    "502": "Provider error",
    "503": "Unavailable",
    "504": "Provider timed out",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint. `endpoint` has method, path, status, who, idempotent and tags."""

    endpoint: Any
    name: str
    doc: str
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    path: dict[str, TypeAdapter[Any]]
    returns: Any


def document(title: str, version: str, operations: list[Operation]) -> dict[str, Any]:
    schemas: dict[str, Any] = {"Problem": _PROBLEM}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        entry = _describe(operation, schemas)
        paths.setdefault(operation.endpoint.path, {})[operation.endpoint.method.lower()] = entry
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _describe(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    endpoint = operation.endpoint
    summary, _, rest = operation.doc.partition("\n")
    entry: dict[str, Any] = {
        "operationId": re.sub(r"Routes?\.", "_", operation.name),
        "summary": summary.strip(),
        "tags": list(endpoint.tags),
        "parameters": _parameters(operation, schemas),
        "responses": _responses(operation, schemas),
    }
    if rest.strip():
        entry["description"] = rest.strip()
    if operation.body is not None:
        content = {"application/json": {"schema": _schema(operation.body, "validation", schemas)}}
        entry["requestBody"] = {"required": True, "content": content}
    if endpoint.who.value != "anyone":
        entry["security"] = [{"bearer": []}]
    return entry


def _parameters(operation: Operation, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": kind.json_schema()}
        for name, kind in operation.path.items()
    ]
    if operation.query is not None:
        found += _query(operation.query, schemas)
    if operation.endpoint.idempotent:
        key = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
        about = "The same key with the same body gets the stored answer, for 24 hours."
        found.append({"name": "Idempotency-Key", "in": "header", "description": about, "schema": key})
    return found


def _query(model: type[BaseModel], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(by_alias=False, ref_template=_REF)
    schemas.update(schema.get("$defs", {}))
    found = []
    for name, detail in schema["properties"].items():
        about = {"description": detail.pop("description")} if "description" in detail else {}
        required = name in schema.get("required", ())
        found.append({"name": name, "in": "query", "required": required, "schema": detail, **about})
    return found


def _responses(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    status = operation.endpoint.status
    good: dict[str, Any] = {"description": "Done", "headers": {"X-Request-Id": {"schema": {"type": "string"}}}}
    if operation.returns is not None:
        content = "application/json"
        good["content"] = {content: {"schema": _schema(operation.returns, "serialization", schemas)}}
    elif status == 200:  # noqa: PLR2004
        good["content"] = {"*/*": {"schema": {}}}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(status): good} | {
        code: {"description": reason, "content": problem} for code, reason in _REASONS.items()
    }


def _schema(kind: Any, mode: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference into the components for a model, else the schema itself."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        keys, found = models_json_schema([(kind, mode)], by_alias=False, ref_template=_REF)
        schemas.update(found.get("$defs", {}))
        return dict(keys[kind, mode])
    schema = TypeAdapter(kind).json_schema(
        mode=mode, by_alias=False, ref_template=_REF, schema_generator=GenerateJsonSchema
    )
    schemas.update(schema.pop("$defs", {}))
    return schema
