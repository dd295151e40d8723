"""Which amounts a payment provider can charge: for each currency a least, a greatest, and the step between amounts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import lcm

from hub.core.money import Money


class ChargeRefusal(StrEnum):
    """Why an amount cannot be charged."""

    UNSUPPORTED_CURRENCY = "currency_not_supported"
    TOO_SMALL = "amount_too_small"
    TOO_LARGE = "amount_too_large"
    TOO_FINE = "amount_too_fine"


@dataclass(frozen=True, slots=True)
class ChargeLimit:
    """For one currency, in its minor units (ISO 4217). Amounts are multiples of `step`."""

    minimum: int
    maximum: int
    step: int = 1

    def find_refusal(self, amount: int) -> ChargeRefusal | None:
        """Why the amount cannot be charged; None when it can."""
        if amount < self.minimum:
            return ChargeRefusal.TOO_SMALL
        if amount > self.maximum:
            return ChargeRefusal.TOO_LARGE
        return ChargeRefusal.TOO_FINE if amount % self.step else None


ChargeLimits = Mapping[str, ChargeLimit]
"""By currency code. A currency that is missing is not supported."""


def find_charge_refusal(limits: ChargeLimits, money: Money) -> ChargeRefusal | None:
    """Why a provider with these limits cannot charge the amount; None when it can."""
    limit = limits.get(money.currency)
    return ChargeRefusal.UNSUPPORTED_CURRENCY if limit is None else limit.find_refusal(money.amount)


def is_representable(limits: ChargeLimits, money: Money) -> bool:
    """Whether the provider can write the amount at all, however small or large: refunds have no limits of their own."""
    limit = limits.get(money.currency)
    return limit is not None and money.amount % limit.step == 0


@dataclass(frozen=True, slots=True)
class ChargeableAmount:
    """How a price can be charged: `total` is rounded up to an amount that `providers` take.

    `find_refusal` says why no provider takes it.
    """

    total: Money
    providers: tuple[str, ...] = ()
    refusal: ChargeRefusal | None = None


@dataclass(frozen=True, slots=True)
class ChargePolicy:
    """The limits of all payment providers that are on. Without any, every price passes: nothing is charged here."""

    by_provider: Mapping[str, ChargeLimits] = field(default_factory=dict)

    def find_chargeable_amount(self, price: Money) -> ChargeableAmount:
        """Rounds up so that every provider of the currency can take the price, and names those that do."""
        if not self.by_provider:
            return ChargeableAmount(price)
        limits = {name: known[price.currency] for name, known in self.by_provider.items() if price.currency in known}
        if not limits:
            return ChargeableAmount(price, refusal=ChargeRefusal.UNSUPPORTED_CURRENCY)
        step = lcm(*(limit.step for limit in limits.values()))
        total = Money(-(-price.amount // step) * step, price.currency)
        refusals = {name: limit.find_refusal(total.amount) for name, limit in limits.items()}
        able = tuple(sorted(name for name, refusal in refusals.items() if refusal is None))
        return ChargeableAmount(total, able) if able else ChargeableAmount(price, refusal=next(iter(refusals.values())))
