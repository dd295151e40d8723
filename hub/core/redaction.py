"""What must not be written down, taken out by the writer: by the name of a field, and by the look of a value.

Names of persons look like any other word, so they are known only by the field that holds them; the same goes for
secrets without a prefix. Everything with a recognisable shape is found wherever it stands, also inside the text of an
exception.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

REDACTED = "[redacted]"
_DEEPEST = 8
_LONGEST = 32_768

# Compared with the field's name in lower case without `_` and `-`.
_SECRET_PARTS = re.compile(
    r"password|passwd|secret|token|authorization|cookie|apikey|signature|credential|"
    r"email|phone|mobile|whatsapp|cardnumber|cvc|cvv|iban|passport|documentnumber|bornon|birth|nationality|address"
)
_SECRET_NAMES = frozenset(
    "auth pwd pin otp card pan number subject body html text content recipient to "
    "name givenname familyname firstname lastname middlename fullname displayname customername travellername "
    "travelername passengername contactname holdername".split()
)

_KEYS = r"\b(?:sk|rk|pk)_(?:live|test)_\w+|\bwhsec_[\w+/=-]+|\bre_\w{8,}|\bSG\.[\w-]{8,}|\b(?:AC|SK)[0-9a-f]{32}\b"
_SHAPES = re.compile(
    "|".join(
        (
            r"(?P<scheme>\b(?:bearer|basic)\s+)[\w.~+/=:-]+",
            r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?",
            rf"{_KEYS}|\bsk-[\w-]{{8,}}",
            r"\b(?:pi|seti|cs)_\w+_secret_\w+",
            r"(?P<userinfo>\b[a-z][a-z0-9+.-]*://)[^\s/@]*:[^\s/]*@",
            r"(?P<pair>\b\w*(?:token|secret|password|api_?key|signature)['\"]?\s*[=:]\s*['\"]?)(?!\[)[^\s'\",;&)}]+",
            # What PostgreSQL says of a row that it refused.
            r"(?P<key>\bKey \([^)]*\)=\().*?(?=\) (?:already|is|conflicts|still)|$)",
            r"(?P<row>\bFailing row contains \().*?(?=\)\.?$|$)",
            # What pydantic says of a value that it refused.
            r"(?P<input>\binput_value=).*?(?=, input_type=|\]|$)",
            r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+",
            r"(?<![\w.:+-])(?:\+|00)[1-9][\d ().-]{5,18}\d(?![\w-])",
            r"(?<![\w.-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])",
        )
    ),
    re.IGNORECASE | re.MULTILINE,
)
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
_WORTH_A_LOOK = re.compile(r"[@=:+(\d_]|sk-|eyJ|bearer|basic", re.IGNORECASE)


@lru_cache(maxsize=4096)
def is_sensitive_field(name: str) -> bool:
    """Whether a field of this name holds a secret or personal data."""
    plain = name.lower().replace("_", "").replace("-", "")
    return plain in _SECRET_NAMES or _SECRET_PARTS.search(plain) is not None


def scrub_text(text: str) -> str:
    """The text without secrets, addresses, telephone and card numbers; cut when it is longer than 32 KiB."""
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + " ..."
    if not _WORTH_A_LOOK.search(text):
        return text
    return _CARD.sub(_hide_card, _SHAPES.sub(_hide, text))


def redact_value(value: Any, depth: int = 0) -> Any:
    """A copy without what must not be written down. What is no plain data becomes its scrubbed text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _redact_inside(value, depth + 1)
    return scrub_text(str(value))


def _redact_inside(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return "..."
    if isinstance(value, Mapping):
        return {scrub_text(str(key)): redact_field(str(key), inner, depth) for key, inner in value.items()}
    return [redact_value(one, depth) for one in value]


def redact_field(name: str, value: Any, depth: int = 0) -> Any:
    """The value of a field as it may be written."""
    if value is None or isinstance(value, bool) or (isinstance(value, int) and name.endswith("tokens")):
        return value
    return REDACTED if is_sensitive_field(name) else redact_value(value, depth)


def _hide(match: re.Match[str]) -> str:
    kept = next((text for name, text in match.groupdict().items() if text), "")
    return f"{kept}{REDACTED}"


def _hide_card(match: re.Match[str]) -> str:
    return REDACTED if _luhn(match.group()) else match.group()


def _luhn(text: str) -> bool:
    digits = [int(one) for one in reversed(text) if one.isdigit()]
    doubled = (sum(divmod(2 * one, 10)) for one in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
