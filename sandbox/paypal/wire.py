"""What every call of the API shares: tokens, JSON, the PayPal-Request-Id, Prefer, and the shape of answers."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.paypal.errors import Refused, Unauthorised, malformed, unprocessable
from sandbox.paypal.state import Account, Object, Remembered, account_of
from sandbox.wire import IGNORED
from sandbox.world import World

_REFUSED = 422
Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(slots=True)
class Call:
    """One request as an endpoint sees it; `key` is its PayPal-Request-Id."""

    account: Account
    id: str
    body: Any
    key: str | None = None
    query: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    """Fields that PayPal acts on and that change nothing here."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`act` does it, without ever awaiting, and gives the thing that it was done to.

    `short` makes what is shown without `Prefer: return=representation`; None shows the whole. `status` is the good
    answer's, `again` that of a request whose id has been seen; None: the endpoint knows no PayPal-Request-Id.
    """

    act: Callable[[Call], Object]
    status: int = 200
    again: int | None = None
    short: Callable[[Object], Object] | None = None
    empty: bool = False
    """Whether there is no body at all without that header."""


def brief(thing: Object) -> Object:
    return {name: thing[name] for name in ("id", "status", "status_details", "links") if name in thing}


def handler(world: World, endpoint: Endpoint) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        account = account_of(world)
        debug_id = account.new_id(13).lower()
        try:
            _authorise(request, account)
            answer = await _answer(request, account, endpoint)
        except Refused as error:
            answer = web.json_response(error.body(debug_id), status=error.status)
        except Unauthorised as error:
            answer = web.json_response(error.body(debug_id), status=401)
        answer.headers["Paypal-Debug-Id"] = debug_id
        return answer

    return handle


def _authorise(request: web.Request, account: Account) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorised(given=False)
    expires = account.tokens.get(token.strip())
    if expires is None or expires <= account.world.now():
        raise Unauthorised(given=True)


async def _answer(request: web.Request, account: Account, endpoint: Endpoint) -> web.Response:
    call = Call(
        account,
        request.match_info.get("id", ""),
        _json(await request.read(), request) if request.method in {"POST", "PATCH"} else None,
        request.headers.get("PayPal-Request-Id") if endpoint.again is not None else None,
        dict(request.query),
    )
    if call.key is not None and not 1 <= len(call.key) <= 108:
        raise malformed("INVALID_STRING_LENGTH", "PayPal-Request-Id")
    mark = (f"{request.method} {request.path}", json.dumps(call.body, sort_keys=True))
    thing = _remembered(account, call.key, mark)
    status = endpoint.status if thing is None else endpoint.again or endpoint.status
    if thing is None:
        if request.method != "GET":
            await _think(account, call)
        thing = _executed(endpoint, call, mark)
    answer = _response(request, endpoint, thing, status)
    if call.ignored:
        answer.headers[IGNORED] = ", ".join(call.ignored)
    return answer


def _json(raw: bytes, request: web.Request) -> Any:
    if not raw.strip():
        return {}
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise malformed("MALFORMED_REQUEST_JSON") from None


def _executed(endpoint: Endpoint, call: Call, mark: tuple[str, str]) -> Object:
    """Raises Refused. A business refusal (422) is remembered as well, and so is what the request made."""
    try:
        thing = endpoint.act(call)
    except Refused as error:
        if call.key is not None and error.status == _REFUSED:
            call.account.remembered[call.key] = Remembered(mark, {}, error.facts)
        raise
    if call.key is not None:
        call.account.remembered[call.key] = Remembered(mark, thing)
    return thing


def _remembered(account: Account, key: str | None, mark: tuple[str, str]) -> Object | None:
    """What the request has made before, as it is now. Raises Refused as the first time, however things stand now."""
    if key is None:
        return None
    if key in account.in_flight:
        raise Refused(409, "PREVIOUS_REQUEST_IN_PROGRESS")
    found = account.remembered.get(key)
    if found is not None and found.fingerprint != mark:
        raise Refused(422, "PAYPAL_REQUEST_ID_PREVIOUSLY_USED")
    if found is not None and found.refusal is not None:
        raise Refused(*found.refusal)
    return found.thing if found else None


async def _think(account: Account, call: Call) -> None:
    """The time a write takes, while its id is in flight."""
    if call.key is not None:
        account.in_flight.add(call.key)
    try:
        await asyncio.sleep(account.thinking)
    finally:
        if call.key is not None:
            account.in_flight.discard(call.key)


def _response(request: web.Request, endpoint: Endpoint, thing: Object, status: int) -> web.Response:
    whole = "return=representation" in request.headers.get("Prefer", "")
    if endpoint.empty and not whole:
        return web.Response(status=204)
    if endpoint.short is not None and not whole:
        thing = endpoint.short(thing)
    return web.json_response(thing, status=status)


def fields(body: Any) -> Object:
    """The body as an object. Raises Refused."""
    if not isinstance(body, dict):
        raise malformed("INVALID_PARAMETER_SYNTAX")
    return body


def check_played(given: Object, unplayed: Collection[str], where: str = "") -> None:
    """Refuses openly what PayPal can do and the sandbox does not play. Raises Refused."""
    for name in unplayed:
        if given.get(name) is not None:
            raise unprocessable("NOT_PLAYED_BY_THE_SANDBOX", f"{where}/{name}")


def text(body: Object, name: str, most: int, where: str = "") -> str | None:
    """An optional text. Raises Refused."""
    found = body.get(name)
    if found is None:
        return None
    if not isinstance(found, str):
        raise malformed("INVALID_PARAMETER_SYNTAX", f"{where}/{name}")
    if not 1 <= len(found) <= most:
        raise malformed("INVALID_STRING_LENGTH", f"{where}/{name}")
    return found
