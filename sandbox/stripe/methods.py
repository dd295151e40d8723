"""Payment methods: test names like pm_card_visa, card numbers, and SEPA debits."""

import re

from sandbox.stripe import cards
from sandbox.stripe.cards import Card
from sandbox.stripe.customers import address, living
from sandbox.stripe.errors import Refused, invalid, no_such
from sandbox.stripe.listing import page
from sandbox.stripe.params import Params
from sandbox.stripe.state import Object, Stripe
from sandbox.stripe.wire import Call


def create(call: Call) -> Object:
    parsed = parse(call.params)
    metadata = call.params.metadata()
    call.params.finish()
    return make(call.stripe, *parsed) | {"metadata": metadata}


def retrieve(call: Call) -> Object:
    return chosen(call.stripe, call.id, "payment_method", 404)


def listed(call: Call) -> Object:
    return page(call, "payment_method", "/v1/payment_methods", ("customer", "type"))


def attach(call: Call) -> Object:
    customer = living(call, call.params.need("customer"))
    call.params.finish()
    method = chosen(call.stripe, call.id, "payment_method", 404)
    method["customer"] = customer["id"]
    call.stripe.emit("payment_method.attached", method)
    return method


def detach(call: Call) -> Object:
    method = call.stripe.find("payment_method", call.id, "payment_method")
    call.params.finish()
    if method["customer"] is None:
        raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    previous, method["customer"] = method["customer"], None
    call.stripe.emit("payment_method.detached", method, {"customer": previous})
    return method


def chosen(stripe: Stripe, name: str, param: str, status: int = 400) -> Object:
    """The method of that id, or a new one for a test name. Raises Refused with resource_missing."""
    known = stripe.tables["payment_method"].get(name)
    if known is not None:
        return known
    card = cards.by_name(name)
    if card is None:
        raise no_such("PaymentMethod", name, param, status)
    return make(stripe, card, (8, stripe.world.now().year + 3), None)


def parse(params: Params) -> tuple[Card, tuple[int, int], Object | None]:
    """The `type`, `card[…]`, `billing_details[…]` of a call. Raises Refused."""
    kind = params.need("type")
    params.accept("allow_redisplay", "radar_options")
    billing = params.group("billing_details")
    details = (
        None
        if billing is None
        else {
            "address": address(billing.group("address")) or dict.fromkeys(_ADDRESS),
            "email": billing.text("email"),
            "name": billing.text("name"),
            "phone": billing.text("phone"),
            "tax_id": billing.text("tax_id"),
        }
    )
    if kind == "sepa_debit":
        return _debit(params), (0, 0), details
    if kind != "card":
        raise invalid(f"Invalid type: must be one of card, sepa_debit; not {kind}", params.path("type"))
    return *_card(params), details


_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


def _debit(params: Params) -> Card:
    group = params.group("sepa_debit")
    iban = (group.need("iban") if group else Params({}, params.path("sepa_debit")).need("iban")).replace(" ", "")
    if iban not in cards.IBANS:
        raise invalid("Invalid IBAN: in test mode, use a test account number.", "sepa_debit[iban]", "invalid_iban")
    return cards.IBANS[iban]


def _card(params: Params) -> tuple[Card, tuple[int, int]]:
    group = params.group("card") or Params({}, params.path("card"))
    if token := group.text("token"):
        card = cards.by_name(token.replace("tok_", "pm_card_", 1))
        if card is None:
            raise no_such("token", token, group.path("token"), 400)
        return card, (8, 2034)
    card = cards.by_number(group.need("number"))
    month, year = group.integer("exp_month", 1, 12), group.integer("exp_year", 0, 2100)
    cvc = group.text("cvc")
    group.accept("networks")
    _check(group, card, cvc)
    return card, (month or 0, (year or 0) + (2000 if (year or 0) < 100 else 0))


def _check(group: Params, card: Card, cvc: str | None) -> None:
    for name in ("exp_month", "exp_year"):
        group.need(name)
    if card.decline is cards.WRONG_NUMBER:
        raise _refused("incorrect_number", "Your card number is incorrect.", group.path("number"))
    if cvc is not None and not re.fullmatch(r"[0-9]{3,4}", cvc):
        raise _refused("invalid_cvc", "Your card's security code is invalid.", group.path("cvc"))


def _refused(code: str, message: str, param: str) -> Refused:
    return Refused(402, "card_error", message, code=code, param=param)


def make(stripe: Stripe, card: Card, expiry: tuple[int, int], billing: Object | None) -> Object:
    """Raises Refused for a card that is over."""
    if card.kind == "card":
        _check_expiry(stripe, expiry)
    method: Object = {
        "id": stripe.new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing
        or {"address": dict.fromkeys(_ADDRESS), "email": None, "name": None, "phone": None, "tax_id": None},
        card.kind: card_facts(card, expiry) if card.kind == "card" else debit_facts(card),
        "created": stripe.now(),
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": card.kind,
    }
    stripe.cards[method["id"]] = card
    return stripe.save(method)


def _check_expiry(stripe: Stripe, expiry: tuple[int, int]) -> None:
    month, year = expiry
    now = stripe.world.now()
    if year < now.year:
        raise _refused("invalid_expiry_year", "Your card's expiration year is invalid.", "exp_year")
    if year == now.year and month < now.month:
        raise _refused("invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month")


def card_facts(card: Card, expiry: tuple[int, int]) -> Object:
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


def debit_facts(card: Card) -> Object:
    return {
        "bank_code": card.number[4:9],
        "branch_code": "",
        "country": card.country,
        "fingerprint": f"sandbox{card.number[-9:]}",
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": card.last4,
    }
