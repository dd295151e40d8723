"""How an intent is paid: the card is tried, the customer is asked, the bank takes its time."""

from dataclasses import asdict

from sandbox.stripe import charges, disputes
from sandbox.stripe.cards import Card, Decline
from sandbox.stripe.errors import Refused
from sandbox.stripe.state import Object, Stripe, stripe_of
from sandbox.world import World

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


def pay(stripe: Stripe, intent: Object, method: Object, *, off_session: bool, redirect: bool) -> None:
    """Confirms with this method. Raises Refused with 402 when the card declines, the intent being as Stripe leaves it.

    `redirect` sends the customer to the 3-D Secure page by URL; without it Stripe.js would show it.
    """
    intent |= {"payment_method": method["id"], "last_payment_error": None, "next_action": None}
    card = stripe.cards[method["id"]]
    if method["type"] == "sepa_debit":
        _debit(stripe, intent, method)
    elif not _must_ask(stripe, intent, card, method, off_session=off_session):
        charge(stripe, intent, method)
    elif off_session:
        _fail(stripe, intent, method, _ASK)
    else:
        _ask(stripe, intent, redirect=redirect)


def _must_ask(stripe: Stripe, intent: Object, card: Card, method: Object, *, off_session: bool) -> bool:
    if card.challenge == "never" or (intent["id"], method["id"]) in stripe.authenticated:
        return False
    return not (card.challenge == "until_set_up" and off_session and method["customer"])


def _ask(stripe: Stripe, intent: Object, *, redirect: bool) -> None:
    url = f"{stripe.world.config.public_base}/stripe/3ds/{intent['id']}?client_secret={intent['client_secret']}"
    intent["status"] = "requires_action"
    if redirect:
        go = {"return_url": stripe.return_urls[intent["id"]], "url": url}
        intent["next_action"] = {"redirect_to_url": go, "type": "redirect_to_url"}
    else:
        script = {"type": "three_d_secure_redirect", "stripe_js": url, "source": stripe.new_id("src")}
        intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": script}
    stripe.emit("payment_intent.requires_action", intent)


def answer(stripe: Stripe, intent: Object, *, passed: bool) -> None:
    """The customer has answered the bank's question. Nothing happens when nobody asked (any longer)."""
    if intent["status"] != "requires_action":
        return
    method = stripe.find("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if not passed:
        _refuse(stripe, intent, method, _UNAUTHENTICATED, None)
        return
    stripe.authenticated.add((intent["id"], method["id"]))
    if intent["confirmation_method"] == "manual":
        intent["status"] = "requires_confirmation"
        return
    try:
        charge(stripe, intent, method)
    except Refused:
        return  # the intent tells; there is no API call that this could be the answer of


def holds(intent: Object, method: Object) -> bool:
    """Whether the money of this method is held first, for the account to take."""
    if intent["capture_method"] == "manual":
        return True
    card = intent["payment_method_options"].get("card") or {}
    return method["type"] == "card" and card.get("capture_method") == "manual"


def charge(stripe: Stripe, intent: Object, method: Object) -> None:
    """Raises Refused with 402 when the card declines."""
    card = stripe.cards[method["id"]]
    if card.decline is not None:
        _fail(stripe, intent, method, card.decline)
    manual = holds(intent, method)
    made = charges.attempt(stripe, intent, method, None, captured=not manual)
    intent["latest_charge"] = made["id"]
    _keep_method(stripe, intent, method)
    if manual:
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        stripe.emit("charge.succeeded", made)
        stripe.emit("payment_intent.amount_capturable_updated", intent)
        return
    succeed(stripe, intent, made, "charge.succeeded")


def succeed(stripe: Stripe, intent: Object, made: Object, kind: str) -> None:
    """The money is taken. With automatic_async the balance follows in a moment, as charge.updated."""
    intent |= {"status": "succeeded", "amount_received": made["amount_captured"], "amount_capturable": 0}
    intent |= {"processing": None, "next_action": None}
    late = intent["capture_method"] == "automatic_async"
    if not late:
        charges.book(stripe, made)
    stripe.emit(kind, made)
    stripe.emit("payment_intent.succeeded", intent)
    if late:
        stripe.later("book_late", made["id"])
    if stripe.cards[made["payment_method"]].dispute is not None:
        stripe.later("dispute_late", made["id"])


def book_late(world: World, charge_id: str) -> None:
    stripe = stripe_of(world)
    made = stripe.find("charge", charge_id)
    charges.book(stripe, made)
    stripe.emit("charge.updated", made, {"balance_transaction": None})


def dispute_late(world: World, charge_id: str) -> None:
    stripe = stripe_of(world)
    made = stripe.find("charge", charge_id)
    card = stripe.cards[made["payment_method"]]
    if not made["disputed"]:
        disputes.open_for(stripe, made, card.dispute or "fraudulent", inquiry=card.inquiry)


def _keep_method(stripe: Stripe, intent: Object, method: Object) -> None:
    if intent["setup_future_usage"] and intent["customer"] and method["customer"] is None:
        method["customer"] = intent["customer"]
        stripe.emit("payment_method.attached", method)


def _fail(stripe: Stripe, intent: Object, method: Object, decline: Decline) -> None:
    """Always raises Refused with 402."""
    made = charges.attempt(stripe, intent, method, decline, captured=False)
    intent["latest_charge"] = made["id"]
    stripe.emit("charge.failed", made)
    error = _refuse(stripe, intent, method, decline, made)
    raise Refused(402, "card_error", decline.message, code=decline.code, **_rest(error), payment_intent=intent)


def _rest(error: Object) -> Object:
    return {name: value for name, value in error.items() if name not in {"type", "message", "code", "doc_url"}}


def _refuse(stripe: Stripe, intent: Object, method: Object, decline: Decline, made: Object | None) -> Object:
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
    stripe.authenticated.discard((intent["id"], method["id"]))
    stripe.emit("payment_intent.payment_failed", intent)
    return error


def _debit(stripe: Stripe, intent: Object, method: Object) -> None:
    """A bank debit is on its way for a while, then it is there, or comes back."""
    made = charges.attempt(stripe, intent, method, None, captured=True)
    made |= {"status": "pending", "paid": False, "amount_captured": 0}
    intent |= {"status": "processing", "latest_charge": made["id"]}
    stripe.emit("charge.pending", made)
    stripe.emit("payment_intent.processing", intent)
    stripe.later("debited", intent["id"], method["id"], made["id"])


def debited(world: World, intent_id: str, method_id: str, charge_id: str) -> None:
    """The bank has answered about a debit."""
    stripe = stripe_of(world)
    intent, made = stripe.find("payment_intent", intent_id), stripe.find("charge", charge_id)
    method = stripe.find("payment_method", method_id)
    if intent["status"] != "processing":
        return
    decline = stripe.cards[method["id"]].decline
    if decline is not None:
        made |= {"status": "failed", "captured": False, "failure_code": decline.code}
        made["failure_message"] = decline.message
        stripe.emit("charge.failed", made)
        _refuse(stripe, intent, method, decline, made)
    else:
        made |= {"status": "succeeded", "paid": True, "amount_captured": made["amount"]}
        succeed(stripe, intent, made, "charge.succeeded")
    session_id = stripe.awaiting.pop(intent_id, None)
    if session_id is not None:
        world.run("stripe", "arrived", session_id)
