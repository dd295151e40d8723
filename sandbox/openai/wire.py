"""One call of the API: the key, the body, and errors as OpenAI writes them."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from sandbox.openai.errors import OpenAIApiError, make_invalid_key, make_missing_key, make_no_credit
from sandbox.openai.params import RequestParams, parse_json
from sandbox.openai.state import OpenAIAccount, Record, get_openai_account
from sandbox.state import SandboxState

VALID_KEY_PREFIXES = "sk-sandbox"
"""The beginning of the keys that there are; every other key is refused."""
INVALID_KEY_PREFIXES = ("sk-sandbox-bad",)
"""Beginnings of keys that were revoked."""
EMPTY_ACCOUNT_KEY_PREFIXES = ("sk-sandbox-empty",)
"""Beginnings of keys without credit."""


@dataclass(slots=True)
class OpenAICall:
    account: OpenAIAccount
    request: web.Request
    headers: dict[str, str] = field(default_factory=dict)
    """Of the answer."""
    record: Record | None = None
    """The line in the list of calls, once a model is asked."""

    @property
    def id(self) -> str:
        return self.request.match_info.get("id", "")

    async def read_params(self) -> RequestParams:
        return RequestParams(parse_json(await self.request.read()))


Endpoint = Callable[[OpenAICall], Awaitable[Record | web.StreamResponse]]


def api_handler(world: SandboxState, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        started = time.perf_counter()
        account = get_openai_account(world)
        call = OpenAICall(account, request, _headers(account))
        try:
            _check_key(request)
            found = await endpoint(call)
        except OpenAIApiError as error:
            found = web.json_response({"error": error.error}, status=error.status)
            call.headers |= error.headers
            if call.record is not None:
                call.record |= {"status": error.status}
        if isinstance(found, dict):
            found = web.json_response(found)
        if not found.prepared:
            found.headers.update(call.headers)
            found.headers["openai-processing-ms"] = str(round((time.perf_counter() - started) * 1000))
        return found

    return handle


def _headers(account: OpenAIAccount) -> dict[str, str]:
    return {
        "x-request-id": account.new_id("req_")[:36],
        "openai-version": "2020-10-01",
        "openai-organization": "sandbox",
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-limit-tokens": "2000000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-remaining-tokens": "1999000",
        "x-ratelimit-reset-requests": "6ms",
        "x-ratelimit-reset-tokens": "30ms",
    }


def _check_key(request: web.Request) -> None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise make_missing_key()
    if not key.startswith(VALID_KEY_PREFIXES) or key.startswith(INVALID_KEY_PREFIXES):
        raise make_invalid_key(key)
    if key.startswith(EMPTY_ACCOUNT_KEY_PREFIXES) and request.method == "POST":
        raise make_no_credit()


def make_unknown_url(call: OpenAICall) -> OpenAIApiError:
    path = call.request.path.removeprefix("/openai")
    return OpenAIApiError(404, f"Invalid URL ({call.request.method} {path[:200]})")
