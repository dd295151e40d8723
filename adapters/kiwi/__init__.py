"""Kiwi Tequila: search, price check, booking. Its wire facts are in `wire`, its calls in `client`."""

from adapters.kiwi.client import KiwiSupplier
from adapters.kiwi.webhooks import KiwiWebhooks
from adapters.kiwi.wire import KiwiContact

__all__ = ["KiwiContact", "KiwiSupplier", "KiwiWebhooks"]
