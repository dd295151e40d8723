"""Checkout sessions: Stripe's own payment page, from making one to its end."""

from adapters.sandbox.stripe import confirming, intents, methods, settling
from adapters.sandbox.stripe.cards import by_name
from adapters.sandbox.stripe.customers import living
from adapters.sandbox.stripe.errors import invalid, missing_param, no_such
from adapters.sandbox.stripe.listing import page
from adapters.sandbox.stripe.money import MOST, least, read_currency, written
from adapters.sandbox.stripe.params import Params
from adapters.sandbox.stripe.state import Object, Stripe
from adapters.sandbox.stripe.wire import Call

_DAY = 24 * 3600
_TAKEN = (
    "allow_promotion_codes automatic_tax billing_address_collection consent_collection custom_text customer_creation "
    "customer_update invoice_creation phone_number_collection payment_method_options submit_type adaptive_pricing "
    "payment_method_collection saved_payment_method_options tax_id_collection excluded_payment_method_types"
).split()


def create(call: Call) -> Object:
    params, stripe = call.params, call.stripe
    if (mode := params.need("mode")) != "payment":
        raise invalid(f"This sandbox knows sessions in payment mode only, not {mode}.", "mode")
    params.accept(*_TAKEN)
    items = [_item(stripe, one) for one in params.groups("line_items")]
    total, currency = _total(items)
    facts = _facts(call) | {"amount_subtotal": total, "amount_total": total, "currency": currency}
    wanted = _intent_facts(params.group("payment_intent_data"))
    params.finish()
    session = stripe.save(_blank(stripe, facts))
    stripe.line_items[session["id"]] = items
    stripe.wanted[session["id"]] = wanted
    stripe.later(lambda: expire(stripe, session), session["expires_at"] - stripe.now())
    return session


def retrieve(call: Call) -> Object:
    return call.stripe.find("checkout.session", call.id)


def listed(call: Call) -> Object:
    equal = ("customer", "payment_intent", "status")
    return page(call, "checkout.session", "/v1/checkout/sessions", equal)


def line_items(call: Call) -> Object:
    session = call.stripe.find("checkout.session", call.id)
    call.params.accept("limit", "starting_after", "ending_before")
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return {"object": "list", "data": call.stripe.line_items[session["id"]], "has_more": False, "url": url}


def expired(call: Call) -> Object:
    session = call.stripe.find("checkout.session", call.id)
    call.params.finish()
    settle(call.stripe, session)
    if session["status"] != "open":
        raise invalid(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Session has a status of '
            f"`{session['status']}`.",
            "session",
        )
    expire(call.stripe, session)
    return session


def expire(stripe: Stripe, session: Object) -> None:
    """Its intent goes with it, so that a bank's page left open pays for nothing."""
    settle(stripe, session)
    if session["status"] != "open":
        return
    session |= {"status": "expired", "url": None}
    intent = stripe.tables["payment_intent"].get(session["payment_intent"] or "")
    if intent is not None:
        settling.end(stripe, intent, "automatic")
    stripe.emit("checkout.session.expired", session)


def pay(stripe: Stripe, session: Object, card_name: str, back: str) -> Object:
    """Pays an open session with a test card; returns the intent, which may yet require action.

    `back` is where 3-D Secure sends the customer. Raises Refused for a declined card; the session stays open.
    """
    card = by_name(card_name)
    if card is None:
        raise no_such("PaymentMethod", card_name, "payment_method", 400)
    intent = _intent(stripe, session)
    settle(stripe, session)
    if session["status"] != "open":
        return intent
    stripe.return_urls[intent["id"]] = back
    method = methods.make(stripe, card, (8, stripe.world.now().year + 3), None)
    confirming.pay(stripe, intent, method, off_session=False, redirect=True)
    settle(stripe, session)
    return intent


def settle_of(stripe: Stripe, intent: Object) -> None:
    """Completes the session that the intent belongs to, if there is one; its customer may never come back."""
    for session in stripe.tables["checkout.session"].values():
        if session["payment_intent"] == intent["id"]:
            settle(stripe, session)


def settle(stripe: Stripe, session: Object) -> None:
    """Completes the session once its intent is paid, or the money is held."""
    intent = stripe.tables["payment_intent"].get(session["payment_intent"] or "")
    if session["status"] != "open" or intent is None or intent["status"] not in {"succeeded", "requires_capture"}:
        return
    paid = intent["status"] == "succeeded"
    session |= {"status": "complete", "payment_status": "paid" if paid else "unpaid", "url": None}
    email = session["customer_email"]
    session["customer_details"] = dict.fromkeys(_DETAILS) | {"email": email, "tax_exempt": "none", "tax_ids": []}
    stripe.emit("checkout.session.completed", session)


_DETAILS = ("address", "business_name", "email", "individual_name", "name", "phone")


def _intent(stripe: Stripe, session: Object) -> Object:
    """The session's intent, made when somebody pays."""
    if session["payment_intent"]:
        return stripe.find("payment_intent", session["payment_intent"])
    facts: Object = {
        "amount": session["amount_total"],
        "currency": session["currency"],
        "customer": session["customer"],
        "automatic_payment_methods": None,
        "payment_method_types": ["card"],
        "confirmation_method": "automatic",
    }
    intent = stripe.save(intents.blank(stripe, facts | stripe.wanted[session["id"]]))
    session["payment_intent"] = intent["id"]
    stripe.emit("payment_intent.created", intent)
    return intent


def _intent_facts(group: Params | None) -> Object:
    group = group or Params({}, "payment_intent_data")
    usage = group.choice("setup_future_usage", ("on_session", "off_session"))
    return {
        **intents.capture_method(group),
        "metadata": group.metadata(),
        "description": group.text("description"),
        "receipt_email": group.text("receipt_email"),
        "setup_future_usage": usage,
    }


def _facts(call: Call) -> Object:
    params = call.params
    customer = params.text("customer")
    params.choice("ui_mode", ("hosted", "hosted_page"))
    kinds = params.texts("payment_method_types") or ["card"]
    if "card" not in kinds:
        raise invalid("This sandbox's payment page takes cards only.", "payment_method_types")
    expires = params.integer("expires_at")
    now = call.stripe.now()
    if expires is not None and not now + 1800 <= expires <= now + _DAY + 60:
        message = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation."
        raise invalid(message, "expires_at")
    return {
        "success_url": params.url("success_url") or _missing("success_url"),
        "cancel_url": params.url("cancel_url"),
        "client_reference_id": params.text("client_reference_id", 200),
        "customer": living(call, customer)["id"] if customer else None,
        "customer_email": params.text("customer_email"),
        "expires_at": expires or now + _DAY,
        "locale": params.text("locale"),
        "metadata": params.metadata(),
        "payment_method_types": kinds,
    }


def _missing(name: str) -> str:
    raise missing_param(name)


def _total(items: list[Object]) -> tuple[int, str]:
    if not items:
        raise missing_param("line_items")
    total, currency = sum(one["amount_total"] for one in items), str(items[0]["currency"])
    if any(one["currency"] != currency for one in items):
        raise invalid("All line items must have the same currency.", "line_items")
    if not least(currency) <= total <= MOST:
        least_of_all = written(least(currency), currency)
        message = f"The Checkout Session's total amount must convert to at least {least_of_all}."
        raise invalid(message, "line_items", "amount_too_small" if total < MOST else "amount_too_large")
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
    unit = price.integer("unit_amount", 0, MOST) or 0
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


_NOTHING = (
    "after_expiration allow_promotion_codes billing_address_collection client_secret collected_information consent "
    "consent_collection currency_conversion customer_account customer_details discounts invoice "
    "integration_identifier managed_payments origin_context payment_intent payment_link "
    "payment_method_configuration_details permissions recovered_from saved_payment_method_options setup_intent "
    "shipping_address_collection shipping_cost submit_type subscription wallet_options"
).split()


def _blank(stripe: Stripe, facts: Object) -> Object:
    name = stripe.new_id("cs_test", 58)
    settings: Object = {
        "adaptive_pricing": {"enabled": False},
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer_creation": "if_required",
        "invoice_creation": {"enabled": False, "invoice_data": _INVOICE},
        "payment_method_collection": "if_required",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
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
        "created": stripe.now(),
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
