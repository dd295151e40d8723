"""Resend's e-mail API: sends, batches, idempotency, limits, and Svix-signed delivery reports.

Addresses play their part, as with Resend's own test addresses: bounced@… bounces for good, mailbox-full@… for now,
complained@… is delivered and then complained about, suppressed@… and failed@… never leave.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from aiohttp import web

from sandbox.codec import TRANSIENT
from sandbox.control_input import InvalidControlInput, is_number_between, is_whole_number, read_input
from sandbox.email_validation import ResendApiError, read_email
from sandbox.state import Callback, Emulator, SandboxState
from sandbox.tables import TrackedTable

IDEMPOTENCY_KEY_LIFE = timedelta(hours=24)
MAX_BATCH = 100

_FATES: dict[str, tuple[str, ...]] = {
    "bounced": ("sent", "bounced"),
    "mailbox-full": ("sent", "bounced"),
    "complained": ("sent", "delivered", "complained"),
    "suppressed": ("suppressed",),
    "failed": ("failed",),
}
_REASONS: dict[str, dict[str, Any]] = {
    "bounced": {
        "bounce": {
            "message": "The recipient's email address does not exist.",
            "type": "Permanent",
            "subType": "General",
            "diagnosticCode": ["smtp; 550 5.1.1 user unknown"],
        }
    },
    "suppressed": {
        "suppressed": {
            "message": "The recipient is on the suppression list.",
            "type": "OnAccountSuppressionList",
            "reason": "previous_bounce",
            "diagnosticCode": [],
        }
    },
    "failed": {"failed": {"reason": "reached_daily_quota"}},
}

_FULL: dict[str, Any] = {
    "bounce": {
        "message": "The recipient's mailbox is full.",
        "type": "Transient",
        "subType": "MailboxFull",
        "diagnosticCode": ["smtp; 552 5.2.2 mailbox full"],
    }
}

ResendHandler = Callable[[web.Request], Awaitable[dict[str, Any]]]


@dataclass(slots=True)
class RememberedSend:
    """What is remembered under an idempotency key; no answer yet while the first request is in flight."""

    remembered_at: datetime
    payload: str
    response: dict[str, Any] | None = None


@dataclass(slots=True)
class ResendState:
    """`latency` is how long a send is in flight, in seconds."""

    per_second: int = 1000
    daily_quota: int | None = None
    latency: float = 0.0
    remembered_sends: TrackedTable[str, RememberedSend] = field(default_factory=TrackedTable)
    recent_requests: deque[float] = field(default_factory=deque, metadata=TRANSIENT)
    sent_today: int = 0

    @property
    def get_limits(self) -> dict[str, Any]:
        return {"per_second": self.per_second, "daily_quota": self.daily_quota, "latency": self.latency}


def setup(app: web.Application, world: SandboxState) -> None:
    world.register_emulator(
        Emulator(
            "resend", lambda _: ResendState(), (RememberedSend,), sign_callback=_sign, restore_state=_drop_unanswered
        )
    )
    emulator = ResendHandlers(world)
    app.router.add_post("/resend/emails", emulator.wrap_handler(emulator.send_email))
    app.router.add_post("/resend/emails/batch", emulator.wrap_handler(emulator.send_batch))
    app.router.add_get("/resend/emails/{id}", emulator.wrap_handler(emulator.show_email))
    app.router.add_get("/resend/domains", emulator.wrap_handler(emulator.list_domains))
    app.router.add_get("/_/resend/limit", emulator.show_limits)
    app.router.add_post("/_/resend/limit", emulator.set_limits)


class ResendHandlers:
    def __init__(self, world: SandboxState) -> None:
        self._world = world

    @property
    def _state(self) -> ResendState:
        return self._world.get_state("resend", ResendState)

    def wrap_handler(self, handle: ResendHandler) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Authorization, the rate limit and its headers, and errors as Resend words them."""

        async def answer(request: web.Request) -> web.Response:
            try:
                _authorize(request, self._world.config.resend_api_key)
                self._count()
                return web.json_response(await handle(request), headers=self._headers())
            except ResendApiError as error:
                body = {"statusCode": error.status, "name": error.name, "message": str(error)}
                return web.json_response(body, status=error.status, headers=self._headers() | error.headers)

        return answer

    async def show_limits(self, request: web.Request) -> web.Response:
        return web.json_response(self._state.get_limits)

    async def set_limits(self, request: web.Request) -> web.Response:
        """Control: `{"per_second": n, "daily_quota": n or null, "latency": seconds}`, each of them optional."""
        try:
            given = await read_input(request)
            _check_limits(given)
        except InvalidControlInput as error:
            return error.to_response()
        for name, value in given.items():
            setattr(self._state, name, value)
        return web.json_response(self._state.get_limits)

    async def send_email(self, request: web.Request) -> dict[str, Any]:
        given = _json(await request.read())
        return await self._once(request, given, lambda: {"id": self._take([read_email(given)])[0]})

    async def send_batch(self, request: web.Request) -> dict[str, Any]:
        """All of them, or none when one is wrong; with `x-batch-validation: permissive`, those that are right."""
        given = _json(await request.read())
        if not isinstance(given, list) or not 1 <= len(given) <= MAX_BATCH:
            raise ResendApiError(422, "validation_error", f"The batch must hold 1 to {MAX_BATCH} emails.")
        if any(isinstance(one, dict) and one.get("attachments") for one in given):
            raise ResendApiError(422, "validation_error", "The `attachments` field is not supported in a batch.")

        permissive = _is_permissive(request.headers.get("x-batch-validation", "strict"))

        def effect() -> dict[str, Any]:
            emails, errors = _read_batch(given) if permissive else ([read_email(one) for one in given], None)
            sent: dict[str, Any] = {"data": [{"id": one} for one in self._take(emails)]}
            return sent if errors is None else sent | {"errors": errors}

        return await self._once(request, given, effect)

    async def show_email(self, request: web.Request) -> dict[str, Any]:
        wanted = request.match_info["id"]
        mail = next((one for one in self._world.mailbox if one["id"] == wanted), None)
        if mail is None:
            raise ResendApiError(404, "not_found", "Email not found")
        shown = {name: mail[name] for name in ("id", "to", "from", "subject", "bcc", "cc", "reply_to")}
        bodies = {name: mail[name] for name in ("html", "text") if mail[name] is not None}
        return {"object": "email", **shown, **bodies, "created_at": mail["time"], "last_event": mail["status"]}

    async def list_domains(self, request: web.Request) -> dict[str, Any]:
        return {"object": "list", "data": [], "has_more": False}

    async def _once(self, request: web.Request, given: Any, effect: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The same key and payload is the same mail; another payload under it is a mistake."""
        state, key = self._state, request.headers.get("Idempotency-Key")
        if key is None:
            await asyncio.sleep(state.latency)
            return effect()
        if not 1 <= len(key) <= 256:
            raise ResendApiError(400, "invalid_idempotency_key", "The key must be between 1-256 chars.")
        kept = self._kept(state, key, request.path + json.dumps(given, sort_keys=True))
        if kept.response is None:
            try:
                await asyncio.sleep(state.latency)
                kept.response = effect()
            finally:
                if kept.response is None:  # what was refused may be tried again
                    state.remembered_sends.pop(key, None)
        return kept.response

    def _kept(self, state: ResendState, key: str, payload: str) -> RememberedSend:
        """What is remembered under the key, or a new entry. Raises Refused for another payload, or one in flight."""
        now, mark = self._world.now(), hashlib.sha256(payload.encode()).hexdigest()
        kept = state.remembered_sends.get(key)
        if kept is None or now - kept.remembered_at >= IDEMPOTENCY_KEY_LIFE:
            kept = state.remembered_sends[key] = RememberedSend(now, mark)
            return kept
        if kept.payload != mark:
            text = "Same idempotency key used with a different request payload."
            raise ResendApiError(409, "invalid_idempotent_request", text)
        if kept.response is None:
            text = "Same idempotency key used while original request is still in progress."
            raise ResendApiError(409, "concurrent_idempotent_requests", text)
        return kept

    def _take(self, emails: list[dict[str, Any]]) -> list[str]:
        """Their ids. What the mailbox says of them is already where they will end."""
        state = self._state
        if state.daily_quota is not None and state.sent_today + len(emails) > state.daily_quota:
            raise ResendApiError(429, "daily_quota_exceeded", "You have reached your daily email sending quota.")
        state.sent_today += len(emails)
        return [self._deliver(email) for email in emails]

    def _deliver(self, email: dict[str, Any]) -> str:
        ident = str(UUID(int=self._world.random.getrandbits(128), version=4))
        fate = _fate([*email["to"], *email["cc"], *email["bcc"]])
        mail = {"id": ident, **email, "time": self._world.now().isoformat(), "status": fate[-1]}
        self._world.post_mail(mail)
        for status in fate:
            self._report(status, mail)
        return ident

    def _report(self, status: str, mail: dict[str, Any]) -> None:
        data: dict[str, Any] = {
            "created_at": mail["time"],
            "email_id": mail["id"],
            "from": mail["from"],
            "to": mail["to"],
            "subject": mail["subject"],
            "tags": {tag["name"]: tag["value"] for tag in mail["tags"]},
        } | _reason(status, mail)
        kind, now = f"email.{status}", self._world.now().isoformat()
        body = json.dumps({"type": kind, "created_at": now, "data": data}).encode()
        ident = "msg_" + base64.b32encode(self._world.random.randbytes(15)).decode().lower()
        url = f"{self._world.config.callback_base}/webhooks/resend"
        self._world.send_callback(Callback("resend", url, body, kind, ident))

    def _count(self) -> None:
        now, state = time.monotonic(), self._state
        while state.recent_requests and state.recent_requests[0] <= now - 1:
            state.recent_requests.popleft()
        if len(state.recent_requests) >= state.per_second:
            text = f"Too many requests. You can only make {state.per_second} requests per second."
            raise ResendApiError(429, "rate_limit_exceeded", text, {"retry-after": "1"})
        state.recent_requests.append(now)

    def _headers(self) -> dict[str, str]:
        state = self._state
        left = max(0, state.per_second - len(state.recent_requests))
        return {"ratelimit-limit": str(state.per_second), "ratelimit-remaining": str(left), "ratelimit-reset": "1"}


def _sign(world: SandboxState, callback: Callback, now: datetime) -> dict[str, str]:
    stamp = str(int(now.timestamp()))
    secret = base64.b64decode(world.config.resend_webhook_secret.removeprefix("whsec_"))
    mark = hmac.new(secret, f"{callback.message_id}.{stamp}.".encode() + callback.body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(mark).decode()
    return {"svix-id": callback.message_id, "svix-timestamp": stamp, "svix-signature": signature}


def _drop_unanswered(_: SandboxState, state: ResendState) -> None:
    """A request that was in flight when the sandbox ended was never executed."""
    for key in [key for key, kept in state.remembered_sends.items() if kept.response is None]:
        del state.remembered_sends[key]


def _check_limits(given: dict[str, Any]) -> None:
    for name, value in given.items():
        match name:
            case "per_second" if not is_whole_number(value):
                raise InvalidControlInput(name, "must be a whole number from 0")
            case "daily_quota" if value is not None and not is_whole_number(value):
                raise InvalidControlInput(name, "must be a whole number from 0, or null")
            case "latency" if not is_number_between(value, 0, 60):
                raise InvalidControlInput(name, "must be from 0 to 60 seconds")
            case "per_second" | "daily_quota" | "latency":
                continue
            case _:
                raise InvalidControlInput(name, "is not one of per_second, daily_quota, latency")


def _is_permissive(mode: str) -> bool:
    if mode not in {"strict", "permissive"}:
        text = "The `x-batch-validation` header must be `strict` or `permissive`."
        raise ResendApiError(422, "validation_error", text)
    return mode == "permissive"


def _read_batch(given: list[Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The emails that are good, and what is wrong with the others, by their place."""
    emails, errors = [], []
    for index, one in enumerate(given):
        try:
            emails.append(read_email(one))
        except ResendApiError as error:
            errors.append({"index": index, "message": str(error)})
    return emails, errors


def _authorize(request: web.Request, known: str) -> None:
    """Raises Refused for every key but the account's own."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not key:
        raise ResendApiError(401, "missing_api_key", "Missing API key in the authorization header")
    if key.strip() != known:
        raise ResendApiError(403, "invalid_api_key", "API key is invalid")


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise ResendApiError(400, "validation_error", "The body is not valid JSON.") from None


def _reason(status: str, mail: dict[str, Any]) -> dict[str, Any]:
    """What a report says beside its status."""
    full = any(address.rpartition("<")[2].startswith("mailbox-full") for address in mail["to"])
    return _FULL if full and status == "bounced" else _REASONS.get(status, {})


def _fate(recipients: list[str]) -> tuple[str, ...]:
    """What becomes of it: the first recipient with a part to play decides, `+anything` aside."""
    names = [one.rpartition("<")[2].partition("@")[0].partition("+")[0] for one in recipients]
    return next((_FATES[name] for name in names if name in _FATES), ("sent", "delivered"))
