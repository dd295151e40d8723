"""Resend: e-mail over the official SDK, and its Svix-signed delivery reports."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import resend

from adapters.sdk_clients import ResendHTTP, translate_sdk_errors
from adapters.sdk_clients.standard_webhooks import find_signed_event_id, parse_signing_key
from adapters.transport import Transport
from hub.core.errors import BadRequest, ProviderPermanent, Unauthenticated
from hub.core.inbox import RawWebhook, VerifiedWebhook
from hub.outreach.messaging import DeliveryReport, EmailMessage, SuppressionCause

_REPORTS = {
    "email.sent": "sent",
    "email.delivered": "delivered",
    "email.bounced": "bounced",
    "email.complained": "complained",
    "email.failed": "failed",
    "email.suppressed": "suppressed",
}


_ABOUT_OUR_MAIL = frozenset({"MailboxFull", "MessageTooLarge", "ContentRejected", "AttachmentRejected"})


class ResendMailer:
    """The mailer's port. The SDK keeps its key and client in module globals, so there is one of it in a process."""

    name = "resend"

    def __init__(self, transport: Transport, *, api_key: str, base_url: str, sender: str) -> None:
        self._sender = sender
        resend.api_key = api_key
        resend.api_url = base_url
        resend.default_async_http_client = ResendHTTP(transport)

    async def check_access(self) -> None:
        """One harmless read, to see whether the key is good."""
        with translate_sdk_errors("resend"):
            await resend.Domains.list_async()

    async def send_email(self, email: EmailMessage, key: str) -> str:
        params: Any = {
            "from": self._sender,
            "to": [email.to],
            "subject": email.subject,
            "html": email.html,
            "text": email.text,
        }
        if email.attachments:
            params["attachments"] = [
                {
                    "filename": one.filename,
                    "content": base64.b64encode(one.content).decode(),
                    "content_type": one.content_type,
                }
                for one in email.attachments
            ]
        with translate_sdk_errors("resend"):
            sent = await resend.Emails.send_async(params, {"idempotency_key": key})
        return str(sent["id"])

    def parse_delivery_report(self, event: dict[str, Any]) -> DeliveryReport | None:
        """None for a report that says nothing of delivery (opened, clicked)."""
        data, status = event.get("data"), _REPORTS.get(str(event.get("type")))
        if status is None or not isinstance(data, dict) or not isinstance(data.get("email_id"), str):
            return None
        return DeliveryReport(data["email_id"], status, _detail(data), _cause(status, data))

    def find_suppression_cause(self, error: ProviderPermanent) -> SuppressionCause | None:  # noqa: ARG002 (the port's)
        """Resend refuses requests, not addresses: what is wrong with an address comes as a report."""
        return None


def _detail(data: dict[str, Any]) -> str | None:
    """`Permanent/General`, `Transient/MailboxFull`, `previous_complaint`: the provider's words for the outcome."""
    bounce, suppressed, failed = (_part(data, name) for name in ("bounce", "suppressed", "failed"))
    words = [str(bounce[name]) for name in ("type", "subType") if bounce.get(name)]
    return "/".join(words) or suppressed.get("reason") or failed.get("reason") or None


def _cause(status: str, data: dict[str, Any]) -> SuppressionCause | None:
    """Only an address that does not exist is suppressed for a bounce: a full mailbox, or what is wrong with our own
    mail (too large, content refused), says nothing against the address.
    """
    if status == "complained" or _part(data, "suppressed").get("reason") == "previous_complaint":
        return "complaint"
    if status == "suppressed":
        return "bounce"
    bounce = _part(data, "bounce")
    permanent = status == "bounced" and bounce.get("type") == "Permanent"
    return "bounce" if permanent and bounce.get("subType") not in _ABOUT_OUR_MAIL else None


def _part(data: dict[str, Any], name: str) -> dict[str, Any]:
    part = data.get(name)
    return part if isinstance(part, dict) else {}


class ResendWebhooks:
    """svix-id, svix-timestamp, svix-signature; several secrets while one is being rotated."""

    name = "resend"

    def __init__(self, secrets: Sequence[str], now: Callable[[], datetime]) -> None:
        self._keys = tuple(parse_signing_key(secret) for secret in secrets)
        self._now = now

    @property
    def is_configured(self) -> bool:
        return bool(self._keys)

    def verify_webhook(self, raw: RawWebhook) -> VerifiedWebhook:
        """Raises Unauthenticated for a signature that is wrong, old or from the future, BadRequest for the rest."""
        event_id = find_signed_event_id(raw, self._keys, self._now(), prefix="svix")
        if event_id is None:
            raise Unauthenticated("The signature is not valid.", code="bad_signature")
        try:
            payload = json.loads(raw.body)
            occurred = datetime.fromisoformat(str(payload["created_at"]))
            return VerifiedWebhook(event_id=event_id, type=str(payload["type"]), payload=payload, occurred_at=occurred)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BadRequest("The event cannot be read.") from error
