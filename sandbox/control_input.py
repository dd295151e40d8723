"""What the control routes share: JSON or a form in, JSON or a page out."""

import json
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

_NUMBERS = frozenset({"status", "times", "probability", "delay", "per_second", "daily_quota", "latency", "error_code"})
_TRUTHS = frozenset({"after_effect", "backwards"})


IGNORED_HEADER = "Sandbox-Ignored"
"""The header of an answer that names the parameters which the vendor acts on and the sandbox has left aside."""


class InvalidControlInput(Exception):
    """A control request that makes no sense: `field` is the part that is wrong, "" for the whole."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} {why}" if field else why)
        self.field = field

    def to_response(self) -> web.Response:
        return web.json_response({"error": str(self), "field": self.field}, status=422)


def prefers_page(request: web.Request) -> bool:
    """Whether a browser is asking, which puts HTML before JSON and before anything else."""
    weights = dict(_weight(part) for part in request.headers.get("Accept", "").split(","))
    page = weights.get("text/html", 0.0)
    return page > 0 and page >= weights.get("application/json", 0.0)


def _weight(part: str) -> tuple[str, float]:
    kind, _, rest = part.partition(";")
    _, _, quality = rest.replace(" ", "").partition("q=")
    try:
        return kind.strip().lower(), float(quality or 1)
    except ValueError:
        return kind.strip().lower(), 0.0


async def read_input(request: web.Request) -> dict[str, Any]:
    """A JSON object, whatever its content type says, or a form with its numbers as numbers.

    Raises InvalidControlInput.
    """
    text = (await request.read()).decode("utf-8", "replace").strip()
    if request.content_type != "application/json" and not text.startswith(("{", "[")):
        return {name: _typed(name, value.strip()) for name, value in parse_qsl(text) if value.strip()}
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise InvalidControlInput("", "the body is not JSON") from None
    if not isinstance(found, dict):
        raise InvalidControlInput("", "the body must be a JSON object")
    return found


def _typed(name: str, text: str) -> Any:
    if name in _TRUTHS:
        return text.lower() in {"1", "on", "true", "yes"}
    if name not in _NUMBERS:
        return text
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def is_whole_number(value: Any, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number_between(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
