"""Disputes: opened and decided by the control routes, read by the merchant.

    INQUIRY --escalated--> CHARGEBACK --resolved--> --appealed--> PRE_ARBITRATION --resolved-->

PayPal keeps the money of the transaction from the inquiry on (developer.paypal.com/api/disputes).
"""

from datetime import timedelta
from decimal import Decimal

from sandbox.paypal import refunds
from sandbox.paypal.errors import malformed, unprocessable
from sandbox.paypal.money import value
from sandbox.paypal.state import PAYEE, Account, Object, link, stamp
from sandbox.paypal.wire import Call

OUTCOMES = ("RESOLVED_BUYER_FAVOUR", "RESOLVED_SELLER_FAVOUR", "CANCELED_BY_BUYER", "RESOLVED_WITH_PAYOUT")
_DAYS = timedelta(days=10)
_LISTED = (
    "dispute_id create_time update_time reason status dispute_state dispute_amount dispute_life_cycle_stage "
    "dispute_channel seller_response_due_date links"
).split()


def retrieve(call: Call) -> Object:
    return call.account.find("dispute", call.id)


def listed(call: Call) -> Object:
    wanted = call.query.get("disputed_transaction_id")
    rows = [
        {name: one[name] for name in _LISTED if name in one}
        for one in call.account.tables["dispute"].values()
        if wanted in {None, one["disputed_transactions"][0]["seller_transaction_id"]}
    ]
    url = f"{call.account.base}/v1/customer/disputes"
    return {"items": rows[::-1], "links": [link(url, "self"), link(url, "first")]}


def open_for(
    account: Account, taken: Object, reason: str, *, stage: str = "CHARGEBACK", amount: Object | None = None
) -> Object:
    """`amount` as the buyer counts it, by default what is left. Raises Refused when there is nothing to dispute, or an
    open dispute already.
    """
    left = value(taken["amount"]) - refunds.refunded(account, taken)
    is_open = any(other["status"] != "RESOLVED" for other in _of(account, taken))
    if taken["status"] not in {"COMPLETED", "PARTIALLY_REFUNDED"} or left <= 0 or is_open:
        raise unprocessable("TRANSACTION_DISPUTED")
    ident, now = f"PP-R-{account.new_id(3)}-{account.world.random.randrange(10**7, 10**8)}", account.world.now()
    url = f"{account.base}/v1/customer/disputes/{ident}"
    made: Object = {
        "id": ident,
        "dispute_id": ident,
        "create_time": stamp(now),
        "update_time": stamp(now),
        "disputed_transactions": [{"seller_transaction_id": taken["id"], "seller": dict(PAYEE)}],
        "reason": reason,
        "status": "WAITING_FOR_SELLER_RESPONSE",
        "dispute_state": "REQUIRED_ACTION",
        "dispute_amount": amount or dict(taken["amount"]) | {"value": _left(taken, left)},
        "dispute_life_cycle_stage": stage,
        "dispute_channel": "INTERNAL",
        "seller_response_due_date": stamp(now + _DAYS),
        "links": [link(url, "self"), link(f"{url}/accept-claim", "accept_claim", "POST")],
    }
    account.save("dispute", made)
    account.emit("CUSTOMER.DISPUTE.CREATED", "dispute", made, f"A new dispute opened with Case # {ident}")
    return made


def escalate(account: Account, dispute: Object) -> Object:
    """The buyer makes a claim of an inquiry. Raises Refused for what is none."""
    if dispute["status"] == "RESOLVED" or dispute["dispute_life_cycle_stage"] != "INQUIRY":
        raise unprocessable("DISPUTE_ALREADY_ESCALATED")
    dispute |= {"dispute_life_cycle_stage": "CHARGEBACK", "update_time": account.now()}
    account.emit("CUSTOMER.DISPUTE.UPDATED", "dispute", dispute, f"A dispute was updated with Case # {dispute['id']}")
    return dispute


def appeal(account: Account, dispute: Object) -> Object:
    """A second round: what was decided is under review. Raises Refused for one that is not decided.

    The money of a dispute that was lost stays with the buyer meanwhile; of one that was won it is kept anew.
    """
    if dispute["status"] != "RESOLVED":
        raise unprocessable("DISPUTE_NOT_RESOLVED")
    dispute |= {"status": "UNDER_REVIEW", "dispute_state": "UNDER_PAYPAL_REVIEW", "update_time": account.now()}
    dispute["dispute_life_cycle_stage"] = "PRE_ARBITRATION"
    outcome = dispute.pop("dispute_outcome")["outcome_code"]
    if outcome == "RESOLVED_BUYER_FAVOUR":
        refunds.cancel_reversal(account, _taken(account, dispute))
    account.emit("CUSTOMER.DISPUTE.UPDATED", "dispute", dispute, f"A dispute was updated with Case # {dispute['id']}")
    return dispute


def resolve(account: Account, dispute: Object, outcome: str) -> Object:
    """In the buyer's favour the money goes back. Raises Refused."""
    if outcome not in OUTCOMES:
        raise malformed("INVALID_PARAMETER_VALUE", "outcome", outcome)
    if dispute["status"] == "RESOLVED":
        raise unprocessable("DISPUTE_ALREADY_RESOLVED")
    dispute |= {"status": "RESOLVED", "dispute_state": "RESOLVED", "update_time": account.now()}
    dispute["dispute_outcome"] = {"outcome_code": outcome}
    dispute.pop("seller_response_due_date", None)
    if outcome == "RESOLVED_BUYER_FAVOUR":
        dispute["dispute_outcome"]["amount_refunded"] = dict(dispute["dispute_amount"])
        taken = _taken(account, dispute)
        refunds.reverse(account, taken, _reversed(account, taken, dispute))
    account.emit("CUSTOMER.DISPUTE.RESOLVED", "dispute", dispute, f"A dispute was resolved with Case # {dispute['id']}")
    return dispute


def _taken(account: Account, dispute: Object) -> Object:
    return account.find("capture", dispute["disputed_transactions"][0]["seller_transaction_id"])


def _reversed(account: Account, taken: Object, dispute: Object) -> Decimal:
    """In the currency of the capture: all that is left of it, where the buyer counts in another one."""
    if dispute["dispute_amount"]["currency_code"] == taken["amount"]["currency_code"]:
        return value(dispute["dispute_amount"])
    return value(taken["amount"]) - refunds.refunded(account, taken)


def _of(account: Account, taken: Object) -> list[Object]:
    every = account.tables["dispute"].values()
    return [one for one in every if one["disputed_transactions"][0]["seller_transaction_id"] == taken["id"]]


def _left(taken: Object, left: object) -> str:
    digits = len(taken["amount"]["value"].partition(".")[2])
    return f"{left:.{digits}f}"
