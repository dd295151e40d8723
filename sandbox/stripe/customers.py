"""Customers."""

from typing import Any

from sandbox.stripe.errors import make_no_such
from sandbox.stripe.pagination import cut_page
from sandbox.stripe.params import RequestParams
from sandbox.stripe.state import Object
from sandbox.stripe.wire import StripeCall

_TEXTS = ("name", "email", "phone", "description")
_ADDRESS = ("line1", "line2", "city", "state", "postal_code", "country")


def create_customer(call: StripeCall) -> Object:
    changes = _changes(call.params, {})
    call.params.reject_unread()
    customer: Object = {
        "id": call.account.new_id("cus", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": call.account.timestamp(),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": call.account.new_id("", 8)[1:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
        **changes,
    }
    call.account.save_object(customer)
    call.account.emit_event("customer.created", customer)
    return customer


def retrieve_customer(call: StripeCall) -> Object:
    return call.account.find_object("customer", call.id)


def update_customer(call: StripeCall) -> Object:
    customer = find_live_customer(call, call.id, "id", 404)
    changes = _changes(call.params, customer)
    call.params.reject_unread()
    previous = {name: customer[name] for name, value in changes.items() if customer[name] != value}
    customer.update(changes)
    if previous:
        call.account.emit_event("customer.updated", customer, previous)
    return customer


def delete_customer(call: StripeCall) -> Object:
    customer = find_live_customer(call, call.id, "id", 404)
    call.params.reject_unread()
    call.account.emit_event("customer.deleted", customer)
    return call.account.save_object({"id": customer["id"], "object": "customer", "deleted": True})


def list_customers(call: StripeCall) -> Object:
    email = call.params.read_text("email")
    rows = call.account.tables["customer"].values()
    living_ones = [one for one in rows if not one.get("deleted") and email in {None, one["email"]}]
    return cut_page(call, "customer", "/v1/customers", living_ones)


def find_live_customer(call: StripeCall, name: str, param: str = "customer", status: int = 400) -> Object:
    """A customer that is not deleted. Raises Refused with resource_missing."""
    customer = call.account.find_object("customer", name, param, status)
    if customer.get("deleted"):
        raise make_no_such("customer", name, param, status)
    return customer


def _changes(params: RequestParams, before: Object) -> Object:
    changes: dict[str, Any] = {name: params.read_text(name) for name in _TEXTS if name in params}
    if "metadata" in params:
        changes["metadata"] = params.read_metadata(before.get("metadata"))
    if "address" in params:
        changes["address"] = read_address(params.read_group("address"))
    if "shipping" in params:
        changes["shipping"] = read_shipping(params.read_group("shipping"))
    if (locales := params.read_texts("preferred_locales")) or "preferred_locales" in params:
        changes["preferred_locales"] = locales
    if exempt := params.read_choice("tax_exempt", ("none", "exempt", "reverse")):
        changes["tax_exempt"] = exempt
    if (balance := params.read_integer("balance", -(10**12))) is not None:
        changes["balance"] = balance
    return changes


def read_address(group: RequestParams | None) -> Object | None:
    return None if group is None else {name: group.read_text(name) for name in _ADDRESS}


def read_shipping(group: RequestParams | None) -> Object | None:
    if group is None:
        return None
    return {
        "address": read_address(group.read_group("address")),
        "carrier": group.read_text("carrier"),
        "name": group.require_text("name"),
        "phone": group.read_text("phone"),
        "tracking_number": group.read_text("tracking_number"),
    }
