"""Disputes: the customer's bank takes the money back until the matter is decided.

    warning_needs_response --escalated--> needs_response --> under_review --> won | lost --reopened--> under_review
             |
             +--> warning_closed

An inquiry (`warning_*`) moves no money. docs.stripe.com/disputes/how-disputes-work
"""

from sandbox.state import SandboxState
from sandbox.stripe import charges
from sandbox.stripe.errors import StripeApiError, make_invalid
from sandbox.stripe.money import read_currency_code
from sandbox.stripe.pagination import build_page
from sandbox.stripe.state import Object, StripeAccount, get_stripe_account
from sandbox.stripe.wire import StripeCall

DISPUTE_FEE = 1500
_DAYS = 7 * 24 * 3600
_EVIDENCE = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal "
    "customer_communication customer_email_address customer_name customer_purchase_ip customer_signature "
    "duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id enhanced_evidence "
    "product_description receipt refund_policy refund_policy_disclosure refund_refusal_explanation service_date "
    "service_documentation shipping_address shipping_carrier shipping_date shipping_documentation "
    "shipping_tracking_number uncategorized_file uncategorized_text"
).split()


def retrieve_dispute(call: StripeCall) -> Object:
    return call.account.find_object("dispute", call.id, "dispute")


def list_disputes(call: StripeCall) -> Object:
    return build_page(call, "dispute", "/v1/disputes", ("charge", "payment_intent"))


def update_dispute(call: StripeCall) -> Object:
    """`winning_evidence`, `losing_evidence` and `escalate_inquiry_evidence` as the uncategorized text decide it.

    As in Stripe's test mode (docs.stripe.com/testing#evidence).
    """
    dispute = call.account.find_object("dispute", call.id, "dispute")
    group = call.params.read_group("evidence")
    evidence = {name: group.read_text(name) for name in _EVIDENCE if name in group} if group else {}
    metadata = call.params.read_metadata(dispute["metadata"])
    submit = call.params.read_boolean("submit") or "submit" not in call.params
    call.params.reject_unread()
    _check_open(dispute)
    dispute["metadata"] = metadata
    dispute["evidence"] |= evidence
    if evidence:
        dispute["evidence_details"]["has_evidence"] = True
    if evidence and submit:
        dispute["status"] = "warning_under_review" if is_inquiry(dispute) else "under_review"
        dispute["evidence_details"]["submission_count"] += 1
        dispute["evidence_details"]["submission_method"] = "manual"
    call.account.emit_event("charge.dispute.updated", dispute)
    outcome = _DECIDED_BY.get(evidence.get("uncategorized_text") or "")
    if outcome and submit:
        call.account.schedule_action("decide_dispute", dispute["id"], outcome)
    return dispute


def accept_dispute(call: StripeCall) -> Object:
    """The account gives in."""
    dispute = call.account.find_object("dispute", call.id, "dispute")
    call.params.reject_unread()
    _check_open(dispute)
    close_dispute(call.account, dispute, "lost")
    return dispute


def _check_open(dispute: Object) -> None:
    if is_closed(dispute):
        raise make_invalid("This dispute is already closed.", "dispute")


def is_inquiry(dispute: Object) -> bool:
    return bool(dispute["status"].startswith("warning_"))


def is_closed(dispute: Object) -> bool:
    return dispute["status"] in {"won", "lost", "warning_closed"}


def list_charge_disputes(stripe: StripeAccount, charge: Object) -> list[Object]:
    return [dispute for dispute in stripe.tables["dispute"].values() if dispute["charge"] == charge["id"]]


def open_dispute(
    stripe: StripeAccount,
    charge: Object,
    reason: str,
    *,
    inquiry: bool = False,
    amount: int | None = None,
    currency: str | None = None,
) -> Object:
    """`amount` in minor units of `currency`: what the bank disputes, by default all that the charge has kept.

    Raises Refused when the charge took no money, has an open dispute, or has lost one.
    """
    harmless = {"won", "warning_closed"}
    if not charge["captured"] or any(other["status"] not in harmless for other in list_charge_disputes(stripe, charge)):
        raise StripeApiError(400, "invalid_request_error", f"Charge {charge['id']} cannot be disputed.", param="charge")
    dispute = _blank(stripe, charge, reason, inquiry=inquiry)
    if currency is not None:
        dispute["currency"] = read_currency_code(currency)
    dispute["amount"] = dispute["amount"] if amount is None else amount
    stripe.save_object(dispute)
    charge["disputed"] = True
    if not inquiry:
        _withdraw(stripe, dispute)
    stripe.emit_event("charge.dispute.created", dispute)
    if not inquiry:
        stripe.emit_event("charge.dispute.funds_withdrawn", dispute)
    return dispute


def escalate_dispute(stripe: StripeAccount, dispute: Object) -> None:
    """An inquiry becomes a chargeback, under the same id. Raises Refused for what is no open inquiry."""
    if not is_inquiry(dispute) or is_closed(dispute):
        raise make_invalid("Only an open inquiry can be escalated.", "dispute")
    dispute |= {"status": "needs_response", "is_charge_refundable": False}
    dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
    _withdraw(stripe, dispute)
    stripe.emit_event("charge.dispute.updated", dispute)
    stripe.emit_event("charge.dispute.funds_withdrawn", dispute)


def reopen_dispute(stripe: StripeAccount, dispute: Object) -> None:
    """A decided dispute goes into a second round (pre-arbitration). Raises Refused for one that is not decided."""
    if dispute["status"] not in {"won", "lost"}:
        raise make_invalid("Only a decided dispute can be reopened.", "dispute")
    was_won = dispute["status"] == "won"
    dispute["status"] = "under_review"
    if was_won:
        _withdraw(stripe, dispute, fee=0)
    stripe.emit_event("charge.dispute.updated", dispute)
    if was_won:
        stripe.emit_event("charge.dispute.funds_withdrawn", dispute)


def decide_dispute(world: SandboxState, dispute_id: str, outcome: str) -> None:
    """`won`, `lost`, or `escalated` from an inquiry to a chargeback."""
    stripe = get_stripe_account(world)
    dispute = stripe.find_object("dispute", dispute_id)
    if outcome == "escalated":
        escalate_dispute(stripe, dispute)
    else:
        close_dispute(stripe, dispute, outcome)


def close_dispute(stripe: StripeAccount, dispute: Object, outcome: str) -> None:
    """`won` brings the money back, `lost` leaves it with the customer; an inquiry is only closed.

    A closed dispute stays as it is: `reopen_dispute` comes first.
    """
    if is_closed(dispute):
        return
    if is_inquiry(dispute):
        dispute["status"] = "warning_closed"
        stripe.emit_event("charge.dispute.closed", dispute)
        return
    dispute["status"] = outcome
    stripe.emit_event("charge.dispute.closed", dispute)
    if outcome == "won":
        _move(stripe, dispute, -_balance(dispute), 0)
        stripe.emit_event("charge.dispute.funds_reinstated", dispute)


_DECIDED_BY = {"winning_evidence": "won", "losing_evidence": "lost", "escalate_inquiry_evidence": "escalated"}


def _withdraw(stripe: StripeAccount, dispute: Object, fee: int = DISPUTE_FEE) -> None:
    """In the currency in which the charge has settled; a dispute in another currency takes what the charge kept."""
    charge = stripe.find_object("charge", dispute["charge"])
    amount = dispute["amount"] if dispute["currency"] == charge["currency"] else _kept(charge)
    _move(stripe, dispute, -amount, fee)


def _balance(dispute: Object) -> int:
    return sum(line["amount"] for line in dispute["balance_transactions"])


def _move(stripe: StripeAccount, dispute: Object, amount: int, fee: int) -> None:
    charge = stripe.find_object("charge", dispute["charge"])
    source = dispute | {"currency": charge["currency"]}
    dispute["balance_transactions"].append(charges.create_transaction(stripe, source, "adjustment", amount, fee))


def _kept(charge: Object) -> int:
    """What was captured and has not been refunded."""
    return int(charge["amount_captured"] - max(0, charge["amount_refunded"] - _released(charge)))


def _blank(stripe: StripeAccount, charge: Object, reason: str, *, inquiry: bool) -> Object:
    return {
        "id": stripe.new_id("du"),
        "object": "dispute",
        "amount": _kept(charge),
        "balance_transactions": [],
        "charge": charge["id"],
        "created": stripe.timestamp(),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys(_EVIDENCE) | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": stripe.timestamp() + _DAYS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": charge["payment_method_details"].get("card", {}).get("brand", "visa"),
                "case_type": "inquiry" if inquiry else "chargeback",
                "network": charge["payment_method_details"].get("card", {}).get("network", "visa"),
                "network_reason_code": "10.4" if reason == "fraudulent" else "13.1",
            },
            "type": "card",
        },
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }


def _released(charge: Object) -> int:
    """The part of the hold that was never captured."""
    return int(charge["amount"] - charge["amount_captured"])
