"""Links to a booking that messages carry."""

import base64
import binascii
from dataclasses import dataclass
from uuid import UUID

from hub.core.errors import NotFound
from hub.core.sealing import Vault

_PURPOSE = "booking-link"
_ID, _MARK = 16, 16
"""Bytes of a token: the booking's id, and a keyed hash of it that cannot be guessed."""
LONGEST_TOKEN = 200


@dataclass(frozen=True, slots=True)
class BookingLinks:
    """With a frontend the link is `{frontend}/bookings/{id}`, where the traveler signs in.

    Without, it leads to the hub's own page, and its token lets in whoever has it: it cannot be guessed.
    """

    vault: Vault
    own_url: str
    frontend_url: str | None

    def link(self, booking_id: UUID) -> str:
        if self.frontend_url:
            return f"{self.frontend_url.rstrip('/')}/bookings/{booking_id}"
        return f"{self.own_url}/booking/{self.token(booking_id)}"

    def token(self, booking_id: UUID) -> str:
        """The same for the same booking, so that papers which hold it stay the same."""
        mark = self.vault.mark(_PURPOSE, booking_id.hex)[:_MARK]
        return base64.urlsafe_b64encode(booking_id.bytes + mark).decode().rstrip("=")

    def booking_of(self, token: str) -> UUID:
        """Raises NotFound for a token that is none of ours."""
        try:
            content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            content = b""
        if len(content) == _ID + _MARK:
            booking_id = UUID(bytes=content[:_ID])
            if self.vault.is_mark(_PURPOSE, booking_id.hex, content[_ID:]):
                return booking_id
        raise NotFound("There is no such booking.", code="booking_not_found")
