"""Typed endpoints: a handler's signature says what it takes, and everything else follows from it.

    class BookingRoutes:
        @post("/api/bookings", status=201, who=TRAVELLER, idempotent=True)
        async def create(self, call: Call, body: BookingIn) -> BookingOut: ...

`call` is the request, `body` and `query` are models, every other parameter is a part of the path.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from aiohttp import web
from pydantic import AliasGenerator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from hub.core.errors import Unauthenticated
from hub.identity import Caller

F = TypeVar("F", bound=Callable[..., Any])


class ApiModel(BaseModel):
    """What comes in or goes out as JSON: snake_case out, camelCase also accepted in, unknown fields left aside."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(validation_alias=to_camel),
        populate_by_name=True,
        str_strip_whitespace=True,
        frozen=True,
        extra="ignore",
    )


class Audience(Enum):
    ANYONE = "anyone"
    TRAVELLER = "traveller"
    STAFF = "staff"


ANYONE, TRAVELLER, STAFF = Audience.ANYONE, Audience.TRAVELLER, Audience.STAFF


@dataclass(slots=True)
class Call:
    """One request, as far as a handler may know it."""

    request: web.Request
    caller: Caller | None = None
    timings: list[tuple[str, float]] = field(default_factory=list)

    @property
    def who(self) -> Caller:
        """The signed-in caller. Raises Unauthenticated."""
        if self.caller is None:
            raise Unauthenticated
        return self.caller

    @property
    def idempotency_key(self) -> str | None:
        return self.request.headers.get("Idempotency-Key")

    @property
    def headers(self) -> Mapping[str, str]:
        return self.request.headers

    def timing(self, name: str, seconds: float) -> None:
        """Says in the Server-Timing header where the time went."""
        self.timings.append((name, seconds))


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is not simply the model: bytes, another status, headers of its own."""

    body: bytes | BaseModel
    status: int | None = None
    headers: Mapping[str, str] | None = None
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the decorator has noted of a handler."""

    method: str
    path: str
    status: int
    who: Audience
    idempotent: bool
    limit: str | None
    tags: tuple[str, ...]
    reply: Any


def _route(method: str) -> Callable[..., Callable[[F], F]]:
    def decorator(
        path: str,
        *,
        status: int = 200,
        who: Audience = ANYONE,
        idempotent: bool = False,
        limit: str | None = None,
        tags: tuple[str, ...] = (),
        reply: Any = None,
    ) -> Callable[[F], F]:
        """`limit="auth"` counts against the strict bucket; `reply` documents the model where bytes are returned."""

        def mark(handler: F) -> F:
            endpoint = Endpoint(method, path, status, who, idempotent, limit, tags, reply)
            handler.__endpoints__ = (*getattr(handler, "__endpoints__", ()), endpoint)  # type: ignore[attr-defined]
            return handler

        return mark

    return decorator


get, post, put, patch, delete = (_route(method) for method in ("GET", "POST", "PUT", "PATCH", "DELETE"))
