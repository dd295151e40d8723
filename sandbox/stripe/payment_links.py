"""Payment links: an address that opens a checkout session for each who follows it."""

from sandbox.stripe import checkout
from sandbox.stripe.errors import make_invalid
from sandbox.stripe.line_items import read_items, sum_items
from sandbox.stripe.pagination import cut_line_page, cut_page
from sandbox.stripe.params import RequestParams
from sandbox.stripe.state import Object, StripeAccount
from sandbox.stripe.wire import StripeCall

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


def create_link(call: StripeCall) -> Object:
    params, stripe = call.params, call.account
    params.ignore_params(*_TAKEN)
    params.refuse_params("automatic_tax")
    items = read_items(stripe, params)
    _, currency = sum_items(items)
    facts = _facts(params) | {"currency": currency}
    wanted = checkout.read_intent_fields(params.read_group("payment_intent_data"))
    params.reject_unread()
    link = stripe.save_object(_blank(stripe, facts | {"payment_intent_data": _shown(wanted)}))
    stripe.line_items[link["id"]] = items
    stripe.wanted[link["id"]] = wanted
    return link


def retrieve_link(call: StripeCall) -> Object:
    return call.account.find_object("payment_link", call.id)


def list_links(call: StripeCall) -> Object:
    rows = list(call.account.tables["payment_link"].values())
    if "active" in call.params:
        active = call.params.read_boolean("active")
        rows = [one for one in rows if one["active"] is active]
    return cut_page(call, "payment_link", "/v1/payment_links", rows)


def update_link(call: StripeCall) -> Object:
    link = call.account.find_object("payment_link", call.id)
    changes: Object = {"metadata": call.params.read_metadata(link["metadata"])}
    if "active" in call.params:
        changes["active"] = call.params.read_boolean("active")
    if "inactive_message" in call.params:
        changes["inactive_message"] = call.params.read_text("inactive_message", 500)
    call.params.reject_unread()
    link |= changes
    call.account.emit_event("payment_link.updated", link)
    return link


def list_line_items(call: StripeCall) -> Object:
    link = call.account.find_object("payment_link", call.id)
    url = f"/v1/payment_links/{link['id']}/line_items"
    return cut_line_page(call, url, call.account.line_items[link["id"]])


def open_link_session(stripe: StripeAccount, link: Object) -> Object | None:
    """The session of somebody who follows the link; None when it leads nowhere any more."""
    if not link["active"] or checkout.is_link_used_up(stripe, link["id"]):
        return None
    items, wanted = stripe.line_items[link["id"]], stripe.wanted[link["id"]]
    total, currency = sum_items(items)
    back = link["after_completion"].get("redirect") or {}
    facts: Object = {
        "amount_subtotal": total,
        "amount_total": total,
        "cancel_url": None,
        "client_reference_id": None,
        "currency": currency,
        "customer": None,
        "customer_email": None,
        "expires_at": stripe.timestamp() + _DAY,
        "locale": None,
        "metadata": dict(link["metadata"]),
        "payment_link": link["id"],
        "payment_method_types": checkout.choose_kinds(link["payment_method_types"] or [], currency, wanted),
        "success_url": back.get("url"),
    }
    return checkout.open_session(stripe, facts, items, wanted)


def _facts(params: RequestParams) -> Object:
    kinds = params.read_texts("payment_method_types")
    if unknown := sorted(set(kinds) - {"card", "sepa_debit"}):
        raise make_invalid(f"This sandbox's payment page does not know {unknown[0]}.", "payment_method_types")
    return {
        "after_completion": _completion(params.read_group("after_completion")),
        "inactive_message": params.read_text("inactive_message", 500),
        "metadata": params.read_metadata(),
        "payment_method_types": kinds or None,
        "restrictions": _restrictions(params.read_group("restrictions")),
    }


def _completion(group: RequestParams | None) -> Object:
    if group is None:
        return {"hosted_confirmation": {"custom_message": None}, "type": "hosted_confirmation"}
    if group.read_choice("type", ("hosted_confirmation", "redirect")) != "redirect":
        group.ignore_params("hosted_confirmation")
        return {"hosted_confirmation": {"custom_message": None}, "type": "hosted_confirmation"}
    redirect = group.read_group("redirect")
    if redirect is None:
        raise make_invalid("You must provide a redirect.", group.param_path("redirect"))
    redirect.require_text("url")
    return {"redirect": {"url": redirect.read_url("url")}, "type": "redirect"}


def _restrictions(group: RequestParams | None) -> Object | None:
    completed = group.read_group("completed_sessions") if group is not None else None
    if completed is None:
        return None
    completed.require_text("limit")
    return {"completed_sessions": {"count": 0, "limit": completed.read_integer("limit", 1)}}


def _shown(wanted: Object) -> Object:
    names = "capture_method description metadata setup_future_usage".split()
    rest = dict.fromkeys(("statement_descriptor", "statement_descriptor_suffix", "transfer_group"))
    return {name: wanted[name] for name in names} | rest


def _blank(stripe: StripeAccount, facts: Object) -> Object:
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
