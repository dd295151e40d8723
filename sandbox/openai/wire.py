"""One call of the API: the key, the body, and errors as OpenAI writes them."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from sandbox.openai.errors import Refused, bad_key, no_credit, no_key
from sandbox.openai.params import Params, decode
from sandbox.openai.state import Account, Record, account_of
from sandbox.world import World

GOOD_KEYS = "sk-sandbox"
"""The beginning of the keys that there are; every other key is refused."""
BAD_KEYS = ("sk-sandbox-bad",)
"""Beginnings of keys that were revoked."""
EMPTY_KEYS = ("sk-sandbox-empty",)
"""Beginnings of keys without credit."""


@dataclass(slots=True)
class Call:
    account: Account
    request: web.Request
    headers: dict[str, str] = field(default_factory=dict)
    """Of the answer."""
    note: Record | None = None
    """The line in the list of calls, once a model is asked."""

    @property
    def id(self) -> str:
        return self.request.match_info.get("id", "")

    async def params(self) -> Params:
        return Params(decode(await self.request.read()))


Endpoint = Callable[[Call], Awaitable[Record | web.StreamResponse]]


def handler(world: World, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        started = time.perf_counter()
        account = account_of(world)
        call = Call(account, request, _headers(account))
        try:
            _check_key(request)
            found = await endpoint(call)
        except Refused as error:
            found = web.json_response({"error": error.error}, status=error.status)
            call.headers |= error.headers
            if call.note is not None:
                call.note |= {"status": error.status}
        if isinstance(found, dict):
            found = web.json_response(found)
        if not found.prepared:
            found.headers.update(call.headers)
            found.headers["openai-processing-ms"] = str(round((time.perf_counter() - started) * 1000))
        return found

    return handle


def _headers(account: Account) -> dict[str, str]:
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
        raise no_key()
    if not key.startswith(GOOD_KEYS) or key.startswith(BAD_KEYS):
        raise bad_key(key)
    if key.startswith(EMPTY_KEYS) and request.method == "POST":
        raise no_credit()


def unknown(call: Call) -> Refused:
    path = call.request.path.removeprefix("/openai")
    return Refused(404, f"Invalid URL ({call.request.method} {path[:200]})")
