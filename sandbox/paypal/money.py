"""Amounts as PayPal writes them: decimal strings, two decimals, or none for three currencies."""

import re
from decimal import Decimal
from typing import Any

from sandbox.paypal.errors import make_malformed, make_unprocessable

CURRENCIES = frozenset(
    "AUD BRL CAD CNY CZK DKK EUR HKD HUF ILS JPY MYR MXN TWD NZD NOK PHP PLN GBP SGD SEK CHF THB USD".split()
)
WHOLE_UNIT_CURRENCIES = frozenset({"HUF", "JPY", "TWD"})
_WRITTEN = re.compile(r"-?\d*\.\d+|-?\d+", re.ASCII)
_MOST = Decimal("999999999999999.99")


def format_amount(amount: Decimal, currency: str) -> dict[str, str]:
    digits = 0 if currency in WHOLE_UNIT_CURRENCIES else 2
    return {"currency_code": currency, "value": f"{amount:.{digits}f}"}


def read_value(money: Any) -> Decimal:
    return Decimal(money["value"])


def read_amount(given: Any, field: str, *, order: bool = False, zero: bool = False) -> tuple[Decimal, str]:
    """Amount and currency. `order`: as the orders API words what is wrong, else as the payments API. Raises Refused."""
    if not isinstance(given, dict):
        raise make_malformed("INVALID_PARAMETER_SYNTAX" if given is not None else "MISSING_REQUIRED_PARAMETER", field)
    text, currency = given.get("value"), given.get("currency_code")
    for name, part in (("currency_code", currency), ("value", text)):
        if part is None:
            raise make_malformed("MISSING_REQUIRED_PARAMETER", f"{field}/{name}")
    if not isinstance(text, str) or not _WRITTEN.fullmatch(text) or len(text) > 32:
        raise make_malformed("INVALID_PARAMETER_SYNTAX", f"{field}/value")
    if not isinstance(currency, str) or len(currency) != 3:
        raise make_malformed("INVALID_STRING_LENGTH", f"{field}/currency_code")
    if currency not in CURRENCIES:
        raise make_unprocessable("INVALID_CURRENCY_CODE", f"{field}/currency_code")
    return _checked(text, currency, f"{field}/value", order=order, zero=zero), currency


def _checked(text: str, currency: str, field: str, *, order: bool, zero: bool) -> Decimal:
    _, _, fraction = text.partition(".")
    if currency in WHOLE_UNIT_CURRENCIES and "." in text:
        raise make_unprocessable("DECIMAL_PRECISION" if order else "DECIMALS_NOT_SUPPORTED", field)
    if len(fraction) > 2:
        raise make_unprocessable("DECIMAL_PRECISION", field)
    amount = Decimal(text)
    if amount < 0 or (amount == 0 and not zero):
        raise make_unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE", field)
    if amount > _MOST:
        raise make_unprocessable("MAX_VALUE_EXCEEDED", field)
    return amount
