"""The parts of an order's amount, and its items: both have to add up."""

from decimal import Decimal
from typing import Any

from sandbox.paypal.errors import make_malformed, make_unprocessable
from sandbox.paypal.money import format_amount, read_amount, read_value
from sandbox.paypal.state import Object
from sandbox.paypal.wire import check_supported, read_object, read_text

_PARTS = {
    "item_total": 1,
    "shipping": 1,
    "handling": 1,
    "tax_total": 1,
    "insurance": 1,
    "shipping_discount": -1,
    "discount": -1,
}
"""Whether a part adds to the amount or is taken off it."""
_ITEM_TEXTS = {"name": 127, "description": 2048, "sku": 127, "category": 20, "url": 2048, "image_url": 2048}


def read_breakdown(given: Any, amount: Object, where: str) -> dict[str, Object]:
    """The parts of the amount. Raises Refused for parts that do not add up to it."""
    parts = read_object(given)
    found = {name: _part(parts[name], amount, f"{where}/{name}") for name in _PARTS if parts.get(name) is not None}
    if unknown := sorted(set(parts) - set(_PARTS)):
        raise make_malformed("INVALID_PARAMETER_SYNTAX", f"{where}/{unknown[0]}")
    if sum(
        (read_value(found[name]) * sign for name, sign in _PARTS.items() if name in found), Decimal(0)
    ) != read_value(amount):
        raise make_unprocessable("AMOUNT_MISMATCH", where.removesuffix("/breakdown") + "/value")
    return found


def read_items(given: Any, amount: Object, where: str) -> list[Object]:
    """The items of a unit, with the sums that its breakdown has to show. Raises Refused."""
    if not isinstance(given, list):
        raise make_malformed("INVALID_PARAMETER_SYNTAX", f"{where}/items")
    items = [_item(read_object(one), amount, f"{where}/items/{place}") for place, one in enumerate(given)]
    for total, price in (("item_total", "unit_amount"), ("tax_total", "tax")):
        priced = [one for one in items if price in one]
        shown = amount.get("breakdown", {}).get(total)
        if priced and shown is None:
            raise make_unprocessable(f"{total.upper()}_REQUIRED", f"{where}/amount/breakdown/{total}")
        if priced and read_value(shown) != sum(read_value(one[price]) * int(one["quantity"]) for one in priced):
            raise make_unprocessable(f"{total.upper()}_MISMATCH", f"{where}/amount/breakdown/{total}/value")
    return items


def _item(given: Object, amount: Object, where: str) -> Object:
    item: Object = {name: found for name, most in _ITEM_TEXTS.items() if (found := read_text(given, name, most, where))}
    quantity = read_text(given, "quantity", 10, where)
    if "name" not in item or quantity is None:
        raise make_malformed("MISSING_REQUIRED_PARAMETER", f"{where}/{'quantity' if 'name' in item else 'name'}")
    if not (quantity.isascii() and quantity.isdigit() and int(quantity) > 0):
        raise make_malformed("INVALID_PARAMETER_SYNTAX", f"{where}/quantity")
    check_supported(given, ("upc", "billing_plan"), where)
    item["quantity"] = quantity
    item["unit_amount"] = _part(given.get("unit_amount"), amount, f"{where}/unit_amount")
    if given.get("tax") is not None:
        item["tax"] = _part(given["tax"], amount, f"{where}/tax")
    return item


def _part(given: Any, amount: Object, where: str) -> Object:
    """Money in the currency of the whole; nothing is a part as well."""
    part, currency = read_amount(given, where, order=True, zero=True)
    if currency != amount["currency_code"]:
        raise make_unprocessable("CURRENCY_MISMATCH", f"{where}/currency_code")
    return format_amount(part, currency)
