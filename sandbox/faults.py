"""Trouble on demand: what a provider does on its bad days, before or after the effect."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sandbox.control_input import InvalidControlInput, is_number_between, is_whole_number
from sandbox.state import SandboxState

KINDS = ("status", "timeout", "reset", "slow", "garbage", "cut")
SILENT_KINDS = frozenset({"timeout", "reset"})
"""Kinds that send no status line at all."""
PROVIDERS = (
    "kiwi",
    "stripe",
    "resend",
    "twilio",
    "oidc",
    "turnstile",
    "hcaptcha",
    "supabase",
    "paypal",
    "openai",
    "storage",
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MAX_SECONDS = 120.0
"""Seconds that a timeout holds on, when the client does not leave."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_DEFAULTS: dict[str, Any] = {
    "provider": None,
    "path": "",
    "method": None,
    "kind": None,
    "status": 503,
    "code": None,
    "retry_after": None,
    "times": None,
    "probability": 1.0,
    "delay": 2.0,
    "after_effect": False,
}
_RULES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "provider": (f"must be one of {', '.join(PROVIDERS)}", lambda it: it in PROVIDERS),
    "kind": (f"must be one of {', '.join(KINDS)}", lambda it: it in KINDS),
    "path": ("must be text: a beginning, or a pattern with *", lambda it: isinstance(it, str)),
    "method": (f"must be one of {', '.join(METHODS)}", lambda it: it is None or it in METHODS),
    "status": ("must be from 200 to 599", lambda it: is_whole_number(it, 200) and it <= 599),
    "code": ("must be the provider's own error code", lambda it: it is None or isinstance(it, str | int)),
    "retry_after": ("must be seconds or one line of text", lambda it: it is None or _is_header(it)),
    "times": ("must be a whole number above 0", lambda it: it is None or is_whole_number(it, 1)),
    "probability": ("must be from 0 to 1", lambda it: is_number_between(it, 0, 1)),
    "delay": (f"must be from 0 to {MAX_SECONDS:g} seconds", lambda it: is_number_between(it, 0, MAX_SECONDS)),
    "after_effect": ("must be true or false", lambda it: isinstance(it, bool)),
}


def _is_header(value: Any) -> bool:
    return is_number_between(value, 0, 10**9) or (isinstance(value, str) and value.isprintable() and value.isascii())


def parse_fault(raw: dict[str, Any]) -> dict[str, Any]:
    """A fault definition, completed. Raises InvalidControlInput with the field."""
    for name in raw:
        if name not in _DEFAULTS:
            raise InvalidControlInput(name, f"is not one of {', '.join(_DEFAULTS)}")
    fault = _DEFAULTS | {name: value for name, value in raw.items() if value is not None}
    if isinstance(fault["method"], str):
        fault["method"] = fault["method"].upper()
    for name, (why, holds) in _RULES.items():
        if not holds(fault[name]):
            raise InvalidControlInput(name, why)
    return fault | {"used": 0}


def pick_fault(world: SandboxState, provider: str, method: str, path: str) -> dict[str, Any] | None:
    """The first fault that strikes this call, counted; None for a good day."""
    for fault in world.faults:
        if fault["provider"] != provider or fault["method"] not in {None, method}:
            continue
        if not _matches(fault["path"], path) or not _struck(world, fault["probability"]):
            continue
        fault["used"] += 1
        if fault["times"] is not None and fault["used"] >= fault["times"]:
            world.faults[:] = [one for one in world.faults if one is not fault]
        return fault
    return None


def _struck(world: SandboxState, probability: float) -> bool:
    """A fault that always strikes rolls no die, and so leaves the story as the seed has it."""
    return probability >= 1 or world.random.random() < probability


def _matches(pattern: str, path: str) -> bool:
    """With and without the provider's prefix, as a beginning or as a pattern."""
    short = "/" + path.split("/", 2)[-1]
    return any(one.startswith(pattern) or fnmatchcase(one, pattern) for one in (path, short))


async def play_fault(fault: dict[str, Any], request: web.Request, handler: Handler) -> web.StreamResponse:
    """Plays the fault. With `after_effect` the true handler has run before, and its answer is what is spoilt."""
    kind = fault["kind"]
    answer = await handler(request) if fault["after_effect"] or kind == "cut" else None
    match kind:
        case "status":
            return _refusal(fault)
        case "slow":
            await asyncio.sleep(fault["delay"])
            return answer or await handler(request)
        case "garbage":
            return web.Response(body=b'{"half": [1, 2, \xff', content_type="application/json")
        case "cut":
            return await _cut(request, answer)
        case "timeout":
            await _until_the_client_leaves(request)
    reset_connection(request)
    return web.Response()


def _refusal(fault: dict[str, Any]) -> web.Response:
    body = build_error_body(fault["provider"], fault["status"], "An injected fault.", fault["code"])
    answer = web.json_response(body, status=fault["status"])
    if fault["retry_after"] is not None:
        answer.headers["Retry-After"] = str(fault["retry_after"])
    return answer


def build_error_body(provider: str, status: int, message: str, code: str | int | None = None) -> dict[str, Any]:
    """An error in the provider's own words."""
    match provider:
        case "stripe":
            kind = {402: "card_error"}.get(status, "invalid_request_error" if status < 500 else "api_error")
            found = code or {402: "card_declined", 409: "lock_timeout", 429: "rate_limit"}.get(status)
            return {"error": {"type": kind, "message": message} | ({"code": found} if found else {})}
        case "resend":
            return {"statusCode": status, "name": code or _resend_name(status), "message": message}
        case "twilio":
            found = code or (20003 if status == 401 else 20000 + status)
            info = f"https://www.twilio.com/docs/errors/{found}"
            return {"code": found, "message": message, "more_info": info, "status": status}
        case "kiwi":
            return {"status": _phrase(status), "error": message}
        case "supabase":
            return {"code": status, "error_code": code or _gotrue_code(status), "msg": message}
        case _:
            return _other_error(provider, status, message, code)


def _other_error(provider: str, status: int, message: str, code: str | int | None) -> dict[str, Any]:
    match provider:
        case "oidc":
            found = code or ("server_error" if status >= 500 else "invalid_request")
            return {"error": found, "error_description": message}
        case "paypal":
            return _paypal_error(status, message, code)
        case "openai":
            kind = {429: "requests"}.get(status, "invalid_request_error" if status < 500 else "server_error")
            return {"error": {"message": message, "type": kind, "param": None, "code": code}}
        case "turnstile" | "hcaptcha":
            return {"success": False, "error-codes": [code or "internal-error"]}
        case _:
            return {"error": message, "status": status}


def _paypal_error(status: int, message: str, code: str | int | None) -> dict[str, Any]:
    """`code` is the issue."""
    names = {
        400: "INVALID_REQUEST",
        401: "AUTHENTICATION_FAILURE",
        403: "NOT_AUTHORIZED",
        404: "RESOURCE_NOT_FOUND",
        409: "RESOURCE_CONFLICT",
        422: "UNPROCESSABLE_ENTITY",
        429: "RATE_LIMIT_REACHED",
        503: "SERVICE_UNAVAILABLE",
    }
    name = names.get(status, "INVALID_REQUEST" if status < 500 else "INTERNAL_SERVER_ERROR")
    details = [{"issue": code, "description": message}] if code else []
    return {"name": name, "message": message, "debug_id": "f0000000000ff", "details": details, "links": []}


def _resend_name(status: int) -> str:
    names = {
        401: "missing_api_key",
        403: "invalid_api_key",
        404: "not_found",
        405: "method_not_allowed",
        409: "concurrent_idempotent_requests",
        429: "rate_limit_exceeded",
    }
    return names.get(status, "validation_error" if status < 500 else "application_error")


def _gotrue_code(status: int) -> str:
    names = {401: "no_authorization", 422: "validation_failed", 429: "over_request_rate_limit"}
    return names.get(status, "unknown" if status < 500 else "unexpected_failure")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


async def _until_the_client_leaves(request: web.Request) -> None:
    # Asked again and again: aiohttp tells a handler of it only by cancelling it, and then the others are cancelled too.
    loop = asyncio.get_running_loop()
    end = loop.time() + MAX_SECONDS
    while loop.time() < end and is_client_connected(request):  # noqa: ASYNC110
        await asyncio.sleep(0.05)


def is_client_connected(request: web.Request) -> bool:
    """Whether the client has not left."""
    return request.transport is not None and not request.transport.is_closing()


async def _cut(request: web.Request, answer: web.StreamResponse | None) -> web.StreamResponse:
    """Half of the true body, announced as the whole, then the end of the line."""
    if answer is not None and answer.prepared:  # a stream has gone already; OpenAI's is cut by faults of its own
        return answer
    whole_body = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b"{}"
    half = web.StreamResponse(status=answer.status if answer else 200)
    half.headers.extend(answer.headers if answer else {})
    half.content_length = len(whole_body)
    await half.prepare(request)
    await half.write(whole_body[: max(1, len(whole_body) // 2)])
    await asyncio.sleep(0.05)  # a reset overtakes what the client has not read yet
    reset_connection(request)
    return half


def reset_connection(request: web.Request) -> None:
    """Ends the connection without a word: RST, not a polite close."""
    if request.transport is None:
        return
    line = request.transport.get_extra_info("socket")
    if line is not None and not request.transport.is_closing():
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
