"""Disputes: opened and decided by the control routes, read by the merchant.

    INQUIRY --escalated--> CHARGEBACK --resolved--> --appealed--> PRE_ARBITRATION --resolved-->

PayPal keeps the money of the transaction from the inquiry on (developer.paypal.com/api/disputes).
"""

from datetime import timedelta
from decimal import Decimal

from sandbox.paypal import refunds
from sandbox.paypal.errors import make_malformed, make_unprocessable
from sandbox.paypal.money import read_value
from sandbox.paypal.state import PAYEE, Object, PayPalAccount, build_link, format_time
from sandbox.paypal.wire import PayPalCall

OUTCOMES = ("RESOLVED_BUYER_FAVOUR", "RESOLVED_SELLER_FAVOUR", "CANCELED_BY_BUYER", "RESOLVED_WITH_PAYOUT")
_DAYS = timedelta(days=10)
_LISTED = (
    "dispute_id create_time update_time reason status dispute_state dispute_amount dispute_life_cycle_stage "
    "dispute_channel seller_response_due_date links"
).split()


def retrieve_dispute(call: PayPalCall) -> Object:
    return call.account.find_object("dispute", call.id)


def list_disputes(call: PayPalCall) -> Object:
    wanted = call.query.get("disputed_transaction_id")
    rows = [
        {name: one[name] for name in _LISTED if name in one}
        for one in call.account.tables["dispute"].values()
        if wanted in {None, one["disputed_transactions"][0]["seller_transaction_id"]}
    ]
    url = f"{call.account.base_url}/v1/customer/disputes"
    return {"items": rows[::-1], "links": [build_link(url, "self"), build_link(url, "first")]}


def open_dispute(
    account: PayPalAccount, taken: Object, reason: str, *, stage: str = "CHARGEBACK", amount: Object | None = None
) -> Object:
    """`amount` as the buyer counts it, by default what is left. Raises Refused when there is nothing to dispute, or an
    open dispute already.
    """
    left = read_value(taken["amount"]) - refunds.sum_refunds(account, taken)
    is_open = any(other["status"] != "RESOLVED" for other in _of(account, taken))
    if taken["status"] not in {"COMPLETED", "PARTIALLY_REFUNDED"} or left <= 0 or is_open:
        raise make_unprocessable("TRANSACTION_DISPUTED")
    ident, now = f"PP-R-{account.new_id(3)}-{account.world.random.randrange(10**7, 10**8)}", account.world.now()
    url = f"{account.base_url}/v1/customer/disputes/{ident}"
    made: Object = {
        "id": ident,
        "dispute_id": ident,
        "create_time": format_time(now),
        "update_time": format_time(now),
        "disputed_transactions": [{"seller_transaction_id": taken["id"], "seller": dict(PAYEE)}],
        "reason": reason,
        "status": "WAITING_FOR_SELLER_RESPONSE",
        "dispute_state": "REQUIRED_ACTION",
        "dispute_amount": amount or dict(taken["amount"]) | {"value": _left(taken, left)},
        "dispute_life_cycle_stage": stage,
        "dispute_channel": "INTERNAL",
        "seller_response_due_date": format_time(now + _DAYS),
        "links": [build_link(url, "self"), build_link(f"{url}/accept-claim", "accept_claim", "POST")],
    }
    account.save_object("dispute", made)
    account.emit_event("CUSTOMER.DISPUTE.CREATED", "dispute", made, f"A new dispute opened with Case # {ident}")
    return made


def escalate_dispute(account: PayPalAccount, dispute: Object) -> Object:
    """The buyer makes a claim of an inquiry. Raises Refused for what is none."""
    if dispute["status"] == "RESOLVED" or dispute["dispute_life_cycle_stage"] != "INQUIRY":
        raise make_unprocessable("DISPUTE_ALREADY_ESCALATED")
    dispute |= {"dispute_life_cycle_stage": "CHARGEBACK", "update_time": account.timestamp()}
    account.emit_event(
        "CUSTOMER.DISPUTE.UPDATED", "dispute", dispute, f"A dispute was updated with Case # {dispute['id']}"
    )
    return dispute


def appeal_dispute(account: PayPalAccount, dispute: Object) -> Object:
    """A second round: what was decided is under review. Raises Refused for one that is not decided.

    The money of a dispute that was lost stays with the buyer meanwhile; of one that was won it is kept anew.
    """
    if dispute["status"] != "RESOLVED":
        raise make_unprocessable("DISPUTE_NOT_RESOLVED")
    dispute |= {"status": "UNDER_REVIEW", "dispute_state": "UNDER_PAYPAL_REVIEW", "update_time": account.timestamp()}
    dispute["dispute_life_cycle_stage"] = "PRE_ARBITRATION"
    outcome = dispute.pop("dispute_outcome")["outcome_code"]
    if outcome == "RESOLVED_BUYER_FAVOUR":
        refunds.cancel_reversal(account, _taken(account, dispute))
    account.emit_event(
        "CUSTOMER.DISPUTE.UPDATED", "dispute", dispute, f"A dispute was updated with Case # {dispute['id']}"
    )
    return dispute


def resolve_dispute(account: PayPalAccount, dispute: Object, outcome: str) -> Object:
    """In the buyer's favour the money goes back. Raises Refused."""
    if outcome not in OUTCOMES:
        raise make_malformed("INVALID_PARAMETER_VALUE", "outcome", outcome)
    if dispute["status"] == "RESOLVED":
        raise make_unprocessable("DISPUTE_ALREADY_RESOLVED")
    dispute |= {"status": "RESOLVED", "dispute_state": "RESOLVED", "update_time": account.timestamp()}
    dispute["dispute_outcome"] = {"outcome_code": outcome}
    dispute.pop("seller_response_due_date", None)
    if outcome == "RESOLVED_BUYER_FAVOUR":
        dispute["dispute_outcome"]["amount_refunded"] = dict(dispute["dispute_amount"])
        taken = _taken(account, dispute)
        refunds.reverse_capture(account, taken, _reversed(account, taken, dispute))
    account.emit_event(
        "CUSTOMER.DISPUTE.RESOLVED", "dispute", dispute, f"A dispute was resolved with Case # {dispute['id']}"
    )
    return dispute


def _taken(account: PayPalAccount, dispute: Object) -> Object:
    return account.find_object("capture", dispute["disputed_transactions"][0]["seller_transaction_id"])


def _reversed(account: PayPalAccount, taken: Object, dispute: Object) -> Decimal:
    """In the currency of the capture: all that is left of it, where the buyer counts in another one."""
    if dispute["dispute_amount"]["currency_code"] == taken["amount"]["currency_code"]:
        return read_value(dispute["dispute_amount"])
    return read_value(taken["amount"]) - refunds.sum_refunds(account, taken)


def _of(account: PayPalAccount, taken: Object) -> list[Object]:
    every = account.tables["dispute"].values()
    return [one for one in every if one["disputed_transactions"][0]["seller_transaction_id"] == taken["id"]]


def _left(taken: Object, left: object) -> str:
    digits = len(taken["amount"]["value"].partition(".")[2])
    return f"{left:.{digits}f}"
