"""What the sandbox adds to Stripe at /_/stripe/: looking in, and making happen what comes from outside."""

import json
import math
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.stripe import disputes, refunds, settling
from sandbox.stripe.errors import Refused, invalid
from sandbox.stripe.state import Object, Stripe, stripe_of
from sandbox.world import World

Act = Callable[[Stripe, Object], Any]


def setup(app: web.Application, world: World) -> None:
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


def _look(world: World, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def look(_: web.Request) -> web.Response:
        return web.json_response(list(stripe_of(world).tables[kind].values()))

    return look


def _act(world: World, act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            wish = await _input(request)
            return web.json_response(act(stripe_of(world), wish | dict(request.match_info)))
        except Refused as error:
            return web.json_response({"error": error.error}, status=error.status)

    return handle


async def _input(request: web.Request) -> Object:
    """A JSON object, or a form's fields."""
    if request.content_type != "application/json":
        return {name: str(value) for name, value in (await request.post()).items() if value}
    try:
        found = await request.json()
    except json.JSONDecodeError as error:
        raise invalid("The body is not JSON.") from error
    if not isinstance(found, dict):
        raise invalid("The body must be a JSON object.")
    return found


def _intent(stripe: Stripe, wish: Object) -> Object:
    return stripe.find("payment_intent", str(wish.get("payment_intent")), "payment_intent")


def _number(wish: Object, name: str, kind: type[int | float]) -> Any:
    try:
        number = kind(wish[name])
    except (TypeError, ValueError, OverflowError) as error:
        raise invalid(f"{name} must be a number.", name) from error
    if not math.isfinite(number):
        raise invalid(f"{name} must be finite.", name)
    return number


def _dispute(stripe: Stripe, wish: Object) -> Object:
    """`inquiry` for a bank that only asks; `amount` and `currency` as the bank counts them."""
    charge = refunds.charge_of(stripe, _intent(stripe, wish))
    return disputes.open_for(
        stripe,
        charge,
        str(wish.get("reason") or "fraudulent"),
        inquiry=wish.get("inquiry") in {True, "true"},
        amount=_amount(wish),
        currency=str(wish["currency"]) if wish.get("currency") else None,
    )


def _escalate(stripe: Stripe, wish: Object) -> Object:
    dispute = stripe.find("dispute", wish["id"], "dispute")
    disputes.escalate(stripe, dispute)
    return dispute


def _reopen(stripe: Stripe, wish: Object) -> Object:
    dispute = stripe.find("dispute", wish["id"], "dispute")
    disputes.reopen(stripe, dispute)
    return dispute


def _capture(stripe: Stripe, wish: Object) -> Object:
    """As if somebody pressed the button in the dashboard: all that is held, or `amount` of it."""
    intent = _intent(stripe, wish)
    _check_held(intent)
    amount = _amount(wish)
    settling.check_amount(intent, amount)
    settling.take(stripe, intent, amount)
    return intent


def _cancel(stripe: Stripe, wish: Object) -> Object:
    """As if somebody pressed the button in the dashboard."""
    intent = _intent(stripe, wish)
    settling.check_cancelable(intent)
    settling.end(stripe, intent, "requested_by_customer")
    return intent


def _check_held(intent: Object) -> None:
    if intent["status"] != "requires_capture":
        raise invalid(f"There is no hold: the intent's status is {intent['status']}.", "payment_intent")


def _amount(wish: Object) -> int | None:
    """Raises Refused for what is no amount above 0."""
    if wish.get("amount") is None:
        return None
    amount: int = _number(wish, "amount", int)
    if amount < 1:
        raise invalid("amount must be above 0.", "amount")
    return amount


def _close(stripe: Stripe, wish: Object) -> Object:
    dispute = stripe.find("dispute", wish["id"], "dispute")
    status = wish.get("status") or "lost"
    if status not in {"won", "lost"}:
        raise invalid("status must be won or lost.", "status")
    disputes.close(stripe, dispute, status)
    return dispute


def _refund(stripe: Stripe, wish: Object) -> Object:
    """As if somebody pressed the button in the dashboard."""
    charge = refunds.charge_of(stripe, _intent(stripe, wish))
    return refunds.make(stripe, charge, _amount(wish), "requested_by_customer", {})


def _expire(stripe: Stripe, wish: Object) -> Object:
    """The hold runs out, as it does after a week."""
    intent = _intent(stripe, wish)
    _check_held(intent)
    settling.end(stripe, intent, "automatic")
    return intent


def _resend(stripe: Stripe, wish: Object) -> Object:
    """That very event, signed anew."""
    event = stripe.find("event", wish["id"])
    stripe.send(event["id"])
    return event


def _pace(stripe: Stripe, wish: Object) -> Object:
    """`thinking` and `settling`, in seconds (see Stripe)."""
    for name in ("thinking", "settling"):
        if name in wish:
            setattr(stripe, name, max(0.0, min(_number(wish, name, float), 60.0)))
    return {"thinking": stripe.thinking, "settling": stripe.settling}
