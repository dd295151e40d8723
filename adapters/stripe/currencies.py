"""What Stripe charges in each currency, and how it counts it (docs.stripe.com/currencies).

Stripe counts some currencies otherwise than ISO 4217. Amounts of the wire are called units here.
"""

from types import MappingProxyType

from hub.core.charge_limits import ChargeLimit, ChargeLimits
from hub.core.money import get_decimal_places

WHOLE_HUNDREDS = frozenset({"ISK", "UGX"})
"""No decimals in ISO 4217, sent to Stripe in hundredths, and always whole."""
WHOLE_UNIT_CURRENCIES = frozenset({"MGA"})
"""Two decimals in ISO 4217, whole units at Stripe."""
TENS_ONLY_CURRENCIES = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
"""Three decimals, of which the last has to be 0."""
_OTHERS = frozenset(
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CLP CNY COP CRC "
    "CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR JMD JPY KES "
    "KGS KHR KMF KRW KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR "
    "NZD PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD SZL THB TJS TOP TRY TTD "
    "TWD TZS UAH USD UYU UZS VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW".split()
)
_MINIMUM = {
    "AED": 200, "CZK": 1500, "DKK": 250, "GBP": 30, "HKD": 400, "HUF": 17500, "MXN": 1000, "MYR": 200, "NOK": 300,
    "PLN": 200, "RON": 200, "SEK": 300, "THB": 1000,
}  # fmt: skip
"""Units. The others: the worth of 0.50 USD in the currency that the account settles in, at least 50 units."""
_MAXIMUM = {
    "COP": 9_999_999_999, "HUF": 999_999_999, "IDR": 999_999_999_999, "INR": 999_999_999, "LBP": 999_999_999_999,
}  # fmt: skip
"""Units: more than the eight digits of all others, which every payment method takes.

Stripe's page on currencies has named them in two ways. Earlier: eight digits, but 12 for IDR and 9 for INR, and by
card 10 for COP, HUF and JPY and 11 for LBP. Later: by card 12 digits, by American Express 9; by other methods 12 for
IDR, 10 for COP, 9 for INR and 8 for the others. Neither has been tried at Stripe, so this table has the lower value:
for HUF that of American Express, for JPY that of other methods (and of JCB, Diners Club and Discover at a Japanese
account). IDR, COP and LBP are above the 9 digits of American Express, which would be 600, 2,500 and 100 USD: there
such a card is declined.
"""
_EIGHT_DIGITS = 99_999_999


def _limit(code: str) -> ChargeLimit:
    lowest = _MINIMUM.get(code, 200 if code in TENS_ONLY_CURRENCIES else 50)
    highest = _MAXIMUM.get(code, _EIGHT_DIGITS)
    if code in WHOLE_HUNDREDS:
        return ChargeLimit(-(-lowest // 100), highest // 100)
    if code in WHOLE_UNIT_CURRENCIES:
        unit = 10 ** get_decimal_places(code)
        return ChargeLimit(lowest * unit, highest * unit, unit)
    step = 10 if code in TENS_ONLY_CURRENCIES else 1
    return ChargeLimit(lowest, highest // step * step, step)


CHARGE_LIMITS: ChargeLimits = MappingProxyType(
    {code: _limit(code) for code in sorted(_OTHERS | WHOLE_HUNDREDS | WHOLE_UNIT_CURRENCIES | TENS_ONLY_CURRENCIES)}
)
