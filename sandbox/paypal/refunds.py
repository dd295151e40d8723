"""What comes back of a capture: refunds by the merchant, and reversals by PayPal."""

from decimal import Decimal

from sandbox.paypal.errors import unprocessable
from sandbox.paypal.money import read_amount, value, written
from sandbox.paypal.state import Account, Object, account_of, link
from sandbox.paypal.wire import Call, check_played, fields, text
from sandbox.world import World

_COUNTED = ("COMPLETED", "PENDING")
_CHARGEBACK = {"reason": "CHARGEBACK"}
_REFUSALS = {
    "PENDING": "PENDING_CAPTURE",
    "REFUNDED": "CAPTURE_FULLY_REFUNDED",
    "DECLINED": "REFUND_NOT_ALLOWED",
    "FAILED": "REFUND_NOT_ALLOWED",
}


def capture(call: Call) -> Object:
    return call.account.find("capture", call.id)


def retrieve(call: Call) -> Object:
    return call.account.find("refund", call.id)


def create(call: Call) -> Object:
    account, taken, body = call.account, call.account.find("capture", call.id), fields(call.body)
    check_played(body, ("payment_instruction",))
    texts = {"custom_id": 127, "invoice_id": 127, "note_to_payer": 255}
    said = {name: found for name, most in texts.items() if (found := text(body, name, most))}
    return make(account, taken, _wanted(body, taken), said)


def make(account: Account, taken: Object, amount: Decimal | None, said: Object) -> Object:
    """The rest, when no amount is given. Raises Refused."""
    if taken["status"] in _REFUSALS:
        raise unprocessable(_REFUSALS[taken["status"]])
    left = value(taken["amount"]) - refunded(account, taken)
    wanted = left if amount is None else amount
    _check_dispute(account, taken, partial=wanted < left)
    if left <= 0:
        raise unprocessable("CAPTURE_FULLY_REFUNDED")
    if wanted > left:
        raise unprocessable("REFUND_AMOUNT_EXCEEDED", "/amount/value")
    made = _add(account, taken, wanted, said)
    _come_through(account, taken, made)
    return made


def refunded(account: Account, taken: Object) -> Decimal:
    """Of this capture, what is on its way included."""
    return sum((value(one["amount"]) for one in _of(account, taken)), Decimal(0))


def reverse(account: Account, taken: Object, amount: Decimal | None = None) -> Object:
    """PayPal takes the money back: a lost dispute, a chargeback. Raises Refused when there is none left."""
    left = value(taken["amount"]) - refunded(account, taken)
    if taken["status"] in _REFUSALS or left <= 0:
        raise unprocessable("REFUND_NOT_ALLOWED")
    made = _add(account, taken, min(left, amount or left), {})
    made |= {"status": "COMPLETED", "status_details": dict(_CHARGEBACK)}
    _count(account, taken)
    taken["status_details"] = dict(_CHARGEBACK)
    account.emit("PAYMENT.CAPTURE.REVERSED", "refund", made, "A capture payment was reversed")
    return made


def cancel_reversal(account: Account, taken: Object) -> None:
    """PayPal gives the money back to the merchant: the dispute behind the newest reversal goes into another round."""
    reversals = [made for made in _of(account, taken) if made.get("status_details") == _CHARGEBACK]
    if reversals:
        reversals[-1] |= {"status": "CANCELLED", "update_time": account.now()}
        taken.pop("status_details", None)
        _count(account, taken)


def _wanted(body: Object, taken: Object) -> Decimal | None:
    if body.get("amount") is None:
        return None
    amount, currency = read_amount(body["amount"], "/amount")
    if currency != taken["amount"]["currency_code"]:
        raise unprocessable("REFUND_CAPTURE_CURRENCY_MISMATCH", "/amount/currency_code")
    return amount


def _check_dispute(account: Account, taken: Object, *, partial: bool) -> None:
    for one in account.tables["dispute"].values():
        if one["disputed_transactions"][0]["seller_transaction_id"] != taken["id"]:
            continue
        if one["status"] != "RESOLVED" and partial:
            raise unprocessable("TRANSACTION_DISPUTED")
        if one.get("dispute_outcome", {}).get("outcome_code") == "RESOLVED_BUYER_FAVOUR":
            raise unprocessable("REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK")


def _of(account: Account, taken: Object) -> list[Object]:
    every = account.tables["refund"].values()
    return [one for one in every if one["links"][1]["href"] == _url(account, taken) and one["status"] in _COUNTED]


def _url(account: Account, taken: Object) -> str:
    return f"{account.base}/v2/payments/captures/{taken['id']}"


def _add(account: Account, taken: Object, amount: Decimal, said: Object) -> Object:
    currency, ident = taken["amount"]["currency_code"], account.new_id()
    total = written(refunded(account, taken) + amount, currency)
    sums = {"gross_amount": amount, "paypal_fee": Decimal(0), "net_amount": amount}
    breakdown = {name: written(part, currency) for name, part in sums.items()} | {"total_refunded_amount": total}
    made: Object = {
        "id": ident,
        "status": "PENDING",
        "amount": written(amount, currency),
        **{name: taken[name] for name in ("custom_id", "invoice_id") if name in taken},
        **said,
        "seller_payable_breakdown": breakdown,
        "links": [link(f"{account.base}/v2/payments/refunds/{ident}", "self"), link(_url(account, taken), "up")],
        "create_time": account.now(),
        "update_time": account.now(),
    }
    account.save("refund", made)
    unit = next(
        unit
        for unit in account.order_of(taken)["purchase_units"]
        if any(one is taken for one in unit["payments"]["captures"])
    )
    unit["payments"].setdefault("refunds", []).append(made)
    return made


def _come_through(account: Account, taken: Object, made: Object) -> None:
    match account.funding(taken):
        case "slow_refund":
            _wait(account, taken, made)
            account.later("refund_done", made["id"], taken["id"])
        case "failed_refund":
            _wait(account, taken, made)
            account.later("refund_failed", made["id"], taken["id"])
        case _:
            _done(account, taken, made)


def _wait(account: Account, taken: Object, made: Object) -> None:
    made["status_details"] = {"reason": "ECHECK"}
    _count(account, taken)
    account.emit("PAYMENT.REFUND.PENDING", "refund", made, "A refund is pending")


def _done(account: Account, taken: Object, made: Object) -> None:
    made.pop("status_details", None)
    made |= {"status": "COMPLETED", "update_time": account.now()}
    _count(account, taken)
    said = f"{made['amount']['value']} {made['amount']['currency_code']}"
    account.emit("PAYMENT.CAPTURE.REFUNDED", "refund", made, f"A {said} capture payment was refunded")


def refund_done(world: World, refund_id: str, capture_id: str) -> None:
    account = account_of(world)
    _done(account, account.find("capture", capture_id), account.find("refund", refund_id))


def refund_failed(world: World, refund_id: str, capture_id: str) -> None:
    """The money stays with the merchant."""
    account = account_of(world)
    taken, made = account.find("capture", capture_id), account.find("refund", refund_id)
    made |= {"status": "FAILED", "update_time": account.now()}
    _count(account, taken)
    account.emit("PAYMENT.REFUND.FAILED", "refund", made, "A refund has failed")


def _count(account: Account, taken: Object) -> None:
    back = refunded(account, taken)
    whole = "REFUNDED" if back >= value(taken["amount"]) else "PARTIALLY_REFUNDED"
    taken |= {"status": whole if back else "COMPLETED", "update_time": account.now()}
