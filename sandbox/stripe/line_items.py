"""What is sold on a payment page, priced on the spot."""

from sandbox.stripe.errors import make_invalid, make_missing_param
from sandbox.stripe.money import check_step, format_amount, get_maximum, get_minimum, read_currency
from sandbox.stripe.params import RequestParams
from sandbox.stripe.state import Object, StripeAccount


def read_items(stripe: StripeAccount, params: RequestParams) -> list[Object]:
    """Raises Refused."""
    return [_item(stripe, one) for one in params.read_groups("line_items")]


def sum_items(items: list[Object]) -> tuple[int, str]:
    if not items:
        raise make_missing_param("line_items")
    total, currency = sum(one["amount_total"] for one in items), str(items[0]["currency"])
    if any(one["currency"] != currency for one in items):
        raise make_invalid("All line items must have the same currency.", "line_items")
    if total < get_minimum(currency):
        minimum = format_amount(get_minimum(currency), currency)
        message = f"The Checkout Session's total amount must convert to at least {minimum}."
        raise make_invalid(message, "line_items", "amount_too_small")
    if total > get_maximum(currency):
        message = (
            f"The Checkout Session's total amount must be at most {format_amount(get_maximum(currency), currency)}."
        )
        raise make_invalid(message, "line_items", "amount_too_large")
    return total, currency


def _item(stripe: StripeAccount, group: RequestParams) -> Object:
    quantity = group.read_integer("quantity", 1, 999_999)
    if quantity is None:
        raise make_missing_param(group.param_path("quantity"))
    price = group.read_group("price_data")
    if price is None:
        raise make_missing_param(group.param_path("price_data"))
    currency = read_currency(price)
    price.require_text("unit_amount")
    unit = price.read_integer("unit_amount", 0) or 0
    check_step(unit, currency, price.param_path("unit_amount"))
    product = price.read_group("product_data")
    if product is None:
        raise make_missing_param(price.param_path("product_data"))
    price.ignore_params("tax_behavior")
    product.ignore_params("images", "metadata", "tax_code", "description")
    return _line(stripe, product.require_text("name"), currency, unit, quantity)


def _line(stripe: StripeAccount, name: str, currency: str, unit: int, quantity: int) -> Object:
    price: Object = {
        "id": stripe.new_id("price"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": stripe.timestamp(),
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
