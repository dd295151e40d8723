"""PayPal: Orders v2 with intent AUTHORIZE, and webhooks that are checked here."""

from adapters.paypal.certificates import CertificateCache, load_system_roots
from adapters.paypal.gateway import PayPalGateway
from adapters.paypal.webhooks import PayPalWebhooks

__all__ = ["CertificateCache", "PayPalGateway", "PayPalWebhooks", "load_system_roots"]
