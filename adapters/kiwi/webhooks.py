"""Kiwi's callbacks. No signature is documented: they are known by an unguessable address, and only a hint."""

import json
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest

from hub.core.errors import BadRequest, Unauthenticated
from hub.core.inbox import RawWebhook, VerifiedWebhook


class KiwiWebhooks:
    """`token` is the last part of the callback's path."""

    name = "kiwi"

    def __init__(self, token: str | None, now: Callable[[], datetime]) -> None:
        self._token = token
        self._now = now

    @property
    def is_configured(self) -> bool:
        return bool(self._token)

    def verify_webhook(self, raw: RawWebhook) -> VerifiedWebhook:
        """Raises Unauthenticated for another address than ours, BadRequest for a body that names no booking."""
        given = (raw.path_token or "").encode("utf-8", "surrogateescape")
        if not self._token or not compare_digest(given, self._token.encode()):
            raise Unauthenticated("The address is not valid.", code="bad_signature")
        try:
            payload = json.loads(raw.body)
            booking = str(payload["booking_id"])
            kind = str(payload.get("status") or payload.get("trigger") or "unknown")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BadRequest("The callback cannot be read.") from error
        mark = sha256(raw.body).hexdigest()[:16]
        return VerifiedWebhook(f"{booking}:{kind}:{mark}"[:255], f"booking.{kind}"[:100], payload, self._now())
