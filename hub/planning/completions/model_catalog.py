"""Which models there are, and where each is reached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from math import ceil

from hub.planning.completions.model import Price, Route

DEFAULT = "default"
"""The name under which a caller asks for the chain that is set up."""


@dataclass(frozen=True, slots=True)
class Menu:
    """`chain` is asked where nobody names another. A model without a route of its own is reached like `other`."""

    chain: tuple[str, ...]
    routes: Mapping[str, Route]
    other: Route

    def of(self, models: Sequence[str] | None) -> tuple[Route, ...]:
        """The routes of these models, each once; `default` among them stands for the chain."""
        wanted = [name for one in models or (DEFAULT,) for name in (self.chain if one == DEFAULT else (one,))]
        return tuple(self.routes.get(one) or replace(self.other, model=one) for one in dict.fromkeys(wanted))

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Models of the chain that have no price of their own."""
        return tuple(one for one in self.chain if one not in self.routes)


def price(input_price: Decimal, output_price: Decimal, currency: str) -> Price:
    """From what vendors publish, the major unit per million tokens; rounded up."""
    return Price(ceil(input_price * 1000), ceil(output_price * 1000), currency)
