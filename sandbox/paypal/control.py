"""What the sandbox adds to PayPal at /_/paypal/: looking in, and making happen what comes from outside."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web

from sandbox.control_input import InvalidControlInput, is_number_between, read_input
from sandbox.paypal import disputes, orders, payments, refunds
from sandbox.paypal.errors import PayPalApiError, make_malformed, make_not_found, make_unprocessable
from sandbox.paypal.money import format_amount, read_amount
from sandbox.paypal.state import APPROVAL_WINDOW, FUNDINGS, Object, PayPalAccount, format_time, get_paypal_account
from sandbox.state import SandboxState

ControlAction = Callable[[PayPalAccount, Object], Any]


def setup(app: web.Application, world: SandboxState) -> None:
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


def _look(world: SandboxState, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def look(_: web.Request) -> web.Response:
        return web.json_response(list(get_paypal_account(world).tables[kind].values()))

    return look


def _act(world: SandboxState, act: ControlAction) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            wish = await read_input(request)
            return web.json_response(act(get_paypal_account(world), wish | dict(request.match_info)))
        except InvalidControlInput as error:
            return error.to_response()
        except PayPalApiError as error:
            return web.json_response(error.build_body(""), status=error.status)

    return handle


def _order(account: PayPalAccount, wish: Object) -> Object:
    return account.find_object("order", str(wish.get("order")))


def _newest(account: PayPalAccount, wish: Object, kind: str) -> Object:
    """The order's last `captures` or `authorizations`. Raises Refused."""
    found = [one for unit in _order(account, wish)["purchase_units"] for one in unit.get("payments", {}).get(kind, [])]
    if not found:
        raise make_not_found()
    return found[-1]  # type: ignore[no-any-return]


def _amount(wish: Object) -> Decimal | None:
    """`{"currency_code": …, "value": …}`, if any."""
    return read_amount(wish["amount"], "/amount")[0] if wish.get("amount") is not None else None


def _approve(account: PayPalAccount, wish: Object) -> Object:
    """`order`, and `funding` (see Account.fundings), at once."""
    order, funding = _order(account, wish), wish.get("funding") or "good"
    if funding not in FUNDINGS:
        raise make_malformed("INVALID_PARAMETER_VALUE", "funding", str(funding))
    if order["status"] in {"COMPLETED", "VOIDED"}:
        raise make_unprocessable("ORDER_ALREADY_COMPLETED")
    orders.approve_order(account, order, funding)
    return order


def _capture(account: PayPalAccount, wish: Object) -> Object:
    """As if somebody pressed the button in the dashboard: what is held, or `amount` of it; `final` lets the rest go."""
    held = _newest(account, wish, "authorizations")
    return payments.capture_hold(account, held, _amount(wish), final=wish.get("final") in {True, "true"})


def _refund(account: PayPalAccount, wish: Object) -> Object:
    """As if somebody pressed the button in the dashboard."""
    return refunds.refund_capture(account, _newest(account, wish, "captures"), _amount(wish), {})


def _reverse(account: PayPalAccount, wish: Object) -> Object:
    return refunds.reverse_capture(account, _newest(account, wish, "captures"), _amount(wish))


def _dispute(account: PayPalAccount, wish: Object) -> Object:
    """`inquiry` for a buyer who only complains; `amount` as the buyer counts it, in any currency."""
    reason = str(wish.get("reason") or "UNAUTHORISED")
    stage = "INQUIRY" if wish.get("inquiry") in {True, "true"} else "CHARGEBACK"
    amount = format_amount(*read_amount(wish["amount"], "/amount")) if wish.get("amount") is not None else None
    return disputes.open_dispute(account, _newest(account, wish, "captures"), reason, stage=stage, amount=amount)


def _escalate(account: PayPalAccount, wish: Object) -> Object:
    return disputes.escalate_dispute(account, account.find_object("dispute", wish["id"]))


def _appeal(account: PayPalAccount, wish: Object) -> Object:
    return disputes.appeal_dispute(account, account.find_object("dispute", wish["id"]))


def _resolve(account: PayPalAccount, wish: Object) -> Object:
    dispute = account.find_object("dispute", wish["id"])
    return disputes.resolve_dispute(account, dispute, str(wish.get("outcome") or "RESOLVED_BUYER_FAVOUR"))


def _void(account: PayPalAccount, wish: Object) -> Object:
    """As if somebody pressed the button in the dashboard."""
    held = _newest(account, wish, "authorizations")
    if held["status"] in {"CAPTURED", "VOIDED"}:
        raise make_unprocessable(f"PREVIOUSLY_{held['status']}")
    payments.release_hold(account, held)
    return held


def _expire(account: PayPalAccount, wish: Object) -> Object:
    """The hold runs out as after 29 days; an order without one is gone as after three hours."""
    order = _order(account, wish)
    if order["status"] == "COMPLETED":
        held = _newest(account, wish, "authorizations")
        held["expiration_time"] = account.timestamp()
        return held
    order["create_time"] = format_time(account.world.now() - APPROVAL_WINDOW - timedelta(seconds=1))
    return order


def _resend(account: PayPalAccount, wish: Object) -> Object:
    """That very event, signed anew."""
    event = account.find_object("event", wish["id"])
    account.send_event(event["id"])
    return event


def _revoke(account: PayPalAccount, _wish: Object) -> Object:
    """Ends every access token."""
    ended = len(account.tokens)
    account.tokens.clear()
    return {"revoked": ended}


def _pace(account: PayPalAccount, wish: Object) -> Object:
    """`thinking` and `settling`, in seconds (see Account)."""
    for name in ("thinking", "settling"):
        if name in wish:
            if not is_number_between(wish[name], 0, 60):
                raise InvalidControlInput(name, "must be from 0 to 60 seconds")
            setattr(account, name, float(wish[name]))
    return {"thinking": account.thinking, "settling": account.settling}
