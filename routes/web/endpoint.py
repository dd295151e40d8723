"""A handler, understood once: what its signature asks for, how its answer is written."""

import inspect
import re
import types
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, TypeAdapter

from routes.openai.completion_schemas import OpenAIError
from routes.web import openapi
from routes.web.endpoint_api import ANYONE, OPTIONAL, Call, Operation, Reply
from routes.web.parsing import QueryParser, parse_body, parse_path, read_body, reject_query, require_json

_PARAMETER = re.compile(r"\{(\w+)(?::[^}]*)?\}")
_UUID = r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"
_PATTERNS: Mapping[Any, str] = {UUID: _UUID, int: r"-?[0-9]+"}
_ACCESS: dict[str, Any] = {ANYONE.name: "open", OPTIONAL.name: "optional"}


class Endpoint:
    """One decorated method. Raises TypeError at start for a signature that does not fit its path.

    Query parameters that are not declared are refused, except on pages (links to them carry marks of campaigns) and
    on the wire of OpenAI (its clients add parameters of their own).
    """

    def __init__(self, operation: Operation, handler: Callable[..., Awaitable[Any]], name: str) -> None:
        self.operation = operation
        self.name = name
        self._handler = handler
        hints = get_type_hints(handler, include_extras=True)
        self.return_type = hints.pop("return", None)
        self._takes_call = hints.pop("call", None) is not None
        self._read_body(hints)
        query = hints.pop("query", None)
        self._query_model = query
        self._path = self._read_path(hints)
        self._check()
        self._lenient = operation.hidden or operation.wire != "hub"
        self._query = QueryParser(query, lenient=self._lenient) if query is not None else None
        self._writer = TypeAdapter(self.return_type) if _is_data(self.return_type) else None

    def bound(self, handler: Callable[..., Awaitable[Any]]) -> "Endpoint":
        """The same endpoint, served by the method of an instance."""
        endpoint = copy(self)
        endpoint._handler = handler  # noqa: SLF001 (of the same class)
        return endpoint

    def _read_body(self, hints: dict[str, Any]) -> None:
        self._wants_body = "body" in hints
        kind = hints.pop("body", bytes)
        self._body = None if kind is bytes else TypeAdapter(kind)
        self._body_optional = _is_optional(kind)

    def _read_path(self, hints: dict[str, Any]) -> dict[str, TypeAdapter[Any]]:
        """Those of the signature that stand in this path; the others must have a default."""
        inside = _PARAMETER.findall(self.operation.path)
        known = inspect.signature(self._handler).parameters
        wanted = [one for one in hints if one in inside or known[one].default is inspect.Parameter.empty]
        if sorted(inside) != sorted(wanted):
            raise TypeError(f"{self.name}: the path has {inside}, the signature {sorted(hints)}")
        types_of = {name: _without_none(hints[name]) for name in wanted}
        self._types = types_of
        return {name: TypeAdapter(kind) for name, kind in types_of.items()}

    def _check(self) -> None:
        if self._query_model is not None and not _is_model(self._query_model):
            raise TypeError(f"{self.name}: query must be a model")
        if self.operation.idempotent and self.operation.method == "GET":
            raise TypeError(f"{self.name}: a GET is idempotent by itself")

    @property
    def route_pattern(self) -> str:
        """The path as aiohttp routes it. An id matches only where an id can stand.

        So `/plan/stream` is not taken for a plan named `stream`, and `Allow` names no method that could not succeed.
        """
        return _PARAMETER.sub(self._parameter, self.operation.path)

    def _parameter(self, found: re.Match[str]) -> str:
        name, pattern = found[1], found[0].partition(":")[2]
        known = _PATTERNS.get(self._types.get(name))
        return f"{{{name}:{known}}}" if known is not None and not pattern else found[0]

    async def read_arguments(self, call: Call, max_body: int) -> tuple[dict[str, Any], bytes]:
        """The arguments of the handler, and the raw body. Raises HubErrors of the 400 family."""
        arguments: dict[str, Any] = {"call": call} if self._takes_call else {}
        request = call.request
        for name, adapter in self._path.items():
            arguments[name] = parse_path(adapter, request.match_info[name])
        if self._query is not None:
            arguments["query"] = self._query.parse_query(request.query)
        elif not self._lenient:
            reject_query(request.query)
        raw = b""
        if self._wants_body or self.operation.idempotent:
            raw = await read_body(request, self.operation.max_body or max_body)
        if self._wants_body:
            arguments["body"] = self._parse(request, raw)
        return arguments, raw

    def _parse(self, request: web.Request, raw: bytes) -> Any:
        if self._body is None:
            return raw
        if not raw and self._body_optional:
            return None
        require_json(request, raw)
        return parse_body(self._body, raw)

    async def call_handler(self, arguments: dict[str, Any]) -> web.StreamResponse:
        """Calls the handler and writes its answer, in one step from the model to bytes."""
        result = await self._handler(**arguments)
        if isinstance(result, web.StreamResponse):
            return result
        if isinstance(result, Reply):
            return self._reply(result)
        if result is None:
            return web.Response(status=204 if self.operation.status == 200 else self.operation.status)  # noqa: PLR2004
        writer = self._writer or TypeAdapter(type(result))
        return web.Response(
            body=writer.dump_json(result), status=self.operation.status, content_type="application/json"
        )

    def _reply(self, reply: Reply) -> web.Response:
        body = reply.body
        if isinstance(body, str):
            body = body.encode()
        elif body is not None and not isinstance(body, bytes | bytearray | memoryview):
            body = TypeAdapter(type(body)).dump_json(body)
        headers = {"Content-Type": reply.content_type, **reply.headers} if body is not None else reply.headers
        return web.Response(body=body, status=reply.status or self.operation.status, headers=headers)

    def to_openapi(self) -> openapi.OpenApiOperation:
        """For the OpenAPI document."""
        operation = self.operation
        answer = operation.response_model or (self.return_type if _is_data(self.return_type) else None)
        empty = self.return_type in (None, type(None)) or operation.status == 204  # noqa: PLR2004
        body = TypeAdapter(operation.request_model) if operation.request_model is not None else self._body
        unknown = answer is None and operation.response_type == "application/json"
        return openapi.OpenApiOperation(
            method=operation.method,
            path=_PARAMETER.sub(r"{\1}", operation.path),
            operation_id=self.name,
            docstring=self._handler.__doc__ or "",
            status=204 if empty and operation.status == 200 else operation.status,  # noqa: PLR2004
            access=_ACCESS.get(operation.permission.name, "signed_in"),
            is_idempotent=operation.idempotent,
            tags=operation.tags,
            body=body,
            body_type="application/json" if operation.request_model is None else operation.request_type,
            body_required=not self._body_optional,
            query=TypeAdapter(self._query_model) if self._query_model is not None else None,
            path_parameters=self._path,
            response=TypeAdapter(answer) if answer is not None else None,
            response_type=None if empty else ("*/*" if unknown else operation.response_type),
            other_types=operation.other_types,
            error=TypeAdapter(OpenAIError) if operation.wire == "openai" else None,
            is_resumable=operation.resumable,
            is_cacheable=operation.method == "GET" and operation.wire == "hub" and operation.event_model is None,
            events=TypeAdapter(operation.event_model) if operation.event_model is not None else None,
        )


def list_endpoints(group: object) -> list[Endpoint]:
    """The decorated methods of an object, in the order of the class body, named `bookings_create`.

    Of several decorators the topmost gives its endpoint that name, the others end it with their own path.
    """
    unbound = _unbound_endpoints(type(group))  # type: ignore[arg-type]  # mypy takes a class for not hashable
    return [endpoint.bound(getattr(group, method)) for method, endpoint in unbound]


@cache
def _unbound_endpoints(group: type[Any]) -> list[tuple[str, Endpoint]]:
    """Method name and endpoint. Signatures are read once for each class: for all of the hub that takes 0.1 s."""
    noun = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", group.__name__.removesuffix("Routes")).lower()
    endpoints = []
    for method in dict.fromkeys(name for kind in reversed(group.__mro__) for name in vars(kind)):
        operations = getattr(inspect.getattr_static(group, method), "__operations__", ())
        names = _names(f"{noun}_{method}", operations)
        function = getattr(group, method)
        endpoints += [(method, Endpoint(one, function, name)) for one, name in zip(operations, names, strict=True)]
    return endpoints


def _names(first: str, operations: tuple[Operation, ...]) -> list[str]:
    found: list[str] = []
    for one in operations:
        words = [word for word in re.findall(r"\w+", _PARAMETER.sub("", one.path)) if word != "api"]
        choices = (first, "_".join((first, *words)), "_".join((first, *words, one.method.lower())))
        found.append(next(name for name in choices if name not in found))
    return found


def _is_data(kind: Any) -> bool:
    """Whether an answer of this type is written by pydantic."""
    if kind in (None, type(None), Reply):
        return False
    return not (isinstance(kind, type) and issubclass(kind, web.StreamResponse))


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _is_optional(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind)


def _without_none(kind: Any) -> Any:
    """What a path can hold: an optional parameter is there, or the path is another one."""
    if not _is_optional(kind):
        return kind
    return Union[tuple(one for one in get_args(kind) if one is not type(None))]  # noqa: UP007
