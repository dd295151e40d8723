"""Payment methods: test names like pm_card_visa, card numbers, and SEPA debits."""

import re

from sandbox.stripe import cards
from sandbox.stripe.cards import TestCard
from sandbox.stripe.customers import find_live_customer, read_address
from sandbox.stripe.errors import StripeApiError, make_invalid, make_no_such
from sandbox.stripe.pagination import build_page
from sandbox.stripe.params import RequestParams
from sandbox.stripe.state import Object, StripeAccount
from sandbox.stripe.wire import StripeCall


def create_method(call: StripeCall) -> Object:
    parsed = read_method(call.params)
    metadata = call.params.read_metadata()
    call.params.reject_unread()
    return save_method(call.account, *parsed) | {"metadata": metadata}


def retrieve_method(call: StripeCall) -> Object:
    return find_method(call.account, call.id, "payment_method", 404)


def list_methods(call: StripeCall) -> Object:
    return build_page(call, "payment_method", "/v1/payment_methods", ("customer", "type"))


def attach_method(call: StripeCall) -> Object:
    customer = find_live_customer(call, call.params.require_text("customer"))
    call.params.reject_unread()
    method = find_method(call.account, call.id, "payment_method", 404)
    method["customer"] = customer["id"]
    call.account.emit_event("payment_method.attached", method)
    return method


def detach_method(call: StripeCall) -> Object:
    method = call.account.find_object("payment_method", call.id, "payment_method")
    call.params.reject_unread()
    if method["customer"] is None:
        raise make_invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    previous, method["customer"] = method["customer"], None
    call.account.emit_event("payment_method.detached", method, {"customer": previous})
    return method


def find_method(stripe: StripeAccount, name: str, param: str, status: int = 400) -> Object:
    """The method of that id, or a new one for a test name. Raises Refused with resource_missing."""
    known = stripe.tables["payment_method"].get(name)
    if known is not None:
        return known
    card = cards.find_by_name(name)
    if card is None:
        raise make_no_such("PaymentMethod", name, param, status)
    return save_method(stripe, card, (8, stripe.world.now().year + 3), None)


def read_method(params: RequestParams) -> tuple[TestCard, tuple[int, int], Object | None]:
    """The `type`, `card[…]`, `billing_details[…]` of a call. Raises Refused."""
    kind = params.require_text("type")
    params.ignore_params("allow_redisplay", "radar_options")
    billing = params.read_group("billing_details")
    details = (
        None
        if billing is None
        else {
            "address": read_address(billing.read_group("address")) or dict.fromkeys(_ADDRESS),
            "email": billing.read_text("email"),
            "name": billing.read_text("name"),
            "phone": billing.read_text("phone"),
            "tax_id": billing.read_text("tax_id"),
        }
    )
    if kind == "sepa_debit":
        return _debit(params), (0, 0), details
    if kind != "card":
        raise make_invalid(f"Invalid type: must be one of card, sepa_debit; not {kind}", params.param_path("type"))
    return *_card(params), details


_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


def _debit(params: RequestParams) -> TestCard:
    group = params.read_group("sepa_debit")
    iban = (
        group.require_text("iban") if group else RequestParams({}, params.param_path("sepa_debit")).require_text("iban")
    ).replace(" ", "")
    if iban not in cards.IBANS:
        raise make_invalid("Invalid IBAN: in test mode, use a test account number.", "sepa_debit[iban]", "invalid_iban")
    return cards.IBANS[iban]


def _card(params: RequestParams) -> tuple[TestCard, tuple[int, int]]:
    group = params.read_group("card") or RequestParams({}, params.param_path("card"))
    if token := group.read_text("token"):
        card = cards.find_by_name(token.replace("tok_", "pm_card_", 1))
        if card is None:
            raise make_no_such("token", token, group.param_path("token"), 400)
        return card, (8, 2034)
    card = cards.find_by_number(group.require_text("number"))
    month, year = group.read_integer("exp_month", 1, 12), group.read_integer("exp_year", 0, 2100)
    cvc = group.read_text("cvc")
    group.ignore_params("networks")
    _check(group, card, cvc)
    return card, (month or 0, (year or 0) + (2000 if (year or 0) < 100 else 0))


def _check(group: RequestParams, card: TestCard, cvc: str | None) -> None:
    for name in ("exp_month", "exp_year"):
        group.require_text(name)
    if card.decline is cards.WRONG_NUMBER:
        raise _refused("incorrect_number", "Your card number is incorrect.", group.param_path("number"))
    if cvc is not None and not re.fullmatch(r"[0-9]{3,4}", cvc):
        raise _refused("invalid_cvc", "Your card's security code is invalid.", group.param_path("cvc"))


def _refused(code: str, message: str, param: str) -> StripeApiError:
    return StripeApiError(402, "card_error", message, code=code, param=param)


def save_method(stripe: StripeAccount, card: TestCard, expiry: tuple[int, int], billing: Object | None) -> Object:
    """Raises Refused for a card that is over."""
    if card.kind == "card":
        _check_expiry(stripe, expiry)
    method: Object = {
        "id": stripe.new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing
        or {"address": dict.fromkeys(_ADDRESS), "email": None, "name": None, "phone": None, "tax_id": None},
        card.kind: build_card(card, expiry) if card.kind == "card" else build_debit(card),
        "created": stripe.timestamp(),
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": card.kind,
    }
    stripe.cards[method["id"]] = card
    return stripe.save_object(method)


def _check_expiry(stripe: StripeAccount, expiry: tuple[int, int]) -> None:
    month, year = expiry
    now = stripe.world.now()
    if year < now.year:
        raise _refused("invalid_expiry_year", "Your card's expiration year is invalid.", "exp_year")
    if year == now.year and month < now.month:
        raise _refused("invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month")


def build_card(card: TestCard, expiry: tuple[int, int]) -> Object:
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": expiry[0],
        "exp_year": expiry[1],
        "fingerprint": f"sandbox{card.number[-9:]}",
        "funding": card.funding,
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def build_debit(card: TestCard) -> Object:
    return {
        "bank_code": card.number[4:9],
        "branch_code": "",
        "country": card.country,
        "fingerprint": f"sandbox{card.number[-9:]}",
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": card.last4,
    }
