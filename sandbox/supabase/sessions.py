"""Sessions and their refresh tokens: the session's id and a counter under the session's own key, as GoTrue's v2 are."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

_CHECK, _MARK = 4, 16
"""Bytes of the checksum and of the signature."""


@dataclass(slots=True)
class AuthSession:
    id: str
    user_id: str
    key: bytes
    created_at: datetime
    method: str
    user_agent: str
    ip: str
    counter: int = 0
    refreshed_at: datetime | None = None

    @property
    def refresh_token(self) -> str:
        """The one that is good now."""
        return _encode(self.id, self.counter, self.key)

    @property
    def amr(self) -> list[dict[str, Any]]:
        return [{"method": self.method, "timestamp": int(self.created_at.timestamp())}]

    def is_reusable(self, counter: int, now: datetime, interval: timedelta) -> bool:
        """A spent token gets the current one when it is the last (its answer was lost), or the refresh is fresh."""
        since = now - (self.refreshed_at or self.created_at)
        return self.counter - counter == 1 or since < interval

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "user_id": self.user_id,
            "created_at": self.created_at.isoformat(),
            "refreshed_at": self.refreshed_at and self.refreshed_at.isoformat(),
            "refreshes": self.counter,
            "aal": "aal1",
            "amr": self.amr,
            "user_agent": self.user_agent,
            "ip": self.ip,
        }


@dataclass(frozen=True, slots=True)
class RefreshToken:
    session_id: str
    counter: int
    signed_bytes: bytes
    signature: bytes

    def is_signed_for(self, session: AuthSession) -> bool:
        return hmac.compare_digest(_sign(self.signed_bytes, session.key), self.signature)


def parse_refresh_token(token: str) -> RefreshToken | None:
    """None for what no GoTrue can have written."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    if len(raw) < 1 + 16 + 1 + _MARK + _CHECK or raw[0] != 0 or _checksum(raw[:-_CHECK]) != raw[-_CHECK:]:
        return None
    signed, mark = raw[: -_CHECK - _MARK], raw[-_CHECK - _MARK : -_CHECK]
    return RefreshToken(str(UUID(bytes=signed[1:17])), _uvarint(signed[17:]), signed, mark)


def _encode(session_id: str, counter: int, key: bytes) -> str:
    signed = b"\0" + UUID(session_id).bytes + _as_uvarint(counter)
    raw = signed + _sign(signed, key)
    return base64.urlsafe_b64encode(raw + _checksum(raw)).decode().rstrip("=")


def _sign(signed: bytes, key: bytes) -> bytes:
    return hmac.new(key, signed, hashlib.sha256).digest()[:_MARK]


def _checksum(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()[:_CHECK]


def _as_uvarint(number: int) -> bytes:
    """Seven bits a byte, the lowest first, the top bit set on all but the last."""
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _uvarint(raw: bytes) -> int:
    return sum((byte & 0x7F) << (7 * place) for place, byte in enumerate(raw))
