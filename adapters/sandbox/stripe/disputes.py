"""Disputes: the customer's bank takes the money back until the matter is decided."""

from adapters.sandbox.stripe import charges
from adapters.sandbox.stripe.errors import Refused, invalid
from adapters.sandbox.stripe.listing import page
from adapters.sandbox.stripe.state import Object, Stripe
from adapters.sandbox.stripe.wire import Call

FEE = 1500
_DAYS = 7 * 24 * 3600
_EVIDENCE = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal "
    "customer_communication customer_email_address customer_name customer_purchase_ip customer_signature "
    "duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id enhanced_evidence "
    "product_description receipt refund_policy refund_policy_disclosure refund_refusal_explanation service_date "
    "service_documentation shipping_address shipping_carrier shipping_date shipping_documentation "
    "shipping_tracking_number uncategorized_file uncategorized_text"
).split()


def retrieve(call: Call) -> Object:
    return call.stripe.find("dispute", call.id, "dispute")


def listed(call: Call) -> Object:
    return page(call, "dispute", "/v1/disputes", ("charge", "payment_intent"))


def update(call: Call) -> Object:
    """`winning_evidence` and `losing_evidence` as the uncategorised text decide it, as in Stripe's test mode."""
    dispute = call.stripe.find("dispute", call.id, "dispute")
    group = call.params.group("evidence")
    evidence = {name: group.text(name) for name in _EVIDENCE if name in group} if group else {}
    metadata = call.params.metadata(dispute["metadata"])
    submit = call.params.boolean("submit") or "submit" not in call.params
    call.params.finish()
    _check_open(dispute)
    dispute["metadata"] = metadata
    dispute["evidence"] |= evidence
    if evidence:
        dispute["evidence_details"]["has_evidence"] = True
    if evidence and submit:
        dispute["status"] = "under_review"
        dispute["evidence_details"]["submission_count"] += 1
        dispute["evidence_details"]["submission_method"] = "manual"
    call.stripe.emit("charge.dispute.updated", dispute)
    outcome = {"winning_evidence": "won", "losing_evidence": "lost"}.get(evidence.get("uncategorized_text") or "")
    if outcome and submit:
        call.stripe.later(lambda: close(call.stripe, dispute, outcome))
    return dispute


def accept(call: Call) -> Object:
    """The account gives in."""
    dispute = call.stripe.find("dispute", call.id, "dispute")
    call.params.finish()
    _check_open(dispute)
    close(call.stripe, dispute, "lost")
    return dispute


def _check_open(dispute: Object) -> None:
    if dispute["status"] in {"won", "lost"}:
        raise invalid("This dispute is already closed.", "dispute")


def open_for(stripe: Stripe, charge: Object, reason: str) -> Object:
    """Raises Refused when the charge has one already, or took no money."""
    if charge["disputed"] or not charge["captured"]:
        raise Refused(400, "invalid_request_error", f"Charge {charge['id']} cannot be disputed.", param="charge")
    dispute = stripe.save(_blank(stripe, charge, reason))
    charge["disputed"] = True
    _move(stripe, dispute, -dispute["amount"], FEE)
    stripe.emit("charge.dispute.created", dispute)
    stripe.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close(stripe: Stripe, dispute: Object, outcome: str) -> None:
    """`won` brings the money back, `lost` leaves it with the customer. A closed one stays as it is."""
    if dispute["status"] in {"won", "lost"}:
        return
    dispute["status"] = outcome
    stripe.emit("charge.dispute.closed", dispute)
    if outcome == "won":
        _move(stripe, dispute, dispute["amount"], 0)
        stripe.emit("charge.dispute.funds_reinstated", dispute)


def _move(stripe: Stripe, dispute: Object, amount: int, fee: int) -> None:
    dispute["balance_transactions"].append(charges.entry(stripe, dispute, "adjustment", amount, fee))


def _blank(stripe: Stripe, charge: Object, reason: str) -> Object:
    return {
        "id": stripe.new_id("du"),
        "object": "dispute",
        "amount": charge["amount_captured"] - max(0, charge["amount_refunded"] - _released(charge)),
        "balance_transactions": [],
        "charge": charge["id"],
        "created": stripe.now(),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys(_EVIDENCE) | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": stripe.now() + _DAYS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": charge["payment_method_details"].get("card", {}).get("brand", "visa"),
                "case_type": "chargeback",
                "network": charge["payment_method_details"].get("card", {}).get("network", "visa"),
                "network_reason_code": "10.4" if reason == "fraudulent" else "13.1",
            },
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response",
    }


def _released(charge: Object) -> int:
    """The part of the hold that was never captured."""
    return int(charge["amount"] - charge["amount_captured"])
