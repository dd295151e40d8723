"""What is sold on a payment page, priced on the spot."""

from sandbox.stripe.errors import invalid, missing_param
from sandbox.stripe.money import check_step, least, most, read_currency, written
from sandbox.stripe.params import Params
from sandbox.stripe.state import Object, Stripe


def read_items(stripe: Stripe, params: Params) -> list[Object]:
    """Raises Refused."""
    return [_item(stripe, one) for one in params.groups("line_items")]


def total_of(items: list[Object]) -> tuple[int, str]:
    if not items:
        raise missing_param("line_items")
    total, currency = sum(one["amount_total"] for one in items), str(items[0]["currency"])
    if any(one["currency"] != currency for one in items):
        raise invalid("All line items must have the same currency.", "line_items")
    if total < least(currency):
        message = f"The Checkout Session's total amount must convert to at least {written(least(currency), currency)}."
        raise invalid(message, "line_items", "amount_too_small")
    if total > most(currency):
        message = f"The Checkout Session's total amount must be at most {written(most(currency), currency)}."
        raise invalid(message, "line_items", "amount_too_large")
    return total, currency


def _item(stripe: Stripe, group: Params) -> Object:
    quantity = group.integer("quantity", 1, 999_999)
    if quantity is None:
        raise missing_param(group.path("quantity"))
    price = group.group("price_data")
    if price is None:
        raise missing_param(group.path("price_data"))
    currency = read_currency(price)
    price.need("unit_amount")
    unit = price.integer("unit_amount", 0) or 0
    check_step(unit, currency, price.path("unit_amount"))
    product = price.group("product_data")
    if product is None:
        raise missing_param(price.path("product_data"))
    price.accept("tax_behavior")
    product.accept("images", "metadata", "tax_code", "description")
    return _line(stripe, product.need("name"), currency, unit, quantity)


def _line(stripe: Stripe, name: str, currency: str, unit: int, quantity: int) -> Object:
    price: Object = {
        "id": stripe.new_id("price"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": stripe.now(),
        "currency": currency,
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": stripe.new_id("prod", 14),
        "recurring": None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": unit,
        "unit_amount_decimal": str(unit),
    }
    return {
        "id": stripe.new_id("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": unit * quantity,
        "amount_tax": 0,
        "amount_total": unit * quantity,
        "currency": currency,
        "description": name,
        "metadata": {},
        "price": price,
        "quantity": quantity,
    }
