from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import Currency

from hub.core.money import CURRENCIES, CurrencyMismatch, Money, get_decimal_places

ACTIVE = {one.code: one.exponent for one in Currency if one.exponent is not None}


def test_every_currency_has_the_decimals_of_the_standard():
    assert {code: get_decimal_places(code) for code in ACTIVE} == ACTIVE
    assert set(ACTIVE) == CURRENCIES


@given(st.integers(-(10**12), 10**12), st.sampled_from(sorted(ACTIVE)))
def test_minor_units_come_back_from_major_units(amount: int, currency: str):
    money = Money(amount, currency)
    assert Money.from_major(money.major_amount, currency) == money


@pytest.mark.parametrize(
    ("value", "currency", "amount"),
    [("299.99", "USD", 29999), ("299.995", "USD", 30000), (1500, "JPY", 1500), ("1.2345", "KWD", 1235)],
)
def test_major_units_are_rounded_half_up(value: str | int, currency: str, amount: int):
    assert Money.from_major(Decimal(value), currency).amount == amount


def test_floats_are_no_money():
    with pytest.raises(TypeError):
        Money.from_major(0.1, "EUR")  # type: ignore[arg-type]


def test_different_currencies_do_not_mix():
    for operation in (Money.__add__, Money.__sub__, Money.__lt__, Money.__le__):
        with pytest.raises(CurrencyMismatch):
            operation(Money(1, "EUR"), Money(1, "USD"))


@pytest.mark.parametrize("currency", ["eur", "EURO", "E", "ÉUR", ""])
def test_a_currency_is_three_capital_letters(currency: str):
    with pytest.raises(ValueError, match="three capital"):
        Money(1, currency)


def test_money_is_shown_with_its_own_decimals():
    assert [str(Money(129999, code)) for code in ("USD", "JPY", "KWD")] == [
        "1,299.99 USD",
        "129,999 JPY",
        "129.999 KWD",
    ]
