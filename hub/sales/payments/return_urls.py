"""Where a provider's page may send travellers afterwards: to pages of the operator's, and nowhere else."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from hub.core.errors import FieldError, InvalidRequest

MAX_URL_LENGTH = 2000
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class ReturnUrls:
    """`{booking_id}` in them stands for the booking's id."""

    success: str
    cancel: str

    def fill_booking_id(self, booking_id: UUID) -> "ReturnUrls":
        known = str(booking_id)
        return ReturnUrls(self.success.replace("{booking_id}", known), self.cancel.replace("{booking_id}", known))


class ReturnUrlPolicy:
    """`ours` is the base of the hub's own pages, for who names none; `origins` are those where travellers may go."""

    def __init__(self, ours: str, origins: Iterable[str]) -> None:
        done = f"{ours.rstrip('/')}/done"
        self._default = ReturnUrls(
            f"{done}?what=paid&booking={{booking_id}}", f"{done}?what=not_paid&booking={{booking_id}}"
        )
        self._origins = {found for one in (ours, *origins) if (found := parse_origin(one)) is not None}

    def choose_return_urls(self, success: str | None, cancel: str | None) -> ReturnUrls:
        """Raises InvalidRequest for an address that leads elsewhere."""
        given: dict[str, Any] = {"success": success, "cancel": cancel}
        wrong = [name for name, url in given.items() if url is not None and not self._allowed(url)]
        if wrong:
            text = "an http(s) address of the frontend, at most 2,000 characters"
            raise InvalidRequest(errors=tuple(FieldError(f"/{name}_url", "foreign_address", text) for name in wrong))
        return replace(self._default, **{name: url for name, url in given.items() if url is not None})

    def _allowed(self, url: str) -> bool:
        return len(url) <= MAX_URL_LENGTH and parse_origin(url) in self._origins


def parse_origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None for what browsers may read otherwise than we do, or what is no http(s) address."""
    if not url.isascii() or not url.isprintable() or any(one in url for one in "\\ "):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc or "%" in parts.netloc:
        return None
    return parts.scheme, parts.hostname.lower(), _PORTS[parts.scheme] if port is None else port
