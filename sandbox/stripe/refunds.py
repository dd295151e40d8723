"""Refunds, which come through at once, after a while, or not at all."""

from sandbox.state import SandboxState
from sandbox.stripe import charges, disputes
from sandbox.stripe.errors import StripeApiError, make_invalid, make_missing_param
from sandbox.stripe.money import check_step, format_amount
from sandbox.stripe.pagination import build_page
from sandbox.stripe.state import Object, StripeAccount, get_stripe_account
from sandbox.stripe.wire import StripeCall

_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create_refund(call: StripeCall) -> Object:
    params = call.params
    charge = _charge(call)
    if (amount := params.read_integer("amount", 1)) is not None:
        check_step(amount, charge["currency"], "amount")
    reason = params.read_choice("reason", _REASONS)
    metadata = params.read_metadata()
    params.ignore_params("instructions_email", "currency", "origin", "customer")
    params.refuse_params("refund_application_fee", "reverse_transfer")
    params.reject_unread()
    return refund_charge(call.account, charge, amount, reason, metadata)


def retrieve_refund(call: StripeCall) -> Object:
    return call.account.find_object("refund", call.id)


def list_refunds(call: StripeCall) -> Object:
    return build_page(call, "refund", "/v1/refunds", ("charge", "payment_intent"))


def update_refund(call: StripeCall) -> Object:
    refund = call.account.find_object("refund", call.id)
    metadata = call.params.read_metadata(refund["metadata"])
    call.params.reject_unread()
    previous, refund["metadata"] = refund["metadata"], metadata
    _changed(call.account, refund, {"metadata": previous})
    return refund


def cancel_refund(call: StripeCall) -> Object:
    """Only refunds that wait for the customer can be canceled, and cards know none of those."""
    refund = call.account.find_object("refund", call.id)
    call.params.reject_unread()
    raise make_invalid(f"Refund {refund['id']} with status {refund['status']} cannot be canceled.", "id")


def _charge(call: StripeCall) -> Object:
    intent_id, charge_id = call.params.read_text("payment_intent"), call.params.read_text("charge")
    if charge_id is not None:
        return call.account.find_object("charge", charge_id, "charge", 400)
    if intent_id is None:
        raise make_missing_param("payment_intent")
    intent = call.account.find_object("payment_intent", intent_id, "payment_intent", 400)
    return find_captured_charge(call.account, intent)


def find_captured_charge(stripe: StripeAccount, intent: Object) -> Object:
    """The charge that took the intent's money. Raises Refused when there is none."""
    if intent["status"] != "succeeded":
        message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise StripeApiError(400, "invalid_request_error", message, param="payment_intent")
    return stripe.find_object("charge", intent["latest_charge"])


def refund_charge(
    stripe: StripeAccount, charge: Object, amount: int | None, reason: str | None, metadata: dict[str, str]
) -> Object:
    """Raises Refused when there is not that much left to give back."""
    left = charge["amount"] - charge["amount_refunded"]
    amount = _checked(stripe, charge, amount, left)
    behaviour = stripe.cards[charge["payment_method"]].refund_outcome
    refund = _blank(stripe, charge, amount) | {"reason": reason, "metadata": metadata}
    refund["status"] = "pending" if behaviour == "pending" else "succeeded"
    stripe.save_object(refund)
    _count(charge, amount)
    _end_inquiries(stripe, charge)
    refund["balance_transaction"] = charges.create_transaction(stripe, refund, "refund", -amount)["id"]
    stripe.emit_event("refund.created", refund)
    stripe.emit_event("charge.refunded", charge)
    if behaviour == "pending":
        stripe.schedule_action("refund_done", refund["id"])
    elif behaviour == "fails":
        stripe.schedule_action("refund_failed", refund["id"])
    return refund


def release_hold(stripe: StripeAccount, charge: Object, amount: int) -> None:
    """Lets go of what was held and not captured: no money moved, yet Stripe counts it as refunded."""
    stripe.save_object(_blank(stripe, charge, amount) | {"status": "succeeded"})
    _count(charge, amount)


def _forbids(dispute: Object) -> bool:
    """A chargeback that is open or lost: the bank has the money already. An inquiry may be refunded."""
    return dispute["status"] in {"needs_response", "under_review", "lost"}


def _end_inquiries(stripe: StripeAccount, charge: Object) -> None:
    """Once everything is refunded an inquiry comes to nothing."""
    for dispute in disputes.list_charge_disputes(stripe, charge):
        if charge["refunded"] and disputes.is_inquiry(dispute):
            stripe.schedule_action("decide_dispute", dispute["id"], "won")


def _checked(stripe: StripeAccount, charge: Object, amount: int | None, left: int) -> int:
    if not charge["paid"]:
        raise StripeApiError(400, "invalid_request_error", f"Charge {charge['id']} has not succeeded.", param="charge")
    if not charge["captured"]:
        message = f"Charge {charge['id']} has not been captured. Cancel its PaymentIntent to release the money."
        raise StripeApiError(400, "invalid_request_error", message, code="charge_not_refundable", param="charge")
    if left <= 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise StripeApiError(400, "invalid_request_error", message, code="charge_already_refunded")
    if not charge["refunded"] and any(map(_forbids, disputes.list_charge_disputes(stripe, charge))):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise StripeApiError(400, "invalid_request_error", message, code="charge_disputed")
    if amount is not None and amount > left:
        whole = "charge amount" if left == charge["amount"] else "unrefunded amount on charge"
        asked, most = format_amount(amount, charge["currency"]), format_amount(left, charge["currency"])
        message = f"Refund amount ({asked}) is greater than {whole} ({most})"
        raise StripeApiError(400, "invalid_request_error", message, param="amount")
    return left if amount is None else amount


def _count(charge: Object, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] >= charge["amount"]


def complete_refund(world: SandboxState, refund_id: str) -> None:
    stripe = get_stripe_account(world)
    refund = stripe.find_object("refund", refund_id)
    refund["status"] = "succeeded"
    _changed(stripe, refund, {"status": "pending"})


def fail_refund(world: SandboxState, refund_id: str) -> None:
    """The bank sends the money back: the charge counts as not refunded again."""
    stripe = get_stripe_account(world)
    refund = stripe.find_object("refund", refund_id)
    charge = stripe.find_object("charge", refund["charge"])
    refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
    _count(charge, -refund["amount"])
    back = charges.create_transaction(stripe, refund, "refund_failure", refund["amount"])
    refund["failure_balance_transaction"] = back["id"]
    stripe.emit_event("refund.failed", refund)
    _changed(stripe, refund, {"status": "succeeded"})


def _changed(stripe: StripeAccount, refund: Object, previous: Object) -> None:
    stripe.emit_event("refund.updated", refund, previous)
    stripe.emit_event("charge.refund.updated", refund, previous)


def _blank(stripe: StripeAccount, charge: Object, amount: int) -> Object:
    card = charge["payment_method_details"]["type"] == "card"
    reversal = {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"}
    return {
        "id": stripe.new_id("re" if card else "pyr"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": stripe.timestamp(),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": reversal, "type": "card"}
        if card
        else {"sepa_bank_transfer": {}, "type": "sepa_bank_transfer"},
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
