"""What every call of the API shares: keys, forms, idempotency, expansion, and the shape of answers."""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import BasicAuth, web

from sandbox.control_input import IGNORED_HEADER
from sandbox.state import SandboxConfig, SandboxState
from sandbox.stripe.errors import StripeApiError, make_invalid, make_unauthorized
from sandbox.stripe.expansion import check_paths, expand_object
from sandbox.stripe.params import RequestParams, parse_form
from sandbox.stripe.state import API_VERSION, Object, RememberedResponse, StripeAccount, dump, get_stripe_account

_NO_REQUEST: Object = {"id": None, "idempotency_key": None}
CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Stripe-Version",
    "Access-Control-Expose-Headers": "Request-Id, Idempotent-Replayed, Stripe-Should-Retry",
    "Access-Control-Max-Age": "300",
}


@dataclass(slots=True)
class StripeCall:
    """One request as an endpoint sees it. An endpoint calls `params.finish()` before it changes anything."""

    account: StripeAccount
    params: RequestParams
    id: str
    is_publishable: bool


@dataclass(slots=True)
class StripeReply:
    status: int
    body: bytes
    headers: dict[str, str]
    is_remembered: bool = False


Endpoint = Callable[[StripeCall], Object]
Handler = Callable[[web.Request], Awaitable[web.Response]]


def api_handler(world: SandboxState, endpoint: Endpoint, *, publishable: bool = False) -> Handler:
    """`is_publishable` endpoints may be called with a pk_ key as well."""

    async def handle(request: web.Request) -> web.Response:
        stripe = get_stripe_account(world)
        request_id = stripe.new_id("req", 14)
        try:
            public = is_publishable_key(request, world.config, publishable=publishable)
            call = StripeCall(
                stripe, RequestParams(parse_form(await _form(request))), request.match_info.get("id", ""), public
            )
            reply = await _reply(request, endpoint, call, request_id)
        except StripeApiError as error:
            reply = build_error_reply(stripe, error, request_id)
        return _response(request, reply, request_id)

    return handle


def is_publishable_key(request: web.Request, config: SandboxConfig, *, publishable: bool) -> bool:
    """Whether the key is the publishable one. Raises Refused with 401 for every key but the account's own two."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        key = _basic(request)
    key = key.strip()
    if not key:
        raise make_unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See "
            "https://stripe.com/docs/api#authentication for details."
        )
    if key not in {config.stripe_secret_key, config.stripe_publishable_key}:
        raise make_unauthorized(f"Invalid API Key provided: {key[:7]}{'*' * 8}{key[-4:] if len(key) > 16 else ''}")
    if key == config.stripe_publishable_key and not publishable:
        raise make_unauthorized(
            "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list "
            "of your API keys at https://dashboard.stripe.com/account/apikeys.",
            "secret_key_required",
        )
    return key == config.stripe_publishable_key


def _basic(request: web.Request) -> str:
    try:
        return str(BasicAuth.decode(request.headers["Authorization"]).login)
    except ValueError:
        return ""


async def _form(request: web.Request) -> str:
    if request.method != "POST":
        return request.query_string
    body = await request.read()
    if body and request.content_type not in {"application/x-www-form-urlencoded", "application/octet-stream"}:
        raise make_invalid(
            "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have any "
            "questions, we can help at https://support.stripe.com/."
        )
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise make_invalid("Invalid request: the body is not UTF-8.") from error


async def _reply(request: web.Request, endpoint: Endpoint, call: StripeCall, request_id: str) -> StripeReply:
    stripe = call.account
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    print_of = (request.method, request.path, json.dumps(call.params.raw, sort_keys=True))
    if key is not None and (replayed := _remembered(stripe, key, print_of)):
        return replayed
    if request.method == "POST":
        await _think(stripe, key)
    reply = _execute(stripe, endpoint, call, {"id": request_id, "idempotency_key": key})
    if key is not None and reply.is_remembered:
        stripe.remembered_responses[key] = RememberedResponse(
            print_of, reply.status, reply.body, stripe.world.now().timestamp()
        )
        reply.headers["Original-Request"] = request_id
    return reply


def _remembered(stripe: StripeAccount, key: str, fingerprint: tuple[str, str, str]) -> StripeReply | None:
    """The first answer under this key, for 24 hours. Raises Refused when the key is busy, or was for something else."""
    if not key or len(key) > 255:
        raise make_invalid("Idempotency keys are from 1 to 255 characters long.")
    if key in stripe.in_flight:
        message = (
            "There is currently another in-progress request using this Idempotent Key (that probably means you "
            f"submitted twice, and the other request is still going through): {key}. Please try again later."
        )
        raise StripeApiError(409, "invalid_request_error", message, code="idempotency_key_in_use", was_executed=False)
    found = stripe.remembered_responses.get(key)
    if found is None or found.remembered_at < stripe.timestamp_day_ago():
        return None
    if found.fingerprint != fingerprint:
        what = "request parameters" if found.fingerprint[1] == fingerprint[1] else "endpoint"
        message = (
            f"Keys for idempotent requests can only be used with the same {what} they were first used with. Try using "
            f"a key other than '{key}' if you meant to execute a different request."
        )
        raise StripeApiError(400, "idempotency_error", message, was_executed=False)
    retry = {"Stripe-Should-Retry": "false"} if found.status >= 400 else {}
    return StripeReply(found.status, found.body, {"Idempotent-Replayed": "true", **retry})


async def _think(stripe: StripeAccount, key: str | None) -> None:
    """The time a write takes, while its key is in flight."""
    if key is None:
        await asyncio.sleep(stripe.thinking)
        return
    stripe.in_flight.add(key)
    try:
        await asyncio.sleep(stripe.thinking)
    finally:
        stripe.in_flight.discard(key)


def _execute(stripe: StripeAccount, endpoint: Endpoint, call: StripeCall, request: Object) -> StripeReply:
    """Never awaits, so that every write is whole."""
    stripe.current_request = request
    try:
        paths = call.params.read_texts("expand")
        check_paths(paths)
        result = endpoint(call)
        call.params.reject_unread()
        headers = {IGNORED_HEADER: ", ".join(ignored)} if (ignored := call.params.list_ignored_params()) else {}
        return StripeReply(200, dump(expand_object(stripe, result, paths)), headers, is_remembered=True)
    except StripeApiError as error:
        return build_error_reply(stripe, error, request["id"])
    finally:
        stripe.current_request = _NO_REQUEST


def build_error_reply(stripe: StripeAccount, refused: StripeApiError, request_id: str) -> StripeReply:
    log = f"https://dashboard.stripe.com/test/logs/{request_id}?t={stripe.timestamp()}"
    body = dump({"error": {**refused.error, "request_log_url": log}})
    retry = {402: "false", 409: "true"}.get(refused.status)
    return StripeReply(refused.status, body, {"Stripe-Should-Retry": retry} if retry else {}, refused.was_executed)


def _response(request: web.Request, reply: StripeReply, request_id: str) -> web.Response:
    echoed = {"Idempotency-Key": key} if (key := request.headers.get("Idempotency-Key")) else {}
    version = request.headers.get("Stripe-Version", API_VERSION)
    headers = {"Request-Id": request_id, "Stripe-Version": version, **echoed, **reply.headers, **CORS_HEADERS}
    return web.Response(status=reply.status, body=reply.body, content_type="application/json", headers=headers)


def is_same_secret(given: str | None, kept: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), kept.encode())
