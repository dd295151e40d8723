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

from hub.payments.cashier import Cashier
from hub.payments.gateway import (
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
from hub.payments.ledger import Ledger
from hub.payments.model import Payment
from hub.payments.pages import Pages
from hub.payments.refunds import Refund, Refunds
from hub.payments.settlement import Settlement
from hub.payments.statements import Movement, Statements

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
