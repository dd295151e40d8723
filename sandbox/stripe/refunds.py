"""Refunds, which come through at once, after a while, or not at all."""

from sandbox.stripe import charges, disputes
from sandbox.stripe.errors import Refused, invalid, missing_param
from sandbox.stripe.listing import page
from sandbox.stripe.money import check_step, written
from sandbox.stripe.state import Object, Stripe, stripe_of
from sandbox.stripe.wire import Call
from sandbox.world import World

_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(call: Call) -> Object:
    params = call.params
    charge = _charge(call)
    if (amount := params.integer("amount", 1)) is not None:
        check_step(amount, charge["currency"], "amount")
    reason = params.choice("reason", _REASONS)
    metadata = params.metadata()
    params.accept("instructions_email", "currency", "origin", "customer")
    params.refuse("refund_application_fee", "reverse_transfer")
    params.finish()
    return make(call.stripe, charge, amount, reason, metadata)


def retrieve(call: Call) -> Object:
    return call.stripe.find("refund", call.id)


def listed(call: Call) -> Object:
    return page(call, "refund", "/v1/refunds", ("charge", "payment_intent"))


def update(call: Call) -> Object:
    refund = call.stripe.find("refund", call.id)
    metadata = call.params.metadata(refund["metadata"])
    call.params.finish()
    previous, refund["metadata"] = refund["metadata"], metadata
    _changed(call.stripe, refund, {"metadata": previous})
    return refund


def cancel(call: Call) -> Object:
    """Only refunds that wait for the customer can be canceled, and cards know none of those."""
    refund = call.stripe.find("refund", call.id)
    call.params.finish()
    raise invalid(f"Refund {refund['id']} with status {refund['status']} cannot be canceled.", "id")


def _charge(call: Call) -> Object:
    intent_id, charge_id = call.params.text("payment_intent"), call.params.text("charge")
    if charge_id is not None:
        return call.stripe.find("charge", charge_id, "charge", 400)
    if intent_id is None:
        raise missing_param("payment_intent")
    intent = call.stripe.find("payment_intent", intent_id, "payment_intent", 400)
    return charge_of(call.stripe, intent)


def charge_of(stripe: Stripe, intent: Object) -> Object:
    """The charge that took the intent's money. Raises Refused when there is none."""
    if intent["status"] != "succeeded":
        message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise Refused(400, "invalid_request_error", message, param="payment_intent")
    return stripe.find("charge", intent["latest_charge"])


def make(stripe: Stripe, charge: Object, amount: int | None, reason: str | None, metadata: dict[str, str]) -> Object:
    """Raises Refused when there is not that much left to give back."""
    left = charge["amount"] - charge["amount_refunded"]
    amount = _checked(stripe, charge, amount, left)
    behaviour = stripe.cards[charge["payment_method"]].refund
    refund = _blank(stripe, charge, amount) | {"reason": reason, "metadata": metadata}
    refund["status"] = "pending" if behaviour == "pending" else "succeeded"
    stripe.save(refund)
    _count(charge, amount)
    _end_inquiries(stripe, charge)
    refund["balance_transaction"] = charges.entry(stripe, refund, "refund", -amount)["id"]
    stripe.emit("refund.created", refund)
    stripe.emit("charge.refunded", charge)
    if behaviour == "pending":
        stripe.later("refund_done", refund["id"])
    elif behaviour == "fails":
        stripe.later("refund_failed", refund["id"])
    return refund


def release(stripe: Stripe, charge: Object, amount: int) -> None:
    """Lets go of what was held and not captured: no money moved, yet Stripe counts it as refunded."""
    stripe.save(_blank(stripe, charge, amount) | {"status": "succeeded"})
    _count(charge, amount)


def _forbids(dispute: Object) -> bool:
    """A chargeback that is open or lost: the bank has the money already. An inquiry may be refunded."""
    return dispute["status"] in {"needs_response", "under_review", "lost"}


def _end_inquiries(stripe: Stripe, charge: Object) -> None:
    """Once everything is refunded an inquiry comes to nothing."""
    for dispute in disputes.of_charge(stripe, charge):
        if charge["refunded"] and disputes.is_inquiry(dispute):
            stripe.later("decide_dispute", dispute["id"], "won")


def _checked(stripe: Stripe, charge: Object, amount: int | None, left: int) -> int:
    if not charge["paid"]:
        raise Refused(400, "invalid_request_error", f"Charge {charge['id']} has not succeeded.", param="charge")
    if not charge["captured"]:
        message = f"Charge {charge['id']} has not been captured. Cancel its PaymentIntent to release the money."
        raise Refused(400, "invalid_request_error", message, code="charge_not_refundable", param="charge")
    if left <= 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise Refused(400, "invalid_request_error", message, code="charge_already_refunded")
    if not charge["refunded"] and any(map(_forbids, disputes.of_charge(stripe, charge))):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise Refused(400, "invalid_request_error", message, code="charge_disputed")
    if amount is not None and amount > left:
        whole = "charge amount" if left == charge["amount"] else "unrefunded amount on charge"
        asked, most = written(amount, charge["currency"]), written(left, charge["currency"])
        message = f"Refund amount ({asked}) is greater than {whole} ({most})"
        raise Refused(400, "invalid_request_error", message, param="amount")
    return left if amount is None else amount


def _count(charge: Object, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] >= charge["amount"]


def come_through(world: World, refund_id: str) -> None:
    stripe = stripe_of(world)
    refund = stripe.find("refund", refund_id)
    refund["status"] = "succeeded"
    _changed(stripe, refund, {"status": "pending"})


def fail(world: World, refund_id: str) -> None:
    """The bank sends the money back: the charge counts as not refunded again."""
    stripe = stripe_of(world)
    refund = stripe.find("refund", refund_id)
    charge = stripe.find("charge", refund["charge"])
    refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
    _count(charge, -refund["amount"])
    back = charges.entry(stripe, refund, "refund_failure", refund["amount"])
    refund["failure_balance_transaction"] = back["id"]
    stripe.emit("refund.failed", refund)
    _changed(stripe, refund, {"status": "succeeded"})


def _changed(stripe: Stripe, refund: Object, previous: Object) -> None:
    stripe.emit("refund.updated", refund, previous)
    stripe.emit("charge.refund.updated", refund, previous)


def _blank(stripe: Stripe, charge: Object, amount: int) -> Object:
    card = charge["payment_method_details"]["type"] == "card"
    reversal = {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"}
    return {
        "id": stripe.new_id("re" if card else "pyr"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": stripe.now(),
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
