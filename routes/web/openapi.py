"""From endpoints to an OpenAPI 3.1 document, by way of the very models that validate. Pure: no HTTP in here."""

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

from routes.web.openapi_examples import ExampleBuilder
from routes.web.openapi_parts import SCHEMA_REF, build_components, build_problem_response
from routes.web.openapi_schemas import find_reachable_schemas, tidy_schemas

_BINARY = {"type": "string", "format": "binary"}
_EVENTS = "text/event-stream"
_ANSWERED = frozenset({"reply", "events", "failure"})
"""The roles of schemas of what the hub sends."""


@dataclass(frozen=True, slots=True)
class OpenApiOperation:
    """What the document says of one endpoint. `response_type` None is an answer without a body."""

    method: str
    path: str
    operation_id: str
    docstring: str = ""
    status: int = 200
    access: Literal["open", "optional", "signed_in"] = "open"
    is_idempotent: bool = False
    tags: tuple[str, ...] = ()
    body: TypeAdapter[Any] | None = None
    body_required: bool = True
    query: TypeAdapter[Any] | None = None
    path_parameters: dict[str, TypeAdapter[Any]] = field(default_factory=dict)
    response: TypeAdapter[Any] | None = None
    response_type: str | None = "application/json"
    other_types: tuple[str, ...] = ()
    """Other content types that the same answer comes in."""
    error: TypeAdapter[Any] | None = None
    """What its errors are, unless they are problems; those of the edge, such as a body too large, always are."""
    body_type: str = "application/json"
    events: TypeAdapter[Any] | None = None
    """What the events of a text/event-stream are."""
    is_resumable: bool = False
    """The stream can be resumed by Last-Event-ID; 204 says that nothing follows."""
    is_cacheable: bool = False
    """The answer has an ETag, and an unchanged one is a 304."""


def build_document(
    *,
    title: str,
    version: str,
    endpoints: Iterable[OpenApiOperation],
    description: str = "",
    tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The OpenAPI document. Raises ValueError when two endpoints, or two schemas, have the same name.

    `tags` describes the groups of endpoints.
    """
    listed = sorted(endpoints, key=lambda endpoint: endpoint.path)
    names = [endpoint.operation_id for endpoint in listed]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two endpoints of one name: {', '.join(sorted(twice))}")
    writer = _Writer(listed)
    paths: dict[str, Any] = {}
    for endpoint in listed:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = writer.operation(endpoint)
    described = tags or {}
    used = find_reachable_schemas([paths], writer.schemas)  # what only a query refers to has become parameters
    schemas = {name: schema for name, schema in writer.schemas.items() if name in used}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": version,
            "license": {"name": "MIT", "identifier": "MIT"},
            **({"description": description} if description else {}),
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": tag, **({"description": described[tag]} if tag in described else {})}
            for tag in sorted({tag for endpoint in listed for tag in endpoint.tags})
        ],
        "paths": paths,
        "components": build_components(schemas),
    }


class _Writer:
    """Writes operations. All models of a document are named together, because their names must not collide."""

    def __init__(self, endpoints: list[OpenApiOperation]) -> None:
        self._roots, shared = _schemas(endpoints)
        sent = [schema for (_, role), schema in self._roots.items() if role not in _ANSWERED]
        self.schemas = tidy_schemas(shared, list(self._roots.values()), sent)
        self._examples = ExampleBuilder(self.schemas)

    def operation(self, endpoint: OpenApiOperation) -> dict[str, Any]:
        summary, _, rest = inspect.cleandoc(endpoint.docstring).partition("\n")
        shown: dict[str, Any] = {"operationId": endpoint.operation_id, "summary": summary.strip()}
        if rest.strip():
            shown["description"] = rest.strip()
        shown["tags"] = list(endpoint.tags)
        shown["parameters"] = self._parameters(endpoint)
        if endpoint.body is not None:
            content = {endpoint.body_type: self._media(endpoint.body_type, self._roots[endpoint.operation_id, "body"])}
            shown["requestBody"] = {"required": endpoint.body_required, "content": content}
        shown["responses"] = {str(endpoint.status): self._success(endpoint)}
        if endpoint.is_resumable:
            shown["responses"]["204"] = _no_more_events()
        if endpoint.is_cacheable:
            shown["responses"]["304"] = _not_modified()
        shown["responses"] |= {str(status): self._failure(endpoint, status) for status in _may_fail_with(endpoint)}
        shown["security"] = _SECURITY[endpoint.access]
        return shown

    def _media(self, kind: str, schema: dict[str, Any]) -> dict[str, Any]:
        media: dict[str, Any] = {"schema": schema}
        if kind == "application/json" and schema:
            media["example"] = self._examples.build_example(schema)
        return media

    def _parameters(self, endpoint: OpenApiOperation) -> list[dict[str, Any]]:
        listed = [
            {"name": name, "in": "path", "required": True, **self._example(name, schema)}
            for name in endpoint.path_parameters
            for schema in [self._roots[endpoint.operation_id, f"path:{name}"]]
        ]
        if endpoint.query is not None:
            schema = self._roots[endpoint.operation_id, "query"]
            model = self.schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
            required = model.get("required", ())
            listed += [
                self._query(name, inner, required=name in required)
                for name, inner in model.get("properties", {}).items()
            ]
        if endpoint.is_idempotent:
            listed.append({"$ref": "#/components/parameters/IdempotencyKey"})
        if endpoint.is_resumable:
            listed.append({"$ref": "#/components/parameters/LastEventId"})
        return [*listed, {"$ref": "#/components/parameters/RequestId"}]

    def _query(self, name: str, schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
        """A query has no null: an optional parameter is left out instead."""
        inner = dict(schema)
        options = [option for option in inner.pop("anyOf", ()) if option.get("type") != "null"]
        inner |= options[0] if len(options) == 1 else ({"anyOf": options} if options else {})
        if inner.get("default", 0) is None:
            del inner["default"]
        inner.pop("title", None)
        about = {"description": inner.pop("description")} if "description" in inner else {}
        return {"name": name, "in": "query", "required": required, **about, **self._example(name, inner)}

    def _example(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        example = self._examples.build_example(schema, name)
        return {"schema": schema} if example is None else {"schema": schema, "example": example}

    def _success(self, endpoint: OpenApiOperation) -> dict[str, Any]:
        headers = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
        if endpoint.is_idempotent:
            headers["Idempotency-Replayed"] = {"$ref": "#/components/headers/IdempotencyReplayed"}
        if endpoint.is_cacheable:
            headers["ETag"] = {"$ref": "#/components/headers/ETag"}
        answer: dict[str, Any] = {"description": "Done.", "headers": headers}
        if endpoint.response_type is not None:
            kinds = (endpoint.response_type, *endpoint.other_types)
            answer["content"] = {kind: self._media(kind, self._reply_schema(endpoint, kind)) for kind in kinds}
        return answer

    def _reply_schema(self, endpoint: OpenApiOperation, kind: str) -> dict[str, Any]:
        """JSON has the schema of its model, events are text made of models, the rest is text or bytes."""
        if kind == "application/json":
            return self._roots.get((endpoint.operation_id, "reply"), {})
        if kind == _EVENTS and endpoint.events is not None:
            events = self._roots[endpoint.operation_id, "events"]
            return {"type": "string", "contentMediaType": _EVENTS, "contentSchema": events}
        if kind == "*/*":
            return {}
        return {"type": "string"} if kind.startswith("text/") else dict(_BINARY)

    def _failure(self, endpoint: OpenApiOperation, status: int) -> dict[str, Any]:
        if endpoint.error is None:
            return {"$ref": f"#/components/responses/Problem{status}"}
        failure = build_problem_response(status)
        failure["content"]["application/json"] = {"schema": self._roots[endpoint.operation_id, "failure"]}
        return failure


SchemaRoots = dict[tuple[str, str], dict[str, Any]]
"""Schemas by the endpoint's name and their role in it."""


def _schemas(endpoints: list[OpenApiOperation]) -> tuple[SchemaRoots, dict[str, Any]]:
    """One naming for all models: a model that reads otherwise than it writes gets two names."""
    wanted: list[tuple[tuple[str, str], Literal["validation", "serialization"], TypeAdapter[Any]]] = []
    for endpoint in endpoints:
        roles = {"body": endpoint.body, "query": endpoint.query, "reply": endpoint.response, "events": endpoint.events}
        roles["failure"] = endpoint.error
        roles |= {f"path:{name}": adapter for name, adapter in endpoint.path_parameters.items()}
        for role, adapter in roles.items():
            if adapter is not None:
                mode: Literal["validation", "serialization"] = "serialization" if role in _ANSWERED else "validation"
                wanted.append(((endpoint.operation_id, role), mode, adapter))
    by_key = {f"{name}.{role}": (name, role) for (name, role), _, _ in wanted}
    inputs = [(f"{name}.{role}", mode, adapter) for (name, role), mode, adapter in wanted]
    made, shared = TypeAdapter.json_schemas(inputs, by_alias=False, ref_template=SCHEMA_REF)
    roots = {by_key[key]: dict(schema) for (key, _), schema in made.items()}
    return roots, shared.get("$defs", {})


_SECURITY: Mapping[str, list[dict[str, list[str]]]] = {
    "open": [],
    "optional": [{"bearer": []}, {}],
    "signed_in": [{"bearer": []}],
}


def _not_modified() -> dict[str, Any]:
    headers = {"ETag": {"$ref": "#/components/headers/ETag"}}
    return {"description": "Unchanged since the answer whose ETag came as If-None-Match.", "headers": headers}


def _no_more_events() -> dict[str, Any]:
    headers = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    return {"description": "The stream has ended, and nothing follows the Last-Event-ID.", "headers": headers}


def _may_fail_with(endpoint: OpenApiOperation) -> list[int]:
    statuses = {400, 404, 410, 422, 429, 500, 502, 503, 504}
    if endpoint.access == "signed_in":
        statuses |= {401, 403}
    if endpoint.body is not None:
        statuses |= {408, 413, 415}
    if endpoint.method != "GET":
        statuses |= {401, 403, 409}  # 401 and 403 also from a sign-in that fails
    return sorted(statuses)
