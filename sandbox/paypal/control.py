"""What the sandbox adds to PayPal at /_/paypal/: looking in, and making happen what comes from outside."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web

from sandbox.paypal import disputes, orders, payments, refunds
from sandbox.paypal.errors import Refused, malformed, not_found, unprocessable
from sandbox.paypal.money import read_amount, written
from sandbox.paypal.state import FUNDINGS, UNAPPROVED, Account, Object, account_of, stamp
from sandbox.wire import Wrong, number, read_input
from sandbox.world import World

Act = Callable[[Account, Object], Any]


def setup(app: web.Application, world: World) -> None:
    app.router.add_get("/_/paypal/orders", _look(world, "order"))
    app.router.add_get("/_/paypal/events", _look(world, "event"))
    app.router.add_post("/_/paypal/approve", _act(world, _approve))
    app.router.add_post("/_/paypal/captures", _act(world, _capture))
    app.router.add_post("/_/paypal/refunds", _act(world, _refund))
    app.router.add_post("/_/paypal/reversals", _act(world, _reverse))
    app.router.add_post("/_/paypal/disputes", _act(world, _dispute))
    app.router.add_post("/_/paypal/disputes/{id}/escalate", _act(world, _escalate))
    app.router.add_post("/_/paypal/disputes/{id}/appeal", _act(world, _appeal))
    app.router.add_post("/_/paypal/disputes/{id}/resolve", _act(world, _resolve))
    app.router.add_post("/_/paypal/void", _act(world, _void))
    app.router.add_post("/_/paypal/expire", _act(world, _expire))
    app.router.add_post("/_/paypal/events/{id}/resend", _act(world, _resend))
    app.router.add_post("/_/paypal/tokens/revoke", _act(world, _revoke))
    app.router.add_post("/_/paypal/pace", _act(world, _pace))


def _look(world: World, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def look(_: web.Request) -> web.Response:
        return web.json_response(list(account_of(world).tables[kind].values()))

    return look


def _act(world: World, act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            wish = await read_input(request)
            return web.json_response(act(account_of(world), wish | dict(request.match_info)))
        except Wrong as error:
            return error.answer()
        except Refused as error:
            return web.json_response(error.body(""), status=error.status)

    return handle


def _order(account: Account, wish: Object) -> Object:
    return account.find("order", str(wish.get("order")))


def _newest(account: Account, wish: Object, kind: str) -> Object:
    """The order's last `captures` or `authorizations`. Raises Refused."""
    found = [one for unit in _order(account, wish)["purchase_units"] for one in unit.get("payments", {}).get(kind, [])]
    if not found:
        raise not_found()
    return found[-1]  # type: ignore[no-any-return]


def _amount(wish: Object) -> Decimal | None:
    """`{"currency_code": …, "value": …}`, if any."""
    return read_amount(wish["amount"], "/amount")[0] if wish.get("amount") is not None else None


def _approve(account: Account, wish: Object) -> Object:
    """`order`, and `funding` (see Account.fundings), at once."""
    order, funding = _order(account, wish), wish.get("funding") or "good"
    if funding not in FUNDINGS:
        raise malformed("INVALID_PARAMETER_VALUE", "funding", str(funding))
    if order["status"] in {"COMPLETED", "VOIDED"}:
        raise unprocessable("ORDER_ALREADY_COMPLETED")
    orders.approve(account, order, funding)
    return order


def _capture(account: Account, wish: Object) -> Object:
    """As if somebody pressed the button in the dashboard: what is held, or `amount` of it; `final` lets the rest go."""
    held = _newest(account, wish, "authorizations")
    return payments.take_held(account, held, _amount(wish), final=wish.get("final") in {True, "true"})


def _refund(account: Account, wish: Object) -> Object:
    """As if somebody pressed the button in the dashboard."""
    return refunds.make(account, _newest(account, wish, "captures"), _amount(wish), {})


def _reverse(account: Account, wish: Object) -> Object:
    return refunds.reverse(account, _newest(account, wish, "captures"), _amount(wish))


def _dispute(account: Account, wish: Object) -> Object:
    """`inquiry` for a buyer who only complains; `amount` as the buyer counts it, in any currency."""
    reason = str(wish.get("reason") or "UNAUTHORISED")
    stage = "INQUIRY" if wish.get("inquiry") in {True, "true"} else "CHARGEBACK"
    amount = written(*read_amount(wish["amount"], "/amount")) if wish.get("amount") is not None else None
    return disputes.open_for(account, _newest(account, wish, "captures"), reason, stage=stage, amount=amount)


def _escalate(account: Account, wish: Object) -> Object:
    return disputes.escalate(account, account.find("dispute", wish["id"]))


def _appeal(account: Account, wish: Object) -> Object:
    return disputes.appeal(account, account.find("dispute", wish["id"]))


def _resolve(account: Account, wish: Object) -> Object:
    dispute = account.find("dispute", wish["id"])
    return disputes.resolve(account, dispute, str(wish.get("outcome") or "RESOLVED_BUYER_FAVOUR"))


def _void(account: Account, wish: Object) -> Object:
    """As if somebody pressed the button in the dashboard."""
    held = _newest(account, wish, "authorizations")
    if held["status"] in {"CAPTURED", "VOIDED"}:
        raise unprocessable(f"PREVIOUSLY_{held['status']}")
    payments.end(account, held)
    return held


def _expire(account: Account, wish: Object) -> Object:
    """The hold runs out as after 29 days; an order without one is gone as after three hours."""
    order = _order(account, wish)
    if order["status"] == "COMPLETED":
        held = _newest(account, wish, "authorizations")
        held["expiration_time"] = account.now()
        return held
    order["create_time"] = stamp(account.world.now() - UNAPPROVED - timedelta(seconds=1))
    return order


def _resend(account: Account, wish: Object) -> Object:
    """That very event, signed anew."""
    event = account.find("event", wish["id"])
    account.send(event["id"])
    return event


def _revoke(account: Account, _wish: Object) -> Object:
    """Ends every access token."""
    ended = len(account.tokens)
    account.tokens.clear()
    return {"revoked": ended}


def _pace(account: Account, wish: Object) -> Object:
    """`thinking` and `settling`, in seconds (see Account)."""
    for name in ("thinking", "settling"):
        if name in wish:
            if not number(wish[name], 0, 60):
                raise Wrong(name, "must be from 0 to 60 seconds")
            setattr(account, name, float(wish[name]))
    return {"thinking": account.thinking, "settling": account.settling}
