"""Twilio's Messages and Lookup: SMS and WhatsApp, the documented magic numbers, signed status callbacks."""

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from sandbox.control_input import InvalidControlInput, is_whole_number, read_input
from sandbox.phone_numbers import (
    UNSUPPORTED_LOOKUP_PARAMS,
    TwilioApiError,
    check_message,
    check_supported,
    count_segments,
    look_up_number,
    read_schedule,
)
from sandbox.state import Callback, Emulator, SandboxState
from sandbox.tables import TrackedTable

_PATHS: dict[str, tuple[str, ...]] = {
    "queued": (),
    "sent": ("sent",),
    "delivered": ("sent", "delivered"),
    "read": ("sent", "delivered", "read"),
    "undelivered": ("sent", "undelivered"),
    "failed": ("failed",),
}
"""The statuses on the way to each end."""
_ENDED_BADLY = frozenset({"undelivered", "failed"})
_POOL = "+15005550006"
"""The number that a messaging service sends from."""

TwilioHandler = Callable[[web.Request], Awaitable[dict[str, Any] | web.Response]]


@dataclass(frozen=True, slots=True)
class TextMessage:
    """`resource` is the resource as the API shows it, `mailbox_entry` the line in the sandbox's own list."""

    created_at: datetime
    resource: dict[str, Any]
    mailbox_entry: dict[str, Any]


@dataclass(slots=True)
class TwilioState:
    """`script` holds outcomes for coming messages: {status, error_code, to, times}."""

    messages: TrackedTable[str, TextMessage] = field(default_factory=TrackedTable)
    scripted_outcomes: list[dict[str, Any]] = field(default_factory=list)


def setup(app: web.Application, world: SandboxState) -> None:
    emulator = TwilioHandlers(world)
    actions = {"send": lambda _, sid, callback: emulator.send_scheduled(sid, callback)}
    world.register_emulator(
        Emulator("twilio", lambda _: TwilioState(), (TextMessage,), actions, restore_state=_list_messages)
    )
    account = "/twilio/2010-04-01/Accounts/{account}"
    app.router.add_get(f"{account}.json", emulator.wrap_handler(emulator.show_account))
    app.router.add_post(f"{account}/Messages.json", emulator.wrap_handler(emulator.create_message, status=201))
    app.router.add_get(f"{account}/Messages.json", emulator.wrap_handler(emulator.list_messages))
    app.router.add_get(f"{account}/Messages/{{sid}}.json", emulator.wrap_handler(emulator.show_message))
    app.router.add_post(f"{account}/Messages/{{sid}}.json", emulator.wrap_handler(emulator.update_message))
    app.router.add_delete(f"{account}/Messages/{{sid}}.json", emulator.wrap_handler(emulator.delete_message))
    app.router.add_get("/twilio/v2/PhoneNumbers/{number}", emulator.wrap_handler(emulator.look_up_number))
    app.router.add_get("/_/twilio/next", emulator.list_script)
    app.router.add_post("/_/twilio/next", emulator.add_script)


class TwilioHandlers:
    def __init__(self, world: SandboxState) -> None:
        self._world = world

    @property
    def _state(self) -> TwilioState:
        return self._world.get_state("twilio", TwilioState)

    def wrap_handler(
        self, handle: TwilioHandler, status: int = 200
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Authorisation, and errors as Twilio words them."""

        async def answer(request: web.Request) -> web.Response:
            headers = {"Twilio-Request-Id": "RQ" + self._world.random.randbytes(16).hex()}
            try:
                self._authorise(request)
                found = await handle(request)
                if isinstance(found, web.Response):
                    return found
                return web.json_response(found, status=status, headers=headers)
            except TwilioApiError as error:
                info = f"https://www.twilio.com/docs/errors/{error.code}"
                body = {"code": error.code, "message": str(error), "more_info": info, "status": error.status}
                return web.json_response(body, status=error.status, headers=headers)

        return answer

    async def show_account(self, request: web.Request) -> dict[str, Any]:
        sid = request.match_info["account"]
        uri = f"/2010-04-01/Accounts/{sid}"
        since = _rfc2822(datetime(2024, 1, 1, tzinfo=UTC))
        return {
            "sid": sid, "friendly_name": "Sandbox", "status": "active", "type": "Full", "owner_account_sid": sid,
            "date_created": since, "date_updated": since, "uri": f"{uri}.json",
            "subresource_uris": {"messages": f"{uri}/Messages.json"},
        }  # fmt: skip

    async def create_message(self, request: web.Request) -> dict[str, Any]:
        """A messaging service accepts a message before it has a sender; a scheduled one waits for its time."""
        form = await request.post()
        check_supported(form)
        to, sender, service, body = (str(form.get(one, "")) for one in ("To", "From", "MessagingServiceSid", "Body"))
        media = form.getall("MediaUrl", [])
        check_message(to, sender, service, body, has_media=bool(media))
        send_at = read_schedule(form, self._world.now())
        message = self._message(request.match_info["account"], to, sender, body, media=len(media))
        status = "scheduled" if send_at else "accepted" if service else "queued"
        message.resource.update(messaging_service_sid=service or None, status=status)
        message.mailbox_entry["status"] = status
        sid, callback = message.resource["sid"], str(form.get("StatusCallback", ""))
        self._state.messages[sid] = message
        self._world.messages.append(message.mailbox_entry)
        answer = dict(message.resource)
        if send_at:
            self._world.schedule_action((send_at - self._world.now()).total_seconds(), "twilio", "send", sid, callback)
        else:
            self.report_progress(message, callback)
        return answer

    async def update_message(self, request: web.Request) -> dict[str, Any]:
        """Cancels a scheduled message (`Status=canceled`), or redacts one that has come to its end (`Body=`)."""
        message, form = self._find(request), await request.post()
        wire, waits = message.resource, message.resource["status"] == "scheduled"
        if form.get("Status") == "canceled":
            if not waits:
                raise TwilioApiError(400, 30409, "Message is not in a state that can be canceled")
            wire["status"] = message.mailbox_entry["status"] = "canceled"
        elif form.get("Body") == "":
            if waits or wire["status"] in {"accepted", "queued"}:
                raise TwilioApiError(400, 20009, "Cannot modify a message that is not finished")
            wire["body"] = ""
        else:
            raise TwilioApiError(400, 20001, "Only Status=canceled and an empty Body can be set")
        wire["date_updated"] = _rfc2822(self._world.now())
        return wire

    async def delete_message(self, request: web.Request) -> web.Response:
        message = self._find(request)
        if message.resource["status"] in {"scheduled", "accepted", "queued"}:
            raise TwilioApiError(409, 20009, "Cannot delete a message that is not finished")
        del self._state.messages[message.resource["sid"]]
        return web.Response(status=204)

    async def list_messages(self, request: web.Request) -> dict[str, Any]:
        """The latest first, by To, From and the time it was sent (a day, or a moment)."""
        query = request.query
        check_supported(query, frozenset({"PageToken"}))
        size, page = min(_number(query.get("PageSize"), 50, 1), 1000), _number(query.get("Page"), 0, 0)
        wanted = _wanted(query)
        found = [one.resource for one in reversed(self._state.messages.values()) if wanted(one)]
        start, end = page * size, min(len(found), (page + 1) * size)
        kept = [(name, value) for name, value in query.items() if name not in {"Page", "PageToken", "PageSize"}]

        def uri(number: int) -> str:
            fields = urlencode([*kept, ("PageSize", size), ("Page", number)])
            return f"{request.path.removeprefix('/twilio')}?{fields}"

        return {
            "messages": found[start:end],
            "page": page,
            "page_size": size,
            "start": start,
            "end": max(start, end - 1),
            "uri": uri(page),
            "first_page_uri": uri(0),
            "next_page_uri": uri(page + 1) if len(found) > end else None,
            "previous_page_uri": uri(page - 1) if page else None,
        }

    async def show_message(self, request: web.Request) -> dict[str, Any]:
        return self._find(request).resource

    def _find(self, request: web.Request) -> TextMessage:
        message = self._state.messages.get(request.match_info["sid"])
        if message is None:
            raise _not_found(request)
        return message

    async def look_up_number(self, request: web.Request) -> dict[str, Any]:
        check_supported(request.query, UNSUPPORTED_LOOKUP_PARAMS)
        return look_up_number(request.match_info["number"], request.query.get("CountryCode"))

    async def list_script(self, request: web.Request) -> web.Response:
        return web.json_response(self._state.scripted_outcomes)

    async def add_script(self, request: web.Request) -> web.Response:
        """Control: how coming messages end: `{"status": "undelivered", "error_code": 30003, "to"?, "times"?}`."""
        try:
            entry = _read_outcome(await read_input(request))
        except InvalidControlInput as error:
            return error.to_response()
        self._state.scripted_outcomes.append(entry)
        return web.json_response(entry, status=201)

    def _authorise(self, request: web.Request) -> None:
        """The account's token, or its API key with the secret."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        try:
            name, _, secret = base64.b64decode(given).decode().partition(":")
        except ValueError:
            name = secret = ""
        mine = self._world.config
        known = secret == {
            mine.twilio_account_sid: mine.twilio_auth_token,
            mine.twilio_api_key_sid: mine.twilio_api_key_secret,
        }.get(name)
        if scheme != "Basic" or not known or not secret:
            raise TwilioApiError(401, 20003, "Authenticate")
        if request.match_info.get("account", mine.twilio_account_sid) != mine.twilio_account_sid:
            raise _not_found(request)

    def _message(self, account: str, to: str, sender: str, body: str, *, media: int) -> TextMessage:
        """Messages with media have ids of their own kind."""
        sid, at = ("MM" if media else "SM") + self._world.random.randbytes(16).hex(), self._world.now()
        uri, now = f"/2010-04-01/Accounts/{account}/Messages/{sid}", _rfc2822(at)
        wire = {
            "account_sid": account,
            "api_version": "2010-04-01",
            "body": body,
            "date_created": now,
            "date_sent": None,
            "date_updated": now,
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": sender or None,
            "messaging_service_sid": None,
            "num_media": str(media),
            "num_segments": str(count_segments(body)),
            "price": None,
            "price_unit": "USD",
            "sid": sid,
            "status": "queued",
            "to": to,
            "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }
        channel = "whatsapp" if to.startswith("whatsapp:") else "sms"
        shown = {
            "sid": sid, "channel": channel, "to": to, "from": sender or _POOL, "body": body, "status": "queued",
            "error_code": None, "time": at.isoformat(),
        }  # fmt: skip
        return TextMessage(at, wire, shown)

    def report_progress(self, message: TextMessage, callback: str) -> None:
        """Each status on the way is reported. What the sandbox lists is already where it will end."""
        outcome = self._outcome(message.resource["to"])
        message.resource["from"] = message.mailbox_entry["from"]
        for status in _PATHS[outcome["status"]]:
            code = outcome["error_code"] if status in _ENDED_BADLY else None
            message.mailbox_entry.update(status=status, error_code=code)
            now = _rfc2822(self._world.now())
            message.resource.update(status=status, error_code=code, date_sent=now, date_updated=now)
            if callback:
                self._report(message.resource, callback)

    def send_scheduled(self, sid: str, callback: str) -> None:
        """Sends a scheduled message whose time has come, unless it was canceled."""
        message = self._state.messages.get(sid)
        if message is not None and message.resource["status"] == "scheduled":
            self.report_progress(message, callback)

    def _outcome(self, to: str) -> dict[str, Any]:
        for entry in self._state.scripted_outcomes:
            if entry["to"] in {None, to}:
                entry["times"] -= 1
                self._state.scripted_outcomes[:] = [one for one in self._state.scripted_outcomes if one["times"] > 0]
                return entry
        return {"status": "delivered", "error_code": None}

    def _report(self, wire: dict[str, Any], url: str) -> None:
        status = wire["status"]
        form = {
            "AccountSid": wire["account_sid"],
            "ApiVersion": wire["api_version"],
            "From": wire["from"],
            "MessageSid": wire["sid"],
            "MessageStatus": status,
            "SmsSid": wire["sid"],
            "SmsStatus": status,
            "To": wire["to"],
        }
        if wire["error_code"] is not None:
            form["ErrorCode"] = str(wire["error_code"])
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": _signature(self._world.config.twilio_auth_token, url, form),
            "I-Twilio-Idempotency-Token": self._world.random.randbytes(16).hex(),
        }
        self._world.send_callback(
            Callback("twilio", url, urlencode(form).encode(), f"message.{status}", wire["sid"], headers)
        )


def _list_messages(world: SandboxState, state: TwilioState) -> None:
    world.messages[:] = [message.mailbox_entry for message in state.messages.values()]


def _signature(token: str, url: str, form: dict[str, str]) -> str:
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def _read_outcome(given: dict[str, Any]) -> dict[str, Any]:
    entry = {"status": None, "error_code": None, "to": None, "times": 1} | given
    for name in given:
        if name not in {"status", "error_code", "to", "times"}:
            raise InvalidControlInput(name, "is not one of status, error_code, to, times")
    if entry["status"] not in _PATHS:
        raise InvalidControlInput("status", f"must be one of {', '.join(_PATHS)}")
    if entry["error_code"] is not None and not is_whole_number(entry["error_code"], 1):
        raise InvalidControlInput("error_code", "must be a number such as 30003")
    if not isinstance(entry["to"], str | None):
        raise InvalidControlInput("to", "must be the address that a text goes to")
    if not is_whole_number(entry["times"], 1):
        raise InvalidControlInput("times", "must be a whole number above 0")
    if entry["status"] in _ENDED_BADLY and entry["error_code"] is None:
        entry["error_code"] = 30003 if entry["status"] == "undelivered" else 30008
    return entry


def _not_found(request: web.Request) -> TwilioApiError:
    path = request.path.removeprefix("/twilio")
    return TwilioApiError(404, 20404, f"The requested resource {path} was not found")


def _wanted(query: Mapping[str, str]) -> Callable[[TextMessage], bool]:
    """What To, From and DateSent ask for. Raises Refused for a date that is none."""
    to, sender = query.get("To"), query.get("From")
    on, before, after = (_span(query.get(f"DateSent{sign}")) for sign in ("", "<", ">"))
    start, end = max(on[0], after[0]), min(on[1], before[1])

    def wanted(message: TextMessage) -> bool:
        addressed = to in {None, message.resource["to"]} and sender in {None, message.resource["from"]}
        return addressed and start <= message.created_at.replace(microsecond=0) < end

    return wanted


def _span(text: str | None) -> tuple[datetime, datetime]:
    """A day, one second of it, or all of time. Raises Refused."""
    if not text:
        return datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    try:
        start = datetime.fromisoformat(text)
        start = start if start.tzinfo else start.replace(tzinfo=UTC)
        return start, start + (timedelta(days=1) if len(text) <= 10 else timedelta(seconds=1))
    except (ValueError, OverflowError):
        raise TwilioApiError(400, 20001, f"Invalid date: {text}") from None


def _number(text: str | None, default: int, least: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= least):
        raise TwilioApiError(400, 20001, f"Invalid page or page size: {text}")
    return int(text)


def _rfc2822(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
