"""Signatures as Svix and Standard Webhooks have them: HMAC-SHA256 of `id.timestamp.body`, several in one header."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest

from hub.core.inbox import RawWebhook

TOLERANCE_SECONDS = 300
"""Seconds between a signature's timestamp and our clock, either way."""


def parse_signing_key(secret: str) -> bytes:
    """Of `whsec_<base64>`, or `v1,whsec_<base64>` as Supabase shows it. Raises ValueError for what is no secret."""
    try:
        key = base64.b64decode(secret.removeprefix("v1,").removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError("a webhook's secret is whsec_ and bytes in base64")
    return key


def find_signed_event_id(raw: RawWebhook, keys: Sequence[bytes], now: datetime, *, prefix: str) -> str | None:
    """The event's id when one of the keys has signed the delivery lately, else None. `prefix` of the three headers."""
    event_id, stamp = raw.headers.get(f"{prefix}-id", ""), raw.headers.get(f"{prefix}-timestamp", "")
    if not event_id or not stamp.isascii() or not stamp.isdigit():
        return None
    if abs(now.timestamp() - int(stamp[:12])) > TOLERANCE_SECONDS:
        return None
    content = f"{event_id}.{stamp}.".encode("utf-8", "surrogateescape") + raw.body
    wanted = [base64.b64encode(hmac_digest(key, content, sha256)) for key in keys]
    given = [
        part.removeprefix("v1,").encode("utf-8", "surrogateescape")
        for part in raw.headers.get(f"{prefix}-signature", "").split()
        if part.startswith("v1,")
    ]
    return event_id if any(compare_digest(one, other) for one in wanted for other in given) else None
