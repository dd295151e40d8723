"""What comes back of a capture: refunds by the merchant, and reversals by PayPal."""

from decimal import Decimal

from sandbox.paypal.errors import make_unprocessable
from sandbox.paypal.money import format_amount, read_amount, read_value
from sandbox.paypal.state import Object, PayPalAccount, build_link, get_paypal_account
from sandbox.paypal.wire import PayPalCall, check_supported, read_object, read_text
from sandbox.state import SandboxState

_COUNTED = ("COMPLETED", "PENDING")
_CHARGEBACK = {"reason": "CHARGEBACK"}
_REFUSALS = {
    "PENDING": "PENDING_CAPTURE",
    "REFUNDED": "CAPTURE_FULLY_REFUNDED",
    "DECLINED": "REFUND_NOT_ALLOWED",
    "FAILED": "REFUND_NOT_ALLOWED",
}


def retrieve_capture(call: PayPalCall) -> Object:
    return call.account.find_object("capture", call.id)


def retrieve_refund(call: PayPalCall) -> Object:
    return call.account.find_object("refund", call.id)


def create_refund(call: PayPalCall) -> Object:
    account, taken, body = call.account, call.account.find_object("capture", call.id), read_object(call.body)
    check_supported(body, ("payment_instruction",))
    texts = {"custom_id": 127, "invoice_id": 127, "note_to_payer": 255}
    said = {name: found for name, most in texts.items() if (found := read_text(body, name, most))}
    return refund_capture(account, taken, _wanted(body, taken), said)


def refund_capture(account: PayPalAccount, taken: Object, amount: Decimal | None, said: Object) -> Object:
    """The rest, when no amount is given. Raises Refused."""
    if taken["status"] in _REFUSALS:
        raise make_unprocessable(_REFUSALS[taken["status"]])
    left = read_value(taken["amount"]) - sum_refunds(account, taken)
    wanted = left if amount is None else amount
    _check_dispute(account, taken, partial=wanted < left)
    if left <= 0:
        raise make_unprocessable("CAPTURE_FULLY_REFUNDED")
    if wanted > left:
        raise make_unprocessable("REFUND_AMOUNT_EXCEEDED", "/amount/value")
    made = _add(account, taken, wanted, said)
    _come_through(account, taken, made)
    return made


def sum_refunds(account: PayPalAccount, taken: Object) -> Decimal:
    """Of this capture, what is on its way included."""
    return sum((read_value(one["amount"]) for one in _of(account, taken)), Decimal(0))


def reverse_capture(account: PayPalAccount, taken: Object, amount: Decimal | None = None) -> Object:
    """PayPal takes the money back: a lost dispute, a chargeback. Raises Refused when there is none left."""
    left = read_value(taken["amount"]) - sum_refunds(account, taken)
    if taken["status"] in _REFUSALS or left <= 0:
        raise make_unprocessable("REFUND_NOT_ALLOWED")
    made = _add(account, taken, min(left, amount or left), {})
    made |= {"status": "COMPLETED", "status_details": dict(_CHARGEBACK)}
    _count(account, taken)
    taken["status_details"] = dict(_CHARGEBACK)
    account.emit_event("PAYMENT.CAPTURE.REVERSED", "refund", made, "A capture payment was reversed")
    return made


def cancel_reversal(account: PayPalAccount, taken: Object) -> None:
    """PayPal gives the money back to the merchant: the dispute behind the newest reversal goes into another round."""
    reversals = [made for made in _of(account, taken) if made.get("status_details") == _CHARGEBACK]
    if reversals:
        reversals[-1] |= {"status": "CANCELLED", "update_time": account.timestamp()}
        taken.pop("status_details", None)
        _count(account, taken)


def _wanted(body: Object, taken: Object) -> Decimal | None:
    if body.get("amount") is None:
        return None
    amount, currency = read_amount(body["amount"], "/amount")
    if currency != taken["amount"]["currency_code"]:
        raise make_unprocessable("REFUND_CAPTURE_CURRENCY_MISMATCH", "/amount/currency_code")
    return amount


def _check_dispute(account: PayPalAccount, taken: Object, *, partial: bool) -> None:
    for one in account.tables["dispute"].values():
        if one["disputed_transactions"][0]["seller_transaction_id"] != taken["id"]:
            continue
        if one["status"] != "RESOLVED" and partial:
            raise make_unprocessable("TRANSACTION_DISPUTED")
        if one.get("dispute_outcome", {}).get("outcome_code") == "RESOLVED_BUYER_FAVOUR":
            raise make_unprocessable("REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK")


def _of(account: PayPalAccount, taken: Object) -> list[Object]:
    every = account.tables["refund"].values()
    return [one for one in every if one["links"][1]["href"] == _url(account, taken) and one["status"] in _COUNTED]


def _url(account: PayPalAccount, taken: Object) -> str:
    return f"{account.base_url}/v2/payments/captures/{taken['id']}"


def _add(account: PayPalAccount, taken: Object, amount: Decimal, said: Object) -> Object:
    currency, ident = taken["amount"]["currency_code"], account.new_id()
    total = format_amount(sum_refunds(account, taken) + amount, currency)
    sums = {"gross_amount": amount, "paypal_fee": Decimal(0), "net_amount": amount}
    breakdown = {name: format_amount(part, currency) for name, part in sums.items()} | {"total_refunded_amount": total}
    made: Object = {
        "id": ident,
        "status": "PENDING",
        "amount": format_amount(amount, currency),
        **{name: taken[name] for name in ("custom_id", "invoice_id") if name in taken},
        **said,
        "seller_payable_breakdown": breakdown,
        "links": [
            build_link(f"{account.base_url}/v2/payments/refunds/{ident}", "self"),
            build_link(_url(account, taken), "up"),
        ],
        "create_time": account.timestamp(),
        "update_time": account.timestamp(),
    }
    account.save_object("refund", made)
    unit = next(
        unit
        for unit in account.find_order(taken)["purchase_units"]
        if any(one is taken for one in unit["payments"]["captures"])
    )
    unit["payments"].setdefault("refunds", []).append(made)
    return made


def _come_through(account: PayPalAccount, taken: Object, made: Object) -> None:
    match account.get_funding(taken):
        case "slow_refund":
            _wait(account, taken, made)
            account.schedule_action("refund_done", made["id"], taken["id"])
        case "failed_refund":
            _wait(account, taken, made)
            account.schedule_action("refund_failed", made["id"], taken["id"])
        case _:
            _done(account, taken, made)


def _wait(account: PayPalAccount, taken: Object, made: Object) -> None:
    made["status_details"] = {"reason": "ECHECK"}
    _count(account, taken)
    account.emit_event("PAYMENT.REFUND.PENDING", "refund", made, "A refund is pending")


def _done(account: PayPalAccount, taken: Object, made: Object) -> None:
    made.pop("status_details", None)
    made |= {"status": "COMPLETED", "update_time": account.timestamp()}
    _count(account, taken)
    said = f"{made['amount']['value']} {made['amount']['currency_code']}"
    account.emit_event("PAYMENT.CAPTURE.REFUNDED", "refund", made, f"A {said} capture payment was refunded")


def complete_refund(world: SandboxState, refund_id: str, capture_id: str) -> None:
    account = get_paypal_account(world)
    _done(account, account.find_object("capture", capture_id), account.find_object("refund", refund_id))


def fail_refund(world: SandboxState, refund_id: str, capture_id: str) -> None:
    """The money stays with the merchant."""
    account = get_paypal_account(world)
    taken, made = account.find_object("capture", capture_id), account.find_object("refund", refund_id)
    made |= {"status": "FAILED", "update_time": account.timestamp()}
    _count(account, taken)
    account.emit_event("PAYMENT.REFUND.FAILED", "refund", made, "A refund has failed")


def _count(account: PayPalAccount, taken: Object) -> None:
    back = sum_refunds(account, taken)
    whole = "REFUNDED" if back >= read_value(taken["amount"]) else "PARTIALLY_REFUNDED"
    taken |= {"status": whole if back else "COMPLETED", "update_time": account.timestamp()}
