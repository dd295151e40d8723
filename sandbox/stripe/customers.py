"""Customers."""

from typing import Any

from sandbox.stripe.errors import no_such
from sandbox.stripe.listing import cut
from sandbox.stripe.params import Params
from sandbox.stripe.state import Object
from sandbox.stripe.wire import Call

_TEXTS = ("name", "email", "phone", "description")
_ADDRESS = ("line1", "line2", "city", "state", "postal_code", "country")


def create(call: Call) -> Object:
    changes = _changes(call.params, {})
    call.params.finish()
    customer: Object = {
        "id": call.stripe.new_id("cus", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": call.stripe.now(),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": call.stripe.new_id("", 8)[1:].upper(),
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
    call.stripe.save(customer)
    call.stripe.emit("customer.created", customer)
    return customer


def retrieve(call: Call) -> Object:
    return call.stripe.find("customer", call.id)


def update(call: Call) -> Object:
    customer = living(call, call.id, "id", 404)
    changes = _changes(call.params, customer)
    call.params.finish()
    previous = {name: customer[name] for name, value in changes.items() if customer[name] != value}
    customer.update(changes)
    if previous:
        call.stripe.emit("customer.updated", customer, previous)
    return customer


def delete(call: Call) -> Object:
    customer = living(call, call.id, "id", 404)
    call.params.finish()
    call.stripe.emit("customer.deleted", customer)
    return call.stripe.save({"id": customer["id"], "object": "customer", "deleted": True})


def listed(call: Call) -> Object:
    email = call.params.text("email")
    rows = call.stripe.tables["customer"].values()
    living_ones = [one for one in rows if not one.get("deleted") and email in {None, one["email"]}]
    return cut(call, "customer", "/v1/customers", living_ones)


def living(call: Call, name: str, param: str = "customer", status: int = 400) -> Object:
    """A customer that is not deleted. Raises Refused with resource_missing."""
    customer = call.stripe.find("customer", name, param, status)
    if customer.get("deleted"):
        raise no_such("customer", name, param, status)
    return customer


def _changes(params: Params, before: Object) -> Object:
    changes: dict[str, Any] = {name: params.text(name) for name in _TEXTS if name in params}
    if "metadata" in params:
        changes["metadata"] = params.metadata(before.get("metadata"))
    if "address" in params:
        changes["address"] = address(params.group("address"))
    if "shipping" in params:
        changes["shipping"] = shipping(params.group("shipping"))
    if (locales := params.texts("preferred_locales")) or "preferred_locales" in params:
        changes["preferred_locales"] = locales
    if exempt := params.choice("tax_exempt", ("none", "exempt", "reverse")):
        changes["tax_exempt"] = exempt
    if (balance := params.integer("balance", -(10**12))) is not None:
        changes["balance"] = balance
    return changes


def address(group: Params | None) -> Object | None:
    return None if group is None else {name: group.text(name) for name in _ADDRESS}


def shipping(group: Params | None) -> Object | None:
    if group is None:
        return None
    return {
        "address": address(group.group("address")),
        "carrier": group.text("carrier"),
        "name": group.need("name"),
        "phone": group.text("phone"),
        "tracking_number": group.text("tracking_number"),
    }
