"""Links to a booking that messages carry."""

import base64
import binascii
from dataclasses import dataclass
from uuid import UUID

from hub.core.errors import NotFound
from hub.core.vault import Broken, Vault

_PURPOSE = "booking-link"
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
        sealed = self.vault.seal(_PURPOSE, booking_id.hex)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def booking_of(self, token: str) -> UUID:
        """Raises NotFound for a token that is none of ours."""
        try:
            padded = token + "=" * (-len(token) % 4)
            return UUID(hex=self.vault.open(_PURPOSE, base64.urlsafe_b64decode(padded)))
        except (Broken, binascii.Error, ValueError) as error:
            raise NotFound("There is no such booking.", code="booking_not_found") from error
