"""PayPal's orders in the shape of Stripe's objects, so that the same rules hold for both."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from hub.core.money import Money
from sandbox.paypal.state import APPROVAL_WINDOW, PayPalAccount, get_paypal_account
from sandbox.state import SandboxState

Object = dict[str, Any]
_MARKED = "cancelled:"
"""What the hub puts before the payment's id in an order that it has given up."""
_TAKEN = frozenset({"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"})
_REFUND = {"COMPLETED": "succeeded", "PENDING": "pending"}


@dataclass
class PayPalObjects:
    """Amounts in minor units. A charge is an order of which something was held."""

    intents: list[Object] = field(default_factory=list)
    charges: list[Object] = field(default_factory=list)
    refunds: list[Object] = field(default_factory=list)
    disputes: list[Object] = field(default_factory=list)


def read_paypal_objects(world: SandboxState, payment_ids: set[str]) -> PayPalObjects:
    """The orders that bear the mark of one of these payments."""
    books, account = PayPalObjects(), get_paypal_account(world)
    for order in account.tables["order"].values():
        (unit,) = order["purchase_units"]
        if unit.get("custom_id", "").removeprefix(_MARKED) in payment_ids:
            _read_order(books, account, order, unit)
    return books


def _read_order(books: PayPalObjects, account: PayPalAccount, order: Object, unit: Object) -> None:
    payments = unit.get("payments", {})
    holds, captures = payments.get("authorizations", []), payments.get("captures", [])
    taken = sum(_minor(capture["amount"]) for capture in captures if capture["status"] in _TAKEN)
    lapsed = not taken and any(_has_lapsed(account, hold) for hold in holds)
    books.intents.append(
        {
            "id": order["id"],
            "status": "canceled" if lapsed else _status(account, order, unit, bool(taken)),
            "amount_received": taken,
            "cancellation_reason": "automatic" if lapsed else None,
        }
    )
    if not holds:
        return
    books.charges.append(
        {
            "id": holds[0]["id"],
            "payment_intent": order["id"],
            "amount": _minor(unit["amount"]),
            "amount_captured": taken,
            "captured": taken > 0,
            "paid": holds[0]["status"] != "DENIED",
            "created": datetime.fromisoformat(holds[0]["create_time"]).timestamp(),
            "currency": unit["amount"]["currency_code"].lower(),
        }
    )
    for refund in payments.get("refunds", []):
        if refund.get("status_details", {}).get("reason") != "CHARGEBACK":  # that is told by the dispute
            status = _REFUND.get(refund["status"], "failed")
            books.refunds.append(
                {"id": refund["id"], "charge": holds[0]["id"], "amount": _minor(refund["amount"]), "status": status}
            )
    numbers = {capture["id"] for capture in captures}
    for dispute in account.tables["dispute"].values():
        if dispute["disputed_transactions"][0]["seller_transaction_id"] in numbers:
            books.disputes.append({"amount": _minor(dispute["dispute_amount"]), "status": _dispute_status(dispute)})


def _has_lapsed(account: PayPalAccount, hold: Object) -> bool:
    """PayPal shows such a hold as before, and refuses its capture."""
    return hold["status"] == "CREATED" and datetime.fromisoformat(hold["expiration_time"]) <= account.world.now()


def _status(account: PayPalAccount, order: Object, unit: Object, taken: bool) -> str:
    """As Stripe would say it."""
    payments = unit.get("payments", {})
    statuses = [made["status"] for made in (*payments.get("captures", []), *payments.get("authorizations", []))]
    if taken:
        return "succeeded"
    if "PENDING" in statuses:
        return "processing"
    if "CREATED" in statuses or "PARTIALLY_CAPTURED" in statuses:
        return "requires_capture"
    lapsed = account.world.now() - datetime.fromisoformat(order["create_time"]) > APPROVAL_WINDOW
    over = order["status"] == "VOIDED" or statuses or lapsed or unit.get("custom_id", "").startswith(_MARKED)
    return "canceled" if over else "requires_payment_method"


def _dispute_status(dispute: Object) -> str:
    if dispute["status"] != "RESOLVED":
        return "needs_response"
    return "lost" if dispute["dispute_outcome"]["outcome_code"] == "RESOLVED_BUYER_FAVOUR" else "won"


def _minor(amount: Object) -> int:
    return Money.from_major(Decimal(amount["value"]), amount["currency_code"]).amount
