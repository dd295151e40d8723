"""Payment links: an address that opens a checkout session for each who follows it."""

from sandbox.stripe import checkout
from sandbox.stripe.errors import invalid
from sandbox.stripe.items import read_items, total_of
from sandbox.stripe.listing import cut, line_page
from sandbox.stripe.params import Params
from sandbox.stripe.state import Object, Stripe
from sandbox.stripe.wire import Call

_DAY = 24 * 3600
_TAKEN = (
    "allow_promotion_codes billing_address_collection consent_collection custom_text customer_creation "
    "invoice_creation payment_method_options phone_number_collection submit_type tax_id_collection"
).split()
_NOTHING = (
    "application application_fee_amount application_fee_percent consent_collection invoice_creation managed_payments "
    "name_collection on_behalf_of optional_items payment_method_options shipping_address_collection subscription_data "
    "transfer_data"
).split()


def create(call: Call) -> Object:
    params, stripe = call.params, call.stripe
    params.accept(*_TAKEN)
    params.refuse("automatic_tax")
    items = read_items(stripe, params)
    _, currency = total_of(items)
    facts = _facts(params) | {"currency": currency}
    wanted = checkout.intent_facts(params.group("payment_intent_data"))
    params.finish()
    link = stripe.save(_blank(stripe, facts | {"payment_intent_data": _shown(wanted)}))
    stripe.line_items[link["id"]] = items
    stripe.wanted[link["id"]] = wanted
    return link


def retrieve(call: Call) -> Object:
    return call.stripe.find("payment_link", call.id)


def listed(call: Call) -> Object:
    rows = list(call.stripe.tables["payment_link"].values())
    if "active" in call.params:
        active = call.params.boolean("active")
        rows = [one for one in rows if one["active"] is active]
    return cut(call, "payment_link", "/v1/payment_links", rows)


def update(call: Call) -> Object:
    link = call.stripe.find("payment_link", call.id)
    changes: Object = {"metadata": call.params.metadata(link["metadata"])}
    if "active" in call.params:
        changes["active"] = call.params.boolean("active")
    if "inactive_message" in call.params:
        changes["inactive_message"] = call.params.text("inactive_message", 500)
    call.params.finish()
    link |= changes
    call.stripe.emit("payment_link.updated", link)
    return link


def line_items(call: Call) -> Object:
    link = call.stripe.find("payment_link", call.id)
    url = f"/v1/payment_links/{link['id']}/line_items"
    return line_page(call, url, call.stripe.line_items[link["id"]])


def visit(stripe: Stripe, link: Object) -> Object | None:
    """The session of somebody who follows the link; None when it leads nowhere any more."""
    if not link["active"] or checkout.is_spent(stripe, link["id"]):
        return None
    items, wanted = stripe.line_items[link["id"]], stripe.wanted[link["id"]]
    total, currency = total_of(items)
    back = link["after_completion"].get("redirect") or {}
    facts: Object = {
        "amount_subtotal": total,
        "amount_total": total,
        "cancel_url": None,
        "client_reference_id": None,
        "currency": currency,
        "customer": None,
        "customer_email": None,
        "expires_at": stripe.now() + _DAY,
        "locale": None,
        "metadata": dict(link["metadata"]),
        "payment_link": link["id"],
        "payment_method_types": checkout.kinds_of(link["payment_method_types"] or [], currency, wanted),
        "success_url": back.get("url"),
    }
    return checkout.opened(stripe, facts, items, wanted)


def _facts(params: Params) -> Object:
    kinds = params.texts("payment_method_types")
    if unknown := sorted(set(kinds) - {"card", "sepa_debit"}):
        raise invalid(f"This sandbox's payment page does not know {unknown[0]}.", "payment_method_types")
    return {
        "after_completion": _completion(params.group("after_completion")),
        "inactive_message": params.text("inactive_message", 500),
        "metadata": params.metadata(),
        "payment_method_types": kinds or None,
        "restrictions": _restrictions(params.group("restrictions")),
    }


def _completion(group: Params | None) -> Object:
    if group is None:
        return {"hosted_confirmation": {"custom_message": None}, "type": "hosted_confirmation"}
    if group.choice("type", ("hosted_confirmation", "redirect")) != "redirect":
        group.accept("hosted_confirmation")
        return {"hosted_confirmation": {"custom_message": None}, "type": "hosted_confirmation"}
    redirect = group.group("redirect")
    if redirect is None:
        raise invalid("You must provide a redirect.", group.path("redirect"))
    redirect.need("url")
    return {"redirect": {"url": redirect.url("url")}, "type": "redirect"}


def _restrictions(group: Params | None) -> Object | None:
    completed = group.group("completed_sessions") if group is not None else None
    if completed is None:
        return None
    completed.need("limit")
    return {"completed_sessions": {"count": 0, "limit": completed.integer("limit", 1)}}


def _shown(wanted: Object) -> Object:
    names = "capture_method description metadata setup_future_usage".split()
    rest = dict.fromkeys(("statement_descriptor", "statement_descriptor_suffix", "transfer_group"))
    return {name: wanted[name] for name in names} | rest


def _blank(stripe: Stripe, facts: Object) -> Object:
    name = stripe.new_id("plink")
    return {
        "id": name,
        "object": "payment_link",
        **dict.fromkeys(_NOTHING),
        "active": True,
        "allow_promotion_codes": False,
        "automatic_tax": {"enabled": False, "liability": None},
        "billing_address_collection": "auto",
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer_creation": "if_required",
        "livemode": False,
        "payment_method_collection": "always",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "submit_type": "auto",
        "tax_id_collection": {"enabled": False, "required": "never"},
        "url": f"{stripe.world.config.public_base}/stripe/link/{name}",
        **facts,
    }
