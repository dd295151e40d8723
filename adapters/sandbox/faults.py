"""Trouble on demand: what a provider does on its bad days, before or after the effect."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web

from adapters.sandbox.world import World

KINDS = ("status", "timeout", "reset", "slow", "garbage", "cut")
PROVIDERS = ("kiwi", "stripe", "resend", "twilio")
LONGEST = 120.0
"""Seconds that a timeout holds on, when the client does not leave."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def parse(raw: Any) -> dict[str, Any]:
    """A fault definition, completed. Raises ValueError, whose first word is the field that is wrong."""
    if not isinstance(raw, dict):
        raise ValueError("body must be a JSON object")  # noqa: TRY004
    fault = {
        "provider": raw.get("provider"),
        "path": raw.get("path") or "",
        "method": raw.get("method"),
        "kind": raw.get("kind"),
        "status": raw.get("status", 503),
        "retry_after": raw.get("retry_after"),
        "times": raw.get("times"),
        "probability": raw.get("probability", 1.0),
        "delay": raw.get("delay", 2.0),
        "after_effect": bool(raw.get("after_effect", False)),
        "used": 0,
    }
    _check(fault)
    return fault


def _check(fault: dict[str, Any]) -> None:
    if fault["provider"] not in PROVIDERS:
        raise ValueError(f"provider must be one of {', '.join(PROVIDERS)}")
    if fault["kind"] not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    if not isinstance(fault["path"], str):
        raise ValueError("path must be text: a prefix, or a pattern with *")  # noqa: TRY004
    if not isinstance(fault["status"], int) or not 200 <= fault["status"] <= 599:
        raise ValueError("status must be from 200 to 599")
    times = fault["times"]
    if times is not None and (not isinstance(times, int) or times < 1):
        raise ValueError("times must be a whole number above 0")
    for name, most in (("probability", 1.0), ("delay", LONGEST)):
        if isinstance(fault[name], bool) or not isinstance(fault[name], int | float) or not 0 <= fault[name] <= most:
            raise ValueError(f"{name} must be from 0 to {most:g}")


def pick(world: World, provider: str, method: str, path: str) -> dict[str, Any] | None:
    """The fault that strikes this call, counted; None for a good day."""
    for fault in world.faults:
        if fault["provider"] != provider or (fault["method"] or method).upper() != method:
            continue
        if not _matches(fault["path"], path) or world.random.random() >= fault["probability"]:
            continue
        fault["used"] += 1
        if fault["times"] is not None and fault["used"] >= fault["times"]:
            world.faults.remove(fault)
        return fault
    return None


def _matches(pattern: str, path: str) -> bool:
    """With and without the provider's prefix, as a beginning or as a pattern."""
    short = "/" + path.split("/", 2)[-1]
    return any(one.startswith(pattern) or fnmatchcase(one, pattern) for one in (path, short))


async def strike(fault: dict[str, Any], provider: str, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Plays the fault. With `after_effect` the true handler has run before."""
    kind = fault["kind"]
    answer = await handler(request) if fault["after_effect"] or kind in {"cut", "slow"} else None
    match kind:
        case "status":
            return _refusal(fault, provider)
        case "timeout":
            await asyncio.sleep(LONGEST)
            return web.Response(status=504)
        case "slow":
            await asyncio.sleep(fault["delay"])
            return answer or web.Response(status=200)
        case "garbage":
            return web.Response(body=b'{"half": [1, 2, \xff', content_type="application/json")
        case "cut":
            return await _cut(request, answer)
        case _:
            _reset(request)
            return web.Response()


def _refusal(fault: dict[str, Any], provider: str) -> web.Response:
    retry_after = fault["retry_after"]
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    return web.Response(
        status=fault["status"],
        body=json.dumps(_body(provider, fault["status"])).encode(),
        headers=headers,
        content_type="application/json",
    )


def _body(provider: str, status: int) -> dict[str, Any]:
    """An error in the provider's own words."""
    limited = status == 429
    match provider:
        case "stripe":
            kind = "invalid_request_error" if 400 <= status < 500 and not limited else "api_error"
            code = {"code": "rate_limit"} if limited else {}
            return {"error": {"type": kind, "message": "An injected fault.", **code}}
        case "resend":
            name = "rate_limit_exceeded" if limited else "application_error"
            return {"statusCode": status, "name": name, "message": "An injected fault."}
        case "twilio":
            number = 20429 if limited else 20500
            return {"code": number, "message": "An injected fault.", "more_info": "", "status": status}
        case _:
            return {"status": "error", "error": "An injected fault."}


async def _cut(request: web.Request, answer: web.StreamResponse | None) -> web.StreamResponse:
    """Half of the true body, announced as the whole, then the end of the line."""
    whole = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b"{}"
    half = web.StreamResponse(status=answer.status if answer else 200, headers={"Content-Type": "application/json"})
    half.content_length = len(whole)
    await half.prepare(request)
    await half.write(whole[: len(whole) // 2])
    _reset(request)
    return half


def _reset(request: web.Request) -> None:
    """Ends the connection without a word: RST, not a polite close."""
    if request.transport is not None:
        request.transport.abort()
