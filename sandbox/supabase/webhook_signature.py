"""Standard Webhooks: an HMAC-SHA256 over id, timestamp and body, the three joined by dots."""

import base64
import hashlib
import hmac
from datetime import datetime


def build_headers(ident: str, body: bytes, secret: str, now: datetime) -> dict[str, str]:
    """`secret` is `v1,whsec_` and base64, as Supabase shows it."""
    stamp = str(int(now.timestamp()))
    key = base64.b64decode(secret.removeprefix("v1,").removeprefix("whsec_"))
    mark = hmac.new(key, f"{ident}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(mark).decode()
    return {"webhook-id": ident, "webhook-timestamp": stamp, "webhook-signature": signature}
