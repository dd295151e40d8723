"""PayPal's documents in the hub's words, and back. Pure; raises ValueError for what makes no sense."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal
from uuid import UUID

from adapters.paypal.currencies import CHARGE_LIMITS, WHOLE_UNIT_CURRENCIES
from hub.core.charge_limits import is_representable
from hub.core.errors import ProviderPermanent
from hub.core.money import CURRENCIES, Money, get_decimal_places
from hub.sales.bookings import Decline, PaymentStatus
from hub.sales.payments import (
    AMOUNT_NOT_SUPPORTED,
    Intent,
    IntentRequest,
    ProviderDispute,
    ProviderRefund,
    compute_captured_status,
)

CANCELED_PREFIX = "cancelled:"
"""Before the payment's id in an order's custom_id: the hub has given it up, and nothing is held on it any more."""
REFUND_PREFIX = "refund:"
CAPTURES = "/payments/captures/"
_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_TEXT = 127

_ORDER = {
    "CREATED": PaymentStatus.UNPAID,
    "PAYER_ACTION_REQUIRED": PaymentStatus.UNPAID,
    "VOIDED": PaymentStatus.RELEASED,
}
_HOLD = {
    "CREATED": PaymentStatus.AUTHORIZED,
    "DENIED": PaymentStatus.FAILED,
    "VOIDED": PaymentStatus.RELEASED,
    "EXPIRED": PaymentStatus.RELEASED,
}
_OPEN_HOLD = frozenset({"CREATED", "PENDING", "PARTIALLY_CAPTURED"})
_TAKEN = frozenset({"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"})
_NOT_TAKEN = frozenset({"DECLINED", "FAILED"})
_REFUND: dict[str, Literal["pending", "succeeded", "failed"]] = {
    "COMPLETED": "succeeded",
    "FAILED": "failed",
    "CANCELLED": "failed",
}
_OUTCOME: dict[str, Literal["won", "lost"]] = {
    "RESOLVED_SELLER_FAVOUR": "won",
    "CANCELED_BY_BUYER": "won",
    "DENIED": "won",
    "RESOLVED_WITH_PAYOUT": "won",
    "RESOLVED_BUYER_FAVOUR": "lost",
    "ACCEPTED": "lost",
}


def to_wire_amount(money: Money) -> dict[str, str]:
    """The amount as PayPal writes it. Raises ProviderPermanent `amount_not_supported` for what it cannot express."""
    if not is_representable(CHARGE_LIMITS, money):
        text = f"cannot charge {money.display} exactly"
        raise ProviderPermanent("paypal", text, provider_code=AMOUNT_NOT_SUPPORTED)
    shown = 0 if money.currency in WHOLE_UNIT_CURRENCIES else get_decimal_places(money.currency)
    return {"currency_code": money.currency, "value": f"{money.major_amount:.{shown}f}"}


def from_wire_amount(given: Any) -> Money:
    """Raises ValueError for what is no amount, or finer than the currency."""
    parts = given if isinstance(given, dict) else {}
    text, currency = parts.get("value"), parts.get("currency_code")
    if not isinstance(text, str) or not isinstance(currency, str) or currency not in CURRENCIES:
        raise ValueError("no amount")
    try:
        value = Decimal(text)
        money = Money.from_major(value, currency)
    except (InvalidOperation, OverflowError) as error:
        raise ValueError("no amount") from error
    if money.major_amount != value:
        raise ValueError("finer than the currency")
    return money


def build_order_body(request: IntentRequest, *, return_url: str, cancel_url: str, brand: str) -> dict[str, Any]:
    """Nothing is sent by post, and the buyer decides on PayPal's page: `PAY_NOW`.

    The invoice's number is the payment's id: PayPal itself refuses to take the money of one payment twice.
    """
    places = {"{booking_id}": str(request.booking_id), "{payment_id}": str(request.payment_id)}
    context = {
        "return_url": _filled(return_url, places),
        "cancel_url": _filled(cancel_url, places),
        "shipping_preference": "NO_SHIPPING",
        "user_action": "PAY_NOW",
        **({"brand_name": brand[:_TEXT]} if brand else {}),
    }
    unit = {
        "reference_id": "default",
        "custom_id": str(request.payment_id),
        "invoice_id": str(request.payment_id),
        "description": request.description[:_TEXT],
        "amount": to_wire_amount(request.amount),
    }
    wallet = {"experience_context": context}
    return {"intent": "AUTHORIZE", "purchase_units": [unit], "payment_source": {"paypal": wallet}}


def _filled(url: str, places: dict[str, str]) -> str:
    for name, text in places.items():
        url = url.replace(name, text)
    return url


def is_provider_id(found: Any) -> bool:
    return isinstance(found, str) and _ID.fullmatch(found) is not None


def find_link(document: dict[str, Any], *rels: str) -> str | None:
    """The first link of one of these kinds."""
    links = document.get("links")
    for one in links if isinstance(links, list) else ():
        if isinstance(one, dict) and one.get("rel") in rels and isinstance(one.get("href"), str):
            return str(one["href"])
    return None


def list_payments(order: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Its `authorizations`, `captures` or `refunds`, the oldest first."""
    found = []
    for unit in _units(order):
        listed = (unit.get("payments") or {}).get(kind) or []
        found += [one for one in listed if isinstance(one, dict)]
    return found


def mark_lapsed_holds(order: dict[str, Any], now: datetime) -> None:
    """PayPal leaves a hold CREATED after its end, and refuses its capture with AUTHORIZATION_EXPIRED."""
    for hold in list_payments(order, "authorizations"):
        ends = _time(hold.get("expiration_time"))
        if hold.get("status") in {"CREATED", "PENDING"} and ends is not None and ends <= now:
            hold["status"] = "EXPIRED"


def _units(order: dict[str, Any]) -> list[dict[str, Any]]:
    units = order.get("purchase_units")
    if not isinstance(units, list) or not units or not all(isinstance(one, dict) for one in units):
        raise ValueError("no purchase units")
    return units


def read_custom_id(order: dict[str, Any]) -> str:
    found = _units(order)[0].get("custom_id")
    return found if isinstance(found, str) else ""


def read_payment_id(order: dict[str, Any]) -> UUID | None:
    """None for an order that somebody has made outside the hub."""
    return _uuid(read_custom_id(order).removeprefix(CANCELED_PREFIX))


def is_canceled(order: dict[str, Any]) -> bool:
    return read_custom_id(order).startswith(CANCELED_PREFIX)


def is_ready_to_authorize(order: dict[str, Any]) -> bool:
    """Approved by its buyer, ours, and nothing held yet."""
    if order.get("status") != "APPROVED" or is_canceled(order) or read_payment_id(order) is None:
        return False
    return not list_payments(order, "authorizations") and not list_payments(order, "captures")


def list_captures(order: dict[str, Any]) -> list[dict[str, Any]]:
    """The captures that took money."""
    return [one for one in list_payments(order, "captures") if one.get("status") in _TAKEN]


@dataclass(frozen=True, slots=True)
class Refundable:
    """A capture, and what can still come back of it in minor units."""

    id: str
    left: int


def refundable(order: dict[str, Any], refund_id: UUID) -> list[Refundable]:
    """The captures that took money, the largest first. What came back by this very refund counts as left; a capture
    that has it comes before all others.
    """
    back: dict[str, int] = {}
    own = ""
    for refund in list_payments(order, "refunds"):
        capture = last_part(find_link(refund, "up"), CAPTURES) or ""
        if refund.get("custom_id") == f"{REFUND_PREFIX}{refund_id}":
            own = capture
        elif _REFUND.get(str(refund.get("status"))) != "failed":
            back[capture] = back.get(capture, 0) + from_wire_amount(refund.get("amount")).amount
    captures = {str(one.get("id")): from_wire_amount(one.get("amount")).amount for one in list_captures(order)}
    largest_first = sorted(captures, key=lambda ident: (ident != own, -captures[ident], ident))
    return [Refundable(ident, captures[ident] - back.get(ident, 0)) for ident in largest_first]


def last_part(url: str | None, place: str) -> str | None:
    """The id that follows `place` in an address."""
    before, found, last = (url or "").partition(place)
    return last if found and before and is_provider_id(last) else None


def to_intent(order: dict[str, Any], disputes: tuple[ProviderDispute, ...] = ()) -> Intent:
    """Total: a status that PayPal adds one day is `processing`, neither success nor failure."""
    if not is_provider_id(order.get("id")):
        raise ValueError("no id")
    amount = _sum(one.get("amount") for one in _units(order))
    captured = _sum((one.get("amount") for one in list_captures(order)), amount.currency).amount
    refunds, disputes = _without_reversals(_refunds(order), disputes, amount.currency)
    refunded = _refunded(order, refunds, amount.currency, disputes)
    return Intent(
        id=str(order["id"]),
        payment_id=read_payment_id(order),
        amount=amount,
        status=_status(order, amount.amount, captured, refunded),
        captured=captured,
        refunded=refunded,
        failure=_denial(order, captured),
        has_remaining_hold=captured > 0 and has_open_hold(order),
        refunds=refunds,
        disputes=disputes,
        fee=_fee(order),
        approval_url=find_link(order, "payer-action", "approve"),
    )


def _sum(amounts: Iterable[Any], currency: str = "") -> Money:
    found = [from_wire_amount(one) for one in amounts]
    total = Money(0, found[0].currency if found else currency)
    for one in found:
        total += one
    return total


def _status(order: dict[str, Any], amount: int, captured: int, refunded: int) -> PaymentStatus:
    """What was taken says most, then what is held, then the order itself."""
    captures, holds = list_payments(order, "captures"), list_payments(order, "authorizations")
    if captured:
        return compute_captured_status(amount, captured, refunded)
    if captures and not all(one.get("status") in _NOT_TAKEN for one in captures):
        return PaymentStatus.PROCESSING
    if holds:
        return _of_holds([str(one.get("status")) for one in holds], bool(captures))
    if is_canceled(order):
        return PaymentStatus.RELEASED
    return PaymentStatus.FAILED if captures else _ORDER.get(str(order.get("status")), PaymentStatus.PROCESSING)


def has_open_hold(order: dict[str, Any]) -> bool:
    return any(hold.get("status") in _OPEN_HOLD for hold in list_payments(order, "authorizations"))


def _denial(order: dict[str, Any], captured: int) -> Decline | None:
    """Why a hold, or its capture, was refused after the buyer had approved. None while money is held or taken."""
    if captured or has_open_hold(order):
        return None
    for name, kind, refused in (("CAPTURE", "captures", _NOT_TAKEN), ("AUTHORIZATION", "authorizations", {"DENIED"})):
        last = next((made for made in reversed(list_payments(order, kind)) if made.get("status") in refused), None)
        if last is not None:
            details, at = last.get("status_details"), _time(last.get("create_time"))
            reason = details.get("reason") if isinstance(details, dict) else None
            known = reason if is_provider_word(reason) else None
            return Decline(f"{name}_{last['status']}", known, at, source=str(last.get("id")))
    return None


def _of_holds(statuses: list[str], refused: bool) -> PaymentStatus:
    """`refused`: every capture was. A hold may have been renewed, so one that is good makes up for the others."""
    if "CREATED" in statuses:
        return PaymentStatus.AUTHORIZED
    if refused and statuses[-1] == "CAPTURED":
        return PaymentStatus.FAILED
    return _HOLD.get(statuses[-1], PaymentStatus.PROCESSING)


def _refunds(order: dict[str, Any]) -> tuple[ProviderRefund, ...] | None:
    """None when a capture says that something came back, and no refund is shown."""
    found = tuple(to_refund(one) for one in list_payments(order, "refunds"))
    hidden = any(one.get("status") in {"REFUNDED", "PARTIALLY_REFUNDED"} for one in list_captures(order))
    return None if hidden and not found else found


def to_refund(wire: dict[str, Any]) -> ProviderRefund:
    if not is_provider_id(wire.get("id")):
        raise ValueError("no id")
    status = _REFUND.get(str(wire.get("status")), "pending")
    ours, _, ident = str(wire.get("custom_id") or "").partition(":")
    known = _uuid(ident) if f"{ours}:" == REFUND_PREFIX else None
    details = wire.get("status_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    return ProviderRefund(str(wire["id"]), from_wire_amount(wire.get("amount")).amount, status, known, reason)


def _without_reversals(
    refunds: tuple[ProviderRefund, ...] | None, disputes: tuple[ProviderDispute, ...], currency: str
) -> tuple[tuple[ProviderRefund, ...] | None, tuple[ProviderDispute, ...]]:
    """The money of a lost dispute may be shown as a refund as well: it went once, with the dispute.

    So may money that came back when the dispute went into another round: as a refund that was canceled.
    """
    rest, told = list(refunds or ()), []
    for dispute in disputes:
        if dispute.status == "lost" and (twin := _reversal_of(dispute, rest)) is not None:
            rest.remove(twin)
            told.append(replace(dispute, withdrawn=Money(twin.amount, currency)))
        else:
            told.append(dispute)
    if disputes:
        rest = [refund for refund in rest if not (_is_reversal(refund) and refund.status == "failed")]
    return None if refunds is None else tuple(rest), tuple(told)


def _reversal_of(dispute: ProviderDispute, refunds: list[ProviderRefund]) -> ProviderRefund | None:
    """The refund that shows the dispute's money: by its reason, else by the amount. None of ours is."""
    foreign = [refund for refund in refunds if refund.refund_id is None and refund.status != "failed"]
    marked = [refund for refund in foreign if _is_reversal(refund)]
    same = [refund for refund in foreign if refund.amount == dispute.amount.amount]
    return next(iter(marked or same), None)


def _is_reversal(refund: ProviderRefund) -> bool:
    return refund.refund_id is None and refund.reason == "CHARGEBACK"


def _refunded(
    order: dict[str, Any],
    refunds: tuple[ProviderRefund, ...] | None,
    currency: str,
    disputes: tuple[ProviderDispute, ...],
) -> int:
    """What is on its way included, as the account has it no more."""
    if refunds is not None:
        return sum(one.amount for one in refunds if one.status != "failed")
    if any(one.status == "lost" for one in disputes):
        return 0
    return _sum((one.get("amount") for one in list_captures(order) if one.get("status") == "REFUNDED"), currency).amount


def to_dispute(wire: dict[str, Any], seen_at: datetime | None = None) -> ProviderDispute:
    """Of the whole document. What is not decided, or decided in a word that nobody knows, is open.

    An inquiry is open too: PayPal keeps the money from its beginning (developer.paypal.com/api/disputes).
    """
    ident = wire.get("dispute_id")
    if not is_provider_id(ident):
        raise ValueError("no id")
    outcome = wire.get("dispute_outcome")
    code = outcome.get("outcome_code") if isinstance(outcome, dict) else None
    status: Literal["open", "won", "lost"] = "open"
    if wire.get("status") == "RESOLVED":
        status = _OUTCOME.get(str(code), "open")
    reason, due = wire.get("reason"), wire.get("seller_response_due_date")
    return ProviderDispute(
        id=str(ident),
        amount=from_wire_amount(wire.get("dispute_amount")),
        status=status,
        reason=reason if is_provider_word(reason) else None,
        due_by=_time(due),
        seen_at=seen_at,
    )


def is_provider_word(found: Any) -> bool:
    return isinstance(found, str) and re.fullmatch(r"[A-Z0-9_]{1,255}", found) is not None


def _fee(order: dict[str, Any]) -> Money | None:
    """In the currency in which PayPal settles, where it says so."""
    found = []
    for one in list_captures(order):
        parts = one.get("seller_receivable_breakdown")
        fee = (
            parts.get("paypal_fee_in_receivable_currency") or parts.get("paypal_fee") if isinstance(parts, dict) else 0
        )
        if fee:
            found.append(fee)
    return _sum(found) if found else None


def _time(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
