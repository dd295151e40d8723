"""Offers are shown at prices that can be charged, or left out with the reason."""

import pytest

from hub.core.charge_limits import ChargeLimit, ChargePolicy
from hub.core.money import Money
from hub.supply.flights import PriceCheck
from tests.supply.conftest import Supplier

POLICY = ChargePolicy({"bank": {"KWD": ChargeLimit(200, 99_990, 10), "EUR": ChargeLimit(50, 20_000)}})


@pytest.fixture
def in_currency(open_flights, build, query, ask):
    """Searches a supplier that has one offer at each of these prices."""

    async def search(currency, *amounts):
        offers = [
            build.offer(amount, currency=currency, segments=(build.segment(str(100 + amount)),)) for amount in amounts
        ]
        service = open_flights(Supplier("kiwi", offers), charge_policy=POLICY)
        return service, await ask(service)

    return search


async def test_a_price_with_a_third_decimal_is_rounded_up_and_keeps_the_suppliers_own(in_currency):
    service, answer = await in_currency("KWD", 12345)
    (offer,) = answer["offers"]
    assert (offer["total"]["amount"], offer["supplier_total"]["amount"]) == (12350, 12345)
    assert (offer["payment_providers"], answer["pricing"]) == (["bank"], {"rounded": 1, "left_out": {}})
    stored = await service.find_offer(offer["id"])
    assert (stored.offer.total, stored.offer.supplier_total) == (Money(12350, "KWD"), Money(12345, "KWD"))


async def test_an_offer_that_nobody_can_charge_is_left_out_and_counted_by_reason(in_currency):
    _, answer = await in_currency("EUR", 10000, 20001, 49)
    assert [offer["total"]["amount"] for offer in answer["offers"]] == [10000]
    assert answer["pricing"]["left_out"] == {"amount_too_large": 1, "amount_too_small": 1}


async def test_a_currency_without_a_payment_provider_shows_no_offer_and_says_why(in_currency):
    _, answer = await in_currency("GBP", 10000, 12000)
    assert (answer["offers"], answer["pricing"]["left_out"]) == ([], {"currency_not_supported": 2})


async def test_a_check_compares_what_would_be_charged(in_currency):
    service, answer = await in_currency("KWD", 12345)
    supplier = service.suppliers["kiwi"]
    supplier.checks = PriceCheck(available=True, total=Money(12345, "KWD"))
    same = await service.check_offer(answer["offers"][0]["id"])
    supplier.checks = PriceCheck(available=True, total=Money(12351, "KWD"))
    dearer = await service.check_offer(answer["offers"][0]["id"])
    supplier.checks = PriceCheck(available=True, total=Money(100_001, "KWD"))
    too_dear = await service.check_offer(answer["offers"][0]["id"])
    assert (same.price_changed, dearer.total, too_dear.available) == (False, Money(12360, "KWD"), False)
