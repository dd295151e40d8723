"""Telephone numbers, as people write them, to E.164."""

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

_TYPED = re.compile(r"[\d\s()./+\-\u2010-\u2015\u2212\ufe63\uff0b\uff0d]+")
"""Digits of any script, spaces, brackets, dots, slashes, dashes and plus signs; no letters, no extension."""

_SHORTEST = 7
"""Digits of a number, its country code included."""


def normalize_phone(text: str) -> str:
    """The number as E.164: `+44 (0)7700 900123` and `0044 7700 900123` are `+447700900123`.

    A trunk prefix after the country code is left out where the country has one (Italy has none). The length must be
    possible in the country; whether the number is in use is not looked at. Raises ValueError, which does not repeat the
    number, for anything else and for a number without its country code. Source: libphonenumber's metadata.
    """
    number = text.strip()
    number = f"+{number[2:]}" if number.startswith("00") else number
    if number.startswith(("+", "\uff0b")) and _TYPED.fullmatch(number):
        try:
            parsed = phonenumbers.parse(number, None)
        except NumberParseException:
            pass
        else:
            if phonenumbers.is_possible_number_with_reason(parsed) == ValidationResult.IS_POSSIBLE:
                read = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
                if _reads_as_itself(read):
                    return read
    raise ValueError("a telephone number with its country code, such as +447700900123")


def _reads_as_itself(number: str) -> bool:
    """Whether the number is long enough to be called, and has no further trunk prefix that would be left out."""
    try:
        again = phonenumbers.format_number(phonenumbers.parse(number, None), PhoneNumberFormat.E164)
    except NumberParseException:
        return False
    return again == number and len(number) > _SHORTEST
