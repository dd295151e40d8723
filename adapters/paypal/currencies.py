"""What PayPal charges in each currency (developer.paypal.com/api/rest/reference/currency-codes)."""

from types import MappingProxyType

from hub.core.charge_limits import ChargeLimit, ChargeLimits
from hub.core.money import get_decimal_places

WHOLE_UNIT_CURRENCIES = frozenset({"HUF", "TWD"})
"""Two decimals in ISO 4217, of which PayPal takes none."""
_SUPPORTED = "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD".split()
_MOST_MAJOR = 999_999_999_999_999
"""Major units, as the orders API limits every amount. What a buyer's own account may pay, only PayPal knows."""


def _limit(code: str) -> ChargeLimit:
    unit = 10 ** get_decimal_places(code)
    step = unit if code in WHOLE_UNIT_CURRENCIES else 1
    return ChargeLimit(step, _MOST_MAJOR * unit, step)


CHARGE_LIMITS: ChargeLimits = MappingProxyType({code: _limit(code) for code in _SUPPORTED})
