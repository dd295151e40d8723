"""What the sandbox adds to Stripe at /_/stripe/: looking in, and making happen what comes from outside."""

import json
import math
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.state import SandboxState
from sandbox.stripe import disputes, refunds, settlement
from sandbox.stripe.errors import StripeApiError, make_invalid
from sandbox.stripe.state import Object, StripeAccount, get_stripe_account

ControlAction = Callable[[StripeAccount, Object], Any]


def setup(app: web.Application, world: SandboxState) -> None:
    app.router.add_get("/_/stripe/intents", _look(world, "payment_intent"))
    app.router.add_get("/_/stripe/events", _look(world, "event"))
    app.router.add_post("/_/stripe/disputes", _act(world, _dispute))
    app.router.add_post("/_/stripe/disputes/{id}/escalate", _act(world, _escalate))
    app.router.add_post("/_/stripe/disputes/{id}/reopen", _act(world, _reopen))
    app.router.add_post("/_/stripe/disputes/{id}/close", _act(world, _close))
    app.router.add_post("/_/stripe/captures", _act(world, _capture))
    app.router.add_post("/_/stripe/cancellations", _act(world, _cancel))
    app.router.add_post("/_/stripe/refunds", _act(world, _refund))
    app.router.add_post("/_/stripe/expire", _act(world, _expire))
    app.router.add_post("/_/stripe/events/{id}/resend", _act(world, _resend))
    app.router.add_post("/_/stripe/pace", _act(world, _pace))


def _look(world: SandboxState, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def look(_: web.Request) -> web.Response:
        return web.json_response(list(get_stripe_account(world).tables[kind].values()))

    return look


def _act(world: SandboxState, act: ControlAction) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            wish = await _input(request)
            return web.json_response(act(get_stripe_account(world), wish | dict(request.match_info)))
        except StripeApiError as error:
            return web.json_response({"error": error.error}, status=error.status)

    return handle


async def _input(request: web.Request) -> Object:
    """A JSON object, or a form's fields."""
    if request.content_type != "application/json":
        return {name: str(value) for name, value in (await request.post()).items() if value}
    try:
        found = await request.json()
    except json.JSONDecodeError as error:
        raise make_invalid("The body is not JSON.") from error
    if not isinstance(found, dict):
        raise make_invalid("The body must be a JSON object.")
    return found


def _intent(stripe: StripeAccount, wish: Object) -> Object:
    return stripe.find_object("payment_intent", str(wish.get("payment_intent")), "payment_intent")


def _number(wish: Object, name: str, kind: type[int | float]) -> Any:
    try:
        number = kind(wish[name])
    except (TypeError, ValueError, OverflowError) as error:
        raise make_invalid(f"{name} must be a number.", name) from error
    if not math.isfinite(number):
        raise make_invalid(f"{name} must be finite.", name)
    return number


def _dispute(stripe: StripeAccount, wish: Object) -> Object:
    """`inquiry` for a bank that only asks; `amount` and `currency` as the bank counts them."""
    charge = refunds.find_captured_charge(stripe, _intent(stripe, wish))
    return disputes.open_dispute(
        stripe,
        charge,
        str(wish.get("reason") or "fraudulent"),
        inquiry=wish.get("inquiry") in {True, "true"},
        amount=_amount(wish),
        currency=str(wish["currency"]) if wish.get("currency") else None,
    )


def _escalate(stripe: StripeAccount, wish: Object) -> Object:
    dispute = stripe.find_object("dispute", wish["id"], "dispute")
    disputes.escalate_dispute(stripe, dispute)
    return dispute


def _reopen(stripe: StripeAccount, wish: Object) -> Object:
    dispute = stripe.find_object("dispute", wish["id"], "dispute")
    disputes.reopen_dispute(stripe, dispute)
    return dispute


def _capture(stripe: StripeAccount, wish: Object) -> Object:
    """As if somebody pressed the button in the dashboard: all that is held, or `amount` of it."""
    intent = _intent(stripe, wish)
    _check_held(intent)
    amount = _amount(wish)
    settlement.check_capture_amount(intent, amount)
    settlement.capture_amount(stripe, intent, amount)
    return intent


def _cancel(stripe: StripeAccount, wish: Object) -> Object:
    """As if somebody pressed the button in the dashboard."""
    intent = _intent(stripe, wish)
    settlement.check_cancelable(intent)
    settlement.end_intent(stripe, intent, "requested_by_customer")
    return intent


def _check_held(intent: Object) -> None:
    if intent["status"] != "requires_capture":
        raise make_invalid(f"There is no hold: the intent's status is {intent['status']}.", "payment_intent")


def _amount(wish: Object) -> int | None:
    """Raises Refused for what is no amount above 0."""
    if wish.get("amount") is None:
        return None
    amount: int = _number(wish, "amount", int)
    if amount < 1:
        raise make_invalid("amount must be above 0.", "amount")
    return amount


def _close(stripe: StripeAccount, wish: Object) -> Object:
    dispute = stripe.find_object("dispute", wish["id"], "dispute")
    status = wish.get("status") or "lost"
    if status not in {"won", "lost"}:
        raise make_invalid("status must be won or lost.", "status")
    disputes.close_dispute(stripe, dispute, status)
    return dispute


def _refund(stripe: StripeAccount, wish: Object) -> Object:
    """As if somebody pressed the button in the dashboard."""
    charge = refunds.find_captured_charge(stripe, _intent(stripe, wish))
    return refunds.refund_charge(stripe, charge, _amount(wish), "requested_by_customer", {})


def _expire(stripe: StripeAccount, wish: Object) -> Object:
    """The hold runs out, as it does after a week."""
    intent = _intent(stripe, wish)
    _check_held(intent)
    settlement.end_intent(stripe, intent, "automatic")
    return intent


def _resend(stripe: StripeAccount, wish: Object) -> Object:
    """That very event, signed anew."""
    event = stripe.find_object("event", wish["id"])
    stripe.send_event(event["id"])
    return event


def _pace(stripe: StripeAccount, wish: Object) -> Object:
    """`thinking` and `settling`, in seconds (see Stripe)."""
    for name in ("thinking", "settling"):
        if name in wish:
            setattr(stripe, name, max(0.0, min(_number(wish, name, float), 60.0)))
    return {"thinking": stripe.thinking, "settling": stripe.settling}
