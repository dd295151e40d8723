"""Payment intents: making, reading and changing them. How they are paid is in confirming.py."""

from typing import Any

from sandbox.stripe import confirmation, payment_methods
from sandbox.stripe.customers import find_live_customer, read_shipping
from sandbox.stripe.errors import StripeApiError, make_invalid, make_unexpected_state
from sandbox.stripe.money import read_amount, read_currency
from sandbox.stripe.pagination import build_page
from sandbox.stripe.params import RequestParams
from sandbox.stripe.state import Object, StripeAccount
from sandbox.stripe.wire import StripeCall, is_same_secret

_TEXTS = ("description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix", "transfer_group")
_TAKEN = (
    "payment_method_options mandate_data mandate radar_options amount_details payment_details "
    "excluded_payment_method_types payment_method_configuration"
).split()
_UNPLAYED = ("hooks", "allocated_funds", "confirmation_token", "application_fee_amount", "transfer_data")
METHOD_KINDS = frozenset({"card", "link", "sepa_debit"})
_CHANGEABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


def create_intent(call: StripeCall) -> Object:
    params = call.params
    currency = read_currency(params)
    facts: Object = {"currency": currency, "amount": read_amount(params, currency), **_common(call)}
    facts |= read_capture_method(params)
    facts |= read_card_options(params)
    facts |= _kinds(params, facts)
    facts["confirmation_method"] = params.read_choice("confirmation_method", ("automatic", "manual")) or "automatic"
    confirm = params.read_boolean("confirm")
    attempt = _attempt(call) if confirm else _only_with_confirm(params)
    method = _method(call)
    params.reject_unread()
    intent = build_intent(call.account, facts)
    if confirm:
        _check_return(call, intent, attempt)
    if method:
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
        _check_kind(intent, method)
    call.account.save_object(intent)
    call.account.emit_event("payment_intent.created", intent)
    if confirm:
        _confirm(call, intent, attempt)
    return intent


def retrieve_intent(call: StripeCall) -> Object:
    intent = call.account.find_object("payment_intent", call.id, "intent")
    secret = call.params.read_text("client_secret")
    if call.is_publishable or secret is not None:
        _check_secret(secret, intent)
    return redact_for_key(call, intent)


def update_intent(call: StripeCall) -> Object:
    intent = call.account.find_object("payment_intent", call.id, "intent")
    params = call.params
    currency = read_currency(params) if "currency" in params else intent["currency"]
    changes: Object = {"currency": currency, **_common(call, intent)}
    if "amount" in params:
        changes["amount"] = read_amount(params, currency)
    changes |= read_capture_method(params) if "capture_method" in params else {}
    changes |= _kinds(params, intent | changes) if "payment_method_types" in params else {}
    method = _method(call)
    params.reject_unread()
    _check_changeable(intent, changes, method)
    if method:
        _check_kind(intent | changes, method)
        changes |= {"payment_method": method["id"], "status": "requires_confirmation", "next_action": None}
    intent |= changes
    return intent


def list_intents(call: StripeCall) -> Object:
    return build_page(call, "payment_intent", "/v1/payment_intents", ("customer",))


def confirm_intent(call: StripeCall) -> Object:
    intent = call.account.find_object("payment_intent", call.id, "intent")
    params = call.params
    secret = params.read_text("client_secret")
    params.ignore_params("key", "expected_payment_method_type", "payment_user_agent")
    if call.is_publishable or secret is not None:
        _check_secret(secret, intent)
    changes = _common(call, intent) if not call.is_publishable else _public_changes(call)
    attempt = _attempt(call)
    method = _method(call)
    params.reject_unread()
    _check_confirmable(call, intent, method)
    if method:
        _check_kind(intent, method)
    _check_return(call, intent, attempt)
    intent |= changes
    intent["payment_method"] = method["id"] if method else intent["payment_method"]
    _confirm(call, intent, attempt)
    return redact_for_key(call, intent)


def redact_for_key(call: StripeCall, intent: Object) -> Object:
    """A publishable key sees no metadata, customer or charge."""
    if not call.is_publishable:
        return intent
    secret = {"metadata", "customer", "latest_charge", "application", "review", "transfer_data", "on_behalf_of"}
    return {name: value for name, value in intent.items() if name not in secret}


def _public_changes(call: StripeCall) -> Object:
    email = call.params.read_text("receipt_email")
    return {"receipt_email": email} if email else {}


def _attempt(call: StripeCall) -> Object:
    params = call.params
    return {
        "off_session": params.read_text("off_session") not in {None, "false"},
        "error_on_requires_action": params.read_boolean("error_on_requires_action"),
        "use_stripe_sdk": params.read_boolean("use_stripe_sdk"),
        "return_url": params.read_url("return_url"),
    }


def _only_with_confirm(params: RequestParams) -> Object:
    for name in ("off_session", "error_on_requires_action", "return_url"):
        if name in params:
            raise make_invalid(
                f"You cannot use the parameter `{name}` when `confirm` is not `true`.", name, "parameter_invalid"
            )
    params.ignore_params("use_stripe_sdk")
    return {}


def _common(call: StripeCall, before: Object | None = None) -> Object:
    """What may be said when making, changing and confirming alike."""
    params = call.params
    params.ignore_params(*_TAKEN)
    params.refuse_params(*_UNPLAYED)
    facts: dict[str, Any] = {name: params.read_text(name) for name in _TEXTS if name in params}
    if "metadata" in params:
        facts["metadata"] = params.read_metadata(before["metadata"] if before else None)
    if (customer := params.read_text("customer")) is not None:
        facts["customer"] = find_live_customer(call, customer)["id"]
    if "shipping" in params:
        facts["shipping"] = read_shipping(params.read_group("shipping"))
    if usage := params.read_choice("setup_future_usage", ("on_session", "off_session")):
        facts["setup_future_usage"] = usage
    return facts


def read_capture_method(params: RequestParams) -> Object:
    """`automatic_async` is what Stripe does when nobody says."""
    method = params.read_choice("capture_method", ("automatic", "automatic_async", "manual"))
    return {"capture_method": method or "automatic_async"}


def read_card_options(params: RequestParams) -> Object:
    """Cards may be held where other methods of the same intent are taken at once."""
    options = params.read_group("payment_method_options")
    card = options.read_group("card") if options is not None else None
    if options is None or card is None:
        return {}
    options.ignore_params(*METHOD_KINDS)
    held = card.read_choice("capture_method", ("manual",))
    card.ignore_params("request_three_d_secure", "setup_future_usage", "statement_descriptor_suffix_kana")
    said = {"request_three_d_secure": "automatic"} | ({"capture_method": held} if held else {})
    return {"payment_method_options": {"card": said}}


def _kinds(params: RequestParams, intent: Object) -> Object:
    """The kinds of payment method: named, or chosen by Stripe (which is the default)."""
    automatic = params.read_group("automatic_payment_methods")
    enabled = automatic is not None and automatic.read_boolean("enabled")
    redirects = automatic and automatic.read_choice("allow_redirects", ("always", "never"))
    named = params.read_texts("payment_method_types")
    if named and enabled:
        raise make_invalid(
            "You may only specify one of these parameters: automatic_payment_methods, payment_method_types."
        )
    if unknown := [kind for kind in named if kind not in METHOD_KINDS]:
        message = f"The payment method type provided: {unknown[0]} is invalid."
        raise make_invalid(message, "payment_method_types", "payment_intent_invalid_parameter")
    if named:
        return {"automatic_payment_methods": None, "payment_method_types": named}
    debit = intent["currency"] == "eur" and intent["capture_method"] != "manual"
    kinds = ["card", "link", *(["sepa_debit"] if debit else [])]
    chosen = {"allow_redirects": redirects or "always", "enabled": True}
    return {"automatic_payment_methods": chosen, "payment_method_types": kinds}


def _method(call: StripeCall) -> Object | None:
    """The payment method that the call names, describes, or does not mention. Raises Refused."""
    name, data = call.params.read_text("payment_method"), call.params.read_group("payment_method_data")
    if data is not None:
        described = payment_methods.read_method(data)
        data.ignore_params("metadata", "referrer", "payment_user_agent", "guid", "muid", "sid", "time_on_page")
        return payment_methods.save_method(call.account, *described)
    return payment_methods.find_method(call.account, name, "payment_method") if name else None


def _check_secret(secret: str | None, intent: Object) -> None:
    if secret is None:
        raise make_invalid("Missing required param: client_secret.", "client_secret", "parameter_missing")
    if not is_same_secret(secret, intent["client_secret"]):
        message = "The client_secret provided does not match any associated PaymentIntent on this account."
        raise make_invalid(message, "client_secret", "resource_missing")


def _check_kind(intent: Object, method: Object) -> None:
    if method["type"] not in intent["payment_method_types"]:
        raise make_invalid(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent.",
            "payment_method",
            "payment_intent_incompatible_payment_method",
        )
    if method["type"] == "sepa_debit" and intent["capture_method"] == "manual":
        message = "The payment method type sepa_debit does not support manual capture."
        raise make_invalid(message, "capture_method", "payment_intent_incompatible_payment_method")
    if method["customer"] and method["customer"] != intent["customer"]:
        raise make_invalid(
            f"The PaymentMethod {method['id']} does not belong to the Customer of this PaymentIntent.",
            "payment_method",
            "payment_intent_invalid_parameter",
        )


def _check_return(call: StripeCall, intent: Object, attempt: Object) -> None:
    """Server-side confirmation must say where a redirect comes back to, unless redirects are off."""
    automatic = intent["automatic_payment_methods"]
    needs = automatic and automatic["allow_redirects"] == "always" and not attempt["off_session"]
    url = attempt["return_url"] or call.account.return_urls.get(intent["id"])
    if needs and not (call.is_publishable or attempt["use_stripe_sdk"] or url):
        raise make_invalid(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a `return_url`. If "
            "you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to "
            "`true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and "
            "Payment Intents.",
            "return_url",
        )


def _check_confirmable(call: StripeCall, intent: Object, method: Object | None) -> None:
    status = intent["status"]
    shown = redact_for_key(call, intent)
    if status == "succeeded":
        raise make_unexpected_state(
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.",
            shown,
        )
    if status not in _CHANGEABLE:
        raise make_unexpected_state(
            f"This PaymentIntent's status is {status}, but must have a status of one of the following to be "
            f"confirmed: {', '.join(_CHANGEABLE)}.",
            shown,
        )
    if method is None and intent["payment_method"] is None:
        raise make_unexpected_state(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            "payment method or ConfirmationToken.",
            shown,
        )


def _check_changeable(intent: Object, changes: Object, method: Object | None) -> None:
    """Metadata and description may be changed at any time, what the payment rests on only before it is made."""
    if intent["status"] in _CHANGEABLE:
        return
    loose = {"metadata", "description", "receipt_email", "transfer_group", "shipping"}
    fixed = [name for name in changes if name not in loose and changes[name] != intent[name]]
    if method:
        fixed.append("payment_method")
    if fixed:
        raise make_unexpected_state(
            f"This PaymentIntent's {fixed[0]} could not be updated because it has a status of {intent['status']}. You "
            f"may only update the {fixed[0]} of a PaymentIntent with one of the following statuses: "
            f"{', '.join(_CHANGEABLE)}.",
            intent,
        )


def _confirm(call: StripeCall, intent: Object, attempt: Object) -> None:
    if intent["payment_method"] is None:
        _check_confirmable(call, intent, None)
    stripe = call.account
    method = stripe.find_object("payment_method", intent["payment_method"], "payment_method", 400)
    if attempt["return_url"]:
        stripe.return_urls[intent["id"]] = attempt["return_url"]
    redirect = intent["id"] in stripe.return_urls and not attempt["use_stripe_sdk"]
    off_session = attempt["off_session"] or attempt["error_on_requires_action"]
    try:
        confirmation.confirm_payment(stripe, intent, method, off_session=off_session, redirect=redirect)
    except StripeApiError as error:
        if call.is_publishable and "payment_intent" in error.error:
            error.error["payment_intent"] = redact_for_key(call, intent)
        raise


def build_intent(stripe: StripeAccount, facts: Object) -> Object:
    """An intent without a payment method, not yet saved."""
    name = stripe.new_id("pi")
    return {
        "id": name,
        "object": "payment_intent",
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "client_secret": f"{name}_{stripe.new_id('secret', 25)}",
        "created": stripe.timestamp(),
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
        **facts,
    }
