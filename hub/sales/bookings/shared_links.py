"""Links to a booking that messages carry."""

import base64
import binascii
from dataclasses import dataclass
from uuid import UUID

from hub.core.errors import NotFound
from hub.core.sealing import SecretBox

_PURPOSE = "booking-link"
_ID, _MARK = 16, 16
"""Bytes of a token: the booking's id, and a keyed hash of it that cannot be guessed."""
MAX_TOKEN_LENGTH = 200


@dataclass(frozen=True, slots=True)
class BookingLinks:
    """With a frontend the link is `{frontend}/bookings/{id}`, where the traveler signs in.

    Without, it leads to the hub's own page, and its token lets in whoever has it: it cannot be guessed.
    """

    secret_box: SecretBox
    own_url: str
    frontend_url: str | None

    def build_link(self, booking_id: UUID) -> str:
        if self.frontend_url:
            return f"{self.frontend_url.rstrip('/')}/bookings/{booking_id}"
        return f"{self.own_url}/booking/{self.build_token(booking_id)}"

    def build_token(self, booking_id: UUID) -> str:
        """The same for the same booking, so that papers which hold it stay the same."""
        mark = self.secret_box.compute_keyed_hash(_PURPOSE, booking_id.hex)[:_MARK]
        return base64.urlsafe_b64encode(booking_id.bytes + mark).decode().rstrip("=")

    def read_booking_id(self, token: str) -> UUID:
        """Raises NotFound for a token that is none of ours."""
        try:
            content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            content = b""
        if len(content) == _ID + _MARK:
            booking_id = UUID(bytes=content[:_ID])
            if self.secret_box.matches_keyed_hash(_PURPOSE, booking_id.hex, content[_ID:]):
                return booking_id
        raise NotFound("There is no such booking.", code="booking_not_found")
