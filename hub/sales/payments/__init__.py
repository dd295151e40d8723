"""Payments: money held before the order, taken after it, given back when there is no journey.

    unpaid <-> requires_action <-> processing ──> authorised ──> paid ──> partially_refunded ──> refunded
       │                                             │  │          ^                                ^
       └──────────────> released <───────────────────┘  └─> partially_captured ────────────────────┘
                                                     failed: the provider ended it

`partially_captured`: less than the amount was captured, outside the hub. Nothing is ordered for it, a person is asked,
and when the booking ends it is given back.

Webhook, browser's return, sweep and the hub's own calls all end in one place, `Ledger.settle`, which takes what the
provider says of the intent now, and only ever moves forward.
"""

from hub.sales.payments.checkout import Cashier
from hub.sales.payments.gateway import (
    AMOUNT_NOT_SUPPORTED,
    AmountNotSupported,
    CheckoutPage,
    Checkouts,
    CustomerMissing,
    DisputeSeen,
    DisputeStatus,
    Gateway,
    Gateways,
    Intent,
    IntentRequest,
    PageRequest,
    RefundSeen,
    RefundTooLarge,
    captured_status,
)
from hub.sales.payments.hosted_checkout import Pages
from hub.sales.payments.model import Payment
from hub.sales.payments.payment_state import Ledger
from hub.sales.payments.provider_statements import Movement, Statements
from hub.sales.payments.refunds import Refund, Refunds
from hub.sales.payments.settlement import Settlement

__all__ = [
    "AMOUNT_NOT_SUPPORTED",
    "AmountNotSupported",
    "Cashier",
    "CheckoutPage",
    "Checkouts",
    "CustomerMissing",
    "DisputeSeen",
    "DisputeStatus",
    "Gateway",
    "Gateways",
    "Intent",
    "IntentRequest",
    "Ledger",
    "Movement",
    "PageRequest",
    "Pages",
    "Payment",
    "Refund",
    "RefundSeen",
    "RefundTooLarge",
    "Refunds",
    "Settlement",
    "Statements",
    "captured_status",
]
