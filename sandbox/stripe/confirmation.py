"""How an intent is paid: the card is tried, the customer is asked, the bank takes its time."""

from dataclasses import asdict

from sandbox.state import SandboxState
from sandbox.stripe import charges, disputes
from sandbox.stripe.cards import Decline, TestCard
from sandbox.stripe.errors import StripeApiError
from sandbox.stripe.state import Object, StripeAccount, get_stripe_account

_UNAUTHENTICATED = Decline(
    "payment_intent_authentication_failure",
    "",
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)
_ASK = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)


def confirm_payment(
    stripe: StripeAccount, intent: Object, method: Object, *, off_session: bool, redirect: bool
) -> None:
    """Confirms with this method. Raises Refused with 402 when the card declines, the intent being as StripeAccount
    leaves it.

    `redirect` sends the customer to the 3-D Secure page by URL; without it Stripe.js would show it.
    """
    intent |= {"payment_method": method["id"], "last_payment_error": None, "next_action": None}
    card = stripe.cards[method["id"]]
    if method["type"] == "sepa_debit":
        _debit(stripe, intent, method)
    elif not _must_ask(stripe, intent, card, method, off_session=off_session):
        charge_method(stripe, intent, method)
    elif off_session:
        _fail(stripe, intent, method, _ASK)
    else:
        _ask(stripe, intent, redirect=redirect)


def _must_ask(stripe: StripeAccount, intent: Object, card: TestCard, method: Object, *, off_session: bool) -> bool:
    if card.challenge == "never" or (intent["id"], method["id"]) in stripe.authenticated_intents:
        return False
    return not (card.challenge == "until_set_up" and off_session and method["customer"])


def _ask(stripe: StripeAccount, intent: Object, *, redirect: bool) -> None:
    url = f"{stripe.world.config.public_base}/stripe/3ds/{intent['id']}?client_secret={intent['client_secret']}"
    intent["status"] = "requires_action"
    if redirect:
        go = {"return_url": stripe.return_urls[intent["id"]], "url": url}
        intent["next_action"] = {"redirect_to_url": go, "type": "redirect_to_url"}
    else:
        script = {"type": "three_d_secure_redirect", "stripe_js": url, "source": stripe.new_id("src")}
        intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": script}
    stripe.emit_event("payment_intent.requires_action", intent)


def answer_challenge(stripe: StripeAccount, intent: Object, *, passed: bool) -> None:
    """The customer has answered the bank's question. Nothing happens when nobody asked (any longer)."""
    if intent["status"] != "requires_action":
        return
    method = stripe.find_object("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if not passed:
        _refuse(stripe, intent, method, _UNAUTHENTICATED, None)
        return
    stripe.authenticated_intents.add((intent["id"], method["id"]))
    if intent["confirmation_method"] == "manual":
        intent["status"] = "requires_confirmation"
        return
    try:
        charge_method(stripe, intent, method)
    except StripeApiError:
        return  # the intent tells; there is no API call that this could be the answer of


def is_held_first(intent: Object, method: Object) -> bool:
    """Whether the money of this method is held first, for the account to take."""
    if intent["capture_method"] == "manual":
        return True
    card = intent["payment_method_options"].get("card") or {}
    return method["type"] == "card" and card.get("capture_method") == "manual"


def charge_method(stripe: StripeAccount, intent: Object, method: Object) -> None:
    """Raises Refused with 402 when the card declines."""
    card = stripe.cards[method["id"]]
    if card.decline is not None:
        _fail(stripe, intent, method, card.decline)
    manual = is_held_first(intent, method)
    made = charges.create_charge(stripe, intent, method, None, captured=not manual)
    intent["latest_charge"] = made["id"]
    _keep_method(stripe, intent, method)
    if manual:
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        stripe.emit_event("charge.succeeded", made)
        stripe.emit_event("payment_intent.amount_capturable_updated", intent)
        return
    complete_payment(stripe, intent, made, "charge.succeeded")


def complete_payment(stripe: StripeAccount, intent: Object, made: Object, kind: str) -> None:
    """The money is taken. With automatic_async the balance follows in a moment, as charge.updated."""
    intent |= {"status": "succeeded", "amount_received": made["amount_captured"], "amount_capturable": 0}
    intent |= {"processing": None, "next_action": None}
    late = intent["capture_method"] == "automatic_async"
    if not late:
        charges.book_charge(stripe, made)
    stripe.emit_event(kind, made)
    stripe.emit_event("payment_intent.succeeded", intent)
    if late:
        stripe.schedule_action("book_late", made["id"])
    if stripe.cards[made["payment_method"]].dispute_reason is not None:
        stripe.schedule_action("dispute_late", made["id"])


def book_charge_later(world: SandboxState, charge_id: str) -> None:
    stripe = get_stripe_account(world)
    made = stripe.find_object("charge", charge_id)
    charges.book_charge(stripe, made)
    stripe.emit_event("charge.updated", made, {"balance_transaction": None})


def open_dispute_later(world: SandboxState, charge_id: str) -> None:
    stripe = get_stripe_account(world)
    made = stripe.find_object("charge", charge_id)
    card = stripe.cards[made["payment_method"]]
    if not made["disputed"]:
        disputes.open_dispute(stripe, made, card.dispute_reason or "fraudulent", inquiry=card.opens_inquiry)


def _keep_method(stripe: StripeAccount, intent: Object, method: Object) -> None:
    if intent["setup_future_usage"] and intent["customer"] and method["customer"] is None:
        method["customer"] = intent["customer"]
        stripe.emit_event("payment_method.attached", method)


def _fail(stripe: StripeAccount, intent: Object, method: Object, decline: Decline) -> None:
    """Always raises Refused with 402."""
    made = charges.create_charge(stripe, intent, method, decline, captured=False)
    intent["latest_charge"] = made["id"]
    stripe.emit_event("charge.failed", made)
    error = _refuse(stripe, intent, method, decline, made)
    raise StripeApiError(402, "card_error", decline.message, code=decline.code, **_rest(error), payment_intent=intent)


def _rest(error: Object) -> Object:
    return {name: value for name, value in error.items() if name not in {"type", "message", "code", "doc_url"}}


def _refuse(stripe: StripeAccount, intent: Object, method: Object, decline: Decline, made: Object | None) -> Object:
    """Back to requires_payment_method; returns the last_payment_error."""
    facts = {name: value for name, value in asdict(decline).items() if value}
    if facts.get("decline_code") == decline.code and decline is not _ASK:
        facts.pop("decline_code", None)
    error: Object = {
        **({"advice_code": "try_again_later", "charge": made["id"]} if made else {}),
        **facts,
        "doc_url": f"https://docs.stripe.com/error-codes#{decline.code.replace('_', '-')}",
        "payment_method": dict(method),
        "type": "card_error" if made and method["type"] == "card" else "invalid_request_error",
    }
    intent |= {"status": "requires_payment_method", "payment_method": None, "next_action": None, "processing": None}
    intent["last_payment_error"] = error
    stripe.authenticated_intents.discard((intent["id"], method["id"]))
    stripe.emit_event("payment_intent.payment_failed", intent)
    return error


def _debit(stripe: StripeAccount, intent: Object, method: Object) -> None:
    """A bank debit is on its way for a while, then it is there, or comes back."""
    made = charges.create_charge(stripe, intent, method, None, captured=True)
    made |= {"status": "pending", "paid": False, "amount_captured": 0}
    intent |= {"status": "processing", "latest_charge": made["id"]}
    stripe.emit_event("charge.pending", made)
    stripe.emit_event("payment_intent.processing", intent)
    stripe.schedule_action("debited", intent["id"], method["id"], made["id"])


def settle_debit(world: SandboxState, intent_id: str, method_id: str, charge_id: str) -> None:
    """The bank has answered about a debit."""
    stripe = get_stripe_account(world)
    intent, made = stripe.find_object("payment_intent", intent_id), stripe.find_object("charge", charge_id)
    method = stripe.find_object("payment_method", method_id)
    if intent["status"] != "processing":
        return
    decline = stripe.cards[method["id"]].decline
    if decline is not None:
        made |= {"status": "failed", "captured": False, "failure_code": decline.code}
        made["failure_message"] = decline.message
        stripe.emit_event("charge.failed", made)
        _refuse(stripe, intent, method, decline, made)
    else:
        made |= {"status": "succeeded", "paid": True, "amount_captured": made["amount"]}
        complete_payment(stripe, intent, made, "charge.succeeded")
    session_id = stripe.awaiting_sessions.pop(intent_id, None)
    if session_id is not None:
        world.run_action("stripe", "arrived", session_id)
