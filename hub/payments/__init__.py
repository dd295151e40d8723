"""Payments: money held before the order, taken after it, given back when there is no journey.

    unpaid <-> requires_action <-> processing ──> authorised ──> paid ──> partially_refunded ──> refunded
       │                                             │
       └──────────────> released <───────────────────┘        failed: the provider ended it

Webhook, browser's return, sweep and the hub's own calls all end in one place, `Ledger.settle`, which takes what the
provider says of the intent now, and only ever moves forward.
"""

from hub.payments.cashier import Cashier
from hub.payments.gateway import DisputeSeen, Gateway, Gateways, Intent, IntentRequest, RefundSeen
from hub.payments.ledger import Ledger, Payment
from hub.payments.refunds import Refund, Refunds
from hub.payments.settlement import Settlement
from hub.payments.statements import Movement, Statements

__all__ = [
    "Cashier",
    "DisputeSeen",
    "Gateway",
    "Gateways",
    "Intent",
    "IntentRequest",
    "Ledger",
    "Movement",
    "Payment",
    "Refund",
    "RefundSeen",
    "Refunds",
    "Settlement",
    "Statements",
]
