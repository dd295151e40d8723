"""Errors as application/problem+json (RFC 9457). Whatever goes wrong, this is what the caller sees of it."""

import asyncio
import errno
import math
from typing import Any

import orjson
import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from hub.core.errors import (
    BadRequest,
    DiskFull,
    HubError,
    NotFound,
    OutOfRange,
    ProviderError,
    TooLarge,
    Unauthenticated,
)

log = structlog.get_logger(__name__)

PROBLEM_CONTENT_TYPE = "application/problem+json"
_KEPT_HEADERS = ("Allow", "WWW-Authenticate", "Retry-After")
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class DeadlineExceeded(HubError):
    """It took too long."""

    status = 504
    code = "deadline_exceeded"
    title = "Timed out"


class MethodNotAllowed(HubError):
    """This address does not take that method."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"


class RequestLineTooLong(HubError):
    """The address is longer than can be read."""

    status = 414
    code = "request_line_too_long"
    title = "Address too long"


class HeadersTooLarge(HubError):
    """A header is longer than can be read."""

    status = 431
    code = "request_headers_too_large"
    title = "Headers too large"


def error_to_response(error: HubError, request_id: str) -> web.Response:
    """The error as an answer. It holds what the error says of itself, and nothing of where it came from."""
    body: dict[str, Any] = {
        "type": f"urn:travel-hub:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id,
    }
    if error.errors:
        body["errors"] = [one.to_dict() for one in error.errors]
    if isinstance(error, ProviderError):
        body["provider"] = error.provider
    else:
        body |= error.extra
    return web.Response(body=orjson.dumps(body), status=error.status, headers=_headers(error))


def _headers(error: HubError) -> dict[str, str]:
    headers = {"Content-Type": PROBLEM_CONTENT_TYPE, "Cache-Control": "no-store"}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if isinstance(error, Unauthenticated):
        invalid = error.code != Unauthenticated.code
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if invalid else "Bearer"
    return headers


def exception_to_response(error: Exception, request_id: str) -> web.Response:
    """Any exception as an answer. One that nobody foresaw is logged with its traceback, and says nothing."""
    if isinstance(error, HubError):
        if error.status == HubError.status:
            log.error("request.failed", code=error.code, exc_info=error)
        return error_to_response(error, request_id)
    if isinstance(error, asyncio.TimeoutError):
        return error_to_response(DeadlineExceeded(), request_id)
    if isinstance(error, OverflowError):
        log.warning("request.out_of_range", exc_info=error)
        return error_to_response(OutOfRange(), request_id)
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        log.error("request.disk_full", exc_info=error)
        return error_to_response(DiskFull(), request_id)
    log.error("request.crashed", error=type(error).__name__, exc_info=error)
    return error_to_response(HubError(), request_id)


def format_allowed_methods(error: web.HTTPMethodNotAllowed) -> str:
    """The value of `Allow`: the address's own methods, and OPTIONS, which every address takes."""
    return ", ".join(sorted({*error.allowed_methods, "OPTIONS"}))


def parser_error_to_response(status: int, error: BaseException | None, request_id: str) -> web.Response:
    """What never became a request (no HTTP, a line too long), or crashed outside every handler."""
    if isinstance(error, LineTooLong):
        line = error.args[0]  # the address, or the value of a header, without its name
        start = line[:1] if isinstance(line, str) else bytes(line[:1]).decode("latin-1")
        return error_to_response(RequestLineTooLong() if start == "/" else HeadersTooLarge(), request_id)
    if status == BadRequest.status:
        return error_to_response(BadRequest(), request_id)
    return error_to_response(DeadlineExceeded() if status == DeadlineExceeded.status else HubError(), request_id)


def http_error_to_response(error: web.HTTPException, request_id: str) -> web.Response:
    """What aiohttp itself refuses (no such route, wrong method, body too large), in our words."""
    known: dict[int, type[HubError]] = {400: BadRequest, 404: NotFound, 405: MethodNotAllowed, 413: TooLarge}
    kind = known.get(error.status)
    if kind is None:
        answer = error_to_response(HubError(error.reason, code=f"http_{error.status}"), request_id)
        answer.set_status(error.status)
    else:
        answer = error_to_response(kind(), request_id)
    for name in _KEPT_HEADERS:
        if name in error.headers:
            answer.headers[name] = error.headers[name]
    if isinstance(error, web.HTTPMethodNotAllowed):
        answer.headers["Allow"] = format_allowed_methods(error)
    return answer
