"""Which models there are, and where each is reached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from math import ceil

from hub.planning.completions.model import Route, TokenPrice

DEFAULT_CHAIN = "default"
"""The name under which a caller asks for the chain that is set up."""


@dataclass(frozen=True, slots=True)
class ModelCatalog:
    """`chain` is asked where nobody names another.

    A model without a route of its own is reached like `default_route`.
    """

    chain: tuple[str, ...]
    routes: Mapping[str, Route]
    default_route: Route

    def resolve_routes(self, models: Sequence[str] | None) -> tuple[Route, ...]:
        """The routes of these models, each once; `default` among them stands for the chain."""
        wanted = [
            name for one in models or (DEFAULT_CHAIN,) for name in (self.chain if one == DEFAULT_CHAIN else (one,))
        ]
        return tuple(self.routes.get(one) or replace(self.default_route, model=one) for one in dict.fromkeys(wanted))

    @property
    def unpriced_models(self) -> tuple[str, ...]:
        """Models of the chain that have no price of their own."""
        return tuple(one for one in self.chain if one not in self.routes)


def to_token_price(input_price: Decimal, output_price: Decimal, currency: str) -> TokenPrice:
    """From what vendors publish, the major unit per million tokens; rounded up."""
    return TokenPrice(ceil(input_price * 1000), ceil(output_price * 1000), currency)
