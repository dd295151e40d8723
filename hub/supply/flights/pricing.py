"""Prices that can be charged: the suppliers' own, rounded up where no payment provider takes them as they are. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from hub.core.charge_limits import ChargePolicy
from hub.supply.flights.model import FlightOffer, PriceCheck


@dataclass(slots=True)
class PricedOffers:
    """`rounded_count` counts the offers whose price was rounded up, `exclusions` by reason those that nobody can
    charge.
    """

    offers: list[FlightOffer] = field(default_factory=list)
    rounded_count: int = 0
    exclusions: Counter[str] = field(default_factory=Counter)


def price_offers(offers: Iterable[FlightOffer], policy: ChargePolicy) -> PricedOffers:
    """All offers that can be charged, at the price that is charged."""
    priced = PricedOffers()
    for offer in offers:
        charge = policy.find_chargeable_amount(offer.total)
        if charge.refusal is not None:
            priced.exclusions[charge.refusal.value] += 1
            continue
        rounded = charge.total != offer.total
        priced.rounded_count += rounded
        supplier_total = offer.total if rounded else None
        priced.offers.append(
            replace(offer, total=charge.total, supplier_total=supplier_total, payment_providers=charge.providers)
        )
    return priced


def reprice_check(check: PriceCheck, policy: ChargePolicy) -> PriceCheck:
    """The same, at the price that would be charged. An offer whose new price nobody can charge is not available."""
    if check.total is None:
        return check
    charge = policy.find_chargeable_amount(check.total)
    if charge.refusal is not None:
        return replace(check, available=False, total=None)
    return replace(check, total=charge.total)
