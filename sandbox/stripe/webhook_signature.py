"""`Stripe-Signature: t=…,v1=…`: an HMAC-SHA256 over the timestamp, a dot and the body's bytes."""

import hashlib
import hmac
from datetime import datetime


def build_header(body: bytes, secret: str, now: datetime) -> str:
    stamp = int(now.timestamp())
    digest = hmac.new(secret.encode(), str(stamp).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"
