"""What ends an intent: capture, cancellation, or a hold that runs out."""

from sandbox.stripe import confirmation
from sandbox.stripe.errors import make_invalid, make_unexpected_state
from sandbox.stripe.money import format_amount
from sandbox.stripe.refunds import release_hold
from sandbox.stripe.state import Object, StripeAccount
from sandbox.stripe.wire import StripeCall

_CANCELABLE = (
    "requires_payment_method",
    "requires_capture",
    "requires_confirmation",
    "requires_action",
    "processing",
)
_REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")


def capture_intent(call: StripeCall) -> Object:
    intent = call.account.find_object("payment_intent", call.id, "intent")
    params = call.params
    amount = params.read_integer("amount_to_capture", 1)
    params.ignore_params("statement_descriptor", "statement_descriptor_suffix")
    params.refuse_params("application_fee_amount", "transfer_data")
    metadata = params.read_metadata(intent["metadata"])
    if "final_capture" in params and not params.read_boolean("final_capture"):
        raise make_invalid("This PaymentIntent does not support more than one capture.", "final_capture")
    params.reject_unread()
    if intent["status"] != "requires_capture":
        raise make_unexpected_state(
            f"This PaymentIntent could not be captured because it has a status of {intent['status']}. Only a "
            "PaymentIntent with one of the following statuses may be captured: requires_capture.",
            intent,
        )
    check_capture_amount(intent, amount)
    intent["metadata"] = metadata
    capture_amount(call.account, intent, amount)
    return intent


def check_capture_amount(intent: Object, amount: int | None) -> None:
    """Raises Refused for more than is held."""
    most = intent["amount_capturable"]
    if amount is not None and amount > most:
        currency = intent["currency"]
        raise make_invalid(
            f"The amount_to_capture ({format_amount(amount, currency)}) must be less than or equal to the "
            f"amount_capturable ({format_amount(most, currency)}).",
            "amount_to_capture",
            "amount_too_large",
        )


def capture_amount(stripe: StripeAccount, intent: Object, amount: int | None = None) -> None:
    """Takes the amount, or all; the rest of the hold is released, which Stripe books as a refund of the charge."""
    charge = stripe.find_object("charge", intent["latest_charge"])
    taken = intent["amount_capturable"] if amount is None else amount
    charge |= {"captured": True, "amount_captured": taken}
    rest = charge["amount"] - taken
    if rest:
        release_hold(stripe, charge, rest)
    confirmation.complete_payment(stripe, intent, charge, "charge.captured")
    if rest:
        stripe.emit_event("charge.refunded", charge)


def cancel_intent(call: StripeCall) -> Object:
    intent = call.account.find_object("payment_intent", call.id, "intent")
    reason = call.params.read_choice("cancellation_reason", _REASONS)
    call.params.reject_unread()
    check_cancelable(intent)
    sessions = call.account.tables["checkout.session"].values()
    if any(one["payment_intent"] == intent["id"] and one["status"] == "open" for one in sessions):
        raise make_invalid(
            "You cannot cancel the PaymentIntent for a Checkout Session. Expire the Checkout Session instead.", "intent"
        )
    end_intent(call.account, intent, reason)
    return intent


def check_cancelable(intent: Object) -> None:
    """Raises Refused for an intent that has ended."""
    if intent["status"] not in _CANCELABLE:
        raise make_unexpected_state(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
            f"with one of the following statuses may be canceled: {', '.join(_CANCELABLE)}.",
            intent,
        )


def end_intent(stripe: StripeAccount, intent: Object, reason: str | None) -> None:
    """Cancels, and lets go of what was held. `automatic` is Stripe's own reason, for a hold that ran out."""
    before = intent["status"]
    intent |= {
        "status": "canceled",
        "canceled_at": stripe.timestamp(),
        "cancellation_reason": reason,
        "amount_capturable": 0,
        "next_action": None,
        "processing": None,
    }
    if before == "requires_capture":
        charge = stripe.find_object("charge", intent["latest_charge"])
        release_hold(stripe, charge, charge["amount"])
        stripe.emit_event("charge.expired" if reason == "automatic" else "charge.refunded", charge)
    elif before == "processing":
        charge = stripe.find_object("charge", intent["latest_charge"])
        charge |= {"status": "failed", "captured": False}
        stripe.emit_event("charge.failed", charge)
    stripe.emit_event("payment_intent.canceled", intent)
