"""Stripe's webhooks: whether one is Stripe's, and what it says."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime

import stripe

from adapters.stripe.wire import to_verified_event
from hub.core.errors import BadRequest, Unauthenticated
from hub.core.inbox import RawWebhook, VerifiedWebhook

TOLERANCE_SECONDS = 300
"""Seconds between a signature's timestamp and our clock, either way."""


class StripeWebhooks:
    """Stripe-Signature over the raw bytes; several secrets while one is being rotated."""

    name = "stripe"

    def __init__(self, secrets: Sequence[str], now: Callable[[], datetime]) -> None:
        self._secrets = tuple(secrets)
        self._now = now

    @property
    def is_configured(self) -> bool:
        return bool(self._secrets)

    def verify_webhook(self, raw: RawWebhook) -> VerifiedWebhook:
        """Raises Unauthenticated for a signature that is wrong, old or from the future, BadRequest for the rest."""
        header = raw.headers.get("Stripe-Signature", "")
        if not any(self._signed(raw.body, header, secret) for secret in self._secrets):
            raise Unauthenticated("The signature is not valid.", code="bad_signature")
        try:
            return to_verified_event(json.loads(raw.body))
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError, OSError) as error:
            raise BadRequest("The event cannot be read.") from error

    def _signed(self, body: bytes, header: str, secret: str) -> bool:
        """The SDK checks the signature and the age; it lets timestamps of the future pass, so those are ours."""
        try:
            stripe.WebhookSignature.verify_header(body.decode("utf-8"), header, secret, None)
            # The first t, which is the one that the SDK has verified: a second one is nobody's word.
            signed_at = int(next(part[2:] for part in header.split(",") if part.startswith("t=")))
        except (stripe.SignatureVerificationError, ValueError, TypeError, AttributeError):
            return False
        return abs(int(self._now().timestamp()) - signed_at) <= TOLERANCE_SECONDS
