"""Charges and the balance: what an attempt to pay leaves behind."""

from sandbox.stripe.cards import Decline, TestCard
from sandbox.stripe.pagination import build_page
from sandbox.stripe.state import Object, StripeAccount
from sandbox.stripe.wire import StripeCall

_WEEK = 7 * 24 * 3600


def retrieve_charge(call: StripeCall) -> Object:
    return call.account.find_object("charge", call.id)


def list_charges(call: StripeCall) -> Object:
    return build_page(call, "charge", "/v1/charges", ("customer", "payment_intent"))


def update_charge(call: StripeCall) -> Object:
    charge = call.account.find_object("charge", call.id)
    changes: Object = {"metadata": call.params.read_metadata(charge["metadata"])}
    changes |= {name: call.params.read_text(name) for name in ("description", "receipt_email") if name in call.params}
    call.params.reject_unread()
    charge.update(changes)
    call.account.emit_event("charge.updated", charge)
    return charge


def retrieve_transaction(call: StripeCall) -> Object:
    return call.account.find_object("balance_transaction", call.id)


def list_transactions(call: StripeCall) -> Object:
    return build_page(call, "balance_transaction", "/v1/balance_transactions", ("source", "type", "currency"))


def create_charge(
    stripe: StripeAccount, intent: Object, method: Object, decline: Decline | None, *, captured: bool
) -> Object:
    """A charge for the intent's amount, saved; `decline` makes it a failed one. No event yet."""
    card = stripe.cards[method["id"]]
    failed = decline is not None
    charge = _blank(stripe, intent, method) | {
        "amount_captured": 0 if failed or not captured else intent["amount"],
        "captured": captured and not failed,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "outcome": _outcome(card, decline),
        "paid": not failed,
        "payment_method_details": _details(stripe, intent, method, card, captured=captured),
        "status": "failed" if failed else "succeeded",
    }
    return stripe.save_object(charge)


def _blank(stripe: StripeAccount, intent: Object, method: Object) -> Object:
    name = stripe.new_id("ch" if method["type"] == "card" else "py")
    return {
        "id": name,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "SANDBOX" if method["type"] == "card" else None,
        "captured": False,
        "created": stripe.timestamp(),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": f"{stripe.world.config.public_base}/stripe/receipts/{name}",
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }


def _outcome(card: TestCard, decline: Decline | None) -> Object:
    blocked = card.name == "pm_card_radarBlock"
    return {
        "advice_code": ("do_not_try_again" if blocked else "try_again_later") if decline else None,
        "network_advice_code": None,
        "network_decline_code": "01" if decline and not blocked else None,
        "network_status": ("not_sent_to_network" if blocked else "declined_by_network")
        if decline
        else "approved_by_network",
        "reason": ("highest_risk_level" if blocked else decline.decline_code or decline.code) if decline else None,
        "risk_level": card.risk_level,
        "seller_message": "The bank did not return any further details with this decline."
        if decline
        else "Payment complete.",
        "type": ("blocked" if blocked else "issuer_declined") if decline else "authorized",
    }


def _details(stripe: StripeAccount, intent: Object, method: Object, card: TestCard, *, captured: bool) -> Object:
    if card.kind == "sepa_debit":
        facts = {name: method["sepa_debit"][name] for name in ("bank_code", "branch_code", "country", "last4")}
        mandate = {"fingerprint": method["sepa_debit"]["fingerprint"], "mandate": None, "expected_debit_date": None}
        return {"sepa_debit": facts | mandate, "type": "sepa_debit"}
    shown = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
    return {
        "card": {
            **{name: method["card"][name] for name in shown},
            "amount_authorized": intent["amount"],
            "authorization_code": f"{sum(map(ord, intent['id'])) % 1_000_000:06}",
            **({} if captured else {"capture_before": stripe.timestamp() + _WEEK}),
            "extended_authorization": {"status": "disabled"},
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": card.brand,
            "network_token": {"used": False},
            "network_transaction_id": f"{sum(map(ord, intent['id'])):015}",
            "overcapture": {"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
            "regulated_status": "unregulated",
            "three_d_secure": _secured() if (intent["id"], method["id"]) in stripe.authenticated_intents else None,
            "transaction_link_id": None,
        },
        "type": "card",
    }


def _secured() -> Object:
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": None,
        "version": "2.2.0",
    }


def book_charge(stripe: StripeAccount, charge: Object) -> None:
    """The money reaches the balance, less 2.9 % and 30."""
    fee = round(charge["amount_captured"] * 0.029) + 30
    charge["balance_transaction"] = create_transaction(stripe, charge, "charge", charge["amount_captured"], fee)["id"]


def create_transaction(stripe: StripeAccount, source: Object, kind: str, amount: int, fee: int = 0) -> Object:
    """A balance transaction; `amount` and `fee` in the minor unit of the source's currency, signed."""
    detail: Object = {"amount": fee, "application": None, "currency": source["currency"], "type": "stripe_fee"}
    return stripe.save_object(
        {
            "id": stripe.new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": stripe.timestamp() + _WEEK,
            "balance_type": "payments",
            "created": stripe.timestamp(),
            "currency": source["currency"],
            "description": source.get("description"),
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [detail | {"description": "Stripe processing fees"}] if fee else [],
            "net": amount - fee,
            "reporting_category": {"adjustment": "dispute"}.get(kind, kind),
            "source": source["id"],
            "status": "pending",
            "type": kind,
        }
    )
