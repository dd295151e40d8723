"""Errors as application/problem+json (RFC 9457)."""

from collections.abc import Iterable
from typing import Any

import orjson
from aiohttp import web
from pydantic import ValidationError

from hub.core.errors import BadRequest, FieldError, HubError, Invalid, ProviderError

_MESSAGES = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_type": "must be text",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "bool_parsing": "must be true or false",
    "uuid_parsing": "must be a UUID",
    "date_from_datetime_parsing": "must be a date, such as 2027-01-31",
    "date_parsing": "must be a date, such as 2027-01-31",
}


def problem(error: HubError, request_id: str | None) -> web.Response:
    """The error as an answer. Nothing of the request's values is repeated in it."""
    body: dict[str, Any] = {
        "type": f"urn:travel-hub:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id,
    }
    if error.errors:
        body["errors"] = [one.as_dict() for one in error.errors]
    if isinstance(error, ProviderError):
        body["provider"] = error.provider
    headers = {"Retry-After": str(max(1, round(error.retry_after)))} if error.retry_after is not None else {}
    if error.status == 401:  # noqa: PLR2004
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(
        body=orjson.dumps(body), status=error.status, headers=headers, content_type="application/problem+json"
    )


def from_http(error: web.HTTPException) -> HubError:
    """aiohttp's own errors (no such route, wrong method, body too large) in our family."""

    class Plain(HubError):
        status = error.status
        code = {404: "route_not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}.get(
            error.status, "http_error"
        )
        title = error.reason

    return Plain(error.reason + ".")


def from_validation(error: ValidationError, where: str) -> HubError:
    """One FieldError per field. `where` is "" for the body, `/query` for the query.

    The values themselves are left out: they may be personal data. Malformed JSON is 400, a wrong field 422.
    """
    found = error.errors(include_url=False, include_input=False, include_context=False)
    if any(one["type"] == "json_invalid" for one in found):
        return BadRequest("The body is not valid JSON.", code="malformed_json")
    return Invalid(errors=tuple(_field(one["type"], one["loc"], one["msg"], where) for one in found[:50]))


def _field(kind: str, loc: Iterable[Any], message: str, where: str) -> FieldError:
    parts = "".join("/" + _snake(str(part)).replace("~", "~0").replace("/", "~1") for part in loc)
    return FieldError(where + parts, kind, _MESSAGES.get(kind) or message.removeprefix("Value error, "))


def _snake(name: str) -> str:
    """Fields are named as we document them, however they were spelt."""
    return "".join(f"_{letter.lower()}" if letter.isascii() and letter.isupper() else letter for letter in name)
