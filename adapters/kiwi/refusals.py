"""Why Kiwi refuses: its list of fields, with the place of each value in the hub's own request. Pure."""

import re
from typing import Any

from hub.core.errors import ProviderReason

MAX_REASONS, MAX_TEXT_LENGTH = 20, 300

_PASSENGER = re.compile(r"passengers\.(\d{1,2})\.(\w{1,40})")
_POINTERS = {
    "name": "given_name",
    "surname": "family_name",
    "title": "title",
    "birthday": "born_on",
    "category": "born_on",
    "nationality": "nationality",
    "email": "email",
    "phone": "phone",
    "cardno": "document/number",
    "expiration": "document/expires_on",
}


def read_reasons(document: Any) -> tuple[ProviderReason, ...]:
    """From the body of a 422 (`message`: a list of `param` and `errors`) or a 400 (`error`: a sentence)."""
    if not isinstance(document, dict):
        return ()
    rows = document.get("message")
    if isinstance(rows, list):
        reasons = [_reason(row) for row in rows[:MAX_REASONS] if isinstance(row, dict)]
        return tuple(reason for reason in reasons if reason is not None)
    sentence = rows if isinstance(rows, str) else document.get("error")
    return (ProviderReason("", sentence[:MAX_TEXT_LENGTH]),) if isinstance(sentence, str) and sentence else ()


def _reason(row: dict[str, Any]) -> ProviderReason | None:
    errors = row.get("errors")
    message = " ".join(str(text) for text in (errors if isinstance(errors, list) else [errors or ""]))
    param = str(row.get("param") or "")[:100]
    if not param and not message:
        return None
    return ProviderReason(param, message[:MAX_TEXT_LENGTH], _pointer(param))


def _pointer(param: str) -> str | None:
    match = _PASSENGER.fullmatch(param)
    if match is None:
        return "/travelers" if param == "passengers" else None
    field = _POINTERS.get(match[2])
    return f"/travelers/{int(match[1])}/{field}" if field else f"/travelers/{int(match[1])}"
