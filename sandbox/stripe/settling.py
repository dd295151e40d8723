"""What ends an intent: capture, cancellation, or a hold that runs out."""

from sandbox.stripe import confirming
from sandbox.stripe.errors import invalid, unexpected_state
from sandbox.stripe.money import written
from sandbox.stripe.refunds import release
from sandbox.stripe.state import Object, Stripe
from sandbox.stripe.wire import Call

_CANCELABLE = (
    "requires_payment_method",
    "requires_capture",
    "requires_confirmation",
    "requires_action",
    "processing",
)
_REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")


def capture(call: Call) -> Object:
    intent = call.stripe.find("payment_intent", call.id, "intent")
    params = call.params
    amount = params.integer("amount_to_capture", 1)
    params.accept("statement_descriptor", "statement_descriptor_suffix")
    params.refuse("application_fee_amount", "transfer_data")
    metadata = params.metadata(intent["metadata"])
    if "final_capture" in params and not params.boolean("final_capture"):
        raise invalid("This PaymentIntent does not support more than one capture.", "final_capture")
    params.finish()
    if intent["status"] != "requires_capture":
        raise unexpected_state(
            f"This PaymentIntent could not be captured because it has a status of {intent['status']}. Only a "
            "PaymentIntent with one of the following statuses may be captured: requires_capture.",
            intent,
        )
    check_amount(intent, amount)
    intent["metadata"] = metadata
    take(call.stripe, intent, amount)
    return intent


def check_amount(intent: Object, amount: int | None) -> None:
    """Raises Refused for more than is held."""
    most = intent["amount_capturable"]
    if amount is not None and amount > most:
        currency = intent["currency"]
        raise invalid(
            f"The amount_to_capture ({written(amount, currency)}) must be less than or equal to the "
            f"amount_capturable ({written(most, currency)}).",
            "amount_to_capture",
            "amount_too_large",
        )


def take(stripe: Stripe, intent: Object, amount: int | None = None) -> None:
    """Takes the amount, or all; the rest of the hold is released, which Stripe books as a refund of the charge."""
    charge = stripe.find("charge", intent["latest_charge"])
    taken = intent["amount_capturable"] if amount is None else amount
    charge |= {"captured": True, "amount_captured": taken}
    rest = charge["amount"] - taken
    if rest:
        release(stripe, charge, rest)
    confirming.succeed(stripe, intent, charge, "charge.captured")
    if rest:
        stripe.emit("charge.refunded", charge)


def cancel(call: Call) -> Object:
    intent = call.stripe.find("payment_intent", call.id, "intent")
    reason = call.params.choice("cancellation_reason", _REASONS)
    call.params.finish()
    check_cancelable(intent)
    sessions = call.stripe.tables["checkout.session"].values()
    if any(one["payment_intent"] == intent["id"] and one["status"] == "open" for one in sessions):
        raise invalid(
            "You cannot cancel the PaymentIntent for a Checkout Session. Expire the Checkout Session instead.", "intent"
        )
    end(call.stripe, intent, reason)
    return intent


def check_cancelable(intent: Object) -> None:
    """Raises Refused for an intent that has ended."""
    if intent["status"] not in _CANCELABLE:
        raise unexpected_state(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
            f"with one of the following statuses may be canceled: {', '.join(_CANCELABLE)}.",
            intent,
        )


def end(stripe: Stripe, intent: Object, reason: str | None) -> None:
    """Cancels, and lets go of what was held. `automatic` is Stripe's own reason, for a hold that ran out."""
    before = intent["status"]
    intent |= {
        "status": "canceled",
        "canceled_at": stripe.now(),
        "cancellation_reason": reason,
        "amount_capturable": 0,
        "next_action": None,
        "processing": None,
    }
    if before == "requires_capture":
        charge = stripe.find("charge", intent["latest_charge"])
        release(stripe, charge, charge["amount"])
        stripe.emit("charge.expired" if reason == "automatic" else "charge.refunded", charge)
    elif before == "processing":
        charge = stripe.find("charge", intent["latest_charge"])
        charge |= {"status": "failed", "captured": False}
        stripe.emit("charge.failed", charge)
    stripe.emit("payment_intent.canceled", intent)
