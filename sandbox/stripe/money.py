"""The currencies of Stripe, their least amounts, and how its messages write money."""

from sandbox.stripe.errors import make_invalid
from sandbox.stripe.params import RequestParams

CURRENCIES = frozenset(
    "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf "
    "chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl hrk htg "
    "huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt "
    "mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar "
    "sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd "
    "xcg xof xpf yer zar zmw".split()
)
_WHOLE = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
_THOUSANDTHS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
_LEAST = {
    "aed": 200, "bgn": 100, "czk": 1500, "dkk": 250, "gbp": 30, "hkd": 400, "huf": 17500, "jpy": 50, "mxn": 1000,
    "myr": 200, "nok": 300, "pln": 200, "ron": 200, "sek": 300, "thb": 1000,
}  # fmt: skip
_MOST = 99_999_999
_MOST_OF = {
    "cop": 9_999_999_999, "huf": 999_999_999, "idr": 999_999_999_999, "inr": 999_999_999, "lbp": 999_999_999_999,
}  # fmt: skip
"""Eight digits, but for these: the strictest that docs.stripe.com/currencies names for a card."""
_STEP = {"isk": 100, "ugx": 100} | dict.fromkeys(_THOUSANDTHS, 10)


def get_exponent(currency: str) -> int:
    return 0 if currency in _WHOLE else 3 if currency in _THOUSANDTHS else 2


def get_minimum(currency: str) -> int:
    return _LEAST.get(currency, {0: 50, 3: 200}.get(get_exponent(currency), 50))


def get_maximum(currency: str) -> int:
    return _MOST_OF.get(currency, _MOST)


def format_amount(amount: int, currency: str) -> str:
    """`$10.00` and `€10.00`, else `10.00 CZK`."""
    digits = get_exponent(currency)
    number = f"{amount / 10**digits:,.{digits}f}"
    sign = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}.get(currency)
    return f"{sign}{number}" if sign else f"{number} {currency.upper()}"


def read_currency(params: RequestParams) -> str:
    """Raises Refused."""
    return read_currency_code(params.require_text("currency"), params.param_path("currency"))


def read_currency_code(text: str, param: str = "currency") -> str:
    """Raises Refused."""
    currency = text.lower()
    if currency not in CURRENCIES:
        known = ", ".join(sorted(CURRENCIES))
        message = f"Invalid currency: {currency[:20]}. Stripe currently supports these currencies: {known}"
        raise make_invalid(message, param)
    return currency


def read_amount(params: RequestParams, currency: str) -> int:
    """Between the currency's least and greatest amount. Raises Refused."""
    params.require_text("amount")
    amount = params.read_integer("amount", 1) or 0
    if amount < get_minimum(currency):
        message = f"Amount must be at least {format_amount(get_minimum(currency), currency)} {currency}"
        raise make_invalid(message, params.param_path("amount"), "amount_too_small")
    if amount > get_maximum(currency):
        message = f"Amount must be no more than {format_amount(get_maximum(currency), currency)} {currency}"
        raise make_invalid(message, params.param_path("amount"), "amount_too_large")
    check_step(amount, currency, params.param_path("amount"))
    return amount


def check_step(amount: int, currency: str, param: str) -> None:
    """Raises Refused for an amount finer than StripeAccount's partners count the currency."""
    step = _STEP.get(currency, 1)
    if amount % step:
        raise make_invalid(f"Invalid amount: {currency} amounts must be divisible by {step}.", param)
