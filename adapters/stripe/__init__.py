"""Stripe: payment intents with manual capture and payment pages, over the official SDK."""

from adapters.stripe.gateway import StripeGateway
from adapters.stripe.webhooks import StripeWebhooks

__all__ = ["StripeGateway", "StripeWebhooks"]
