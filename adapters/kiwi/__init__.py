"""Kiwi Tequila: search, price check, booking. Its wire facts are in `wire`, its calls in `client`."""

from adapters.kiwi.client import Kiwi
from adapters.kiwi.webhooks import KiwiWebhooks
from adapters.kiwi.wire import Contact

__all__ = ["Contact", "Kiwi", "KiwiWebhooks"]
