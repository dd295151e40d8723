"""How Kiwi speaks: JSON, its error bodies, its key, and times that carry a false Z."""

import gzip
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_COMPRESS_FROM = 4096


class KiwiApiError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status}")
        self.status = status
        self.body = body


def make_bad_request(error: str) -> KiwiApiError:
    return KiwiApiError(400, {"status": "Bad Request", "error": error})


def make_invalid_param(param: str, error: str) -> KiwiApiError:
    """422 in the legacy shape, one entry per parameter."""
    return KiwiApiError(422, {"message": [{"param": param, "errors": [error]}]})


def json_response(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def api_handler(handler: Handler) -> Handler:
    """Wraps a handler of the provider's API: checks the key, and turns a Refusal into its answer.

    Any key will do but none, and but one that begins with `make_invalid_param` (answered 403, assumed).
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            _check_key(request.headers.get("apikey", ""))
            response = await handler(request)
        except KiwiApiError as refusal:
            return json_response(refusal.body, refusal.status)
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            _compress(response)
        return response

    return answer


def _compress(response: web.StreamResponse) -> None:
    """At the lightest level: aiohttp's own would take longer than making a large answer does."""
    if isinstance(response, web.Response) and isinstance(response.body, bytes) and len(response.body) > _COMPRESS_FROM:
        response.body = gzip.compress(response.body, 1)
        response.headers["Content-Encoding"] = "gzip"


def _check_key(key: str) -> None:
    if not key:
        raise make_bad_request("unknown partner provided, check your apikey")
    if key.startswith("invalid"):
        raise KiwiApiError(403, {"status": "Forbidden", "error": "apikey is not valid"})


async def read_json_object(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object. Raises KiwiApiError 400."""
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise make_bad_request("the body is not JSON") from None
    if not isinstance(body, dict):
        raise make_bad_request("the body is not an object")
    return body


def format_time(moment: datetime) -> str:
    """Wall clock of whatever zone the moment is in, followed by a Z that says nothing."""
    return moment.replace(tzinfo=None, microsecond=0).isoformat() + ".000Z"
