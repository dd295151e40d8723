"""From decorated methods to aiohttp routes and an OpenAPI document. Signatures are read once, at start."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from hub.core.errors import BadRequest, Forbidden, HubError, Invalid, NotFound, Unauthenticated
from hub.core.openapi import Operation, document
from hub.identity import Caller
from routes.problems import from_validation
from routes.request import ANYONE, STAFF, Audience, Call, Endpoint, Reply

Authenticate = Callable[[str], Awaitable[Caller]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ENDPOINT: web.RequestKey[Endpoint] = web.RequestKey("endpoint", Endpoint)
CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)
CALL: web.RequestKey[Call] = web.RequestKey("call", Call)


class UnsupportedMedia(HubError):
    """The body has to be application/json."""

    status = 415
    code = "unsupported_media_type"
    title = "Unsupported media type"


@dataclass(frozen=True, slots=True)
class Bound:
    """A handler with everything its signature says."""

    endpoint: Endpoint
    handler: Callable[..., Awaitable[Any]]
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    many: frozenset[str]
    """Query fields that take several values."""
    path: dict[str, TypeAdapter[Any]]
    returns: Any
    dump: TypeAdapter[Any] | None


class Api:
    """`add` the route classes, then `install` into the application."""

    def __init__(self, authenticate: Authenticate, *, title: str, version: str) -> None:
        self._authenticate = authenticate
        self._title = title
        self._version = version
        self._bound: list[Bound] = []

    def add(self, *groups: object) -> None:
        for group in groups:
            for _, method in inspect.getmembers(group, inspect.ismethod):
                self._bound += [_bind(endpoint, method) for endpoint in getattr(method, "__endpoints__", ())]

    def install(self, app: web.Application) -> None:
        for bound in self._bound:
            route = app.router.add_route(bound.endpoint.method, bound.endpoint.path, self._serve(bound))
            route.handler.__endpoint__ = bound.endpoint  # type: ignore[attr-defined]

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document of all that has been added."""
        return document(self._title, self._version, [_operation(bound) for bound in self._bound])

    async def identify(self, request: web.Request, who: Audience) -> Caller | None:
        """Who is calling. Raises Unauthenticated or Forbidden when that is not enough for `who`."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if who is ANYONE:
            return None
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated
        caller = await self._authenticate(token.strip())
        if (who is STAFF) != (caller.kind == "staff"):
            raise Forbidden
        return caller

    def _serve(self, bound: Bound) -> Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            call = Call(request, request.get(CALLER))
            request[CALL] = call
            arguments = _path(request, bound)
            if bound.query is not None:
                arguments["query"] = _query(request, bound)
            if bound.body is not None:
                arguments["body"] = await _body(request, bound.body)
            return _reply(await bound.handler(call, **arguments), bound)

        return serve


def _bind(endpoint: Endpoint, handler: Callable[..., Awaitable[Any]]) -> Bound:
    hints = get_type_hints(handler, include_extras=True)
    returns = hints.pop("return", None)
    hints.pop("call", None)
    body, query = hints.pop("body", None), hints.pop("query", None)
    returns = endpoint.reply or returns
    plain = returns in {None, type(None), Reply}
    return Bound(
        endpoint=endpoint,
        handler=handler,
        body=body,
        query=query,
        many=frozenset(_lists(query)) if query else frozenset(),
        path={name: TypeAdapter(kind) for name, kind in hints.items()},
        returns=None if plain else returns,
        dump=None if plain or endpoint.reply else TypeAdapter(returns),
    )


def _lists(model: type[BaseModel]) -> list[str]:
    def is_list(kind: Any) -> bool:
        options = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
        return any(get_origin(one) in {list, tuple, set, frozenset} for one in options)

    return [name for name, field in model.model_fields.items() if is_list(field.annotation)]


def _operation(bound: Bound) -> Operation:
    return Operation(
        endpoint=replace(bound.endpoint),
        name=bound.handler.__qualname__,
        doc=inspect.getdoc(bound.handler) or "",
        body=bound.body,
        query=bound.query,
        path=bound.path,
        returns=bound.returns,
    )


def _path(request: web.Request, bound: Bound) -> dict[str, Any]:
    try:
        return {name: kind.validate_python(request.match_info[name]) for name, kind in bound.path.items()}
    except ValidationError:
        raise NotFound from None


def _query(request: web.Request, bound: Bound) -> BaseModel:
    assert bound.query is not None  # noqa: S101
    values: dict[str, Any] = {}
    for name in request.query:
        if name not in values:
            several = request.query.getall(name)
            values[name] = [part for one in several for part in one.split(",")] if name in bound.many else several[-1]
    _refuse_unstorable("".join(f"{name}{value}" for name, value in values.items()), "/query")
    try:
        return bound.query.model_validate(values)
    except ValidationError as error:
        raise from_validation(error, "/query") from None


async def _body(request: web.Request, model: type[BaseModel]) -> BaseModel:
    if request.content_type not in {"application/json", "application/octet-stream"} or not request.can_read_body:
        if not request.can_read_body:
            raise BadRequest("The request needs a JSON body.", code="empty_body")
        raise UnsupportedMedia
    raw = await request.read()
    if rb"\u0000" in raw or b"\x00" in raw or rb"\ud" in raw.lower():
        _refuse_in(raw)
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise from_validation(error, "") from None


def _refuse_in(raw: bytes) -> None:
    try:
        _refuse_unstorable(raw.decode("utf-8"), "")
        text = TypeAdapter(Any).validate_json(raw)
    except (ValueError, ValidationError):
        raise BadRequest("The body is not valid JSON.", code="malformed_json") from None
    _refuse_unstorable(repr(text).replace("\\x00", "\x00"), "")


def _refuse_unstorable(text: str, where: str) -> None:
    """NUL and half surrogates cannot be kept by any database or sent to any provider."""
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Invalid(f"A text {('in ' + where) if where else ''} holds a character that cannot be kept.", code="bad_text")


def _reply(result: Any, bound: Bound) -> web.StreamResponse:
    status = bound.endpoint.status
    if isinstance(result, web.StreamResponse):
        return result
    if isinstance(result, Reply):
        body = result.body if isinstance(result.body, bytes) else result.body.model_dump_json().encode()
        headers = {"Content-Type": result.content_type, **(result.headers or {})}
        return web.Response(body=body, status=result.status or status, headers=headers)
    if result is None or bound.dump is None:
        return web.Response(status=204 if status == 200 else status)  # noqa: PLR2004
    return web.Response(body=bound.dump.dump_json(result), status=status, content_type="application/json")
