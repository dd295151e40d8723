"""Twilio: SMS and WhatsApp over the official SDK, and its signed status callbacks."""

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from multidict import MultiDict
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from adapters.sdk_clients import TwilioHTTP, translate_sdk_errors
from adapters.transport import Transport
from hub.core.errors import BadRequest, ProviderPermanent, Unauthenticated
from hub.core.inbox import RawWebhook, VerifiedWebhook
from hub.outreach.messaging import DeliveryReport, SuppressionCause, TextMessage

_REPORTS = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "bounced",
    "failed": "failed",
}


_CAUSES: dict[str, SuppressionCause] = {
    "21211": "bounce",  # no valid number
    "21614": "bounce",  # no mobile number
    "21610": "opt_out",  # answered STOP
    "30005": "bounce",  # unknown to its network
    "30006": "bounce",  # a landline, or no route to it
    "63003": "bounce",  # no WhatsApp account
    "63014": "opt_out",  # blocked us on WhatsApp
}
"""What an error code means for the number. All others pass (30003 switched off, 30008 unknown) or are our own fault."""


class TwilioSmsSender:
    """The texter's port. Twilio takes no idempotency key, so `find_text` looks for a text that may have gone out."""

    name = "twilio"

    def __init__(
        self,
        transport: Transport,
        *,
        account_sid: str,
        auth_token: str,
        base_url: str,
        sender: str,
        whatsapp_sender: str | None,
        callback_url: str,
    ) -> None:
        self._client = Client(account_sid, auth_token, http_client=TwilioHTTP(transport))
        self._client.api.base_url = base_url
        self._senders = {"sms": sender, "whatsapp": f"whatsapp:{whatsapp_sender or sender}"}
        self._callback_url = callback_url

    async def check_access(self) -> None:
        """One harmless read, to see whether the token is good."""
        with translate_sdk_errors("twilio"):
            await self._client.api.accounts(self._client.account_sid).fetch_async()

    async def send_text(self, text: TextMessage) -> str:
        with translate_sdk_errors("twilio"):
            sent = await self._client.messages.create_async(
                to=_address(text),
                from_=self._senders[text.channel],
                body=text.body,
                status_callback=self._callback_url,
            )
        return str(sent.sid)

    async def find_text(self, text: TextMessage, since: datetime) -> str | None:
        """The number of a text with these very words to this number since then; None when there is none."""
        day_before = since - timedelta(days=1)  # DateSent has no time of day, and is absent until it is sent
        with translate_sdk_errors("twilio"):
            sent = await self._client.messages.list_async(to=_address(text), date_sent_after=day_before, limit=50)
        for one in sent:
            if one.body == text.body and (one.date_created is None or one.date_created >= since - timedelta(minutes=1)):
                return str(one.sid)
        return None

    def parse_delivery_report(self, event: dict[str, Any]) -> DeliveryReport | None:
        status = _REPORTS.get(str(event.get("MessageStatus")))
        sid = event.get("MessageSid")
        if status is None or not isinstance(sid, str):
            return None
        code = str(event["ErrorCode"]) if event.get("ErrorCode") else None
        return DeliveryReport(sid, status, code, _CAUSES.get(code or ""))

    def find_suppression_cause(self, error: ProviderPermanent) -> SuppressionCause | None:
        return _CAUSES.get(error.provider_code or "")


def _address(text: TextMessage) -> str:
    return f"whatsapp:{text.to}" if text.channel == "whatsapp" else text.to


class TwilioWebhooks:
    """X-Twilio-Signature over the PUBLIC address and the form: the address comes from settings, not from headers."""

    name = "twilio"

    def __init__(self, auth_token: str | None, now: Callable[[], datetime]) -> None:
        self._validator = RequestValidator(auth_token) if auth_token else None
        self._now = now

    @property
    def is_configured(self) -> bool:
        return self._validator is not None

    def verify_webhook(self, raw: RawWebhook) -> VerifiedWebhook:
        """Raises Unauthenticated for a wrong signature, BadRequest for a form that names no message."""
        try:
            text = raw.body.decode("utf-8")
            fields = parse_qsl(text, keep_blank_values=True, max_num_fields=200)
        except ValueError as error:
            raise BadRequest("The form cannot be read.") from error
        if not self._signed(raw, text, fields):
            raise Unauthenticated("The signature is not valid.", code="bad_signature")
        form = dict(fields)
        if "MessageSid" not in form:
            raise BadRequest("The form names no message.")
        status = form.get("MessageStatus", "unknown")
        # A callback has no id of its own: the same status of the same message is the same news.
        event_id = sha256(f"{form['MessageSid']}:{status}:{form.get('ErrorCode', '')}".encode()).hexdigest()[:40]
        return VerifiedWebhook(event_id=event_id, type=f"message.{status}", payload=form, occurred_at=self._now())

    def _signed(self, raw: RawWebhook, text: str, fields: list[tuple[str, str]]) -> bool:
        """The form is part of what is signed; of any other body, the address holds the digest."""
        signature = raw.headers.get("X-Twilio-Signature", "")
        try:
            by_digest = "bodySHA256" in parse_qs(urlsplit(raw.url).query)
            signed: Any = text if by_digest else MultiDict(fields)
            return self._validator is not None and bool(self._validator.validate(raw.url, signed, signature))
        except ValueError:  # the address is not UTF-8, or none at all
            return False
