"""PayPal's webhooks, checked here: RSA over `id|time|webhook id|crc32 of the body`, under PayPal's certificate."""

import base64
import binascii
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from adapters.paypal.certificates import CertificateCache
from hub.core.errors import BadRequest, Unauthenticated
from hub.core.inbox import RawWebhook, VerifiedWebhook

MAX_AGE = timedelta(days=3, hours=12)
"""PayPal repeats a delivery for three days, with the time of the first; the inbox knows what it has had."""
MAX_CLOCK_SKEW = timedelta(minutes=5)
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class _Transmission:
    id: str
    time: str
    at: datetime
    signature: bytes
    certificate: str


class PayPalWebhooks:
    """`webhook_ids` are those of the hub's address at PayPal; two, while one takes the other's place."""

    name = "paypal"

    def __init__(self, certificates: CertificateCache, webhook_ids: Sequence[str], now: Callable[[], datetime]) -> None:
        self._certificates = certificates
        self._webhook_ids = tuple(webhook_ids)
        self._now = now

    @property
    def is_configured(self) -> bool:
        return bool(self._webhook_ids)

    async def verify_webhook(self, raw: RawWebhook) -> VerifiedWebhook:
        """Raises Unauthenticated for a signature that is wrong, too old or from the future, BadRequest for a body that
        cannot be read, Unavailable when the certificate cannot be had: PayPal then sends the event again.
        """
        sent = _transmission(raw.headers)
        if sent is None or not self._now() - MAX_AGE <= sent.at <= self._now() + MAX_CLOCK_SKEW:
            raise _bad()
        key = await self._certificates.fetch_key(sent.certificate)
        if not any(_signed(key, sent, ident, raw.body) for ident in self._webhook_ids):
            raise _bad()
        return _event(raw.body)


def _transmission(headers: Mapping[str, str]) -> _Transmission | None:
    """None for headers that PayPal would not send."""
    names = ("ID", "TIME", "SIG")
    ident, time, signature = (headers.get(f"PAYPAL-TRANSMISSION-{name}", "") for name in names)
    certificate = headers.get("PAYPAL-CERT-URL", "")
    if headers.get("PAYPAL-AUTH-ALGO") != "SHA256withRSA" or not ident or not certificate:
        return None
    if max(map(len, (ident, time, certificate))) > _LONGEST:
        return None
    try:
        at = datetime.fromisoformat(time)
        mark = base64.b64decode(signature, validate=True)
    except (ValueError, binascii.Error):
        return None
    return _Transmission(ident, time, at, mark, certificate) if at.tzinfo is not None else None


def _signed(key: rsa.RSAPublicKey, sent: _Transmission, webhook_id: str, body: bytes) -> bool:
    text = f"{sent.id}|{sent.time}|{webhook_id}|{zlib.crc32(body)}".encode("utf-8", "surrogateescape")
    try:
        key.verify(sent.signature, text, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _event(body: bytes) -> VerifiedWebhook:
    try:
        payload = json.loads(body)
        event_id, kind = str(payload["id"]), str(payload["event_type"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadRequest("The event cannot be read.") from error
    return VerifiedWebhook(event_id=event_id, type=kind, payload=payload, occurred_at=_time(payload.get("create_time")))


def _time(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _bad() -> Unauthenticated:
    return Unauthenticated("The signature is not valid.", code="bad_signature")
