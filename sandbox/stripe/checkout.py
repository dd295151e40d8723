"""Checkout sessions: Stripe's own payment page, from making one to its end."""

from sandbox.state import SandboxState
from sandbox.stripe import confirmation, payment_intents, payment_methods, settlement
from sandbox.stripe.cards import IBANS, TestCard, find_by_name
from sandbox.stripe.customers import find_live_customer
from sandbox.stripe.errors import make_invalid, make_missing_param, make_no_such
from sandbox.stripe.line_items import read_items, sum_items
from sandbox.stripe.pagination import build_page, cut_line_page
from sandbox.stripe.params import RequestParams
from sandbox.stripe.state import Object, StripeAccount, get_stripe_account
from sandbox.stripe.wire import StripeCall

_DAY = 24 * 3600
_TAKEN = (
    "allow_promotion_codes billing_address_collection consent_collection custom_text customer_creation "
    "customer_update invoice_creation phone_number_collection submit_type adaptive_pricing "
    "payment_method_collection saved_payment_method_options tax_id_collection excluded_payment_method_types"
).split()


def create_session(call: StripeCall) -> Object:
    params, stripe = call.params, call.account
    if (mode := params.require_text("mode")) != "payment":
        raise make_invalid(f"This sandbox knows sessions in payment mode only, not {mode}.", "mode")
    params.ignore_params(*_TAKEN)
    params.refuse_params("automatic_tax")
    items = read_items(stripe, params)
    total, currency = sum_items(items)
    facts = _facts(call) | {"amount_subtotal": total, "amount_total": total, "currency": currency}
    wanted = read_intent_fields(params.read_group("payment_intent_data")) | payment_intents.read_card_options(params)
    facts["payment_method_types"] = choose_kinds(facts["payment_method_types"], currency, wanted)
    params.reject_unread()
    facts["payment_method_options"] = wanted.get("payment_method_options", _ASKED)
    return open_session(stripe, facts, items, wanted)


def open_session(stripe: StripeAccount, facts: Object, items: list[Object], wanted: Object) -> Object:
    """A session for these items. `wanted`: what its intent will be made with."""
    session = stripe.save_object(_blank(stripe, facts))
    stripe.line_items[session["id"]] = items
    stripe.wanted[session["id"]] = wanted
    stripe.schedule_action("expire", session["id"], seconds=session["expires_at"] - stripe.timestamp())
    return session


def choose_kinds(named: list[str], currency: str, wanted: Object) -> list[str]:
    """Those that are named, else those that Stripe chooses."""
    debit = currency == "eur" and wanted["capture_method"] != "manual"
    return named or ["card", *(["sepa_debit"] if debit else [])]


def retrieve_session(call: StripeCall) -> Object:
    return call.account.find_object("checkout.session", call.id)


def list_sessions(call: StripeCall) -> Object:
    equal = ("customer", "payment_intent", "payment_link", "status")
    return build_page(call, "checkout.session", "/v1/checkout/sessions", equal)


def list_line_items(call: StripeCall) -> Object:
    session = call.account.find_object("checkout.session", call.id)
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return cut_line_page(call, url, call.account.line_items[session["id"]])


def expire_open_session(call: StripeCall) -> Object:
    session = call.account.find_object("checkout.session", call.id)
    call.params.reject_unread()
    settle_session(call.account, session)
    if session["status"] != "open":
        raise make_invalid(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Session has a status of '
            f"`{session['status']}`.",
            "session",
        )
    expire_session(call.account, session)
    return session


def expire_session(stripe: StripeAccount, session: Object) -> None:
    """Its intent goes with it, so that a bank's page left open pays for nothing."""
    settle_session(stripe, session)
    if session["status"] != "open":
        return
    session |= {"status": "expired", "url": None}
    intent = stripe.tables["payment_intent"].get(session["payment_intent"] or "")
    if intent is not None:
        settlement.end_intent(stripe, intent, "automatic")
    stripe.emit_event("checkout.session.expired", session)


def expire_session_later(world: SandboxState, session_id: str) -> None:
    stripe = get_stripe_account(world)
    expire_session(stripe, stripe.find_object("checkout.session", session_id))


def pay_session(stripe: StripeAccount, session: Object, name: str, back: str) -> Object:
    """Pays an open session with a test card, or an IBAN; returns the intent, which may yet require action.

    `back` is where 3-D Secure sends the customer. Raises Refused for a declined card; the session stays open.
    """
    card = _card(session, name)
    if is_link_used_up(stripe, session["payment_link"]):
        raise make_invalid("This payment link has been paid.", "payment_link")
    intent = _intent(stripe, session)
    settle_session(stripe, session)
    if session["status"] != "open":
        return intent
    stripe.return_urls[intent["id"]] = back
    method = payment_methods.save_method(stripe, card, (8, stripe.world.now().year + 3), None)
    confirmation.confirm_payment(stripe, intent, method, off_session=False, redirect=True)
    settle_session(stripe, session)
    return intent


def settle_session_of_intent(stripe: StripeAccount, intent: Object) -> None:
    """Completes the session that the intent belongs to, if there is one; its customer may never come back."""
    for session in stripe.tables["checkout.session"].values():
        if session["payment_intent"] == intent["id"]:
            settle_session(stripe, session)


def _card(session: Object, name: str) -> TestCard:
    """Raises Refused for one that the session does not take."""
    card = find_by_name(name) or IBANS.get(name)
    if card is None or card.kind not in session["payment_method_types"]:
        raise make_no_such("PaymentMethod", name, "payment_method", 400)
    return card


def is_link_used_up(stripe: StripeAccount, link_id: str | None) -> bool:
    """Whether as many sessions of the link are complete as there may be."""
    link = stripe.tables["payment_link"].get(link_id or "")
    if link is None or not link["restrictions"]:
        return False
    most = link["restrictions"]["completed_sessions"]
    return bool(most["count"] >= most["limit"])


def _count(stripe: StripeAccount, link_id: str | None) -> None:
    link = stripe.tables["payment_link"].get(link_id or "")
    if link is not None and link["restrictions"]:
        link["restrictions"]["completed_sessions"]["count"] += 1


def settle_session(stripe: StripeAccount, session: Object) -> None:
    """Completes the session once its intent is paid, the money is held, or the bank has it in hand."""
    intent = stripe.tables["payment_intent"].get(session["payment_intent"] or "")
    if session["status"] != "open" or intent is None or intent["status"] not in _GONE_THROUGH:
        return
    paid = intent["status"] == "succeeded"
    _count(stripe, session["payment_link"])
    if intent["status"] == "processing":
        stripe.awaiting_sessions[intent["id"]] = session["id"]
    session |= {"status": "complete", "payment_status": "paid" if paid else "unpaid", "url": None}
    email = session["customer_email"]
    session["customer_details"] = dict.fromkeys(_DETAILS) | {"email": email, "tax_exempt": "none", "tax_ids": []}
    stripe.emit_event("checkout.session.completed", session)


def settle_debit(world: SandboxState, session_id: str) -> None:
    """The bank has answered about a debit."""
    stripe = get_stripe_account(world)
    session = stripe.find_object("checkout.session", session_id)
    intent = stripe.find_object("payment_intent", session["payment_intent"])
    if intent["status"] == "succeeded":
        session["payment_status"] = "paid"
    how = "succeeded" if intent["status"] == "succeeded" else "failed"
    stripe.emit_event(f"checkout.session.async_payment_{how}", session)


_GONE_THROUGH = frozenset({"succeeded", "requires_capture", "processing"})
_ASKED: Object = {"card": {"request_three_d_secure": "automatic"}}
_DETAILS = ("address", "business_name", "email", "individual_name", "name", "phone")


def _intent(stripe: StripeAccount, session: Object) -> Object:
    """The session's intent, made when somebody pays."""
    if session["payment_intent"]:
        return stripe.find_object("payment_intent", session["payment_intent"])
    facts: Object = {
        "amount": session["amount_total"],
        "currency": session["currency"],
        "customer": session["customer"],
        "automatic_payment_methods": None,
        "payment_method_types": session["payment_method_types"],
        "confirmation_method": "automatic",
    }
    intent = stripe.save_object(payment_intents.build_intent(stripe, facts | stripe.wanted[session["id"]]))
    session["payment_intent"] = intent["id"]
    stripe.emit_event("payment_intent.created", intent)
    return intent


def read_intent_fields(group: RequestParams | None) -> Object:
    group = group or RequestParams({}, "payment_intent_data")
    usage = group.read_choice("setup_future_usage", ("on_session", "off_session"))
    return {
        **payment_intents.read_capture_method(group),
        "metadata": group.read_metadata(),
        "description": group.read_text("description"),
        "receipt_email": group.read_text("receipt_email"),
        "setup_future_usage": usage,
    }


def _facts(call: StripeCall) -> Object:
    params = call.params
    customer = params.read_text("customer")
    params.read_choice("ui_mode", ("hosted", "hosted_page"))
    kinds = params.read_texts("payment_method_types")
    if unknown := sorted(set(kinds) - {"card", "sepa_debit"}):
        raise make_invalid(f"This sandbox's payment page does not know {unknown[0]}.", "payment_method_types")
    expires = params.read_integer("expires_at")
    now = call.account.timestamp()
    if expires is not None and not now + 1800 <= expires <= now + _DAY + 60:
        message = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation."
        raise make_invalid(message, "expires_at")
    return {
        "success_url": params.read_url("success_url") or _missing("success_url"),
        "cancel_url": params.read_url("cancel_url"),
        "client_reference_id": params.read_text("client_reference_id", 200),
        "customer": find_live_customer(call, customer)["id"] if customer else None,
        "customer_email": params.read_text("customer_email"),
        "expires_at": expires or now + _DAY,
        "locale": params.read_text("locale"),
        "metadata": params.read_metadata(),
        "payment_method_types": kinds,
    }


def _missing(name: str) -> str:
    raise make_missing_param(name)


_NOTHING = (
    "after_expiration allow_promotion_codes billing_address_collection client_secret collected_information consent "
    "consent_collection currency_conversion customer_account customer_details discounts invoice "
    "integration_identifier managed_payments origin_context payment_intent payment_link "
    "payment_method_configuration_details permissions recovered_from saved_payment_method_options setup_intent "
    "shipping_address_collection shipping_cost submit_type subscription wallet_options"
).split()


def _blank(stripe: StripeAccount, facts: Object) -> Object:
    name = stripe.new_id("cs_test", 58)
    settings: Object = {
        "adaptive_pricing": {"enabled": False},
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer_creation": "if_required",
        "invoice_creation": {"enabled": False, "invoice_data": _INVOICE},
        "payment_method_collection": "if_required",
        "payment_method_options": _ASKED,
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
    }
    return {
        "id": name,
        "object": "checkout.session",
        **dict.fromkeys(_NOTHING),
        **settings,
        "created": stripe.timestamp(),
        "livemode": False,
        "mode": "payment",
        "payment_status": "unpaid",
        "status": "open",
        "url": f"{stripe.world.config.public_base}/stripe/checkout/{name}",
        **facts,
    }


_INVOICE: Object = dict.fromkeys(
    ("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options")
) | {"metadata": {}}
