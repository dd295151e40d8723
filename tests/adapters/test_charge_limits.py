"""Which amounts can be charged: the policy of several providers together, and each provider's own table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.paypal.currencies import CHARGE_LIMITS as PAYPAL
from adapters.paypal.wire import to_wire_amount as paypal_amount
from adapters.stripe.currencies import CHARGE_LIMITS as STRIPE
from adapters.stripe.wire import to_wire_amount as stripe_amount
from hub.core.charge_limits import ChargePolicy, ChargeRefusal, find_charge_refusal
from hub.core.errors import ProviderPermanent
from hub.core.money import CURRENCIES, Money
from sandbox.paypal import money as paypal_sandbox
from sandbox.paypal.errors import PayPalApiError as PayPalRefused
from sandbox.stripe import money as stripe_sandbox
from sandbox.stripe.errors import StripeApiError as StripeRefused
from sandbox.stripe.params import RequestParams

BOTH = ChargePolicy({"stripe": STRIPE, "paypal": PAYPAL})
AMOUNTS = st.one_of(st.integers(1, 10**4), st.integers(9 * 10**7, 11 * 10**7), st.integers(1, 10**13))
PRICES = st.builds(Money, AMOUNTS, st.sampled_from(sorted(CURRENCIES)))


@given(PRICES)
def test_a_charge_is_the_price_rounded_up_to_what_its_providers_take(price: Money):
    charge = BOTH.find_chargeable_amount(price)
    if charge.refusal is not None:
        assert (charge.total, charge.providers) == (price, ())
        return
    assert price <= charge.total
    assert charge.total.amount - price.amount < 100
    assert charge.providers
    assert all(find_charge_refusal(BOTH.by_provider[name], charge.total) is None for name in charge.providers)


@pytest.mark.parametrize(
    ("price", "total", "providers"),
    [
        (Money(12345, "KWD"), Money(12350, "KWD"), ("stripe",)),
        (Money(1234567, "HUF"), Money(1234600, "HUF"), ("paypal", "stripe")),
        (Money(1001, "MGA"), None, ()),
        (Money(100001, "MGA"), Money(100100, "MGA"), ("stripe",)),
        (Money(100_000_000, "VND"), None, ()),
        (Money(100_000_000, "EUR"), Money(100_000_000, "EUR"), ("paypal",)),
        (Money(1000, "IRR"), None, ()),
        (Money(49, "USD"), Money(49, "USD"), ("paypal",)),
        (Money(10**9, "HUF"), Money(10**9, "HUF"), ("paypal",)),
        (Money(10**8, "JPY"), Money(10**8, "JPY"), ("paypal",)),
        (Money(10**10 - 1, "COP"), Money(10**10 - 1, "COP"), ("stripe",)),
        (Money(10**10, "COP"), None, ()),
    ],
)
def test_prices_are_rounded_up_or_refused(price: Money, total: Money | None, providers: tuple[str, ...]):
    charge = BOTH.find_chargeable_amount(price)
    assert (None if charge.refusal else charge.total, charge.providers) == (total, providers)


def test_the_refusal_says_why():
    stripe = ChargePolicy({"stripe": STRIPE})
    reasons = {
        Money(1000, "IRR"): ChargeRefusal.UNSUPPORTED_CURRENCY,
        Money(10, "EUR"): ChargeRefusal.TOO_SMALL,
        Money(10**9, "EUR"): ChargeRefusal.TOO_LARGE,
    }
    assert {price: stripe.find_chargeable_amount(price).refusal for price in reasons} == reasons


def test_without_a_payment_provider_every_price_passes():
    assert ChargePolicy().find_chargeable_amount(Money(12345, "IRR")).refusal is None


@given(PRICES)
def test_the_stripe_table_and_the_stripe_sandbox_accept_the_same_amounts(price: Money):
    try:
        wire, refused = stripe_amount(price), False
    except ProviderPermanent:
        wire, refused = 0, True
    form = RequestParams({"amount": str(wire), "currency": price.currency.lower()})
    try:
        stripe_sandbox.read_amount(form, stripe_sandbox.read_currency(form))
    except StripeRefused:
        refused = True
    assert refused == (find_charge_refusal(STRIPE, price) is not None)


@given(PRICES)
def test_the_paypal_table_and_the_paypal_sandbox_accept_the_same_amounts(price: Money):
    try:
        paypal_sandbox.read_amount(paypal_amount(price), "/amount", order=True)
        refused = False
    except (ProviderPermanent, PayPalRefused):
        refused = True
    assert refused == (find_charge_refusal(PAYPAL, price) is not None)
