"""Requests that name an amount: what Stripe says of the amount itself, in one word of the hub's."""

from collections.abc import Iterator
from contextlib import contextmanager

from adapters.sdk_clients import translate_sdk_errors
from hub.core.errors import ProviderPermanent
from hub.sales.payments import AMOUNT_NOT_SUPPORTED, CustomerMissing

_CODES = frozenset({"amount_too_large", "amount_too_small"})
_PARAMS = frozenset({
    "amount", "currency", "line_items", "line_items[0][price_data][currency]", "line_items[0][price_data][unit_amount]",
})  # fmt: skip


@contextmanager
def translate_charge_errors() -> Iterator[None]:
    """As `translate`; a refused amount or currency is a ProviderPermanent `amount_not_supported`.

    A customer who was deleted, or belongs to another account or mode, is CustomerMissing.
    """
    try:
        with translate_sdk_errors("stripe"):
            yield
    except ProviderPermanent as error:
        if error.provider_code == "resource_missing" and error.extra.get("param") == "customer":
            raise CustomerMissing(
                "stripe", "does not know the customer", provider_code="resource_missing",
                provider_status=error.provider_status,
            ) from error  # fmt: skip
        if error.provider_code in _CODES or error.extra.get("param") in _PARAMS:
            raise ProviderPermanent(
                "stripe",
                "cannot charge this amount",
                provider_code=AMOUNT_NOT_SUPPORTED,
                provider_status=error.provider_status,
            ) from error
        raise
