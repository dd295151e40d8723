"""The account that the secret key belongs to."""

from sandbox.stripe.state import Object
from sandbox.stripe.wire import StripeCall

ACCOUNT = "acct_1SandboxHub00001"


def retrieve_account(call: StripeCall) -> Object:
    call.params.reject_unread()
    return {
        "id": ACCOUNT,
        "object": "account",
        "business_type": "company",
        "charges_enabled": True,
        "country": "DE",
        "created": 1577836800,
        "default_currency": "eur",
        "details_submitted": True,
        "email": "accounts@sandbox.invalid",
        "metadata": {},
        "payouts_enabled": True,
        "type": "standard",
    }
