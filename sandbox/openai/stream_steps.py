"""A stream as a list of steps, and what troubles make of the list."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from sandbox.openai.model_faults import ModelFault

SETTLE_SECONDS = 0.05
"""Seconds before a reset, which overtakes what the client has not read yet."""


@dataclass(frozen=True, slots=True)
class SendStep:
    """`text` is what of the answer this event carries."""

    data: bytes
    kind: Literal["head", "open", "delta", "tail", "done"]
    text: str = ""


@dataclass(frozen=True, slots=True)
class WaitStep:
    """None: until the client leaves."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class ResetStep:
    """The line is reset."""


StreamStep = SendStep | WaitStep | ResetStep


def format_event(data: Any, name: str | None = None) -> bytes:
    """One server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return ((f"event: {name}\n" if name else "") + f"data: {text}\n\n").encode("utf-8", "replace")


def apply_fault(
    steps: list[StreamStep], trouble: ModelFault | None, failure: Callable[[int], bytes]
) -> list[StreamStep]:
    """`failure` is the event that tells of an error, given how many events came before it."""
    if trouble is None:
        return steps
    at = _after(steps, trouble.after_chunks)
    before, behind = steps[:at], steps[at:]
    match trouble.kind:
        case "slow-first-token":
            opening = next((n for n, one in enumerate(steps) if isinstance(one, SendStep) and one.kind != "head"), 0)
            found = [*steps[:opening], WaitStep(trouble.seconds), *steps[opening:]]
        case "cut":
            found = [*before, WaitStep(SETTLE_SECONDS), ResetStep()]
        case "cut-politely":
            found = before
        case "stall":
            found = [*before, WaitStep(trouble.seconds), *behind]
        case "malformed-chunk":
            found = [*before, SendStep(format_event('{"id":"chunk-0","object":"chunk","choi'), "open"), *behind]
        case "malformed-delta":
            found = _damaged(steps, at)
        case "no-done":
            found = [*(one for one in steps if not (isinstance(one, SendStep) and one.kind == "done")), WaitStep(None)]
        case "failed":
            found = [*before, SendStep(failure(at), "open")]
        case _:
            found = steps
    return found


def _after(steps: list[StreamStep], pieces: int) -> int:
    """Where the rest begins once so many pieces have gone, and in any case before the end is told."""
    deltas = [n for n, one in enumerate(steps) if isinstance(one, SendStep) and one.kind == "delta"]
    if not deltas:
        return next((n for n, one in enumerate(steps) if isinstance(one, SendStep) and one.kind == "tail"), len(steps))
    return deltas[pieces] if pieces < len(deltas) else deltas[-1] + 1


def _damaged(steps: list[StreamStep], at: int) -> list[StreamStep]:
    """The next piece, or else the one before, loses its second half."""
    for place in (at, at - 1):
        found = steps[place] if 0 <= place < len(steps) else None
        if isinstance(found, SendStep) and found.kind == "delta":
            half = found.data.rstrip()[: len(found.data) * 2 // 3] + b"\n\n"
            return [*steps[:place], replace(found, data=half, text=""), *steps[place + 1 :]]
    return steps
