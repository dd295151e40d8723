"""Orders: made by the merchant, approved by the buyer, then authorised or captured as they were meant."""

import copy
import re
from typing import Any
from urllib.parse import urlsplit

from sandbox.paypal import payments
from sandbox.paypal.amount_breakdown import read_breakdown, read_items
from sandbox.paypal.errors import PayPalApiError, make_malformed, make_unprocessable
from sandbox.paypal.money import format_amount, read_amount, read_value
from sandbox.paypal.shipping import read_shipping
from sandbox.paypal.state import PAYEE, Object, PayPalAccount, build_link
from sandbox.paypal.wire import PayPalCall, check_supported, read_object, read_text

_UNIT_TEXTS = {"reference_id": 256, "custom_id": 127, "invoice_id": 127, "description": 127, "soft_descriptor": 22}
_UNPLAYED = ("payee", "payment_instruction", "supplementary_data")
_PAGE = ("brand_name", "locale", "landing_page", "shipping_preference", "user_action", "payment_method_preference")
"""What the buyer's page looks like and asks: the sandbox has one page for all."""
_PATCHED = re.compile(
    r"/purchase_units/@reference_id=='(?P<unit>[^']*)'/(?P<name>custom_id|invoice_id|description|soft_descriptor|amount)"
)


def create_order(call: PayPalCall) -> Object:
    account, body = call.account, read_object(call.body)
    intent = body.get("intent")
    if intent not in {"CAPTURE", "AUTHORIZE"}:
        issue = "MISSING_REQUIRED_PARAMETER" if intent is None else "INVALID_PARAMETER_VALUE"
        raise make_malformed(issue, "/intent", str(intent or ""))
    units = _units(body.get("purchase_units"))
    if intent == "AUTHORIZE" and len(units) > 1:
        raise make_unprocessable("UNSUPPORTED_INTENT", "/intent")
    source, context = _experience(body)
    call.ignored_params += [name for name in ("payer", *_PAGE) if name in body or name in context]
    if source and call.request_id is None:
        raise make_malformed("PAYPAL_REQUEST_ID_REQUIRED")
    order: Object = {
        "id": account.new_id(),
        "intent": intent,
        "status": "PAYER_ACTION_REQUIRED" if source else "CREATED",
        "purchase_units": units,
        "create_time": account.timestamp(),
        "update_time": account.timestamp(),
    }
    if source:
        order["payment_source"] = {"paypal": {}}
    account.contexts[order["id"]] = context
    order["links"] = build_links(account, order)
    return account.save_object("order", order)


def retrieve_order(call: PayPalCall) -> Object:
    return call.account.find_object("order", call.id)


def to_short_order(order: Object) -> Object:
    names = ("id", "status", "payment_source", "links")
    return {name: order[name] for name in names if name in order}


def to_paid_order(order: Object) -> Object:
    """The short form after an authorisation or a capture."""
    names = ("id", "status", "payment_source", "payer", "links")
    units = [{"reference_id": one["reference_id"], "payments": one["payments"]} for one in order["purchase_units"]]
    return {name: order[name] for name in names if name in order} | {"purchase_units": units}


def build_links(account: PayPalAccount, order: Object) -> list[Object]:
    url = f"{account.base_url}/v2/checkout/orders/{order['id']}"
    found = [build_link(url, "self")]
    waits = order["status"] in {"CREATED", "PAYER_ACTION_REQUIRED"}
    if waits:
        rel = "payer-action" if "payment_source" in order else "approve"
        found.append(build_link(build_approval_url(account, order), rel))
    if waits or order["status"] == "APPROVED":
        verb = "capture" if order["intent"] == "CAPTURE" else "authorize"
        found += [build_link(url, "update", "PATCH"), build_link(f"{url}/{verb}", verb, "POST")]
    return found


def build_approval_url(account: PayPalAccount, order: Object) -> str:
    return f"{account.base_url}/checkoutnow?token={order['id']}"


def change_status(account: PayPalAccount, order: Object, status: str) -> None:
    order |= {"status": status, "update_time": account.timestamp()}
    order["links"] = build_links(account, order)


def approve_order(account: PayPalAccount, order: Object, funding: str) -> None:
    """The buyer says yes. An order that is beyond that stays as it is."""
    if order["status"] not in {"CREATED", "PAYER_ACTION_REQUIRED", "APPROVED"}:
        return
    name, email = {"given_name": "Ada", "surname": "Lovelace"}, "ada@buyer.example"
    payer_id = account.new_payer_id()
    order["payer"] = {"name": name, "email_address": email, "payer_id": payer_id, "address": {"country_code": "GB"}}
    wallet = {"email_address": email, "account_id": payer_id, "account_status": "VERIFIED", "name": name}
    order["payment_source"] = {"paypal": wallet}
    account.fundings[order["id"]] = funding
    change_status(account, order, "APPROVED")
    account.emit_event("CHECKOUT.ORDER.APPROVED", "checkout-order", order, "An order has been approved by buyer")


def authorize_order(call: PayPalCall) -> Object:
    order = _payable(call, "AUTHORIZE")
    for unit in order["purchase_units"]:
        payments.authorize_unit(call.account, order, unit)
    change_status(call.account, order, "COMPLETED")
    return order


def capture_order(call: PayPalCall) -> Object:
    order = _payable(call, "CAPTURE")
    for unit in order["purchase_units"]:
        payments.capture_amount(call.account, order, unit, read_value(unit["amount"]), final=True)
    change_status(call.account, order, "COMPLETED")
    account = call.account
    account.emit_event("CHECKOUT.ORDER.COMPLETED", "checkout-order", order, "Checkout Order Completed")
    return order


def _payable(call: PayPalCall, intent: str) -> Object:
    account, order = call.account, call.account.find_object("order", call.id)
    if order["intent"] != intent:
        raise make_unprocessable("ACTION_DOES_NOT_MATCH_INTENT")
    if order["status"] in {"COMPLETED", "VOIDED"}:
        raise make_unprocessable("ORDER_ALREADY_AUTHORIZED" if intent == "AUTHORIZE" else "ORDER_ALREADY_CAPTURED")
    if order["status"] != "APPROVED":
        raise make_unprocessable("ORDER_NOT_APPROVED")
    for unit in order["purchase_units"]:
        payments.check_invoice(account, order, unit.get("invoice_id"))
    if account.fundings.get(order["id"]) == "declined":
        change_status(account, order, "PAYER_ACTION_REQUIRED")
        raise make_unprocessable("INSTRUMENT_DECLINED", redirect=build_approval_url(account, order))
    return order


def patch_order(call: PayPalCall) -> Object:
    """Texts and the amount of a unit, all of the changes or none."""
    order = call.account.find_object("order", call.id)
    if not isinstance(call.body, list) or not call.body:
        raise make_malformed("INVALID_PARAMETER_SYNTAX")
    if order["status"] in {"COMPLETED", "VOIDED"}:
        raise make_unprocessable("ORDER_ALREADY_COMPLETED")
    units = copy.deepcopy(order["purchase_units"])
    for change in call.body:
        _change(units, read_object(change))
    order["purchase_units"] = units
    order["update_time"] = call.account.timestamp()
    return order


def _change(units: list[Object], change: Object) -> None:
    found = _PATCHED.fullmatch(str(change.get("path")))
    if found is None:
        raise make_malformed("FIELD_NOT_PATCHABLE", str(change.get("path")))
    unit = next((one for one in units if one["reference_id"] == found["unit"]), None)
    if unit is None:
        raise make_unprocessable("REFERENCE_ID_NOT_FOUND", found[0])
    name, op = found["name"], change.get("op")
    if op == "remove" and name != "amount":
        unit.pop(name, None)
    elif op in {"add", "replace"}:
        unit[name] = _patched(name, change.get("value"), found[0])
    else:
        raise make_malformed("INVALID_PARAMETER_VALUE", "op", str(op))


def _patched(name: str, given: Any, path: str) -> Any:
    if name == "amount":
        amount: Object = format_amount(*read_amount(given, path, order=True))
        if given.get("breakdown") is not None:
            amount["breakdown"] = read_breakdown(given["breakdown"], amount, f"{path}/breakdown")
        return amount
    return read_text({name: given}, name, _UNIT_TEXTS[name], path) or ""


def _units(given: Any) -> list[Object]:
    if given is None:
        raise make_malformed("MISSING_REQUIRED_PARAMETER", "/purchase_units")
    if not isinstance(given, list) or not 1 <= len(given) <= 10:
        raise make_malformed("INVALID_PARAMETER_SYNTAX", "/purchase_units")
    units = [_unit(read_object(one), f"/purchase_units/{place}") for place, one in enumerate(given)]
    if len({one["amount"]["currency_code"] for one in units}) > 1:
        raise make_unprocessable("MULTI_CURRENCY_ORDER", "/purchase_units")
    return units


def _unit(given: Object, where: str) -> Object:
    amount, currency = read_amount(given.get("amount"), f"{where}/amount", order=True)
    unit: Object = {"reference_id": "default", "amount": format_amount(amount, currency), "payee": dict(PAYEE)}
    if given["amount"].get("breakdown") is not None:
        parts = read_breakdown(given["amount"]["breakdown"], unit["amount"], f"{where}/amount/breakdown")
        unit["amount"]["breakdown"] = parts
    if given.get("items") is not None:
        unit["items"] = read_items(given["items"], unit["amount"], where)
    check_supported(given, _UNPLAYED, where)
    if given.get("shipping") is not None:
        unit["shipping"] = read_shipping(given["shipping"], f"{where}/shipping")
    for name, most in _UNIT_TEXTS.items():
        found = read_text(given, name, most, where)
        if found is not None:
            unit[name] = found
    return unit


def _experience(body: Object) -> tuple[bool, Object]:
    """Whether the wallet was named as the payment's source, and where the buyer comes back to."""
    source = body.get("payment_source")
    if source is not None and (not isinstance(source, dict) or not isinstance(source.get("paypal"), dict)):
        raise make_malformed("INVALID_PARAMETER_SYNTAX", "/payment_source/paypal")
    if source:
        check_supported(source["paypal"], set(source["paypal"]) - {"experience_context"}, "/payment_source/paypal")
    context = (source["paypal"].get("experience_context") if source else body.get("application_context")) or {}
    for name in ("return_url", "cancel_url"):
        url = read_text(read_object(context), name, 2048, "experience_context")
        if url is not None and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc):
            raise PayPalApiError(400, "INVALID_PARAMETER_SYNTAX", f"experience_context/{name}")
    return source is not None, context
