"""Money held and taken: authorisations, their captures, and what ends them."""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from sandbox.paypal.errors import make_unprocessable
from sandbox.paypal.money import WHOLE_UNIT_CURRENCIES, format_amount, read_amount, read_value
from sandbox.paypal.state import PAYEE, Object, PayPalAccount, build_link, format_time, get_paypal_account
from sandbox.paypal.wire import PayPalCall, check_supported, read_object, read_text
from sandbox.state import SandboxState

HOLD_LIFE = timedelta(days=29)
MAX_CAPTURES = 10
_LIVE = ("CREATED", "PARTIALLY_CAPTURED", "PENDING")
_REFUSALS = {
    "CAPTURED": "AUTHORIZATION_ALREADY_CAPTURED",
    "VOIDED": "AUTHORIZATION_VOIDED",
    "DENIED": "AUTHORIZATION_DENIED",
    "PENDING": "AUTHORIZATION_DENIED",
}


def retrieve_authorization(call: PayPalCall) -> Object:
    return call.account.find_object("authorization", call.id)


def authorize_unit(account: PayPalAccount, order: Object, unit: Object) -> Object:
    """Holds the unit's amount, as the buyer's money behaves."""
    held = _blank(account, order, unit, unit["amount"])
    held["expiration_time"] = format_time(account.world.now() + HOLD_LIFE)
    held["status"] = {"denied": "DENIED", "review": "PENDING"}.get(account.get_funding(held), "CREATED")
    _hold_links(account, held)
    if held["status"] == "DENIED":
        held["status_details"] = {"reason": "DECLINED_BY_RISK_FRAUD_FILTERS"}
    account.save_object("authorization", held)
    unit.setdefault("payments", {}).setdefault("authorizations", []).append(held)
    if held["status"] == "CREATED":
        _told(account, held)
    elif held["status"] == "PENDING":
        held["status_details"] = {"reason": "PENDING_REVIEW"}
        account.schedule_action("reviewed", held["id"])
    return held


def finish_review(world: SandboxState, authorization_id: str) -> None:
    account = get_paypal_account(world)
    held = account.find_object("authorization", authorization_id)
    if held["status"] == "PENDING":
        held.pop("status_details", None)
        _become(account, held, "CREATED")
        _told(account, held)


def _told(account: PayPalAccount, held: Object) -> None:
    summary = f"A successful payment authorization was created for {_said(held)}"
    account.emit_event("PAYMENT.AUTHORIZATION.CREATED", "authorization", held, summary)


def capture_authorization(call: PayPalCall) -> Object:
    account, held = call.account, call.account.find_object("authorization", call.id)
    body = read_object(call.body)
    check_supported(body, ("payment_instruction", "soft_descriptor"))
    call.ignored_params += [name for name in ("note_to_payer",) if name in body]
    _check_live(account, held)
    amount = _amount(body, held, "AUTH_CAPTURE_CURRENCY_MISMATCH")
    return capture_hold(
        account, held, amount, final=body.get("final_capture") is True, invoice=read_text(body, "invoice_id", 127)
    )


def capture_hold(
    account: PayPalAccount, held: Object, amount: Decimal | None, *, final: bool, invoice: str | None = None
) -> Object:
    """Takes a part of a hold, or all that is left of it; `final` lets the rest go. Raises Refused."""
    _check_live(account, held)
    left = read_value(held["amount"]) - _captured(account, held)
    amount = amount or left
    if amount > left:
        raise make_unprocessable("MAX_CAPTURE_AMOUNT_EXCEEDED", "/amount/value")
    if len(_captures(account, held)) >= MAX_CAPTURES:
        raise make_unprocessable("MAX_CAPTURE_COUNT_EXCEEDED")
    order = account.find_order(held)
    invoice = invoice or held.get("invoice_id")
    check_invoice(account, order, invoice)
    final = final or amount == left
    made = capture_amount(account, order, _unit_of(order, held), amount, final=final, held=held, invoice=invoice)
    for one in _family(account, held):
        _become(account, one, "CAPTURED" if final else "PARTIALLY_CAPTURED")
    return made


def capture_amount(
    account: PayPalAccount,
    order: Object,
    unit: Object,
    amount: Decimal,
    *,
    final: bool,
    held: Object | None = None,
    invoice: str | None = None,
) -> Object:
    """Takes money, of a hold or at once."""
    currency = unit["amount"]["currency_code"]
    made = _blank(account, order, unit, format_amount(amount, currency))
    if invoice:
        made["invoice_id"] = invoice
    if held is not None:
        made["supplementary_data"]["related_ids"]["authorization_id"] = held["id"]
    made |= {"final_capture": final, "status": "COMPLETED", "disbursement_mode": "INSTANT"}
    made["seller_receivable_breakdown"] = _breakdown(amount, currency)
    url = f"{account.base_url}/v2/payments/captures/{made['id']}"
    up = f"payments/authorizations/{held['id']}" if held else f"checkout/orders/{order['id']}"
    made["links"] = [
        build_link(url, "self"),
        build_link(f"{url}/refund", "refund", "POST"),
        build_link(f"{account.base_url}/v2/{up}", "up"),
    ]
    account.save_object("capture", made)
    unit.setdefault("payments", {}).setdefault("captures", []).append(made)
    _clear(account, made)
    return made


def _clear(account: PayPalAccount, made: Object) -> None:
    funding = account.get_funding(made)
    if funding not in {"echeck", "bounced"}:
        account.emit_event("PAYMENT.CAPTURE.COMPLETED", "capture", made, f"Payment completed for {_said(made)}")
        return
    made |= {"status": "PENDING", "status_details": {"reason": "ECHECK"}}
    account.emit_event("PAYMENT.CAPTURE.PENDING", "capture", made, f"Payment pending for {_said(made)}")
    account.schedule_action("cleared", made["id"], funding)


def clear_capture(world: SandboxState, capture_id: str, funding: str) -> None:
    account = get_paypal_account(world)
    made, good = account.find_object("capture", capture_id), funding == "echeck"
    made.pop("status_details", None)
    _become(account, made, "COMPLETED" if good else "DECLINED")
    kind, word = ("COMPLETED", "completed") if good else ("DENIED", "denied")
    account.emit_event(f"PAYMENT.CAPTURE.{kind}", "capture", made, f"Payment {word} for {_said(made)}")


def void_authorization(call: PayPalCall) -> Object:
    account, held = call.account, call.account.find_object("authorization", call.id)
    if _parent(held) is not None:
        raise make_unprocessable("CANNOT_BE_VOIDED")
    if held["status"] in {"CAPTURED", "VOIDED"}:
        raise make_unprocessable(f"PREVIOUSLY_{held['status']}")
    release_hold(account, held)
    return held


def release_hold(account: PayPalAccount, held: Object) -> None:
    """Lets go of what is held; an order of which nothing was taken is void with it."""
    for one in _family(account, held):
        _become(account, one, "VOIDED")
    order = account.find_order(held)
    if not _captures(account, held):
        order |= {"status": "VOIDED", "update_time": account.timestamp()}
    account.emit_event("PAYMENT.AUTHORIZATION.VOIDED", "authorization", held, "A payment authorization was voided")


def reauthorize(call: PayPalCall) -> Object:
    """A new hold in the place of one that is growing old, with up to 115 % of its amount."""
    account, held = call.account, call.account.find_object("authorization", call.id)
    _check_live(account, held)
    if _parent(held) is not None or held["status"] != "CREATED":
        raise make_unprocessable("REAUTHORIZATION_NOT_SUPPORTED")
    amount = _amount(read_object(call.body), held, "AUTH_CURRENCY_MISMATCH") or read_value(held["amount"])
    if amount > read_value(held["amount"]) * Decimal("1.15"):
        raise make_unprocessable("AUTHORIZATION_AMOUNT_EXCEEDED", "/amount/value")
    order = account.find_order(held)
    unit = _unit_of(order, held)
    made = _blank(account, order, unit, format_amount(amount, held["amount"]["currency_code"]))
    made |= {"status": "CREATED", "expiration_time": held["expiration_time"]}
    made["supplementary_data"]["related_ids"]["authorization_id"] = held["id"]
    _hold_links(account, made)
    account.save_object("authorization", made)
    unit["payments"]["authorizations"].append(made)
    _told(account, made)
    return made


def check_invoice(account: PayPalAccount, order: Object, invoice: str | None) -> None:
    """An invoice is paid by one order. Raises Refused."""
    for made in account.tables["capture"].values():
        if invoice and made.get("invoice_id") == invoice and account.find_order(made) is not order:
            raise make_unprocessable("DUPLICATE_INVOICE_ID", "/invoice_id")


def _check_live(account: PayPalAccount, held: Object) -> None:
    if held["status"] in _REFUSALS:
        raise make_unprocessable(_REFUSALS[held["status"]])
    if datetime.fromisoformat(held["expiration_time"]) <= account.world.now():
        raise make_unprocessable("AUTHORIZATION_EXPIRED")


def _amount(body: Object, thing: Object, mismatch: str) -> Decimal | None:
    if body.get("amount") is None:
        return None
    amount, currency = read_amount(body["amount"], "/amount")
    if currency != thing["amount"]["currency_code"]:
        raise make_unprocessable(mismatch, "/amount/currency_code")
    return amount


def _family(account: PayPalAccount, held: Object) -> list[Object]:
    """A hold, with the one that it renews or that renews it, as far as they are open."""
    root = _parent(held) or held["id"]
    kin = [one for one in account.tables["authorization"].values() if root in {one["id"], _parent(one)}]
    return [one for one in kin if one["status"] in _LIVE]


def _parent(held: Object) -> str | None:
    """The hold that this one renews."""
    found: str | None = held["supplementary_data"]["related_ids"].get("authorization_id")
    return found


def _captures(account: PayPalAccount, held: Object) -> list[Object]:
    return _unit_of(account.find_order(held), held).get("payments", {}).get("captures", [])  # type: ignore[no-any-return]


def _captured(account: PayPalAccount, held: Object) -> Decimal:
    counted = [one for one in _captures(account, held) if one["status"] not in {"DECLINED", "FAILED"}]
    return sum((read_value(one["amount"]) for one in counted), Decimal(0))


def _unit_of(order: Object, held: Object) -> Object:
    for unit in order["purchase_units"]:
        if any(one is held for one in unit.get("payments", {}).get("authorizations", [])):
            return unit  # type: ignore[no-any-return]
    raise LookupError(held["id"])


def _become(account: PayPalAccount, thing: Object, status: str) -> None:
    thing |= {"status": status, "update_time": account.timestamp()}


def _said(thing: Object) -> str:
    return f"{thing['amount']['value']} {thing['amount']['currency_code']}"


def _hold_links(account: PayPalAccount, held: Object) -> None:
    url = f"{account.base_url}/v2/payments/authorizations/{held['id']}"
    verbs = [build_link(f"{url}/{verb}", verb, "POST") for verb in ("capture", "void", "reauthorize")]
    order_id = held["supplementary_data"]["related_ids"]["order_id"]
    held["links"] = [
        build_link(url, "self"),
        *verbs,
        build_link(f"{account.base_url}/v2/checkout/orders/{order_id}", "up"),
    ]


def _blank(account: PayPalAccount, order: Object, unit: Object, amount: Object) -> Object:
    texts: Object = {name: unit[name] for name in ("custom_id", "invoice_id") if name in unit}
    categories = ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"]
    return {
        "id": account.new_id(),
        "amount": {name: amount[name] for name in ("currency_code", "value")},
        **texts,
        "seller_protection": {"status": "ELIGIBLE", "dispute_categories": categories},
        "supplementary_data": {"related_ids": {"order_id": order["id"]}},
        "payee": dict(PAYEE),
        "create_time": account.timestamp(),
        "update_time": account.timestamp(),
    }


def _breakdown(amount: Decimal, currency: str) -> Object:
    """PayPal's fee for most of Europe: 3.49 % and a fixed part."""
    digits = Decimal(1) if currency in WHOLE_UNIT_CURRENCIES else Decimal("0.01")
    fee = min(amount, (amount * Decimal("0.0349")).quantize(digits, ROUND_HALF_UP) + 35 * digits)
    parts = {"gross_amount": amount, "paypal_fee": fee, "net_amount": amount - fee}
    return {name: format_amount(part, currency) for name, part in parts.items()}
