"""What an endpoint is made of: one decorator, the call it receives, the model it reads, the reply it gives.

    class BookingRoutes:
        @post("/api/bookings", status=201, who=OWN_MONEY, idempotent=True)
        async def create(self, call: Call, body: BookingIn) -> BookingOut:
            "Book an offer."

Parameters are given by name and annotation: `call`, `body` (a model, or bytes for the raw body), `query` (a flat
model), and one for each `{parameter}` of the path. What is returned is a model, anything that pydantic can
serialise, None (204), a Reply, or an aiohttp response.

Decorators can be stacked where one thing has several addresses. A parameter with a default may be missing from some
of the paths: `customer_id: UUID | None = None`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from aiohttp import web
from multidict import CIMultiDictProxy
from pydantic import AliasGenerator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from hub.core.errors import Unauthenticated
from hub.people.identity import (
    ADD_STAFF,
    ANYONE,
    ASK_MODELS,
    MANAGE_CUSTOMERS,
    MANAGE_STAFF,
    MOVE_MONEY,
    OPTIONAL,
    OWN_ACCOUNT,
    OWN_DATA,
    OWN_MONEY,
    READ_AUDIT,
    READ_BOOKINGS,
    READ_CUSTOMERS,
    READ_MONEY,
    READ_STAFF,
    STAFF_SELF,
    Caller,
    Permission,
)
from routes.web.openapi_parts import MAX_TEXT_LENGTH

F = TypeVar("F", bound=Callable[..., Any])


class ApiModel(BaseModel):
    """What comes in and goes out: snake_case, and camelCase is understood too.

    An unknown field is an error with a suggestion: a misspelled one would lose a wish, or money, without a word.
    Strings are stripped and end at 50,000 characters unless the field says
    otherwise. Bodies are read strictly: a number is no string, and a BeforeValidator must return the final type
    (for a date or a tuple), because what it returns is no longer JSON.
    """

    model_config = ConfigDict(
        alias_generator=AliasGenerator(validation_alias=to_camel),
        validate_by_name=True,
        extra="forbid",
        loc_by_alias=False,
        str_strip_whitespace=True,
        str_max_length=MAX_TEXT_LENGTH,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


@dataclass(frozen=True, slots=True)
class Operation:
    """What the decorator says of a handler. `timeout` and `max_body` (seconds, bytes) replace the hub's defaults."""

    method: str
    path: str
    status: int = 200
    permission: Permission = ANYONE
    idempotent: bool = False
    tags: tuple[str, ...] = ()
    rate_limit: str | None = "default"
    timeout: float | None = None
    max_body: int | None = None
    response_model: Any = None
    response_type: str = "application/json"
    other_types: tuple[str, ...] = ()
    hidden: bool = False
    wire: Literal["hub", "openai"] = "hub"
    request_model: Any = None
    request_type: str = "multipart/form-data"
    event_model: Any = None
    resumable: bool = False


def endpoint(
    method: str,
    path: str,
    *,
    status: int = 200,
    permission: Permission = ANYONE,
    idempotent: bool = False,
    tags: tuple[str, ...] = (),
    rate_limit: str | None = "default",
    timeout: float | None = None,
    max_body: int | None = None,
    response_model: Any = None,
    response_type: str = "application/json",
    other_types: tuple[str, ...] = (),
    hidden: bool = False,
    wire: Literal["hub", "openai"] = "hub",
    request_model: Any = None,
    request_type: str = "multipart/form-data",
    event_model: Any = None,
    resumable: bool = False,
) -> Callable[[F], F]:
    """Marks a method as the handler of `method` on `path`. Above another decorator of this kind, of both.

    `idempotent`: takes an Idempotency-Key. `rate_limit`: the name of the rate that bounds it, None for no bound.
    `response_model`: the model that documents an answer given as bytes, `response_type` its content type,
    `other_types` others in which it may be asked for.
    `hidden`: not in the OpenAPI document.
    `wire`: whose errors it has, those of the hub or those of OpenAI.
    `request_model`: the model that documents a body which the handler reads itself, `request_type` its content type.
    `event_model`: the type that documents the events of a `text/event-stream`.
    `resumable`: the stream goes on after a Last-Event-ID, and is a 204 where nothing follows it.
    """
    operation = Operation(
        method,
        path,
        status,
        permission,
        idempotent,
        tags,
        rate_limit,
        timeout,
        max_body,
        response_model,
        response_type,
        other_types,
        hidden,
        wire,
        request_model,
        request_type,
        event_model,
        resumable,
    )

    def mark(handler: F) -> F:
        below: tuple[Operation, ...] = getattr(handler, "__operations__", ())
        handler.__operations__ = (operation, *below)  # type: ignore[attr-defined]
        return handler

    return mark


def get(path: str, **options: Any) -> Callable[[F], F]:
    """See `endpoint`."""
    return endpoint("GET", path, **options)


def post(path: str, **options: Any) -> Callable[[F], F]:
    """See `endpoint`."""
    return endpoint("POST", path, **options)


def put(path: str, **options: Any) -> Callable[[F], F]:
    """See `endpoint`."""
    return endpoint("PUT", path, **options)


def patch(path: str, **options: Any) -> Callable[[F], F]:
    """See `endpoint`."""
    return endpoint("PATCH", path, **options)


def delete(path: str, **options: Any) -> Callable[[F], F]:
    """See `endpoint`."""
    return endpoint("DELETE", path, **options)


@dataclass(slots=True)
class Reply:
    """An answer with more to it than its body. Bytes go out as they are, anything else is serialised."""

    body: Any = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass(slots=True)
class RequestContext:
    """What the edge knows of a request before any endpoint does."""

    request_id: str
    ip: str
    user_agent: str
    started_monotonic: float
    """On clock.monotonic()."""
    timings: list[tuple[str, float]] = field(default_factory=list)
    response_headers: dict[str, str] = field(default_factory=dict)


DEVICE_COOKIE = "hub_device"
REGISTRATION_COOKIE = "hub_registration"
PLANS_COOKIE = "hub_plans"
"""A traveler's access token, for the pages of plans alone."""
REQUEST_CONTEXT = web.RequestKey("visit", RequestContext)


@dataclass(slots=True)
class Call:
    """One call of an endpoint."""

    request: web.Request
    context: RequestContext
    caller: Caller | None = None
    token: str = field(default="", repr=False)
    """The caller's access token; empty for a staff member with a cookie."""
    idempotency_key: str | None = None

    @property
    def signed_in_caller(self) -> Caller:
        """The caller. Raises Unauthenticated where the endpoint let somebody unknown in."""
        if self.caller is None:
            raise Unauthenticated
        return self.caller

    @property
    def request_id(self) -> str:
        return self.context.request_id

    @property
    def ip(self) -> str:
        return self.context.ip

    @property
    def user_agent(self) -> str:
        return self.context.user_agent

    @property
    def device_token(self) -> str | None:
        """The secret by which the caller's device was made known at an earlier sign-in: a header, or a cookie."""
        return self.request.headers.get("X-Device-Token") or self.request.cookies.get(DEVICE_COOKIE)

    @property
    def registration_token(self) -> str | None:
        """The secret of a registration that was made with this browser."""
        return self.request.cookies.get(REGISTRATION_COOKIE)

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        return self.request.headers

    def add_timing(self, name: str, seconds: float) -> None:
        """Adds a line to the answer's Server-Timing. `name` is a token such as `db` or `kiwi`."""
        self.context.timings.append((name, seconds))


__all__ = [
    "ADD_STAFF",
    "ANYONE",
    "ASK_MODELS",
    "DEVICE_COOKIE",
    "MANAGE_CUSTOMERS",
    "MANAGE_STAFF",
    "MOVE_MONEY",
    "OPTIONAL",
    "OWN_ACCOUNT",
    "OWN_DATA",
    "OWN_MONEY",
    "PLANS_COOKIE",
    "READ_AUDIT",
    "READ_BOOKINGS",
    "READ_CUSTOMERS",
    "READ_MONEY",
    "READ_STAFF",
    "REGISTRATION_COOKIE",
    "REQUEST_CONTEXT",
    "STAFF_SELF",
    "ApiModel",
    "Call",
    "Operation",
    "Reply",
    "RequestContext",
    "delete",
    "endpoint",
    "get",
    "patch",
    "post",
    "put",
]
