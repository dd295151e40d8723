"""Resend's e-mail API: sends, batches, idempotency, limits, and Svix-signed delivery reports.

Addresses play their part: bounced@… bounces, complained@… is delivered and then complained about.
"""

import base64
import hashlib
import hmac
import json
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from aiohttp import web

from adapters.sandbox.world import Callback, World

KEY_LIFE = timedelta(hours=24)
BATCH = 100
RECIPIENTS = 50


class Refused(Exception):
    """Ends a request with Resend's error body."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status, self.name, self.message = status, name, message


@dataclass(slots=True)
class State:
    """`keys` maps an idempotency key to (time, hash of the payload, answer or None while in flight)."""

    per_second: int = 1000
    daily_quota: int | None = None
    keys: dict[str, tuple[datetime, str, dict[str, Any] | None]] = field(default_factory=dict)
    recent: deque[float] = field(default_factory=deque)
    sent: int = 0


def setup(app: web.Application, world: World) -> None:
    emulator = Resend(world)
    app.router.add_post("/resend/emails", emulator.answer(emulator.send))
    app.router.add_post("/resend/emails/batch", emulator.answer(emulator.batch))
    app.router.add_get("/resend/emails/{id}", emulator.answer(emulator.show))
    app.router.add_get("/resend/domains", emulator.answer(emulator.domains))
    app.router.add_post("/_/resend/limit", emulator.limit)


class Resend:
    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def _state(self) -> State:
        state: State = self._world.providers.setdefault("resend", State())
        return state

    def answer(self, handle: Any) -> Any:
        """Authorisation, the rate limit and its headers, and errors as Resend words them."""

        async def wrapped(request: web.Request) -> web.Response:
            try:
                _authorise(request)
                self._count()
                return web.json_response(await handle(request), headers=self._headers())
            except Refused as error:
                body = {"statusCode": error.status, "name": error.name, "message": error.message}
                headers = self._headers() | ({"retry-after": "1"} if error.status == 429 else {})
                return web.json_response(body, status=error.status, headers=headers)

        return wrapped

    async def limit(self, request: web.Request) -> web.Response:
        """Control: `{"per_second": n, "daily_quota": n}`."""
        given = await request.json()
        self._state.per_second = int(given.get("per_second", self._state.per_second))
        self._state.daily_quota = given.get("daily_quota", self._state.daily_quota)
        return web.json_response({"per_second": self._state.per_second, "daily_quota": self._state.daily_quota})

    async def send(self, request: web.Request) -> dict[str, Any]:
        raw = await request.read()
        return self._once(request, raw, lambda: {"id": self._take(_email(_json(raw)))})

    async def batch(self, request: web.Request) -> dict[str, Any]:
        raw = await request.read()
        given = _json(raw)
        if not isinstance(given, list) or not 1 <= len(given) <= BATCH:
            raise Refused(422, "validation_error", f"The batch must hold 1 to {BATCH} emails.")
        emails = [_email(one) for one in given]
        return self._once(request, raw, lambda: {"data": [{"id": self._take(one)} for one in emails]})

    async def show(self, request: web.Request) -> dict[str, Any]:
        wanted = request.match_info["id"]
        for mail in self._world.mailbox:
            if mail["id"] == wanted:
                return {
                    "object": "email", "id": wanted, "to": mail["to"], "from": mail["from"], "created_at": mail["time"],
                    "subject": mail["subject"], "html": mail["html"], "text": mail["text"], "bcc": [], "cc": [],
                    "reply_to": [], "last_event": mail["status"], "scheduled_at": None,
                }  # fmt: skip
        raise Refused(404, "not_found", "Email not found")

    async def domains(self, request: web.Request) -> dict[str, Any]:
        return {"object": "list", "data": [], "has_more": False}

    def _once(self, request: web.Request, raw: bytes, effect: Any) -> dict[str, Any]:
        """The same key and payload is the same mail; another payload under it is a mistake."""
        key = request.headers.get("Idempotency-Key")
        if key is None:
            done: dict[str, Any] = effect()
            return done
        if not 1 <= len(key) <= 256:
            raise Refused(400, "invalid_idempotency_key", "The key must be between 1-256 chars.")
        now, mark = self._world.now(), hashlib.sha256(request.path.encode() + raw).hexdigest()
        since, known, answer = self._state.keys.get(key, (now, mark, None))
        if now - since < KEY_LIFE and known != mark:
            text = "Same idempotency key used with a different request payload."
            raise Refused(409, "invalid_idempotent_request", text)
        if answer is None or now - since >= KEY_LIFE:
            answer = effect()
            self._state.keys[key] = (now, mark, answer)
        return answer

    def _take(self, email: dict[str, Any]) -> str:
        if self._state.daily_quota is not None and self._state.sent >= self._state.daily_quota:
            raise Refused(429, "daily_quota_exceeded", "You have reached your daily email sending quota.")
        self._state.sent += 1
        number = str(UUID(int=self._world.random.getrandbits(128), version=4))
        mail = {"id": number, **email, "time": self._world.now().isoformat(), "status": "sent"}
        self._world.mailbox.append(mail)
        for kind in ("email.sent", *_fate(email["to"])):
            mail["status"] = kind.removeprefix("email.")
            self._report(kind, mail)
        return number

    def _report(self, kind: str, mail: dict[str, Any]) -> None:
        data: dict[str, Any] = {
            "created_at": mail["time"],
            "email_id": mail["id"],
            "from": mail["from"],
            "to": mail["to"],
            "subject": mail["subject"],
            "tags": {tag["name"]: tag["value"] for tag in mail["tags"]},
        }
        if kind == "email.bounced":
            text = "The recipient's email address does not exist."
            data["bounce"] = {"message": text, "type": "Permanent", "subType": "General"}
        body = json.dumps({"type": kind, "created_at": self._world.now().isoformat(), "data": data}).encode()
        number = "msg_" + base64.b32encode(self._world.random.randbytes(15)).decode().lower()
        url = f"{self._world.config.callback_base}/webhooks/resend"
        self._world.send(Callback("resend", url, body, lambda now: self._sign(number, body, now), kind))

    def _sign(self, number: str, body: bytes, now: datetime) -> dict[str, str]:
        stamp = str(int(now.timestamp()))
        secret = base64.b64decode(self._world.config.resend_webhook_secret.removeprefix("whsec_"))
        mark = hmac.new(secret, f"{number}.{stamp}.".encode() + body, hashlib.sha256).digest()
        signature = "v1," + base64.b64encode(mark).decode()
        return {"svix-id": number, "svix-timestamp": stamp, "svix-signature": signature}

    def _count(self) -> None:
        now, recent = time.monotonic(), self._state.recent
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if len(recent) >= self._state.per_second:
            text = f"Too many requests. You can only make {self._state.per_second} requests per second."
            raise Refused(429, "rate_limit_exceeded", text)
        recent.append(now)

    def _headers(self) -> dict[str, str]:
        left = max(0, self._state.per_second - len(self._state.recent))
        return {
            "ratelimit-limit": str(self._state.per_second),
            "ratelimit-remaining": str(left),
            "ratelimit-reset": "1",
        }


def _authorise(request: web.Request) -> None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not key:
        raise Refused(401, "missing_api_key", "Missing API key in the authorization header")
    if not key.startswith("re_"):
        raise Refused(403, "invalid_api_key", "API key is invalid")


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise Refused(422, "validation_error", "The body is not valid JSON.") from error


def _email(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise Refused(422, "validation_error", "An email must be an object.")
    for name in ("from", "to", "subject"):
        if not given.get(name):
            raise Refused(422, "missing_required_field", f"Missing `{name}` field.")
    to = [given["to"]] if isinstance(given["to"], str) else given["to"]
    if not isinstance(to, list) or len(to) > RECIPIENTS or not all(_is_address(one) for one in [*to, given["from"]]):
        text = "Invalid `to` or `from` field. The email address needs to follow the `email@example.com` format."
        raise Refused(422, "validation_error", text)
    if not given.get("html") and not given.get("text"):
        raise Refused(422, "validation_error", "Missing `html` or `text` field.")
    return {
        "to": to,
        "from": given["from"],
        "subject": given["subject"],
        "html": given.get("html"),
        "text": given.get("text"),
        "attachments": [_attachment(one) for one in given.get("attachments") or []],
        "tags": given.get("tags") or [],
    }


def _attachment(one: Any) -> dict[str, Any]:
    try:
        content = one.get("content") or ""
        size = len(bytes(content)) if isinstance(content, list) else len(base64.b64decode(content, validate=True))
        kind = one.get("content_type") or one.get("contentType")
        return {"filename": one["filename"], "content_type": kind, "size": size}
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise Refused(422, "invalid_attachment", "Attachment must have either a `content` or `path`.") from error


def _is_address(text: Any) -> bool:
    address = text.rpartition("<")[2].rstrip(">") if isinstance(text, str) else ""
    name, _, host = address.partition("@")
    return bool(name and "." in host and " " not in address)


def _fate(to: list[str]) -> tuple[str, ...]:
    names = {one.rpartition("<")[2].partition("@")[0].partition("+")[0] for one in to}
    if "bounced" in names:
        return ("email.bounced",)
    return ("email.delivered", "email.complained") if "complained" in names else ("email.delivered",)
