"""The fixed parts of the OpenAPI document: problems, shared headers and parameters."""

from copy import deepcopy
from typing import Any

from hub.core.error_codes import ERROR_CODES

SCHEMA_REF = "#/components/schemas/{model}"
MAX_TEXT_LENGTH = 50_000
"""Characters of any text that has no narrower limit. Said once in the description, not at every field."""

PROBLEM_DESCRIPTIONS: dict[int, str] = {
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

_ERROR_CODE: dict[str, Any] = {
    "description": "A stable code for programs. `GET /api/errors` lists them with their status and meaning; new ones "
    "may be added, so handle a code you do not know by the status.",
    "type": "string",
    "examples": ["invalid"],
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
        "code": {"$ref": SCHEMA_REF.format(model="ErrorCode")},
        "request_id": {"type": "string"},
        "provider": {"type": "string", "description": "which provider was in trouble"},
        "errors": {"type": "array", "items": {"$ref": SCHEMA_REF.format(model="FieldError")}},
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
    "ETag": {
        "description": "Of this answer. Sent back as `If-None-Match`, an unchanged answer is a 304 without a body.",
        "schema": {"type": "string"},
    },
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
        "example": "checkout-7f3a",
    },
    "LastEventId": {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "The `id` of the last event that arrived: the stream goes on after it. Browsers send it by "
        "themselves.",
        "schema": {"type": "string", "pattern": "^[0-9a-fA-F-]{32,36}\\.[0-9]{1,9}$"},
        "example": "01934e1f-7c55-7d0e-9a53-6f2b8f0f9d11.3",
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


def build_components(schemas: dict[str, Any]) -> dict[str, Any]:
    """Everything that operations refer to."""
    shared = {**deepcopy(_SHARED), "ErrorCode": build_error_code_schema()}
    return {
        "schemas": dict(sorted({**schemas, **shared}.items())),
        "responses": {f"Problem{status}": build_problem_response(status) for status in PROBLEM_DESCRIPTIONS},
        "headers": deepcopy(_HEADERS),
        "parameters": deepcopy(_PARAMETERS),
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "description": "The `token` that a sign-in gives."}
        },
    }


def build_error_code_schema() -> dict[str, Any]:
    """The schema of `code`: the catalog as documentation, and no enum, so that a new code breaks no client."""
    table = "\n".join(f"| `{code}` | {entry.status} | {entry.meaning} |" for code, entry in sorted(ERROR_CODES.items()))
    text = f"{_ERROR_CODE['description']}\n\n| code | status | meaning |\n| --- | --- | --- |\n{table}"
    return {**_ERROR_CODE, "description": text}


def build_problem_response(status: int) -> dict[str, Any]:
    """The response of an error status."""
    headers = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if status in {409, 429, 503}:
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    schema = {"$ref": SCHEMA_REF.format(model="Problem")}
    content = {"application/problem+json": {"schema": schema}}
    return {"description": PROBLEM_DESCRIPTIONS[status], "headers": headers, "content": content}
