"""Twilio's Messages and Lookup: SMS and WhatsApp, the documented magic numbers, signed status callbacks."""

import base64
import hashlib
import hmac
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from adapters.sandbox.world import Callback, World

_TO = {
    "+15005550001": (400, 21211, "Invalid 'To' Phone Number: {to}"),
    "+15005550002": (400, 21612, "The message From/To pair violates a routing rule"),
    "+15005550003": (400, 21408, "Permission to send an SMS has not been enabled for the region: {to}"),
    "+15005550004": (400, 21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (400, 21614, "'To' number is not a valid mobile number: {to}"),
}
_FROM = {
    "+15005550001": (400, 21212, "Invalid From Number: {sender}"),
    "+15005550007": (400, 21606, "The 'From' phone number is not a valid message-capable Twilio phone number"),
    "+15005550008": (400, 21611, "This 'From' number has exceeded the maximum number of queued messages"),
}
LONGEST = 1600
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")


class Refused(Exception):
    """Ends a request with Twilio's error body."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def setup(app: web.Application, world: World) -> None:
    emulator = Twilio(world)
    account = "/twilio/2010-04-01/Accounts/{account}"
    app.router.add_get(f"{account}.json", emulator.answer(emulator.account))
    app.router.add_post(f"{account}/Messages.json", emulator.answer(emulator.create, status=201))
    app.router.add_get(f"{account}/Messages.json", emulator.answer(emulator.list))
    app.router.add_get(f"{account}/Messages/{{sid}}.json", emulator.answer(emulator.show))
    app.router.add_get("/twilio/v2/PhoneNumbers/{number}", emulator.answer(emulator.lookup))


class Twilio:
    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def _messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._world.providers.setdefault("twilio", [])
        return found

    def answer(self, handle: Any, status: int = 200) -> Any:
        async def wrapped(request: web.Request) -> web.Response:
            headers = {"Twilio-Request-Id": "RQ" + self._world.random.randbytes(16).hex()}
            try:
                self._authorise(request)
                return web.json_response(await handle(request), status=status, headers=headers)
            except Refused as error:
                info = f"https://www.twilio.com/docs/errors/{error.code}"
                body = {"code": error.code, "message": error.message, "more_info": info, "status": error.status}
                return web.json_response(body, status=error.status, headers=headers)

        return wrapped

    async def account(self, request: web.Request) -> dict[str, Any]:
        sid = request.match_info["account"]
        uri = f"/2010-04-01/Accounts/{sid}.json"
        return {"sid": sid, "friendly_name": "Sandbox", "status": "active", "type": "Full", "uri": uri}

    async def create(self, request: web.Request) -> dict[str, Any]:
        form = await request.post()
        to, sender, body = (str(form.get(name, "")) for name in ("To", "From", "Body"))
        _check(to, sender, body, bool(form.get("MessagingServiceSid") or form.get("ContentSid")))
        message = self._message(request.match_info["account"], to, sender, body)
        self._messages.append(message)
        channel = "whatsapp" if to.startswith("whatsapp:") else "sms"
        shown = {"sid": message["sid"], "channel": channel, "to": to, "from": sender, "body": body, "status": "queued"}
        self._world.messages.append(shown | {"time": self._world.now().isoformat()})
        answer = dict(message)
        self._travel(message, self._world.messages[-1], str(form.get("StatusCallback", "")))
        return answer

    async def list(self, request: web.Request) -> dict[str, Any]:
        """The latest first, by To, From and the day it was sent."""
        query = request.query
        size = int(query.get("PageSize", "50"))
        found = [one for one in reversed(self._messages) if _matches(one, query)]
        page = int(query.get("Page", "0"))
        uri = f"/2010-04-01/Accounts/{request.match_info['account']}/Messages.json?PageSize={size}&Page="
        more = len(found) > (page + 1) * size
        return {
            "messages": found[page * size : (page + 1) * size],
            "page": page,
            "page_size": size,
            "start": page * size,
            "end": max(0, min(len(found), (page + 1) * size) - 1),
            "uri": f"{uri}{page}",
            "first_page_uri": f"{uri}0",
            "next_page_uri": f"{uri}{page + 1}" if more else None,
            "previous_page_uri": f"{uri}{page - 1}" if page else None,
        }

    async def show(self, request: web.Request) -> dict[str, Any]:
        for one in self._messages:
            if one["sid"] == request.match_info["sid"]:
                return one
        raise Refused(404, 20404, f"The requested resource {request.path.removeprefix('/twilio')} was not found")

    async def lookup(self, request: web.Request) -> dict[str, Any]:
        number = request.match_info["number"]
        valid = bool(_NUMBER.fullmatch(number)) and number != "+15005550001"
        return {
            "calling_country_code": number[1:2] if valid else None, "country_code": "US" if valid else None,
            "phone_number": number, "national_format": number, "valid": valid,
            "validation_errors": [] if valid else ["INVALID_BUT_POSSIBLE"],
            "url": f"https://lookups.twilio.com/v2/PhoneNumbers/{number}",
        }  # fmt: skip

    def _authorise(self, request: web.Request) -> None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        try:
            name, _, secret = base64.b64decode(given).decode().partition(":")
        except ValueError:
            name = secret = ""
        mine = self._world.config
        known = name == mine.twilio_account_sid or name.startswith("SK")
        if scheme != "Basic" or not known or not secret or (name[:2] == "AC" and secret != mine.twilio_auth_token):
            raise Refused(401, 20003, "Authenticate")

    def _message(self, account: str, to: str, sender: str, body: str) -> dict[str, Any]:
        sid = "SM" + self._world.random.randbytes(16).hex()
        now = _rfc2822(self._world.now())
        uri = f"/2010-04-01/Accounts/{account}/Messages/{sid}"
        return {
            "account_sid": account, "api_version": "2010-04-01", "body": body, "date_created": now, "date_sent": None,
            "date_updated": now, "direction": "outbound-api", "error_code": None, "error_message": None,
            "from": sender, "messaging_service_sid": None, "num_media": "0", "num_segments": str(1 + len(body) // 160),
            "price": None, "price_unit": "USD", "sid": sid, "status": "queued", "to": to, "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }  # fmt: skip

    def _travel(self, message: dict[str, Any], shown: dict[str, Any], callback: str) -> None:
        """Sent and delivered, each reported. What the sandbox lists is already where it will end."""
        for status in ("sent", "delivered"):
            message["status"] = shown["status"] = status
            message["date_sent"] = message["date_updated"] = _rfc2822(self._world.now())
            if callback:
                self._report(message, status, callback)

    def _report(self, message: dict[str, Any], status: str, url: str) -> None:
        form = {
            "AccountSid": message["account_sid"],
            "ApiVersion": "2010-04-01",
            "From": message["from"],
            "MessageSid": message["sid"],
            "MessageStatus": status,
            "SmsSid": message["sid"],
            "SmsStatus": status,
            "To": message["to"],
        }
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": _signature(self._world.config.twilio_auth_token, url, form),
        }
        self._world.send(Callback("twilio", url, urlencode(form).encode(), lambda _: headers, f"message.{status}"))


def _signature(token: str, url: str, form: dict[str, str]) -> str:
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def _check(to: str, sender: str, body: str, ready: bool) -> None:
    plain_to, plain_from = to.removeprefix("whatsapp:"), sender.removeprefix("whatsapp:")
    if not to:
        raise Refused(400, 21604, "A 'To' phone number is required.")
    if not sender and not ready:
        raise Refused(400, 21603, "A 'From' phone number is required.")
    if not body and not ready:
        raise Refused(400, 21602, "Message body is required.")
    if len(body) > LONGEST:
        raise Refused(400, 21617, f"The concatenated message body exceeds the {LONGEST} character limit")
    for table, number in ((_FROM, plain_from), (_TO, plain_to)):
        if number in table:
            status, code, text = table[number]
            raise Refused(status, code, text.format(to=to, sender=sender))
    if not _NUMBER.fullmatch(plain_to):
        raise Refused(400, 21211, f"Invalid 'To' Phone Number: {to}")


def _matches(message: dict[str, Any], query: Any) -> bool:
    day = datetime.strptime(message["date_created"], "%a, %d %b %Y %H:%M:%S %z").date().isoformat()
    return bool(
        query.get("To", message["to"]) == message["to"]
        and query.get("From", message["from"]) == message["from"]
        and query.get("DateSent", day)[:10] == day
        and query.get("DateSent>", day)[:10] <= day <= query.get("DateSent<", day)[:10]
    )


def _rfc2822(moment: datetime) -> str:
    return f"{moment:%a, %d %b %Y %H:%M:%S} +0000"
