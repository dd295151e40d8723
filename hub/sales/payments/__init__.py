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

from hub.sales.payments.checkout import CheckoutService
from hub.sales.payments.gateway import (
    AMOUNT_NOT_SUPPORTED,
    AmountNotSupported,
    CheckoutPage,
    CheckoutPageRequest,
    CustomerMissing,
    DisputeStatus,
    GatewayRegistry,
    HostedCheckoutGateway,
    Intent,
    IntentRequest,
    PaymentGateway,
    ProviderDispute,
    ProviderRefund,
    RefundTooLarge,
    compute_captured_status,
)
from hub.sales.payments.hosted_checkout import HostedCheckout, OpenCheckout
from hub.sales.payments.intents import PaymentIntents
from hub.sales.payments.jobs import IssueCreditNote, IssueInvoice
from hub.sales.payments.ledger import Imbalance, Ledger, find_imbalances
from hub.sales.payments.ledger_overview import LedgerOverview, LedgerTransaction, PaymentChange, TransactionFilter
from hub.sales.payments.model import Payment
from hub.sales.payments.payment_state import (
    ENDED_BOOKING_STATUSES,
    PaymentCaptured,
    PaymentRefunded,
    PaymentStateMachine,
    RefundFailed,
    can_transition,
    is_unpaid_page_attempt,
)
from hub.sales.payments.provider_statements import BalanceMovement, StatementSource
from hub.sales.payments.refunds import Refund, RefundPayment, RefundService
from hub.sales.payments.return_urls import ReturnUrlPolicy
from hub.sales.payments.settlement import Settlement

__all__ = [
    "AMOUNT_NOT_SUPPORTED",
    "ENDED_BOOKING_STATUSES",
    "AmountNotSupported",
    "BalanceMovement",
    "CheckoutPage",
    "CheckoutPageRequest",
    "CheckoutService",
    "CustomerMissing",
    "DisputeStatus",
    "GatewayRegistry",
    "HostedCheckout",
    "HostedCheckoutGateway",
    "Imbalance",
    "Intent",
    "IntentRequest",
    "IssueCreditNote",
    "IssueInvoice",
    "Ledger",
    "LedgerOverview",
    "LedgerTransaction",
    "OpenCheckout",
    "Payment",
    "PaymentCaptured",
    "PaymentChange",
    "PaymentGateway",
    "PaymentIntents",
    "PaymentRefunded",
    "PaymentStateMachine",
    "ProviderDispute",
    "ProviderRefund",
    "Refund",
    "RefundFailed",
    "RefundPayment",
    "RefundService",
    "RefundTooLarge",
    "ReturnUrlPolicy",
    "Settlement",
    "StatementSource",
    "TransactionFilter",
    "can_transition",
    "compute_captured_status",
    "find_imbalances",
    "is_unpaid_page_attempt",
]
