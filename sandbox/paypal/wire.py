"""What every call of the API shares: tokens, JSON, the PayPal-Request-Id, Prefer, and the shape of answers."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.control_input import IGNORED_HEADER
from sandbox.paypal.errors import PayPalApiError, PayPalUnauthorized, make_malformed, make_unprocessable
from sandbox.paypal.state import Object, PayPalAccount, RememberedRequest, get_paypal_account
from sandbox.state import SandboxState

_REFUSED = 422
Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(slots=True)
class PayPalCall:
    """One request as an endpoint sees it; `request_id` is its PayPal-Request-Id."""

    account: PayPalAccount
    id: str
    body: Any
    request_id: str | None = None
    query: dict[str, str] = field(default_factory=dict)
    ignored_params: list[str] = field(default_factory=list)
    """Fields that PayPal acts on and that change nothing here."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`execute` does it, without ever awaiting, and gives the thing that it was done to.

    `shorten` makes what is shown without `Prefer: return=representation`; None shows the whole. `status` is the good
    answer's, `repeat_status` that of a request whose id has been seen; None: the endpoint knows no PayPal-Request-Id.
    """

    execute: Callable[[PayPalCall], Object]
    status: int = 200
    repeat_status: int | None = None
    shorten: Callable[[Object], Object] | None = None
    has_no_body: bool = False
    """Whether there is no body at all without that header."""


def to_brief(thing: Object) -> Object:
    return {name: thing[name] for name in ("id", "status", "status_details", "links") if name in thing}


def api_handler(world: SandboxState, endpoint: Endpoint) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        account = get_paypal_account(world)
        debug_id = account.new_id(13).lower()
        try:
            _authorise(request, account)
            answer = await _answer(request, account, endpoint)
        except PayPalApiError as error:
            answer = web.json_response(error.build_body(debug_id), status=error.status)
        except PayPalUnauthorized as error:
            answer = web.json_response(error.build_body(debug_id), status=401)
        answer.headers["Paypal-Debug-Id"] = debug_id
        return answer

    return handle


def _authorise(request: web.Request, account: PayPalAccount) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise PayPalUnauthorized(given=False)
    expires = account.tokens.get(token.strip())
    if expires is None or expires <= account.world.now():
        raise PayPalUnauthorized(given=True)


async def _answer(request: web.Request, account: PayPalAccount, endpoint: Endpoint) -> web.Response:
    call = PayPalCall(
        account,
        request.match_info.get("id", ""),
        _json(await request.read(), request) if request.method in {"POST", "PATCH"} else None,
        request.headers.get("PayPal-Request-Id") if endpoint.repeat_status is not None else None,
        dict(request.query),
    )
    if call.request_id is not None and not 1 <= len(call.request_id) <= 108:
        raise make_malformed("INVALID_STRING_LENGTH", "PayPal-Request-Id")
    mark = (f"{request.method} {request.path}", json.dumps(call.body, sort_keys=True))
    thing = _remembered(account, call.request_id, mark)
    status = endpoint.status if thing is None else endpoint.repeat_status or endpoint.status
    if thing is None:
        if request.method != "GET":
            await _think(account, call)
        thing = _executed(endpoint, call, mark)
    answer = _response(request, endpoint, thing, status)
    if call.ignored_params:
        answer.headers[IGNORED_HEADER] = ", ".join(call.ignored_params)
    return answer


def _json(raw: bytes, request: web.Request) -> Any:
    if not raw.strip():
        return {}
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise make_malformed("MALFORMED_REQUEST_JSON") from None


def _executed(endpoint: Endpoint, call: PayPalCall, mark: tuple[str, str]) -> Object:
    """Raises Refused. A business refusal (422) is remembered as well, and so is what the request made."""
    try:
        thing = endpoint.execute(call)
    except PayPalApiError as error:
        if call.request_id is not None and error.status == _REFUSED:
            call.account.remembered[call.request_id] = RememberedRequest(mark, {}, error.facts)
        raise
    if call.request_id is not None:
        call.account.remembered[call.request_id] = RememberedRequest(mark, thing)
    return thing


def _remembered(account: PayPalAccount, key: str | None, mark: tuple[str, str]) -> Object | None:
    """What the request has made before, as it is now. Raises Refused as the first time, however things stand now."""
    if key is None:
        return None
    if key in account.in_flight:
        raise PayPalApiError(409, "PREVIOUS_REQUEST_IN_PROGRESS")
    found = account.remembered.get(key)
    if found is not None and found.fingerprint != mark:
        raise PayPalApiError(422, "PAYPAL_REQUEST_ID_PREVIOUSLY_USED")
    if found is not None and found.refusal is not None:
        raise PayPalApiError(*found.refusal)
    return found.resource if found else None


async def _think(account: PayPalAccount, call: PayPalCall) -> None:
    """The time a write takes, while its id is in flight."""
    if call.request_id is not None:
        account.in_flight.add(call.request_id)
    try:
        await asyncio.sleep(account.thinking)
    finally:
        if call.request_id is not None:
            account.in_flight.discard(call.request_id)


def _response(request: web.Request, endpoint: Endpoint, thing: Object, status: int) -> web.Response:
    whole = "return=representation" in request.headers.get("Prefer", "")
    if endpoint.has_no_body and not whole:
        return web.Response(status=204)
    if endpoint.shorten is not None and not whole:
        thing = endpoint.shorten(thing)
    return web.json_response(thing, status=status)


def read_object(body: Any) -> Object:
    """The body as an object. Raises Refused."""
    if not isinstance(body, dict):
        raise make_malformed("INVALID_PARAMETER_SYNTAX")
    return body


def check_supported(given: Object, unplayed: Collection[str], where: str = "") -> None:
    """Refuses openly what PayPal can do and the sandbox does not play. Raises Refused."""
    for name in unplayed:
        if given.get(name) is not None:
            raise make_unprocessable("NOT_PLAYED_BY_THE_SANDBOX", f"{where}/{name}")


def read_text(body: Object, name: str, most: int, where: str = "") -> str | None:
    """An optional text. Raises Refused."""
    found = body.get(name)
    if found is None:
        return None
    if not isinstance(found, str):
        raise make_malformed("INVALID_PARAMETER_SYNTAX", f"{where}/{name}")
    if not 1 <= len(found) <= most:
        raise make_malformed("INVALID_STRING_LENGTH", f"{where}/{name}")
    return found
