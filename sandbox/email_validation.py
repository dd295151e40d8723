"""An email as Resend takes it: what is required, what is well-formed, and how it is refused."""

import base64
import mimetypes
import re
from typing import Any

MAX_RECIPIENTS = 50
_NOT_HERE = ("template", "scheduled_at", "topic_id")
_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")


class ResendApiError(Exception):
    """Ends a request with Resend's error body."""

    def __init__(self, status: int, name: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.name, self.headers = status, name, headers or {}


def _invalid(message: str) -> ResendApiError:
    return ResendApiError(422, "validation_error", message)


def read_email(given: Any) -> dict[str, Any]:
    """The mail as the mailbox keeps it, without id, time and status. Raises Refused."""
    if not isinstance(given, dict):
        raise _invalid("An email must be an object.")
    for name in ("from", "to", "subject"):
        if not given.get(name):
            raise ResendApiError(422, "missing_required_field", f"Missing `{name}` field.")
    for name in _NOT_HERE:
        if given.get(name) is not None:
            raise _invalid(f"The sandbox knows no `{name}`.")
    html, text = _text(given, "html"), _text(given, "text")
    if not html and not text:
        raise ResendApiError(422, "missing_required_field", "Missing `html` or `text` field.")
    return {
        "to": _addresses(given, "to"),
        "cc": _addresses(given, "cc"),
        "bcc": _addresses(given, "bcc"),
        "reply_to": _addresses(given, "reply_to"),
        "from": _addresses({"from": _text(given, "from")}, "from")[0],
        "subject": _text(given, "subject"),
        "html": html,
        "text": text,
        "attachments": [_attachment(one) for one in _list(given, "attachments")],
        "headers": _headers(given),
        "tags": [_tag(one) for one in _list(given, "tags")],
    }


def _text(given: dict[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise _invalid(f"The `{name}` field must be a `string`.")
    return value


def _list(given: dict[str, Any], name: str) -> list[Any]:
    value = given.get(name) or []
    if not isinstance(value, list):
        raise _invalid(f"The `{name}` field must be an array.")
    return value


def _addresses(given: dict[str, Any], name: str) -> list[str]:
    """One or several, each `email@example.com` or `Name <email@example.com>`."""
    found = given.get(name) or []
    found = [found] if isinstance(found, str) else found
    if not isinstance(found, list) or not all(_is_address(one) for one in found):
        form = "`email@example.com` or `Name <email@example.com>`"
        raise _invalid(f"Invalid `{name}` field. The email address needs to follow the {form} format.")
    if len(found) > MAX_RECIPIENTS:
        raise _invalid(f"The `{name}` field must have at most {MAX_RECIPIENTS} recipients.")
    return found


def _is_address(text: Any) -> bool:
    """A name may have any letters; the address is ASCII: domains in Punycode, local parts without other letters."""
    if not isinstance(text, str) or "\n" in text or "\r" in text:
        return False
    _, bracket, rest = text.rpartition("<")
    if bracket and not rest.endswith(">"):
        return False
    address = rest.removesuffix(">") if bracket else text
    return address.isascii() and _ADDRESS.fullmatch(address) is not None


def _attachment(one: Any) -> dict[str, Any]:
    """Name, type and size; a file named by its address is not fetched, and has no size."""
    if not isinstance(one, dict) or not (one.get("content") or one.get("path")):
        raise ResendApiError(422, "invalid_attachment", "Attachment must have either a `content` or `path`.")
    name = str(one.get("filename") or str(one.get("path") or "").rpartition("/")[2])
    if not name:
        raise ResendApiError(422, "invalid_attachment", "Attachment must have a `filename`.")
    kind = one.get("content_type") or mimetypes.guess_type(name)[0] or "application/octet-stream"
    size = len(_content(one["content"])) if one.get("content") else None
    return {"filename": name, "content_type": kind, "size": size}


def _content(content: Any) -> bytes:
    """Base64, or a list of bytes."""
    try:
        return bytes(content) if isinstance(content, list) else base64.b64decode(content, validate=True)
    except (ValueError, TypeError):
        raise ResendApiError(422, "invalid_attachment", "The attachment's `content` is not valid base64.") from None


def _headers(given: dict[str, Any]) -> dict[str, str]:
    """Custom headers, such as List-Unsubscribe."""
    headers = given.get("headers") or {}
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise _invalid("The `headers` field must be an object of strings.")
    return headers


def _tag(one: Any) -> dict[str, str]:
    if not isinstance(one, dict) or not all(_TAG.fullmatch(str(one.get(part) or "")) for part in ("name", "value")):
        text = "Tags should only contain ASCII letters, numbers, underscores, or dashes."
        raise _invalid(text)
    return {"name": str(one["name"]), "value": str(one["value"])}
