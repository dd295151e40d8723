"""The bad days of a model: which trouble strikes a call, and those that are plain refusals."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.openai.errors import OpenAIApiError, make_invalid_request, make_no_credit, make_server_error
from sandbox.openai.state import OpenAIAccount

FAULT_DEFAULTS: Mapping[str, Mapping[str, float | int | None]] = {
    "rate-limited-with-retry-after": {"seconds": 1.0},
    "rate-limited": {},
    "error-once": {},
    "unavailable": {},
    "reset": {},
    "silent": {"seconds": None},
    "slow-first-token": {"seconds": 30.0},
    "cut": {"after_chunks": 3},
    "cut-politely": {"after_chunks": 3},
    "stall": {"after_chunks": 3, "seconds": None},
    "malformed-chunk": {"after_chunks": 3},
    "malformed-delta": {"after_chunks": 3},
    "no-done": {},
    "failed": {"after_chunks": 3},
    "context-length": {},
    "content-filter": {"after_chunks": 3},
    "refuses": {},
    "truncates": {"after_chunks": 3},
    "rejects-prefill": {},
    "flapping": {"seconds": 5.0},
    "quota": {},
    "bills-odd": {},
    "omits-usage": {},
}
"""Each with what it takes: seconds (None: until the client leaves), and pieces of text that come before it.

rate-limited-with-retry-after: by name, for so many seconds from the first call on; by control call, each time.
error-once: a 500 on the first call. flapping: down for so many seconds from the first call on, up as long, and again.
slow-first-token: the stream opens at once, and its text waits. cut: the line is reset. cut-politely: the stream ends
as if all had been said. malformed-chunk: a broken event between good ones, by which no text is lost; malformed-delta:
one that loses text. no-done: all is said, [DONE] is missing (a response has no [DONE]) and the line stays open.
failed: `response.failed`, or an error within the stream. truncates: as if `max_output_tokens` had been reached.
"""
_DOWN = frozenset({"rate-limited-with-retry-after", "error-once", "flapping"})
"""Those that pass by themselves when a model's name asks for them."""


@dataclass(frozen=True, slots=True)
class ModelFault:
    kind: str
    seconds: float | None = None
    after_chunks: int = 0


def find_fault(account: OpenAIAccount, full: str, name: str, fault: str | None) -> ModelFault | None:
    """The control call's, counted, or else the name's."""
    for rule in account.fault_rules:
        if rule["model"] not in {full, name, "*"} or not _is_down(account, f"rule {rule['n']}", rule):
            continue
        rule["used"] += 1
        if rule["times"] is not None and rule["used"] >= rule["times"]:
            account.fault_rules[:] = [one for one in account.fault_rules if one is not rule]
        return ModelFault(rule["fault"], rule["seconds"], rule["after_chunks"])
    if fault is None:
        return None
    usual = FAULT_DEFAULTS[fault]
    seconds, after = usual.get("seconds"), int(usual.get("after_chunks") or 0)
    if fault in _DOWN:
        seconds = _down_for(account, full, fault, seconds)
        return None if seconds is None else ModelFault(fault, seconds)
    return ModelFault(fault, seconds, after)


def _is_down(account: OpenAIAccount, mark: str, rule: dict[str, Any]) -> bool:
    """A rule strikes whenever it is asked, but for one that flaps."""
    return rule["fault"] != "flapping" or _down_for(account, mark, "flapping", rule["seconds"]) is not None


def _down_for(account: OpenAIAccount, mark: str, fault: str, seconds: float | None) -> float | None:
    """Seconds that the trouble still lasts; None when it is over, for now or for good."""
    first, now = mark not in account.marks, account.get_seconds()
    since, period = now - account.marks.setdefault(mark, now), seconds or 1.0
    match fault:
        case "error-once":
            return 0.0 if first else None
        case "flapping":
            return period - since % period if int(since / period) % 2 == 0 else None
        case _:
            return period - since if since < period else None


def raise_refusal(trouble: ModelFault, model: str, *, prefilled: bool, param: str) -> None:
    """Raises Refused for a trouble that is an answer of its own. `param` is where the messages are."""
    match trouble.kind:
        case "rate-limited-with-retry-after" | "rate-limited":
            raise _limited(model, trouble.seconds)
        case "error-once":
            raise make_server_error(500)
        case "unavailable" | "flapping":
            raise make_server_error(503)
        case "context-length":
            raise make_too_long(param)
        case "quota":
            raise make_no_credit()
        case "rejects-prefill" if prefilled:
            message = (
                "This model does not support assistant message prefill. The conversation must end with a user message."
            )
            raise make_invalid_request(message, param)


def make_too_long(param: str) -> OpenAIApiError:
    if param == "input":
        message = "Your input exceeds the context window of this model. Please adjust your input and try again."
    else:
        message = (
            "This model's maximum context length is 128000 tokens. However, your messages resulted in more. Please "
            "reduce the length of the messages."
        )
    return make_invalid_request(message, param, "context_length_exceeded")


def _limited(model: str, seconds: float | None) -> OpenAIApiError:
    """With `seconds` it says when to come again, in whole seconds and, beside that, exactly."""
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"}
    again = ""
    if seconds is not None:
        milliseconds = math.ceil(seconds * 1000)
        again = f" Please try again in {milliseconds}ms."
        headers |= {
            "Retry-After": str(math.ceil(seconds)),
            "retry-after-ms": str(milliseconds),
            "x-ratelimit-reset-requests": f"{milliseconds}ms",
        }
    message = f"Rate limit reached for {model} on requests per min (RPM): Limit 3, Used 3, Requested 1.{again}"
    return OpenAIApiError(429, message, kind="requests", code="rate_limit_exceeded", headers=headers)
