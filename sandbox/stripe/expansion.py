"""`expand[]`: ids in an answer become the objects they name."""

from sandbox.stripe.errors import make_invalid
from sandbox.stripe.state import Object, StripeAccount

_EXPANDABLE = frozenset(
    "data customer payment_method latest_charge payment_intent charge balance_transaction refunds line_items dispute "
    "failure_balance_transaction default_source default_payment_method setup_intent application review invoice "
    "transfer source invoice_settings balance_transactions on_behalf_of failure_balance_transaction".split()
)
MAX_EXPANDED_REFUNDS = 10
"""Of a charge, the latest; the others are to be listed."""


def check_paths(paths: list[str]) -> None:
    for path in paths:
        steps = path.split(".")
        if len(steps) > 5:
            raise make_invalid("You cannot expand more than 4 levels of a property.", "expand")
        if not _EXPANDABLE.issuperset(steps):
            raise make_invalid(
                f"This property cannot be expanded ({path}). You may want to try expanding a different property.",
                "expand",
            )


def expand_object(stripe: StripeAccount, thing: Object, paths: list[str]) -> Object:
    """A copy with each path followed; the stored object stays as it is."""
    for path in paths:
        thing = _follow(stripe, thing, path.split("."))
    return thing


def _follow(stripe: StripeAccount, thing: Object, steps: list[str]) -> Object:
    step, *rest = steps
    value = _value(stripe, thing, step)
    if isinstance(value, dict) and rest:
        value = _follow(stripe, value, rest)
    elif isinstance(value, list) and rest:
        value = [_follow(stripe, one, rest) if isinstance(one, dict) else one for one in value]
    return {**thing, step: value} if step in thing or value is not None else thing


def _value(stripe: StripeAccount, thing: Object, step: str) -> object:
    if step == "refunds" and thing.get("object") == "charge":
        found = [one for one in stripe.tables["refund"].values() if one["charge"] == thing["id"]]
        page = found[::-1][:MAX_EXPANDED_REFUNDS]
        return _list(page, f"/v1/charges/{thing['id']}/refunds") | {"has_more": len(found) > len(page)}
    if step == "line_items" and thing.get("object") == "checkout.session":
        return _list(stripe.line_items.get(thing["id"], []), f"/v1/checkout/sessions/{thing['id']}/line_items")
    if step == "line_items" and thing.get("object") == "payment_link":
        return _list(stripe.line_items.get(thing["id"], []), f"/v1/payment_links/{thing['id']}/line_items")
    value = thing.get(step)
    if isinstance(value, str):
        return stripe.find_by_id(value) or value
    return value


def _list(data: list[Object], url: str) -> Object:
    return {"object": "list", "data": data, "has_more": False, "url": url}
